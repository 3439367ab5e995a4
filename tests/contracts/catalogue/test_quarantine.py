"""Bundles wait in quarantine, and what becomes of them is told in the event log."""

from __future__ import annotations

import dataclasses

import pytest

from ingestify.domain.change import Settlement
from ingestify.domain.dataset import DatasetState
from ingestify.domain.events import (
    DatasetDeleted,
    DatasetEvent,
    RevisionRejected,
)
from ingestify.domain.file import Validators
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import (
    Catalogue,
    HeadMoved,
)
from ingestify.domain.quarantine import QuarantineState, WaitingBundle
from tests.support.catalogue_data import (
    apply_one,
    change,
    everything,
    feed_state,
    new_file,
    read_all,
    with_file,
    without_feeds,
)


class TestQuarantine:
    def test_a_rejected_change_leaves_the_dataset_as_it_is(self, catalogue: Catalogue) -> None:
        before = apply_one(catalogue, with_file()).dataset
        rejected = change(
            existing=before,
            files=[new_file(content="bad")],
            feeds=[feed_state()],
            rejected=("it is an HTML page", "and late"),
            removed_file_ids=("lineups__v1",),
            missing_feeds=("lineups",),
        )
        applied = apply_one(catalogue, rejected)
        assert read_all(catalogue) == [before] == [applied.dataset]
        assert applied.revision is None
        assert applied.entry is not None
        (event,) = applied.events
        assert isinstance(event, RevisionRejected)
        assert (event.dataset, event.reasons) == (before, ("it is an HTML page", "and late"))
        assert catalogue.event_log.read(0, 10)[-1] == dataclasses.replace(event, dataset=without_feeds(before))
        assert catalogue.quarantine.find_entry(applied.entry.entry_id) == applied.entry
        assert list(catalogue.quarantine.iter_entries(everything())) == [applied.entry]
        found = catalogue.quarantine.find("main", "fake", "match", [before.identifier, Identifier({"match_id": 9})])
        assert found == [applied.entry]

    def test_what_was_never_seen_is_no_dataset(self, catalogue: Catalogue) -> None:
        applied = apply_one(catalogue, with_file(rejected=("empty",)))
        assert read_all(catalogue) == []
        assert applied.entry is not None
        later = apply_one(catalogue, with_file(dataset_id=applied.entry.dataset_id))
        assert later.dataset.dataset_id == applied.entry.dataset_id

    def test_what_waits_of_which_datasets(self, catalogue: Catalogue) -> None:
        published = apply_one(catalogue, with_file(1)).dataset
        newer = apply_one(catalogue, change(1, published, files=[new_file(content="bad")], rejected=("one", "two")))
        only = apply_one(catalogue, with_file(2, name="match 2", rejected=("empty",)))
        discarded = apply_one(catalogue, with_file(3, rejected=("empty",)))
        assert newer.entry is not None
        assert only.entry is not None
        assert discarded.entry is not None
        catalogue.changes.discard_quarantine([discarded.entry.entry_id], "Rinus", "")
        of_two, of_one = catalogue.quarantine.find_waiting(everything())
        assert of_one == WaitingBundle(
            newer.entry.entry_id,
            published.dataset_id,
            newer.entry.name,
            ("one", "two"),
            newer.entry.created_at,
            is_published=True,
        )
        assert (of_two.name, of_two.is_published) == ("match 2", False)
        assert catalogue.quarantine.find_waiting(everything(selector={"match_id": [2, 3]})) == [of_two]
        assert catalogue.quarantine.find_waiting(everything(provider="fake", dataset_type="match")) == [of_two, of_one]
        assert catalogue.quarantine.find_waiting(everything(states=(published.state,))) == [of_two, of_one]
        assert catalogue.quarantine.find_waiting(everything(states=(DatasetState.SCHEDULED,))) == [of_two]
        assert catalogue.quarantine.find_waiting(everything(states=(DatasetState.MISSING,))) == []
        assert catalogue.quarantine.find_waiting(everything(dataset_ids=[published.dataset_id])) == [of_one]
        assert catalogue.quarantine.find_waiting(everything(bucket="other")) == []

    def test_a_second_rejection_supersedes_the_first(self, catalogue: Catalogue) -> None:
        first = apply_one(catalogue, with_file(rejected=("one",))).entry
        assert first is not None
        with pytest.raises(HeadMoved):  # worked out without the first
            catalogue.changes.apply([with_file(rejected=("two",))])
        supersedes = Settlement(first.entry_id, state=QuarantineState.SUPERSEDED)
        second = apply_one(catalogue, with_file(rejected=("two",), settlement=supersedes)).entry
        assert second is not None
        # Another source's bundle of the same dataset is its own.
        other = apply_one(catalogue, with_file(rejected=("three",), source={"source": "other"})).entry
        assert other is not None
        catalogue.changes.discard_quarantine([other.entry_id], "Rinus", "")
        assert [entry.state for entry in list(catalogue.quarantine.iter_entries(everything()))] == [
            QuarantineState.DISCARDED,
            QuarantineState.OPEN,
            QuarantineState.SUPERSEDED,
        ]
        assert list(catalogue.quarantine.iter_entries(everything(), [QuarantineState.OPEN])) == [second]
        found = catalogue.quarantine.find("main", "fake", "match", [second.identifier])
        assert [entry.entry_id for entry in found] == [second.entry_id, other.entry_id]

    def test_a_change_settles_an_entry(self, catalogue: Catalogue) -> None:
        entry = apply_one(catalogue, with_file(rejected=("bad",))).entry
        assert entry is not None
        accept = Settlement(entry.entry_id, state=QuarantineState.ACCEPTED, decided_by="Rinus", note="it is right")
        applied = apply_one(catalogue, with_file(settlement=accept))
        (settled,) = list(catalogue.quarantine.iter_entries(everything()))
        assert (settled.state, settled.decided_by, settled.note) == (QuarantineState.ACCEPTED, "Rinus", "it is right")
        assert settled.decided_at == applied.dataset.created_at
        assert catalogue.quarantine.find("main", "fake", "match", [entry.identifier]) == []
        again = change(existing=applied.dataset, files=[new_file(content="x")], settlement=accept)
        with pytest.raises(HeadMoved):
            catalogue.changes.apply([again])
        assert len(read_all(catalogue)[0].revisions) == 1
        # A run that saw it waiting has to look again, too.
        with pytest.raises(HeadMoved):
            catalogue.changes.apply([dataclasses.replace(again, settlement=Settlement(entry.entry_id))])

    def test_a_look_is_remembered_and_ends_a_retry(self, catalogue: Catalogue) -> None:
        entry = apply_one(catalogue, with_file(rejected=("bad",))).entry
        assert entry is not None
        assert catalogue.quarantine.request_retry([entry.entry_id, "nobody"]) == 1
        waiting = catalogue.quarantine.find_entry(entry.entry_id)
        assert waiting is not None
        assert waiting.retry_requested_at is not None
        feeds = {"events__v1": dataclasses.replace(feed_state(), validators=Validators('"2"', None), asked_for="a")}
        catalogue.quarantine.save_check(dataclasses.replace(waiting, feeds=feeds))
        looked = catalogue.quarantine.find_entry(entry.entry_id)
        assert looked is not None
        assert looked.retry_requested_at is None
        assert looked.checked_at > entry.checked_at
        assert dict(looked.feeds) == feeds

    def test_discarding_gives_back_what_nothing_else_names(self, catalogue: Catalogue) -> None:
        before = apply_one(catalogue, with_file()).dataset
        shared = before.files["events__v1"].storage_path
        files = [new_file("events", content="1"), new_file("lineups", content="bad")]
        entry = apply_one(catalogue, change(existing=before, files=files, rejected=("bad",))).entry
        assert entry is not None
        assert shared in {file.storage_path for file in entry.files}
        (path,) = catalogue.changes.discard_quarantine([entry.entry_id], "Rinus", "nonsense")
        assert path != shared
        (discarded,) = list(catalogue.quarantine.iter_entries(everything()))
        assert discarded.state is QuarantineState.DISCARDED
        assert {file.storage_path for file in discarded.files} == {""}
        assert [file.tag for file in discarded.files] == [file.tag for file in entry.files]
        assert catalogue.changes.discard_quarantine([entry.entry_id], "Rinus", "again") == []
        assert catalogue.quarantine.find("main", "fake", "match", [before.identifier]) == [discarded]

    def test_deleting_a_dataset_takes_its_entries_along(self, catalogue: Catalogue) -> None:
        before = apply_one(catalogue, with_file()).dataset
        entry = apply_one(catalogue, change(existing=before, files=[new_file(content="bad")], rejected=("bad",))).entry
        assert entry is not None
        paths = catalogue.changes.delete([before.dataset_id])
        assert set(paths) == {before.files["events__v1"].storage_path, entry.files[0].storage_path}
        assert list(catalogue.quarantine.iter_entries(everything())) == []

    def test_an_object_in_quarantine_is_named(self, catalogue: Catalogue) -> None:
        first = apply_one(catalogue, with_file(1)).dataset
        second = apply_one(catalogue, with_file(2)).dataset
        same = new_file(content="1")
        apply_one(catalogue, change(existing=second, files=[same], rejected=("bad",)))
        assert catalogue.changes.delete([first.dataset_id]) == []


