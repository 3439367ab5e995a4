"""When one history is the beginning of another, and what becomes true with it."""

from __future__ import annotations

import dataclasses
import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.events import RevisionAdded, RevisionInvalidated
from ingestify.domain.file import File
from ingestify.domain.history import DatasetHistory, find_conflict, history_events
from ingestify.domain.identifier import Identifier
from ingestify.domain.revision import Revision, RevisionState

T0 = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)

contents = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")), st.sets(st.sampled_from("ab"))), max_size=4
)
"""For each revision, feed to bytes, and what it removed."""


def dataset(found: list[tuple[dict[str, str], set[str]]], moved: int = 0) -> Dataset:
    """A dataset of such revisions; `moved` changes all that is no content."""
    at = T0 + dt.timedelta(days=moved)
    revisions = tuple(
        Revision(
            number,
            at,
            tuple(
                File(feed, "v1", "json", 1, tag, None, 1 + moved, "zstd", f"{moved}/{feed}", None, at, number)
                for feed, tag in files.items()
            ),
            description=str(moved),
            removed_file_ids=tuple(sorted(removed)),
        )
        for number, (files, removed) in enumerate(found)
    )
    identifier = Identifier({"match_id": 1})
    return Dataset("id", "main", "p", "match", identifier, "n", DatasetState.COMPLETE, {}, at, at, None, revisions)


@given(contents, contents)
def test_a_conflict_is_all_but_a_beginning(ours, theirs):
    is_beginning = ours[: len(theirs)] == theirs
    assert (find_conflict(dataset(ours), dataset(theirs, moved=1)) is None) == is_beginning


@given(contents, st.integers(0, 4))
def test_each_revision_that_comes_is_told_once_as_it_was(found, begun):
    whole = dataset(found)
    existing = dataset(found[:begun]) if begun else None
    events = history_events(DatasetHistory(whole, existing), T0)
    assert events
    added = [event for event in events if isinstance(event, RevisionAdded)]
    begins = min(begun, len(found)) if existing else 0
    assert [len(event.dataset.revisions) for event in added] == list(range(begins + 1, len(found) + 1))
    assert (events[0].event_type == "dataset_created") == (existing is None)


def test_a_head_that_is_doubted_is_told_once():
    whole = dataset([({"a": "x"}, set()), ({"a": "y"}, set())])
    doubted = dataclasses.replace(whole.revisions[1], state=RevisionState.VALIDATION_FAILED, description="why")
    after = dataclasses.replace(whole, revisions=(whole.revisions[0], doubted))
    (told,) = history_events(DatasetHistory(after, whole), T0)
    assert isinstance(told, RevisionInvalidated)
    assert told.reason == "why"
    (told,) = history_events(DatasetHistory(after, after), T0)
    assert told.event_type == "metadata_updated"
    kinds = [event.event_type for event in history_events(DatasetHistory(after, None), T0)]
    assert kinds == ["dataset_created", "revision_added", "revision_added", "revision_invalidated"]


def test_the_files_that_differ_are_named():
    ours, theirs = dataset([({"a": "x", "b": "x"}, set())]), dataset([({"a": "y", "b": "x"}, set())])
    assert find_conflict(ours, theirs) == "revision 0 has other content in the target (a__v1)"
    ours, theirs = dataset([({"a": "x"}, {"b"})]), dataset([({"a": "x"}, set())])
    assert find_conflict(ours, theirs) == "revision 0 has other content in the target (what it removed)"
