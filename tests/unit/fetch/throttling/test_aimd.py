from __future__ import annotations

import pytest

from ingestify.fetch.throttling.aimd import AimdLimit


def levels(limit: AimdLimit, seconds: float, step: float = 0.1) -> list[float]:
    found = []
    for _ in range(round(seconds / step)):
        found.append(limit.level)
        limit.use(step)
    return found


def seconds_until(limit: AimdLimit, level: float) -> float:
    seconds = 0.0
    while limit.level < level:
        limit.use(0.1)
        seconds += 0.1
    return seconds


def test_it_begins_below_what_got_through_and_comes_back_to_it() -> None:
    limit = AimdLimit(100)
    seen = levels(limit, 4.0)
    assert seen[0] == pytest.approx(96)
    assert seen == sorted(seen)
    assert limit.level == pytest.approx(100, abs=0.1)


def test_beyond_what_is_known_it_grows_ever_faster() -> None:
    limit = AimdLimit(100)
    assert seconds_until(limit, 110) > seconds_until(limit, 150) / 2
    assert seconds_until(limit, 1000) < 20


def test_a_probe_that_fails_makes_the_next_one_later() -> None:
    limit = AimdLimit(100)
    waits = []
    for _ in range(6):
        waits.append(seconds_until(limit, 101))
        limit.meet(101, 100)
    assert waits == sorted(waits)
    assert waits[3] > 3 * waits[0]
    assert waits[-1] < 60


def test_a_probe_that_succeeds_makes_it_fast_again() -> None:
    limit = AimdLimit(100)
    for _ in range(6):
        seconds_until(limit, 101)
        limit.meet(101, 100)
    seconds_until(limit, 111)
    assert seconds_until(limit, 200) < 10


def test_a_limit_that_is_met_far_below_the_known_one_is_believed_step_by_step() -> None:
    limit = AimdLimit(100)
    seen = []
    while limit.known > 10:
        limit.meet(limit.level, 10)
        seen.append(limit.known)
    assert seen[0] >= 90
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 10
    assert len(seen) < 9


def test_one_refusal_on_the_way_back_lowers_it_little_although_hardly_anything_is_counted_after_a_pause() -> None:
    limit = AimdLimit(100)
    limit.meet(97, 3)
    assert limit.known >= 90


def test_what_is_hardly_more_than_a_guess_is_soon_looked_beyond() -> None:
    assert seconds_until(AimdLimit(3), 3.3) < seconds_until(AimdLimit(4), 4.4)
