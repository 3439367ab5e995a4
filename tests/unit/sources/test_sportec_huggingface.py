from __future__ import annotations

import datetime as dt

import pytest

from ingestify.errors import ConfigurationError, FetchError, SourceError
from ingestify.sources.sportec_huggingface import BASE_URL, SEASON_ID, SportecHuggingFace

from .answers import attached, find, find_all, in_run, unreadable, urls

SECOND = {"competition_id": "DFL-COM-000002", "season_id": SEASON_ID}
TREE = "https://huggingface.co/api/datasets/pysport/idsse-data/tree/main?recursive=true&expand=true"
REVISION = "https://huggingface.co/api/datasets/pysport/idsse-data/revision/main"
EVENTS = "DFL_03_02_events_raw_DFL-COM-000002_DFL-MAT-J03WPY.xml"


def test_the_seven_matches_are_in_two_competitions():
    made = attached(SportecHuggingFace("s", "https://mirror.example"), {})
    selectors = made.discover_selectors("match")
    assert [one["_name"] for one in selectors] == ["Bundesliga 2022/2023", "2. Bundesliga 2022/2023"]
    found = [find(made, "match", **{k: v for k, v in one.items() if k[0] != "_"}) for one in selectors]
    assert [len(some) for some in found] == [2, 5]
    assert found[0][0].name == "1. FC Köln - FC Bayern München"
    assert made.http.asked == []


def test_the_files_of_a_match():
    made = attached(SportecHuggingFace("s", "https://mirror.example/"), {})
    (match,) = find(made, "match", match_id="J03WPY", **SECOND)
    assert urls(match) == {
        "match__v1": "https://mirror.example/DFL_02_01_matchinformation_DFL-COM-000002_DFL-MAT-J03WPY.xml",
        "events__v1": f"https://mirror.example/{EVENTS}",
    }
    (tracking,) = find(made, "tracking", match_id="J03WPY", **SECOND)
    assert [file.http_options["ignore_not_found"] for file in tracking.files.values()] == [False, True]
    assert urls(tracking)["frames__v1"].endswith("/DFL_04_03_positions_raw_observed_DFL-COM-000002_DFL-MAT-J03WPY.xml")
    assert all(file.last_modified is None for file in tracking.files.values()), "a mirror says nothing of commits"


def test_at_hugging_face_a_files_time_is_that_of_its_last_commit():
    pages = [
        [{"type": "directory", "path": "docs"}, {"type": "file", "path": "README.md"}],
        [{"type": "file", "path": EVENTS, "lastCommit": {"id": "ab", "date": "2025-02-01T10:00:00.000Z"}}],
    ]
    made = attached(SportecHuggingFace("s"), {TREE: pages})
    (match,) = find(made, "match", match_id="J03WPY", **SECOND)
    assert match.files["events__v1"].last_modified == dt.datetime(2025, 2, 1, 10, tzinfo=dt.UTC)
    assert match.files["match__v1"].last_modified is None
    find(made, "tracking", **SECOND)
    assert made.http.asked == [TREE, TREE], "two pages, asked for once"
    assert match.snapshot is None
    assert urls(match)["events__v1"] == f"{BASE_URL}/{EVENTS}"


def test_the_list_of_files_may_be_elsewhere_or_nowhere():
    tree = "https://mirror.example/tree.json"
    made = attached(
        SportecHuggingFace("s", tree_url=tree), {tree: [[{"path": EVENTS, "lastCommit": {"date": "soon"}}]]}
    )
    found = find_all(made, "match", **SECOND)
    assert unreadable(found) == {
        "match J03WPY": f"The last commit of {EVENTS} has the time 'soon', which is no ISO 8601 time."
    }
    assert len(found) == 5
    made = attached(SportecHuggingFace("s", tree_url=""), {})
    assert len(find(made, "match", **SECOND)) == 5


