"""The event log, and the positions of its readers."""

from __future__ import annotations

import dataclasses
import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingestify.domain.dataset import Dataset
from ingestify.domain.event_reader import FailedEvent
from ingestify.domain.events import (
    RevisionAdded,
)
from ingestify.domain.ports import (
    Catalogue,
)
from tests.support.catalogue_data import (
    T0,
    apply_one,
    change,
    new_file,
    with_file,
    without_feeds,
)


class TestEventLog:
    def test_events_come_back_as_they_were_dispatched(self, catalogue: Catalogue) -> None:
        created = apply_one(catalogue, change(1, files=[new_file("match"), new_file()]))
        renamed = apply_one(catalogue, change(existing=created.dataset, name="renamed"))
        (invalidated,) = catalogue.changes.invalidate([created.dataset.dataset_id], 'said "no"')
        dispatched = [*created.events, *renamed.events, invalidated]
        logged = catalogue.event_log.read(0, 100)
        assert logged == [dataclasses.replace(e, dataset=without_feeds(e.dataset)) for e in dispatched]
        assert all(event.occurred_at.tzinfo is dt.UTC for event in logged)

    def test_an_event_of_a_later_revision_shows_the_current_files(self, catalogue: Catalogue) -> None:
        first = apply_one(catalogue, change(files=[new_file("match"), new_file()])).dataset
        second = apply_one(catalogue, change(existing=first, files=[new_file(content="b")]))
        logged = catalogue.event_log.read(0, 10)[-1].dataset
        assert logged.current_revision == second.dataset.current_revision
        assert len(logged.revisions) == 2
        assert logged.revisions[-1] == second.revision

    def test_an_event_shows_all_revisions_up_to_its_own_as_they_were(self, catalogue: Catalogue) -> None:
        shown = []
        dataset = None
        for number in range(4):
            files = [new_file(content=str(number)), *([new_file("match")] if number == 1 else [])]
            removed = ("match__v1",) if number == 2 else ()
            one = apply_one(catalogue, change(existing=dataset, files=files, removed_file_ids=removed))
            dataset = one.dataset
            shown += [event.dataset for event in one.events]
            if number == 1:
                shown += [event.dataset for event in catalogue.changes.invalidate([dataset.dataset_id], "bad")]
                (dataset,) = catalogue.datasets.get([dataset.dataset_id])
        assert [event.dataset for event in catalogue.event_log.read(0, 100)] == [_as_logged(one) for one in shown]

    def test_an_event_of_a_deleted_dataset_shows_its_current_files(self, catalogue: Catalogue) -> None:
        dataset = apply_one(catalogue, change(files=[new_file("match"), new_file()])).dataset
        for number in range(3):
            dataset = apply_one(catalogue, change(existing=dataset, files=[new_file(content=str(number))])).dataset
        catalogue.changes.delete([dataset.dataset_id])
        logged = [event for event in catalogue.event_log.read(0, 100) if isinstance(event, RevisionAdded)][-1].dataset
        assert logged.current_revision == dataset.current_revision
        assert [revision.revision_id for revision in logged.revisions] == [0, 3]

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    def test_pages_of_any_size_show_the_same(self, catalogue: Catalogue, limit: int) -> None:
        catalogue.changes.apply([with_file(1), change(2), with_file(3)])
        whole = catalogue.event_log.read(0, 100)
        assert len(whole) == 5
        paged, position = [], 0
        while page := catalogue.event_log.read(position, limit):
            assert len(page) <= limit
            paged += page
            position = page[-1].position
        assert paged == whole

    def test_readers_have_positions_of_their_own(self, catalogue: Catalogue) -> None:
        assert catalogue.event_readers.find_position("a") is None
        catalogue.event_readers.set_position("a", 5)
        catalogue.event_readers.set_position("b", 2**40)
        catalogue.event_readers.set_position("a", 7)
        assert (catalogue.event_readers.find_position("a"), catalogue.event_readers.find_position("b")) == (7, 2**40)


def _as_logged(dataset: Dataset) -> Dataset:
    """With all of its revisions, and of their files the current ones."""
    current = set(dataset.files.values())
    revisions = tuple(
        dataclasses.replace(one, modified_files=tuple(file for file in one.modified_files if file in current))
        for one in dataset.revisions
    )
    return dataclasses.replace(dataset, feeds={}, revisions=revisions)


def test_a_reader_moves_forward_from_where_it_was_seen_alone(catalogue: Catalogue) -> None:
    assert catalogue.event_readers.find_position("a") is None
    assert catalogue.event_readers.advance("a", None, 0)
    assert catalogue.event_readers.find_position("a") == 0
    assert catalogue.event_readers.advance("a", 0, 5)
    assert not catalogue.event_readers.advance("a", 0, 7)
    assert not catalogue.event_readers.advance("a", None, 7)
    assert not catalogue.event_readers.advance("a", 5, 4)
    assert not catalogue.event_readers.advance("b", 5, 7)
    assert catalogue.event_readers.find_position("a") == 5
    assert catalogue.event_readers.find_position("b") is None


def test_of_many_that_move_a_reader_one_succeeds(catalogue: Catalogue) -> None:
    catalogue.event_readers.set_position("a", 1)
    with ThreadPoolExecutor(4) as pool:
        moved = list(pool.map(lambda position: catalogue.event_readers.advance("a", 1, position), range(2, 10)))
    assert moved.count(True) == 1
    assert catalogue.event_readers.find_position("a") == 2 + moved.index(True)


def test_readers_are_listed_with_what_they_failed_on(catalogue: Catalogue) -> None:
    first, second = (event.position or 0 for event in apply_one(catalogue, with_file()).events)
    catalogue.event_readers.set_position("b", first)
    catalogue.event_readers.set_position("a", 0)
    for failures in (1, 2):
        catalogue.event_readers.save_failure("b", FailedEvent(second, failures, False, "no\0ball", T0))
    catalogue.event_readers.save_failure("b", FailedEvent(first, 3, True, "no goal", T0))
    a, b = catalogue.event_readers.list_readers()
    assert (a.name, a.position, a.behind, a.failed) == ("a", 0, 2, ())
    assert (b.name, b.position, b.behind) == ("b", first, 1)
    assert [(one.position, one.failures, one.is_parked) for one in b.failed] == [(first, 3, True), (second, 2, False)]
    assert list(b.failed) == catalogue.event_readers.find_failed("b")
    catalogue.event_readers.set_position("b", 0)
    assert [one.position for one in catalogue.event_readers.find_failed("b")] == [first], "what is parked stays so"
    catalogue.event_readers.forget_failure("b", first)
    assert catalogue.event_readers.find_failed("b") == []
    assert catalogue.event_readers.forget("b")
    assert not catalogue.event_readers.forget("b")
    assert [one.name for one in catalogue.event_readers.list_readers()] == ["a"]


def test_the_events_since_a_moment_are_behind_a_position(catalogue: Catalogue) -> None:
    assert catalogue.event_log.find_position_before(T0) == 0
    first, last = apply_one(catalogue, with_file()).events
    assert first.position is not None
    assert catalogue.event_log.find_position_before(T0) == first.position - 1
    assert catalogue.event_log.find_position_before(first.occurred_at) == first.position - 1
    assert catalogue.event_log.find_position_before(dt.datetime(2999, 1, 1, tzinfo=dt.UTC)) == last.position
