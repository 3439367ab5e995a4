"""Revisions lose their files, unless another revision or somebody needs them."""

from __future__ import annotations

import pytest

from ingestify.clock import now
from ingestify.domain.dataset import Dataset
from ingestify.domain.events import RevisionsThinned
from ingestify.domain.ports import Catalogue
from ingestify.domain.revision import RevisionState
from tests.support.catalogue_data import apply_one, change, new_file, read_all


@pytest.fixture
def dataset(catalogue: Catalogue) -> Dataset:
    """Three feeds: events come with each of five revisions, twice the same bytes; lineups with the third one."""
    first = apply_one(catalogue, change(files=(new_file("events", "a"), new_file("lineups", "x"))))
    found = first.dataset
    for content in ("b", "c", "b", "d"):
        files = (new_file("events", content), *((new_file("lineups", "y"),) if content == "c" else ()))
        found = apply_one(catalogue, change(existing=found, files=files)).dataset
    return found


class TestThinning:
    def test_what_no_other_revision_has_goes_and_the_revision_says_so(
        self, catalogue: Catalogue, dataset: Dataset
    ) -> None:
        events: list[RevisionsThinned] = []
        (one,) = catalogue.changes.thin([dataset.dataset_id], lambda *_: [1, 2], events.extend)
        assert [(file.data_feed_key, file.revision_id) for file in one.files] == [("events", 1), ("events", 2)]
        (after,) = read_all(catalogue)
        assert after == one.after
        assert [revision.state for revision in after.revisions] == [
            *(RevisionState.VALID, RevisionState.THINNED, RevisionState.THINNED),
            *(RevisionState.VALID, RevisionState.VALID),
        ]
        for number in (0, 3, 4):
            assert after.at(revision=number).files == dataset.at(revision=number).files
        (event,) = events
        assert (event.revision_ids, event.dataset) == ((1, 2), after)
        logged = catalogue.event_log.read(0, 100)[-1]
        assert isinstance(logged, RevisionsThinned)
        assert (logged.revision_ids, logged.dataset.files) == ((1, 2), after.files)
        paths = [file.storage_path for file in one.files]
        assert catalogue.deletions.find_orphaned(paths, since=now()) == {paths[1]}, "revision 3 has the bytes of 1"
        assert list(catalogue.integrity_check.iter_row_damages()) == []

    def test_whoever_chooses_is_told_what_is_kept(self, catalogue: Catalogue, dataset: Dataset) -> None:
        catalogue.kept_revisions.keep([(dataset.dataset_id, 1), (dataset.dataset_id, 2)], "a lock")
        catalogue.kept_revisions.keep([(dataset.dataset_id, 2), ("another", 1)], "an export")
        assert catalogue.kept_revisions.find([dataset.dataset_id]) == {dataset.dataset_id: {1, 2}}
        told = []
        assert catalogue.changes.thin([dataset.dataset_id], lambda *given: told.append(given) or [], told.append) == []
        assert told == [(dataset, {1, 2}), []]
        assert read_all(catalogue) == [dataset]

    def test_a_dataset_that_is_deleted_is_kept_no_more(self, catalogue: Catalogue, dataset: Dataset) -> None:
        catalogue.kept_revisions.keep([(dataset.dataset_id, 1)], "a lock")
        catalogue.changes.delete([dataset.dataset_id])
        assert catalogue.kept_revisions.find([dataset.dataset_id]) == {}
