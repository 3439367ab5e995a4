"""Datasets are found, filtered and counted alike in each database."""

from __future__ import annotations

import datetime as dt

import pytest

from ingestify.domain.change import metadata_text
from ingestify.domain.dataset import CollectionMetadata, Dataset, DatasetState
from ingestify.domain.file import FeedState, Validators
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import (
    Catalogue,
    DatasetFilter,
)
from ingestify.errors import SourceError
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


class TestFinding:
    def test_known_datasets_are_told_with_their_summary(self, catalogue: Catalogue) -> None:
        absent = FeedState("360__v1", False, None, Validators(), T0)
        dataset = apply_one(
            catalogue, change(files=[new_file()], feeds=[feed_state(), absent], metadata={"b": 1, "a": "é"})
        ).dataset
        unknown = Identifier({"match_id": 2})
        known = catalogue.datasets.find_known("main", "fake", "match", [unknown, dataset.identifier])
        assert list(known) == [dataset.identifier]
        found = known[dataset.identifier]
        assert (found.dataset_id, found.name, found.state) == (dataset.dataset_id, dataset.name, dataset.state)
        assert found.metadata == metadata_text({"a": "é", "b": 1})
        assert found.summary == dataset.summary
        assert found.summary.feeds == {"events__v1": feed_state(), "360__v1": absent}
        assert found.summary.feeds.get("nothing") is None

    def test_what_is_wrong_with_a_file_is_kept_with_the_look_at_it(self, catalogue: Catalogue) -> None:
        left_out = FeedState(
            "360__v1",
            False,
            None,
            Validators('"a,["'),
            T0,
            problem="it is cut off, [",
            left_out_tag="ab",
            decided_by="",
        )
        broken = feed_state(problem='it "breaks" off', decided_by="Rinus")
        whole = apply_one(catalogue, change(files=[new_file()], feeds=[feed_state()])).dataset
        flawed = apply_one(
            catalogue, change(files=[new_file()], feeds=[left_out, broken], identifier=Identifier({"match_id": 2}))
        ).dataset
        known = catalogue.datasets.find_known("main", "fake", "match", [whole.identifier, flawed.identifier])
        assert known[flawed.identifier].summary.feeds == {"360__v1": left_out, "events__v1": broken}
        assert [known[one.identifier].may_have_problems for one in (whole, flawed)] == [False, True]
        (read,) = catalogue.datasets.get([flawed.dataset_id])
        assert read.left_out_files == {"360__v1": "it is cut off, ["}
        assert read.broken_files == {"events__v1": 'it "breaks" off'}

    def test_a_dataset_without_revisions_has_a_summary_that_says_so(self, catalogue: Catalogue) -> None:
        identifier = apply_one(catalogue, change()).dataset.identifier
        summary = catalogue.datasets.find_known("main", "fake", "match", [identifier])[identifier].summary
        assert not summary.has_revisions
        assert summary.current_created_at is summary.current_state is summary.last_modified is None
        assert summary.feeds == {}

    def test_a_thousand_are_known_by_one_call(self, catalogue: Catalogue) -> None:
        catalogue.changes.apply([change(number) for number in range(1000)])
        wanted = [Identifier({"match_id": str(number), "competition_id": "11"}) for number in range(500, 1500)]
        assert set(catalogue.datasets.find_known("main", "fake", "match", wanted)) == set(wanted[:500])
        assert catalogue.datasets.find_known("other", "fake", "match", wanted) == {}
        assert catalogue.datasets.find_known("main", "fake", "match", []) == {}

    def test_a_dataset_is_found_by_its_identifier_in_any_order_and_type(self, catalogue: Catalogue) -> None:
        dataset = apply_one(catalogue, with_file(12)).dataset
        same = Identifier({"match_id": "12", "competition_id": "11"})
        assert catalogue.datasets.find("main", "fake", "match", same) == dataset
        assert catalogue.datasets.find("main", "fake", "match", Identifier({"match_id": 12})) is None
        assert catalogue.datasets.find("main", "other", "match", same) is None

    def test_datasets_come_in_the_order_of_the_ids(self, catalogue: Catalogue) -> None:
        one, _, three = (applied.dataset for applied in catalogue.changes.apply([with_file(n) for n in (1, 2, 3)]))
        wanted = [three.dataset_id, "gone", one.dataset_id]
        assert catalogue.datasets.get(wanted) == [three, one]
        assert catalogue.datasets.get([]) == []


