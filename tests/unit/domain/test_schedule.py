"""When a selector is looked at next, from the matches that the lake knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.domain.match_times import MatchState, MatchTimes
from ingestify.domain.schedule import QuietHours, Schedule
from ingestify.errors import ConfigurationError

MADRID = ZoneInfo("Europe/Madrid")
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
KICK_OFF = dt.datetime(2026, 10, 24, 15, tzinfo=dt.UTC)
DEFAULT = Schedule()


def match(kick_off: dt.datetime = KICK_OFF, state: MatchState = MatchState.UNKNOWN, **values: object) -> MatchTimes:
    return MatchTimes("Ajax - PSV", kick_off, state, **values)


def next_look(last: dt.datetime, *matches: MatchTimes, schedule: Schedule = DEFAULT) -> dt.datetime | None:
    due = schedule.next_near_look(matches, last, last)
    return None if due is None else due.at


def test_a_selector_is_looked_at_from_the_kick_off_on() -> None:
    due = DEFAULT.next_near_look([match()], KICK_OFF - 5 * HOUR, KICK_OFF - 4 * HOUR)
    assert due is not None
    assert due.at == KICK_OFF
    assert due.why == "Ajax - PSV is played until 17:30 UTC"


@pytest.mark.parametrize(
    ("after_kick_off", "until_next"),
    [
        (0 * MINUTE, 1 * MINUTE),
        (148 * MINUTE, 1 * MINUTE),
        # The end is two hours after the kick-off, and for half an hour more it is live.
        (150 * MINUTE, 60 * MINUTE),
        (48 * HOUR, HOUR),
        (50 * HOUR, 6 * HOUR),
        (50 * HOUR + dt.timedelta(days=6), 6 * HOUR),
        (50 * HOUR + dt.timedelta(days=7), None),
    ],
)
def test_it_is_looked_at_less_often_the_longer_ago_the_match_is(
    after_kick_off: dt.timedelta, until_next: dt.timedelta | None
) -> None:
    last = KICK_OFF + after_kick_off
    assert next_look(last, match()) == (None if until_next is None else last + until_next)


def test_extra_time_is_live_and_a_match_that_ended_early_is_not() -> None:
    late, early = KICK_OFF + 170 * MINUTE, KICK_OFF + 140 * MINUTE
    assert next_look(late, match(state=MatchState.LIVE)) == late + MINUTE
    assert next_look(late, match(state=MatchState.FINISHED, changed_at=KICK_OFF + 160 * MINUTE)) == late + MINUTE
    assert next_look(early, match(state=MatchState.FINISHED, changed_at=KICK_OFF + 105 * MINUTE)) == early + HOUR


def test_a_match_that_is_said_to_be_live_for_days_is_not() -> None:
    last = KICK_OFF + 5 * HOUR
    assert next_look(last, match(state=MatchState.LIVE)) == last + HOUR


def test_a_postponed_match_is_live_for_a_quarter_of_an_hour_as_its_kick_off_may_be_the_new_one() -> None:
    postponed = match(state=MatchState.POSTPONED)
    assert next_look(KICK_OFF - HOUR, postponed) == KICK_OFF
    assert next_look(KICK_OFF + MINUTE, postponed) == KICK_OFF + 2 * MINUTE
    assert next_look(KICK_OFF + 15 * MINUTE, postponed) == KICK_OFF + 15 * MINUTE + HOUR
    assert next_look(KICK_OFF + 15 * MINUTE, match(state=MatchState.LIVE)) == KICK_OFF + 16 * MINUTE, "it began"


def test_a_rescheduled_match_is_live_at_its_new_time_only() -> None:
    moved = match(KICK_OFF + 3 * HOUR, MatchState.SCHEDULED)
    assert next_look(KICK_OFF, moved) == KICK_OFF + 3 * HOUR


def test_an_abandoned_match_is_live_for_half_an_hour_after_that() -> None:
    abandoned = match(state=MatchState.ABANDONED, changed_at=KICK_OFF + 40 * MINUTE)
    assert next_look(KICK_OFF + 50 * MINUTE, abandoned) == KICK_OFF + 51 * MINUTE
    assert next_look(KICK_OFF + 70 * MINUTE, abandoned) == KICK_OFF + 130 * MINUTE


def test_a_cancelled_match_is_not_looked_at() -> None:
    assert next_look(KICK_OFF, match(state=MatchState.CANCELLED)) is None


def test_a_match_of_which_only_the_day_is_known_is_never_live() -> None:
    day = match(KICK_OFF.replace(hour=0), is_whole_day=True)
    assert next_look(KICK_OFF - 20 * HOUR, day) == KICK_OFF.replace(hour=0)
    assert next_look(KICK_OFF, day) == KICK_OFF + HOUR


def test_the_nearest_match_counts_and_the_sentence_says_how_many_there_are() -> None:
    due = DEFAULT.next_near_look([match(), match(), match(KICK_OFF - 24 * HOUR)], KICK_OFF, KICK_OFF)
    assert due is not None
    assert due == (KICK_OFF + MINUTE, "Ajax - PSV is played until 17:30 UTC, and 1 more")


def test_the_hour_that_comes_twice_has_twice_as_many_looks() -> None:
    # In Madrid, 2:59 is followed by 2:00 on 25 October.
    begins = dt.datetime(2026, 10, 25, 1, 30, tzinfo=MADRID).astimezone(dt.UTC)
    last, looks = begins, 0
    while last < begins + 2 * HOUR:
        last = next_look(last, match(begins))
        looks += 1
    assert looks == 120
    assert last.astimezone(MADRID).strftime("%H:%M") == "02:30"


def test_quiet_hours_move_a_look_to_their_end_also_in_the_night_of_a_changed_clock() -> None:
    schedule = Schedule(quiet=QuietHours(dt.time(23), dt.time(7)), zone=MADRID)
    before = dt.datetime(2026, 10, 24, 22, 58, 30, tzinfo=MADRID).astimezone(dt.UTC)
    assert next_look(before, match(before), schedule=schedule) == before + MINUTE
    morning = dt.datetime(2026, 10, 25, 7, tzinfo=MADRID)
    due = schedule.next_near_look([match(before)], before + MINUTE, before + MINUTE)
    assert due is not None
    assert due.at == morning
    assert due.why.endswith(", after the quiet hours")
    assert due.at - (before + MINUTE) == 9 * HOUR + 30 * dt.timedelta(seconds=1), "the night has an hour more"


def test_quiet_hours_of_one_day() -> None:
    quiet = QuietHours(dt.time(1), dt.time(6))
    day = dt.datetime(2026, 10, 20, tzinfo=dt.UTC)
    assert [quiet.after(day + hours * HOUR, dt.UTC) for hours in (0, 1, 5.5, 6)] == [
        day,
        day + 6 * HOUR,
        day + 6 * HOUR,
        day + 6 * HOUR,
    ]


def test_a_plan_is_looked_at_as_a_whole_once_a_day() -> None:
    assert DEFAULT.next_whole_look(None, KICK_OFF) == (KICK_OFF, "never looked at")
    assert DEFAULT.next_whole_look(KICK_OFF, KICK_OFF) == (KICK_OFF + 24 * HOUR, "every 24h")


def test_a_clock_that_was_set_back_delays_no_look() -> None:
    assert DEFAULT.next_whole_look(KICK_OFF + 100 * HOUR, KICK_OFF).at == KICK_OFF + 24 * HOUR
    due = DEFAULT.next_near_look([match()], KICK_OFF + 100 * HOUR, KICK_OFF)
    assert due is not None
    assert due.at == KICK_OFF + MINUTE


def test_a_cron_takes_the_place_of_all_that() -> None:
    schedule = Schedule(cron=lambda moment: moment.replace(minute=0) + HOUR, zone=MADRID)
    assert schedule.next_near_look([match()], KICK_OFF, KICK_OFF) is None
    assert schedule.next_whole_look(KICK_OFF + 5 * MINUTE, KICK_OFF + 6 * MINUTE) == (KICK_OFF + HOUR, "by its cron")


def test_what_fails_is_looked_at_less_and_less_often_and_once_an_hour_at_least() -> None:
    pauses = [DEFAULT.next_retry(failures, KICK_OFF).at - KICK_OFF for failures in (1, 2, 3, 7, 100)]
    assert pauses == [MINUTE, 2 * MINUTE, 4 * MINUTE, HOUR, HOUR]
    assert DEFAULT.next_retry(3, KICK_OFF).why == "the last 3 looks failed"


@pytest.mark.parametrize(
    "values",
    [
        {"live": dt.timedelta(0)},
        {"recent": dt.timedelta(seconds=10)},
        {"settled": HOUR},
        {"quiet": QuietHours(dt.time(7), dt.time(6, 59))},
    ],
)
def test_what_makes_no_sense_is_refused(values: dict) -> None:
    with pytest.raises(ConfigurationError):
        Schedule(**values)


moments = st.integers(0, 30 * 24 * 60).map(lambda minutes: KICK_OFF + minutes * MINUTE)
matches = st.lists(
    st.builds(
        MatchTimes,
        st.just("a match"),
        moments,
        st.sampled_from(MatchState),
        st.booleans(),
        st.none() | moments,
    ),
    max_size=8,
)


@given(matches, moments)
def test_no_kick_off_is_slept_past_and_no_loop_is_busy(known: Sequence[MatchTimes], last: dt.datetime) -> None:
    due = DEFAULT.next_near_look(known, last, last)
    assert due is None or due.at >= last + DEFAULT.live
    for one in known:
        is_played = one.state is not MatchState.CANCELLED and not one.is_whole_day
        if is_played and one.kick_off > last:
            assert due is not None
            assert due.at <= max(one.kick_off, last + DEFAULT.live)


@settings(max_examples=50)
@given(matches, moments, st.booleans())
def test_a_month_of_looks_is_finite_and_leaves_no_day_out(
    known: Sequence[MatchTimes], begin: dt.datetime, has_quiet: bool
) -> None:
    schedule = Schedule(live=10 * MINUTE, quiet=QuietHours(dt.time(22), dt.time(7)) if has_quiet else None, zone=MADRID)
    last, whole = begin, begin
    while last < begin + dt.timedelta(days=10):
        near = schedule.next_near_look(known, last, last)
        index = schedule.next_whole_look(whole, last)
        due = index if near is None or index.at <= near.at else near
        assert last + 10 * MINUTE <= due.at or due is index, "no busy loop"
        assert last < due.at <= last + schedule.longest + HOUR, "a night may have an hour more"
        whole = due.at if due is index else whole
        last = due.at
