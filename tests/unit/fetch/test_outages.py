"""A provider that is away for a while, or for good: 32 threads, a queue of files, and simulated time."""

from __future__ import annotations

import collections
import dataclasses
import heapq
import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.fetch.options import HttpOptions
from ingestify.fetch.throttling.adaptive_limiter import AdaptiveLimiter
from ingestify.fetch.throttling.circuit_breaker import LeftAlone
from ingestify.fetch.throttling.rate_limit import RateLimit

LATENCY = 0.05
POLL = 0.05


@dataclasses.dataclass
class Outcome:
    """Attributes: asked: (when, whether it got through)."""

    came: set[int] = dataclasses.field(default_factory=set)
    failed: set[int] = dataclasses.field(default_factory=set)
    not_asked: set[int] = dataclasses.field(default_factory=set)
    asked: list[tuple[float, bool]] = dataclasses.field(default_factory=list)
    ended: float = 0.0

    def between(self, begins: float, ends: float) -> int:
        return sum(begins <= at < ends for at, _ in self.asked)


class Run:
    """What `RequestExecutor` does with each file, and the threads that it blocks, as events.

    Args:
        fails: Whether a file fails at a moment.
    """

    def __init__(
        self,
        files: int,
        fails: Callable[[float, int], bool],
        *,
        threads: int = 32,
        status: int | None = 500,
        seed: int = 1,
        begins: float = 0.0,
        latency: float = LATENCY,
    ) -> None:
        random.seed(seed)
        self._random = random.Random(seed)
        self._now = begins
        self._options = HttpOptions()
        self._limiter = AdaptiveLimiter("provider", "host", self._options, RateLimit(None), clock=lambda: self._now)
        self._fails, self._status, self._latency = fails, status, latency
        self._queue = collections.deque(range(files))
        self._idle = threads
        self._waiting: list[tuple[int, int]] = []  # a file, and how often it failed
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._is_polling = False
        self.outcome = Outcome()

    def run(self) -> Outcome:
        self._go_on()
        while self._events:
            self._now, _, event = heapq.heappop(self._events)
            event()
            self._go_on()
        self.outcome.ended = self._now
        return self.outcome

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._numbers), event))

    def _go_on(self) -> None:
        while True:
            while self._idle and self._queue:
                self._idle -= 1
                self._waiting.append((self._queue.popleft(), 0))
            self._random.shuffle(self._waiting)
            self._waiting = [one for one in self._waiting if not self._enter(*one)]
            if not (self._idle and self._queue):
                break
        if self._waiting and not self._is_polling:
            self._is_polling = True
            self._after(POLL, self._poll)

    def _enter(self, file: int, faults: int) -> bool:
        """Send, or end; or else wait."""
        try:
            sent = self._limiter.start() if self._limiter.is_due(is_fresh=not faults) else None
        except LeftAlone:
            self._end(file, self.outcome.failed if faults else self.outcome.not_asked)
            return True
        if sent is not None:
            self._after(self._latency, lambda: self._answer(sent, file, faults))
        return sent is not None

    def _poll(self) -> None:
        self._is_polling = False

    def _end(self, file: int, how: set[int]) -> None:
        how.add(file)
        self._idle += 1

    def _answer(self, sent, file: int, faults: int) -> None:
        fails = self._fails(self._now, file)
        self.outcome.asked.append((self._now, not fails))
        if not fails:
            self._limiter.accepted(sent)
            self._limiter.answered()
            self._end(file, self.outcome.came)
        else:
            if self._status is not None:
                self._limiter.accepted(sent)
            self._limiter.failed(sent, f"/{file}", "it fails", self._status)
            if self._status in (401, 403) or faults + 1 >= self._options.attempts:
                self._end(file, self.outcome.failed)
            else:
                pause = self._random.uniform(0, 0.5 * 2**faults)
                self._after(pause, lambda: self._waiting.append((file, faults + 1)))
        self._limiter.leave()