class TestIterating:
    @pytest.fixture
    def datasets(self, catalogue: Catalogue) -> list[Dataset]:
        return [one.dataset for one in catalogue.changes.apply([with_file(number) for number in range(7)])]

    @pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 8])
    def test_batches_follow_the_order_of_arrival(self, catalogue, datasets, batch_size) -> None:
        batches = list(catalogue.datasets.iter_batches(everything(), batch_size))
        assert [dataset for batch in batches for dataset in batch] == datasets
        assert all(len(batch) == batch_size for batch in batches[:-1])

    @pytest.mark.sampled(5)
    @pytest.mark.parametrize(("offset", "limit"), [(0, 0), (0, 3), (2, 3), (5, 10), (7, 1), (99, 1), (3, None)])
    @pytest.mark.parametrize("batch_size", [2, 100])
    def test_offset_and_limit_cut_out_a_part(self, catalogue, datasets, batch_size, offset, limit) -> None:
        batches = catalogue.datasets.iter_batches(everything(), batch_size, offset=offset, limit=limit)
        end = None if limit is None else offset + limit
        assert [dataset for batch in batches for dataset in batch] == datasets[offset:end]

    def test_what_changes_between_two_batches_is_seen_and_does_not_stop_it(self, catalogue, datasets) -> None:
        batches = catalogue.datasets.iter_batches(everything(), 3)
        next(batches)
        catalogue.changes.delete([datasets[0].dataset_id, datasets[4].dataset_id])
        apply_one(catalogue, with_file(7))
        rest = [dataset.identifier["match_id"] for batch in batches for dataset in batch]
        assert rest == [3, 5, 6, 7]

    def test_metadata_counts_and_tells_the_newest_provider_time(self, catalogue: Catalogue, datasets) -> None:
        apply_one(catalogue, change(8, feeds=[feed_state(modified_at=minutes(9))]))
        assert catalogue.datasets.read_metadata(everything()) == CollectionMetadata(8, minutes(9))
        assert catalogue.datasets.read_metadata(everything(selector={"match_id": [1, 2]})) == CollectionMetadata(2, T0)
        assert catalogue.datasets.read_metadata(everything(bucket="empty")) == CollectionMetadata(0, None)


class TestFiltering:
    def test_by_bucket_provider_type_state_and_id(self, catalogue: Catalogue) -> None:
        one, two, three, four = (
            applied.dataset
            for applied in catalogue.changes.apply(
                [
                    change(1),
                    change(2, provider="o'ther", state=DatasetState.PARTIAL),
                    change(3, dataset_type="vi:de?o %s", state=DatasetState.SCHEDULED),
                    change(4, bucket="b"),
                ]
            )
        )
        assert read_all(catalogue) == [one, two, three]
        assert read_all(catalogue, everything(bucket="b")) == [four]
        assert read_all(catalogue, everything(provider="o'ther")) == [two]
        assert read_all(catalogue, everything(dataset_type="vi:de?o %s")) == [three]
        assert read_all(catalogue, everything(states=(DatasetState.PARTIAL, DatasetState.SCHEDULED))) == [two, three]
        assert read_all(catalogue, everything(dataset_ids=[two.dataset_id])) == [two]
        assert read_all(catalogue, everything(dataset_ids=[two.dataset_id], provider="fake")) == []
        assert read_all(catalogue, everything(dataset_ids=[two.dataset_id, "other"])) == [two]
        assert read_all(catalogue, everything(dataset_ids=[])) == []

    def test_by_value_whatever_its_type(self, catalogue: Catalogue) -> None:
        catalogue.changes.apply([change(12), change("x y"), change(True), change(dt.date(2024, 5, 1)), change(0.5)])
        assert found_ids(catalogue, match_id="12") == [12]
        assert found_ids(catalogue, match_id=12.0) == [12]
        assert found_ids(catalogue, match_id="x y") == ["x y"]
        assert found_ids(catalogue, match_id="true") == [True]
        assert found_ids(catalogue, match_id=dt.date(2024, 5, 1)) == ["2024-05-01"]
        assert found_ids(catalogue, match_id="0.5") == [0.5]
        assert found_ids(catalogue, match_id=1) == []

    def test_a_list_means_any_and_several_keys_mean_all(self, catalogue: Catalogue) -> None:
        catalogue.changes.apply([change(number) for number in range(5)])
        assert found_ids(catalogue, match_id=[1, "3", 99]) == [1, 3]
        assert found_ids(catalogue, match_id=(2,), competition_id="11") == [2]
        assert found_ids(catalogue, match_id=2, competition_id=12) == []
        assert found_ids(catalogue, match_id=range(5000)) == [0, 1, 2, 3, 4]
        assert found_ids(catalogue, match_id=[]) == []
        assert found_ids(catalogue, season_id=1) == []

    @pytest.mark.sampled(5)
    @pytest.mark.parametrize(
        "key",
        ["a.b", "a b", "$", "[0]", "é😀", "'", '"', "\\", 'a"b\\"', "\n", "%s :x ?", "--", "a'; DROP TABLE dataset"],
    )
    def test_odd_keys_and_values(self, catalogue: Catalogue, key: str) -> None:
        identifiers = [Identifier({key: value}) for value in (key, "other", 1, None)]
        catalogue.changes.apply([change(identifier=identifier) for identifier in identifiers])
        for identifier in identifiers:
            (found,) = read_all(catalogue, everything(selector={key: identifier[key]}))
            assert found.identifier == identifier
        assert len(read_all(catalogue, everything(selector={key: [key, 1]}))) == 2
        assert read_all(catalogue, everything(selector={key: []})) == []
        assert set(catalogue.datasets.find_known("main", "fake", "match", identifiers)) == set(identifiers)

    def test_a_filter_that_is_no_value_is_refused(self, catalogue: Catalogue) -> None:
        with pytest.raises(SourceError, match="match_id"):
            read_all(catalogue, everything(selector={"match_id": object()}))


