"""Which function makes kloppy's object of a kind of dataset: those built in, and those of installed packages."""

from __future__ import annotations

import functools
import importlib.metadata

from ingestify.errors import ConfigurationError
from ingestify.loaders.kloppy import impect, metrica, skillcorner, sportec, statsbomb, wyscout
from ingestify.loaders.kloppy.files import Loader

__all__ = ["ENTRY_POINT_GROUP", "LOADERS", "find_loader", "loader_kinds"]

ENTRY_POINT_GROUP = "ingestify.loaders"
"""Where a package names its loaders: `"{provider}.{dataset_type}" = "package.module:function"`, a `Loader`."""

LOADERS: dict[tuple[str, str], Loader] = {
    ("impect", "match"): impect.load_match,
    ("metrica", "match"): metrica.load_match,
    ("metrica", "tracking"): metrica.load_tracking,
    ("skillcorner", "tracking"): skillcorner.load_tracking,
    ("sportec", "match"): sportec.load_match,
    ("sportec", "tracking"): sportec.load_tracking,
    ("statsbomb", "match"): statsbomb.load_match,
    ("wyscout", "match"): wyscout.load_match,
}
"""(provider, dataset type) to what makes kloppy's object of its files."""


def find_loader(provider: str, dataset_type: str) -> Loader | None:
    """Return the loader of a kind of dataset: one that is built in, else an installed package's, else None.

    Raises:
        ConfigurationError: A package names one that cannot be imported or called.
    """
    built_in = LOADERS.get((provider, dataset_type))
    if built_in is not None:
        return built_in
    name = f"{provider}.{dataset_type}"
    found = next((one for one in _entry_points() if one.name == name), None)
    return None if found is None else _imported(found)


def loader_kinds() -> list[str]:
    """Return `provider/dataset_type` of each kind that has a loader."""
    installed = (one.name.partition(".") for one in _entry_points())
    kinds = {*LOADERS, *((provider, dataset_type) for provider, _, dataset_type in installed)}
    return [f"{provider}/{dataset_type}" for provider, dataset_type in sorted(kinds)]


@functools.cache  # what is installed does not change while a process runs, and looking takes 10 ms
def _entry_points() -> tuple[importlib.metadata.EntryPoint, ...]:
    return tuple(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))


def _imported(entry_point: importlib.metadata.EntryPoint) -> Loader:
    where = f"The loader '{entry_point.name}' of an installed package ({entry_point.value})"
    try:
        loader = entry_point.load()
    except Exception as error:
        raise ConfigurationError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(loader):
        raise ConfigurationError(f"{where} is {loader!r}; it must be a function of (files, kwargs).")
    return loader  # type: ignore[no-any-return]
