"""What every catalogue does, whatever its database."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestify.catalogue import SqlCatalogue, scan
from ingestify.clock import now, reading
from ingestify.domain.change import Settlement, metadata_text
from ingestify.domain.condition import DatasetCondition
from ingestify.domain.dataset import CollectionMetadata, Dataset, DatasetState
from ingestify.domain.event_reader import FailedEvent
from ingestify.domain.events import (
    DatasetCreated,
    DatasetDeleted,
    DatasetEvent,
    MetadataUpdated,
    RevisionAccepted,
    RevisionAdded,
    RevisionDiscarded,
    RevisionInvalidated,
    RevisionRejected,
)
from ingestify.domain.file import FeedState, Validators
from ingestify.domain.history import DatasetHistory
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import (
    Catalogue,
    DatasetFilter,
    DiscoveredSelector,
    HeadMoved,
    HostWait,
    ObjectsInDoubt,
    SelectorSync,
)
from ingestify.domain.quarantine import QuarantineState, WaitingBundle
from ingestify.domain.retention import Forgotten, Retention
from ingestify.domain.revision import Revision, RevisionState
from ingestify.domain.run import Counters, JobEnd, JobHolder, ProcessIdentity, RunState, TaskOutcome, TaskSummary
from ingestify.domain.selector import Selector, identifier_matches
from ingestify.errors import ConfigurationError, SourceError, StoreError
from ingestify.failpoints import installed
from tests.support.catalogue_data import (
    PROCESS,
    T0,
    apply_one,
    change,
    everything,
    feed_state,
    found_ids,
    job,
    minutes,
    new_file,
    read_all,
    task,
    with_file,
    without_feeds,
)


def _open_sqlite(folder: Path) -> Catalogue:
    return SqlCatalogue.open(f"sqlite:///{folder}/lake/catalog.db")


def _open_sqlite_in_memory(folder: Path) -> Catalogue:
    return SqlCatalogue.open("sqlite:///:memory:", table_prefix="lake_")


@pytest.fixture(params=[_open_sqlite, _open_sqlite_in_memory])  # another database is another line here
def catalogue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogue]:
    opened: Catalogue = request.param(tmp_path)
    yield opened
    opened.close()


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
        assert read_all(catalogue, everything(dataset_id=two.dataset_id)) == [two]
        assert read_all(catalogue, everything(dataset_id=two.dataset_id, provider="fake")) == []

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

    @pytest.mark.parametrize(
        "key",
        ["a.b", "a b", "$", "[0]", "é😀", "'", '"', "\\", 'a"b\\"', "\n", "%s :x ?", "--", "a'; DROP TABLE dataset"],
    )
    def test_odd_keys_and_values(self, catalogue: Catalogue, key: str) -> None:
        identifiers = [Identifier({key: value}) for value in (key, "other", 1)]
        catalogue.changes.apply([change(identifier=identifier) for identifier in identifiers])
        for identifier in identifiers:
            (found,) = read_all(catalogue, everything(selector={key: identifier[key]}))
            assert found.identifier == identifier
        assert len(read_all(catalogue, everything(selector={key: [key, 1]}))) == 2
        assert read_all(catalogue, everything(selector={key: []})) == []
        assert set(catalogue.datasets.find_known("main", "fake", "match", identifiers)) == set(identifiers)

    def test_a_filter_that_is_no_value_is_refused(self, catalogue: Catalogue) -> None:
        with pytest.raises(SourceError, match="match_id"):
            read_all(catalogue, everything(selector={"match_id": None}))


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
        assert catalogue.datasets.storage_totals("main")["files"] == 1
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
        assert catalogue.quarantine.find_waiting(everything(dataset_id=published.dataset_id)) == [of_one]
        assert catalogue.quarantine.find_waiting(everything(bucket="other")) == []

    def test_a_second_rejection_supersedes_the_first(self, catalogue: Catalogue) -> None:
        first = apply_one(catalogue, with_file(rejected=("one",))).entry
        assert first is not None
        with pytest.raises(HeadMoved):  # worked out without the first
            catalogue.changes.apply([with_file(rejected=("two",))])
        supersedes = Settlement(first.entry_id, state=QuarantineState.SUPERSEDED)
        second = apply_one(catalogue, with_file(rejected=("two",), settles=supersedes)).entry
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
        applied = apply_one(catalogue, with_file(settles=accept))
        (settled,) = list(catalogue.quarantine.iter_entries(everything()))
        assert (settled.state, settled.decided_by, settled.note) == (QuarantineState.ACCEPTED, "Rinus", "it is right")
        assert settled.decided_at == applied.dataset.created_at
        assert catalogue.quarantine.find("main", "fake", "match", [entry.identifier]) == []
        again = change(existing=applied.dataset, files=[new_file(content="x")], settles=accept)
        with pytest.raises(HeadMoved):
            catalogue.changes.apply([again])
        assert len(read_all(catalogue)[0].revisions) == 1
        # A run that saw it waiting has to look again, too.
        with pytest.raises(HeadMoved):
            catalogue.changes.apply([dataclasses.replace(again, settles=Settlement(entry.entry_id))])

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


def days(number: float) -> dt.datetime:
    return T0 + dt.timedelta(days=number)


class TestRetention:
    RETENTION = Retention(jobs=dt.timedelta(days=90), events=dt.timedelta(days=90))

    def forget(self, catalogue: Catalogue, at: float, retention: Retention = RETENTION) -> Forgotten:
        """Forget what is to go at a moment, after a look that says the same and removes nothing."""
        with reading(lambda: days(at)):
            looked = catalogue.retention.enforce(retention, dry_run=True)
            jobs, events = len(catalogue.jobs.load()), len(catalogue.event_log.read(0, 100))
            removed = catalogue.retention.enforce(retention, dry_run=False)
        assert looked == removed
        left = len(catalogue.jobs.load()), len(catalogue.event_log.read(0, 100))
        assert left == (jobs - removed.jobs, events - removed.events)
        return removed

    def test_without_an_age_all_is_kept(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0)
        assert self.forget(catalogue, 10_000, Retention()) == Forgotten()

    def fill(self, catalogue: Catalogue, *at: float) -> None:
        """A new dataset each time, with two events and a job that brought it."""
        for number in at:
            with reading(lambda number=number: days(number)):  # type: ignore[misc]
                apply_one(catalogue, change(int(number), files=[new_file(content=str(number))]))
            one = job(
                f"j{number}",
                state=RunState.FINISHED,
                started_at=days(number),
                updated_at=days(number),
                ended_at=days(number),
                tasks=(task(int(number)),),
            )
            catalogue.jobs.save(
                dataclasses.replace(one, end=JobEnd(f"selector {number % 2}", str(number), is_quiet=False))
            )

    def test_what_is_older_goes_but_for_the_last_job_of_each_selector(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0, 1, 2, 4, 100)
        assert self.forget(catalogue, 101) == Forgotten(jobs=3, events=8)
        assert [one.job_id for one in catalogue.jobs.load()] == ["j100", "j1"]
        assert [event.dataset.identifier["match_id"] for event in catalogue.event_log.read(0, 100)] == [100, 100]

    def test_a_clock_that_is_ahead_removes_nothing(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0, 2, 80)
        assert self.forget(catalogue, 100_000) == Forgotten()

    def test_what_runs_and_what_was_counted_lately_stays(self, catalogue: Catalogue) -> None:
        catalogue.jobs.save(job("running", updated_at=days(0)))
        brought = job("brought", state=RunState.FINISHED, updated_at=days(0))
        later = job("later", state=RunState.FINISHED, started_at=days(1), updated_at=days(1))
        for one in (brought, later):
            catalogue.jobs.save(dataclasses.replace(one, end=JobEnd("a", one.job_id, is_quiet=False)))
        quiet = job("quiet", state=RunState.FINISHED, started_at=days(100), updated_at=days(100))
        catalogue.jobs.save(dataclasses.replace(quiet, end=JobEnd("a", "same", is_quiet=True)))
        catalogue.jobs.save(job("of today", started_at=days(101), updated_at=days(101)))
        assert self.forget(catalogue, 101).jobs == 1
        assert {one.job_id for one in catalogue.jobs.load()} == {"running", "later", "quiet", "of today"}

    def test_what_a_reader_has_not_read_stays(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0, 1, 200)
        positions = [event.position or 0 for event in catalogue.event_log.read(0, 100)]
        catalogue.event_readers.set_position("fast", positions[5])
        catalogue.event_readers.set_position("slow", positions[0])
        # The second event shows what the first one holds.
        assert self.forget(catalogue, 200) == Forgotten(1, 0, unread_events=3, slowest_reader="slow")
        catalogue.event_readers.set_position("slow", positions[1])
        assert self.forget(catalogue, 200) == Forgotten(0, 2, unread_events=2, slowest_reader="slow")
        catalogue.event_readers.forget("slow")
        assert self.forget(catalogue, 200) == Forgotten(0, 2)

    def test_what_a_reader_left_behind_stays_and_can_be_read(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0, 1, 200)
        before = catalogue.event_log.read(0, 100)
        catalogue.event_readers.set_position("mine", before[5].position or 0)
        catalogue.event_readers.save_failure("mine", FailedEvent(before[3].position or 0, 3, True, "no", T0))
        assert self.forget(catalogue, 200).events == 2
        assert catalogue.event_log.read(0, 100) == before[2:]


class TestRuns:
    def test_a_job_is_read_again_as_it_was_saved(self, catalogue: Catalogue) -> None:
        tasks = (
            task(1, dataset_id="d", name="n", revision_id=3),
            task(2, outcome=TaskOutcome.FAILED, state=RunState.FAILED, error="no"),
        )
        saved = job(tasks=tasks, ended_at=minutes(3), state=RunState.FINISHED, error="é")
        catalogue.jobs.save(saved)
        assert catalogue.jobs.load() == [saved]
        assert catalogue.jobs.load(with_tasks=False) == [dataclasses.replace(saved, tasks=())]

    def test_saving_again_updates_it_and_adds_the_new_tasks(self, catalogue: Catalogue) -> None:
        tasks = tuple(task(number) for number in range(1500))
        for number in (0, 1, 1, 3, 1500):
            latest = job(tasks=tasks[:number], counters=Counters(new=number), updated_at=minutes(number))
            catalogue.jobs.save(latest)
            assert catalogue.jobs.load() == [latest]

    def test_tasks_may_be_saved_in_parts_that_overlap(self, catalogue: Catalogue) -> None:
        tasks = tuple(task(number) for number in range(5))
        for first, end in ((0, 2), (2, 3), (1, 4), (4, 4), (3, 5)):
            catalogue.jobs.save(job(tasks=tasks[first:end]), first)
        assert catalogue.jobs.load() == [job(tasks=tasks)]

    def test_jobs_come_newest_first(self, catalogue: Catalogue) -> None:
        for number in (2, 1, 3):
            catalogue.jobs.save(job(f"j{number}", started_at=minutes(number), tasks=(task(number),)))
        assert [one.job_id for one in catalogue.jobs.load()] == ["j3", "j2", "j1"]
        newest = catalogue.jobs.load(2)
        assert [(one.job_id, one.tasks) for one in newest] == [("j3", (task(3),)), ("j2", (task(2),))]

    def test_runs_that_find_nothing_new_are_counted_with_the_job_before_them(self, catalogue: Catalogue) -> None:
        brought = job("j0", counters=Counters(new=1), state=RunState.FINISHED, tasks=(task(1),))
        catalogue.jobs.save(dataclasses.replace(brought, end=JobEnd.of(brought, "a")))
        for number in range(1, 6):
            at = minutes(number)
            quiet = job(f"j{number}", run_id=f"r{number}", started_at=at, updated_at=at)
            catalogue.jobs.save(quiet)
            assert catalogue.jobs.load(1) == [quiet]
            counters = Counters(unchanged=1, requests=number)
            quiet = dataclasses.replace(quiet, state=RunState.FINISHED, ended_at=at, counters=counters)
            for _ in range(2):  # as when nobody knows whether the first commit happened
                catalogue.jobs.save(dataclasses.replace(quiet, end=JobEnd.of(quiet, "a")))
            counted = dataclasses.replace(quiet, runs=number, first_started_at=minutes(1))
            assert catalogue.jobs.load() == [counted, brought]
            assert catalogue.jobs.load(1) == [counted]

    def test_a_job_that_changes_something_or_fails_in_another_way_is_kept(self, catalogue: Catalogue) -> None:
        no = task(1, outcome=TaskOutcome.FAILED, state=RunState.FAILED, error="no")
        never = dataclasses.replace(no, error="never")
        failed, quiet, revised = Counters(failed=1), Counters(unchanged=1), Counters(revised=1)
        ended: list[tuple[Counters, tuple[TaskSummary, ...]]] = [
            *((quiet, ()), (failed, (no,)), (failed, (no,)), (failed, (no,)), (failed, (never,))),
            *((revised, (task(2),)), (revised, (task(2),)), (quiet, ()), (failed, (never,))),
        ]
        for number, (counters, tasks) in enumerate(ended):
            one = job(f"j{number}", started_at=minutes(number), counters=counters, tasks=tasks, state=RunState.FINISHED)
            catalogue.jobs.save(dataclasses.replace(one, end=JobEnd.of(one, "a")))
        seen = [(one.job_id, one.runs, [task.error for task in one.tasks]) for one in reversed(catalogue.jobs.load())]
        assert seen == [
            *(("j0", 1, []), ("j1", 1, ["no"]), ("j3", 2, ["no"]), ("j4", 1, ["never"])),
            *(("j5", 1, [""]), ("j6", 1, [""]), ("j7", 1, []), ("j8", 1, ["never"])),
        ]

    def test_each_identity_is_counted_by_itself_and_so_is_what_was_left_to_another_run(
        self, catalogue: Catalogue
    ) -> None:
        for number in range(6):
            for identity in "ab":
                at = {"started_at": minutes(number), "counters": Counters(unchanged=1)}
                one = job(f"{identity}{number}", state=RunState.FINISHED, **at)
                catalogue.jobs.save(dataclasses.replace(one, end=JobEnd.of(one, identity)))
            at = {"started_at": minutes(number), "error": f"process {number} is at it"}
            skipped = job(f"s{number}", state=RunState.SKIPPED, left_to_another=True, **at)
            catalogue.jobs.save(dataclasses.replace(skipped, end=JobEnd.of(skipped, "a")))
        found = {one.job_id: (one.runs, one.error) for one in catalogue.jobs.load()}
        same = {"a0": (1, ""), "a5": (5, ""), "b0": (1, ""), "b5": (5, "")}
        assert found == {**same, "s0": (1, "process 0 is at it"), "s5": (5, "process 5 is at it")}

    def test_jobs_of_dead_processes_are_aborted(self, catalogue: Catalogue) -> None:
        dead = ProcessIdentity("host", 7, "then")
        catalogue.jobs.save(job("alive"))
        catalogue.jobs.save(job("dead", process=dead, updated_at=minutes(2)))
        catalogue.jobs.save(job("done", process=dead, state=RunState.FINISHED))
        asked = []

        def goes_on(run_id: str, process: ProcessIdentity) -> bool:
            asked.append((run_id, process))
            return process == PROCESS

        assert catalogue.jobs.abort_dead(goes_on) == 1
        assert sorted(asked, key=str) == sorted([("r1", PROCESS), ("r1", dead)], key=str)
        jobs = {one.job_id: one for one in catalogue.jobs.load()}
        assert {job_id: one.state for job_id, one in jobs.items()} == {
            "alive": RunState.RUNNING,
            "dead": RunState.ABORTED,
            "done": RunState.FINISHED,
        }
        assert jobs["dead"].ended_at == minutes(2)
        assert "7" in jobs["dead"].error
        assert catalogue.jobs.abort_dead(lambda *_: True) == 0

    def test_what_a_dead_job_committed_is_counted(self, catalogue: Catalogue) -> None:
        catalogue.jobs.save(job("dead", counters=Counters(discovered=9)))
        for number in range(3):
            apply_one(catalogue, with_file(number, source={"source": "mine", "job_id": "dead"}))
        apply_one(catalogue, with_file(7, source={"source": "mine", "job_id": "other"}))
        first = read_all(catalogue)[0]
        apply_one(catalogue, change(existing=first, files=[new_file(content="x")], source={"job_id": "dead"}))
        assert catalogue.jobs.abort_dead(lambda *_: False) == 1
        counters = catalogue.jobs.load()[0].counters
        assert (counters.discovered, counters.new, counters.revised) == (9, 3, 1)

    def test_a_job_that_gave_a_sign_of_life_meanwhile_is_not_aborted(self, catalogue: Catalogue) -> None:
        catalogue.jobs.save(job())

        def is_alive(*_: object) -> bool:
            catalogue.jobs.save(job(updated_at=minutes(5)))
            return False

        assert catalogue.jobs.abort_dead(is_alive) == 0
        assert catalogue.jobs.load()[0].state is RunState.RUNNING

    def test_when_a_selector_was_ingested_is_remembered(self, catalogue: Catalogue) -> None:
        key = "k" * 5000
        assert catalogue.selector_syncs.find(key) is None
        for sync in (SelectorSync(None, False, T0), SelectorSync(minutes(1), True, minutes(2), "3/00ff")):
            catalogue.selector_syncs.save(key, sync)
            assert catalogue.selector_syncs.find(key) == sync
        assert catalogue.selector_syncs.find("other") is None

    def test_all_that_is_remembered_of_a_selector_comes_back(self, catalogue: Catalogue) -> None:
        selector = Selector({"competition_id": 1, "season": "2020/21", "_name": "La Liga \u20ac", "_version": "7"})
        sync = SelectorSync(
            minutes(1),
            True,
            minutes(2),
            "3/00ff",
            hint="7 \0 \ud800 " + "x" * 5000,
            is_settled=True,
            followed_until=minutes(3),
            missing_digest="5/0a",
            discovered=DiscoveredSelector("main", "mine", "fake", "match", selector),
        )
        for one in (sync, dataclasses.replace(sync, missing_digest=None, discovered=None), sync):
            catalogue.selector_syncs.save("key", one)
            assert catalogue.selector_syncs.find("key") == one
        found = catalogue.selector_syncs.find("key")
        assert found is not None
        assert found.discovered is not None
        assert found.discovered.selector.hints == {"_name": "La Liga \u20ac"}

    def test_the_selectors_that_a_source_discovered_are_found_and_forgotten(self, catalogue: Catalogue) -> None:
        def discovered(number: int, source: str = "mine", bucket: str = "main") -> DiscoveredSelector:
            return DiscoveredSelector(bucket, source, "fake", "match", Selector({"competition_id": number}))

        def found(source: str = "mine") -> list[Selector]:
            return [one.selector for one in catalogue.selector_syncs.find_discovered("main", source, "fake", "match")]

        saved = {
            "a": discovered(1),
            "b": discovered(2),
            "b of another plan": discovered(2),
            "c": discovered(3, source="other"),
            "d": discovered(4, bucket="archive"),
            "e": None,
        }
        for key, one in saved.items():
            catalogue.selector_syncs.save(key, SelectorSync(None, True, T0, discovered=one))
        assert found() == [Selector({"competition_id": 1}), Selector({"competition_id": 2})]
        assert found("other") == [Selector({"competition_id": 3})]
        catalogue.selector_syncs.forget(discovered(2))
        assert found() == [Selector({"competition_id": 1})]
        assert {key: catalogue.selector_syncs.find(key) is not None for key in saved} == {
            "a": True,
            "b": False,
            "b of another plan": False,
            "c": True,
            "d": True,
            "e": True,
        }


def test_totals_count_each_object_once(catalogue: Catalogue) -> None:
    first = apply_one(catalogue, change(1, files=[new_file("match"), new_file()])).dataset
    second = apply_one(catalogue, change(existing=first, files=[new_file(content="b")])).dataset
    apply_one(catalogue, change(existing=second, files=[new_file()]))
    apply_one(catalogue, change(2))
    apply_one(catalogue, with_file(3, bucket="other"))
    assert dict(catalogue.datasets.storage_totals("main")) == {
        "datasets": 2,
        "revisions": 3,
        "files": 4,
        "size_bytes": 400,
        "storage_bytes": 30,
    }
    assert set(catalogue.datasets.storage_totals("empty").values()) == {0}


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


class TestJobLocks:
    def test_one_has_a_job_and_others_are_told_who(self, catalogue: Catalogue) -> None:
        holder = JobHolder(PROCESS, T0)
        assert catalogue.job_locks.find_holder("job") is None
        lock = catalogue.job_locks.try_lock("job", holder)
        assert lock is not None
        assert catalogue.job_locks.try_lock("job", JobHolder(PROCESS, minutes(1))) is None
        assert catalogue.job_locks.find_holder("job") == holder
        other = catalogue.job_locks.try_lock("another job", holder)
        assert other is not None
        other.release()
        lock.release()
        lock.release()
        assert catalogue.job_locks.find_holder("job") is None
        again = catalogue.job_locks.try_lock("job", JobHolder(PROCESS, minutes(1)))
        assert again is not None
        again.release()

    def test_closing_lets_go_of_all(self, tmp_path: Path) -> None:
        first, second = _open_sqlite(tmp_path), _open_sqlite(tmp_path)
        lock = first.job_locks.try_lock("job", JobHolder(PROCESS, T0))
        assert second.job_locks.try_lock("job", JobHolder(PROCESS, T0)) is None
        first.close()
        theirs = second.job_locks.try_lock("job", JobHolder(PROCESS, T0))
        assert lock is not None
        lock.release()  # which is not theirs
        assert theirs is not None
        third = _open_sqlite(tmp_path)
        assert third.job_locks.try_lock("job", JobHolder(PROCESS, T0)) is None
        for one in (second, third):
            one.close()


class TestLeases:
    def test_a_lease_is_held_until_it_is_released_and_others_see_whose_it_is(self, catalogue: Catalogue) -> None:
        assert catalogue.leases.find() == []
        assert catalogue.leases.is_held("r1") is False
        held = catalogue.leases.take("r1", "run", JobHolder(PROCESS, T0))
        other = catalogue.leases.take("c1", "copy", JobHolder(PROCESS, T0))
        assert [(one.lease_id, one.what, one.holder) for one in sorted(catalogue.leases.find(), key=str)] == [
            ("c1", "copy", JobHolder(PROCESS, T0)),
            ("r1", "run", JobHolder(PROCESS, T0)),
        ]
        assert catalogue.leases.is_held("r1") is True
        other.release()
        assert [one.lease_id for one in catalogue.leases.find()] == ["r1"]
        with pytest.raises(StoreError, match="held already"):
            catalogue.leases.take("r1", "run", JobHolder(PROCESS, T0))
        held.release()
        held.release()
        assert catalogue.leases.find() == []
        assert catalogue.leases.is_held("r1") is False

    def test_a_lease_ends_with_its_process_and_not_with_its_row(self, catalogue: Any) -> None:
        catalogue.leases.take("dead", "run", JobHolder(PROCESS, T0))
        catalogue.job_locks.close()  # as the system does when a process ends
        assert catalogue.leases.is_held("dead") is False
        assert catalogue.leases.find() == []
        assert [lease_id for lease_id, _ in catalogue.leases._read()] == ["dead"]
        catalogue.leases.take("alive", "run", JobHolder(PROCESS, T0)).release()
        assert catalogue.leases._read() == [], "the next one forgets it"


class TestRemovals:
    """Which objects a commit may name, while and after others are removed."""

    PATH = new_file(content="1").storage_path

    def test_objects_that_were_written_before_a_removal_ended_are_looked_up(self, catalogue: Catalogue) -> None:
        seen = catalogue.removals.get_last()
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        assert catalogue.removals.begin("gc", ["main/other"], None) == {"main/other"}
        assert catalogue.removals.begin("gc", [], None) == set()
        assert catalogue.changes.apply([with_file(2)], seen), "another object is none of theirs"
        catalogue.removals.end("gc")
        lease.release()
        with pytest.raises(ObjectsInDoubt) as doubt:
            catalogue.changes.apply([with_file(1)], seen)
        assert (doubt.value.paths, doubt.value.being_removed) == ((self.PATH,), ())
        assert read_all(catalogue, everything(selector={"match_id": 1})) == []
        assert catalogue.changes.apply([change(3)], seen), "what names no object is in no doubt"
        assert doubt.value.last_removal == catalogue.removals.get_last()
        assert catalogue.changes.apply([with_file(1)], doubt.value.last_removal)

    def test_what_is_being_removed_is_named_by_nobody_and_what_is_named_is_not_removed(
        self, catalogue: Catalogue
    ) -> None:
        apply_one(catalogue, with_file(2))
        named = new_file(content="2").storage_path
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        assert catalogue.removals.begin("gc", [self.PATH, named], None) == {self.PATH}
        for _ in range(2):
            with pytest.raises(ObjectsInDoubt) as doubt:
                catalogue.changes.apply([with_file(1)], catalogue.removals.get_last())
            assert doubt.value.being_removed == (self.PATH,)
            assert not catalogue.removals.end_dead(), "it goes on"
        lease.release()  # it died
        assert catalogue.removals.end_dead()
        assert not catalogue.removals.end_dead()
        with pytest.raises(ObjectsInDoubt) as doubt:
            catalogue.changes.apply([with_file(1)], 0)
        assert doubt.value.being_removed == ()

    def test_removals_that_overlap_are_each_seen_to_end(self, catalogue: Catalogue) -> None:
        leases = [catalogue.leases.take(one, "gc", JobHolder(PROCESS, T0)) for one in ("a", "b")]
        catalogue.removals.begin("a", [self.PATH], None)
        catalogue.removals.begin("b", ["main/other"], None)
        ends = []
        for one in ("b", "a"):
            catalogue.removals.end(one)
            ends.append(catalogue.removals.get_last())
        assert 0 < ends[0] < ends[1]
        for lease in leases:
            lease.release()

    def test_a_removal_and_a_commit_exclude_each_other(self, catalogue: Catalogue) -> None:
        reached, go_on = threading.Event(), threading.Event()

        def pause() -> None:
            reached.set()
            go_on.wait(30)

        found: list[set[str]] = []
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        with installed({"commit.written": pause}):
            committing = threading.Thread(target=lambda: apply_one(catalogue, with_file(1)))
            committing.start()
            assert reached.wait(30)
            removing = threading.Thread(target=lambda: found.append(catalogue.removals.begin("gc", [self.PATH], None)))
            removing.start()
            removing.join(0.3)
            assert found == [], "it waits for the commit"
            go_on.set()
            committing.join(30)
            removing.join(30)
        assert found == [set()], "and finds the object named"
        lease.release()

    def test_what_lost_its_last_row_since_is_left_out(self, catalogue: Catalogue) -> None:
        dataset = apply_one(catalogue, with_file(1)).dataset
        before = now()
        catalogue.changes.delete([dataset.dataset_id])
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        assert catalogue.removals.begin("gc", [self.PATH], before) == set()
        assert catalogue.removals.begin("gc", [self.PATH], now()) == {self.PATH}
        catalogue.removals.end("gc")
        lease.release()

    def test_whole_histories_and_entries_of_another_lake_are_in_doubt_too(self, catalogue: Catalogue) -> None:
        whole = apply_one(catalogue, with_file(1)).dataset
        (entry,) = [one.entry for one in catalogue.changes.apply([with_file(2, rejected=["no"])])]
        assert entry is not None
        catalogue.changes.delete([whole.dataset_id])
        lease = catalogue.leases.take("gc", "gc", JobHolder(PROCESS, T0))
        catalogue.removals.begin("gc", ["main/other"], None)
        catalogue.removals.end("gc")
        lease.release()
        with pytest.raises(ObjectsInDoubt) as doubt:
            catalogue.history_import.write([DatasetHistory(whole, None)])
        assert doubt.value.paths == (self.PATH,)
        another = dataclasses.replace(entry, entry_id="another")
        with pytest.raises(ObjectsInDoubt):
            catalogue.history_import.write_entries([entry, another])
        assert catalogue.quarantine.find_entry("another") is None
        settled = dataclasses.replace(entry, state=QuarantineState.DISCARDED)
        (told,) = catalogue.history_import.write_entries([settled])
        assert isinstance(told, RevisionDiscarded), "what is there is not named anew"
        assert catalogue.history_import.write([DatasetHistory(whole, None)], doubt.value.last_removal) != [None]
        assert catalogue.history_import.write_entries([another], doubt.value.last_removal)


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
        applied = apply_one(catalogue, change(existing=invalidated, confirms=True))
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


HOSTILE = [
    "match_id", "'", '"', "\\", "$", "%", "$.a", 'a"b', "a.b", "[0]", "é", "e\u0301", "\u2028", "x' OR '1'='1", ":x",
    "?", "%s", "-- ", "a\\", "\\'", '"$"', "\U0001f600", "A", "a", " ", "\n", "\ufeff", "*", "_", "null",
]  # fmt: skip


class TestHostileFilters:
    """What a filter says is a value, however it is written; a mistake here would be another's data, or all of it."""

    @pytest.mark.slow
    def test_they_find_what_a_look_at_each_dataset_finds(self, catalogue: Catalogue) -> None:
        texts = st.sampled_from(HOSTILE) | st.text(
            st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6
        )
        keys = texts.filter(bool)
        attributes = [
            {key: value, "n": number}
            for number, (key, value) in enumerate(
                [(one, two) for one in HOSTILE for two in (one, HOSTILE[-1], 7, True)]
                + [("n2", one) for one in HOSTILE]
            )
        ]
        catalogue.changes.apply([change(identifier=Identifier(one)) for one in attributes])
        datasets = read_all(catalogue)

        @settings(max_examples=60, deadline=None)
        @given(st.dictionaries(keys, texts | st.lists(texts | st.integers(0, 9), max_size=4), min_size=1, max_size=2))
        @example({"match_id": "x' OR '1'='1"})
        @example({"' OR '1'='1": "1"})
        @example({'a"b': 'a"b'})
        def look(selector: dict[str, Any]) -> None:
            expected = [one.dataset_id for one in datasets if identifier_matches(one.identifier, selector)]
            assert [one.dataset_id for one in read_all(catalogue, everything(selector=selector))] == expected
            assert catalogue.datasets.read_metadata(everything(selector=selector)).row_count == len(expected)

        look()

    @pytest.mark.sampled(5)
    @pytest.mark.parametrize("text", [*HOSTILE, "a\0b"])
    def test_names_of_providers_types_ids_and_buckets_are_values_too(self, catalogue: Catalogue, text: str) -> None:
        wanted = change(1, dataset_type="x" if "\0" in text else text)
        catalogue.changes.apply([wanted, change(2, dataset_type="other")])
        found = read_all(catalogue, everything(dataset_type=text))
        assert [one.identifier["match_id"] for one in found] == ([] if "\0" in text else [1])
        for name in ("provider", "dataset_id", "bucket"):
            assert read_all(catalogue, everything(**{name: text})) == []


