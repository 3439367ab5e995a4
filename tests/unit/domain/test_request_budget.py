"""Reservations of a budget: whatever processes ask for, no minute and no day has more than the limits."""

from __future__ import annotations

import collections
import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from ingestify.domain.request_budget import NOTHING_USED, BudgetLimits, BudgetUse

T0 = dt.datetime(2026, 10, 24, 12, tzinfo=dt.UTC)
MIDNIGHT = dt.datetime(2026, 10, 25, tzinfo=dt.UTC)


def seconds(number: float) -> dt.timedelta:
    return dt.timedelta(seconds=number)


def reserve_one_by_one(limits: BudgetLimits, use: BudgetUse, moment: dt.datetime, number: int) -> BudgetUse:
    for _ in range(number):
        reservation, use = limits.reserve(use, moment, 1)
        assert reservation.count == 1
    return use


def test_a_day_that_is_used_up_goes_on_behind_midnight():
    limits = BudgetLimits(per_day=100)
    use = reserve_one_by_one(limits, NOTHING_USED, T0, 100)
    reservation, use = limits.reserve(use, T0 + seconds(60), 1)
    assert (reservation.count, reservation.is_of_day) == (0, True)
    assert reservation.goes_on_at == MIDNIGHT + seconds(5)
    assert limits.left(use, T0 + seconds(60)).per_day == 0
    reservation, _ = limits.reserve(use, MIDNIGHT + seconds(5), 1)
    assert (reservation.count, reservation.goes_on_at) == (1, None)


def test_around_midnight_nothing_is_sent_as_clocks_differ():
    limits = BudgetLimits(per_day=100)
    assert limits.reserve(NOTHING_USED, MIDNIGHT - seconds(6), 1)[0].valid_seconds == 1
    for moment in (MIDNIGHT - seconds(5), MIDNIGHT, MIDNIGHT + seconds(4)):
        assert limits.reserve(NOTHING_USED, moment, 1)[0].goes_on_at == MIDNIGHT + seconds(5)


def test_a_minute_that_is_used_up_goes_on_when_the_first_of_its_requests_is_a_minute_ago():
    limits = BudgetLimits(per_minute=10)
    use = reserve_one_by_one(limits, NOTHING_USED, T0, 4)
    use = reserve_one_by_one(limits, use, T0 + seconds(30), 6)
    reservation, use = limits.reserve(use, T0 + seconds(31), 1)
    assert (reservation.count, reservation.is_of_day) == (0, False)
    assert reservation.goes_on_at == T0 + seconds(64)
    assert limits.left(use, T0 + seconds(64)).per_minute == 4


def test_a_block_is_a_hundredth_of_the_smaller_limit_and_what_is_left_of_one_comes_back():
    assert [BudgetLimits(10, 100).block, BudgetLimits(600).block, BudgetLimits(6000, 100_000).block] == [1, 6, 60]
    limits = BudgetLimits(per_minute=60, per_day=1000)
    reservation, use = limits.reserve(NOTHING_USED, T0, 50)
    assert limits.reserve(use, T0, 50)[0].count == 10
    use = use.without(reservation.at, 45)
    assert limits.left(use, T0) == BudgetLimits(55, 995)


def test_a_clock_that_was_set_back_stands_still_and_one_that_was_far_ahead_blocks_nothing():
    limits = BudgetLimits(per_minute=10, per_day=100)
    use = reserve_one_by_one(limits, NOTHING_USED, T0, 10)
    assert limits.reserve(use, T0 - seconds(600), 1)[0].count == 0
    assert limits.reserve(use, T0 - dt.timedelta(days=300), 1)[0].count == 1


def test_what_others_used_of_the_same_account_counts():
    limits = BudgetLimits(per_minute=10, per_day=100)
    use = reserve_one_by_one(limits, NOTHING_USED, T0, 2)
    assert limits.left(use.at_least(of_minute=7, of_day=90), T0) == BudgetLimits(3, 10)
    assert limits.left(use.at_least(of_minute=1, of_day=1), T0) == BudgetLimits(8, 98), "it never becomes more"
    assert limits.left(use.at_least(of_minute=0, of_day=95), T0) == BudgetLimits(8, 5)


def test_a_minute_that_would_go_on_at_midnight_goes_on_behind_it():
    limits = BudgetLimits(per_minute=1, per_day=2)
    use = reserve_one_by_one(limits, NOTHING_USED, MIDNIGHT - seconds(68), 1)
    reservation, _ = limits.reserve(use, MIDNIGHT - seconds(30), 1)
    assert reservation.goes_on_at == MIDNIGHT + seconds(5)


@given(
    per_minute=st.none() | st.integers(1, 12),
    per_day=st.integers(1, 60),
    steps=st.lists(st.tuples(st.floats(0, 40), st.integers(1, 8), st.integers(0, 8), st.floats(0, 1)), max_size=60),
    begins=st.sampled_from([T0, MIDNIGHT - seconds(90)]),
)
def test_no_sixty_seconds_and_no_day_have_more_than_the_limits(
    per_minute: int | None, per_day: int, steps: list[tuple[float, int, int, float]], begins: dt.datetime
) -> None:
    limits, use, moment = BudgetLimits(per_minute, per_day), NOTHING_USED, begins
    sent: list[dt.datetime] = []
    for pause, wanted, returned, late in steps:
        moment += seconds(pause)
        reservation, use = limits.reserve(use, moment, wanted)
        if reservation.goes_on_at is not None:
            assert moment < reservation.goes_on_at
            moment = reservation.goes_on_at
            reservation, use = limits.reserve(use, moment, wanted)
        assert reservation.count > 0, "it goes on when it says so"
        returned = min(returned, reservation.count)
        use = use.without(reservation.at, returned)
        # A request may be sent as late as it is valid.
        sent += [moment + seconds(late * min(reservation.valid_seconds, 30))] * (reservation.count - returned)
    sent.sort()
    assert all(count <= per_day for count in collections.Counter(one.date() for one in sent).values())
    if per_minute is not None:
        for first, after in zip(sent, sent[per_minute:], strict=False):
            assert after - first > seconds(60)
