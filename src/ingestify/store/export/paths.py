"""The paths of an export. Nothing that a provider sends makes one that leaves the folder."""

from __future__ import annotations

import re
import unicodedata
import urllib.parse

from ingestify.domain.dataset import Dataset
from ingestify.domain.file import File
from ingestify.domain.identifier import canonical_value
from ingestify.errors import ConfigurationError, ExportError

__all__ = ["fill", "named", "own_path", "same_name"]

MAX_NAME_BYTES = 255
"""What file systems take; a name is never cut, as a reader looks for the whole one."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NOT_IN_A_PATH = re.compile(r"[\\:{}\x00-\x1f]")
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)")  # on Windows, whatever follows


def fill(template: str, dataset: Dataset) -> str | None:
    """Return a path of a layout with the values of a dataset; None: it has no value for a placeholder.

    Raises:
        ConfigurationError: The layout's path is none.
        ExportError: A name is too long.
    """
    values: dict[str, str] = {}
    for key in _PLACEHOLDER.findall(template):
        value = dataset.identifier.get(key, dataset.metadata.get(key))
        if value is None or not isinstance(value, (str, int, float)):
            return None
        values[key] = _quoted(canonical_value(value, key))
    names = template.split("/")
    for name in names:
        if name in ("", ".", "..") or _NOT_IN_A_PATH.search(_PLACEHOLDER.sub("", name)):
            raise ConfigurationError(
                f"The export layout of {dataset.provider} has the path '{template}': write one such as "
                f"events/{{match_id}}.json, with / between names, and below the folder of the export."
            )
    return _joined([_PLACEHOLDER.sub(lambda found: values[found[1]], name) for name in names], dataset)


def own_path(dataset: Dataset, file: File, form: str, *, with_version: bool) -> str:
    """Return the path of a file without a place in a provider's layout: `opta/match/match_id=12/events.json`.

    Raises:
        ExportError: A name is too long.
    """
    levels = [f"{_quoted(key)}={_quoted(canonical_value(value, key))}" for key, value in dataset.identifier.items()]
    feed = file.file_id if with_version else file.data_feed_key
    name = _quoted(feed) + (f".{_quoted(form)}" if form else "")
    return _joined([_quoted(dataset.provider), _quoted(dataset.dataset_type), *levels, name], dataset)


def named(text: str) -> str:
    """Return a text as one name of a path."""
    return _safe(_quoted(text))


def same_name(path: str) -> str:
    """Return what two paths have in common if a file system takes them for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="", errors="surrogatepass")


def _safe(name: str) -> str:
    """Return a name that no file system takes for something else, such as `..` or `nul.json`."""
    if not name or name.startswith(".") or _DEVICE.match(name):
        name = f"%{ord(name[0]):02X}{name[1:]}" if name else "%"
    return name[:-1] + "%2E" if name.endswith(".") else name


def _joined(names: list[str], dataset: Dataset) -> str:
    safe = [_safe(name) for name in names]
    for name in safe:
        if len(name.encode()) > MAX_NAME_BYTES:
            raise ExportError(
                f"{dataset} has a name of more than {MAX_NAME_BYTES} bytes in its path, which no file system takes: "
                f"{name[:60]}…; leave it out by a filter. Nothing was written."
            )
    return "/".join(safe)
