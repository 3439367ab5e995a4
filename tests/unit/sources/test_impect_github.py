from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ingestify import DatasetState, Selector
from ingestify.sources.impect_github import ImpectGithub

from .answers import attached, find, find_all, in_run, unreadable, urls

ROOT = "https://mirror.example/data"
ITERATION = {
    "id": 743,
    "season": "23/24",
    "competition": {"name": "1. Bundesliga", "id": 2},
    "lastChangeTimestamp": "2025-10-06T08:38:54.475988Z",
}
SQUADS = [{"id": 38, "name": "Home"}, {"id": 33, "name": "Away"}]


def entry(match_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "iterationId": 743,
        "id": match_id,
        "homeSquadId": 38,
        "awaySquadId": 33,
        "scheduledDate": "2023-08-18T18:30:00Z",
        "lastCalculationDate": "2025-08-28T06:30:00.471380Z",
        "matchDay": {"index": 0, "name": "1. Spieltag"},
        "available": True,
        **changes,
    }


def source(*entries: dict[str, Any]) -> Any:
    return attached(
        ImpectGithub("i", ROOT),
        {
            f"{ROOT}/iterations.json": [ITERATION],
            f"{ROOT}/matches/matches_743.json": list(entries),
            f"{ROOT}/squads/squads_743.json": SQUADS,
            f"{ROOT}/players/players_743.json": [{"id": 7, "commonname": "Somebody"}],
        },
    )


def test_an_iteration_is_a_selector():
    assert source().discover_selectors("match") == [
        {
            "iteration_id": 743,
            "_name": "1. Bundesliga 23/24",
            "_competition_name": "1. Bundesliga",
            "_season_name": "23/24",
        }
    ]


def test_a_match_has_the_names_of_its_clubs_and_the_time_of_its_calculation():
    (match,) = find(source(entry(122838), entry(122839)), "match", iteration_id=743, match_id="122838")
    assert str(match.identifier(Selector({"iteration_id": 743}))) == "iteration_id=743/match_id=122838"
    assert match.name == "Home - Away, 2023-08-18"
    assert match.metadata["match_week"] == 1
    assert urls(match) == {
        "match__v1": None,
        "lineups__v1": f"{ROOT}/lineups/lineups_122838.json",
        "events__v1": f"{ROOT}/events/events_122838.json",
        "squads__v1": None,
        "players__v1": None,
    }
    times = {file.data_feed_key: file.last_modified for file in match.files.values()}
    assert times["events"] == dt.datetime(2025, 8, 28, 6, 30, 0, 471380, tzinfo=dt.UTC)
    assert times["squads"] == dt.datetime(2025, 10, 6, 8, 38, 54, 475988, tzinfo=dt.UTC)
    assert match.files["squads__v1"].json_content == SQUADS


def test_players_are_requested_only_if_they_are_wanted():
    made = source(entry(1))
    (match,) = find(made, "match", {"events": "v1"}, iteration_id=743)
    assert list(match.files) == ["match__v1", "lineups__v1", "events__v1"]
    assert f"{ROOT}/players/players_743.json" not in made.http.asked


@pytest.mark.parametrize("changes", [{"available": False}, {"lastCalculationDate": None}])
def test_a_match_that_is_not_calculated_has_only_its_entry(changes):
    (match,) = find(source(entry(1, **changes)), "match", iteration_id=743)
    assert (list(match.files), match.state) == (["match__v1"], DatasetState.SCHEDULED)


def test_a_match_that_is_not_there_costs_one_request():
    made = source(entry(1))
    assert find(made, "match", iteration_id=743, match_id=2) == []
    assert made.http.asked == [f"{ROOT}/matches/matches_743.json"]


def test_a_time_that_is_none_is_named():
    found = find_all(source(entry(1, lastCalculationDate="soon")), "match", iteration_id=743)
    assert unreadable(found) == {"match 1": "Match 1 has the time 'soon', which is no ISO 8601 time."}


def test_at_github_everything_is_read_and_announced_at_one_commit():
    sha, events = "c" * 40, "events/events_1.json"
    raw, api = f"https://raw.githubusercontent.com/me/mine/{sha}/data", "https://api.github.com/repos/me/mine"
    made = ImpectGithub("i", "https://raw.githubusercontent.com/me/mine/main/data")
    files = ("iterations.json", events)
    listed = {"sha": "a" * 40, "tree": [{"path": f"data/{one}", "type": "blob", "sha": "b" * 40} for one in files]}
    attached(
        made,
        {
            f"{api}/commits/main": sha.encode(),
            f"{api}/git/trees/{sha}?recursive=1": listed,
            f"{raw}/iterations.json": [ITERATION],
            f"{raw}/matches/matches_743.json": [entry(1)],
            f"{raw}/squads/squads_743.json": SQUADS,
            f"{raw}/players/players_743.json": [],
        },
    )
    with in_run():
        (selector,) = made.discover_selectors("match")
        (match,) = find(made, "match", iteration_id=743)
    assert made.http.asked.count(f"{raw}/iterations.json") == 1
    assert len(selector["_version"]) == 64
    file = match.files["events__v1"]
    assert (file.pinned_url, file.content_id) == (f"{raw}/{events}", f"git-blob:{'b' * 40}")
    assert match.snapshot == sha
