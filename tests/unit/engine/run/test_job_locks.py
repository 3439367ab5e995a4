"""Two runs of the same: the second is skipped, or waits where a reader wants what is current."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionEngine, IngestionPlan, get_engine
from ingestify.domain.dataset import DatasetState
from ingestify.domain.run import RunState
from ingestify.engine.calls import streaming
from ingestify.engine.run.completion import Completion
from tests.support.lake_in_memory import FunctionSource, match
from tests.support.waiting import wait_until

SECONDS = 30
STREAMING = {"streaming": True}


@pytest.fixture
def make_engine(tmp_path: Path) -> Iterator[Callable[..., IngestionEngine]]:
    made: list[IngestionEngine] = []

    def make(find: Callable[..., Any], selectors: list[dict[str, Any]] | None = None) -> IngestionEngine:
        engine = get_engine(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files")
        engine.add_ingestion_plan(IngestionPlan(FunctionSource(find, selectors), "match"))
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()
    assert sorted(path.name for path in tmp_path.iterdir()) in (["catalog.db", "files"], ["catalog.db"])


class HeldUp:
    """A source in the middle of its index: it goes on when it is told to."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers
        self.is_asked = threading.Event()
        self.goes_on = threading.Event()

    def find(self, **_: Any) -> Iterator[Any]:
        self.is_asked.set()
        assert self.goes_on.wait(SECONDS)
        for number in self.numbers:
            yield match(number)


