from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest

from ingestify.errors import ConfigurationError
from ingestify.sources.statsbomb import StatsBomb
from ingestify.testing.season import Season
from tests.unit.sources.answers import attached, find, unreadable, urls

ROOT = "https://statsbomb.example/api"
SEASON = Season(matches=3, events_per_match=10)
MATCHES = f"{ROOT}/v6/competitions/811/seasons/27/matches"


def source(**documents: Any) -> Any:
    answers = {f"{ROOT}/v4/competitions": [SEASON.competition_entry()], MATCHES: SEASON.index_entries(), **documents}
    return attached(StatsBomb("statsbomb", "me", "a-password", base_url=ROOT), answers)


def found(versions: Any) -> dict[str, str | None]:
    return urls(find(source(), "match", versions, competition_id=811, season_id=27)[0])


def test_each_feed_has_the_version_that_is_named():
    match_id = SEASON.matches[0].match_id
    assert found({"match": "v6", "events": ["v8", "v11"], "lineups": "v4"}) == {
        "match__v6": None,
        "lineups__v4": f"{ROOT}/v4/lineups/{match_id}",
        "events__v8": f"{ROOT}/v8/events/{match_id}",
        "events__v11": f"{ROOT}/v11/events/{match_id}",
    }


def test_without_versions_the_current_ones_are_meant():
    assert list(found(None)) == ["match__v6", "lineups__v5", "events__v9", "360-frames__v2"]


def test_two_versions_of_the_index_are_refused():
    with pytest.raises(ConfigurationError, match="2 versions of 'match'"):
        find(source(), "match", {"match": ["v5", "v6"]}, competition_id=811, season_id=27)


@pytest.mark.parametrize(
    ("updated", "updated_360", "newest"),
    [
        ("2024-05-01T12:00", "2024-05-02T12:00:00.123456", dt.datetime(2024, 5, 2, 12, 0, 0, 123456, tzinfo=dt.UTC)),
        ("2024-05-03T12:00", "2024-05-02T12:00:00.123456", dt.datetime(2024, 5, 3, 12, tzinfo=dt.UTC)),
        ("2024-05-03T12:00", None, dt.datetime(2024, 5, 3, 12, tzinfo=dt.UTC)),
        (None, None, None),
    ],
)
def test_a_season_is_as_new_as_the_newer_of_its_times(updated: Any, updated_360: Any, newest: Any):
    entry = {**SEASON.competition_entry(), "match_updated": updated, "match_updated_360": updated_360}
    (selector,) = source(**{f"{ROOT}/v4/competitions": [entry]}).discover_selectors("match")
    assert selector.get("_last_modified") == newest
    assert selector["_name"] == f"{SEASON.competition_name} {SEASON.season_name}"


def test_a_time_that_is_none_names_its_season():
    entry = {**SEASON.competition_entry(), "match_updated": "yesterday"}
    other = {**entry, "season_id": 28, "match_updated": "2024-05-03T12:00"}
    found = source(**{f"{ROOT}/v4/competitions": [entry, other]}).discover_selectors("match")
    assert unreadable(found) == {
        "season 27 of competition 811": (
            "Season 27 of competition 811 has the time 'yesterday', which is no ISO 8601 time."
        )
    }
    assert found[1]["season_id"] == 28


def version_at(monkeypatch: Any, at: str, updated: str | None, updated_360: str | None = None) -> str:
    monkeypatch.setattr("ingestify.sources.statsbomb.now", lambda: dt.datetime.fromisoformat(f"{at}+00:00"))
    entry = {**SEASON.competition_entry(), "match_updated": updated, "match_updated_360": updated_360}
    (selector,) = source(**{f"{ROOT}/v4/competitions": [entry]}).discover_selectors("match")
    return selector["_version"]


def test_a_season_has_another_version_whatever_of_its_times_changes_and_however(monkeypatch: Any):
    said = [
        ("2024-05-03T12:00", None),
        ("2024-05-03T11:00", None),
        ("2062-05-03T12:00", None),
        ("2062-05-03T12:00", "2024-05-03T12:00"),
        ("2062-05-03T12:00", "2024-05-03T12:01"),
        ("2024-05-03T12:00", "2062-05-03T12:00"),
        (None, "2024-05-03T12:00"),
        ("9999-12-31T23:59:59.999999", None),
    ]
    versions = [version_at(monkeypatch, "2026-05-10T12:00", *times) for times in said]
    assert len(set(versions)) == len(said)


def test_for_a_week_after_a_change_a_season_is_requested_daily(monkeypatch: Any):
    # The 360 file of the last match may appear days after the season's times stood still.
    looks = ["03T12:01", "03T23:59", "04T00:01", "04T23:59", "09T09:00", "10T11:59", "10T12:00", "11T00:00", "30T00:00"]
    versions = [version_at(monkeypatch, f"2024-05-{look}", "2024-05-03T12:00") for look in looks]
    same_as_before = [one == before for before, one in itertools.pairwise(versions)]
    assert same_as_before == [True, False, True, False, False, True, True, True]
