from __future__ import annotations

import itertools
import threading

import pytest

from ingestify.clock import monotonic
from ingestify.fetch.throttling.rate_limit import RateLimit, Slots, Stopped
from tests.unit.fetch.stopping import seconds_until_stopped


class FakeTime(threading.Event):
    """A clock, and a stop event whose waiting moves that clock on at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += timeout
        return self.is_set()


def test_no_second_has_more_requests_than_the_limit() -> None:
    fake = FakeTime()
    limit = RateLimit(12, clock=fake.clock)
    starts = []
    for number in range(100):
        limit.wait(fake)
        starts.append(fake.now)
        if number % 7 == 0:
            fake.now += 0.4  # a slow request leaves no credit that could burst
    for start in starts:
        assert sum(start <= other < start + 1 for other in starts) <= 12


def test_the_limit_is_used() -> None:
    fake = FakeTime()
    limit = RateLimit(10, clock=fake.clock)
    for _ in range(101):
        limit.wait(fake)
    assert 10 <= fake.now - 1000 < 10.5


def test_without_a_limit_nothing_waits() -> None:
    fake = FakeTime()
    limit = RateLimit(clock=fake.clock)
    for _ in range(1000):
        limit.wait(fake)
    assert fake.now == 1000


@pytest.mark.usefixtures("passing_time")
def test_threads_share_the_spacing() -> None:
    last = threading.local()

    def clock() -> float:
        last.reading = monotonic()
        return last.reading

    limit = RateLimit(100, clock=clock)
    starts: list[float] = []

    def run() -> None:
        for _ in range(4):
            limit.wait(threading.Event())
            starts.append(last.reading)  # the start that the limit gave, however late this thread goes on

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(starts) == 32
    assert all(later - earlier >= 0.01 for earlier, later in itertools.pairwise(sorted(starts)))


def test_stop_ends_a_wait_at_once() -> None:
    limit = RateLimit(0.001)
    limit.wait(threading.Event())
    assert seconds_until_stopped(limit.wait) < 30


def test_who_is_stopped_already_does_not_start() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        RateLimit().wait(stop)


def test_slots_hold_at_most_their_number() -> None:
    slots = Slots(2)
    stop = threading.Event()
    slots.take(stop)
    slots.take(stop)
    stop.set()
    with pytest.raises(Stopped):
        slots.take(stop)
    slots.give_back()
    slots.take(stop)
