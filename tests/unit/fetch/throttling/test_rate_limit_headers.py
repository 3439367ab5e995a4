from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.fetch.http import HttpClient
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.throttling.adaptive_limiter import AdaptiveLimiter
from ingestify.fetch.throttling.rate_limit import RateLimit
from ingestify.fetch.throttling.rate_limit_headers import RateLimitHeaders, RemainingRequests, read_rate_limit_headers
from ingestify.fetch.transport.headers import Headers
from tests.support.scripted_provider import Provider, answer


@pytest.mark.parametrize(
    ("headers", "announced"),
    [
        ({"RateLimit-Remaining": "3", "RateLimit-Reset": "1"}, RateLimitHeaders(3, 1.0)),
        (
            {"RateLimit-Remaining": "0", "RateLimit-Reset": "7", "RateLimit-Policy": "10;w=60"},
            RateLimitHeaders(0, 7.0, 10, 60.0),
        ),
        (
            {"ratelimit-remaining": "9", "ratelimit-reset": "1", "ratelimit-limit": "12, 12;w=1"},
            RateLimitHeaders(9, 1.0, 12, None),
        ),
        (
            {"RateLimit": '"default";r=50;t=30', "RateLimit-Policy": '"default";q=100;w=60'},
            RateLimitHeaders(50, 30.0, 100, 60.0),
        ),
        ({"RateLimit-Remaining": "3"}, None),
        ({"RateLimit-Remaining": "many", "RateLimit-Reset": "1"}, None),
        ({"RateLimit-Remaining": "-1", "RateLimit-Reset": "1"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000000"}, None),
        ({}, None),
    ],
)
def test_headers_are_read_in_each_form_that_is_defined(
    headers: dict[str, str], announced: RateLimitHeaders | None
) -> None:
    assert read_rate_limit_headers(Headers(headers.items())) == announced


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_whatever_a_provider_sends_is_a_number_or_nothing(remaining: str, reset: str, policy: str) -> None:
    found = read_rate_limit_headers(
        {"RateLimit-Remaining": remaining, "RateLimit-Reset": reset, "RateLimit-Policy": policy}
    )
    assert found is None or (found.remaining >= 0 and found.reset_seconds >= 0)


def test_what_is_used_up_is_waited_for_until_the_reset() -> None:
    allowance = RemainingRequests()
    allowance.take(0.0)
    allowance.learn(RateLimitHeaders(2, 10.0), 0.0, others_in_flight=1)
    assert allowance.seconds_to_wait(0.0) == 0
    allowance.take(0.0)
    assert allowance.seconds_to_wait(4.0) == 6.0
    assert allowance.seconds_to_wait(10.0) == 0


def test_answers_that_overtake_each_other_allow_no_more() -> None:
    allowance = RemainingRequests()
    allowance.learn(RateLimitHeaders(0, 10.0), 0.0, others_in_flight=0)
    allowance.learn(RateLimitHeaders(5, 10.0), 0.1, others_in_flight=0)
    assert allowance.seconds_to_wait(0.2) > 0


def test_after_the_reset_the_window_that_was_named_holds() -> None:
    allowance = RemainingRequests()
    allowance.learn(RateLimitHeaders(0, 1.0, 2, 60.0), 0.0, others_in_flight=0)
    for _ in range(2):
        assert allowance.seconds_to_wait(1.0) == 0
        allowance.take(1.0)
    assert allowance.seconds_to_wait(1.0) == 60.0


class _Window:
    """A provider that counts requests in fixed windows and tells what is left."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self.began, self.count = 0.0, 0

    def answer(self, now: float) -> tuple[bool, RateLimitHeaders]:
        if now >= self.began + self.seconds:
            self.began, self.count = now - (now - self.began) % self.seconds, 0
        self.count += 1
        left = max(0, self.limit - self.count)
        return self.count <= self.limit, RateLimitHeaders(
            left, self.began + self.seconds - now, self.limit, self.seconds
        )


@given(st.integers(1, 12), st.floats(0.5, 90.0), st.integers(1, 8))
def test_after_the_first_answer_nothing_is_refused(limit: int, seconds: float, at_once: int) -> None:
    provider, allowance, now = _Window(limit, seconds), RemainingRequests(), 0.0
    allowance.take(now)
    passed, announced = provider.answer(now)
    assert passed
    allowance.learn(announced, now, 0)
    through = 0
    while through < 3 * limit:
        wait = allowance.seconds_to_wait(now)
        if wait:
            now += wait + 1e-6
            continue
        sent = 0
        while sent < at_once and not allowance.seconds_to_wait(now):
            allowance.take(now)
            sent += 1
        now += 0.01
        for number in range(sent):
            passed, announced = provider.answer(now)
            assert passed
            allowance.learn(announced, now, sent - number - 1)
        through += sent


def test_a_pace_starts_nothing_that_would_be_refused() -> None:
    now = 100.0
    limiter = AdaptiveLimiter("provider", "host", HttpOptions(), RateLimit(None), clock=lambda: now)
    assert limiter.start() is not None
    limiter.announced(RateLimitHeaders(1, 30.0))
    limiter.leave()
    assert limiter.start() is not None
    assert limiter.start() is None
    assert limiter.seconds_to_wait() == 30.0
    now = 130.0
    assert limiter.start() is not None


def test_a_reset_that_is_too_far_away_is_not_waited_for() -> None:
    limiter = AdaptiveLimiter("provider", "host", HttpOptions(max_retry_after_seconds=60), RateLimit(None))
    assert limiter.start() is not None
    limiter.announced(RateLimitHeaders(0, 3600.0))
    assert limiter.start() is not None


@pytest.mark.usefixtures("passing_time")
def test_a_client_waits_for_the_reset(server: Provider, client: HttpClient) -> None:
    used_up = answer(b"[1]", ratelimit_remaining="0", ratelimit_reset="1")
    url = server.on("/a", used_up, answer(b"[2]", ratelimit_remaining="5", ratelimit_reset="1"))
    assert [client.get_json(url), client.get_json(url)] == [[1], [2]]
    first, second = server.asked
    assert second.at - first.at >= 0.9
