"""Plugins: the entry points of installed packages, with a group for each kind.

| group | name | value |
|---|---|---|
| `ingestify.sources` | what `type:` of a source says | a `Source` |
| `ingestify.loaders` | `{provider}.{dataset_type}` | a function of (files, kwargs), as in `loaders.kloppy` |
| `ingestify.storages` | the scheme of `file_url` | a function of the URL, which returns a `domain.ports.Storage` |
| `ingestify.subscribers` | what `type:` of a subscriber says | a `Subscriber` |
| `ingestify.publishers` | what `type:` of a publisher says | a `Publisher` |
| `ingestify.checks` | any | a `BundleCheck`, for every lake |
| `ingestify.tables` | the table's name | a function of (files, dataset), which returns a data frame |
| `ingestify.secrets` | the scheme of a vault url | see `vaults.reader` |

Format: https://packaging.python.org/en/latest/specifications/entry-points/. Finding a plugin imports nothing. A broken
package causes an error only when its plugin is used, and does not affect other packages.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import itertools
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

from ingestify.errors import ConfigurationError

__all__ = ["Plugin", "find_plugin", "find_plugins"]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point.

    Attributes:
        value: Where it is, such as `my_package.source:MySource`.
        distribution: Name and version of the package that brings it, for people.
    """

    group: str
    name: str
    value: str
    distribution: str

    @property
    def title(self) -> str:
        """Its kind, name and package, for the beginning of a sentence."""
        kind = self.group.rpartition(".")[2].removesuffix("s")
        kind = "secret reader" if kind == "secret" else kind
        return f"The {kind} '{self.name}' of the installed package {self.distribution} ({self.value})"

    def load(self) -> Any:
        """Import it and return it.

        Raises:
            ConfigurationError: The import fails; the message names the package.
        """
        try:
            return importlib.metadata.EntryPoint(self.name, self.value, self.group).load()
        except (Exception, SystemExit) as error:
            raise ConfigurationError(
                f"{self.title} cannot be imported: {type(error).__name__}: {error}. "
                f"Install another version of that package, or uninstall it."
            ) from error


def find_plugins(group: str) -> list[Plugin]:
    """Return the entry points of a group from all installed packages, sorted by name."""
    return [plugin for plugin in _all_plugins(tuple(sys.path)) if plugin.group == group]


def find_plugin(group: str, name: str) -> Plugin | None:
    """Return the entry point of a name, or None.

    Raises:
        ConfigurationError: Several packages have one; the message names them.
    """
    found = [plugin for plugin in find_plugins(group) if plugin.name == name]
    if len(found) > 1:
        raise ConfigurationError(
            f"Several installed packages bring {group} '{name}': {' and '.join(one.distribution for one in found)}. "
            f"Uninstall all but one."
        )
    return found[0] if found else None


# Installed packages do not change while a process runs, unless its path does.
@functools.lru_cache(maxsize=8)
def _all_plugins(path: tuple[str, ...]) -> tuple[Plugin, ...]:
    plugins: dict[str, list[Plugin]] = {}
    for distribution in itertools.chain.from_iterable(map(_packages_in, path)):
        name = _name_of(distribution)
        # The first of its name on the path is the one that is imported, also if it brings nothing.
        first = next(iter(importlib.metadata.distributions(name=name, path=list(path))), distribution)
        normalized = re.sub(r"[-_.]+", "-", name).lower()
        if normalized not in plugins:
            plugins[normalized] = list(_plugins_of(first, _name_of(first)))
    found = [plugin for of_one in plugins.values() for plugin in of_one]
    return tuple(sorted(found, key=lambda plugin: (plugin.group, plugin.name, plugin.distribution)))


# Each lake that is opened adds its folder to the path; a search of all the packages that were there takes 10 ms.
@functools.lru_cache(maxsize=64)
def _packages_in(folder: str) -> tuple[importlib.metadata.Distribution, ...]:
    """Return the packages in a folder of the path that bring something for ingestify."""
    # Reading the name of each of a hundred packages takes longer than looking for the word.
    found = importlib.metadata.distributions(path=[folder])
    return tuple(one for one in found if "ingestify." in (one.read_text("entry_points.txt") or ""))


def _name_of(distribution: importlib.metadata.Distribution) -> str:
    try:
        return distribution.name or str(distribution)
    except Exception:  # noqa: BLE001 - a package without metadata, as a broken installation leaves it
        return str(distribution)


def _version_of(distribution: importlib.metadata.Distribution) -> str:
    try:
        return distribution.version or ""
    except Exception:  # noqa: BLE001 - likewise
        return ""


def _plugins_of(distribution: importlib.metadata.Distribution, name: str) -> Iterator[Plugin]:
    # Not importlib.metadata.entry_points: one file that is malformed would hide those of all packages.
    text = distribution.read_text("entry_points.txt") or ""
    if "ingestify." not in text:
        return
    try:
        entry_points = list(distribution.entry_points)
    except Exception as error:  # noqa: BLE001 - whatever somebody wrote into that file
        logger.error(
            "The installed package %s has an entry_points.txt that cannot be read (%s: %s): what it brings for "
            "ingestify is left out. Install another version of it, or uninstall it.",
            name,
            type(error).__name__,
            error,
        )
        return
    shown = f"{name} {_version_of(distribution)}".strip()
    for one in entry_points:
        if one.group.startswith("ingestify."):
            yield Plugin(one.group, one.name, one.value, shown)
