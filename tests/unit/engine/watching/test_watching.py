"""The loop that keeps a lake up to date, in simulated time."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import ConfigurationError, Schedule, Selector, SourceError, StoreError, get_dev_engine
from ingestify.domain.plan import Job
from ingestify.domain.run import JobHolder
from ingestify.domain.subscriber import Subscriber
from ingestify.engine.watching import watching
from ingestify.engine.watching.watching import Looked
from ingestify.store.process import this_process
from tests.support.lake_in_memory import FunctionSource, Lake, match
from tests.support.simulated_time import SimulatedTime, simulated_time

KICK_OFF = dt.datetime(2026, 10, 24, 15, tzinfo=dt.UTC)
MORNING = KICK_OFF - dt.timedelta(hours=6)
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def time() -> Iterator[SimulatedTime]:
    with simulated_time(MORNING) as simulated:
        yield simulated


def played(competition_id: int, kick_off: dt.datetime = KICK_OFF, status: str = "scheduled", **values: Any) -> Any:
    metadata = {"match_date": f"{kick_off:%Y-%m-%d}", "kick_off": f"{kick_off:%H:%M:%S}", "match_status": status}
    resource = match(competition_id * 10, metadata=metadata, **values)
    return type(resource)(
        {"competition_id": competition_id, **resource.dataset_resource_id},
        "match",
        name=f"match of {competition_id}",
        metadata=metadata,
    ).add_file(dt.datetime(2026, 10, 1), "events", json_content={"status": status})


def looks_until(lake: Lake, end: dt.datetime, time: SimulatedTime) -> list[Looked]:
    watching = lake.engine.watching()
    time.at(end, watching.stop)
    return list(watching.iterate())


def begins(looked: list[Looked]) -> list[str]:
    return [f"{one.looks[0].due.at:%d %H:%M}" for one in looked]


@pytest.fixture
def seldom_awake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks the watch does not wake each minute, for clocks that jump: here none does."""
    monkeypatch.setattr(watching, "_LONGEST_SLEEP", 3600.0)


def test_the_first_look_is_at_once_and_the_next_at_the_kick_off(make_lake, time):
    lake = make_lake(lambda competition_id: [played(competition_id)])
    looked = looks_until(lake, KICK_OFF + 2 * MINUTE + dt.timedelta(seconds=30), time)
    assert begins(looked) == ["24 09:00", "24 15:00", "24 15:01", "24 15:02"]
    assert looked[0].following is not None
    assert looked[0].following.due == (KICK_OFF, "match of 1 is played until 17:30 UTC")
    assert len(lake.datasets) == 1


@pytest.mark.usefixtures("seldom_awake")
def test_only_the_selectors_that_are_due_are_asked_for(make_lake, time):
    starts = {1: KICK_OFF, 2: KICK_OFF, 3: KICK_OFF + 24 * HOUR}
    lake = make_lake(
        lambda competition_id: [played(competition_id, starts[competition_id])],
        [{"competition_id": number} for number in starts],
    )
    looks_until(lake, KICK_OFF + MINUTE / 2, time)
    asked = sorted(call["competition_id"] for call in lake.source.calls)
    assert asked == [1, 1, 2, 2, 3], "all of them once, and the two that are played once more"


@pytest.mark.usefixtures("seldom_awake")
def test_a_new_selector_comes_with_the_next_look_at_the_whole_plan(make_lake, time):
    lake = make_lake(lambda competition_id: [played(competition_id, MORNING - 400 * 24 * HOUR)])
    time.at(MORNING + HOUR, lambda: lake.source.selectors.append({"competition_id": 2}))
    looked = looks_until(lake, MORNING + 25 * HOUR, time)
    assert begins(looked) == ["24 09:00", "25 09:00"]
    assert len(lake.datasets) == 2


@pytest.mark.usefixtures("seldom_awake")
def test_another_process_goes_on_where_one_ended(make_lake, time):
    lake = make_lake(lambda competition_id: [played(competition_id)])
    looks_until(lake, KICK_OFF + 5 * MINUTE + dt.timedelta(seconds=30), time)
    restarted = lake.engine.watching().looks()
    assert [f"{look.due.at:%H:%M}" for look in restarted] == ["15:06", "09:00"]
    assert [look.selector and look.selector.name for look in restarted] == ["competition_id=1", None]


