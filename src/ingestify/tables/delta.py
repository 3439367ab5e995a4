"""The tables in Delta Lake: where they are, what is in them, and the commits that change them.

The format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md. Each commit of a build has the application
transaction `ingestify:rows`. Delta Lake refuses a commit if another one with that transaction came after the snapshot
that it was made from; so two builds never write the same rows twice. The last commit of a build also has the position
in the lake's event log up to which the table is complete.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import hashlib
import re
import urllib.parse
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ingestify.clock import now
from ingestify.disk_remedies import find_disk_problem
from ingestify.domain.dataset import Dataset
from ingestify.errors import ConfigurationError, MissingExtraError, StoreError
from ingestify.masking import mask_text, mask_url
from ingestify.remedies import remedy
from ingestify.store.reading.data_frame import library

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from deltalake import CommitProperties, DeltaTable

__all__ = [
    "DeltaFolder",
    "ForeignTable",
    "NoPlace",
    "Overtaken",
    "Stamp",
    "TableFolders",
    "TablePlace",
    "UnreadableTable",
    "Version",
    "cast",
    "version_of",
]

_ROWS, _LAKE = "ingestify:rows", "ingestify:lake"
_EXTRA = "tables"
_ID = "dataset_id"

_LONGEST_MESSAGE = 500
_MANY_FILES = 50
_SMALL_BYTES = 32_000_000
"""More files than this that are smaller than this are made into large ones."""

_KEPT_HOURS = 7 * 24
"""A reader of an old snapshot has its files for so long."""


class Version(NamedTuple):
    """Which state of a dataset the rows are made of. It is exact: no two states of a dataset have the same."""

    revision: int | None
    updated_at: dt.datetime

    def in_milliseconds(self) -> Version:
        """Return the version as the statistics of Delta Lake have it."""
        return Version(self.revision, self.updated_at.replace(microsecond=self.updated_at.microsecond // 1000 * 1000))


def version_of(dataset: Dataset) -> Version:
    """Return the version of a dataset of the lake."""
    return Version(dataset.revisions[-1].revision_id if dataset.revisions else None, dataset.updated_at)


class Overtaken(Exception):
    """Another build committed after the snapshot that this commit was made from. Nothing was written."""


@dataclasses.dataclass(frozen=True, slots=True)
class Stamp:
    """What a commit says of the build that made it.

    Attributes:
        lake_id: The lake of the rows.
        made_by: The function and the version of the rows.
        cursor: The name and the position of the lake's event log up to which the table is complete with this commit;
            None: it says nothing new of that.
    """

    lake_id: str
    made_by: str
    cursor: tuple[str, int] | None = None

    def properties(self, retries: int | None = None) -> CommitProperties:
        """Return the stamp as Delta Lake takes it, and how often a commit is tried again; None: as often as usual."""
        from deltalake import CommitProperties, Transaction

        numbers = [(_ROWS, _number(self.made_by)), (_LAKE, _number(self.lake_id))]
        if self.cursor is not None:
            numbers.append(self.cursor)
        return CommitProperties(
            max_commit_retries=retries, app_transactions=[Transaction(name, number) for name, number in numbers]
        )


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


class UnreadableTable(StoreError):
    """The log of a table, or a file of it, cannot be read."""


class ForeignTable(StoreError):
    """The table is of another lake or program."""


class Claim(Protocol):
    """Says that a process writes to a folder, until it ends."""

    def remove(self) -> None:
        """End the claim."""


class TableFolders(Protocol):
    """The folders of the tables of a lake's bucket."""

    def names(self) -> list[str]:
        """Return the names of all folders, sorted."""

    def find_stranger(self, name: str) -> str | None:
        """Return a file in a folder that is of no table; None: there is none."""

    def read_log(self, name: str) -> Iterator[bytes]:
        """Yield the commits of a table as they are, in any order; nothing if there is no table."""

    def remove(self, name: str) -> None:
        """Remove the files of a table, and no others; harmless if there is none."""

    def claim(self, name: str) -> Claim | None:
        """Say that this process writes to a folder; None: others cannot be told."""

    def is_claimed(self, name: str) -> bool | None:
        """Whether a process writes to a folder; None: that is unknown."""

    def check(self) -> None:
        """Raise a StoreError if the place cannot keep what Delta Lake needs to be kept."""


