from __future__ import annotations

import hashlib
import io

import pytest

from ingestify import DatasetResource
from ingestify.catalogue.rows import Feeds, feeds_to_text
from ingestify.clock import now
from ingestify.domain.content_id import git_blob, git_blob_of, is_content_id, sha256
from ingestify.domain.dataset import DatasetSummary
from ingestify.domain.fetch_policy import FetchPolicy, why_due
from ingestify.domain.file import ANY_URL, NO_VALIDATORS, FeedState
from ingestify.domain.revision import RevisionState
from ingestify.errors import SourceError

EMPTY = git_blob("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
HELLO = git_blob("ce013625030ba8dba906f756967f9e9ca394464a")


def test_a_git_blob_id_is_that_of_git():
    assert git_blob_of(io.BytesIO(b""), 0) == EMPTY
    assert git_blob_of(io.BytesIO(b"hello\n"), 6) == HELLO
    large = b"x" * 600_000
    assert git_blob_of(io.BytesIO(large), len(large)) == git_blob(hashlib.sha1(b"blob 600000\0" + large).hexdigest())


@pytest.mark.parametrize("text", ["", "sha256:", "git-blob:xyz", "e" * 40, f"md5:{'a' * 32}", EMPTY.upper(), 7, b"x"])
def test_anything_else_is_none(text: object):
    assert not is_content_id(text)
    with pytest.raises(SourceError, match="it must be git-blob: and 40 hexadecimal digits"):
        DatasetResource({}, "match").add_file(None, "events", url="https://host/x", content_id=text)  # type: ignore[arg-type]


def test_both_schemes_are_content_ids():
    assert is_content_id(EMPTY)
    assert is_content_id(sha256("a" * 64))


def known(content_id: str = "", *, announced: str | None = None, **values: object) -> FeedState:
    return FeedState("events__v1", True, None, NO_VALIDATORS, now(), "", announced, content_id=content_id, **values)  # type: ignore[arg-type]


def due(feed: FeedState | None, content_id: str | None = HELLO, at: str | None = None) -> str:
    resource = DatasetResource({}, "match").add_file(at, "events", url="https://host/x", content_id=content_id)
    why = why_due(resource.files["events__v1"], feed)
    # Of the rows of a lake, a run mostly asks less than that. It must say the same.
    stored = Feeds(feeds_to_text({} if feed is None else {"events__v1": feed}))
    summary = DatasetSummary(None, None, RevisionState.CONFIRMED, True, stored)
    assert FetchPolicy().can_skip(summary, resource) is (why == "")
    return why


def test_the_same_content_is_not_due_and_another_one_is():
    assert due(known(HELLO)) == ""
    assert due(known(EMPTY)) == "other content"
    assert due(known(HELLO), None) == "checked in each run, because no time is announced for it"


def test_a_time_that_moves_is_taken_over_and_one_that_may_hide_a_change_does_not_matter():
    at, text = "2024-05-01T18:00:00", "2024-05-01T18:00:00+00:00"
    assert due(known(HELLO, announced=text), at=at) == ""
    assert due(known(HELLO, announced=text, settled=False), at=at) == ""
    assert due(known(HELLO, announced="2024-05-01T17:00:00+00:00"), at=at).startswith("changed 2024-05-01 18:00:00")
    assert due(known(EMPTY, announced=text), at=at) == "other content"


def test_what_came_without_a_content_id_is_compared_once_and_what_was_adopted_is_believed():
    at, text = "2024-05-01T18:00:00", "2024-05-01T18:00:00+00:00"
    assert due(known(announced=text), at=at) == "its content was not compared with the provider's list yet"
    assert due(FeedState("events__v1", True, None, NO_VALIDATORS, now(), ANY_URL, text), at=at) == ""


def test_what_was_not_there_is_due_when_it_is_listed():
    gone = FeedState("events__v1", False, None, NO_VALIDATORS, now())
    assert due(gone) == "was not there, and is there now"


@pytest.mark.parametrize("problem", ["", "it is no JSON"])
@pytest.mark.parametrize("content_id", ["", HELLO])
def test_a_content_id_is_kept_with_and_without_a_problem(content_id: str, problem: str):
    tag = "a" * 64 if problem else ""
    feed = known(content_id, problem=problem, left_out_tag=tag)
    feeds = Feeds(feeds_to_text({"events__v1": feed}))
    assert feeds["events__v1"] == feed
    assert feeds.may_have_problems is bool(problem)
