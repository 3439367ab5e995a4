"""The tables of a lake: which there are, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from ingestify.domain.ports import DatasetFilter
from ingestify.errors import ConfigurationError, StoreError
from ingestify.progress.line import ShowProgress, unshown
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.suggestion import did_you_mean
from ingestify.tables.building import build_tables
from ingestify.tables.definition import TableDefinition
from ingestify.tables.delta import TablePlace
from ingestify.tables.pending import LakeMoment
from ingestify.tables.problems import NAME as PROBLEMS
from ingestify.tables.problems import Problems, TableProblem
from ingestify.tables.reading import MATCHES, filtered, read_matches, scan_table
from ingestify.tables.registry import STANDARD, get_definition, installed_definitions
from ingestify.tables.report import TableFault, TablesBuilt, TableState, TableStates, TablesVerified
from ingestify.tables.sql import SqlLimits, SqlParameters, run_sql
from ingestify.tables.verifying import verify_tables
from ingestify.tables.work import LoaderOf

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LakeTables"]

_LOOKED_AT_FOR_FEEDS = 1000


class LakeTables:
    """The tables of one bucket of a lake.

    Args:
        store: The lake.
        place: Where the tables are.
        own: The tables of the settings.
        chosen: The names of the tables that a build makes if none is named; None: the standard ones, those of
            installed packages, and `own`.
        loader_of: See `LoaderOf`.

    Raises:
        ConfigurationError: A table of the settings has the name of another one.
    """

    def __init__(
        self,
        store: DatasetStore,
        place: TablePlace,
        own: Sequence[TableDefinition],
        chosen: Sequence[str] | None,
        loader_of: LoaderOf,
    ) -> None:
        self.place = place
        self._store = store
        self._own: dict[str, TableDefinition] = {}
        for one in own:
            if one.name in (*self._own, *(standard.name for standard in STANDARD), PROBLEMS):
                raise ConfigurationError(f"tables.own: there is another table '{one.name}'; give yours another name.")
            self._own[one.name] = one
        self._chosen = chosen
        self._loader_of = loader_of

    def find_definitions(self, names: Collection[str] = ()) -> list[TableDefinition]:
        """Return the tables of some names; without names, those that a build makes.

        Raises:
            ConfigurationError: There is no such table.
        """
        wanted = list(names or self._chosen or ())
        if not all(isinstance(name, str) for name in wanted):
            raise ConfigurationError(f"{wanted!r} are no names of tables: write them one by one, as text.")
        if not wanted and self._chosen is None:
            return [*STANDARD, *installed_definitions(), *self._own.values()]
        known = {one.name for one in STANDARD} | self._own.keys()
        feeds = [] if known.issuperset(wanted) else self._find_feeds()
        return [get_definition(name, feeds, self._own.values()) for name in dict.fromkeys(wanted)]

    def _find_feeds(self) -> list[tuple[str, str]]:
        """Return provider and feed of the lake's files, of the first datasets of each kind."""
        catalogue, bucket = self._store.catalogue.datasets, self._store.bucket
        kinds = {
            (provider, dataset_type) for provider, dataset_type, _ in catalogue.count_by_kind(DatasetFilter(bucket))
        }
        found: dict[tuple[str, str], None] = {}
        for provider, dataset_type in sorted(kinds):
            wanted = DatasetFilter(bucket, dataset_type, provider)
            for dataset in next(catalogue.iter_batches(wanted, _LOOKED_AT_FOR_FEEDS), []):
                found.update(dict.fromkeys((provider, file.data_feed_key) for file in dataset.files.values()))
        return list(found)

    def scan(self, name: str, filters: Mapping[str, object]) -> pl.LazyFrame:
        """Return the rows of a table whose columns have some values, of which nothing is read yet.

        Args:
            name: A built table, or `matches`, which is read from the catalogue.
            filters: A column's name to its value, or to a list of values.

        Raises:
            ConfigurationError: The table is not built, or has no such column.
            StoreError: The table cannot be read.
        """
        frame = read_matches(self._store).lazy() if name == MATCHES else scan_table(self.place, name)
        if frame is None:
            raise self._not_built(name, [MATCHES, *self.place.names()])
        return filtered(frame, name, filters)

    def sql(self, query: str, parameters: SqlParameters | None = None, limits: SqlLimits | None = None) -> pl.DataFrame:
        """Return the result of a query over the tables; see `sql.run_sql`."""
        return run_sql(query, parameters, self._store, self.place, self._find_feeds, limits)

    def build(
        self,
        names: Collection[str] = (),
        *,
        is_anew: bool = False,
        retries: bool = False,
        executor: Executor | None = None,
        moving: ShowProgress = unshown,
    ) -> TablesBuilt:
        """Bring tables to the state of the lake; see `building.build_tables`."""
        if is_anew and not names:
            Problems(self.place, LakeMoment.of(self._store).lake_id).remove_if_unreadable()
        return build_tables(
            self._store,
            self.place,
            self.find_definitions(names),
            self._loader_of,
            is_anew=is_anew,
            retries=retries,
            executor=executor,
            moving=moving,
        )

    def verify(
        self,
        names: Collection[str] = (),
        *,
        makes_rows: bool = False,
        executor: Executor | None = None,
        moving: ShowProgress = unshown,
        on_fault: Callable[[TableFault], object] = lambda _: None,
    ) -> TablesVerified:
        """Compare tables with the lake; see `verifying.verify_tables`. Without names: all that are built."""
        self.require_built(names)
        built = [name for name in self.place.names() if name != PROBLEMS]
        return verify_tables(
            self._store,
            self.place,
            self.find_definitions(names or built) if names or built else [],
            self._loader_of,
            makes_rows=makes_rows,
            executor=executor,
            moving=moving,
            on_fault=on_fault,
        )

    def states(self) -> TableStates:
        """Return the tables that are built, and those that a build would make. One may have a `fault`."""
        moment = LakeMoment.of(self._store)
        names = {*self.place.names(), *(one.name for one in self.find_definitions())} - {PROBLEMS}
        found = TableStates()
        problems: list[TableProblem] = []
        try:
            problems = Problems(self.place, moment.lake_id).find()
        except StoreError as error:
            found.append(TableState(PROBLEMS, is_built=True, fault=str(error)))
        for name in sorted(names):
            found.append(self._state(name, moment, [one for one in problems if one.table == name]))
        return found

    def _state(self, name: str, moment: LakeMoment, problems: list[TableProblem]) -> TableState:
        folder = self.place.folder(name)
        try:
            if folder.load() is None:
                return TableState(name, is_built=False, problems=problems)
            position = folder.find_position(moment.cursor[0])
            behind = None if position is None else max(moment.position - position, 0)
            return TableState(name, is_built=True, **folder.figures(), behind=behind, problems=problems)
        except StoreError as error:
            return TableState(name, is_built=True, problems=problems, fault=str(error))

    def drop(self, names: Collection[str]) -> list[str]:
        """Remove tables with all their files, and their problems. Returns the names.

        Raises:
            ConfigurationError: A table is not built; then none was removed.
            StoreError: A folder has files that are not of a table of this lake; then none was removed. Or it cannot be
                removed.
        """
        self.require_built(names)
        problems = Problems(self.place, LakeMoment.of(self._store).lake_id)
        for name in names:
            self.place.folder(name).require_own()
        for name in names:
            self.place.folder(name).remove()  # first: it makes room on a full disk
            self.place.remove_new_folders(name)
            problems.forget(name)
        return list(names)

    def require_built(self, names: Collection[str]) -> None:
        """Raise a ConfigurationError that says what there is, if one of the tables is not built."""
        built = [name for name in self.place.names() if name != PROBLEMS]
        for name in names:
            if name not in built:
                raise self._not_built(name, built)

    def _not_built(self, name: str, built: Sequence[str]) -> ConfigurationError:
        hint = did_you_mean(name, built) or "."
        there = f" There are {', '.join(built)}; {remedy('tables build')} builds more." if built else ""
        return ConfigurationError(f"The table '{name}' is not built{hint}{there}")