@pytest.mark.usefixtures("seldom_awake")
def test_a_run_of_another_process_counts_as_a_look(make_lake, time):
    lake = make_lake(lambda competition_id: [played(competition_id)])
    looks_until(lake, MORNING + MINUTE, time)
    time.sleep(9 * 3600)
    looks_until(lake, KICK_OFF + 3 * HOUR + MINUTE, time)
    before = lake.engine.watching().looks()[0]
    time.sleep(1200)
    lake.engine.run()
    after = lake.engine.watching().looks()[0]
    assert after.due.at - before.due.at > 15 * MINUTE


@pytest.mark.usefixtures("seldom_awake")
def test_a_plan_without_kick_offs_is_looked_at_once_a_day_and_says_so(make_lake, time):
    lake = make_lake(lambda competition_id: [match(1)])
    assert begins(looks_until(lake, MORNING + 49 * HOUR, time)) == ["24 09:00", "25 09:00", "26 09:00"]
    (look,) = lake.engine.watching().looks()
    assert look.due.why == "every 24h, as the match datasets have no kick-off"


@pytest.mark.usefixtures("seldom_awake")
def test_what_fails_is_told_once_and_looked_at_less_and_less_often(make_lake, time, caplog):
    def find(competition_id: int) -> Any:
        if is_broken.is_set():
            raise SourceError("the provider sleeps")
        return [played(competition_id)]

    is_broken = threading.Event()
    lake = make_lake(find)
    time.at(KICK_OFF - MINUTE, is_broken.set)
    time.at(KICK_OFF + 40 * MINUTE, is_broken.clear)
    with caplog.at_level(logging.WARNING, logger="ingestify"):
        looked = looks_until(lake, KICK_OFF + 66 * MINUTE + dt.timedelta(seconds=30), time)
    assert begins(looked) == [
        *("24 09:00", "24 15:00", "24 15:01", "24 15:03", "24 15:07", "24 15:15", "24 15:31"),
        *("24 16:03", "24 16:04", "24 16:05", "24 16:06"),
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "fake: competition_id=1: the provider sleeps",
        "fake: competition_id=1: it works again.",
    ]


def test_a_plan_whose_selectors_cannot_be_found_is_tried_again_within_the_hour(make_lake, time):
    lake = make_lake(lambda competition_id: [played(competition_id)])
    lake.source.discover_selectors = lambda dataset_type: 1 / 0
    looked = looks_until(lake, MORNING + 3 * HOUR + MINUTE, time)
    assert begins(looked) == [
        *("24 09:00", "24 09:01", "24 09:03", "24 09:07", "24 09:15", "24 09:31", "24 10:03", "24 11:03"),
    ]


def test_a_lake_that_is_away_ends_nothing(make_lake, time, monkeypatch, caplog):
    lake = make_lake(lambda competition_id: [played(competition_id)])
    log = lake.engine.store.catalogue.event_log
    is_away, read = threading.Event(), log.get_last_position

    def get_last_position() -> int:
        if is_away.is_set():
            raise StoreError("the database is away")
        return read()

    monkeypatch.setattr(log, "get_last_position", get_last_position)
    time.at(KICK_OFF - HOUR, is_away.set)
    time.at(KICK_OFF + MINUTE, is_away.clear)
    with caplog.at_level(logging.WARNING, logger="ingestify"):
        looked = looks_until(lake, KICK_OFF + 3 * MINUTE, time)
    assert begins(looked)[:2] == ["24 09:00", "24 15:00"]
    assert looked[1].report.jobs[0].started_at < KICK_OFF + 2 * MINUTE + dt.timedelta(seconds=1)
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "the database is away It is tried again until it works."
    assert told[1].startswith("The lake can be used again, after ")
    assert len(told) == 2


