"""Subscribers are told, once, that a run began and what it came to, whatever becomes of it."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ingestify import (
    BundleType,
    FatalError,
    IngestionPlan,
    RunFinished,
    RunStarted,
    StopProcessing,
    StoreError,
    Subscriber,
    TaskOutcome,
)
from ingestify.clock import now, reading
from ingestify.config.settings import Settings
from ingestify.domain.run import RunState
from ingestify.domain.run_notice import RunOutcome
from ingestify.engine.run.completion import Completion
from ingestify.main.adapters import make_engine, memory_store
from tests.support.lake_in_memory import FunctionSource, Lake, match

FINISHED, FAILED, INTERRUPTED, STALE, SHRUNK = RunOutcome


class Told(Subscriber):
    """Remembers what it is told of runs, and what the lake had then."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.notices: list[RunStarted] = []
        self.datasets: list[int] = []
        self.has_ended = threading.Event()

    def on_run_started(self, run: RunStarted) -> None:
        self._take(run)

    def on_run_finished(self, run: RunFinished) -> None:
        self._take(run)
        self.has_ended.set()

    def _take(self, run: RunStarted) -> None:
        self.notices.append(run)
        self.datasets.append(self.store.get_dataset_collection().metadata.row_count)

    @property
    def ended(self) -> RunFinished:
        """The only run that was told of."""
        started, finished = self.notices
        assert (type(started), type(finished)) == (RunStarted, RunFinished)
        assert started.run_id == finished.run_id
        assert isinstance(finished, RunFinished)
        return finished


class ToldLake(Lake):
    def __init__(self, find: Callable[..., Any], **plan: Any) -> None:
        super().__init__(FunctionSource(find), **plan)
        self.told = Told(self.engine.store)
        self.engine.store.publisher.add_subscriber(self.told)


def two_matches(**_: Any) -> list[Any]:
    return [match(1), match(2)]


def broken(*_: Any, **__: Any) -> Any:
    raise OSError("the provider's disk is full")


def one_broken_match(**_: Any) -> list[Any]:
    failing = match(2)
    failing.add_file(None, "lineups", file_loader=broken)
    return [match(1), failing]


def raising(error: BaseException) -> Callable[..., Any]:
    def find(**_: Any) -> Any:
        raise error

    return find


def test_a_run_is_told_of_at_its_beginning_and_after_its_last_commit():
    lake = ToldLake(two_matches)
    before = now()
    report = lake.engine.load(provider="fake", competition_id=1)
    ended, started = lake.told.ended, lake.told.notices[0]
    assert lake.told.datasets == [0, 2]
    assert ended.report == report
    assert ended.report.exit_code == 0
    assert ended.outcomes == {FINISHED}
    assert ended.narrowed_to == {"provider": "fake", "competition_id": 1}
    assert [(one.source, one.provider, one.dataset_type) for one in ended.plans] == [("fake", "fake", "match")]
    assert before <= started.began_at == ended.began_at <= ended.ended_at <= now()
    assert (started.position_before, ended.position_before, ended.position) == (0, 0, 4)
    identity = lake.engine.store.catalogue.lake.find()
    assert (ended.lake_id, ended.epoch, ended.lake) == (identity.lake_id, identity.epoch, identity.lake_id)
    assert ended.bucket == "main"


@pytest.mark.parametrize(
    "read",
    [
        lambda engine: engine.run_report(),
        lambda engine: list(engine.load(async_yield_events=True)),
        lambda engine: list(engine.iter_datasets(auto_ingest=True, provider="fake")),
        lambda engine: list(engine.iter_datasets(auto_ingest={"streaming": True}, provider="fake")),
    ],
)
def test_each_call_that_makes_a_run_tells_of_it(read):
    lake = ToldLake(two_matches)
    read(lake.engine)
    assert lake.told.ended.outcomes == {FINISHED}
    assert lake.told.ended.report.totals.new == 2


