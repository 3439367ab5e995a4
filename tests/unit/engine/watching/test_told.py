"""A source that tells of changes is looked at without waiting for the schedule."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import Schedule, SourceError, StoreError, get_dev_engine
from ingestify.domain.change_notice import ChangeNotice, TellNotice
from ingestify.domain.schedule import QuietHours
from ingestify.engine.run.run import IngestionRun
from ingestify.engine.watching import watching
from tests.support.lake_in_memory import FunctionSource, match
from tests.support.simulated_time import SimulatedTime, simulated_time

MORNING = dt.datetime(2026, 10, 24, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


class Telling(FunctionSource):
    """Tells of a change when the test says so."""

    tell: TellNotice | None = None

    def describe_listening(self) -> str:
        return "file events"

    @contextlib.contextmanager
    def listening(self, tell: TellNotice) -> Iterator[None]:
        self.tell = tell
        yield
        self.tell = None

    def tell_at(self, time: SimulatedTime, moment: dt.datetime, why: str = "a file landed", **notice: Any) -> None:
        given = {"source": "fake", "at": moment, "why": why, **notice}
        time.at(moment, lambda: self.tell is not None and self.tell(ChangeNotice(**given)))


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedTime]:
    monkeypatch.setattr(watching, "_LONGEST_SLEEP", 600.0)
    with simulated_time(MORNING) as simulated:
        yield simulated


def looks_until(
    source: Telling,
    end: dt.datetime,
    time: SimulatedTime,
    schedule: Schedule = Schedule(),  # noqa: B008 - frozen
) -> list[str]:
    with get_dev_engine(source, "match") as engine:
        engine.ingestion_plans[0].schedule = schedule
        watch = engine.watching()
        time.at(end, watch.stop)
        found = [f"{one.looks[0].due.at:%H:%M} {one.looks[0].due.why}" for one in watch.iterate()]
    assert source.tell is None, "it does not listen any more"
    return found


def test_what_a_source_tells_is_looked_at_at_once_and_once(time: SimulatedTime) -> None:
    source = Telling(lambda competition_id: [match(1)])
    for second in range(3):
        source.tell_at(time, MORNING + 2 * HOUR + dt.timedelta(microseconds=second))
    assert looks_until(source, MORNING + 5 * HOUR, time) == [
        "09:00 never looked at; file events",
        "11:00 a file landed",
    ]


def test_quiet_hours_are_kept(time: SimulatedTime) -> None:
    source = Telling(lambda competition_id: [match(1)])
    source.tell_at(time, MORNING + 2 * HOUR)
    quiet = QuietHours(dt.time(10, 30), dt.time(13))
    looks = looks_until(source, MORNING + 5 * HOUR, time, schedule=Schedule(quiet=quiet))
    assert looks[1:] == ["13:00 a file landed, after the quiet hours"]


def test_a_notice_outlives_a_lake_that_is_away(time: SimulatedTime, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Telling(lambda competition_id: [match(1)])
    source.tell_at(time, MORNING + 2 * HOUR)
    failures = iter([StoreError("the database is away")] * 2)
    execute = IngestionRun.execute

    def fail_at_first(run: IngestionRun) -> Any:
        report = execute(run)
        if len(source.calls) > 1 and (error := next(failures, None)) is not None:
            return dataclasses.replace(report, error=error)
        return report

    monkeypatch.setattr(IngestionRun, "execute", fail_at_first)
    assert looks_until(source, MORNING + 5 * HOUR, time)[1:] == ["11:00 a file landed"]
    assert len(source.calls) == 4


def test_a_source_that_tells_for_ever_has_half_of_the_time(time: SimulatedTime) -> None:
    def find(competition_id: int) -> Any:
        if source.tell is not None and len(source.calls) < 6:
            time.sleep(600)
            source.tell(ChangeNotice("fake", time.now(), "one more"))
        return [match(1)]

    source = Telling(find)
    assert [one[:5] for one in looks_until(source, MORNING + 5 * HOUR, time)] == [
        *("09:00", "09:20", "09:40", "10:00", "10:20", "10:40")
    ]


def match_of(competition_id: int) -> Any:
    resource = match(competition_id * 10)
    return type(resource)(
        {"competition_id": competition_id, **resource.dataset_resource_id}, "match", name=f"match of {competition_id}"
    ).add_file(MORNING, "events", json_content={})


@pytest.mark.parametrize(
    ("filters", "asked"),
    [
        ({"match_id": 20}, [2]),
        ({"competition_id": 3}, [3]),
        ({"match_id": 99}, [1, 2, 3]),
        ({"match_id": "20"}, [2]),
        ({"team": "Ajax"}, [1, 2, 3]),
    ],
    ids=["a known match", "the keys of a selector", "a new match", "as text", "another key"],
)
def test_a_notice_of_a_match_is_a_look_at_its_selector(
    time: SimulatedTime, filters: dict[str, str | int], asked: list[int]
) -> None:
    done: list[int] = []
    source = Telling(lambda competition_id: [match_of(competition_id)], [{"competition_id": one} for one in (1, 2, 3)])
    moment = MORNING + 2 * HOUR
    source.tell_at(time, moment, "notice", filters=filters, done=lambda: done.append(len(source.calls)))
    assert looks_until(source, MORNING + 5 * HOUR, time)[1:] == ["11:00 notice"]
    assert sorted(call["competition_id"] for call in source.calls[3:]) == asked
    assert done == [len(source.calls)], "once, after the look"


def test_notices_of_many_matches_are_one_look_at_the_plan(time: SimulatedTime) -> None:
    source = Telling(lambda competition_id: [match_of(competition_id)], [{"competition_id": one} for one in (1, 2)])
    done: list[int] = []
    for number in range(60):
        moment = MORNING + 2 * HOUR + dt.timedelta(microseconds=number)
        source.tell_at(time, moment, filters={"match_id": number}, done=lambda number=number: done.append(number))
    assert looks_until(source, MORNING + 5 * HOUR, time)[1:] == ["11:00 a file landed"]
    assert len(source.calls) == 4
    assert sorted(done) == list(range(60))


def test_a_notice_about_a_source_that_is_not_watched_is_told_once_and_not_done(
    time: SimulatedTime, caplog: pytest.LogCaptureFixture
) -> None:
    source = Telling(lambda competition_id: [match(1)])
    for hour in (1, 2):
        source.tell_at(time, MORNING + hour * HOUR, source="other", done=lambda: pytest.fail("it was not looked at"))
    assert len(looks_until(source, MORNING + 5 * HOUR, time)) == 1
    assert caplog.messages == [
        "Nothing of the source 'other' is watched here, so a notice about it changes nothing: a file landed"
    ]


def test_of_a_source_that_is_listed_as_a_whole_only_that_match_is_looked_at(time: SimulatedTime) -> None:
    def find(match_id: int | None = None) -> Any:
        return [match(one) for one in (1, 2) if match_id in (None, one)]

    source = Telling(find, [{}])
    source.identifier_keys = ("match_id",)
    for hour, key in enumerate(("match_id", "team"), 1):
        source.tell_at(time, MORNING + hour * HOUR, key, filters={key: 2})
    assert looks_until(source, MORNING + 5 * HOUR, time)[1:] == ["10:00 match_id", "11:00 team"]
    assert source.calls == [{}, {"match_id": 2}, {}]


def test_a_notice_whose_look_fails_stays_and_is_looked_at_less_and_less_often(
    time: SimulatedTime, caplog: pytest.LogCaptureFixture
) -> None:
    def find(match_id: int | None = None) -> Any:
        if match_id is not None and len(source.calls) < 5:
            raise SourceError("it cannot be read")
        return [match(1)]

    done: list[str] = []
    source = Telling(find, [{}])
    source.identifier_keys = ("match_id",)
    source.tell_at(time, MORNING + HOUR, filters={"match_id": 1}, done=lambda: done.append("done"))
    looks = looks_until(source, MORNING + 5 * HOUR, time)[1:]
    assert [look[:5] for look in looks] == ["10:00", "10:01", "10:03", "10:07"]
    assert done == ["done"]
    assert len(caplog.messages) == 2, "that it fails, and that it works again"