class Background:
    """A call in a thread of its own; `result` waits for it."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._outcome: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._outcome.append(call()))
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    @property
    def result(self) -> Any:
        self._thread.join(SECONDS)
        assert self._outcome, "it did not end"
        return self._outcome[0]


def ids(datasets: Any) -> list[int]:
    return sorted(dataset.identifier["match_id"] for dataset in datasets)


def test_the_second_run_is_skipped_with_a_reason_and_writes_nothing(make_engine, caplog):
    slow = HeldUp(1)
    first, second = make_engine(slow.find), make_engine(lambda **_: pytest.fail("the source was asked"))
    running = Background(first.load)
    assert slow.is_asked.wait(SECONDS)
    with caplog.at_level(logging.WARNING, "ingestify"):
        report = second.load()
    assert report.state is RunState.FINISHED
    (job,) = report.jobs
    assert (job.state, job.left_to_another) == (RunState.SKIPPED, True)
    assert f"another run of this job is going on: process {os.getpid()} on host " in job.error
    assert "1 of 1 selectors skipped" in caplog.text
    slow.goes_on.set()
    assert running.result.totals.new == 1
    states = [job.state for job in first.store.load_ingestion_job_summaries()]
    assert states == [RunState.SKIPPED, RunState.FINISHED]


def run_and_one_that_wants_more(
    make_engine: Callable[..., IngestionEngine],
) -> tuple[HeldUp, Background, IngestionEngine]:
    """Start a run at competition 1, and return it with what holds it up, and an engine for competitions 1 and 2."""
    slow = HeldUp(1)
    both = [{"competition_id": 1}, {"competition_id": 2}]
    first = make_engine(slow.find, both[:1])
    second = make_engine(lambda competition_id, **_: [match(competition_id * 10)], both)
    running = Background(first.load)
    assert slow.is_asked.wait(SECONDS)
    return slow, running, second


def test_the_other_jobs_of_a_run_go_on(make_engine):
    slow, running, second = run_and_one_that_wants_more(make_engine)
    report = second.load()
    assert {job.selector["competition_id"]: job.state for job in report.jobs} == {
        1: RunState.SKIPPED,
        2: RunState.FINISHED,
    }
    assert ids(second.list_datasets()) == [20]
    slow.goes_on.set()
    assert running.result.totals.new == 1


def test_a_dry_run_takes_no_lock_and_minds_none(make_engine):
    looks, slow = HeldUp(1), HeldUp(1)
    planner, engine = make_engine(looks.find), make_engine(slow.find)
    engine.store.create()
    planning = Background(lambda: planner.load(dry_run=True))
    assert looks.is_asked.wait(SECONDS)
    running = Background(engine.load)  # beside the dry run
    assert slow.is_asked.wait(SECONDS)
    assert make_engine(lambda **_: [match(1)]).load(dry_run=True).totals.new == 1  # beside the run
    looks.goes_on.set()
    assert planning.result.totals.new == 1
    slow.goes_on.set()
    assert running.result.totals.new == 1


@pytest.mark.parametrize("auto_ingest", [True, STREAMING])
def test_a_reader_waits_and_then_gets_all_of_it(make_engine, caplog, auto_ingest):
    slow = HeldUp(1, 2)
    first, second = make_engine(slow.find), make_engine(lambda **_: [match(1), match(2), match(3)])
    running = Background(first.load)
    assert slow.is_asked.wait(SECONDS)
    with caplog.at_level(logging.INFO, "ingestify"):
        reading = Background(lambda: ids(second.iter_datasets(auto_ingest=auto_ingest)))
        wait_until(lambda: "waits for its turn: another run of this job is going on" in caplog.text)
    assert not reading.is_done
    slow.goes_on.set()
    assert running.result.totals.new == 2
    assert reading.result == [1, 2, 3]
    last = second.store.load_ingestion_job_summaries()[0]
    assert (last.counters.new, last.counters.unchanged, last.error) == (1, 2, "")


def test_leaving_the_loop_ends_the_wait(make_engine):
    slow, running, second = run_and_one_that_wants_more(make_engine)
    stream = second.iter_datasets(auto_ingest=STREAMING)
    assert next(stream).identifier["match_id"] == 20
    stream.close()
    jobs = {job.selector["competition_id"]: job for job in second.store.load_ingestion_job_summaries()[:2]}
    assert jobs[1].state is RunState.ABORTED
    slow.goes_on.set()
    assert running.result.totals.new == 1


def test_an_interrupt_ends_the_wait(make_engine, caplog):
    slow = HeldUp(1)
    first, second = make_engine(slow.find), make_engine(lambda **_: [match(1)])
    running = Background(first.load)
    assert slow.is_asked.wait(SECONDS)
    run = second._new_run(second.ingestion_plans, {}, {}, waits=True)
    with caplog.at_level(logging.INFO, "ingestify"):
        waiting = Background(run.execute)
        wait_until(lambda: "waits for its turn" in caplog.text)
    run.stop.stop(KeyboardInterrupt())
    assert waiting.result.state is RunState.ABORTED
    slow.goes_on.set()
    assert running.result.totals.new == 1


def test_another_filter_is_another_job(make_engine):
    slow = HeldUp(1)
    first, second = make_engine(slow.find), make_engine(lambda **_: [match(1)])
    running = Background(first.load)
    assert slow.is_asked.wait(SECONDS)
    assert second.load(match_id=1).totals.new == 1
    slow.goes_on.set()
    assert running.result.totals.unchanged == 1
    assert len(first.list_datasets()[0].revisions) == 1


def test_two_plans_of_one_run_that_are_the_same_share_a_lock(make_engine):
    engine = make_engine(lambda **_: [match(1)])
    engine.add_ingestion_plan(IngestionPlan(engine.ingestion_plans[0].source, "match"))
    report = engine.load()
    assert [job.state for job in report.jobs] == [RunState.FINISHED] * 2
    assert (report.totals.new, report.totals.unchanged) == (1, 1)


class LateSource(FunctionSource):
    """A source that tells its selectors when it is told to."""

    def __init__(self, find: Callable[..., Any], selectors: list[dict[str, Any]], tells: threading.Event) -> None:
        super().__init__(find, selectors)
        self._tells = tells

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        assert self._tells.wait(SECONDS)
        return super().discover_selectors(dataset_type)


def test_runs_that_wait_for_each_others_jobs_come_to_an_end(make_engine, caplog):
    tells = threading.Event()
    slow = {1: HeldUp(1), 2: HeldUp(2)}

    def find(competition_id: int, **_: Any) -> Iterator[Any]:
        return slow[competition_id].find()

    def read(first: int, then: int) -> Background:
        engine = make_engine(find, [{"competition_id": first}])
        engine.add_ingestion_plan(IngestionPlan(LateSource(find, [{"competition_id": then}], tells), "match"))
        return Background(lambda: ids(engine.iter_datasets(auto_ingest=STREAMING)))

    readers = [read(1, 2), read(2, 1)]
    assert all(one.is_asked.wait(SECONDS) for one in slow.values())
    # Each has one of the jobs by now, and wants the other one too.
    with caplog.at_level(logging.INFO, "ingestify"):
        tells.set()
        wait_until(lambda: caplog.text.count("waits for its turn") >= 2)
    for one in slow.values():
        one.goes_on.set()
    assert [reader.result for reader in readers] == [[1, 2], [1, 2]]


@pytest.mark.slow
def test_a_reader_in_the_loop_of_a_reader_of_the_same_does_not_hang(make_engine, monkeypatch):
    monkeypatch.setattr(streaming, "HELD_UP_SECONDS", 0.2)
    numbers = list(range(2 * streaming.AHEAD + 50))
    engine = make_engine(lambda **_: [match(number) for number in numbers])
    stream = engine.iter_datasets(auto_ingest=STREAMING)
    next(stream)
    assert ids(engine.iter_datasets(auto_ingest=STREAMING)) == numbers
    assert len(list(stream)) == len(numbers) - 1
    assert all(len(dataset.revisions) == 1 for dataset in engine.list_datasets())


def test_what_another_writer_brought_meanwhile_is_not_missing(make_engine):
    slow = HeldUp(1)
    whole, narrow = make_engine(slow.find), make_engine(lambda **_: [match(2)])
    running = Background(whole.load)
    assert slow.is_asked.wait(SECONDS)
    narrow.load(match_id=2)
    slow.goes_on.set()
    assert running.result.totals.missing == 0
    assert {dataset.identifier["match_id"]: dataset.state for dataset in whole.list_datasets()} == {
        1: DatasetState.COMPLETE,
        2: DatasetState.COMPLETE,
    }
    # Nobody has forgotten that it is to be looked for: a later listing without it says that it is gone.
    assert whole.load().totals.missing == 1


def test_a_run_that_was_overtaken_leaves_it_to_the_later_one_what_is_remembered(make_engine):
    slow = HeldUp(2)
    both = [{"competition_id": 1}, {"competition_id": 2}]

    def find(competition_id: int, **_: Any) -> Any:
        return slow.find() if competition_id == 2 else [match(1)]

    first = make_engine(find, both)
    second = make_engine(lambda **_: [match(1), match(3)], both[:1])
    running = Background(first.load)
    assert slow.is_asked.wait(SECONDS)
    wait_until(lambda: ids(first.list_datasets()) == [1])
    # The job of competition 1 has ended, and its run has not: the later one goes through it, and sees more.
    wait_until(lambda: second.load().totals.discovered == 2)
    sync = second.store.catalogue.selector_syncs.find
    # It does not discover competition 2, which the earlier run is still at.
    assert [job.state for job in second.load().jobs] == [RunState.FINISHED, RunState.SKIPPED]
    key = _identity(second, both[0])
    remembered = sync(key)
    assert remembered is not None
    slow.goes_on.set()
    assert running.result.totals.missing == 0
    assert sync(key).finished_at == remembered.finished_at
    assert ids(first.iter_datasets(dataset_state="complete")) == [1, 2, 3]


def test_a_skipped_job_says_nothing_of_what_is_listed(make_engine):
    engine = make_engine(lambda **_: [match(1), match(2)])
    engine.load()
    slow = HeldUp(1, 2)
    running = Background(make_engine(slow.find).load)
    assert slow.is_asked.wait(SECONDS)
    key = _identity(engine, {"competition_id": 1})
    before = engine.store.catalogue.selector_syncs.find(key)
    assert engine.load().jobs_left_to_others
    assert engine.store.catalogue.selector_syncs.find(key) == before
    slow.goes_on.set()
    assert running.result.totals.unchanged == 2
    assert ids(engine.iter_datasets(dataset_state="complete")) == [1, 2]


def _identity(engine: IngestionEngine, selector: dict[str, Any]) -> str:
    from ingestify.domain.plan import Job
    from ingestify.domain.selector import Selector

    plan = engine.ingestion_plans[0]
    return Job(plan, plan.source.name, plan.source.provider, Selector(selector)).identity(engine.store.bucket)


class OutOfTime(BaseException):
    """What orchestrators raise in a run's thread, from the handler of a signal, when its time is over."""


