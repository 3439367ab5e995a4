from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ingestify.fetch.http import HttpClient
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.throttling.adaptive_limiter import AdaptiveLimiter
from ingestify.fetch.throttling.circuit_breaker import LeftAlone
from ingestify.fetch.throttling.host_limiters import HostLimiters
from ingestify.fetch.throttling.rate_limit import RateLimit
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.unit.fetch.simulated_time import (
    Broken,
    Changing,
    Crowded,
    FixedWindow,
    Free,
    SimulatedProvider,
    Simulation,
    SlidingWindow,
    TokenBucket,
)
from tests.unit.fetch.stopping import seconds_until_stopped


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def limiter(clock: FakeClock) -> AdaptiveLimiter:
    return AdaptiveLimiter("provider", "host", HttpOptions(), RateLimit(None), clock=clock)


# ---- what it learns: 32 threads that ask as fast as they may, 50 ms away ---------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seconds", [60, 180])
@pytest.mark.parametrize("limit", [5, 12, 50])
def test_a_hidden_limit_is_found_kept_and_used(limit: int, seconds: int) -> None:
    outcome = Simulation(SlidingWindow(limit)).run(seconds)
    assert outcome.refused(10, seconds) <= 0.02
    assert outcome.per_second(10, seconds) >= 0.9 * limit
    assert outcome.most_in_a_row <= 3


def test_a_high_limit_is_found_kept_and_used() -> None:
    outcome = Simulation(SlidingWindow(200)).run(40)
    assert outcome.refused(10, 40) <= 0.02
    assert outcome.per_second(10, 40) >= 0.9 * 200


@pytest.mark.parametrize("latency", [0.005, 0.2, 1.0])
@pytest.mark.parametrize("lateness", [0.0, 0.03])
def test_a_hidden_limit_is_found_over_any_network(latency: float, lateness: float) -> None:
    outcome = Simulation(SlidingWindow(12), latency=latency, lateness=lateness).run(180)
    assert outcome.refused(20, 180) <= 0.02
    assert outcome.per_second(20, 180) >= 0.85 * 12


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("provider", "least_used", "most_refused"),
    [
        (SlidingWindow(12, retry_after=None), 0.9, 0.02),
        (FixedWindow(12), 0.9, 0.02),
        (FixedWindow(12, says_when=True), 0.9, 0.02),
        (FixedWindow(120, 10.0, says_when=True), 0.9, 0.02),
        (FixedWindow(120, 10.0), 0.9, 0.08),  # it is closed for seconds, and does not say for how many
        (TokenBucket(12, 12), 0.9, 0.02),
        (TokenBucket(12, 100), 0.9, 0.02),
        (TokenBucket(12, 12, retry_after=None), 0.9, 0.02),
        (TokenBucket(12, 1, retry_after=None), 0.8, 0.02),  # two that come 80 ms after each other are too many
    ],
)
def test_every_way_of_counting_is_coped_with(
    provider: SimulatedProvider, least_used: float, most_refused: float
) -> None:
    outcome = Simulation(provider).run(180)
    assert outcome.refused(10, 180) <= most_refused
    assert outcome.per_second(10, 180) >= least_used * 12
    assert outcome.most_in_a_row <= 4


@pytest.mark.parametrize("limit", [60, 720])
def test_a_limit_by_the_minute_is_kept_when_the_provider_says_how_long_to_wait(limit: int) -> None:
    outcome = Simulation(FixedWindow(limit, 60.0, says_when=True)).run(600)
    assert outcome.refused(60, 600) <= 0.02
    assert outcome.per_second(60, 600) >= 0.85 * limit / 60


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    limit=st.integers(3, 60),
    threads=st.sampled_from([4, 8, 32, 64]),
    latency=st.sampled_from([0.005, 0.05, 0.3]),
    lateness=st.floats(0, 0.02),
    retry_after=st.sampled_from([None, 1.0, 2.0]),
)
def test_any_limit_that_is_met_is_kept_and_used(
    limit: int, threads: int, latency: float, lateness: float, retry_after: float | None
) -> None:
    assume(limit < 0.7 * threads / latency)
    provider = SlidingWindow(limit, retry_after=retry_after)
    outcome = Simulation(provider, threads=threads, latency=latency, lateness=lateness).run(80)
    assert outcome.refused(20, 80) <= 0.03
    assert outcome.per_second(20, 80) >= 0.7 * limit
    assert outcome.most_in_a_row <= 4


def test_a_limit_that_moves_is_followed() -> None:
    outcome = Simulation(Changing((0, SlidingWindow(12)), (60, SlidingWindow(30)), (160, SlidingWindow(6)))).run(220)
    assert outcome.per_second(10, 60) >= 0.9 * 12
    assert outcome.per_second(110, 160) >= 0.85 * 30
    assert outcome.refused(60, 160) <= 0.02
    assert outcome.per_second(170, 220) >= 0.85 * 6
    assert outcome.refused(170, 220) <= 0.02
    assert outcome.most_in_a_row <= 5


