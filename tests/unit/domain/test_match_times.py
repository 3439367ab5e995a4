"""What of a dataset's metadata says when a match is played, and how it stands."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.domain.match_times import MatchState, MatchTimes, read_match_times

MADRID = ZoneInfo("Europe/Madrid")


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("metadata", "kick_off", "state"),
    [
        # As the built-in sources write them.
        (
            {"match_date": "2026-10-24", "kick_off": "18:30:00.000", "match_status": "available"},
            "2026-10-24T18:30",
            MatchState.FINISHED,
        ),
        (
            {"match_date": "2026-10-24", "kick_off": "18:30:00+00:00", "match_status": "Fixture"},
            "2026-10-24T18:30",
            MatchState.SCHEDULED,
        ),
        (
            {"match_date": "2026-10-24", "kick_off": "18:30:00Z", "status": "not_started"},
            "2026-10-24T18:30",
            MatchState.SCHEDULED,
        ),
        ({"match_date": "2026-10-24", "kick_off": "18:30:00"}, "2026-10-24T18:30", MatchState.UNKNOWN),
        # As a source of one's own may.
        ({"kick_off": "2026-10-24T18:30:00+02:00", "state": "IN_PLAY"}, "2026-10-24T16:30", MatchState.LIVE),
        (
            {"match_date": "2026-10-24", "kick_off": "18:30", "time_zone": "America/New_York"},
            "2026-10-24T22:30",
            MatchState.UNKNOWN,
        ),
        (
            {"match_date": "2026-10-24T18:30:00Z", "status": "Postponed"},
            "2026-10-24T18:30",
            MatchState.POSTPONED,
        ),
        (
            {"match_date": "2026-10-24", "kick_off": "18:30", "time_zone": "Atlantis", "status": "Abandoned"},
            "2026-10-24T18:30",
            MatchState.ABANDONED,
        ),
    ],
)
def test_the_kick_off_and_the_state_are_read(metadata: dict, kick_off: str, state: MatchState) -> None:
    found = read_match_times("a match", metadata)
    assert found is not None
    assert (found.kick_off, found.state, found.is_whole_day) == (utc(kick_off), state, False)


def test_a_kick_off_without_a_zone_is_in_that_of_the_schedule_on_both_sides_of_a_changed_clock() -> None:
    read = [
        read_match_times("a match", {"match_date": day, "kick_off": "16:00:00.000"}, MADRID)
        for day in ("2026-10-24", "2026-10-25")
    ]
    assert [one and one.kick_off for one in read] == [utc("2026-10-24T14:00"), utc("2026-10-25T15:00")]


def test_a_match_of_which_only_the_day_is_known_has_no_moment() -> None:
    found = read_match_times("a match", {"match_date": "2026-10-24", "kick_off": None})
    assert found == MatchTimes("a match", utc("2026-10-24T00:00"), is_whole_day=True)
    assert found.ends_at == utc("2026-10-25T00:00")


def test_a_match_is_called_by_its_teams() -> None:
    metadata = {"match_date": "2026-10-24", "home_team": {"name": "Ajax"}, "away_team": "PSV"}
    found = read_match_times("Ajax 1-0 PSV", metadata)
    assert found is not None
    assert found.name == "Ajax - PSV"


@given(
    st.dictionaries(
        st.sampled_from(["match_date", "kick_off", "status", "time_zone", "home_team", "away_team"]),
        st.one_of(
            st.none(), st.integers(), st.text(), st.sampled_from(["0001-01-01", "9999-12-31", "23:59", "../etc", "T"])
        ),
    )
)
def test_no_metadata_is_too_strange(metadata: dict) -> None:
    found = read_match_times("a match", metadata, MADRID)
    assert found is None or found.kick_off.utcoffset() == dt.timedelta()


def test_the_end_is_that_which_the_lake_saw() -> None:
    kick_off = utc("2026-10-24T18:00")
    finished = MatchTimes("a match", kick_off, MatchState.FINISHED, changed_at=utc("2026-10-24T19:52"))
    assert finished.ends_at == utc("2026-10-24T19:52")
    days_later = MatchTimes("a match", kick_off, MatchState.FINISHED, changed_at=utc("2026-10-26T19:52"))
    assert days_later.ends_at == utc("2026-10-24T20:00")
    assert MatchTimes("a match", kick_off, MatchState.LIVE).ends_at == utc("2026-10-24T22:00"), "with extra time"