class TestMoments:
    @pytest.mark.parametrize(
        "moment",
        [
            T0,
            dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
            dt.datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC),
            dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
            dt.datetime(2024, 7, 1, 1, 2, 3, 4, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
        ],
    )
    def test_keep_their_microseconds_and_come_back_in_utc(self, catalogue: Catalogue, moment: dt.datetime) -> None:
        state = feed_state(modified_at=moment, checked_at=moment)
        apply_one(catalogue, change(files=[new_file(modified_at=moment)], feeds=[state]))
        (read,) = read_all(catalogue)
        for back in (
            read.last_modified_at,
            read.files["events__v1"].modified_at,
            read.feeds["events__v1"].modified_at,
            read.feeds["events__v1"].checked_at,
        ):
            assert back == moment
            assert back.tzinfo is dt.UTC


def test_totals_count_each_object_once(catalogue: Catalogue) -> None:
    first = apply_one(catalogue, change(1, files=[new_file("match"), new_file()])).dataset
    second = apply_one(catalogue, change(existing=first, files=[new_file(content="b")])).dataset
    apply_one(catalogue, change(existing=second, files=[new_file()]))
    apply_one(catalogue, change(2))
    apply_one(catalogue, with_file(3, bucket="other"))
    assert dict(catalogue.overview.count_all("main")) == {
        "datasets": 2,
        "revisions": 3,
        "files": 4,
        "size_bytes": 400,
        "storage_bytes": 30,
    }
    assert set(catalogue.overview.count_all("empty").values()) == {0}


def test_what_a_filter_names_is_counted_by_kind(catalogue: Catalogue) -> None:
    catalogue.changes.apply([with_file(1), with_file(2), with_file(3, bucket="other")])
    whole = catalogue.datasets.count_by_kind(DatasetFilter("main"))
    assert list(whole.values()) == [2]
    ((provider, dataset_type, state),) = whole
    kept = DatasetFilter("main", dataset_type, provider, states=(state,), selector={"match_id": 1})
    assert catalogue.datasets.count_by_kind(kept) == {(provider, dataset_type, state): 1}
    assert catalogue.datasets.count_by_kind(DatasetFilter("none")) == {}


def test_indexes_are_made_dropped_and_change_no_answer(catalogue: Catalogue) -> None:
    catalogue.changes.apply([change(number) for number in range(20)])
    wanted = [("fake", "match", "match_id"), ("o'ther", "vi deo", "a.b é")]
    made, dropped = catalogue.indexes.sync(wanted)
    assert (len(made), dropped) == (2, [])
    assert all(name.replace("_", "").isalnum() and name.isascii() and len(name) <= 63 for name in made)
    assert catalogue.indexes.sync(wanted) == ([], [])
    assert [
        d.identifier["match_id"]
        for d in read_all(catalogue, everything(provider="fake", dataset_type="match", selector={"match_id": [3, "5"]}))
    ] == [3, 5]
    assert catalogue.indexes.sync(wanted[1:]) == ([], [made[0]])
    assert catalogue.indexes.sync([]) == ([], [made[1]])


def test_the_newest_files_stand_for_all_of_them(catalogue: Catalogue) -> None:
    assert catalogue.lake.sample_paths(2) == ([], [])
    datasets = [apply_one(catalogue, with_file(match_id=number)).dataset for number in range(3)]
    named, deleted = catalogue.lake.sample_paths(2)
    assert (len(named), deleted) == (2, [])
    gone = set(catalogue.changes.delete([dataset.dataset_id for dataset in datasets]))
    named, deleted = catalogue.lake.sample_paths(2)
    assert named == []
    assert set(deleted) <= gone