def test_a_run_that_finds_nothing_new_is_told_of_too():
    lake = ToldLake(two_matches)
    lake.engine.load()
    lake.told.notices.clear()
    lake.engine.load()
    assert lake.told.ended.outcomes == {FINISHED}
    assert lake.told.ended.position_before == lake.told.ended.position == 4


def test_a_dry_run_and_calls_without_a_run_tell_nothing():
    lake = ToldLake(two_matches)
    lake.engine.load(dry_run=True)
    list(lake.engine.iter_datasets())
    lake.engine.load(provider="nobody")
    assert lake.told.notices == []


def test_a_dataset_that_failed_is_named():
    lake = ToldLake(one_broken_match)
    lake.engine.load()
    ended = lake.told.ended
    assert ended.outcomes == {FAILED}
    assert ended.report.exit_code == 3
    assert [(one.name, one.outcome) for one in ended.report.failed_tasks] == [("match 2", TaskOutcome.FAILED)]


@pytest.mark.parametrize(
    ("error", "outcomes", "exit_code"),
    [
        (OSError("no route"), {FAILED}, 1),
        (FatalError("the contract has ended"), {FAILED}, 1),
        (StopProcessing("the quota is used up"), {INTERRUPTED}, 2),
        (KeyboardInterrupt(), {INTERRUPTED}, 130),
    ],
)
def test_what_a_source_raises_is_told_of_once(error, outcomes, exit_code):
    lake = ToldLake(raising(error))
    with pytest.raises(type(error)):
        lake.engine.load(raise_errors=True)
    assert lake.told.ended.outcomes == outcomes
    assert lake.told.ended.report.exit_code == exit_code


def test_a_run_that_cannot_begin_is_told_of(monkeypatch):
    lake = ToldLake(two_matches)
    monkeypatch.setattr(lake.engine.store.identity, "check", raising_now(StoreError("the database is gone")))
    with pytest.raises(StoreError):
        lake.engine.load()
    ended = lake.told.ended
    assert ended.outcomes == {FAILED}
    assert (ended.report.state, str(ended.report.error)) == (RunState.FAILED, "the database is gone")
    assert ended.report.exit_code == 1


def raising_now(error: BaseException) -> Callable[..., Any]:
    def act(*_: Any, **__: Any) -> Any:
        raise error

    return act


def test_a_lake_whose_catalogue_cannot_be_read_is_told_of(monkeypatch):
    lake = ToldLake(two_matches)
    gone = raising_now(StoreError("the database is gone"))
    monkeypatch.setattr(lake.told, "datasets", [])
    monkeypatch.setattr(Told, "_take", lambda self, run: self.notices.append(run))
    for part, name in (("lake", "find"), ("event_log", "get_last_position"), ("jobs", "abort_dead")):
        monkeypatch.setattr(getattr(lake.engine.store.catalogue, part), name, gone)
    with pytest.raises(StoreError):
        lake.engine.load()
    ended = lake.told.ended
    assert (ended.lake_id, ended.epoch, ended.position_before, ended.position) == ("", 0, None, None)
    assert ended.outcomes == {FAILED}


def test_a_reader_that_leaves_a_stream_interrupts_its_run():
    lake = ToldLake(lambda **_: [match(number) for number in range(300)])
    for _ in lake.engine.iter_datasets(auto_ingest={"streaming": True}, provider="fake"):
        break
    assert lake.told.ended.outcomes == {INTERRUPTED}


