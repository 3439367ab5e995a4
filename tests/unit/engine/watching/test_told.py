"""A source that tells of changes is looked at without waiting for the schedule."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import Schedule, StoreError, get_dev_engine
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

    def tell_at(self, time: SimulatedTime, moment: dt.datetime, why: str = "a file landed") -> None:
        time.at(moment, lambda: self.tell is not None and self.tell(ChangeNotice("fake", moment, why)))


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
