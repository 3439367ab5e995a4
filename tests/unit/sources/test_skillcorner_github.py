from __future__ import annotations

import json
from typing import Any

import pytest

from ingestify import ConfigurationError, Selector
from ingestify.sources.skillcorner_github import BASE_URL, SkillCornerGithub

from .answers import attached, find, find_all, in_run, unreadable, urls

ROOT = "https://mirror.example/data"
OLDER = [
    {
        "id": 2417,
        "status": "closed",
        "date_time": "2019-11-09T17:30:00Z",
        "home_team": {"short_name": "Bayern Munchen"},
        "away_team": {"short_name": "Dortmund"},
    }
]


@pytest.fixture
def entries(excerpts) -> list[dict[str, Any]]:
    return json.loads((excerpts / "skillcorner" / "data" / "matches.json").read_bytes())


def source(entries: Any, **configuration: Any) -> Any:
    made = SkillCornerGithub("sk", **{"base_url": ROOT, **configuration})
    return attached(made, {f"{ROOT}/matches.json": entries})


def test_a_season_is_a_selector_and_the_older_layout_is_one(entries):
    made = source(entries)
    assert made.discover_selectors("tracking") == [
        {"competition_id": 61, "season_id": 95, "_name": "competition 61 season 95"}
    ]
    find(made, "match", competition_id=61, season_id=95)
    assert made.http.asked == [f"{ROOT}/matches.json"], "discoveries of one run share the index"
    assert source(OLDER).discover_selectors("match") == [{"_name": "SkillCorner open data"}]


def test_a_match_of_the_current_layout(entries):
    (match,) = find(source(entries), "match", match_id="1886347")
    assert str(match.identifier(Selector({}))) == "competition_id=61/season_id=95/match_id=1886347"
    assert match.name == "Auckland FC - Newcastle, 2024-11-30"
    assert match.metadata["kick_off"] == "04:00:00Z"
    folder = f"{ROOT}/matches/1886347/1886347_"
    assert urls(match) == {
        "match__v1": f"{folder}match.json",
        "dynamic_events__v1": f"{folder}dynamic_events.csv",
        "phases_of_play__v1": f"{folder}phases_of_play.csv",
    }
    assert [bool(file.http_options.get("ignore_not_found")) for file in match.files.values()] == [False, True, True]


def test_tracking_of_the_current_layout_may_be_in_git_lfs(entries):
    (tracking,) = find(source(entries, media_url="https://media.example/data/"), "tracking", match_id=1886347)
    path = "matches/1886347/1886347_tracking_extrapolated.jsonl"
    frames = tracking.files["frames__v1"]
    assert (frames.loader_kwargs["url"], frames.loader_kwargs["media_url"]) == (
        f"{ROOT}/{path}",
        f"https://media.example/data/{path}",
    )
    assert frames.serialization_format == "jsonl"
    assert urls(tracking)["metadata__v1"] == f"{ROOT}/matches/1886347/1886347_match.json"


def test_tracking_of_the_older_layout():
    (tracking,) = find(source(OLDER), "tracking")
    assert dict(tracking.identifier(Selector({}))) == {"match_id": 2417}
    assert urls(tracking) == {
        "metadata__v1": f"{ROOT}/matches/2417/match_data.json",
        "frames__v1": f"{ROOT}/matches/2417/structured_data.json",
    }
    (match,) = find(source(OLDER), "match")
    assert list(match.files) == ["match__v1"]


def test_a_match_that_the_index_calls_not_started_may_have_nothing_yet(entries):
    (match,) = find(source(entries), "match", match_id=1953632)
    assert match.metadata["status"] == "not_started"
    assert all(file.http_options["ignore_not_found"] for file in match.files.values())


def test_at_github_the_media_host_and_the_commit_are_known(entries):
    made = SkillCornerGithub("sk")
    api, sha = "https://api.github.com/repos/SkillCorner/opendata", "c" * 40
    raw = f"https://raw.githubusercontent.com/SkillCorner/opendata/{sha}/data"
    frames = "matches/1886347/1886347_tracking_extrapolated.jsonl"
    files = ("matches.json", frames)
    listed = {"sha": "a" * 40, "tree": [{"path": f"data/{one}", "type": "blob", "sha": "b" * 40} for one in files]}
    answers = {f"{raw}/matches.json": entries, f"{api}/commits/master": sha.encode()}
    attached(made, {**answers, f"{api}/git/trees/{sha}?recursive=1": listed})
    with in_run():
        (selector,) = made.discover_selectors("tracking")
        (tracking,) = find(made, "tracking", match_id=1886347)
    assert len(selector["_version"]) == 64
    assert len(made.http.asked) == 3
    file = tracking.files["frames__v1"]
    assert (file.pinned_url, file.content_id) == (f"{raw}/{frames}", f"git-blob:{'b' * 40}")
    assert file.loader_kwargs["url"] == f"{BASE_URL}/{frames}", "its validators belong to the branch"
    assert file.loader_kwargs["media_url"] == (
        f"https://media.githubusercontent.com/media/SkillCorner/opendata/{sha}/data/{frames}"
    )
    assert tracking.snapshot == sha
    never = attached(SkillCornerGithub("sk", api_url=""), {f"{BASE_URL}/matches.json": entries})
    with in_run():
        assert "_version" not in never.discover_selectors("match")[0]
    assert len(never.http.asked) == 1


def test_what_is_wrong_is_named():
    assert list(unreadable(find_all(source([{}]), "match")).values()) == ["it has no id"]
    with pytest.raises(ConfigurationError, match="type 'video'; it has 'match' and 'tracking'"):
        source([]).discover_selectors("video")
    with pytest.raises(ConfigurationError, match="no feed events; a tracking has metadata, frames"):
        find(source([]), "tracking", {"events": "v1"})
    for option in ("base_url", "media_url", "api_url"):
        with pytest.raises(ConfigurationError, match=rf"'sk' has {option} 'mirror.example'"):
            SkillCornerGithub("sk", **{option: "mirror.example"})


@pytest.mark.parametrize("base_url", [None, "https://mirror.example/data", "https://git.example/raw/me/mine"])
def test_an_api_that_says_nothing_of_the_base_url_is_refused(base_url: str | None):
    options = {} if base_url is None else {"base_url": base_url}
    with pytest.raises(ConfigurationError, match=r"has api_url 'https://git.*base_url must contain the /\{owner\}"):
        SkillCornerGithub("sk", api_url="https://git.example/api/v3/repos/me/mine", **options)