def away(begins: float, ends: float) -> Callable[[float, int], bool]:
    return lambda now, _: begins <= now < ends


@pytest.mark.sampled(5)
@pytest.mark.parametrize("status", [500, 503, None])
@pytest.mark.parametrize("threads", [16, 64])
@pytest.mark.parametrize(("begins", "ends"), [(0.0, 5.0), (0.5, 20.0)])
def test_a_host_that_comes_back_is_found_again_and_everything_gets_there(
    status: int | None, threads: int, begins: float, ends: float
) -> None:
    outcome = Run(1500, away(begins, ends), threads=threads, status=status).run()
    assert len(outcome.came) == 1500
    assert outcome.between(begins + LATENCY, ends) <= threads + 12
    assert outcome.ended <= ends + 20 + 1500 * LATENCY / threads * 2


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    begins=st.floats(0, 5),
    seconds=st.floats(0.5, 25),
    threads=st.sampled_from([12, 32, 64]),
    latency=st.sampled_from([0.005, 0.05, 0.5]),
    seed=st.integers(0, 1000),
)
def test_no_outage_of_less_than_half_a_minute_costs_a_file(
    begins: float, seconds: float, threads: int, latency: float, seed: int
) -> None:
    outcome = Run(1500, away(begins, begins + seconds), threads=threads, latency=latency, seed=seed).run()
    # With few threads, a file may be the look that fails as often as it is tried.
    assert len(outcome.came) >= 1500 - 2
    assert outcome.not_asked == set()


@pytest.mark.sampled(5)
@pytest.mark.parametrize("status", [500, 503, None, 401, 403])
@pytest.mark.parametrize("files", [200, 20_000])
def test_a_host_that_stays_away_is_asked_hardly_more_for_a_hundred_times_as_many_files(
    status: int | None, files: int
) -> None:
    outcome = Run(files, lambda *_: True, status=status).run()
    assert outcome.came == set()
    assert len(outcome.asked) <= 32 + 8 + 2 * files.bit_length()
    assert outcome.ended <= 90
    assert len(outcome.failed) <= len(outcome.asked)
    assert len(outcome.failed) + len(outcome.not_asked) == files


def test_what_was_not_asked_comes_with_the_next_run() -> None:
    first = Run(2000, away(0, 1000)).run()
    assert len(first.not_asked) > 1900
    assert len(Run(2000, away(0, 1000), begins=2000.0).run().came) == 2000


def test_those_who_waited_do_not_all_rush_at_a_host_that_is_back() -> None:
    outcome = Run(4000, away(1.0, 9.0), threads=64).run()
    back = next(at for at, through in outcome.asked if through and at >= 9.0)
    # Each answer lets one more in: twice as many in each round trip, and not 64 in the first.
    for number in range(1, 5):
        assert outcome.between(back, back + number * LATENCY * 0.99) <= 2 ** (number + 1)
    assert outcome.between(back, back + 2.0) >= 0.5 * 64 * 2.0 / LATENCY


@pytest.mark.parametrize("seed", range(5))
def test_broken_files_in_a_healthy_host_fail_alone(seed: int) -> None:
    broken = set(random.Random(seed).sample(range(1000), 60))
    outcome = Run(1000, lambda _, file: file in broken, seed=seed).run()
    assert outcome.failed == broken
    assert len(outcome.came) == 940
    assert outcome.ended <= 40


def test_files_that_are_broken_for_ever_do_not_keep_out_those_behind_them() -> None:
    """In one run or another each of them is asked for, although the same sixty come first every time."""
    lacking = set(range(100))
    for number in range(40):
        order = sorted(lacking)
        outcome = Run(len(order), lambda _, file, order=order: order[file] < 60, seed=number).run()
        lacking -= {order[file] for file in outcome.came}
        if lacking == set(range(60)):
            return
    raise AssertionError(f"{len(lacking) - 60} never came")