def test_a_run_that_is_left_by_a_second_interrupt_is_told_of_when_its_work_has_ended(monkeypatch):
    lake = ToldLake(two_matches)
    interrupts = iter([KeyboardInterrupt(), KeyboardInterrupt()])
    wait = Completion.wait

    def interrupted(self: Completion) -> None:
        for interrupt in interrupts:
            raise interrupt
        wait(self)

    monkeypatch.setattr(Completion, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lake.engine.load()
    assert lake.told.has_ended.wait(60)
    assert lake.told.ended.outcomes == {INTERRUPTED}


def test_a_subscriber_that_raises_changes_nothing_and_the_next_one_is_told(caplog):
    class Broken(Subscriber):
        def on_run_started(self, run: RunStarted) -> None:
            raise ValueError("no such channel")

        def on_run_finished(self, run: RunFinished) -> None:
            raise SystemExit(7)

    lake = Lake(FunctionSource(two_matches))
    told = Told(lake.engine.store)
    for subscriber in (Broken(lake.engine.store), told):
        lake.engine.store.publisher.add_subscriber(subscriber)
    report = lake.engine.load()
    assert report.exit_code == 0
    assert told.ended.report == report
    logged = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    begun, ended = "the run goes on", "what the run did stays, and so does its exit code"
    assert logged == [
        f"The subscriber Broken failed on the start of a run with ValueError: no such channel; {begun}.",
        f"The subscriber Broken failed on the end of a run with SystemExit: 7; {ended}.",
    ]


def test_an_interrupt_while_subscribers_begin_stops_the_run(monkeypatch):
    was_interrupted = threading.Event()

    class Slow(Subscriber):
        def on_run_started(self, run: RunStarted) -> None:
            assert was_interrupted.wait(60)

    lake = ToldLake(two_matches)
    lake.engine.store.publisher.add_subscriber(Slow(lake.engine.store))
    join = threading.Thread.join

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        if thread.name == "ingestify-notices" and not was_interrupted.is_set():
            was_interrupted.set()
            raise KeyboardInterrupt
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lake.engine.load()
    assert lake.told.ended.outcomes == {INTERRUPTED}


def test_nobody_is_told_if_nobody_listens(monkeypatch):
    lake = Lake(FunctionSource(two_matches))  # its subscriber overrides other hooks
    told = []
    for name in ("run_started", "run_finished"):
        monkeypatch.setattr(lake.engine.store.publisher, name, told.append)
    assert lake.engine.load().exit_code == 0
    assert told == []


def test_a_subscriber_is_told_only_of_the_outcomes_that_it_wants():
    lake = Lake(FunctionSource(two_matches))
    told = {outcome: Told(lake.engine.store) for outcome in RunOutcome}
    for outcome, subscriber in told.items():
        lake.engine.store.publisher.add_subscriber(subscriber, [outcome])
    lake.engine.load()
    lake.source.find = lambda **_: [*one_broken_match(), match(3), match(4)]
    lake.engine.load()
    lake.source.find = raising(StopProcessing("no more"))
    with pytest.raises(StopProcessing):
        lake.engine.load()
    heard = {
        outcome: [one.report.exit_code for one in subscriber.notices if isinstance(one, RunFinished)]
        for outcome, subscriber in told.items()
    }
    assert heard == {FINISHED: [0], FAILED: [3], INTERRUPTED: [2], STALE: [], SHRUNK: []}
    assert all(len(one.notices) == 3 + len(heard[outcome]) for outcome, one in told.items())


# ---- what has shrunk -----------------------------------------------------------------------------------


def test_datasets_that_are_not_listed_any_more_are_shrinking():
    lake = ToldLake(lambda **_: [match(number) for number in range(30)])
    lake.engine.load()
    lake.source.find = lambda **_: [match(number) for number in range(28)]
    lake.engine.load()
    assert lake.told.notices[-1].outcomes == {FINISHED, SHRUNK}
    assert lake.told.notices[-1].report.totals.missing == 2
    lake.source.find = lambda **_: [match(number) for number in range(3)]
    lake.engine.load()
    assert lake.told.notices[-1].outcomes == {FINISHED, SHRUNK}
    assert lake.told.notices[-1].report.totals.unlisted == 25


def test_a_file_of_which_little_is_left_is_shrinking():
    lake = ToldLake(lambda **_: [match(1, ["pass"] * 9000), match(2)])
    lake.engine.load()
    lake.source.find = lambda **_: [match(1, ["pass"], at=1), match(2)]
    lake.engine.load()
    ended = lake.told.notices[-1]
    assert ended.outcomes == {FAILED, SHRUNK}
    assert [one.name for one in ended.shrunk] == ["match 1"]
    lake.engine.load()
    assert lake.told.notices[-1].outcomes == {FAILED, SHRUNK}, "as long as it waits in quarantine"
    lake.source.find = lambda **_: [match(1, ["pass"] * 9001, at=2), match(2)]
    lake.engine.load()
    assert lake.told.notices[-1].outcomes == {FINISHED}


def test_a_dataset_that_lost_a_feed_which_a_complete_one_needs_is_shrinking():
    def with_lineups(at: float = 0) -> Any:
        resource = match(1, at=at)
        return resource.add_file(None, "lineups", json_content=[{"team": 1}])

    lake = ToldLake(lambda **_: [with_lineups()])
    lake.source.bundle_types = (BundleType("match", requires=("events", "lineups")),)
    lake.engine.load()
    lake.source.find = lambda **_: [match(1, {"n": 2}, at=1)]
    lake.engine.load()
    ended = lake.told.notices[-1]
    assert (ended.outcomes, [one.name for one in ended.shrunk]) == ({FAILED, SHRUNK}, ["match 1"])


def test_a_bundle_that_a_check_rejects_has_not_shrunk():
    lake = ToldLake(lambda **_: [match(1, ["pass"] * 9000)])
    lake.engine.load()
    broken_file = match(1, at=1)
    lake.source.find = lambda **_: [
        type(broken_file)({"match_id": 1}, "match", name="match 1").add_file(
            None, "events", file_loader=lambda *_, **__: None
        )
    ]
    lake.engine.load()
    assert SHRUNK not in lake.told.notices[-1].outcomes


# ---- what is stale -------------------------------------------------------------------------------------


def stale_lake(source: FunctionSource, **plan: Any) -> tuple[Any, Told]:
    settings = Settings.model_validate(
        {"main": {"metadata_url": "sqlite:///:memory:", "file_url": "memory://"}, "freshness": {"stale_after": "36h"}}
    )
    store = memory_store()
    told = Told(store)
    store.publisher.add_subscriber(told)
    return make_engine(store, {}, [IngestionPlan(source, "match", **plan)], settings), told


def test_a_selector_that_was_ingested_too_long_ago_is_stale():
    source = FunctionSource(two_matches, [{"competition_id": 1}, {"competition_id": 2}])
    engine, told = stale_lake(source)
    began = now()
    engine.load()
    assert told.notices[-1].stale == []

    def only_the_first(competition_id: int, **_: Any) -> Any:
        if competition_id == 2:
            raise OSError("no route")
        return two_matches()

    source.find = only_the_first
    with reading(lambda: began + dt.timedelta(hours=30)):
        engine.load()
    assert told.notices[-1].outcomes == {FAILED}
    with reading(lambda: began + dt.timedelta(hours=37)):
        engine.load()
        ended = told.notices[-1]
        assert ended.outcomes == {FAILED, STALE}
        (stale,) = ended.stale
        assert (stale.source, stale.dataset_type, stale.selector) == ("fake", "match", "competition_id=2")
        assert stale.last_done_at is not None
        assert stale.last_done_at - began < dt.timedelta(hours=1)
        engine.load(competition_id=1)  # what a run is narrowed to makes no difference
        assert told.notices[-1].outcomes == {FINISHED, STALE}


def test_a_selector_that_never_succeeded_is_stale_whoever_named_it():
    for selectors in (None, [{"competition_id": 1}], ["competition_id == 1"]):
        engine, told = stale_lake(FunctionSource(raising(OSError("no route"))), selectors=selectors)
        engine.load()
        assert [(one.selector, one.last_done_at) for one in told.notices[-1].stale] == [("competition_id=1", None)]


def test_nothing_is_stale_if_the_settings_give_no_age():
    lake = ToldLake(raising(OSError("no route")))
    lake.engine.load()
    assert lake.told.ended.stale == []
