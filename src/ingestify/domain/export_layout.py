"""Where a provider keeps the files of its datasets, so that an export looks like what the provider publishes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ingestify.domain.dataset import Dataset
from ingestify.domain.file import File
from ingestify.domain.json_value import JsonValue

__all__ = ["NO_LAYOUT", "EntryOf", "ExportIndex", "ExportLayout"]

EntryOf = Callable[[Dataset, Any], Mapping[str, JsonValue]]
"""`(dataset, content of the index's feed)` → an entry."""


def _content(_: Dataset, content: Any) -> Any:
    return content


@dataclasses.dataclass(frozen=True, slots=True)
class ExportIndex:
    """A JSON list of a provider that an export writes anew: an entry for each dataset, or for several together.

    Attributes:
        path: Its path below the provider's root, with placeholders as in `ExportLayout.paths`.
        keys: The keys of an entry that name it. Datasets whose entries have the same values there share one entry.
        feed: The feed of which entries are made; empty: they are made of identifier and metadata alone.
        entry_of: Makes the entry of a dataset. It gets the dataset, and the JSON of the feed; None without a feed.
            None: the content is the entry.
        merged: `(before, entry)` → the entry of datasets that share one; None: the last one counts.
    """

    path: str
    keys: tuple[str, ...]
    feed: str = ""
    entry_of: EntryOf = _content
    merged: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, JsonValue]] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ExportLayout:
    """The layout of a provider's own files. A source declares it as `export_layout`.

    Attributes:
        paths: Feed to the path of its file below the provider's root, such as `events/{match_id}.json`. A placeholder
            is an identifier key, or a key of the metadata. Or a function `(dataset, file)` → such a path, or None. A
            feed without a path has a place in the layout that every dataset has; see `store.export`.
        shared: The feeds of which several datasets have one file at the provider, such as the squads of a season. The
            newest is written; of any other feed, two files with one path are an error.
        indexes: The lists that are written anew. The feed of an index needs no path.
    """

    paths: Mapping[str, str] | Callable[[Dataset, File], str | None] = dataclasses.field(default_factory=dict)
    shared: Collection[str] = ()
    indexes: Sequence[ExportIndex] = ()

    def find_path(self, dataset: Dataset, file: File) -> str | None:
        """Return the path of a file, with its placeholders; None: the layout has none."""
        if isinstance(self.paths, Mapping):
            return self.paths.get(file.data_feed_key)
        return self.paths(dataset, file)


NO_LAYOUT = ExportLayout()
"""That of a provider without a layout of its own."""
