"""Compares tables with the lake, and with their own files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor

from ingestify.domain.dataset import Dataset
from ingestify.errors import StoreError
from ingestify.progress.formatting import counted
from ingestify.progress.line import ShowProgress, unshown
from ingestify.store.dataset_store import DatasetStore
from ingestify.tables.definition import TableDefinition
from ingestify.tables.delta import ForeignTable, TablePlace, UnreadableTable, Version, version_of
from ingestify.tables.make_rows import Rows
from ingestify.tables.pending import LakeMoment, find_touched, iter_datasets
from ingestify.tables.problems import Problems
from ingestify.tables.report import TableFault, TablesVerified
from ingestify.tables.work import LoaderOf, Made, Work, iter_made

__all__ = ["verify_tables"]


def verify_tables(
    store: DatasetStore,
    place: TablePlace,
    definitions: Sequence[TableDefinition],
    loader_of: LoaderOf,
    *,
    makes_rows: bool = False,
    executor: Executor | None = None,
    moving: ShowProgress = unshown,
    on_fault: Callable[[TableFault], object] = lambda _: None,
) -> TablesVerified:
    """Compare tables with the lake. A build may go on meanwhile.

    Args:
        store: The lake.
        place: Where the tables are.
        definitions: The tables; those that are not built are left out.
        loader_of: See `LoaderOf`.
        makes_rows: Make the rows of all datasets again, and compare how many there are; also read all of each file.
            Without it, rows are made only of datasets that have none, and only the end of each file is read.
        executor: Makes the rows; None: a process for each core.
        moving: Shows the progress.
        on_fault: Called with each fault when it is found.

    Raises:
        StoreError: The lake or a table cannot be read.
    """
    moment = LakeMoment.of(store)
    verification = _Verification(loader_of, makes_rows=makes_rows, on_fault=on_fault)
    with moving(lambda: f"{counted(len(verification.seen), 'dataset')} compared"):
        for definition in definitions:
            verification.open(_Table(store, place, definition, moment))
        for made in iter_made(store, verification.iter_work(iter_datasets(store, None)), executor):
            verification.compare_rows(made)
        verification.end()
    return TablesVerified(
        verification.faults,
        verification.names,
        len(verification.seen),
        sum(table.rows for table in verification.tables),
        len(verification.behind),
    )


class _Verification:
    """The verification of some tables.

    Attributes:
        faults: What was found.
        names: The tables that are built.
        tables: Those that can be read.
        seen: The datasets of the lake.
        behind: Those that changed since the last build.
    """

    def __init__(
        self,
        loader_of: LoaderOf,
        *,
        makes_rows: bool,
        on_fault: Callable[[TableFault], object],
    ) -> None:
        self.faults: list[TableFault] = []
        self.names: list[str] = []
        self.tables: list[_Table] = []
        self.seen: set[str] = set()
        self.behind: set[str] = set()
        self._loader_of = loader_of
        self._makes_rows = makes_rows
        self._on_fault = on_fault

    def tell(self, found: Iterable[TableFault]) -> None:
        for fault in found:
            self.faults.append(fault)
            self._on_fault(fault)

    def open(self, table: _Table) -> None:
        """Add a table. If it cannot be read, or a file of it, that is its fault."""
        try:
            if table.folder.load() is None:
                return
            damages = table.find_damages(reads_all=self._makes_rows)
            if not damages:
                table.begin()
                self.tables.append(table)
        except (UnreadableTable, ForeignTable) as error:
            damages = [table.unreadable(error)]
        self.names.append(table.definition.name)
        self.tell(damages)

    def end(self) -> None:
        """All datasets were compared: what is left in the tables is of none."""
        for table in self.tables:
            self.tell(table.end(self.seen))

    def iter_work(self, datasets: Iterable[Dataset]) -> Iterator[Work]:
        """Compare the versions of datasets, and yield those whose rows have to be made."""
        for dataset in datasets:
            self.seen.add(dataset.dataset_id)
            loader = self._loader_of(dataset)
            doubtful = [table.definition for table in self.tables if self._is_doubtful(table, dataset, loader)]
            if doubtful:
                yield Work(dataset, tuple(doubtful), loader)

    def _is_doubtful(self, table: _Table, dataset: Dataset, loader: str | None) -> bool:
        if dataset.dataset_id in (table.touched or ()):
            self.behind.add(dataset.dataset_id)
            return False
        is_for = table.definition.is_for(dataset, loader)
        self.tell(table.compare(dataset, is_for=is_for))
        return is_for and table.is_doubtful(dataset, makes_rows=self._makes_rows)

    def compare_rows(self, made: Made) -> None:
        for table in self.tables:
            if table.definition in made.work.tables:
                self.tell(table.compare_rows(made.work.dataset, made.rows_of(table.definition)))


class _Table:
    """The verification of one table."""

    def __init__(self, store: DatasetStore, place: TablePlace, definition: TableDefinition, moment: LakeMoment) -> None:
        self.definition = definition
        self.folder = place.folder(definition.name)
        self.touched: set[str] | None = None
        self.rows = 0
        self._store = store
        self._moment = moment
        self._problems = Problems(place, moment.lake_id)
        self._failed: dict[str, Version] = {}
        self._counts: dict[str, dict[Version, int]] = {}

    def find_damages(self, *, reads_all: bool) -> list[TableFault]:
        """Return the damaged files."""
        return [self._fault("file", path, what) for path, what in self.folder.iter_damaged(reads_all=reads_all)]

    def unreadable(self, error: StoreError) -> TableFault:
        """Return the fault that it cannot be read."""
        return self._fault("unreadable", "the whole table", str(error))

    def begin(self) -> None:
        """Read what the table has. The snapshot is older than what is read of the lake."""
        position = self.folder.find_position(self._moment.cursor[0])
        self.touched = find_touched(self._store, self._moment, position)
        self._failed = {one.dataset_id: one.version for one in self._problems.find(self.definition.name)}
        self._counts = self.folder.count_rows()
        self.rows = sum(sum(found.values()) for found in self._counts.values())

    def compare(self, dataset: Dataset, *, is_for: bool) -> Iterator[TableFault]:
        """Yield what is wrong with the version of a dataset's rows."""
        found = self._counts.get(dataset.dataset_id, {})
        if found and not is_for:
            yield self._fault("extra", str(dataset), "the table is not for it")
        elif len(found) > 1:
            yield self._fault("mixed", str(dataset), f"its rows are of {len(found)} versions")
        elif found and not self.folder.is_version(next(iter(found)), version_of(dataset)):
            yield self._fault("other version", str(dataset), "its rows are not those of its current version")

    def is_doubtful(self, dataset: Dataset, *, makes_rows: bool) -> bool:
        """Whether only its rows show whether the table has all of them."""
        if dataset.dataset_id in self._counts:
            return makes_rows
        return self._failed.get(dataset.dataset_id) != version_of(dataset)

    def compare_rows(self, dataset: Dataset, made: Rows) -> Iterator[TableFault]:
        """Yield the difference between the rows that a dataset has and those that it should have."""
        there = sum(self._counts.get(dataset.dataset_id, {}).values())
        if made.problem:
            yield self._fault(
                "lacking", str(dataset), f"its rows cannot be made, which is noted nowhere: {made.problem}"
            )
        elif made.height and not there:
            yield self._fault("lacking", str(dataset), f"the table has none of its {counted(made.height, 'row')}")
        elif made.height != there:
            yield self._fault("row count", str(dataset), f"it has {there:,} rows, and should have {made.height:,}")

    def end(self, seen: set[str]) -> Iterator[TableFault]:
        """Yield the rows of datasets that the lake does not have."""
        for dataset_id in sorted(self._counts.keys() - seen - (self.touched or set())):
            yield self._fault("extra", f"dataset {dataset_id}", "the lake does not have it")

    def _fault(self, kind: str, where: str, what: str) -> TableFault:
        return TableFault(self.definition.name, kind, where, what)
