"""What a lake has of each competition in a season, and how old it is for each selector."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ingestify.catalogue.databases.connection import Database
from ingestify.catalogue.databases.retries import retried
from ingestify.catalogue.reading.datasets import DatasetReader
from ingestify.catalogue.rows import DATASET_STATES, json_value, moment_from_text, to_moment
from ingestify.catalogue.selection import chunks, conditions
from ingestify.catalogue.tables import WITH_WATCH_MARKS, Tables
from ingestify.domain.dataset import DatasetState
from ingestify.domain.identifier import Identifier, canonical_value
from ingestify.domain.overview import CompetitionCoverage, SelectorFreshness
from ingestify.domain.ports import CompetitionCount, DatasetFilter
from ingestify.domain.quarantine import QuarantineState
from ingestify.domain.run import RunState, TaskOutcome
from ingestify.errors import SourceError

__all__ = ["Coverage"]

_Place = tuple[str, str, str, str]
"""Provider, dataset type, competition and season."""

_COMPETITION_KEYS = ("competition_id", "iteration_id")
_SEASON_KEYS = ("season_id",)

_NOT_DONE = ("failed", "quarantined", "left_out")
"""The counters of datasets that are not as the provider has them."""

_DONE = (RunState.FINISHED, RunState.SKIPPED)


class Coverage:
    """Counts datasets and the last job of each selector. Each call sees one moment."""

    def __init__(self, database: Database, tables: Tables, datasets: DatasetReader) -> None:
        self._database = database
        self._dialect = database.dialect
        self._tables = tables
        self._datasets = datasets

    @retried
    def read(self, bucket: str) -> list[CompetitionCoverage]:
        """Return what the lake has of each competition in a season, by provider, type, competition and season."""
        found: dict[_Place, _Counts] = collections.defaultdict(_Counts)
        with self._database.read("count what it holds") as connection:
            for *place, state, files, number, newest in connection.execute(self._stored(bucket)):
                found[_place(place)].add(DATASET_STATES[state], _feeds_of(json_value(files or "[]")), number, newest)
            self._take_removed(connection, bucket, found)
            for *place, number, stored in connection.execute(self._waiting(bucket)):
                counts = found[_place(place)]
                counts.quarantined, counts.only_quarantined = number, number - int(stored)
            selectors = self._find_selectors(connection, bucket)
            self._add_failed(connection, bucket, selectors, found)
        for one in selectors:
            # One that leaves out the competition or the season counts if only one place is of it.
            places = [place for place in found if one.covers(place)] if one.place is None else [one.place]
            if len(places) == 1 and (places[0] in found or one.discovered):
                counts = found[places[0]]
                counts.name, counts.discovered = one.name, max(counts.discovered, one.discovered)
        return [found[place].as_coverage(place) for place in sorted(found)]

    @retried
    def count(self, dataset_filter: DatasetFilter) -> list[CompetitionCount]:
        """Count the datasets that a filter names by competition, season and state, with one look at each row."""
        assert dataset_filter.where is None, "a condition is evaluated dataset by dataset"
        dataset = self._tables.dataset
        wanted = conditions(self._dialect, dataset, dataset_filter)
        each = self._places(dataset, wanted, "state", "current_created_at")
        kinds = (*each[:4], each.state)
        statement = sa.select(*kinds, sa.func.count(), sa.func.max(each.current_created_at)).group_by(*kinds)
        with self._database.read("count datasets") as connection:
            rows = connection.execute(statement).all()
        return [
            CompetitionCount(*_place(place), DATASET_STATES[state], number, moment_from_text(newest))
            for *place, state, number, newest in rows
        ]

    @retried
    def read_freshness(self, bucket: str) -> list[SelectorFreshness]:
        """Return how old the lake is for each selector that runs remember, by source and name."""
        each = self._places(self._tables.dataset, [self._tables.dataset.c.bucket == bucket], "last_modified_at")
        newest = sa.select(*each[:4], sa.func.max(each.last_modified_at)).group_by(*each[:4])
        with self._database.read("read when its selectors were ingested") as connection:
            selectors = self._find_selectors(connection, bucket)
            cleanly = self._find_last_done(connection, [one.key_hash for one in selectors if not one.is_done])
            times = {_place(place): moment_from_text(at) for *place, at in connection.execute(newest)}
        found = [
            SelectorFreshness(
                source=one.source,
                provider=one.provider,
                dataset_type=one.dataset_type,
                selector=one.selector,
                name=one.name,
                last_run_at=one.ended_at,
                state=one.state,
                failed=one.counters.get("failed", 0),
                quarantined=one.counters.get("quarantined", 0),
                complete_at=one.ended_at if one.is_done else cleanly.get(one.key_hash),
                newest_at=max((at for place, at in times.items() if at and one.covers(place)), default=None),
            )
            for one in selectors
        ]
        return sorted(found, key=lambda one: (one.source, one.dataset_type, one.name, json.dumps(one.selector)))

    # ---- datasets --------------------------------------------------------------------------------------

    def _places(
        self, table: sa.Table, wanted: Sequence[sa.ColumnElement[bool]], *names: str, **others: sa.ColumnElement[Any]
    ) -> Any:
        """Return the columns of a subquery: provider, type, competition and season of the rows of a table, and more.

        Rows are grouped outside of it, as an expression with a parameter may be another one each time.
        """
        key = table.c.identifier_key
        competition, season = (
            sa.func.coalesce(*(self._dialect.attribute(key, name) for name in names), "")
            for names in (_COMPETITION_KEYS, _SEASON_KEYS)
        )
        more = [*(table.c[name] for name in names), *(column.label(name) for name, column in others.items())]
        own = (*table.c["provider", "dataset_type"], competition.label("competition"), season.label("season"))
        return sa.select(*own, *more).where(*wanted).subquery().c

    def _stored(self, bucket: str) -> sa.Select[Any]:
        dataset, file = self._tables.dataset, self._tables.file.c
        # The files of all revisions: the primary key has all that this needs.
        files = sa.select(self._dialect.gather([file.file_id])).where(file.dataset_id == dataset.c.dataset_id)
        each = self._places(
            dataset, [dataset.c.bucket == bucket], "state", "last_modified_at", files=files.scalar_subquery()
        )
        by = (*each[:4], each.state, each.files)
        return sa.select(*by, sa.func.count(), sa.func.max(each.last_modified_at)).group_by(*by)

    def _take_removed(self, connection: sa.Connection, bucket: str, found: Mapping[_Place, _Counts]) -> None:
        """Take out the files that a later revision removed; few datasets have any."""
        dataset, revision = self._tables.dataset.c, self._tables.revision.c
        theirs = sa.select(revision.dataset_id).where(revision.removed_file_ids.is_not(None))
        wanted = sa.select(dataset.dataset_id).where(dataset.bucket == bucket, dataset.dataset_id.in_(theirs))
        for ids in chunks(connection.scalars(wanted).all()):
            for one in self._datasets.load(connection, ids):
                counts = found[_place_of(one.provider, one.dataset_type, one.identifier)]
                ever = {file.data_feed_key for each in one.revisions for file in each.modified_files}
                counts.feeds.subtract(ever - {file.data_feed_key for file in one.files.values()})

    def _waiting(self, bucket: str) -> sa.Select[Any]:
        entry, dataset = self._tables.quarantine, self._tables.dataset.c
        wanted = [entry.c.bucket == bucket, entry.c.state == QuarantineState.OPEN.value]
        is_stored = sa.exists().where(dataset.dataset_id == entry.c.dataset_id)
        each = self._places(entry, wanted, "dataset_id", is_stored=sa.case((is_stored, 1), else_=0))
        # A dataset may have an entry of each source.
        of_dataset = (*each[:4], each.dataset_id, each.is_stored)
        one = sa.select(*of_dataset).distinct().subquery().c
        return sa.select(*one[:4], sa.func.count(), sa.func.sum(one.is_stored)).group_by(*one[:4])

    # ---- selectors -------------------------------------------------------------------------------------

    def _find_selectors(self, connection: sa.Connection, bucket: str) -> list[_Selector]:
        """Return the selectors of a bucket that runs remember, each with its last job that has ended."""
        if self._dialect.is_older_than(WITH_WATCH_MARKS):
            return []  # of an archive of older tables, only what is in it counts
        sync, repeat, job = self._tables.selector_sync.c, self._tables.job_repeat.c, self._tables.job.c
        newest = sa.select(repeat.key_hash, sa.func.max(repeat.started_at).label("at")).group_by(repeat.key_hash)
        last = newest.subquery().c
        statement = (
            sa.select(sync.key_hash, sync.selector_key, repeat.job_id, repeat.last, job.selector, job.selector_name)
            .select_from(self._tables.selector_sync)
            .outerjoin(last.key_hash.table, last.key_hash == sync.key_hash)
            .outerjoin(self._tables.job_repeat, (repeat.key_hash == last.key_hash) & (repeat.started_at == last.at))
            .outerjoin(self._tables.job, job.job_id == repeat.job_id)
        )
        found = [_Selector.of(row) for row in connection.execute(statement)]
        return [one for one in found if one.bucket == bucket]

    def _find_last_done(self, connection: sa.Connection, keys: Sequence[str]) -> dict[str, dt.datetime]:
        """Return when a job of each selector last ended after which nothing was left to do."""
        repeat = self._tables.job_repeat.c
        is_done = [sa.not_(repeat.last.contains(what, autoescape=True)) for what in (*_NOT_DONE, "FAILED", "ABORTED")]
        found: dict[str, dt.datetime] = {}
        for some in chunks(keys):
            newest = (
                sa.select(repeat.key_hash, sa.func.max(repeat.last_started_at).label("at"))
                .where(self._dialect.any_of(repeat.key_hash, some), *is_done)
                .group_by(repeat.key_hash)
                .subquery()
                .c
            )
            statement = sa.select(repeat.key_hash, repeat.last).join(
                newest.at.table, (repeat.key_hash == newest.key_hash) & (repeat.last_started_at == newest.at)
            )
            for key_hash, last in connection.execute(statement):
                if (ended_at := json_value(last)["ended_at"]) is not None:
                    found[key_hash] = to_moment(ended_at)
        return found

    def _add_failed(
        self, connection: sa.Connection, bucket: str, selectors: Iterable[_Selector], found: Mapping[_Place, _Counts]
    ) -> None:
        """Count the datasets that failed in the last job of their selector."""
        jobs = {one.job_id: one for one in selectors if one.counters.get("failed") and one.job_id is not None}
        task, dataset = self._tables.task.c, self._tables.dataset.c
        lost: dict[tuple[str, str], dict[str, _Place]] = collections.defaultdict(dict)
        for ids in chunks(jobs):
            wanted = (self._dialect.any_of(task.job_id, ids), task.outcome == TaskOutcome.FAILED.value)
            statement = sa.select(task.job_id, task.identifier, task.dataset_id).where(*wanted)
            for job_id, text, dataset_id in connection.execute(statement):
                one = jobs[job_id]
                identifier = _identifier_of(text)
                place = one.place or _place_of(one.provider, one.dataset_type, identifier)
                found[place].failed += 1
                if dataset_id is None:
                    lost[one.provider, one.dataset_type][identifier.canonical] = place
        for (provider, dataset_type), places in lost.items():
            for keys in chunks(places):
                kind = (dataset.bucket == bucket, dataset.provider == provider, dataset.dataset_type == dataset_type)
                stored = sa.select(dataset.identifier_key).where(
                    *kind, self._dialect.any_of(dataset.identifier_key, keys)
                )
                for key in set(keys).difference(connection.scalars(stored)):
                    found[places[key]].never_stored += 1


@dataclasses.dataclass(slots=True)
class _Counts:
    """What is counted of one competition in a season."""

    name: str = ""
    discovered: int = 0
    states: collections.Counter[DatasetState] = dataclasses.field(default_factory=collections.Counter)
    feeds: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    quarantined: int = 0
    only_quarantined: int = 0
    failed: int = 0
    never_stored: int = 0
    newest: str = ""

    def add(self, state: DatasetState, feeds: Iterable[str], number: int, newest: str | None) -> None:
        """Count datasets that are alike."""
        self.states[state] += number
        self.feeds.update(dict.fromkeys(feeds, number))
        self.newest = max(self.newest, newest or "")

    def as_coverage(self, place: _Place) -> CompetitionCoverage:
        """Return the result."""
        known = self.states.total() - self.states[DatasetState.MISSING] + self.only_quarantined + self.never_stored
        provider, dataset_type, competition_id, season_id = place
        return CompetitionCoverage(
            provider=provider,
            dataset_type=dataset_type,
            competition_id=competition_id,
            season_id=season_id,
            name=self.name,
            expected=max(self.discovered, known),
            states={state: self.states[state] for state in DatasetState if self.states[state]},
            quarantined=self.quarantined,
            only_quarantined=self.only_quarantined,
            failed=self.failed,
            never_stored=self.never_stored,
            feeds={feed: number for feed, number in sorted(self.feeds.items()) if number},
            newest_at=moment_from_text(self.newest or None),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class _Selector:
    """A selector with its last job.

    Attributes:
        bucket: Of its datasets.
        job_id: The job that has the tasks; None: the log has none.
        counters: Of its last job.
    """

    key_hash: str
    bucket: str
    source: str
    provider: str
    dataset_type: str
    selector: Mapping[str, Any]
    name: str
    job_id: str | None
    state: RunState | None
    ended_at: dt.datetime | None
    counters: Mapping[str, int]

    @classmethod
    def of(cls, row: Any) -> _Selector:
        """Return the selector of a row of `_find_selectors`."""
        key = json.loads(row.selector_key)  # see Job.identity
        last = json_value(row.last or "{}")
        return cls(
            key_hash=row.key_hash,
            bucket=key.get("bucket", ""),
            source=key.get("source", ""),
            provider=key.get("provider", ""),
            dataset_type=key.get("dataset_type", ""),
            selector=json_value(row.selector or key.get("selector") or "{}"),
            name=row.selector_name or "",
            job_id=row.job_id,
            state=RunState(last["state"]) if last else None,
            ended_at=moment_from_text(last.get("ended_at")),
            counters=json_value(last.get("counters", "{}")),
        )

    @property
    def discovered(self) -> int:
        """How many datasets its last job listed; 0: unknown."""
        return self.counters.get("discovered", 0)

    @property
    def is_done(self) -> bool:
        """Whether nothing was left to do after its last job."""
        return self.state in _DONE and not any(self.counters.get(name) for name in _NOT_DONE)

    @property
    def place(self) -> _Place | None:
        """The one competition in a season that it names; None: it names none, or several."""
        names = [next((self.selector[key] for key in keys if key in self.selector), None) for keys in _KEYS]
        if not all(isinstance(one, (str, int)) for one in names):
            return None
        return (self.provider, self.dataset_type, *map(canonical_value, names))  # type: ignore[return-value] # two

    def covers(self, place: _Place) -> bool:
        """Whether it may have datasets of a competition in a season."""
        provider, dataset_type, *names = place
        if (provider, dataset_type) != (self.provider, self.dataset_type):
            return False
        given = [[self.selector[key] for key in keys if key in self.selector] for keys in _KEYS]
        return all(not some or name in _texts(some[0]) for some, name in zip(given, names, strict=True))


_KEYS = (_COMPETITION_KEYS, _SEASON_KEYS)


def _texts(value: object) -> list[str]:
    return [canonical_value(one) for one in (value if isinstance(value, list) else [value])]


def _place(parts: Sequence[str]) -> _Place:
    provider, dataset_type, competition, season = parts
    return provider, dataset_type, competition, season


def _place_of(provider: str, dataset_type: str, identifier: Mapping[str, Any]) -> _Place:
    names = (next((identifier[key] for key in keys if identifier.get(key) is not None), "") for keys in _KEYS)
    return (provider, dataset_type, *map(canonical_value, names))  # type: ignore[return-value] # two


def _identifier_of(text: str) -> Identifier:
    """Return the identifier of a task; an empty one if the task is of an entry that could not be read."""
    try:
        return Identifier.parse(text)
    except SourceError:
        return Identifier()


def _feeds_of(files: Sequence[Sequence[str]]) -> set[str]:
    return {file_id.rpartition("__")[0] for (file_id,) in files}