@pytest.mark.parametrize("error", [OutOfTime("2 h"), SystemExit(1)])
def test_an_error_that_a_signal_raises_stops_the_run_before_it_goes_on_to_the_caller(
    make_engine: Callable[..., IngestionEngine], monkeypatch: pytest.MonkeyPatch, error: BaseException
):
    begun, may_end, raised = threading.Event(), threading.Event(), iter([error])

    def find(**_: Any) -> Iterator[Any]:
        begun.set()
        assert may_end.wait(SECONDS)
        yield match(1)

    def interrupted(work: Completion) -> None:
        assert begun.wait(SECONDS)
        for one in raised:
            raise one
        may_end.set()
        wait(work)

    before = set(threading.enumerate())
    wait = Completion.wait
    monkeypatch.setattr(Completion, "wait", interrupted)
    engine = make_engine(find)
    with pytest.raises(type(error)) as caught:
        engine.load()
    assert caught.value is error
    assert set(threading.enumerate()) <= before
    assert [job.state for job in engine.store.load_ingestion_job_summaries()] == [RunState.ABORTED]


def test_a_run_that_was_left_at_once_lets_go_of_its_job_when_its_work_has_ended(
    make_engine: Callable[..., IngestionEngine], monkeypatch: pytest.MonkeyPatch
):
    """As after two interrupts in a notebook, whose process goes on."""
    begun, may_end = threading.Event(), threading.Event()

    def find(**_: Any) -> Iterator[Any]:
        begun.set()
        assert may_end.wait(SECONDS)
        yield match(1)

    def interrupted_twice(work: Completion) -> None:
        assert begun.wait(SECONDS)
        for interrupt in interrupts:
            raise interrupt
        wait(work)

    before = set(threading.enumerate())
    wait, interrupts = Completion.wait, iter([KeyboardInterrupt(), KeyboardInterrupt()])
    monkeypatch.setattr(Completion, "wait", interrupted_twice)
    engine = make_engine(find)
    with pytest.raises(KeyboardInterrupt):
        engine.load()
    assert not may_end.is_set()
    may_end.set()
    wait_until(lambda: not [one for one in threading.enumerate() if one.name.startswith("ingestify-")])
    assert set(threading.enumerate()) <= before
    assert [job.state for job in engine.store.load_ingestion_job_summaries()] == [RunState.ABORTED]
    assert engine.load().totals.new == 1
