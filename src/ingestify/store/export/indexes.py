"""The lists of a provider, which an export writes anew from what the lake has of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.domain.dataset import Dataset
from ingestify.domain.export_layout import ExportIndex
from ingestify.progress.printable import PrintableLogger
from ingestify.store.export.paths import fill

__all__ = ["Indexes"]

logger = PrintableLogger(__name__)


class Indexes:
    """The lists of one export. An entry takes its JSON text of memory, until all of them are written."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[ExportIndex, dict[str, str]]] = {}

    def add(self, index: ExportIndex, dataset: Dataset, content: Any) -> bool:
        """Add the entry of a dataset. Returns False if its content makes none."""
        path = fill(index.path, dataset)
        if path is None:
            return False
        try:
            entry = index.entry_of(dataset, content)
            key = _key_of(index, entry)
            entries = self._entries.setdefault(path, (index, {}))[1]
            if index.merged is not None and key in entries:
                entry = index.merged(json.loads(entries[key]), entry)
            entries[key] = _text_of(entry)
        except Exception as error:  # noqa: BLE001 - a layout's own code, which gets whatever a provider sent
            logger.warning("%s has no entry in %s: %s: %s", dataset, path, type(error).__name__, error)
            return False
        return True

    def __iter__(self) -> Iterator[tuple[str, ExportIndex]]:
        """Yield the paths."""
        for path, (index, _) in self._entries.items():
            yield path, index

    def content_of(self, path: str, existing: bytes | None) -> bytes:
        """Return a list; what an earlier export wrote about other datasets stays in it.

        Args:
            path: Its path.
            existing: The list as it is in the folder; None: it is not there. What is no such list is not kept.
        """
        index, entries = self._entries[path]
        kept = {} if existing is None else _entries_of(index, existing)
        return "[\n{}\n]\n".format(",\n".join({**kept, **entries}.values())).encode("utf-8", "backslashreplace")


def _entries_of(index: ExportIndex, content: bytes) -> dict[str, str]:
    try:
        return {_key_of(index, entry): _text_of(entry) for entry in json.loads(content)}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _key_of(index: ExportIndex, entry: Mapping[str, Any]) -> str:
    return json.dumps([entry[key] for key in index.keys])


def _text_of(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False)
