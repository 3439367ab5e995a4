from __future__ import annotations

import pytest

from ingestify.sources.github_repository import GithubRepository

API = "https://api.github.com/repos/SkillCorner/opendata"


def test_a_raw_url_tells_where_the_other_parts_are():
    found = GithubRepository.find("https://raw.githubusercontent.com/SkillCorner/opendata/master/data")
    assert found is not None
    assert (found.owner, found.name, found.branch, found.folder) == ("SkillCorner", "opendata", "master", "data")
    assert found.api_url == API
    assert found.git_url == "https://github.com/SkillCorner/opendata.git"
    assert found.url_at("c0ffee") == "https://raw.githubusercontent.com/SkillCorner/opendata/c0ffee/data"
    assert found.media_url == "https://media.githubusercontent.com/media/SkillCorner/opendata/master/data"
    root = GithubRepository.find("https://raw.githubusercontent.com/koenvo/wyscout/main/")
    assert root is not None
    assert root.url_at("c0ffee") == "https://raw.githubusercontent.com/koenvo/wyscout/c0ffee"
    assert root.media_url == "https://media.githubusercontent.com/media/koenvo/wyscout/main"


def test_a_raw_url_may_name_the_branch_in_full():
    full = GithubRepository.find("https://raw.githubusercontent.com/me/mine/refs/heads/main/data")
    assert full == GithubRepository.find("https://raw.githubusercontent.com/me/mine/main/data")


@pytest.mark.parametrize("url", ["https://mirror.example/a/b/c", "https://raw.githubusercontent.com/a/b"])
def test_any_other_url_is_no_repository(url):
    assert GithubRepository.find(url) is None


def test_a_server_of_ones_own_is_found_by_its_api():
    api_url = "https://git.example/api/v3/repos/me/mine"
    found = GithubRepository.find("https://git.example/raw/me/mine/main/a/b", api_url)
    assert found is not None
    assert (found.branch, found.folder) == ("main", "a/b")
    assert found.url_at("c0ffee") == "https://git.example/raw/me/mine/c0ffee/a/b"
    assert found.git_url == "https://git.example/me/mine.git"
    assert GithubRepository.find("https://mirror.example/data", api_url) is None
