"""Histories of another lake are written as they are."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.events import (
    RevisionAccepted,
    RevisionRejected,
)
from ingestify.domain.history import DatasetHistory
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import (
    Catalogue,
    SelectorSync,
)
from ingestify.domain.quarantine import QuarantineState
from ingestify.domain.revision import Revision, RevisionState
from tests.support.catalogue_data import (
    T0,
    apply_one,
    feed_state,
    minutes,
    new_file,
    read_all,
    with_file,
    without_feeds_in,
)


def _history(match_id: int, contents: str, **attributes: Any) -> Dataset:
    """A dataset with a revision for each letter."""
    revisions = tuple(
        Revision(
            number,
            minutes(number),
            (new_file(content=letter).in_revision(number, minutes(number)),),
            description=letter,
            source={"source": "mine"},
            removed_file_ids=("lineups__v1",) if number == 1 else (),
        )
        for number, letter in enumerate(contents)
    )
    values: dict[str, Any] = {
        "dataset_id": f"00000000-0000-0000-0000-{match_id:012}",
        "bucket": "main",
        "provider": "fake",
        "dataset_type": "match",
        "identifier": Identifier({"competition_id": 11, "match_id": match_id}),
        "name": f"match {match_id}",
        "state": DatasetState.PARTIAL,
        "metadata": {"home": "Ajax"},
        "created_at": T0,
        "updated_at": minutes(len(contents)),
        "last_modified_at": minutes(1),
        "revisions": revisions,
        "feeds": {"events__v1": feed_state()},
        "missing_feeds": ("lineups",),
    }
    return Dataset(**{**values, **attributes})


def _same(found: Dataset | None, expected: Dataset) -> bool:
    return found is not None and dataclasses.replace(found, feeds=dict(found.feeds)) == expected


def test_a_whole_history_is_written_as_it_is_and_later_made_longer(catalogue: Catalogue) -> None:
    first = _history(1, "ab")
    (events,) = catalogue.history_import.write([DatasetHistory(first, None)])
    assert [event.event_type for event in events or ()] == ["dataset_created", "revision_added", "revision_added"]
    assert catalogue.event_log.read(0, 10) == [without_feeds_in(event) for event in events or ()]
    (found,) = catalogue.datasets.get([first.dataset_id])
    assert _same(found, first)

    failed = dataclasses.replace(_history(1, "abc").revisions[-1], state=RevisionState.VALIDATION_FAILED)
    longer = _history(1, "abc", name="another name", revisions=(*first.revisions, failed))
    (events,) = catalogue.history_import.write([DatasetHistory(longer, found)])
    assert [event.event_type for event in events or ()] == ["revision_added", "revision_invalidated"]
    (found,) = catalogue.datasets.get([first.dataset_id])
    assert _same(found, longer)
    (head,) = catalogue.history_import.find_heads([first.dataset_id])
    assert (head.revision_count, head.current_state) == (3, RevisionState.VALIDATION_FAILED)
    assert (head.updated_at, head.identity[:2]) == (longer.updated_at, ("fake", "match"))
    key = first.identifier.canonical
    assert catalogue.history_import.find_heads_of("main", "fake", "match", [key, "nothing"]) == [head]
    assert catalogue.history_import.find_heads_of("other", "fake", "match", [key]) == []
    assert catalogue.history_import.find_heads(["nothing"]) == []


def test_a_history_of_a_lake_that_kept_any_content_type_can_be_written(catalogue: Catalogue) -> None:
    first = _history(1, "a")
    (revision,) = first.revisions
    (file,) = revision.modified_files
    long = dataclasses.replace(revision, modified_files=(dataclasses.replace(file, content_type="x" * 300),))
    catalogue.history_import.write([DatasetHistory(dataclasses.replace(first, revisions=(long,)), None)])
    kept = read_all(catalogue)[0].revisions[0].modified_files[0].content_type
    assert kept is not None
    assert len(kept) == 255


def test_a_history_without_revisions_and_one_that_differs_in_its_description(catalogue: Catalogue) -> None:
    first = _history(1, "")
    (events,) = catalogue.history_import.write([DatasetHistory(first, None)])
    assert [event.event_type for event in events or ()] == ["dataset_created"]
    renamed = _history(1, "", name="another name", updated_at=minutes(9))
    (events,) = catalogue.history_import.write([DatasetHistory(renamed, first)])
    assert [event.event_type for event in events or ()] == ["metadata_updated"]
    assert _same(catalogue.datasets.get([first.dataset_id])[0], renamed)


def test_of_histories_that_do_not_hold_nothing_is_written_and_of_the_others_all(catalogue: Catalogue) -> None:
    mine = apply_one(catalogue, with_file(1)).dataset
    stale = dataclasses.replace(mine, updated_at=mine.updated_at - dt.timedelta(seconds=1))
    gone = _history(3, "a")
    before = catalogue.event_log.get_last_position()
    told = catalogue.history_import.write(
        [
            DatasetHistory(_history(1, "xy"), None),  # it is there
            DatasetHistory(dataclasses.replace(_history(1, "xy"), dataset_id=mine.dataset_id), stale),
            DatasetHistory(_history(2, "a"), None),
            DatasetHistory(_history(2, "b", dataset_id="another"), None),  # twice in one call
            DatasetHistory(gone, gone),  # it is not there
        ]
    )
    assert [None if events is None else len(events) for events in told] == [None, None, 2, None, None]
    assert [dataset.dataset_id for dataset in read_all(catalogue)] == [mine.dataset_id, _history(2, "a").dataset_id]
    assert read_all(catalogue)[0].revisions == mine.revisions
    assert catalogue.event_log.get_last_position() == before + 2
    assert catalogue.history_import.write([]) == []


def test_a_history_makes_selectors_be_looked_at_again(catalogue: Catalogue) -> None:
    catalogue.selector_syncs.save("key", SelectorSync(None, True, T0, "listing"))
    catalogue.history_import.write([DatasetHistory(_history(1, "a"), None)])
    sync = catalogue.selector_syncs.find("key")
    assert sync is not None
    assert (sync.complete, sync.listing) == (False, None)


def test_quarantine_entries_are_added_once_and_settled(catalogue: Catalogue) -> None:
    rejected = apply_one(catalogue, with_file(1, rejected=["it is too short"])).entry
    assert rejected is not None
    other = dataclasses.replace(rejected, entry_id="another", dataset_id="of nothing")
    (event,) = catalogue.history_import.write_entries([rejected, other])
    assert isinstance(event, RevisionRejected)
    assert (event.entry_id, event.dataset.dataset_id, event.dataset.revisions) == ("another", "of nothing", ())
    decided = dataclasses.replace(other, state=QuarantineState.ACCEPTED, decided_at=T0, decided_by="me", note="right")
    (told,) = catalogue.history_import.write_entries([decided])
    assert isinstance(told, RevisionAccepted)
    assert (told.entry_id, told.decided_by, told.note) == ("another", "me", "right")
    assert catalogue.history_import.write_entries([decided]) == []
    found = catalogue.quarantine.find_entry("another")
    assert found is not None
    assert (found.state, found.decided_at, found.decided_by, found.note) == (
        QuarantineState.ACCEPTED,
        T0,
        "me",
        "right",
    )
    assert found.files == other.files
