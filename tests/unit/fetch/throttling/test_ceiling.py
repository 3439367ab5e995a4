from __future__ import annotations

import itertools

import pytest

from ingestify.fetch.throttling.ceiling import Ceiling


def levels(ceiling: Ceiling, seconds: float, step: float = 0.1) -> list[float]:
    found = []
    for _ in range(round(seconds / step)):
        found.append(ceiling.level)
        ceiling.use(step)
    return found


def seconds_until(ceiling: Ceiling, level: float) -> float:
    seconds = 0.0
    while ceiling.level < level:
        ceiling.use(0.1)
        seconds += 0.1
    return seconds


def test_it_begins_below_what_got_through_and_comes_back_to_it() -> None:
    ceiling = Ceiling(0.97, 100)
    seen = levels(ceiling, 4.5)
    assert seen[0] == pytest.approx(0.95 * 97)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(97, abs=0.1)


def test_beyond_what_is_known_it_grows_ever_faster() -> None:
    ceiling = Ceiling(1.0, 100)
    assert seconds_until(ceiling, 110) > seconds_until(ceiling, 150) / 2
    assert seconds_until(ceiling, 1000) < 20


def test_a_probe_that_fails_makes_the_next_one_later() -> None:
    ceiling = Ceiling(0.97, 100)
    waits = []
    for _ in range(6):
        waits.append(seconds_until(ceiling, 101))
        ceiling.meet(101, 100)
        assert ceiling.limit == pytest.approx(100, abs=1)
    assert [later / earlier for earlier, later in itertools.pairwise(waits)][:3] == pytest.approx([2] * 3, rel=0.1)
    for _ in range(6):
        waits.append(seconds_until(ceiling, 101))
        ceiling.meet(101, 100)
    assert waits[-1] < 90


def test_a_probe_that_succeeds_makes_it_fast_again() -> None:
    ceiling = Ceiling(0.97, 100)
    for _ in range(6):
        seconds_until(ceiling, 101)
        ceiling.meet(101, 100)
    seconds_until(ceiling, 105)
    assert seconds_until(ceiling, 200) < 15


def test_a_limit_that_is_met_far_below_the_known_one_is_believed_step_by_step() -> None:
    ceiling = Ceiling(0.97, 100)
    seen = []
    while ceiling.level > 10:
        ceiling.meet(ceiling.level, 10)
        seen.append(ceiling.limit)
    assert seen[0] >= 80
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 10
    assert len(seen) < 8


def test_what_is_found_may_still_change_after_the_limit_was_met() -> None:
    ceiling = Ceiling(1.0, 0)
    assert ceiling.limit == 0
    for _ in range(12):
        ceiling.found += 1
    assert ceiling.limit == 12
    ceiling.meet(11.5, 10)
    ceiling.found += 5
    assert ceiling.limit == 11.5


def test_places_are_probed_one_by_one() -> None:
    ceiling = Ceiling(1.0, 8, step=1)
    for _ in range(6):
        seconds_until(ceiling, 8.5)
        ceiling.meet(9, 8)
        assert round(ceiling.limit) == 8
    assert seconds_until(ceiling, 8.5) > 60
