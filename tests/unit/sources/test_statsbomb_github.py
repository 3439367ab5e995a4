from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ingestify import ConfigurationError, DatasetResource, DataSpecVersionCollection, Selector
from ingestify.errors import SourceError
from ingestify.sources.registry import find_source_class, make_open_data_source, make_source
from ingestify.sources.statsbomb_github import StatsBombGithub
from tests.unit.sources.answers import unreadable

ROOT = "https://mirror.example/data"

COMPETITIONS = [
    {"competition_id": 11, "season_id": 90, "competition_name": "La Liga", "season_name": "2020/2021"},
    {"competition_id": 43, "season_id": 106, "competition_name": "FIFA World Cup", "season_name": "2022"},
]


def entry(match_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "match_id": match_id,
        "match_date": "2021-06-11",
        "home_team": {"home_team_id": 1, "home_team_name": "Turkey"},
        "away_team": {"away_team_id": 2, "away_team_name": "Italy"},
        "home_score": 0,
        "away_score": 3,
        "match_status_360": "available",
        "last_updated": "2022-12-01T16:06:42.263441",
        "last_updated_360": "2022-08-04T12:00",
        **changes,
    }


class Index:
    """Answers like an index that holds these documents."""

    def __init__(self, **documents: Any) -> None:
        self.documents = documents
        self.asked: list[str] = []

    def get_json(self, url: str) -> Any:
        self.asked.append(url)
        return self.documents["competitions" if url.endswith("competitions.json") else "matches"]

    get_entries = get_json


def source(**documents: Any) -> StatsBombGithub:
    made = StatsBombGithub("statsbomb", base_url=ROOT + "/")
    made.attach_http(Index(**documents))  # type: ignore[arg-type]
    return made


def find(made: StatsBombGithub, versions: Any = None, **selector: Any) -> list[Any]:
    arguments = {"competition_id": 11, "season_id": 90, **selector}
    batches = made.find_datasets("match", DataSpecVersionCollection(versions), None, **arguments)  # type: ignore[arg-type]
    return [resource for batch in batches for resource in batch]


def test_every_season_is_a_selector_with_a_name():
    made = source(competitions=COMPETITIONS)
    assert made.discover_selectors("match")[0] == {
        "competition_id": 11,
        "season_id": 90,
        "_name": "La Liga 2020/2021",
        "_competition_name": "La Liga",
        "_season_name": "2020/2021",
    }
    assert made.http.asked == [f"{ROOT}/competitions.json"]  # type: ignore[attr-defined]


def test_a_match_has_its_feeds_times_and_name():
    made = source(matches=[entry(3788741)])
    (match,) = find(made)
    assert made.http.asked == [f"{ROOT}/matches/11/90.json"]  # type: ignore[attr-defined]
    assert str(match.identifier(Selector({"competition_id": 11, "season_id": 90}))).endswith("match_id=3788741")
    assert match.name == "Turkey 0-3 Italy, 2021-06-11"
    assert {name: file.url for name, file in match.files.items()} == {
        "match__v1": None,
        "lineups__v1": f"{ROOT}/lineups/3788741.json",
        "events__v1": f"{ROOT}/events/3788741.json",
        "360-frames__v1": f"{ROOT}/three-sixty/3788741.json",
    }
    assert match.files["match__v1"].json_content == entry(3788741)
    assert match.files["events__v1"].last_modified == dt.datetime(2022, 12, 1, 16, 6, 42, 263441, tzinfo=dt.UTC)
    assert match.files["360-frames__v1"].last_modified == dt.datetime(2022, 8, 4, 12, tzinfo=dt.UTC)
    assert match.files["360-frames__v1"].http_options["ignore_not_found"]


@pytest.mark.parametrize("status", ["scheduled", "unscheduled", "processing", None])
def test_360_frames_are_announced_when_the_index_says_they_are_there(status):
    (match,) = find(source(matches=[entry(1, match_status_360=status)]))
    assert "360-frames__v1" not in match.files


def test_required_feeds_come_along_whatever_is_named():
    (match,) = find(source(matches=[entry(1)]), {"match": "v6", "events": ["v8", "v9"]})
    assert list(match.files) == ["match__v6", "lineups__v1", "events__v8", "events__v9"]


def test_one_match_can_be_requested():
    made = source(matches=[entry(1), entry(2)])
    assert [match.name for match in find(made, match_id="2")] == [find(made, match_id=2)[0].name]
    assert len(find(made)) == 2