def told_after(catalogue: Catalogue, position: int) -> list[tuple[str, dict[str, object]]]:
    names = ("reasons", "entry_id", "decided_by", "note", "state", "reason")
    return [
        (event.event_type, {name: getattr(event, name) for name in names if hasattr(event, name)})
        for event in catalogue.event_log.read(position, 100)
    ]


def test_a_deleted_dataset_is_told_of_as_it_last_was(catalogue: Catalogue) -> None:
    dataset = apply_one(catalogue, with_file()).dataset
    told: list[DatasetEvent] = []
    last = catalogue.event_log.get_last_position()
    catalogue.changes.delete([dataset.dataset_id, "unknown"], told.extend)
    (event,) = catalogue.event_log.read(last, 10)
    assert isinstance(event, DatasetDeleted)
    assert [(one.event_type, one.position) for one in told] == [("dataset_deleted", event.position)]
    assert (event.dataset.dataset_id, event.dataset.name) == (dataset.dataset_id, dataset.name)
    assert event.dataset.files == dataset.files
    catalogue.changes.delete([dataset.dataset_id], told.extend)
    assert len(told) == 1


def test_what_becomes_of_a_bundle_in_quarantine_is_told_with_who_decided(catalogue: Catalogue) -> None:
    entry = apply_one(catalogue, with_file(rejected=("no ball",))).entry
    assert entry is not None
    last = catalogue.event_log.get_last_position()
    told: list[DatasetEvent] = []
    catalogue.changes.discard_quarantine([entry.entry_id], "Rinus", "nonsense", told.extend)
    said = {"entry_id": entry.entry_id, "decided_by": "Rinus", "note": "nonsense"}
    assert told_after(catalogue, last) == [("revision_discarded", said)]
    assert [event.position for event in told] == [last + 1]
    assert told[0].dataset.revisions == ()
    catalogue.changes.discard_quarantine([entry.entry_id], "Johan", "again", told.extend)
    assert len(told) == 1, "it was so already"


