"""SQL over the tables of a lake, by DuckDB: https://duckdb.org/docs/sql/introduction.

A query may name each built table; `matches`, which is read from the catalogue; and `raw.{provider}_{feed}`, the records
of the provider's files. Only what the query names is opened. It can read nothing else, and write nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestify.clock import monotonic
from ingestify.errors import ConfigurationError, LoadError, MissingExtraError
from ingestify.locked_file import LockedFile
from ingestify.progress.formatting import size
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.data_frame import library
from ingestify.tables.delta import TablePlace
from ingestify.tables.reading import MATCHES, read_feed, read_matches, scan_table
from ingestify.tables.registry import flat_definition

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable

__all__ = ["SqlLimits", "SqlParameters", "run_sql"]

SqlParameters = Sequence[Any] | Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class SqlLimits:
    """How much a query may take.

    Attributes:
        rows: The most rows of the result; further ones are left out.
        seconds: When the query is stopped.
        result_bytes: The most bytes of the result.
        feed_bytes: The most bytes of the files that it reads of a feed, as the provider sent them.
        memory_bytes: The most memory of DuckDB; what does not fit goes to the disk.
    """

    rows: int
    seconds: float
    result_bytes: int = 8 << 20
    feed_bytes: int = 64 << 20
    memory_bytes: int = 1 << 30


_SPILL = "ingestify-sql-"
_CLAIM = ".claim"
"""A file that the process of a query locks."""

_RAW = re.compile(r"""\braw"?\s*\.\s*"?(\w+)""", re.IGNORECASE)
_SCHEMA = "raw"


def run_sql(
    query: str,
    parameters: SqlParameters | None,
    store: DatasetStore,
    place: TablePlace,
    find_feeds: Callable[[], Sequence[tuple[str, str]]],
    limits: SqlLimits | None = None,
) -> pl.DataFrame:
    """Return the result of a query.

    Args:
        query: One SELECT, in DuckDB's SQL.
        parameters: The values of `?` or `$1`, or by name of `$name`.
        store: The lake.
        place: Where the built tables are.
        find_feeds: Returns provider and feed of the files in the lake; called only if a query may name one.
        limits: How much it may take; None: as much as it needs.

    Raises:
        MissingExtraError: duckdb, or what it needs, is not installed.
        ConfigurationError: The query is not one SELECT, or DuckDB refuses it.
        LoadError: DuckDB cannot execute the query, it takes too long, or a feed that it names makes no frame.
        StoreError: The lake or a table cannot be read.
    """
    duckdb = _duckdb()
    with _hearing_ctrl_c(), _spill_folder() as spill, duckdb.connect() as connection:
        _check(duckdb, connection, query)
        connection.execute("set TimeZone = 'UTC'")
        with contextlib.suppress(duckdb.InvalidInputException):  # in a notebook without ipywidgets, which has no bar
            connection.execute("set enable_progress_bar = false")  # it writes to stdout
        connection.execute(f"set temp_directory = {_quoted(spill)}")
        if limits is not None:
            connection.execute(f"set memory_limit = '{limits.memory_bytes >> 20}MiB'")
        offered = _Offered(connection, store, place, find_feeds, None if limits is None else limits.feed_bytes)
        try:
            files = list(offered.offer(query))
        except duckdb.Error as error:  # DuckDB reads the ends of the files
            raise _translated(duckdb, error, offered) from error
        connection.execute(f"set allowed_directories = {_listed([spill + '/'])}")
        connection.execute(f"set allowed_paths = {_listed(files)}")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        try:
            result = _interruptible(connection, lambda: _read(connection, query, parameters, limits), limits)
        except duckdb.Error as error:
            raise _translated(duckdb, error, offered) from error
        except library("polars").exceptions.PolarsError as error:
            raise LoadError(
                f"The result has a column of a type that data frames do not have, such as INTERVAL; cast it in the "
                f"query: {error}"
            ) from error
    return _with_whole_numbers(result)


@contextlib.contextmanager
def _spill_folder() -> Iterator[str]:
    """Make a folder for what memory does not hold. Those of processes that were killed are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_SPILL}*/{_CLAIM}"):
        with contextlib.suppress(OSError):  # it is somebody else's
            claim = LockedFile.take(left, create=False)
            if claim is not None:  # nobody has it
                claim.close()
                shutil.rmtree(left.parent, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SPILL) as folder:
        claim = LockedFile.take(Path(folder) / _CLAIM, create=True)
        try:
            yield folder
        finally:
            if claim is not None:
                claim.close()