def where(text: str, **filters: Any) -> DatasetFilter:
    return everything(where=DatasetCondition.parse(text), **filters)


class TestConditions:
    def some(self, catalogue: Catalogue, count: int = 20) -> None:
        catalogue.changes.apply(
            [
                change(number, metadata={"home": "Ajax" if number % 2 else "PSV", "score": {"home": number}})
                for number in range(count)
            ]
        )

    def test_it_finds_counts_and_lists_the_same(self, catalogue: Catalogue) -> None:
        self.some(catalogue)
        wanted = where("metadata.home == 'Ajax' and metadata.score.home > 10")
        found = read_all(catalogue, wanted)
        assert [one.identifier["match_id"] for one in found] == [11, 13, 15, 17, 19]
        assert found == [one for one in read_all(catalogue) if one.identifier["match_id"] in (11, 13, 15, 17, 19)]
        assert catalogue.datasets.read_metadata(wanted) == CollectionMetadata(5, None)
        assert [one[0] for one in catalogue.datasets.iter_identities(wanted)] == [one.dataset_id for one in found]

    @pytest.mark.slow
    def test_offsets_limits_and_batches_count_what_it_means(
        self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scan, "ROWS_AT_ONCE", 3)
        self.some(catalogue)
        wanted = where("metadata.home == 'Ajax'")
        every = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]
        for offset, limit, batch_size in itertools.product((0, 1, 4, 10, 99), (None, 0, 1, 3, 10, 50), (1, 2, 4, 100)):
            batches = list(catalogue.datasets.iter_batches(wanted, batch_size, offset, limit))
            expected = every[offset:] if limit is None else every[offset : offset + limit]
            assert [one.identifier["match_id"] for batch in batches for one in batch] == expected
            assert all(len(batch) == batch_size for batch in batches[:-1])
        assert catalogue.datasets.read_metadata(wanted).row_count == 10

    def test_it_comes_on_top_of_the_filters(self, catalogue: Catalogue) -> None:
        self.some(catalogue)
        wanted = where("metadata.home == 'PSV'", selector={"match_id": [3, 4, 6]})
        assert [one.identifier["match_id"] for one in read_all(catalogue, wanted)] == [4, 6]
        assert read_all(catalogue, where("True", bucket="other")) == []

    def test_a_key_that_no_dataset_has_is_refused_before_anything_is_read(self, catalogue: Catalogue) -> None:
        assert read_all(catalogue, where("matchid == 1")) == []  # nothing there, nothing wrong
        self.some(catalogue)
        wanted = where("name != '' and (matchid == 1 or True)")
        with pytest.raises(ConfigurationError, match=r"column 17: no dataset has the identifier key 'matchid'; did"):
            next(iter(catalogue.datasets.iter_batches(wanted, 10)))
        with pytest.raises(ConfigurationError, match=r"did you mean 'match_id'\?"):
            catalogue.datasets.read_metadata(wanted)

    def test_a_key_that_only_a_later_dataset_has_is_known(
        self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scan, "ROWS_AT_ONCE", 3)
        self.some(catalogue)
        catalogue.changes.apply([change(identifier=Identifier({"video_id": "v"}))])
        assert [str(one.identifier) for one in read_all(catalogue, where("video_id == 'v'"))] == ["video_id=v"]
        assert len(read_all(catalogue, where("video_id == None"))) == 20

    def test_one_value_that_cannot_be_compared_leaves_out_its_dataset_and_is_told_once(
        self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(scan, "ROWS_AT_ONCE", 2)
        catalogue.changes.apply(
            [change(number, metadata={"xg": xg}) for number, xg in enumerate(["n/a", 1.5, [2], 0.1, None])]
        )
        wanted = where("metadata.xg > 1")
        assert catalogue.datasets.read_metadata(wanted).row_count == 1
        assert [one.identifier["match_id"] for one in read_all(catalogue, wanted)] == [1]
        assert len(list(catalogue.datasets.iter_identities(wanted))) == 1
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "2 datasets are left out. The where `metadata.xg > 1` cannot be decided" in caplog.text
        assert "'n/a' (text) and 1 (int) have no order" in caplog.text

    def test_a_condition_that_says_nothing_of_any_dataset_is_wrong_itself(self, catalogue: Catalogue) -> None:
        self.some(catalogue)
        for ask in (catalogue.datasets.read_metadata, lambda wanted: read_all(catalogue, wanted)):
            with pytest.raises(ConfigurationError, match="have no order"):
                ask(where("metadata.home > 2"))

    def test_moments_are_those_of_the_dataset(self, catalogue: Catalogue) -> None:
        one = apply_one(catalogue, with_file(1)).dataset
        apply_one(catalogue, change(2))
        changed = one.last_modified_at
        assert changed is not None
        for text, count in (
            (f"last_modified_at == '{changed.isoformat()}'", 1),
            (f"last_modified_at < '{changed.isoformat()}'", 0),
            ("last_modified_at == None", 1),
            ("created_at > '2020-01-01'", 2),
            (f"created_at <= '{one.created_at.isoformat()}' and last_modified_at > '2024-05-01T20:00+02:00'", 1),
        ):
            assert len(read_all(catalogue, where(text))) == count, text


# ---- histories of another lake ---------------------------------------------------------------------------


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


def _as_logged(dataset: Dataset) -> Dataset:
    """With all of its revisions, and of their files the current ones."""
    current = set(dataset.files.values())
    revisions = tuple(
        dataclasses.replace(one, modified_files=tuple(file for file in one.modified_files if file in current))
        for one in dataset.revisions
    )
    return dataclasses.replace(dataset, feeds={}, revisions=revisions)


def without_feeds_in(event: DatasetEvent) -> DatasetEvent:
    """As the log shows it: of the files, the current ones."""
    current = {
        (file.data_feed_key, revision.revision_id)
        for revision in event.dataset.revisions[-1:]
        for file in revision.modified_files
    }
    revisions = tuple(
        dataclasses.replace(
            revision,
            modified_files=tuple(
                file for file in revision.modified_files if (file.data_feed_key, revision.revision_id) in current
            ),
        )
        for revision in event.dataset.revisions
    )
    return dataclasses.replace(event, dataset=dataclasses.replace(event.dataset, feeds={}, revisions=revisions))


# ---- which lake it is --------------------------------------------------------------------------------------


def test_each_event_says_of_which_lake_and_epoch_it_is(catalogue: Catalogue) -> None:
    new = catalogue.lake.find()
    assert new is not None
    assert (new.lake_id, new.epoch, str(new)) == ("", 0, "a lake without an id yet")
    (told,) = catalogue.changes.apply([with_file()])
    lake = catalogue.lake.find()
    assert lake is not None
    assert {(event.lake_id, event.epoch, event.schema_version) for event in told.events} == {(lake.lake_id, 1, 2)}
    begun = catalogue.lake.begin_epoch(lake.lake_id, 2)
    assert (begun.lake_id, begun.epoch, begun.mark) == (lake.lake_id, 2, None)
    catalogue.changes.invalidate([told.dataset.dataset_id], "a doubt")
    copied = catalogue.lake.begin_epoch("a copy", 3)
    catalogue.changes.mark_missing([told.dataset.dataset_id])
    events = catalogue.event_log.read(0, 10)
    assert [(event.lake_id, event.epoch) for event in events] == [
        (lake.lake_id, 1),
        (lake.lake_id, 1),
        (lake.lake_id, 2),
        ("a copy", 3),
    ]
    assert copied.epoch_started_at >= begun.epoch_started_at >= lake.epoch_started_at
    assert catalogue.event_log.read(events[-2].position or 0, 10) == events[-1:]


def test_a_catalogue_knows_the_marks_that_it_gave_in_this_epoch(catalogue: Catalogue) -> None:
    assert not catalogue.lake.has_given_mark("first")
    lake = catalogue.lake.add_mark("before", "")
    assert (len(lake.lake_id), lake.epoch) == (36, 1)
    for mark in ("first", "second"):
        lake = catalogue.lake.add_mark(mark, "s3://bucket/lake")
    assert (lake.mark, lake.storage) == ("second", "s3://bucket/lake")
    assert catalogue.lake.find() == lake
    assert [catalogue.lake.has_given_mark(mark) for mark in ("first", "second", "third")] == [True, True, False]
    catalogue.lake.begin_epoch(lake.lake_id, 2)
    assert not catalogue.lake.has_given_mark("second")


def test_the_newest_files_stand_for_all_of_them(catalogue: Catalogue) -> None:
    assert catalogue.lake.sample_paths(2) == ([], [])
    datasets = [apply_one(catalogue, with_file(match_id=number)).dataset for number in range(3)]
    named, deleted = catalogue.lake.sample_paths(2)
    assert (len(named), deleted) == (2, [])
    gone = set(catalogue.changes.delete([dataset.dataset_id for dataset in datasets]))
    named, deleted = catalogue.lake.sample_paths(2)
    assert named == []
    assert set(deleted) <= gone


# ---- hosts ---------------------------------------------------------------------------------------------


def test_how_long_a_host_is_to_be_left_alone_is_kept_until_it_is_over(catalogue: Catalogue) -> None:
    one = HostWait("a.example:8443", T0, minutes(120), 429)
    other = HostWait("b.example", minutes(1), minutes(2), 503, is_cut=True)
    catalogue.host_waits.save(one)
    catalogue.host_waits.save(other)
    assert {wait.host: wait for wait in catalogue.host_waits.find()} == {one.host: one, other.host: other}
    later = dataclasses.replace(one, asked_at=minutes(5), until=minutes(60))
    catalogue.host_waits.save(later)
    assert list(catalogue.host_waits.find()) == [later], "the other one is over"
    catalogue.host_waits.forget()
    assert list(catalogue.host_waits.find()) == []


@pytest.mark.slow
def test_no_more_than_a_thousand_hosts_are_kept(catalogue: Catalogue) -> None:
    for number in range(1003):
        catalogue.host_waits.save(HostWait(f"{number}.example", T0, minutes(60), 429))
    assert len(catalogue.host_waits.find()) == 1000


# ---- what became of datasets and of bundles in quarantine is told ------------------------------------------


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
    settles = Settlement(entry.entry_id, entry.state, QuarantineState.ACCEPTED, "Rinus", "it is so")
    catalogue.changes.apply([with_file(settles=settles, dataset_id=entry.dataset_id)])
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
    catalogue.changes.apply([with_file(rejected=rejected, settles=Settlement(entry.entry_id, entry.state, state))])
    withdrawn, *others = told_after(catalogue, last)
    assert withdrawn == ("revision_withdrawn", {"entry_id": entry.entry_id, "state": state.value})
    assert [kind for kind, _ in others] == (
        ["revision_rejected"] if rejected else ["dataset_created", "revision_added"]
    )


# ---- readers of the event log ------------------------------------------------------------------------------


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