def test_probes_become_rare_while_they_fail() -> None:
    outcome = Simulation(SlidingWindow(12)).run(300)
    assert 1 <= sum(one.status == 429 for one in outcome.arrivals if one.at >= 100) <= 6


def test_after_a_moment_of_refusals_it_is_soon_as_fast_as_ever() -> None:
    outcome = Simulation(Changing((0, TokenBucket(12, 12)), (5, Free()))).run(40)
    assert outcome.per_second(30, 40) >= 0.9 * 32 / 0.05


def test_a_provider_that_refuses_nothing_is_never_waited_for(clock: FakeClock, limiter: AdaptiveLimiter) -> None:
    outcome = Simulation(Free(), lateness=0.0).run(10)
    assert outcome.per_second(0, 10) == pytest.approx(32 / 0.05, rel=0.01)
    assert {one.rate for one in outcome.arrivals} == {None}
    for _ in range(10_000):
        assert limiter.seconds_to_wait() == 0
        sent = limiter.start()
        assert sent is not None
        limiter.accepted(sent)


# ---- overload ------------------------------------------------------------------------------------------


def test_a_provider_that_takes_only_so_many_at_once_is_asked_by_no_more() -> None:
    outcome = Simulation(Crowded(8)).run(120)
    assert outcome.refused(10, 120) <= 0.02
    assert outcome.per_second(10, 120) >= 0.85 * 8 / 0.05
    assert outcome.most_in_a_row <= 4


def test_it_is_asked_by_more_again_when_it_can_take_them() -> None:
    outcome = Simulation(Changing((0, Crowded(4)), (20, Free()))).run(60)
    assert outcome.per_second(10, 20) <= 4 / 0.05
    assert outcome.per_second(50, 60) >= 0.9 * 32 / 0.05


def test_a_rate_limit_that_answers_503_is_found_too() -> None:
    outcome = Simulation(TokenBucket(12, 12, retry_after=None, status=503)).run(180)
    assert outcome.refused(10, 180) <= 0.08
    assert outcome.per_second(10, 180) >= 0.9 * 12


def test_files_that_fail_with_503_do_not_slow_down_the_others() -> None:
    outcome = Simulation(Broken(0.02)).run(30)
    assert outcome.per_second(0, 30) >= 0.8 * 32 / 0.05  # 12 % of the time goes into waiting before the second tries


def test_a_host_that_answers_503_to_one_at_a_time_is_soon_taken_for_down(clock: FakeClock) -> None:
    options = HttpOptions(attempts=3, backoff_base_seconds=0.02, backoff_cap_seconds=0.1)
    limiter = AdaptiveLimiter("provider", "host", options, RateLimit(None), clock=clock)
    begun = clock.now

    def ask(url: str) -> None:
        while not limiter.is_due():
            clock.now += 0.05
        (sent,) = send(limiter)
        clock.now += 0.01
        limiter.overloaded(sent)
        limiter.failed(sent, url, "status 503", 503)
        limiter.leave()

    with pytest.raises(LeftAlone, match="on every request"):
        all(ask(f"/{number // 3}") is None for number in range(1000))
    assert clock.now - begun < 20


# ---- pauses --------------------------------------------------------------------------------------------


def send(limiter: AdaptiveLimiter, count: int = 1) -> list:
    sent = [limiter.start() for _ in range(count)]
    assert None not in sent
    return sent


def test_a_pause_holds_everything_back_and_ends(limiter: AdaptiveLimiter, clock: FakeClock) -> None:
    (sent,) = send(limiter)
    assert limiter.refused(sent, 30) == 30
    assert limiter.start() is None
    clock.now += 29.9
    assert limiter.seconds_to_wait() == pytest.approx(0.1)
    clock.now += 0.11
    assert limiter.seconds_to_wait() == 0


def test_a_shorter_pause_does_not_end_a_longer_one(limiter: AdaptiveLimiter) -> None:
    first, second = send(limiter, 2)
    limiter.refused(first, 10)
    limiter.refused(second, 1)
    assert limiter.seconds_to_wait() == pytest.approx(10)


def test_after_a_pause_one_asks_and_the_others_wait_for_its_answer(limiter: AdaptiveLimiter, clock: FakeClock) -> None:
    for sent in send(limiter, 5):
        limiter.refused(sent, 1)
    clock.now += 1.01
    (probe,) = send(limiter)
    assert limiter.start() is None
    clock.now += 0.05
    assert limiter.start() is None
    limiter.accepted(probe)
    assert limiter.start() is not None


