from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.domain.ports import HostWait
from ingestify.errors import StoreError
from ingestify.fetch.throttling.waits import Waits

T0 = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> dt.datetime:
        return self.now


class Memory:
    def __init__(self) -> None:
        self.kept: dict[str, HostWait] = {}

    def find(self) -> list[HostWait]:
        return list(self.kept.values())

    def save(self, wait: HostWait) -> None:
        self.kept[wait.host] = wait

    def forget(self) -> None:
        self.kept.clear()


class Refusing(Memory):
    def find(self) -> list[HostWait]:
        raise StoreError("no such table")

    def save(self, wait: HostWait) -> None:
        raise StoreError("read-only")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_a_wait_holds_for_its_host_until_it_is_over(clock: Clock) -> None:
    waits = Waits(clock=clock)
    wait = waits.ask("a.example", 7200, 429)
    assert wait.reason == "a.example asked to be left alone until 2026-05-01 14:00:00 UTC (429)"
    assert waits.find("a.example") == wait
    assert waits.find("b.example") is None
    clock.now += 2 * HOUR
    assert waits.find("a.example") is None


def test_the_next_run_knows_and_one_beside_it_learns(clock: Clock, memory: Memory) -> None:
    beside = Waits(memory, clock=clock)
    beside.begin_run(ignored=False, writes=True)
    wait = Waits(memory, clock=clock).ask("a.example", 7200, 503)
    beside.look_up()
    later = Waits(memory, clock=clock)
    later.begin_run(ignored=False, writes=True)
    assert later.find("a.example") == beside.find("a.example") == wait


def test_refusals_of_one_moment_are_written_once(clock: Clock, memory: Memory) -> None:
    waits = Waits(memory, clock=clock)
    first = waits.ask("a.example", 7200, 429)
    memory.kept.clear()
    clock.now += dt.timedelta(seconds=1)
    assert waits.ask("a.example", 7200, 429) == first
    assert memory.kept == {}


def test_a_wait_beyond_a_day_is_cut_and_says_so(clock: Clock, memory: Memory) -> None:
    waits = Waits(memory, clock=clock)
    wait = waits.ask("a.example", 1e12, 429)
    assert wait.until == T0 + DAY
    assert "for longer even, which is believed for a day at a time" in wait.reason


def test_a_person_can_ask_all_the_same_and_then_it_is_forgotten(clock: Clock, memory: Memory) -> None:
    waits = Waits(memory, clock=clock)
    waits.ask("a.example", 7200, 429)
    waits.begin_run(ignored=True, writes=True)
    waits.look_up()
    assert waits.find("a.example") is None
    assert memory.kept == {}


def test_a_dry_run_knows_and_writes_nothing(clock: Clock, memory: Memory) -> None:
    Waits(memory, clock=clock).ask("a.example", 7200, 429)
    waits = Waits(memory, clock=clock)
    waits.begin_run(ignored=False, writes=False)
    assert waits.find("a.example") is not None
    waits.ask("b.example", 7200, 429)
    assert list(memory.kept) == ["a.example"]


def test_a_catalogue_that_refuses_does_not_end_a_run(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    waits = Waits(Refusing(), clock=clock)
    waits.begin_run(ignored=False, writes=True)
    waits.ask("a.example", 7200, 429)
    assert waits.find("a.example") is not None
    assert "The next run will not know that: read-only" in caplog.text


def test_two_processes_that_are_told_the_same_at_once_say_nothing_of_it(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    class Raced(Memory):
        def save(self, wait: HostWait) -> None:
            super().save(wait)
            raise StoreError("there is one already")

    assert Waits(Raced(), clock=clock).ask("a.example", 7200, 429).until == T0 + 2 * HOUR
    assert "The next run will not know that" not in caplog.text


@given(
    asked_ahead=st.integers(-400 * 24, 400 * 24),
    seconds=st.floats(121, 1e9),
)
def test_no_clock_that_jumps_locks_a_host_out_for_longer_than_a_day(asked_ahead: int, seconds: float) -> None:
    """One process asked with a clock that was off; whatever the next one's clock says, it asks again within a day."""
    memory, clock = Memory(), Clock()
    clock.now += asked_ahead * HOUR
    Waits(memory, clock=clock).ask("a.example", seconds, 429)
    clock.now = T0
    for _ in range(25):
        waits = Waits(memory, clock=clock)
        waits.begin_run(ignored=False, writes=True)
        if waits.find("a.example") is None:
            return
        clock.now += HOUR + dt.timedelta(minutes=1)
    raise AssertionError("it is left alone for more than a day")
