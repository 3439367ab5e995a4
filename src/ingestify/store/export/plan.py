"""Which file of an export goes where. All of it is known before anything is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ingestify.domain.dataset import Dataset
from ingestify.domain.export_layout import NO_LAYOUT, ExportLayout
from ingestify.domain.file import File
from ingestify.domain.revision import pick_file
from ingestify.errors import ExportError, IntegrityError
from ingestify.store.export.content import ExportedContent, ProvidersContent
from ingestify.store.export.indexes import Indexes
from ingestify.store.export.paths import fill, own_path, same_name
from ingestify.store.export.report import Exported, ExportOutcome
from ingestify.store.export.tables import TableContent
from ingestify.store.export.terms import Terms
from ingestify.store.reading.dataset_reader import DatasetReader

__all__ = ["ExportPlan", "PlannedFile"]

_SHOWN = 5


class PlannedFile(msgspec.Struct, frozen=True):
    """A file that an export is to write.

    Attributes:
        path: Its path below the folder.
        content: Its bytes.
        what: The dataset and the feed, for people.
        dataset_id: The dataset; empty: it is of several.
        created_at: When the lake got it; None: it is made by the export.
        is_shared: Whether several datasets have one file at the provider.
    """

    path: str
    content: ExportedContent
    what: str
    dataset_id: str = ""
    created_at: dt.datetime | None = None
    is_shared: bool = False


class ExportPlan:
    """The files of an export. It takes about 1 KB of memory for each of them, and the lists' entries.

    Args:
        store: The lake.
        as_tables: Whether files become Parquet.

    Attributes:
        problems: What could not be read for a list.
    """

    def __init__(self, store: DatasetReader, *, as_tables: bool) -> None:
        self.indexes = Indexes()
        self.terms = Terms()
        self.problems: list[Exported] = []
        self._store = store
        self._as_tables = as_tables
        self._files: dict[str, PlannedFile] = {}
        self._clashes: list[tuple[PlannedFile, PlannedFile]] = []

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[PlannedFile]:
        return iter(self._files.values())

    def read_listed(self, dataset: Dataset) -> Mapping[str, Any]:
        """Return the content of the files of which the provider's lists are made, by feed; any thread may call it.

        A content is JSON values, or the error with which it cannot be read.
        """
        feeds = {one.feed for one in self._layout_of(dataset).indexes}
        found: dict[str, Any] = {}
        for feed in feeds & {file.data_feed_key for file in dataset.files.values()}:
            newest = pick_file(tuple(dataset.files.values()), feed, None)
            try:
                with self._store.open_files([newest], lazy=True) as files:
                    found[feed] = files[0].json()
            except (IntegrityError, ValueError, RecursionError) as error:
                found[feed] = error
        return found

    def _layout_of(self, dataset: Dataset) -> ExportLayout:
        return NO_LAYOUT if self._as_tables else self._store.export_layout_of(dataset)

    def add(self, dataset: Dataset, contents: Mapping[str, Any]) -> None:
        """Plan the files of a dataset.

        Args:
            dataset: The dataset.
            contents: What `read_listed` found.

        Raises:
            ConfigurationError: A path of the layout is none.
            ExportError: A name is too long.
        """
        if not dataset.files:
            return
        self.terms.add(dataset)
        files = tuple(dataset.files.values())
        for feed in dict.fromkeys(file.data_feed_key for file in files):
            versions = [file for file in files if file.data_feed_key == feed]
            newest = pick_file(files, feed, None)
            for file in versions:
                with_version = len(versions) > 1
                if self._as_tables:
                    path = own_path(dataset, file, "parquet", with_version=with_version)
                    self._plan(dataset, file, path, TableContent(self._store, dataset, file))
                elif file is not newest or not self._plan_in_layout(dataset, file, contents):
                    path = own_path(dataset, file, file.data_serialization_format.lower(), with_version=with_version)
                    self._plan(dataset, file, path, ProvidersContent(self._store, file))
        for index in self._layout_of(dataset).indexes:
            if not index.feed:
                self.indexes.add(index, dataset, None)

    def _plan_in_layout(self, dataset: Dataset, file: File, contents: Mapping[str, Any]) -> bool:
        """Plan a file where its provider has it. Returns False if the layout has no place for it."""
        layout = self._layout_of(dataset)
        is_listed = self._list(dataset, file, layout, contents)
        template = layout.find_path(dataset, file)
        path = None if template is None else fill(template, dataset)
        # A path that ends with another format would say what the file is not.
        if path is None or not path.lower().endswith(f".{file.data_serialization_format.lower()}"):
            return is_listed
        is_shared = file.data_feed_key in layout.shared
        self._plan(dataset, file, path, ProvidersContent(self._store, file), is_shared=is_shared)
        return True

    def _list(self, dataset: Dataset, file: File, layout: ExportLayout, contents: Mapping[str, Any]) -> bool:
        """Add a dataset to the lists whose entries are made of a file. Returns whether one of them has its entry."""
        indexes = [one for one in layout.indexes if one.feed == file.data_feed_key]
        content = contents.get(file.data_feed_key)
        if isinstance(content, Exception):
            if indexes and isinstance(content, IntegrityError):
                what, reason = f"{dataset}, {file.file_id}", str(content)
                self.problems.append(
                    Exported(ExportOutcome.FAILED, indexes[0].path, what, dataset.dataset_id, reason=reason)
                )
            return isinstance(content, IntegrityError)
        added = [self.indexes.add(index, dataset, content) for index in indexes]
        return any(added)

    def _plan(
        self, dataset: Dataset, file: File, path: str, content: ExportedContent, *, is_shared: bool = False
    ) -> None:
        what = f"{dataset}, {file.file_id}"
        self.put(PlannedFile(path, content, what, dataset.dataset_id, file.created_at, is_shared))

    def put(self, new: PlannedFile) -> None:
        """Plan a file, unless it is planned already. Two files with one path are found in `check`."""
        key = same_name(new.path)
        old = self._files.setdefault(key, new)
        if old is new:
            return
        is_same = new.content.tag is not None and new.content.tag == old.content.tag
        if old.path != new.path or not (is_same or (old.is_shared and new.is_shared)):
            self._clashes.append((old, new))
        elif not is_same and old.created_at and new.created_at and new.created_at > old.created_at:
            self._files[key] = new

    def check(self) -> None:
        """Refuse paths that a file system cannot have side by side.

        Raises:
            ExportError: There are some; the message names them.
        """
        clashes = [(old.path, f"{old.path} ({old.what}) and {new.path} ({new.what})") for old, new in self._clashes]
        for key, one in self._files.items():
            names = key.split("/")
            folders = (self._files.get("/".join(names[:end])) for end in range(1, len(names)))
            clashes += [(it.path, f"{it.path} ({it.what}) and the folder of {one.path}") for it in folders if it]
        if clashes:
            more = f" and {len(clashes) - _SHOWN:,} more" if len(clashes) > _SHOWN else ""
            raise ExportError(
                "Two files would have one name, which some file systems write without capital letters, too: "
                f"{'; '.join(text for _, text in clashes[:_SHOWN])}{more}. Narrow the export by filters. "
                "Nothing was written.",
                [path for path, _ in clashes],
            )