def test_at_a_revision_each_file_has_its_content_id():
    sha, blob, oid = "c" * 40, "b" * 40, "a" * 64
    frames = EVENTS.replace("DFL_03_02_events_raw", "DFL_04_03_positions_raw_observed")
    page = [
        {"type": "file", "path": EVENTS, "oid": blob, "lastCommit": {"date": "2025-02-01T10:00:00.000Z"}},
        {"type": "file", "path": frames, "oid": blob, "lfs": {"oid": oid, "size": 7, "pointerSize": 134}},
    ]
    made = attached(SportecHuggingFace("s"), {REVISION: {"sha": sha}, TREE.replace("/main?", f"/{sha}?"): [page]})
    with in_run():
        (match,) = find(made, "match", match_id="J03WPY", **SECOND)
        (tracking,) = find(made, "tracking", match_id="J03WPY", **SECOND)
    assert len(made.http.asked) == 2
    file = match.files["events__v1"]
    at_revision = BASE_URL.replace("/main", f"/{sha}")
    assert (file.content_id, file.pinned_url) == (f"git-blob:{blob}", f"{at_revision}/{EVENTS}")
    assert file.last_modified == dt.datetime(2025, 2, 1, 10, tzinfo=dt.UTC), "for runs that do not know the revision"
    assert match.files["match__v1"].content_id is None
    assert match.snapshot == sha
    assert tracking.files["frames__v1"].content_id == f"sha256:{oid}"


@pytest.mark.parametrize(
    "failure",
    [FetchError("GET …: status 503", status=503), FetchError("GET …: status 403", status=403), SourceError("no list")],
    ids=["5xx", "403", "no list"],
)
@pytest.mark.parametrize("revision", [{"sha": "c" * 40}, {}], ids=["at a revision", "at the branch"])
def test_where_the_list_of_files_fails_each_file_is_requested(
    failure: Exception, revision: dict[str, str], caplog: pytest.LogCaptureFixture
):
    sha = revision.get("sha")
    tree = TREE if sha is None else TREE.replace("/main?", f"/{sha}?")
    first = [{"type": "file", "path": EVENTS, "oid": "b" * 40}]
    made = attached(SportecHuggingFace("s"), {REVISION: revision, tree: [first, failure]})
    with in_run():
        (match,) = find(made, "match", match_id="J03WPY", **SECOND)
        assert len(find(made, "tracking", **SECOND)) == 5
    assert made.http.asked == [REVISION, tree, tree], "it is not asked for again"
    assert {file.content_id for file in match.files.values()} == {None}, "a part of the list is not believed"
    assert match.snapshot == sha
    assert urls(match)["events__v1"] == f"{BASE_URL}/{EVENTS}"
    (warning,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert warning == f"s: each file is requested, as the list of files cannot be read: {failure}"


def test_where_the_host_is_not_reached_its_files_are_not_asked_for():
    away = FetchError("GET …: cannot be reached", unreached="huggingface.co")
    made = attached(SportecHuggingFace("s"), {TREE: [away]})
    with in_run(), pytest.raises(FetchError, match="cannot be reached"):
        find(made, "match", **SECOND)


def test_a_revision_that_is_none_is_not_known():
    for answer in ({}, [], {"sha": "main"}, {"sha": 7}, b"<html>"):
        made = attached(SportecHuggingFace("s"), {REVISION: answer, TREE: [[]]})
        with in_run():
            (match,) = find(made, "match", match_id="J03WPY", **SECOND)
        assert made.http.asked == [REVISION, TREE]
        assert (match.snapshot, match.files["events__v1"].pinned_url) == (None, None)


@pytest.mark.parametrize("base_url", ["https://mirror.example/idsse", "https://mirror.example/datasets/a/resolve/main"])
def test_an_api_that_says_nothing_of_the_base_url_is_refused(base_url: str):
    with pytest.raises(ConfigurationError) as refused:
        SportecHuggingFace("s", base_url, api_url="https://mirror.example/api/datasets/a/b")
    assert str(refused.value) == (
        "The source 's' has api_url 'https://mirror.example/api/datasets/a/b', which cannot be used with its base_url "
        f"'{base_url}': base_url must end with /datasets/{{owner}}/{{name}}/resolve/{{revision}}. Correct one of the "
        "two, or leave api_url out."
    )
    SportecHuggingFace("s", base_url, api_url="")
