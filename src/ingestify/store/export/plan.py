"""Which file of an export goes where. All of it is known before anything is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ingestify.domain.dataset import Dataset
from ingestify.domain.export_layout import ExportIndex
from ingestify.domain.file import File
from ingestify.domain.revision import pick_file
from ingestify.errors import ExportError, IngestifyError, IntegrityError
from ingestify.store.export.content import ExportedContent, ProvidersContent
from ingestify.store.export.indexes import Indexes
from ingestify.store.export.paths import fill, own_path, same_name
from ingestify.store.export.report import Exported, ExportOutcome
from ingestify.store.export.tables import TableContent
from ingestify.store.export.terms import Terms
from ingestify.store.reading.dataset_reader import DatasetReader

__all__ = ["ExportPlan", "PlannedFile"]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PlannedFile:
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

    def add(self, dataset: Dataset) -> None:
        """Plan the files of a dataset.

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
                if self._as_tables:
                    path = own_path(dataset, file, "parquet", with_version=len(versions) > 1)
                    self._plan(dataset, file, path, TableContent(self._store, dataset, file))
                elif file is not newest or not self._plan_in_layout(dataset, file):
                    form = file.data_serialization_format.lower()
                    path = own_path(dataset, file, form, with_version=len(versions) > 1)
                    self._plan(dataset, file, path, ProvidersContent(self._store, file))
        if not self._as_tables:
            for index in self._store.export_layout_of(dataset).indexes:
                if not index.feed:
                    self.indexes.add(index, dataset, None)

    def _plan_in_layout(self, dataset: Dataset, file: File) -> bool:
        """Plan a file where its provider has it. Returns False if the layout has no place for it."""
        layout = self._store.export_layout_of(dataset)
        is_listed = self._list(dataset, file, [one for one in layout.indexes if one.feed == file.data_feed_key])
        template = layout.find_path(dataset, file)
        path = None if template is None else fill(template, dataset)
        # A path that ends with another format would say what the file is not.
        if path is None or not path.lower().endswith(f".{file.data_serialization_format.lower()}"):
            return is_listed
        is_shared = file.data_feed_key in layout.shared
        self._plan(dataset, file, path, ProvidersContent(self._store, file), is_shared=is_shared)
        return True

    def _list(self, dataset: Dataset, file: File, indexes: Collection[ExportIndex]) -> bool:
        """Add a dataset to the lists whose entries are made of a file. Returns whether one of them has it."""
        if not indexes:
            return False
        try:
            with self._store.open_files([file], lazy=True) as files:
                content = files[0].json()
        except (IntegrityError, ValueError, RecursionError) as error:
            if isinstance(error, IngestifyError):
                path = next(iter(indexes)).path
                what = f"{dataset}, {file.file_id}"
                self.problems.append(Exported(ExportOutcome.FAILED, path, what, dataset.dataset_id, reason=str(error)))
                return True
            return False
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