class TablePlace:
    """The place of the tables of one bucket of a lake.

    Args:
        url: The folder that has a folder for each table: a path, or the URL of an object store.
        folders: Lists and removes these folders.
        find_lake_id: Returns the id of the lake whose rows the tables have.
        storage_options: The options of the object store for deltalake and polars. They may have secrets.
    """

    def __init__(
        self,
        url: str,
        folders: TableFolders,
        find_lake_id: Callable[[], str],
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.folders = folders
        self.find_lake_id = find_lake_id
        self.storage_options = dict(storage_options or {})

    def __repr__(self) -> str:
        return f"TablePlace({mask_url(self.url)!r})"

    def folder(self, name: str) -> DeltaFolder:
        """Return the folder of a table, which may not exist."""
        return DeltaFolder(self, name)

    def find(self, name: str) -> DeltaTable | None:
        """Return the newest snapshot of a table; None: it is not built.

        Raises:
            MissingExtraError: deltalake is not installed.
            StoreError: The place cannot be read.
        """
        return self.folder(name).load()

    def new_folder(self, name: str) -> DeltaFolder:
        """Return a folder for a table that will take the place of another one; nobody else writes into it."""
        folder = self.folder(f"_new_{name}-{uuid.uuid4().hex}")
        folder.claim = self.folders.claim(folder.name)
        return folder

    def remove_new_folders(self, name: str, older_than: dt.timedelta = dt.timedelta(0)) -> None:
        """Remove what builds that were killed have left of a table that was to take the place of another one.

        Args:
            name: The name of the table.
            older_than: How long nobody has written there, where it is unknown whether the build was killed.
        """
        for one in self.folders.names():
            is_claimed = self.folders.is_claimed(one) if one.startswith(f"_new_{name}-") else True
            folder = self.folder(one)
            if is_claimed is False or (is_claimed is None and folder.is_older(older_than)):
                folder.remove()

    def names(self) -> list[str]:
        """Return the names of the tables that are built, sorted; `problems` may be one of them."""
        return [name for name in self.folders.names() if not name.startswith("_")]


class NoPlace(TablePlace):
    """A lake without a place for tables: none is built, and none can be.

    Args:
        why: The message of the error at a build.
    """

    def __init__(self, why: str) -> None:
        self._why = why

    def __repr__(self) -> str:
        return "NoPlace()"

    def folder(self, name: str) -> DeltaFolder:  # noqa: ARG002 - as that of the other
        """Raise a ConfigurationError."""
        raise ConfigurationError(self._why)

    def find(self, name: str) -> DeltaTable | None:  # noqa: ARG002 - as that of the other
        """Return None."""
        return None

    def names(self) -> list[str]:
        """Return an empty list."""
        return []


class DeltaFolder:
    """One table. Its commits are made from the snapshot that was loaded last.

    Attributes:
        name: The name of the table.
        url: Its folder.
    """

    def __init__(self, place: TablePlace, name: str) -> None:
        self.name = name
        self.url = f"{place.url}/{name}"
        self.claim: Claim | None = None
        """Of this process, on a folder that it writes alone."""
        self._place = place
        self._table: DeltaTable | None = None

    def __repr__(self) -> str:
        return f"DeltaFolder({mask_url(self.url)!r})"

    # ---- reading ---------------------------------------------------------------------------------------

    def load(self) -> DeltaTable | None:
        """Load the newest snapshot and return it; None: there is no table.

        Raises:
            UnreadableTable: The log is damaged, or the place cannot be read.
            ForeignTable: The table is not of this lake.
        """
        deltalake = _deltalake()
        self._table = None
        with self._reading():
            try:
                found = _table_class()(self.url, storage_options=self._place.storage_options)
            except deltalake.exceptions.TableNotFoundError:
                return None
            mark = found.transaction_version(_LAKE)
        if mark != _number(self._place.find_lake_id()):
            raise self._foreign()
        self._table = found
        return self._table

    def _reading(self) -> contextlib.AbstractContextManager[None]:
        return _translated(f"the table '{self.name}' cannot be read", UnreadableTable, self._remedy)

    @property
    def _remedy(self) -> str:
        again = remedy("tables build --rebuild", *([] if self.name == "problems" else [self.name]))
        return f". If files of it are damaged or gone, {again} makes it anew."

    def unreadable(self, told: str) -> UnreadableTable:
        """Return the error for a file of the table that another program cannot read."""
        return UnreadableTable(f"The table '{self.name}' cannot be read: {told}{self._remedy}")

    def _foreign(self) -> ForeignTable:
        return ForeignTable(
            f"The table '{self.name}' in {mask_url(self._place.url)} has the rows of another lake or program, and "
            f"stays as it is. Give this lake another place (url below tables in config.yaml), or move that folder away."
        )

    def require_own(self) -> None:
        """Raise a StoreError if anything in the folder is not of a table of this lake, as far as that can be read."""
        stranger = self._place.folders.find_stranger(self.name)
        if stranger is not None:
            raise StoreError(
                f"{mask_url(self.url)} has files that are of no table, such as '{stranger}'; it stays as it is. Move "
                f"these away, or give the tables another place (url below tables in config.yaml)."
            )
        try:
            self.load()
        except UnreadableTable:
            mark = str(_number(self._place.find_lake_id())).encode()
            if not any(mark in commit for commit in self._place.folders.read_log(self.name)):
                raise self._foreign() from None

    @property
    def table(self) -> DeltaTable:
        """The snapshot that was loaded last."""
        assert self._table is not None, "there is a table"
        return self._table

    @property
    def exists(self) -> bool:
        """Whether there was a table when the snapshot was loaded."""
        return self._table is not None

    def is_made_by(self, made_by: str) -> bool:
        """Whether all rows were made by that function in that version."""
        return self.find_position(_ROWS) == _number(made_by)

    def find_position(self, cursor_name: str) -> int | None:
        """Return the position of the event log up to which the table is complete; None: it is unknown."""
        with self._reading():  # it looks into the log again
            return self.table.transaction_version(cursor_name)

    def schema(self) -> dict[str, pl.DataType]:
        """Return the columns and their types."""
        polars = library("polars")
        types = {
            "long": polars.Int64(),
            "double": polars.Float64(),
            "boolean": polars.Boolean(),
            "string": polars.String(),
            "date": polars.Date(),
            "timestamp": polars.Datetime("us", "UTC"),
        }
        kinds = {field.name: str(getattr(field.type, "type", field.type)) for field in self.table.schema().fields}
        others = [f"{name} ({kind})" for name, kind in kinds.items() if kind not in types]
        if others:
            raise StoreError(f"The table '{self.name}' has columns that ingestify did not write: {', '.join(others)}.")
        return {name: types[kind] for name, kind in kinds.items()}

    def contents(self, dataset_ids: Collection[str] | None = None) -> dict[str, Version]:
        """Return the version of the rows of each dataset.

        Args:
            dataset_ids: Only these datasets; None: all.
        """
        with self._reading():
            if self.is_partitioned:
                found = self._contents_of_partitions()
                return found if dataset_ids is None else {key: found[key] for key in dataset_ids if key in found}
            polars = library("polars")
            rows = polars.scan_delta(self.table)
            if dataset_ids is not None:
                rows = rows.filter(polars.col(_ID).is_in(list(dataset_ids)))
            columns = rows.select(_ID, "revision", "lake_updated_at").unique().collect(engine="streaming")
            return {row[0]: Version(row[1], row[2]) for row in columns.iter_rows()}

    def count_rows(self) -> dict[str, dict[Version, int]]:
        """Return how many rows each dataset has of each version."""
        polars = library("polars")
        counted: dict[str, dict[Version, int]] = {}
        columns = (_ID, "revision", "lake_updated_at")
        with self._reading():
            rows = polars.scan_delta(self.table).group_by(columns).len().collect(engine="streaming")
        for dataset_id, revision, updated_at, count in rows.iter_rows():
            version = Version(revision, updated_at)
            counted.setdefault(dataset_id, {})[version.in_milliseconds() if self.is_partitioned else version] = count
        return counted

    def figures(self) -> dict[str, Any]:
        """Return the numbers of `rows` and `files`, the `size` of these in bytes, and `changed_at`."""
        with self._reading():
            files = library("polars").DataFrame(self.table.get_add_actions(flatten=True))
            changed_at = self._find_change()
        rows, size = (int(files[name].sum()) if files.height else 0 for name in ("num_records", "size_bytes"))
        return {"rows": rows, "files": files.height, "size": size, "changed_at": changed_at}

    def _find_change(self) -> dt.datetime | None:
        """Return when the last commit was made; None: nothing in the log says it."""
        last = next((one["timestamp"] for one in self.table.history(limit=1) if "timestamp" in one), None)
        return None if last is None else dt.datetime.fromtimestamp(last / 1000, tz=dt.UTC)

    def is_older(self, age: dt.timedelta) -> bool:
        """Whether nobody has written to the table for so long."""
        changed_at = self._find_change() if self.load() is not None else None
        return changed_at is None or now() - changed_at >= age

    def iter_damaged(self, *, reads_all: bool) -> Iterator[tuple[str, str]]:
        """Yield the files that are not there, or have another number of rows than the log says, and what is wrong.

        Args:
            reads_all: Read all of each file, and not only its end.
        """
        with self._reading():
            files = library("polars").DataFrame(self.table.get_add_actions(flatten=True))
            fragments = list(self.table.to_pyarrow_dataset().get_fragments())
        expected = dict(files.select("path", "num_records").iter_rows()) if files.height else {}
        for fragment in fragments:
            path = urllib.parse.unquote(fragment.path)
            said = next((count for name, count in expected.items() if path.endswith(urllib.parse.unquote(name))), None)
            try:
                found = fragment.metadata.num_rows
                if reads_all:
                    found = sum(batch.num_rows for batch in fragment.to_batches(batch_readahead=2))
            except (OSError, ValueError) as error:
                yield fragment.path, f"it cannot be read: {_one_line(error)}"
                continue
            if found != said:
                yield fragment.path, f"it has {found:,} rows, and the log says {said}"

    @property
    def is_partitioned(self) -> bool:
        """Whether each dataset has files of its own."""
        return self.table.metadata().partition_columns == [_ID]

    def _contents_of_partitions(self) -> dict[str, Version]:
        """Read the versions from the log alone. It has times in milliseconds."""
        files = library("polars").DataFrame(self.table.get_add_actions(flatten=True))
        if not files.height:
            return {}
        columns = (f"partition.{_ID}", "min.revision", "min.lake_updated_at")
        return {row[0]: Version(row[1], row[2]) for row in files.select(columns).iter_rows()}

    def is_version(self, found: Version | None, wanted: Version) -> bool:
        """Whether rows of the version `found` are those of the version `wanted`."""
        return found == (wanted.in_milliseconds() if self.is_partitioned else wanted)

    def read_rows(self) -> list[dict[str, Any]]:
        """Return the rows of a small table."""
        with self._reading():
            rows: list[dict[str, Any]] = library("polars").scan_delta(self.table).collect().to_dicts()
        return rows

    def find_largest(self, columns: Sequence[str]) -> dict[str, int]:
        """Return the largest absolute value of each column of whole numbers."""
        polars = library("polars")
        with self._reading():
            wanted = [polars.col(one).cast(polars.Int128).abs().max() for one in columns]
            found = polars.scan_delta(self.table).select(wanted).collect(engine="streaming")
        return {name: value or 0 for name, value in found.row(0, named=True).items()}

    # ---- commits ---------------------------------------------------------------------------------------

    def create(self, schema: Mapping[str, pl.DataType], *, is_partitioned: bool, stamp: Stamp) -> None:
        """Create the table, without rows.

        Raises:
            Overtaken: Another build has created it.
            StoreError: The place cannot be written, or cannot keep a table.
        """
        deltalake = _deltalake()
        self._place.folders.check()
        with _translated(f"the table '{self.name}' cannot be created"):
            try:
                self._table = deltalake.DeltaTable.create(
                    self.url,
                    _arrow_schema(schema),
                    mode="error",
                    partition_by=[_ID] if is_partitioned else None,
                    storage_options=self._place.storage_options,
                    # A second try would replace the columns of the other's table.
                    commit_properties=stamp.properties(retries=0),
                )
            except deltalake.exceptions.DeltaError as error:
                if self.load() is None:
                    raise
                raise Overtaken(self.name) from error

    def replace(
        self,
        dataset_ids: Collection[str],
        frames: Iterable[pl.DataFrame],
        schema: Mapping[str, pl.DataType],
        stamp: Stamp,
    ) -> None:
        """Commit: the rows of the datasets go, and the rows of the frames come.

        Args:
            dataset_ids: The datasets whose rows go. If there are any, the frames have rows of these datasets only.
            frames: Each has the columns of `schema`, in this order.
            schema: Columns that the table does not have are added.
            stamp: What the commit says of the build.

        Raises:
            Overtaken: Nothing was written, as another build has committed.
            StoreError: The place cannot be written.
        """
        deltalake = _deltalake()
        predicate = f"{_ID} IN ({', '.join(map(_quoted, sorted(dataset_ids)))})" if dataset_ids else None
        self._commit(
            lambda: deltalake.write_deltalake(
                self.table,
                _reader(schema, frames),
                mode="overwrite" if predicate else "append",
                predicate=predicate,
                schema_mode="merge",
                writer_properties=_writer_properties(),
                commit_properties=stamp.properties(),
            )
        )

    def widen(self, types: Mapping[str, pl.DataType], stamp: Stamp) -> None:
        """Commit: columns get wider types. All rows are written again, a few at a time."""
        schema = {name: types.get(name, kind) for name, kind in self.schema().items()}
        self.overwrite(self.iter_frames(schema), schema, stamp)

    def overwrite(self, frames: Iterable[pl.DataFrame], schema: Mapping[str, pl.DataType], stamp: Stamp) -> None:
        """Commit: these rows and columns take the place of all rows and columns; see `replace`."""
        deltalake = _deltalake()
        self._commit(
            lambda: deltalake.write_deltalake(
                self.table,
                _reader(schema, frames),
                mode="overwrite",
                schema_mode="overwrite",
                partition_by=self.table.metadata().partition_columns or None,
                writer_properties=_writer_properties(),
                commit_properties=stamp.properties(),
            )
        )

    def iter_frames(self, schema: Mapping[str, pl.DataType]) -> Iterator[pl.DataFrame]:
        """Yield the rows, a few at a time, with the columns in other types."""
        batches = self._iter_batches()
        # In a thread of its own: the thread of deltalake that writes these rows cannot read with deltalake.
        with ThreadPoolExecutor(1) as thread:
            while (batch := thread.submit(next, batches, None).result()) is not None:
                yield cast(library("polars").DataFrame(batch), schema)

    def _iter_batches(self) -> Iterator[pa.RecordBatch]:
        scanner = self.table.to_pyarrow_dataset().scanner(batch_readahead=2, fragment_readahead=1)
        yield from scanner.to_batches()

    def _commit(self, write: Any) -> None:
        """Write, from the snapshot that was loaded last; then the snapshot is that of this commit.

        It is not loaded anew: that could have rows of another build, which nobody has compared.
        """
        deltalake = _deltalake()
        with _translated(f"the table '{self.name}' cannot be written"):
            try:
                write()
            except deltalake.exceptions.CommitFailedError as error:
                raise Overtaken(self.name) from error

    def tidy(self) -> None:
        """Make many small files into large ones, and remove files that no snapshot of the last week has."""
        deltalake = _deltalake()
        with (
            _translated(f"the table '{self.name}' cannot be tidied"),
            contextlib.suppress(
                # Another build committed meanwhile; the next build tidies.
                deltalake.exceptions.CommitFailedError
            ),
        ):
            sizes = library("polars").DataFrame(self.table.get_add_actions(flatten=True))["size_bytes"]
            if not self.is_partitioned and (sizes < _SMALL_BYTES).sum() > _MANY_FILES:
                self.table.optimize.compact(writer_properties=_writer_properties())
            self.table.vacuum(retention_hours=_KEPT_HOURS, dry_run=False)

    def remove(self) -> None:
        """Remove the table with all its files.

        Raises:
            StoreError: It is not of this lake, has files of others, or cannot be removed.
        """
        if self.claim is not None:
            self.claim.remove()
        self.require_own()
        self._place.folders.remove(self.name)
        self._table = None


@functools.cache
def _table_class() -> type[DeltaTable]:
    """Return the class of a snapshot, which names its files as the disk does.

    That of deltalake writes a blank in the path of a folder on disk as `%20`. polars and DuckDB find no such file.
    """

    class Table(_deltalake().DeltaTable):  # type: ignore[misc]
        def file_uris(self, *args: Any, **options: Any) -> list[str]:
            found: list[str] = super().file_uris(*args, **options)
            folder = self.table_uri.removeprefix("file://")
            if folder == self.table_uri or "%" not in folder:
                return found
            plain = urllib.parse.unquote(folder)
            return [plain + one.removeprefix(folder) for one in found]

    return Table


def cast(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return a frame with these columns, in this order and of these types; a column that it lacks is null."""
    polars = library("polars")
    there = frame.schema
    return frame.select(
        (polars.col(name) if name in there else polars.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    )


def _reader(schema: Mapping[str, pl.DataType], frames: Iterable[pl.DataFrame]) -> pa.RecordBatchReader:
    """Return the frames as a stream that is read once, one frame after the other."""
    import pyarrow as pa

    arrow = _arrow_schema(schema)
    batches = (batch for frame in frames for batch in _to_arrow(frame).cast(arrow).to_batches())
    return pa.RecordBatchReader.from_batches(arrow, batches)


def _arrow_schema(schema: Mapping[str, pl.DataType]) -> pa.Schema:
    found: pa.Schema = _to_arrow(library("polars").DataFrame(schema=dict(schema))).schema
    return found


def _to_arrow(frame: pl.DataFrame) -> pa.Table:
    # The oldest form: not each reader knows text in views.
    return frame.to_arrow(compat_level=library("polars").CompatLevel.oldest())


def _writer_properties() -> Any:
    return _deltalake().WriterProperties(compression="ZSTD")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _deltalake() -> Any:
    try:
        import deltalake
        import deltalake.exceptions
    except ImportError as error:
        raise MissingExtraError(_EXTRA, "A table of the lake") from error
    return deltalake


@contextlib.contextmanager
def _translated(problem: str, kind: type[StoreError] = StoreError, then: str = ".") -> Iterator[None]:
    """Raise a StoreError, which says what the problem is, in place of an error of deltalake, polars or the system."""
    deltalake = _deltalake()
    polars = library("polars")
    try:
        yield
    except (deltalake.exceptions.DeltaError, polars.exceptions.PolarsError, OSError, ValueError) as error:
        told = find_disk_problem(error, "url below tables") or f"{type(error).__name__}: {_one_line(error)}"
    except BaseException as error:  # a damaged file lets Rust panic, which is no Exception in Python
        if type(error).__name__ != "PanicException":
            raise
        told = f"a file is damaged: {_one_line(error)}"
    else:
        return
    # Outside of the handler: the error of an object store may quote a key, which the traceback would show.
    raise kind(f"{problem[0].upper()}{problem[1:]}: {told}{then}")


def _one_line(error: BaseException) -> str:
    """Return the message without the colours and arrows of deltalake, and without Python's traceback in it."""
    text = re.sub(r"\x1b\[[0-9;]*m|↳", " ", str(error).partition("Detail: Python exception")[0])
    text = text.partition(": ParsedLogPath {")[0].partition("Resolved plan until failure")[0]
    return mask_text(" ".join(text.split()))[:_LONGEST_MESSAGE].rstrip(".")