def test_a_probe_that_never_comes_back_does_not_hold_up_the_others(limiter: AdaptiveLimiter, clock: FakeClock) -> None:
    for sent in send(limiter, 5):
        limiter.refused(sent, 1)
    clock.now += 1.01
    send(limiter)
    clock.now += 1.02
    send(limiter)


def test_pauses_grow_while_a_provider_that_does_not_say_how_long_refuses_everything(
    limiter: AdaptiveLimiter, clock: FakeClock
) -> None:
    pauses = []
    for _ in range(12):
        (sent,) = send(limiter)
        pauses.append(limiter.refused(sent, None))
        clock.now += pauses[-1] + 0.01
    assert 0.25 <= pauses[0] <= 0.5
    assert 2 <= pauses[3] <= 4
    assert 15 <= pauses[-1] <= 30


def test_refusals_of_one_moment_count_once(limiter: AdaptiveLimiter, clock: FakeClock) -> None:
    burst = send(limiter, 32)
    clock.now += 0.05
    for sent in burst[:12]:
        limiter.accepted(sent)
    for sent in burst[12:]:
        limiter.refused(sent, 1)
        clock.now += 0.01
    clock.now += 2
    (probe,) = send(limiter)
    assert probe.rate == pytest.approx(12, rel=0.1)


def test_what_got_through_counts_although_it_is_told_after_the_refusals(
    limiter: AdaptiveLimiter, clock: FakeClock
) -> None:
    burst = send(limiter, 32)
    clock.now += 0.05
    for sent in [*burst[12:], *burst[:12]]:
        if sent in burst[:12]:
            limiter.accepted(sent)
        else:
            limiter.refused(sent, 1)
    clock.now += 2
    (probe,) = send(limiter)
    assert probe.rate == pytest.approx(12, rel=0.1)


def test_ten_minutes_without_a_refusal_are_enough_to_forget(limiter: AdaptiveLimiter, clock: FakeClock) -> None:
    first, second = send(limiter, 2)
    limiter.accepted(first)
    limiter.refused(second, 1)
    clock.now += 5
    (sent,) = send(limiter)
    assert sent.rate is not None
    limiter.accepted(sent)
    clock.now += 601
    assert [sent.rate for sent in send(limiter, 100)] == [None] * 100


# ---- threads -------------------------------------------------------------------------------------------


def test_stop_ends_a_wait_at_once() -> None:
    limiter = AdaptiveLimiter("provider", "host", HttpOptions(), RateLimit(None))
    limiter.refused(limiter.enter(threading.Event()), 60)
    assert seconds_until_stopped(limiter.enter) < 30


@pytest.mark.usefixtures("passing_time")
def test_the_clients_own_limit_stays_the_upper_bound() -> None:
    limiter = AdaptiveLimiter("provider", "host", HttpOptions(), RateLimit(40))
    never = threading.Event()
    burst = [limiter.start() for _ in range(100)]
    assert None not in burst
    for sent in burst[:-1]:
        limiter.accepted(sent)
    limiter.refused(burst[-1], 0.01)
    starts = []

    def run(_: int) -> None:
        sent = limiter.enter(never)
        starts.append(sent.started)
        limiter.accepted(sent)
        limiter.leave()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(13)))
    assert max(starts) - min(starts) >= 12 / 40


def test_each_host_has_its_own_limiter() -> None:
    limiters = HostLimiters("provider", HttpOptions())
    limiter = limiters.of("https://one.example/a/b?c=d")
    assert limiters.of("https://one.example/e") is limiter
    assert limiters.of("https://ONE.example:443?x=/") is limiter
    for other in ("http://one.example/a", "https://one.example:8443/a", "https://two.example/a"):
        assert limiters.of(other) is not limiter


@pytest.mark.slow
def test_a_real_hidden_limit_is_found_and_no_request_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ingestify.fetch")
    season = Season(matches=1, events_per_match=40)
    with Simulator(season, latency_seconds=0.02, requests_per_second=60) as simulator:
        client = HttpClient("provider")
        ends = time.monotonic() + 6

        def run(_: int) -> None:
            while time.monotonic() < ends:
                assert client.get(f"{simulator.base_url}/competitions.json").status == 200

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(run, range(32)))
        client.close()
        began = simulator.requests[0].at_seconds
        settled = [one.status for one in simulator.requests if 2.5 <= one.at_seconds - began < 6]
    # Without a limiter seven of ten are refused. How few it is, and how much is used, the simulated seconds above say:
    # on a machine that is busy with something else, a second is no second here.
    assert settled.count(429) <= 0.1 * len(settled) + 3
    assert settled.count(200) >= 0.35 * 60 * 3.5  # about 0.9 on an idle machine
    assert any("holding back to about" in message for message in caplog.messages)
    assert len(caplog.messages) <= 8