def test_an_unplayed_match_has_no_score_in_its_name():
    (match,) = find(source(matches=[entry(1, home_score=None, away_score=None)]))
    assert match.name == "Turkey - Italy, 2021-06-11"


def test_an_index_that_makes_no_sense_is_a_source_error():
    with pytest.raises(SourceError, match="a list was expected"):
        find(source(matches={"error": "x"}))


@pytest.mark.parametrize(
    ("wrong", "where", "message"),
    [
        ({"match_id": 1}, "match 1", "it has no last_updated"),
        (entry(1, last_updated="yesterday"), "match 1", "Match 1 has the time 'yesterday'"),
        (entry(1, home_team=["Turkey"]), "match 1", "'list' object has no attribute 'get'"),
        (entry(None), f"entry 30 of {ROOT}/matches/11/90.json", "it has no match_id"),
        (None, f"entry 30 of {ROOT}/matches/11/90.json", "it is null"),
        ("x", f"entry 30 of {ROOT}/matches/11/90.json", "it is a JSON str"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_and_the_others_are_found(wrong, where, message):
    entries = [entry(number) for number in range(100, 140)]
    found = find(source(matches=[*entries[:30], wrong, *entries[30:]]))
    ((named, why),) = unreadable(found).items()
    assert (named, len(found)) == (where, 41)
    assert why.startswith(message)


def test_a_leap_second_and_the_end_of_a_day_are_times():
    leap, midnight = find(
        source(
            matches=[entry(1, last_updated="2016-12-31T23:59:60Z"), entry(2, last_updated="2016-12-31T24:00")],
        )
    )
    assert leap.files["events__v1"].last_modified == dt.datetime(2016, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    assert midnight.files["events__v1"].last_modified == dt.datetime(2017, 1, 1, tzinfo=dt.UTC)


def test_a_season_that_cannot_be_read_takes_no_other_with_it():
    made = source(competitions=[COMPETITIONS[0], {"competition_id": 12}, None, COMPETITIONS[1]])
    found = made.discover_selectors("match")
    assert [one["season_id"] for one in found if isinstance(one, dict)] == [90, 106]
    assert list(unreadable(found).values()) == ["it has no season_id", "it is null, and no object"]


def test_a_match_that_is_listed_twice_is_passed_on_in_one_list():
    twice = [entry(1), *(entry(number) for number in range(100, 140)), entry(1)]
    batches = source(matches=twice).find_datasets(
        "match",
        DataSpecVersionCollection(None),
        None,  # type: ignore[arg-type]
        competition_id=11,
        season_id=90,
    )
    assert [len(batch) for batch in batches] == [42]


def test_a_large_index_is_passed_on_in_lists_and_each_entry_once():
    batches = source(matches=[entry(number) for number in range(2500)]).find_datasets(
        "match",
        DataSpecVersionCollection(None),
        None,  # type: ignore[arg-type]
        competition_id=11,
        season_id=90,
    )
    lists = [
        [one.dataset_resource_id["match_id"] for one in batch if isinstance(one, DatasetResource)] for batch in batches
    ]
    assert [len(one) for one in lists] == [24, 476, 500, 500, 500, 500]
    assert [one for several in lists for one in several] == list(range(2500))


def test_unknown_dataset_types_and_feeds_are_named():
    with pytest.raises(ConfigurationError, match="'tracking'"):
        source().discover_selectors("tracking")
    with pytest.raises(ConfigurationError, match="no feed evnts"):
        find(source(matches=[]), {"evnts": "v1"})


def test_the_base_url_must_be_one():
    with pytest.raises(ConfigurationError, match="https://"):
        StatsBombGithub("s", base_url="mirror.example")


def test_the_registry_finds_sources_and_explains_errors():
    assert find_source_class("ingestify.statsbomb_github") is StatsBombGithub
    assert make_open_data_source("statsbomb", {}).provider == "statsbomb"
    with pytest.raises(ConfigurationError, match=r"There is of impect, .*statsbomb, wyscout"):
        make_open_data_source("nobody", {})
    with pytest.raises(ConfigurationError, match="base_ur"):
        make_source("s", StatsBombGithub, {"base_ur": "https://x"})
    with pytest.raises(ConfigurationError, match="must be a subclass"):
        find_source_class("pathlib.Path")
    with pytest.raises(ConfigurationError, match="did you mean 'Path'"):
        find_source_class("pathlib.Pat")
