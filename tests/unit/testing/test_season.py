from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.testing.season import Season


def test_the_same_seed_gives_the_same_bytes():
    one, other = Season(matches=3, seed=7), Season(matches=3, seed=7)
    assert one.index_entries() == other.index_entries()
    for match in one.matches:
        assert one.events(match.match_id) == other.events(match.match_id)
        assert one.lineups(match.match_id) == other.lineups(match.match_id)
    assert one.index_entries() != Season(matches=3, seed=8).index_entries()


@pytest.mark.slow
def test_kloppy_loads_every_match_with_the_goals_of_the_index():
    from kloppy import statsbomb

    season = Season(matches=6, seed=4, events_per_match=600)
    for match in season.matches:
        frames = season.three_sixty(match.match_id) if match.status_360 == "available" else None
        loaded = statsbomb.load(
            event_data=io.BytesIO(season.events(match.match_id)),
            lineup_data=io.BytesIO(season.lineups(match.match_id)),
            three_sixty_data=None if frames is None else io.BytesIO(frames),
        )
        shots = [event for event in loaded.events if event.event_name == "shot"]
        goals = [event.team for event in shots if event.result is not None and event.result.is_success]
        home, away = loaded.metadata.teams
        own_goals = [event.team for event in loaded.events if event.event_name == "own_goal"]
        assert (
            goals.count(home) + own_goals.count(away),
            goals.count(away) + own_goals.count(home),
        ) == (match.home_score, match.away_score)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_files_of_one_match_pass(seed):
    season = Season(matches=2, seed=seed, events_per_match=80)
    for match in season.matches:
        events = json.loads(season.events(match.match_id))
        lineups = json.loads(season.lineups(match.match_id))
        frames = json.loads(season.three_sixty(match.match_id))
        ids = [event["id"] for event in events]
        assert len(ids) == len(set(ids))
        assert {frame["event_uuid"] for frame in frames} <= set(ids)
        teams = {match.home.team_id, match.away.team_id}
        assert {lineup["team_id"] for lineup in lineups} == teams
        assert {event["team"]["id"] for event in events} == teams
        assert [event["index"] for event in events] == list(range(1, len(events) + 1))
        for period in (1, 2):
            times = [event["timestamp"] for event in events if event["period"] == period]
            assert times == sorted(times)
