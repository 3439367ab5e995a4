"""Builds tables: makes the rows of the datasets that changed, and commits them in batches.

A batch is committed with all of its rows, and with what replaces what, at once. The last commit of a table has the
position of the lake's event log up to which it is complete. A build that is killed leaves whole batches; the next one
compares versions, and goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor

from ingestify.domain.dataset import Dataset
from ingestify.errors import StoreError
from ingestify.failpoints import failpoint
from ingestify.progress.formatting import counted
from ingestify.progress.line import ShowProgress, unshown
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore
from ingestify.tables.batch import Batch
from ingestify.tables.column_types import own_types
from ingestify.tables.columns import Columns
from ingestify.tables.definition import TableDefinition
from ingestify.tables.delta import Overtaken, Stamp, TablePlace, UnreadableTable, version_of
from ingestify.tables.make_rows import Rows
from ingestify.tables.pending import LakeMoment, Pending, find_touched, iter_datasets, may_concern
from ingestify.tables.problems import Problems
from ingestify.tables.report import BuiltTable, TablesBuilt
from ingestify.tables.work import LoaderOf, Made, Work, iter_made

__all__ = ["build_tables"]

logger = PrintableLogger(__name__)

_REMOVED_AT_ONCE = 1000
_TRIES = 20
_KILLED_AFTER = dt.timedelta(days=1)
"""A build that has not written to its new table for so long was killed."""


def build_tables(
    store: DatasetStore,
    place: TablePlace,
    definitions: Sequence[TableDefinition],
    loader_of: LoaderOf,
    *,
    is_anew: bool = False,
    retries: bool = False,
    executor: Executor | None = None,
    moving: ShowProgress = unshown,
) -> TablesBuilt:
    """Bring tables to the state of the lake.

    Args:
        store: The lake.
        place: Where the tables are.
        definitions: The tables.
        loader_of: See `LoaderOf`.
        is_anew: Make all rows again. Readers see the old ones until all new ones are there.
        retries: Try again the datasets that failed and have not changed.
        executor: Makes the rows; None: a process for each core.
        moving: Shows the progress.

    Raises:
        ConfigurationError: A function cannot be imported, or an extra is not installed.
        StoreError: The lake cannot be read, or the tables cannot be written. Committed batches stay.
    """
    began = time.monotonic()
    moment = LakeMoment.of(store)
    problems = Problems(place, moment.lake_id)
    builds = [_TableBuild(store, place, one, moment, problems) for one in definitions]
    counts = _Counts()
    if moment.lake_id or moment.position:
        with moving(lambda: counts.text):
            try:
                for build in builds:
                    build.begin(is_anew=is_anew, retries=retries)
                _make_all(iter_made(store, _iter_work(store, builds, loader_of, counts), executor), builds, counts)
                for build in builds:
                    build.finish()
            finally:
                for build in builds:
                    build.leave()
            problems.tidy()
    return TablesBuilt([build.report for build in builds], time.monotonic() - began)


@dataclasses.dataclass(slots=True)
class _Counts:
    seen: int = 0
    made: int = 0

    @property
    def text(self) -> str:
        return f"{counted(self.seen, 'dataset')} compared · rows of {self.made:,} made"


def _iter_work(
    store: DatasetStore, builds: Sequence[_TableBuild], loader_of: LoaderOf, counts: _Counts
) -> Iterator[Work]:
    for dataset in iter_datasets(store, may_concern([build.pending for build in builds])):
        counts.seen += 1
        loader = loader_of(dataset)
        wanted = tuple(build.definition for build in builds if build.pending.wants(dataset, loader))
        if wanted:
            yield Work(dataset, wanted, loader)


def _make_all(made: Iterator[Made], builds: Sequence[_TableBuild], counts: _Counts) -> None:
    try:
        for one in made:
            counts.made += 1
            for build in builds:
                if build.definition in one.work.tables:
                    build.add(one.work.dataset, one.rows_of(build.definition))
    except KeyboardInterrupt:
        for build in builds:
            if not build.is_beside:
                build.flush()  # what is finished is kept
        raise


class _TableBuild:
    """The build of one table.

    Attributes:
        pending: What the table lacks.
        report: What was done.
    """

    pending: Pending
    _batch: Batch

    def __init__(
        self,
        store: DatasetStore,
        place: TablePlace,
        definition: TableDefinition,
        moment: LakeMoment,
        problems: Problems,
    ) -> None:
        self.definition = definition
        self.report = BuiltTable(definition.name)
        self._store = store
        self._place = place
        self._moment = moment
        self._problems = problems
        self._table = place.folder(definition.name)
        self._folder = self._table
        """Where the rows are written to: the table, or one beside it that will take its place."""
        self._stamp = Stamp(moment.lake_id, definition.made_by)
        self._is_overtaken = False

    def begin(self, *, is_anew: bool, retries: bool) -> None:
        """Find out what the table lacks. The snapshot is older than what is read of the lake from now on."""
        try:
            self._table.load()
        except UnreadableTable:
            if not is_anew:
                raise
            self._table.remove()
            self.report.is_whole = True
        if not self._table.exists:
            self._table.require_own()  # there may be other files in the folder
            self.report.is_new = True
        elif is_anew or not self._table.is_made_by(self._stamp.made_by):
            self._begin_anew()
        failed = {one.dataset_id: one.version for one in self._problems.find(self.definition.name)}
        position = self._folder.find_position(self._moment.cursor[0]) if self._folder.exists else None
        touched = find_touched(self._store, self._moment, position)
        self.pending = Pending(self.definition, self._folder, touched, failed, retries or self.report.is_whole)

        self._batch = self._new_batch()

    def _new_batch(self) -> Batch:
        names = self._folder.schema() if self._folder.exists else {}
        return Batch(self.definition.name, {name.lower(): name for name in names})

    def _begin_anew(self) -> None:
        """Write into a table beside the old one, of this build alone: several may make the table anew at once."""
        self.report.is_whole = True
        self._folder = self._place.new_folder(self.definition.name)

    @property
    def is_beside(self) -> bool:
        """Whether the rows are written into a table that will take the place of the old one."""
        return self._folder is not self._table

    def add(self, dataset: Dataset, rows: Rows) -> None:
        """Add the rows of a dataset, and commit the batch if it is large enough."""
        self._batch.add(dataset, rows)
        if self.definition.is_large or self._batch.is_full:
            self.flush()

    def finish(self) -> None:
        """Commit what is left, with the position; then the table is complete up to it."""
        self.pending.end()
        self.flush(is_last=True)
        self._problems.forget(self.definition.name, self.pending.solved)
        if self.is_beside:
            failpoint("tables.made_anew")
            self._try(self._take_the_place, self._table.load)
            failpoint("tables.exchanged")
        self._place.remove_new_folders(self.definition.name, older_than=_KILLED_AFTER)
        if self.report.is_changed or self.report.is_new:
            if self._table.load() is None:
                raise StoreError(f"The table '{self.definition.name}' was removed while it was built; build it again.")
            self._table.tidy()
            failpoint("tables.tidied")

    def leave(self) -> None:
        """Remove the table beside the old one: it has taken its place, or the build has failed."""
        if self.is_beside:
            folder, self._folder = self._folder, self._table
            with contextlib.suppress(StoreError):  # a later build removes it
                folder.remove()

    def _take_the_place(self) -> None:
        schema = self._folder.schema()
        stamp = dataclasses.replace(self._stamp, cursor=self._moment.cursor)
        self._table.overwrite(self._folder.iter_frames(schema), schema, stamp)

    # ---- a batch ---------------------------------------------------------------------------------------

    def flush(self, *, is_last: bool = False) -> None:
        """Commit the batch; the last one with the position of the event log."""
        batch, self._batch = self._batch, self._new_batch()
        if not batch.datasets and not is_last:
            return
        failpoint("tables.made")
        self._problems.note(batch.problems)
        failpoint("tables.noted")
        if self._is_overtaken:
            self._compare_again(batch)
        self._try(lambda: self._commit(batch, is_last=is_last), lambda: self._look_again(batch))
        failpoint("tables.committed")
        self._problems.forget(self.definition.name, batch.ids_without_problem & self.pending.failed.keys())
        self.report.failed += batch.problems

    def _try(self, commit: Callable[[], object], compare_again: Callable[[], object]) -> None:
        for _ in range(_TRIES):
            try:
                commit()
                return
            except Overtaken:
                logger.info("Another build wrote to the table '%s'; this one looks again.", self.definition.name)
                compare_again()
        raise StoreError(f"Other builds write to the table '{self.definition.name}' all the time; try again.")

    def _commit(self, batch: Batch, *, is_last: bool) -> None:
        if not self._folder.exists:
            schema = batch.columns.types or own_types()
            self._folder.create(schema, is_partitioned=self.definition.is_large, stamp=self._stamp)
            failpoint("tables.created")
        if is_last:
            self._remove()
        self._widen(batch.columns)
        position = self._folder.find_position(self._moment.cursor[0])
        moves = is_last and (position is None or position < self._moment.position)
        replaced = batch.datasets.keys() & self.pending.replaced
        if not (batch.height or replaced or moves):
            return
        stamp = dataclasses.replace(self._stamp, cursor=self._moment.cursor) if moves else self._stamp
        if batch.height and not self._folder.table.file_uris():
            schema = batch.columns.types  # in this order
            self._folder.overwrite(batch.iter_frames(schema), schema, stamp)
        else:
            there = self._folder.schema()
            schema = {**there, **{name: kind for name, kind in batch.columns.types.items() if name not in there}}
            gone = replaced | batch.ids_with_rows if replaced else replaced
            self._folder.replace(gone, batch.iter_frames(schema), schema, stamp)
        self.report.count(batch.ids_with_rows, replaced, batch.height)

    def _remove(self) -> None:
        removed = sorted(self.pending.removed)
        for start in range(0, len(removed), _REMOVED_AT_ONCE):
            self._folder.replace(removed[start : start + _REMOVED_AT_ONCE], [], self._folder.schema(), self._stamp)
            failpoint("tables.removed")
        self.report.removed += len(removed)
        self.pending.removed.clear()

    def _widen(self, columns: Columns) -> None:
        wider = columns.find_wider(self._folder.schema(), self._folder.find_largest)
        if wider:
            self._folder.widen(wider, self._stamp)
            failpoint("tables.widened")

    def _look_again(self, batch: Batch) -> None:
        """Load the table. From now on it has rows that were not there when the build began."""
        self._folder.load()
        self._is_overtaken = True
        self._compare_again(batch)

    def _compare_again(self, batch: Batch) -> None:
        """Drop from the batch what the other build has done, and what the lake has in other versions by now."""
        ids = batch.datasets.keys() | self.pending.removed
        there = self._folder.contents(ids) if self._folder.exists else {}
        self.pending.replaced = (self.pending.replaced - ids) | there.keys()
        self.pending.removed &= there.keys()
        current = {one.dataset_id: version_of(one) for one in iter_datasets(self._store, set(batch.datasets))}
        for dataset_id, dataset in list(batch.datasets.items()):
            version, found = version_of(dataset), there.get(dataset_id)
            is_there = found is not None and self._folder.is_version(found, version)
            # Of another version, the event comes after this build's position: the next build makes its rows.
            if is_there or current.get(dataset_id) != version:
                batch.drop(dataset_id)
