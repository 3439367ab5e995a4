"""A large catalogue without its files: `python -m tests.support.large_catalogue FOLDER` makes a lake for the pages.

A few datasets, jobs and entries of the quarantine go the ordinary way into small catalogues. Their rows are the
patterns of all others, so that each table has what a lake writes into it.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import datetime as dt
import functools
import hashlib
import itertools
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingestify import clock
from ingestify.catalogue import SqlCatalogue
from ingestify.catalogue.databases.dialect import BulkStatement
from ingestify.catalogue.rows import moment_to_text
from ingestify.domain.change import DatasetChange
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.file import FeedState, NewFile, Validators
from ingestify.domain.identifier import Identifier, canonical_text
from ingestify.domain.ports import SelectorSync
from ingestify.domain.run import Counters, JobEnd, JobSummary, ProcessIdentity, RunState, TaskOutcome, TaskSummary

__all__ = ["DATASETS", "JOBS", "fill_catalogue"]

DATASETS, JOBS = 100_000, 43_800
"""What `fill_catalogue` makes unless another number is asked for; the datasets have 360,000 files."""

_COMPETITIONS = 240
_TEAMS = (
    "Ajax",
    "Málaga",
    "Górnik Zabrze",
    "浦和レッズ",
    "1. FC Köln",
    "O'Higgins",
    "100 % FC",
    "AC_Milan",
    "Brighton",
)
_REASONS = ("events: two shots have the same id", "lineups: the events name 3 players who are not in the lineups")

# What the patterns have in place of texts that differ in each copy.
_DATASET, _JOB, _RUN, _ENTRY = (f"{c * 8}-{c * 4}-4{c * 3}-8{c * 3}-{c * 12}" for c in "abcd")
_COMPETITION, _SEASON, _MATCH, _DISCOVERED = "910000001", "910000002", "910000003", "910000004"
_NAME, _SELECTOR = "Name of the pattern", "Selector of the pattern"
_TAG, _KEY, _DIGEST = "5" * 32, "6" * 64, "7" * 64
_BEGAN, _ENDED, _MODIFIED = (dt.datetime(1999, 1, day, tzinfo=dt.UTC) for day in (1, 2, 3))
_PLACES = (
    *(_DATASET, _JOB, _RUN, _ENTRY, _COMPETITION, _SEASON, _MATCH, _DISCOVERED, _NAME, _SELECTOR, _TAG, _KEY, _DIGEST),
    *(str(moment_to_text(one)) for one in (_BEGAN, _ENDED, _MODIFIED)),
)
_SPLIT = re.compile(f"({'|'.join(map(re.escape, _PLACES))})")

_OF_DATASET = ("dataset", "revision", "file", "event_log")
_OF_ENTRY = ("quarantine", "quarantine_file", "rejection")


@dataclasses.dataclass(frozen=True, eq=False)
class _Kind:
    """What a provider delivers of a dataset.

    Attributes:
        sizes: Feed to the bytes of the provider and the stored bytes.
        share: How many of a hundred datasets of the provider are such.
    """

    provider: str
    dataset_type: str
    share: int
    sizes: Mapping[str, tuple[int, int]]
    state: DatasetState = DatasetState.COMPLETE
    missing: tuple[str, ...] = ()
    is_revised: bool = False


_SHOTS = {"match": (2_000, 600), "lineups": (9_000, 900), "events": (3_100_000, 160_000)}
_FRAMES = {**_SHOTS, "360": (9_000_000, 700_000)}
_WYSCOUT = {"match": (3_000, 700), "formations": (20_000, 1_500), "events": (4_000_000, 190_000), "shots": (9_000, 900)}
_TRACKING = {"match": (9_000, 1_100), "meta": (500, 300), "tracking": (54_000_000, 5_000_000)}
_PROVIDERS = (
    (
        61,
        [
            _Kind("statsbomb", "match", 48, _FRAMES),
            _Kind("statsbomb", "match", 12, _FRAMES, is_revised=True),
            _Kind("statsbomb", "match", 34, _SHOTS),
            _Kind("statsbomb", "match", 3, {"events": _SHOTS["events"]}, DatasetState.PARTIAL, ("lineups",)),
            _Kind("statsbomb", "match", 1, {}, DatasetState.SCHEDULED, ("events", "lineups")),
            _Kind("statsbomb", "match", 2, _SHOTS, DatasetState.MISSING),
        ],
    ),
    (27, [_Kind("wyscout", "match", 100, _WYSCOUT)]),
    (12, [_Kind("skillcorner", "tracking", 100, _TRACKING)]),
)
"""How many of a hundred competitions are of a provider, and what it has."""


@dataclasses.dataclass(frozen=True)
class _Competition:
    """A competition in a season: a selector of a plan.

    Attributes:
        kinds: A hundred, mixed in the same way each time.
        texts: What its rows have at the places of a pattern.
    """

    kinds: Sequence[_Kind]
    texts: Mapping[str, str]

    @classmethod
    def of_number(cls, number: int, count: int) -> _Competition:
        """Return one of so many."""
        bounds = itertools.accumulate(share for share, _ in _PROVIDERS)
        kinds = next(
            kinds for (_, kinds), bound in zip(_PROVIDERS, bounds, strict=True) if number * 100 < bound * count
        )
        each = [kind for kind in kinds for _ in range(kind.share)]
        names = {_COMPETITION: str(1 + number // 4), _SEASON: str(200 + number % 4)}
        texts = {**names, _SELECTOR: f"Competition {1 + number // 4}, season {200 + number % 4}"}
        return cls([each[37 * place % 100] for place in range(100)], texts)

    @property
    def identity(self) -> str:
        """The text that `Job.identity` returns for its job."""
        selector = {"competition_id": self.texts[_COMPETITION], "season_id": self.texts[_SEASON]}
        kind = self.kinds[0]
        return canonical_text(
            {
                "bucket": "main",
                "source": kind.provider,
                "provider": kind.provider,
                "dataset_type": kind.dataset_type,
                "versions": "{}",
                "policy": "ingestify.domain.fetch_policy.FetchPolicy",
                "selector": canonical_text(selector),
            }
        )


def fill_catalogue(
    catalogue: SqlCatalogue, datasets: int = DATASETS, jobs: int = JOBS, *, competitions: int = _COMPETITIONS
) -> None:
    """Fill a new catalogue: datasets that came over months, in a run each night, whose last job goes on.

    For each 250 datasets, one has an open entry in the quarantine, and one match beside them is only there. In the last
    job of every second selector one match failed that never came into the lake.

    Args:
        catalogue: Empty. For 100,000 datasets it takes about half a minute in SQLite.
        datasets: How many datasets.
        jobs: How many jobs; each night, one for each competition in a season.
        competitions: How many competitions in a season there are.
    """
    each = [_Competition.of_number(number, competitions) for number in range(competitions)]
    nights = -(-jobs // competitions)
    first = clock.now().replace(hour=3, minute=0, second=0, microsecond=0) - dt.timedelta(days=nights - 1)
    writer = _Writer(catalogue)
    ingested: dict[int, list[dict[str, str]]] = collections.defaultdict(list)
    for number in range(datasets):
        night, place = number * nights // datasets, number % competitions
        competition, job = each[place], night * competitions + place
        kind = competition.kinds[number // competitions % 100]
        texts = {
            **competition.texts,
            **_moments(first + dt.timedelta(days=night, seconds=10 * place, microseconds=number)),
            _DATASET: _uuid("dataset", number),
            _ENTRY: _uuid("entry", number),
            _JOB: _uuid("job", job),
            _RUN: _uuid("run", night),
            _MATCH: str(3_700_000 + number),
            _NAME: f"{_TEAMS[number % len(_TEAMS)]} - {_TEAMS[number // len(_TEAMS) % len(_TEAMS)]}",
            _TAG: hashlib.md5(b"%d" % number).hexdigest(),
        }
        pattern = _rows_of_dataset(kind)
        if not number:
            writer.add(pattern, texts, ("lake",))
        writer.add(pattern, texts, (*_OF_DATASET, *_OF_ENTRY) if number % 250 == 7 else _OF_DATASET)
        if number % 250 == 9:
            writer.add(pattern, {**texts, _DATASET: _uuid("only", number), _MATCH: f"9{number}"}, _OF_ENTRY)
        ingested[job].append(texts)
    for number in range(jobs):
        night, place = divmod(number, competitions)
        competition, is_last = each[place], number + competitions >= jobs
        state = RunState.RUNNING if number == jobs - 1 else RunState.FINISHED
        has_failed = is_last and place % 2 == 0 and state is RunState.FINISHED
        job_pattern = _rows_of_job(competition.kinds[0], state, has_failed=has_failed)
        texts = {
            **competition.texts,
            **_moments(first + dt.timedelta(days=night, seconds=10 * place)),
            _JOB: _uuid("job", number),
            _RUN: _uuid("run", night),
            _KEY: hashlib.sha256(competition.identity.encode()).hexdigest(),
            _DIGEST: hashlib.sha256(b"%d" % number).hexdigest(),
            _MATCH: f"8{number}",
            _NAME: "Never - Published",
            _DISCOVERED: str(datasets // competitions + 5),
        }
        writer.add(job_pattern, texts, ("job", "job_repeat"))
        tasks = [(_rows_of_job(competition.kinds[0], RunState.FINISHED), one) for one in ingested[number]]
        for task_number, (rows, of_task) in enumerate([*tasks, *([(job_pattern, texts)] if has_failed else [])]):
            writer.add(rows, of_task, ("task",), task_number=task_number)
    writer.flush()
    for place, competition in enumerate(each):
        last = first + dt.timedelta(days=nights - 1, seconds=10 * place)
        catalogue.selector_syncs.save(competition.identity, SelectorSync(None, place % 2 == 1, last))
    catalogue.maintain()


def _moments(began: dt.datetime) -> dict[str, str]:
    times = (began, began + dt.timedelta(seconds=9), began - dt.timedelta(hours=7))
    return dict(zip(_PLACES[-3:], (str(moment_to_text(one)) for one in times), strict=True))


def _uuid(what: str, number: int) -> str:
    found = hashlib.md5(f"{what}{number}".encode()).hexdigest()
    return f"{found[:8]}-{found[8:12]}-4{found[13:16]}-8{found[17:20]}-{found[20:]}"


# ---- patterns -------------------------------------------------------------------------------------------

Row = tuple[dict[str, Any], list[tuple[str, list[str]]]]
"""The values of a row, and the columns whose texts differ, each as its parts."""

Rows = dict[str, list[Row]]
"""The rows of each table."""


@functools.cache
def _rows_of_dataset(kind: _Kind) -> Rows:
    """Return the rows of a dataset, and of an entry in the quarantine."""
    files = [_new_file(kind, feed) for feed in kind.sizes]
    with _pattern_catalogue() as catalogue:
        dataset = _apply(catalogue, kind, None, files)
        if kind.is_revised:
            dataset = _apply(catalogue, kind, dataset, [_new_file(kind, "events", 2)])
        _apply(catalogue, kind, dataset, files, rejected=_REASONS[: 1 + kind.is_revised])
        rows = _read_rows(catalogue)
    rows["rejection"] = [rows["event_log"].pop()]
    return rows


def _apply(
    catalogue: SqlCatalogue, kind: _Kind, existing: Dataset | None, files: Sequence[NewFile], rejected: Any = ()
) -> Dataset:
    identifier = {"competition_id": int(_COMPETITION), "season_id": int(_SEASON), "match_id": int(_MATCH)}
    metadata = {
        "match_date": "2026-05-01",
        "kick_off": "20:45:00.000",
        "competition": f"Competition {_COMPETITION}",
        "season": f"Season {_SEASON}",
        "home_team": {"id": 746, "name": "Ajax"},
        "away_team": {"id": 971, "name": "Málaga"},
        "home_score": 3,
        "away_score": 1,
        "stadium": "Johan Cruijff ArenA",
        "match_week": 12,
    }
    change = DatasetChange(
        bucket="main",
        provider=kind.provider,
        dataset_type=kind.dataset_type,
        identifier=Identifier(identifier),
        name=_NAME,
        state=kind.state,
        metadata=metadata,
        existing=existing,
        files=files,
        feeds=[
            FeedState(f"{file.data_feed_key}__v1", True, _MODIFIED, Validators(f'"{_TAG}"', None), _BEGAN)
            for file in files
        ],
        source={"source": kind.provider, "run": _RUN, "job_id": _JOB, "licence": "for research"},
        missing_feeds=kind.missing,
        dataset_id=_DATASET if existing is None else None,
        rejected=rejected,
    )
    return catalogue.changes.apply([change])[0].dataset


def _new_file(kind: _Kind, feed: str, revision: int = 1) -> NewFile:
    size, stored = kind.sizes[feed]
    tag = _TAG + hashlib.md5(f"{feed}{revision}".encode()).hexdigest()
    folder = f"main/{kind.provider}/{kind.dataset_type}/competition_id={_COMPETITION}/match_id={_MATCH}"
    path = f"{folder}/{feed}__v1-{_DATASET}-{revision}.json.zst"
    return NewFile(feed, "v1", "json", size, tag, "application/json", stored, "zstd", path, _MODIFIED)


@functools.cache
def _rows_of_job(kind: _Kind, state: RunState, *, has_failed: bool = False) -> Rows:
    """Return the rows of a job with one task: a new dataset, or one that failed."""
    counts = {"discovered": int(_DISCOVERED), "new": 1, "requests": 200, "received_bytes": 2**31}
    outcome = (TaskOutcome.FAILED, RunState.FAILED) if has_failed else (TaskOutcome.NEW, RunState.FINISHED)
    job = JobSummary(
        job_id=_JOB,
        run_id=_RUN,
        source=kind.provider,
        provider=kind.provider,
        dataset_type=kind.dataset_type,
        data_spec_versions={feed: ["v1"] for feed in kind.sizes},
        selector={"competition_id": int(_COMPETITION), "season_id": int(_SEASON)},
        selector_name=_SELECTOR,
        state=state,
        process=ProcessIdentity("host", 42, "then"),
        started_at=_BEGAN,
        updated_at=_ENDED,
        ended_at=None if state is RunState.RUNNING else _ENDED,
        counters=Counters(**counts, failed=1) if has_failed else Counters(**counts),
        timings={"discovery": 0.25, "total": 9.5},
        tasks=[
            TaskSummary(
                f"competition_id={_COMPETITION}/season_id={_SEASON}/match_id={_MATCH}",
                *outcome,
                started_at=_BEGAN,
                ended_at=_ENDED,
                dataset_id=None if has_failed else _DATASET,
                name=_NAME,
                revision_id=None if has_failed else 0,
                error="HTTP 500 of https://provider.example/events" if has_failed else "",
            )
        ],
    )
    with _pattern_catalogue() as catalogue:
        catalogue.jobs.save(dataclasses.replace(job, end=None if state is RunState.RUNNING else JobEnd.of(job, "")))
        return _read_rows(catalogue, {"key_hash": _KEY, "digest": _DIGEST})


@contextlib.contextmanager
def _pattern_catalogue() -> Iterator[SqlCatalogue]:
    """Yield a catalogue in memory, in which it is always the moment of the pattern."""
    with clock.reading(lambda: _BEGAN):
        catalogue = SqlCatalogue.open("sqlite:///:memory:")
        yield catalogue
        catalogue.close()


def _read_rows(catalogue: SqlCatalogue, others: Mapping[str, str] = {}) -> Rows:
    found: Rows = {}
    with catalogue._database.read("read a pattern") as connection:
        (entry_id,) = connection.scalars(sa.select(catalogue._tables.quarantine.c.entry_id)).all() or [_ENTRY]
        for name, table in _tables_of(catalogue).items():
            for row in connection.execute(sa.select(table)).mappings():
                values = {key: value for key, value in row.items() if key != "position"}
                values |= {key: value for key, value in others.items() if key in values}
                texts = {
                    key: value.replace(entry_id, _ENTRY) for key, value in values.items() if isinstance(value, str)
                }
                parts = [(key, _SPLIT.split(text)) for key, text in texts.items() if _SPLIT.search(text)]
                found.setdefault(name, []).append((values, parts))
    return found


def _tables_of(catalogue: SqlCatalogue) -> dict[str, sa.Table]:
    """Return the tables by their names without the prefix, those first that others refer to."""
    prefix = catalogue._tables.prefix
    return {table.name.removeprefix(prefix): table for table in catalogue._tables.metadata.sorted_tables}


class _Writer:
    """Inserts copies of patterns, many at a time."""

    def __init__(self, catalogue: SqlCatalogue) -> None:
        self._catalogue = catalogue
        self._tables = _tables_of(catalogue)
        self._inserts: dict[str, BulkStatement] = {}
        self._waiting: dict[str, list[dict[str, Any]]] = {name: [] for name in self._tables}
        self._count = 0

    def add(self, rows: Rows, texts: Mapping[str, str], tables: Iterable[str], **others: Any) -> None:
        """Add a copy of the rows of some tables."""
        for name in tables:
            for values, parts in rows.get(name, ()):
                filled = {key: "".join([texts.get(part, part) for part in some]) for key, some in parts}
                table = "event_log" if name == "rejection" else name
                self._waiting[table].append({**values, **filled, **others})
                self._count += 1
        if self._count >= 100_000:
            self.flush()

    def flush(self) -> None:
        """Insert what was added."""
        database = self._catalogue._database
        with database.write("insert copies") as connection:
            if database.dialect.has_one_writer:  # SQLite: the ids are random, so each insert meets another page
                connection.exec_driver_sql("PRAGMA cache_size = -800000")
            for name, rows in self._waiting.items():
                if not rows:
                    continue
                if name not in self._inserts:
                    self._inserts[name] = BulkStatement(
                        self._tables[name].insert(), database.sql_dialect, list(rows[0])
                    )
                self._inserts[name].execute(connection, rows)
                rows.clear()
        self._count = 0


def main() -> None:
    """Make a lake in a folder: a catalogue, a config.yaml, and no files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--datasets", type=int, default=DATASETS)
    parser.add_argument("--jobs", type=int, default=JOBS)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    (folder / "files").mkdir(parents=True)
    (folder / "config.yaml").write_text("main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n")
    began = time.perf_counter()
    catalogue = SqlCatalogue.open(f"sqlite:///{folder.absolute()}/catalog.db")
    fill_catalogue(catalogue, arguments.datasets, arguments.jobs)
    catalogue.close()
    sys.stdout.write(f"{arguments.datasets:,} datasets in {folder} after {time.perf_counter() - began:.0f} s\n")


if __name__ == "__main__":
    main()
