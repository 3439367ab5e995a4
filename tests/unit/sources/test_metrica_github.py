from __future__ import annotations

import pytest

from ingestify import ConfigurationError
from ingestify.sources.metrica_github import MetricaGithub

from .answers import attached, find, urls

ROOT = "https://mirror.example/data"


def source() -> MetricaGithub:
    return attached(MetricaGithub("m", ROOT), {})


def test_there_are_three_games_and_no_index():
    made = source()
    assert made.discover_selectors("match") == [{"_name": "Metrica sample data"}]
    assert [(one.name, one.dataset_resource_id) for one in find(made, "match")] == [
        (f"Sample Game {game}", {"match_id": game}) for game in (1, 2, 3)
    ]
    assert made.http.asked == []  # type: ignore[attr-defined]


def test_the_files_of_a_game_are_csv_or_epts():
    assert [urls(one) for one in find(source(), "tracking", match_id="1")] == [
        {
            "frames-home__v1": f"{ROOT}/Sample_Game_1/Sample_Game_1_RawTrackingData_Home_Team.csv",
            "frames-away__v1": f"{ROOT}/Sample_Game_1/Sample_Game_1_RawTrackingData_Away_Team.csv",
        }
    ]
    (third,) = find(source(), "tracking", match_id=3)
    assert urls(third) == {
        "metadata__v1": f"{ROOT}/Sample_Game_3/Sample_Game_3_metadata.xml",
        "frames__v1": f"{ROOT}/Sample_Game_3/Sample_Game_3_tracking.txt",
    }
    assert [list(one.files) for one in find(source(), "match", {"events": "v2"})] == [
        ["events__v2"],
        ["events__v2"],
        ["events__v2", "metadata__v1"],  # kloppy needs it to read game 3
    ]


def test_a_feed_that_no_game_has_is_named():
    with pytest.raises(ConfigurationError, match="no feed lineups; a match has events, metadata"):
        find(source(), "match", {"lineups": "v1"})
