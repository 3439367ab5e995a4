from __future__ import annotations

from typing import Any

import pytest

from ingestify.domain.ports import UnreachableHosts
from ingestify.errors import FetchError
from ingestify.sources.github_commit import find_commit
from ingestify.sources.github_repository import GithubRepository

from .answers import Answers, in_run

API = "https://api.github.com/repos/me/mine"
REFS = "https://github.com/me/mine.git/info/refs?service=git-upload-pack"
SHA, BLOB, TREE, ROOT = (letter * 40 for letter in "cbde")


def find(documents: dict[str, Any], branch: str = "main", folder: str = "data") -> Any:
    repository = GithubRepository.find(f"https://raw.githubusercontent.com/me/mine/{branch}/{folder}")
    assert repository is not None
    return find_commit(Answers(documents), repository)  # type: ignore[arg-type]


def lines(*texts: str) -> bytes:
    return "".join(f"{len(text) + 4:04x}{text}" if text else "0000" for text in texts).encode()


def test_a_commit_has_the_blobs_and_trees_of_its_folder():
    entries = [
        {"path": "README.md", "type": "blob", "sha": BLOB},
        {"path": "data", "type": "tree", "sha": TREE},
        {"path": "data/events", "type": "tree", "sha": ROOT},
        {"path": "data/events/1.json", "type": "blob", "sha": BLOB},
        {"path": "data/other", "type": "commit", "sha": SHA},
        {"path": "data/odd.json", "type": "blob", "sha": None},
    ]
    tree = {"sha": ROOT, "tree": entries, "truncated": False}
    commit = find({f"{API}/commits/main": SHA.encode() + b"\n", f"{API}/git/trees/{SHA}?recursive=1": tree})
    assert commit.sha == SHA
    assert commit.blobs == {"events/1.json": BLOB}
    assert commit.trees == {"": TREE, "events": ROOT}
    assert commit.content_id("events/1.json") == f"git-blob:{BLOB}"
    assert commit.content_id("other/1.json") is None, "what a submodule has is not known"
    assert commit.version_of("events", "lineups") != commit.version_of("lineups", "events")


@pytest.mark.parametrize("answer", [{}, {"sha": ROOT}, {"sha": ROOT, "tree": [1]}, [], b"<html>"])
def test_a_list_that_cannot_be_read_leaves_the_commit(answer: Any):
    commit = find({f"{API}/commits/main": SHA.encode(), f"{API}/git/trees/{SHA}?recursive=1": answer})
    assert (commit.sha, commit.blobs) == (SHA, None)
    assert commit.version_of("events") == {}
    assert commit.may_have("events/1.json")


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b"c0ffee", b"\xff" * 40])
def test_an_api_that_says_something_else_is_no_reason_to_stop(answer: bytes):
    refs = lines("# service=git-upload-pack\n", "", f"{ROOT} HEAD\0multi_ack\n", f"{SHA} refs/heads/main\n", "")
    assert find({f"{API}/commits/main": answer, REFS: refs}).sha == SHA
    assert find({f"{API}/commits/main": answer}) is None


def test_gits_protocol_knows_branches_and_tags():
    refs = lines(
        "# service=git-upload-pack\n",
        "",
        f"{ROOT} HEAD\0multi_ack\n",
        f"{ROOT} refs/heads/main\n",
        f"{TREE} refs/tags/v1\n",
        f"{SHA} refs/tags/v1^{{}}\n",
        "",
    )
    assert find({REFS: refs}, "main").sha == ROOT
    assert find({REFS: refs}, "v1").sha == SHA, "the commit, and not the tag's own text"
    assert find({REFS: refs}, "v2") is None


@pytest.mark.parametrize("refs", [b"", b"000", b"zzzz", b"0004" * 3, b"0001", b"ffff" + b"c" * 40, b"<!DOCTYPE html>"])
def test_refs_that_are_none_say_nothing(refs: bytes):
    assert find({REFS: refs}) is None


def test_a_list_that_never_ends_is_given_up():
    endless = {"sha": ROOT, "tree": [{"path": "data", "type": "tree", "sha": TREE}], "truncated": True}
    documents = {
        f"{API}/git/trees/{name}": endless for name in (f"{SHA}?recursive=1", SHA, f"{TREE}?recursive=1", TREE)
    }
    commit = find({f"{API}/commits/main": SHA.encode(), **documents}, folder="data/data/data")
    assert (commit.sha, commit.blobs) == (SHA, None)


class Unreachable(Answers):
    """Answers of hosts of which none can be reached."""

    def get(self, url: str, **_: Any) -> Any:
        self.asked.append(url)
        raise FetchError(f"GET {url}: no connection", url=url, unreached="host")


def test_a_reader_who_is_offline_waits_for_one_host_and_a_run_tries_both():
    repository = GithubRepository.find("https://raw.githubusercontent.com/me/mine/main")
    assert repository is not None
    reader, run = Unreachable({}), Unreachable({})
    with in_run(UnreachableHosts()):
        assert find_commit(reader, repository) is None  # type: ignore[arg-type]
    with in_run():
        assert find_commit(run, repository) is None  # type: ignore[arg-type]
    assert reader.asked == [f"{API}/commits/main"]
    assert run.asked == [f"{API}/commits/main", REFS]


def test_the_files_of_a_commit_that_was_seen_are_known():
    repository = GithubRepository.find("https://raw.githubusercontent.com/me/mine/main")
    assert repository is not None
    tree = {"sha": ROOT, "tree": []}
    answers = Answers({f"{API}/commits/main": SHA.encode(), f"{API}/git/trees/{SHA}?recursive=1": tree})
    last = find_commit(answers, repository)  # type: ignore[arg-type]
    assert find_commit(answers, repository, last) is last  # type: ignore[arg-type]
    assert len(answers.asked) == 3