@contextlib.contextmanager
def _hearing_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt also if DuckDB hears of Ctrl-C first: it raises a RuntimeError in its place."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


def _read(connection: Any, query: str, parameters: SqlParameters | None, limits: SqlLimits | None) -> pl.DataFrame:
    found = connection.sql(query, params=parameters or None)
    if limits is None:
        return found.pl()  # type: ignore[no-any-return]
    frame: pl.DataFrame = found.limit(limits.rows).pl()
    if frame.estimated_size() > limits.result_bytes:
        raise LoadError(
            f"The result has {size(frame.estimated_size())}, and at most {size(limits.result_bytes)} are shown. "
            f"Let it have fewer columns or shorter values, or use {remedy('sql')}."
        )
    return frame


def _interruptible(connection: Any, read: Callable[[], pl.DataFrame], limits: SqlLimits | None = None) -> pl.DataFrame:
    """Return what `read` returns. Ctrl-C interrupts its query at once; DuckDB itself looks for it seldom."""
    end = None if limits is None else monotonic() + limits.seconds
    future: Future[pl.DataFrame] = Future()

    def work() -> None:
        try:
            future.set_result(read())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            future.set_exception(error)

    thread = threading.Thread(target=work, name="ingestify-sql", daemon=True)
    try:
        thread.start()
        while not future.done():
            wait([future], timeout=0.1)  # without a time-out, Windows delivers no Ctrl-C
            if limits is not None and end is not None and monotonic() > end:
                raise LoadError(
                    f"The query took longer than {limits.seconds:g} s, so it was stopped. Let it read less, or use "
                    f"{remedy('sql')}, which takes its time."
                )
    except BaseException:
        while thread.ident is not None and not future.done():  # once is not enough: the query may not have begun
            connection.interrupt()
            wait([future], timeout=0.1)
        raise
    return future.result()