@pytest.mark.usefixtures("seldom_awake")
def test_a_selector_of_another_run_is_left_to_it(make_lake, time):
    lake = make_lake(lambda competition_id: [played(competition_id)])
    looks_until(lake, MORNING + HOUR, time)
    (plan,) = lake.engine.ingestion_plans
    store = lake.engine.store
    job = Job(plan, "fake", "fake", Selector({"competition_id": 1}))
    lock = store.catalogue.job_locks.try_lock(job.identity(store.bucket), JobHolder(this_process(), KICK_OFF))
    assert lock is not None
    time.at(KICK_OFF + MINUTE / 2, lock.release)
    first, second = looks_until(lake, KICK_OFF + MINUTE * 1.5, time)
    assert [one.report.jobs[0].left_to_another for one in (first, second)] == [True, False]


def test_a_long_row_of_matches_does_not_keep_a_whole_plan_from_its_look(make_lake, time):
    lake = make_lake(lambda competition_id: [played(competition_id, MORNING)])
    lake.engine.ingestion_plans[0].schedule = Schedule(live=HOUR)
    # Each look takes longer than the time between two of them.
    watching = lake.engine.watching()
    found = [
        (time.sleep(4000), looked.looks[0].selector is None)[1]
        for looked in itertools.takewhile(
            lambda looked: looked.looks[0].due.at < MORNING + 40 * HOUR, watching.iterate()
        )
    ]
    assert found.count(True) == 2


class Told(Subscriber):
    """Sets `is_told` with the first dataset that came into the lake."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.is_told = threading.Event()

    def on_dataset_created(self, event: Any) -> None:
        self.is_told.set()


def test_a_watch_that_is_stopped_keeps_what_is_complete(make_lake, time):
    def find(competition_id: int) -> Any:
        if competition_id == 2:
            told.is_told.wait()
            watching.stop()
        return [played(competition_id)]

    lake = make_lake(find, [{"competition_id": 1}, {"competition_id": 2}])
    told = Told(lake.engine.store)
    lake.engine.store.publisher.add_subscriber(told)
    watching = lake.engine.watching()
    (looked,) = watching.iterate()
    assert isinstance(looked.report.error, KeyboardInterrupt)
    assert looked.following is None
    assert [dataset.identifier["competition_id"] for dataset in lake.datasets] == [1]
    assert lake.engine.watching().looks()[0].due.why == "never looked at", "the next process looks again"


def test_a_watch_gives_signs_of_life_and_takes_the_last_one_with_it(make_lake, time):
    lake = make_lake(lambda competition_id: [played(competition_id)])
    lake.engine.run()
    marks = lake.engine.store.catalogue.watch_marks
    watching = lake.engine.watching()
    looks = watching.iterate()
    next(looks)
    assert watching.is_alive
    # Another thread writes it, as soon as it has begun.
    while "heartbeat" not in marks.find():
        threading.Event().wait(0.01)
    looks.close()
    assert "heartbeat" not in marks.find()


@pytest.mark.usefixtures("seldom_awake")
def test_a_watch_yields_what_changed_whoever_changed_it(make_lake, time):
    status = ["scheduled"]
    lake = make_lake(lambda competition_id: [played(competition_id, status=status[-1])])
    time.at(KICK_OFF + MINUTE / 2, lambda: status.append("live"))
    stream = lake.engine.watch()
    first, second = next(stream), next(stream)
    assert [first.metadata["match_status"], second.metadata["match_status"]] == ["scheduled", "live"]
    with lake.engine.store.load_files(second) as files:
        assert files.get_file("events").json() == {"status": "live"}
    stream.close()


def test_a_watch_of_no_plan_is_refused_at_once(make_lake):
    lake = make_lake(lambda competition_id: [])
    with pytest.raises(ConfigurationError):
        lake.engine.watch(provider="other")


@pytest.mark.usefixtures("seldom_awake")
def test_a_feed_of_a_selector_of_its_own_is_kept(time):
    asked: list[Any] = []

    class Feeds(FunctionSource):
        def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
            asked.append(dict(data_spec_versions))
            return self.find(**selector)

    source = Feeds(lambda competition_id: [played(competition_id)])
    rule = Selector.build({"competition_id": 1}, data_spec_versions={"events": "v2"})
    with get_dev_engine(source, "match", selectors=[rule]) as engine:
        watching = engine.watching()
        time.at(KICK_OFF + MINUTE / 2, watching.stop)
        list(watching.iterate())
    assert asked == [{"events": ("v2",)}] * 2