def test_an_accepted_bundle_is_told_of_before_its_revision(catalogue: Catalogue) -> None:
    entry = apply_one(catalogue, with_file(rejected=("no ball",))).entry
    assert entry is not None
    last = catalogue.event_log.get_last_position()
    settlement = Settlement(entry.entry_id, entry.state, QuarantineState.ACCEPTED, "Rinus", "it is so")
    catalogue.changes.apply([with_file(settlement=settlement, dataset_id=entry.dataset_id)])
    said = {"entry_id": entry.entry_id, "decided_by": "Rinus", "note": "it is so"}
    assert [event_type for event_type, _ in told_after(catalogue, last)] == [
        "revision_accepted",
        "dataset_created",
        "revision_added",
    ]
    assert told_after(catalogue, last)[0][1] == said


@pytest.mark.parametrize("rejected", [(), ("still no ball",)])
def test_a_bundle_that_the_provider_replaced_is_told_of_as_withdrawn(
    catalogue: Catalogue, rejected: tuple[str, ...]
) -> None:
    entry = apply_one(catalogue, with_file(rejected=("no ball",))).entry
    assert entry is not None
    last = catalogue.event_log.get_last_position()
    state = QuarantineState.SUPERSEDED if rejected else QuarantineState.RESOLVED
    catalogue.changes.apply([with_file(rejected=rejected, settlement=Settlement(entry.entry_id, entry.state, state))])
    withdrawn, *others = told_after(catalogue, last)
    assert withdrawn == ("revision_withdrawn", {"entry_id": entry.entry_id, "state": state.value})
    assert [kind for kind, _ in others] == (
        ["revision_rejected"] if rejected else ["dataset_created", "revision_added"]
    )
