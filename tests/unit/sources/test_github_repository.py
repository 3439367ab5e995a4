from __future__ import annotations

import datetime as dt

import pytest

from ingestify import clock
from ingestify.sources.github_repository import GithubRepository, find_last_push

from .answers import Answers

API = "https://api.github.com/repos/SkillCorner/opendata"
PUSHED = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)


def test_a_raw_url_tells_where_the_other_parts_are():
    found = GithubRepository.find("https://raw.githubusercontent.com/SkillCorner/opendata/master/data")
    assert found == GithubRepository("SkillCorner", "opendata", "master", "data")
    assert found.api_url == API
    assert found.media_url == "https://media.githubusercontent.com/media/SkillCorner/opendata/master/data"
    root = GithubRepository.find("https://raw.githubusercontent.com/koenvo/wyscout/main/")
    assert root is not None
    assert root.media_url == "https://media.githubusercontent.com/media/koenvo/wyscout/main"


@pytest.mark.parametrize("url", ["https://mirror.example/a/b/c", "https://raw.githubusercontent.com/a/b"])
def test_any_other_url_is_no_repository(url):
    assert GithubRepository.find(url) is None


@pytest.mark.parametrize("minutes", [11, 9, -30], ids=["long ago", "just pushed", "clock behind"])
def test_the_last_push_comes_from_the_api_whatever_the_local_clock(minutes):
    with clock.reading(lambda: PUSHED + dt.timedelta(minutes=minutes)):
        assert find_last_push(Answers({API: {"pushed_at": "2025-06-01T12:00:00Z"}}), API) == PUSHED  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [{}, {"pushed_at": None}, {"pushed_at": "soon"}, [], b"<html>"])
def test_a_failing_api_does_not_stop_the_run(answer):
    assert find_last_push(Answers({API: answer}), API) is None  # type: ignore[arg-type]
    assert find_last_push(Answers({}), API) is None  # type: ignore[arg-type]
