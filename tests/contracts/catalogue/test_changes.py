"""What is applied, invalidated, deleted, missing or forgotten is read as it was written."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from ingestify.clock import now
from ingestify.domain.dataset import DatasetState
from ingestify.domain.events import (
    DatasetCreated,
    MetadataUpdated,
    RevisionAdded,
    RevisionInvalidated,
)
from ingestify.domain.file import ANY_URL
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import (
    Catalogue,
    HeadMoved,
    SelectorSync,
)
from ingestify.domain.revision import RevisionState
from tests.support.catalogue_data import (
    T0,
    apply_one,
    change,
    everything,
    feed_state,
    found_ids,
    minutes,
    new_file,
    read_all,
    with_file,
)

pytestmark = pytest.mark.sampled(2)  # in a file and in memory by turns


class TestApplying:
    def test_a_new_dataset_is_read_again_as_it_was_applied(self, catalogue: Catalogue) -> None:
        files = [new_file("match"), new_file("events", modified_at=None, content_type=None)]
        applied = apply_one(catalogue, change(files=files, feeds=[feed_state()], description="first"))
        assert catalogue.datasets.get([applied.dataset.dataset_id]) == [applied.dataset]
        assert read_all(catalogue) == [applied.dataset]
        assert [file.data_feed_key for file in applied.dataset.revisions[0].modified_files] == ["match", "events"]

    @pytest.mark.parametrize("said", ["application/" + "x" * 300, "application/a\0b", "text/\ud800", "x" * 255, ""])
    def test_whatever_content_type_a_provider_says_is_no_reason_not_to_keep_a_file(self, catalogue, said) -> None:
        applied = apply_one(catalogue, change(files=[new_file(content_type=said)], feeds=[feed_state()]))
        assert read_all(catalogue) == [applied.dataset]
        kept = applied.dataset.files["events__v1"].content_type
        assert kept == said or (len(kept) <= 255 and kept[:5] == said[:5])

    def test_the_identity_of_an_adopted_dataset_is_completed_without_an_event(self, catalogue: Catalogue) -> None:
        before = apply_one(catalogue, change(identifier=Identifier({"match_id": 1}), feeds=[feed_state()])).dataset
        whole = Identifier({"competition_id": 11, "match_id": 1})
        adopted = change(1, before, feeds=[feed_state(asked_for=ANY_URL)])
        apply_one(catalogue, adopted)
        assert catalogue.datasets.find_known("main", "fake", "match", [before.identifier])[before.identifier].is_adopted
        (before,) = read_all(catalogue)
        after = apply_one(catalogue, dataclasses.replace(change(1, before, feeds=[feed_state()]), identifier=whole))
        assert after.events == ()
        assert (after.dataset.identifier.to_json(), after.dataset.updated_at > before.updated_at) == (
            whole.to_json(),
            True,
        )
        assert read_all(catalogue) == [after.dataset]
        known = catalogue.datasets.find_known("main", "fake", "match", [before.identifier, whole])
        assert {one: row.is_adopted for one, row in known.items()} == {whole: False}

    def test_it_logs_events_in_order_with_their_positions(self, catalogue: Catalogue) -> None:
        one, two = catalogue.changes.apply([with_file(1), change(2)])
        assert [type(event) for event in one.events] == [DatasetCreated, RevisionAdded]
        assert [type(event) for event in two.events] == [DatasetCreated]
        positions = [event.position for event in (*one.events, *two.events)]
        assert positions == sorted(positions)
        assert len(set(positions)) == 3
        assert [event.position for event in catalogue.event_log.read(0, 10)] == positions

    def test_nothing_to_apply_is_nothing_done(self, catalogue: Catalogue) -> None:
        assert catalogue.changes.apply([]) == []

    def test_revisions_count_up_and_keep_the_files_of_before(self, catalogue: Catalogue) -> None:
        first = apply_one(catalogue, change(files=[new_file("match"), new_file("events")])).dataset
        second = apply_one(catalogue, change(existing=first, files=[new_file("events", "b")])).dataset
        (read,) = read_all(catalogue)
        assert read == second
        assert [revision.revision_id for revision in read.revisions] == [0, 1]
        assert {file_id: file.revision_id for file_id, file in read.files.items()} == {"match__v1": 0, "events__v1": 1}

    def test_a_change_of_feeds_alone_adds_no_revision_no_event_and_no_update(self, catalogue: Catalogue) -> None:
        before = apply_one(catalogue, with_file()).dataset
        moved = feed_state(modified_at=minutes(5), checked_at=minutes(6))
        applied = apply_one(catalogue, change(existing=before, feeds=[moved]))
        (after,) = read_all(catalogue)
        assert applied.events == ()
        assert applied.revision is None
        assert after == applied.dataset
        assert after.feeds == {"events__v1": moved}
        assert after.last_modified_at == minutes(5)
        assert after.updated_at == before.updated_at

    @pytest.mark.parametrize(
        "attributes", [{"name": "new"}, {"state": DatasetState.PARTIAL}, {"metadata": {"home": "PSV"}}]
    )
    def test_a_changed_description_is_an_update_without_a_revision(self, catalogue, attributes) -> None:
        before = apply_one(catalogue, with_file()).dataset
        applied = apply_one(catalogue, change(existing=before, **attributes))
        (after,) = read_all(catalogue)
        assert [type(event) for event in applied.events] == [MetadataUpdated]
        assert after == applied.dataset
        assert {name: getattr(after, name) for name in attributes} == attributes
        assert after.updated_at > before.updated_at
        assert after.revisions == before.revisions

    def test_a_dataset_that_exists_by_now_moved(self, catalogue: Catalogue) -> None:
        apply_one(catalogue, with_file(1))
        late = with_file("1", name="late")
        with pytest.raises(HeadMoved) as moved:
            catalogue.changes.apply([with_file(2), late])
        assert moved.value.changes == (late,)
        assert found_ids(catalogue) == [1]
        assert len(catalogue.event_log.read(0, 10)) == 2

    def test_a_dataset_with_another_revision_by_now_moved(self, catalogue: Catalogue) -> None:
        before = apply_one(catalogue, with_file()).dataset
        apply_one(catalogue, change(existing=before, files=[new_file(content="b")]))
        late = change(existing=before, files=[new_file(content="c")])
        with pytest.raises(HeadMoved) as moved:
            catalogue.changes.apply([late])
        assert moved.value.changes == (late,)

    @pytest.mark.parametrize("what", ["described", "marked missing", "invalidated"])
    def test_a_dataset_that_was_touched_without_a_revision_moved(self, catalogue: Catalogue, what: str) -> None:
        before = apply_one(catalogue, with_file()).dataset
        if what == "described":
            apply_one(catalogue, change(existing=before, metadata={"home": "PSV"}))
        elif what == "marked missing":
            catalogue.changes.mark_missing([before.dataset_id])
        else:
            catalogue.changes.invalidate([before.dataset_id], "bad")
        (since,) = catalogue.datasets.get([before.dataset_id])
        with pytest.raises(HeadMoved):
            catalogue.changes.apply([change(existing=before, metadata={"home": "Ajax"}, name="late")])
        assert catalogue.datasets.get([before.dataset_id]) == [since]

    def test_a_look_that_found_nothing_new_keeps_nobody_from_a_change(self, catalogue: Catalogue) -> None:
        before = apply_one(catalogue, with_file()).dataset
        apply_one(catalogue, change(existing=before, feeds=[feed_state(checked_at=minutes(9))]))
        after = apply_one(catalogue, change(existing=before, files=[new_file(content="b")])).dataset
        assert len(after.revisions) == 2

    def test_a_dataset_that_is_gone_by_now_moved(self, catalogue: Catalogue) -> None:
        before = apply_one(catalogue, with_file()).dataset
        catalogue.changes.delete([before.dataset_id])
        with pytest.raises(HeadMoved):
            catalogue.changes.apply([change(existing=before, files=[new_file(content="b")])])
        apply_one(catalogue, with_file())
        with pytest.raises(HeadMoved):
            catalogue.changes.apply([change(existing=before)])

    def test_the_second_of_two_changes_to_one_dataset_moved(self, catalogue: Catalogue) -> None:
        with pytest.raises(HeadMoved) as moved:
            catalogue.changes.apply([first := with_file(1), second := with_file(1)])
        assert moved.value.changes == (second,)
        existing = apply_one(catalogue, first).dataset
        again = [change(existing=existing, files=[new_file(content=text)]) for text in "bc"]
        with pytest.raises(HeadMoved) as moved:
            catalogue.changes.apply(again)
        assert moved.value.changes == (again[1],)

    def test_the_same_identifier_in_another_bucket_provider_or_type_is_another_dataset(self, catalogue) -> None:
        others = [with_file(1), with_file(1, bucket="b"), with_file(1, provider="p"), with_file(1, dataset_type="t")]
        assert len({applied.dataset.dataset_id for applied in catalogue.changes.apply(others)}) == 4

    @pytest.mark.slow
    def test_more_changes_than_one_set_query_takes(self, catalogue: Catalogue) -> None:
        applied = catalogue.changes.apply([with_file(number) for number in range(2100)])
        datasets = [one.dataset for one in applied]
        assert read_all(catalogue, batch_size=700) == datasets
        revised = catalogue.changes.apply([change(existing=d, files=[new_file(content="new")]) for d in datasets])
        assert catalogue.datasets.get([d.dataset_id for d in datasets]) == [one.dataset for one in revised]

    @pytest.mark.slow
    def test_threads_may_write_and_read_at_once(self, catalogue: Catalogue) -> None:
        errors: list[BaseException] = []

        def work(start: int) -> None:
            try:
                for number in range(start, start + 10):
                    dataset = apply_one(catalogue, with_file(number)).dataset
                    assert catalogue.datasets.get([dataset.dataset_id]) == [dataset]
                    for one in read_all(catalogue):
                        assert one.revisions  # never a dataset without its files
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 80, 10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert sorted(found_ids(catalogue)) == list(range(80))


class TestInvalidating:
    def test_the_current_revision_is_marked_and_an_event_logged(self, catalogue: Catalogue) -> None:
        first = apply_one(catalogue, with_file()).dataset
        second = apply_one(catalogue, change(existing=first, files=[new_file(content="b")])).dataset
        (event,) = catalogue.changes.invalidate([second.dataset_id], "no second half")
        (after,) = read_all(catalogue)
        assert isinstance(event, RevisionInvalidated)
        assert event.reason == "no second half"
        assert event.dataset == after
        assert [revision.state for revision in after.revisions] == [
            RevisionState.VALID,
            RevisionState.VALIDATION_FAILED,
        ]
        assert after.revisions[-1].description == "no second half"
        assert after.updated_at > second.updated_at
        (known,) = catalogue.datasets.find_known("main", "fake", "match", [after.identifier]).values()
        assert known.summary.current_state is RevisionState.VALIDATION_FAILED
        assert catalogue.event_log.read(event.position - 1, 10)[0].reason == "no second half"

    def test_another_revision_is_valid_again(self, catalogue: Catalogue) -> None:
        apply_one(catalogue, with_file())
        catalogue.changes.invalidate([d.dataset_id for d in read_all(catalogue)], "")
        (failed,) = read_all(catalogue)
        fixed = apply_one(catalogue, change(existing=failed, files=[new_file(content="b")])).dataset
        assert read_all(catalogue) == [fixed]
        (known,) = catalogue.datasets.find_known("main", "fake", "match", [fixed.identifier]).values()
        assert known.summary.current_state is RevisionState.VALID

    def test_a_change_of_feeds_leaves_it_marked(self, catalogue: Catalogue) -> None:
        dataset = apply_one(catalogue, with_file()).dataset
        catalogue.changes.invalidate([dataset.dataset_id], "bad")
        (marked,) = catalogue.datasets.get([dataset.dataset_id])
        apply_one(catalogue, change(existing=marked, feeds=[feed_state(modified_at=minutes(3))]))
        (known,) = catalogue.datasets.find_known("main", "fake", "match", [dataset.identifier]).values()
        assert known.summary.current_state is RevisionState.VALIDATION_FAILED

    def test_what_has_no_revision_or_is_marked_or_gone_is_left_alone(self, catalogue: Catalogue) -> None:
        empty = apply_one(catalogue, change(1)).dataset
        full = apply_one(catalogue, with_file(2)).dataset
        ids = [empty.dataset_id, full.dataset_id, "gone", full.dataset_id]
        assert len(catalogue.changes.invalidate(ids, "bad")) == 1
        assert catalogue.changes.invalidate(ids, "again") == []


class TestDeleting:
    def test_everything_of_it_goes_but_its_events(self, catalogue: Catalogue) -> None:
        keep, gone = (applied.dataset for applied in catalogue.changes.apply([with_file(1), with_file(2)]))
        paths = catalogue.changes.delete([gone.dataset_id])
        assert paths == [gone.files["events__v1"].storage_path]
        assert read_all(catalogue) == [keep]
        assert catalogue.overview.count_all("main")["files"] == 1
        shown = [event.dataset.dataset_id for event in catalogue.event_log.read(0, 10)]
        assert shown == [keep.dataset_id] * 2 + [gone.dataset_id] * 3

    def test_objects_that_another_dataset_names_stay(self, catalogue: Catalogue) -> None:
        shared = new_file(content="shared")
        one, two = (
            applied.dataset
            for applied in catalogue.changes.apply(
                [change(1, files=[shared]), change(2, files=[shared, new_file("own")])]
            )
        )
        assert catalogue.changes.delete([one.dataset_id]) == []
        assert sorted(catalogue.changes.delete([two.dataset_id])) == sorted(
            [shared.storage_path, new_file("own").storage_path]
        )

    @pytest.mark.slow
    def test_2500_go_at_once(self, catalogue: Catalogue) -> None:
        datasets = [one.dataset for one in catalogue.changes.apply([with_file(number) for number in range(2501)])]
        assert len(catalogue.changes.delete([dataset.dataset_id for dataset in datasets[:-1]])) == 2500
        assert read_all(catalogue) == datasets[-1:]

    def test_what_is_gone_already_does_not_matter(self, catalogue: Catalogue) -> None:
        assert catalogue.changes.delete(["gone"]) == []
        assert catalogue.changes.delete([]) == []

    def test_when_an_object_lost_its_last_row_is_remembered(self, catalogue: Catalogue) -> None:
        dataset = apply_one(catalogue, with_file()).dataset
        path = dataset.files["events__v1"].storage_path
        before = now()
        assert catalogue.deletions.find_orphaned([path, "other"], since=before) == {"other"}
        catalogue.changes.delete([dataset.dataset_id])
        assert catalogue.deletions.find_orphaned([path, "other"], since=before) == {"other"}
        after = now()
        assert catalogue.deletions.find_orphaned([path, "other"], since=after) == {path, "other"}
        assert catalogue.deletions.forget(before) == 0
        assert catalogue.deletions.forget(after) == 1
        assert catalogue.deletions.find_orphaned([path], since=before) == {path}

    def test_what_is_in_quarantine_is_named(self, catalogue: Catalogue) -> None:
        entry = apply_one(catalogue, with_file(rejected=["no"])).entry
        assert entry is not None
        path = entry.files[0].storage_path
        assert catalogue.deletions.find_orphaned([path], since=now()) == set()
        catalogue.changes.discard_quarantine([entry.entry_id], "Rinus", "")
        assert catalogue.deletions.find_orphaned([path], since=now()) == {path}

    def test_a_deleted_dataset_can_come_again(self, catalogue: Catalogue) -> None:
        before = apply_one(catalogue, with_file()).dataset
        catalogue.changes.delete([before.dataset_id])
        again = apply_one(catalogue, with_file()).dataset
        assert again.dataset_id != before.dataset_id
        assert [revision.revision_id for revision in again.revisions] == [0]


class TestMissing:
    def test_datasets_are_marked_and_told_of_once(self, catalogue: Catalogue) -> None:
        datasets = [apply_one(catalogue, with_file(number)).dataset for number in (1, 2)]
        (event,) = catalogue.changes.mark_missing([datasets[0].dataset_id, "nobody"])
        assert isinstance(event, MetadataUpdated)
        assert event.dataset.state is DatasetState.MISSING
        assert catalogue.changes.mark_missing([datasets[0].dataset_id]) == []
        states = {d.identifier["match_id"]: d.state for d in read_all(catalogue)}
        assert states == {1: DatasetState.MISSING, 2: DatasetState.COMPLETE}
        assert catalogue.event_log.read(0, 100)[-1].position == event.position

    def test_identities_are_listed(self, catalogue: Catalogue) -> None:
        datasets = [apply_one(catalogue, with_file(number)).dataset for number in range(3)]
        assert list(catalogue.datasets.iter_identities(everything(selector={"match_id": [0, 2]}))) == [
            (dataset.dataset_id, dataset.identifier.canonical, DatasetState.COMPLETE)
            for dataset in (datasets[0], datasets[2])
        ]

    def test_what_datasets_are_called_is_listed(self, catalogue: Catalogue) -> None:
        for number in range(3):
            apply_one(catalogue, with_file(number))
        wanted = everything(selector={"match_id": [0, 2]})
        described = [(one.dataset_id, one.identifier, one.name) for one in catalogue.datasets.iter_descriptions(wanted)]
        read = [one for one in read_all(catalogue) if one.identifier["match_id"] != 1]
        assert described == [(one.dataset_id, dict(one.identifier), one.name) for one in read]


class TestForgetting:
    @pytest.mark.parametrize("what", ["delete", "invalidate"])
    def test_no_selector_counts_as_ingested_whole_any_more(self, catalogue: Catalogue, what: str) -> None:
        dataset = apply_one(catalogue, with_file()).dataset
        catalogue.selector_syncs.save("key", SelectorSync(T0, True, T0))
        if what == "delete":
            catalogue.changes.delete([dataset.dataset_id])
        else:
            catalogue.changes.invalidate([dataset.dataset_id], "wrong")
        sync = catalogue.selector_syncs.find("key")
        assert sync is not None
        assert not sync.complete


class TestTouched:
    def test_those_with_an_event_since_a_position_are_found(self, catalogue: Catalogue) -> None:
        assert catalogue.event_log.get_last_position() == 0
        before, other = (apply_one(catalogue, with_file(number)).dataset for number in (1, 2))
        position = catalogue.event_log.get_last_position()
        assert position == catalogue.event_log.read(0, 100)[-1].position
        ids = [before.dataset_id, other.dataset_id, "gone"]
        assert catalogue.event_log.find_touched(ids, position) == set()
        apply_one(catalogue, change(existing=before, feeds=[feed_state(checked_at=minutes(9))]))
        assert catalogue.event_log.find_touched(ids, position) == set()
        apply_one(catalogue, change(existing=before, metadata={"home": "PSV"}))
        new = apply_one(catalogue, with_file(3)).dataset
        assert catalogue.event_log.find_touched([*ids, new.dataset_id], position) == {before.dataset_id, new.dataset_id}
        assert catalogue.event_log.find_touched([other.dataset_id], position) == set()
        assert catalogue.event_log.find_touched([], 0) == set()
