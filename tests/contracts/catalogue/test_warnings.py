"""What checks found, and the profiles of files, are kept with their revision."""

from __future__ import annotations

import datetime as dt

import pytest

from ingestify.domain.ports import Catalogue
from ingestify.domain.profile import FileProfile
from tests.support.catalogue_data import apply_one, change, everything, feed_state, new_file, read_all, with_file

pytestmark = pytest.mark.sampled(2)  # in a file and in memory by turns

ODD = ("it is “short”", "日本 👩‍👩‍👦 \\ ' \" %s ; --")


def profile(rows: int | None = 3, **nulls: int) -> FileProfile:
    return FileProfile("events__v1", 100, rows, nulls)


class TestWarnings:
    def test_they_are_read_as_they_were_applied(self, catalogue: Catalogue) -> None:
        applied = apply_one(catalogue, with_file(1, warnings=ODD))
        assert applied.dataset.warnings == ODD
        assert read_all(catalogue) == [applied.dataset]
        assert catalogue.datasets.get([applied.dataset.dataset_id])[0].warnings == ODD

    def test_each_revision_has_its_own(self, catalogue: Catalogue) -> None:
        first = apply_one(catalogue, with_file(1, warnings=("one",))).dataset
        second = apply_one(catalogue, change(1, first, files=[new_file(content="b")])).dataset
        apply_one(catalogue, change(1, second, files=[new_file(content="c")], warnings=("two", "three")))
        (found,) = read_all(catalogue)
        assert [one.warnings for one in found.revisions] == [("one",), (), ("two", "three")]
        events = catalogue.event_log.read(0, 100)
        assert [getattr(event, "warnings", None) for event in events if event.event_type == "revision_warned"] == [
            ("one",),
            ("two", "three"),
        ]
        assert [one.warnings for one in events[-1].dataset.revisions] == [("one",), (), ("two", "three")]

    def test_a_filter_finds_the_datasets_whose_current_revision_has_any(self, catalogue: Catalogue) -> None:
        apply_one(catalogue, with_file(1))
        warned = apply_one(catalogue, with_file(2, warnings=("odd",))).dataset
        before = apply_one(catalogue, with_file(3, warnings=("odd",))).dataset
        apply_one(catalogue, change(3, before, files=[new_file(content="better")]))
        wanted = everything(has_warnings=True)
        assert read_all(catalogue, wanted) == [warned]
        assert catalogue.datasets.read_metadata(wanted).row_count == 1
        assert [one for one in read_all(catalogue) if wanted.names(one)] == [warned]
        assert read_all(catalogue, everything(has_warnings=True, selector={"match_id": 1})) == []

    def test_at_a_moment_those_are_meant_whose_revision_of_then_has_any(self, catalogue: Catalogue) -> None:
        first = apply_one(catalogue, with_file(1, warnings=("odd",))).dataset
        other = apply_one(catalogue, with_file(2)).dataset
        then = other.updated_at
        apply_one(catalogue, change(1, first, files=[new_file(content="better")]))
        apply_one(catalogue, change(2, other, files=[new_file(content="odd")], warnings=("odd",)))
        ids = {"then": [first.dataset_id], "now": [other.dataset_id]}
        for name, wanted in (
            ("then", everything(has_warnings=True, as_of=then)),
            ("now", everything(has_warnings=True, as_of=other.updated_at + dt.timedelta(days=1))),
        ):
            assert [one.dataset_id for one in read_all(catalogue, wanted)] == ids[name]
            assert [one.dataset_id for one in read_all(catalogue) if wanted.names(one)] == ids[name]

    def test_a_deleted_dataset_leaves_none_behind(self, catalogue: Catalogue) -> None:
        warned = apply_one(catalogue, with_file(1, warnings=("odd",), profiles=(profile(),), peers="p")).dataset
        catalogue.changes.delete([warned.dataset_id])
        assert list(catalogue.integrity_check.iter_row_damages()) == []
        assert catalogue.datasets.find_peer_profiles("p", "events__v1", None, 10) == []
        assert catalogue.row_repair.remove_dangling() == 0

    def test_a_rejected_bundle_has_none(self, catalogue: Catalogue) -> None:
        apply_one(catalogue, with_file(1, rejected=("broken",)))
        assert read_all(catalogue, everything(has_warnings=True)) == []


class TestProfiles:
    def test_those_of_a_dataset_are_found_newest_first(self, catalogue: Catalogue) -> None:
        first = apply_one(catalogue, with_file(1, profiles=(profile(3, minute=1),), peers="p")).dataset
        again = change(1, first, files=[new_file(content="b")], profiles=(profile(None),), peers="p")
        apply_one(catalogue, again)
        found = catalogue.datasets.find_profiles(first.dataset_id, "events__v1", 10)
        assert found == [profile(None), profile(3, minute=1)]
        assert catalogue.datasets.find_profiles(first.dataset_id, "events__v1", 1) == [profile(None)]
        assert catalogue.datasets.find_profiles(first.dataset_id, "lineups__v1", 10) == []

    def test_those_of_peers_are_the_newest_of_each_other_dataset(self, catalogue: Catalogue) -> None:
        datasets = [
            apply_one(catalogue, with_file(number, profiles=(profile(number),), peers="p")).dataset
            for number in (1, 2, 3)
        ]
        apply_one(catalogue, with_file(4, profiles=(profile(4),), peers="another competition"))
        again = [new_file(content="b")]
        apply_one(catalogue, change(1, datasets[0], files=again, profiles=(profile(10),), peers="p"))
        found = catalogue.datasets.find_peer_profiles
        assert [one.rows for one in found("p", "events__v1", None, 10)] == [10, 3, 2]
        assert [one.rows for one in found("p", "events__v1", datasets[0].dataset_id, 10)] == [3, 2]
        assert [one.rows for one in found("p", "events__v1", None, 2)] == [10, 3]
        assert found("nobody", "events__v1", None, 10) == []


def test_a_dataset_of_many_revisions_with_warnings_is_read_in_order(catalogue: Catalogue) -> None:
    dataset = apply_one(catalogue, change(1, files=[new_file(content="0")], feeds=[feed_state()])).dataset
    for number in range(1, 25):
        one = change(1, dataset, files=[new_file(content=f"{number}")], warnings=(f"warning {number}",))
        dataset = apply_one(catalogue, one).dataset
    (found,) = read_all(catalogue)
    assert [one.warnings for one in found.revisions] == [(), *((f"warning {number}",) for number in range(1, 25))]
