"""Rows that do not agree are found, and mended where they can be."""

from __future__ import annotations

from ingestify.domain.ports import (
    Catalogue,
)
from ingestify.domain.revision import RevisionState
from tests.support.catalogue_data import (
    apply_one,
    change,
    new_file,
    with_file,
)


class TestVerifying:
    def test_rows_that_name_objects_come_by_path_and_all_of_one_path_together(self, catalogue: Catalogue) -> None:
        shared = new_file(content="shared")
        one, two = (applied.dataset for applied in catalogue.changes.apply([change(n, files=[shared]) for n in (1, 2)]))
        entry = apply_one(catalogue, with_file(3, rejected=["no"])).entry
        assert entry is not None
        other = apply_one(catalogue, with_file(4, bucket="other")).dataset
        records = [record for batch in catalogue.integrity_check.iter_file_records() for record in batch]
        paths = [record.file.storage_path for record in records]
        assert paths == sorted(paths)
        assert {(record.dataset_id, record.entry_id, record.bucket) for record in records} == {
            (one.dataset_id, None, "main"),
            (two.dataset_id, None, "main"),
            (entry.dataset_id, entry.entry_id, "main"),
            (other.dataset_id, None, "other"),
        }
        assert [r.dataset_id for batch in catalogue.integrity_check.iter_file_records("other") for r in batch] == [
            other.dataset_id
        ]
        found = catalogue.integrity_check.find_file_records([shared.storage_path, "nowhere"])
        assert {record.dataset_id for record in found} == {one.dataset_id, two.dataset_id}
        assert sorted(record.place for record in found) == [
            f"fake/match/competition_id=11/match_id={number}, revision 0, events__v1" for number in (1, 2)
        ]
        assert {
            record.dataset_id for record in catalogue.integrity_check.find_records_by_tag([shared.tag, "none"])
        } == {
            one.dataset_id,
            two.dataset_id,
        }
        assert (
            catalogue.integrity_check.find_records_by_tag([]) == catalogue.integrity_check.find_file_records([]) == []
        )

    def test_a_revision_that_was_invalidated_is_confirmed_without_an_event(self, catalogue: Catalogue) -> None:
        dataset = apply_one(catalogue, with_file(1)).dataset
        catalogue.changes.invalidate([dataset.dataset_id], "odd")
        (invalidated,) = catalogue.datasets.get([dataset.dataset_id])
        before = catalogue.event_log.get_last_position()
        applied = apply_one(catalogue, change(existing=invalidated, revalidates=True))
        assert (applied.revision, applied.events) == (None, ())
        (confirmed,) = catalogue.datasets.get([dataset.dataset_id])
        assert confirmed == applied.dataset
        assert (confirmed.revisions[-1].state, confirmed.revisions[-1].description) == (RevisionState.CONFIRMED, "odd")
        known = catalogue.datasets.find_known("main", "fake", "match", [dataset.identifier])[dataset.identifier]
        assert known.summary.current_state is RevisionState.CONFIRMED
        assert catalogue.event_log.get_last_position() == before
        assert list(catalogue.integrity_check.iter_row_damages()) == []
        assert len(catalogue.changes.invalidate([dataset.dataset_id], "still odd")) == 1

    def test_what_was_written_as_it_should_be_agrees(self, catalogue: Catalogue) -> None:
        for number in range(3):
            dataset = apply_one(catalogue, with_file(number)).dataset
            apply_one(catalogue, change(existing=dataset, files=[new_file(content=f"{number} again")]))
        apply_one(catalogue, change(7))
        catalogue.changes.invalidate([dataset.dataset_id], "odd")
        assert list(catalogue.integrity_check.iter_row_damages()) == []
        catalogue.row_repair.restore_revisions([dataset.dataset_id])
        assert catalogue.row_repair.remove_dangling() == 0
        assert list(catalogue.integrity_check.iter_row_damages("main")) == []

    def test_only_what_was_marked_for_damage_is_trusted_again(self, catalogue: Catalogue) -> None:
        one, two = (applied.dataset for applied in catalogue.changes.apply([with_file(1), with_file(2)]))
        catalogue.changes.invalidate([one.dataset_id], "damaged: events__v1: it is not in the storage")
        catalogue.changes.invalidate([two.dataset_id], "odd")
        assert catalogue.row_repair.confirm_revisions([one.dataset_id, two.dataset_id, "gone"]) == 1
        states = [
            dataset.revisions[-1].state.value for dataset in catalogue.datasets.get([one.dataset_id, two.dataset_id])
        ]
        assert states == ["VALID", "VALIDATION_FAILED"]
        assert list(catalogue.integrity_check.iter_row_damages()) == []

    def test_sizes_are_corrected_where_the_bytes_are_these(self, catalogue: Catalogue) -> None:
        dataset = apply_one(catalogue, with_file()).dataset
        file = dataset.files["events__v1"]
        catalogue.row_repair.correct_sizes(file.storage_path, "other", 1, 1)
        catalogue.row_repair.correct_sizes(file.storage_path, file.tag, 7, 5)
        (after,) = catalogue.datasets.get([dataset.dataset_id])
        assert (after.files["events__v1"].size, after.files["events__v1"].storage_size) == (7, 5)