def _with_whole_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with sums of whole numbers as such: DuckDB counts with 128 bits, which become decimals."""
    polars = library("polars")
    sums = [name for name, kind in frame.schema.items() if kind == polars.Decimal(38, 0)]
    whole = frame.select(polars.col(sums).cast(polars.Int64, strict=False))
    return frame.with_columns(one for one in whole if one.null_count() == frame[one.name].null_count())


class _Offered:
    """What a query may name, as views of one connection."""

    def __init__(
        self,
        connection: Any,
        store: DatasetStore,
        place: TablePlace,
        find_feeds: Callable[[], Sequence[tuple[str, str]]],
        feed_bytes: int | None,
    ) -> None:
        self._connection = connection
        self._store = store
        self._place = place
        self._built = [name for name in place.names() if name != MATCHES]
        self._find_feeds = find_feeds
        self._feed_bytes = feed_bytes
        self._files: dict[str, list[str]] = {}

    @functools.cached_property
    def _feeds(self) -> dict[str, tuple[str, str]]:
        """The names of raw tables to provider and feed, which takes a look at many datasets."""
        return {flat_definition(*one).name: one for one in self._find_feeds()}

    def offer(self, query: str) -> Iterator[str]:
        """Make a view of each table that the query may name. Yields the local files that they read."""
        if _names(query, MATCHES):
            self._connection.register(MATCHES, read_matches(self._store))
        self._connection.execute(f"create schema {_SCHEMA}")
        raw = {found.lower() for found in _RAW.findall(query)}
        for name in raw & self._feeds.keys() if raw else ():
            records = read_feed(self._store, *self._feeds[name], most_bytes=self._feed_bytes)
            self._connection.register(f"raw_feed_{name}", records)
            content = f'select * from "raw_feed_{name}"'  # noqa: S608 - a name has only letters, digits and _
            self._connection.execute(f'create view {_SCHEMA}."{name}" as {content}')
        for name in self._built:
            if _names(query, name):
                yield from self._offer_table(name)

    def _offer_table(self, name: str) -> list[str]:
        table = self._place.find(name)
        if table is None:
            return []  # it was dropped at this moment
        files = self._files[name] = [] if "://" in self._place.url else table.file_uris()
        if files:
            # DuckDB reads Parquet itself three times as fast as what polars or Arrow read for it.
            self._connection.execute(f'create view "{name}" as {_select(table, files)}')
        else:
            self._connection.register(name, scan_table(self._place, name))
        return files

    def find_unreadable(self, error: Exception) -> Exception | None:
        """Return the error that a table cannot be read; None: the error is about no file of a table."""
        told = str(error).partition("\n")[0]
        for name, files in self._files.items():
            if any(file in told for file in files):
                return self._place.folder(name).unreadable(told)
        return None

    def __str__(self) -> str:
        built = ", ".join(self._built) or f"none yet ({remedy('tables build')} builds them)"
        raw = ", ".join(f"{_SCHEMA}.{name}" for name in sorted(self._feeds)) or "none"
        return f"Built tables: {built}. From the catalogue: {MATCHES}. Files of providers: {raw}."


def _select(table: DeltaTable, files: Sequence[str]) -> str:
    """Return the query that reads the files of a snapshot. An older file may lack columns."""
    columns = ", ".join(_identifier(field.name) for field in table.schema().fields)
    options = "union_by_name = true, hive_partitioning = false"  # the lake's folder may be season=2024, too
    if partitions := table.metadata().partition_columns:
        types = ", ".join(f"{_identifier(one)}: VARCHAR" for one in partitions)
        options = f"union_by_name = true, hive_partitioning = true, hive_types = {{{types}}}"
    return f"select {columns} from read_parquet({_listed(files)}, {options})"  # noqa: S608 - all of it is quoted


def _check(duckdb: Any, connection: Any, query: str) -> None:
    """Raise a ConfigurationError unless a text is one SELECT."""
    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise ConfigurationError(f"The SQL cannot be read. {error}") from error
    kinds = [statement.type for statement in statements]
    if kinds != [duckdb.StatementType.SELECT]:
        found = ", then ".join(kind.name for kind in kinds) or "nothing"
        raise ConfigurationError(f"The SQL is {found}; only one SELECT is possible, as tables are only read.")


def _translated(duckdb: Any, error: Exception, offered: _Offered) -> Exception:
    unreadable = offered.find_unreadable(error)
    if unreadable is not None:
        return unreadable
    if isinstance(error, duckdb.CatalogException):  # its own suggestions are tables of DuckDB
        said = str(error).partition("\n")[0].removeprefix("Catalog Error: ")
        return ConfigurationError(f"{said} {offered}")
    if isinstance(error, (duckdb.BinderException, duckdb.ParserException, duckdb.InvalidInputException)):
        return ConfigurationError(str(error))
    # An error of no kind comes from the middle of a file that is damaged, and does not name it.
    which = (
        f". A file may be damaged: {remedy('tables verify --make-rows')} says which"
        if type(error) is duckdb.Error
        else ""
    )
    return LoadError(f"DuckDB cannot execute it: {error}{which}")


def _names(query: str, name: str) -> bool:
    """Whether a query may name a table. A text or a comment with the same word only costs a view."""
    return re.search(rf"\b{re.escape(name)}\b", query, re.IGNORECASE) is not None


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _listed(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _duckdb() -> Any:
    try:
        import duckdb
        import pyarrow as _arrow  # noqa: F401 - DuckDB takes frames through it
    except ModuleNotFoundError as error:
        raise MissingExtraError("tables", "SQL") from error
    return duckdb
