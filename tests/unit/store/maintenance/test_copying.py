"""A lake is mirrored into another one: whole, once, and without harm to what is there."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import DatasetState
from ingestify.catalogue import SqlCatalogue
from ingestify.domain.dataset import Dataset
from ingestify.domain.quarantine import QuarantineState
from ingestify.domain.revision import RevisionState
from ingestify.errors import LakeUnwritable, StoreError
from ingestify.events.dispatcher import Dispatcher
from ingestify.storage.memory import MemoryStorage
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance import object_copy
from ingestify.store.maintenance.copied import Copied, CopyOutcome
from ingestify.store.maintenance.copying import Copying
from ingestify.store.maintenance.verification import Verification
from ingestify.store.objects.identity import MARK_PATH
from ingestify.store.objects.layout import Layout
from ingestify.store.objects.transformations import PrefixTransformation
from ingestify.testing.faults import Faults, FaultyStorage, faulty_catalogue
from tests.support.damaged_lake import copied
from tests.support.sizes import sizes


@pytest.fixture
def target() -> Iterator[DatasetStore]:
    store = open_target()
    yield store
    store.close()


def open_target(storage: Any = None, **options: Any) -> DatasetStore:
    catalogue = SqlCatalogue.open("sqlite:///:memory:")
    return DatasetStore(catalogue, storage or MemoryStorage(), Dispatcher(), **{"bucket": "main", **options})


def copy(source: DatasetStore, target: DatasetStore, *, dry_run: bool = False, **filters: Any) -> list[Copied]:
    copying = Copying(source, target, source.dataset_filter(**filters), workers=4, dry_run=dry_run)
    return list(copying.iter_copied())


def outcomes(told: list[Copied]) -> Counter[str]:
    return Counter(one.outcome.value for one in told if not one.is_quarantined)


def histories(store: DatasetStore) -> dict[str, Any]:
    """All that a copy keeps; where an object lies, and in which bucket, is the lake's own."""

    def of(dataset: Dataset) -> Any:
        return dataclasses.replace(
            dataset,
            bucket="",
            feeds=dict(dataset.feeds),
            revisions=tuple(
                dataclasses.replace(
                    revision,
                    modified_files=tuple(
                        dataclasses.replace(file, storage_path="") for file in revision.modified_files
                    ),
                )
                for revision in dataset.revisions
            ),
        )

    return {dataset.dataset_id: of(dataset) for dataset in store.get_dataset_collection()}


def stored(store: DatasetStore) -> dict[str, str]:
    """Each object with the hash of its bytes."""
    found = {}
    for one in store.storage.iter_objects():
        with store.storage.open(one.path) as stream:
            found[one.path] = hashlib.sha256(stream.read()).hexdigest()
    return found


def check_mirror(source: DatasetStore, target: DatasetStore) -> None:
    assert histories(target) == histories(source)
    assert [one for one in Verification(target.catalogue, target.storage).iter_damages() if one.is_failure] == []


def test_a_copy_has_every_revision_byte_for_byte_and_a_second_one_reads_nothing(lake, target, monkeypatch):
    lake.store.invalidate_revision(lake.dataset(1), "somebody doubts it")
    lake.store.commits.mark_missing([lake.dataset(4).dataset_id])
    assert outcomes(copy(lake.store, target)) == {"new": 4}
    check_mirror(lake.store, target)
    assert stored(target) == stored(lake.store)
    assert target.get_dataset_collection(match_id=1).first().revisions[0].state is RevisionState.VALIDATION_FAILED
    assert target.get_dataset_collection(match_id=4).first().state is DatasetState.MISSING

    reads: list[str] = []
    for storage in (lake.store.storage, target.storage):
        for name in ("create_temporary", "publish"):
            monkeypatch.setattr(storage, name, lambda *_, name=name: pytest.fail(f"{name} of what is there"))
        opened = storage.open
        monkeypatch.setattr(storage, "open", lambda path, opened=opened: opened(reads.append(path) or path))
    copying = Copying(lake.store, target, lake.store.dataset_filter())
    assert list(copying.iter_copied()) == []
    assert (copying.progress.unchanged, copying.progress.objects) == (4, 0)
    assert reads == [MARK_PATH, MARK_PATH], "only whose they are"


def test_what_comes_later_is_added_and_only_its_objects_are_copied(lake, target):
    copy(lake.store, target)
    lake.provider.contents[4, "lineups"] = b'["another"]'
    lake.engine.load()
    lake.store.commits.mark_missing([lake.dataset(1).dataset_id])
    copying = Copying(lake.store, target, lake.store.dataset_filter())
    assert outcomes(list(copying.iter_copied())) == {"updated": 2}
    assert (copying.progress.objects, copying.progress.unchanged) == (1, 2)
    check_mirror(lake.store, target)


def test_the_target_tells_of_each_revision_in_its_own_log(lake, target):
    copy(lake.store, target)
    told = Counter(event.event_type for event in target.catalogue.event_log.read(0, 100))
    assert told == {"dataset_created": 4, "revision_added": 5, "revision_rejected": 1}
    position = target.catalogue.event_log.get_last_position()
    (second,) = [
        event
        for event in target.catalogue.event_log.read(0, 100)
        if event.event_type == "revision_added" and len(event.dataset.revisions) == 2
    ]
    assert second.dataset.identifier["match_id"] == 2

    lake.store.invalidate_revision(lake.dataset(1), "somebody doubts it")
    lake.store.commits.mark_missing([lake.dataset(4).dataset_id])
    copy(lake.store, target)
    later = {
        (event.event_type, event.dataset.identifier["match_id"])
        for event in target.catalogue.event_log.read(position, 9)
    }
    assert later == {("revision_invalidated", 1), ("metadata_updated", 4)}


def test_what_waits_in_quarantine_comes_with_its_files_and_can_be_decided_about(lake, target):
    told = copy(lake.store, target)
    assert [one.what for one in told if one.is_quarantined] == ["the bundle of fake/match/match_id=3 in quarantine"]
    (entry,) = target.quarantine.list_entries()
    (original,) = lake.store.quarantine.list_entries()
    assert (entry.entry_id, entry.reasons, entry.source) == (original.entry_id, original.reasons, original.source)
    assert target.quarantine.load_files(entry).get_file("events").read() == b'{"rejected":true}'
    assert [one for one in copy(lake.store, target) if one.is_quarantined] == []
    assert target.quarantine.accept(entry.entry_id, "me").revisions[-1].revision_id == 1


@pytest.mark.parametrize("decision", ["accept", "discard"])
def test_a_decision_about_the_quarantine_follows(lake, target, decision):
    copy(lake.store, target)
    (entry,) = lake.store.quarantine.list_entries()
    if decision == "accept":
        lake.store.quarantine.accept(entry.entry_id, "me", "it is right")
    else:
        lake.store.quarantine.discard([entry.entry_id], "me", "it is nothing")
    copy(lake.store, target)
    (theirs,) = target.quarantine.list_entries(states=())
    expected = QuarantineState.ACCEPTED if decision == "accept" else QuarantineState.DISCARDED
    assert (theirs.state, theirs.decided_by) == (expected, "me")
    check_mirror(lake.store, target)


def test_filters_narrow_the_copy_and_the_rest_comes_with_the_next(lake, target):
    assert outcomes(copy(lake.store, target, match_id=[1, 2])) == {"new": 2}
    assert outcomes(copy(lake.store, target, provider="nobody")) == {}
    assert outcomes(copy(lake.store, target)) == {"new": 2}
    check_mirror(lake.store, target)


def test_a_dry_run_says_what_would_be_copied_and_writes_nothing(lake, target):
    copying = Copying(lake.store, target, lake.store.dataset_filter(), dry_run=True)
    assert outcomes(list(copying.iter_copied())) == {"new": 4}
    assert len(target.get_dataset_collection()) == 0
    assert stored(target) == {}
    really = Copying(lake.store, target, lake.store.dataset_filter())
    list(really.iter_copied())
    assert (really.progress.objects, really.progress.size) == (copying.progress.objects, copying.progress.size)


def test_a_history_that_has_gone_another_way_is_named_and_left_alone(lake, target, template, tmp_path):
    copy(lake.store, target)
    with copied(template, tmp_path / "other") as other:
        lake.provider.contents[4, "lineups"] = b'["ours"]'
        lake.engine.load()
        other.provider.contents[4, "lineups"] = b'["theirs"]'
        other.engine.load()
        assert outcomes(copy(other.store, target)) == {"updated": 1}
        before = histories(target)
        (told,) = copy(lake.store, target)
        assert told.outcome is CopyOutcome.CONFLICT
        assert "match_id=4" in told.what
        assert "revision 1 has other content in the target (lineups__v1)" in told.reason
        assert histories(target) == before


def test_a_target_that_is_ahead_is_a_conflict(lake, target, template, tmp_path):
    copy(lake.store, target)
    with copied(template, tmp_path / "other") as other:
        other.provider.contents[4, "lineups"] = b'["later"]'
        other.engine.load()
        copy(other.store, target)
    (told,) = copy(lake.store, target)
    assert (told.outcome, told.reason) == (CopyOutcome.CONFLICT, "the target has 1 revision more than the source")


def test_a_damaged_object_fails_its_dataset_alone_and_nothing_of_it_gets_a_name(lake, target):
    path = lake.path(1, "events")
    path.write_bytes(path.read_bytes()[:-3])
    told = copy(lake.store, target)
    (failed,) = [one for one in told if one.outcome is CopyOutcome.FAILED]
    assert "match_id=1" in failed.what
    assert "is damaged" in failed.reason
    assert len(target.get_dataset_collection()) == 3
    assert str(path.relative_to(lake.files)) not in stored(target)


def test_bytes_behind_the_compressed_ones_are_damage_too(lake, target):
    path = lake.path(1, "events")
    path.write_bytes(path.read_bytes() + b"more")
    assert outcomes(copy(lake.store, target)) == {"failed": 1, "new": 3}


def test_the_target_keeps_its_own_layout_and_the_bucket_of_its_own(lake):
    layout = Layout({("fake", "match", "match_id"): PrefixTransformation(1)})
    target = open_target(bucket="mirror", layout=layout)
    copy(lake.store, target)
    check_mirror(lake.store, target)
    paths = {file.storage_path for dataset in target.get_dataset_collection() for file in dataset.files.values()}
    assert all(path.startswith("mirror/provider=fake/dataset_type=match/match_id_prefix=") for path in paths)
    target.close()


def test_an_id_that_the_target_gave_to_another_dataset_is_not_taken(lake, target):
    copy(lake.store, target)
    other = DatasetStore(target.catalogue, target.storage, Dispatcher(), bucket="other")
    assert outcomes(copy(lake.store, other)) == {"new": 4}
    ids = {dataset.dataset_id for store in (target, other) for dataset in store.get_dataset_collection()}
    assert len(ids) == 8
    assert outcomes(copy(lake.store, other)) == {}


def test_what_only_the_target_has_is_counted_and_removed_when_asked_for(lake, target):
    copy(lake.store, target)
    lake.store.delete_datasets([lake.dataset(1)])
    copying = Copying(lake.store, target, lake.store.dataset_filter())
    assert list(copying.iter_copied()) == []
    surplus = list(copying.iter_surplus())
    assert [what for _, what in surplus] == ["fake/match/match_id=1"]
    assert copying.delete(dataset_id for dataset_id, _ in surplus) == 1
    assert list(copying.iter_surplus()) == []
    assert histories(target) == histories(lake.store)


def test_somebody_else_who_writes_the_same_dataset_meanwhile_does_not_double_it(lake, monkeypatch):
    target = open_target()
    really = target.commits.take_over

    def take_over(*found):
        monkeypatch.setattr(target.commits, "take_over", really)
        copy(lake.store, target)  # another one is faster
        return really(*found)

    monkeypatch.setattr(target.commits, "take_over", take_over)
    copying = Copying(lake.store, target, lake.store.dataset_filter())
    assert outcomes(list(copying.iter_copied())) == {}
    assert copying.progress.unchanged == 4
    check_mirror(lake.store, target)
    assert sum(event.event_type == "dataset_created" for event in target.catalogue.event_log.read(0, 100)) == 4
    target.close()


@pytest.mark.slow
@pytest.mark.parametrize("step", sizes(5, 1))
@pytest.mark.parametrize("after", [False, True])
def test_wherever_it_fails_the_target_is_sound_and_the_next_copy_goes_on(lake, after, step):
    for number in range(2 if after else 1, 80, step):
        faults = Faults(number, lambda name: StoreError(f"{name} failed"), after=after)
        real = open_target()
        failing = DatasetStore(
            faulty_catalogue(real.catalogue, faults), FaultyStorage(real.storage, faults), Dispatcher(), bucket="main"
        )
        with contextlib.suppress(StoreError):
            copy(lake.store, failing, match_id=[2, 3])
        assert [one for one in Verification(real.catalogue, real.storage).iter_damages() if one.is_failure] == []
        copy(lake.store, real)
        check_mirror(lake.store, real)
        assert len(real.quarantine.list_entries()) == 1
        real.close()
        if not faults.was_reached:
            break
    else:
        pytest.fail("it never came to its end")
    assert number > 10


def test_a_storage_that_refuses_everything_ends_the_copy(lake, target, monkeypatch):
    def refuse(path):
        raise StoreError(f"{path}: no")

    monkeypatch.setattr("ingestify.store.maintenance.copying._REFUSED_IN_A_ROW", 3)
    monkeypatch.setattr(lake.store.storage, "open", refuse)
    with pytest.raises(StoreError, match="no"):
        copy(lake.store, target)


def test_a_target_that_is_full_ends_the_copy_and_keeps_what_was_committed(lake, target, monkeypatch):
    copy(lake.store, target, match_id=1)

    def refuse(_):
        raise LakeUnwritable("the disk is full")

    monkeypatch.setattr(target.storage, "publish", refuse)
    with pytest.raises(LakeUnwritable):
        copy(lake.store, target)
    assert len(target.get_dataset_collection()) == 1


def test_memory_does_not_grow_with_the_object(lake, monkeypatch):
    """Of a file of many pieces, no read is larger than one of them."""
    monkeypatch.setattr(object_copy, "_CHUNK_BYTES", 4096)
    sizes = []

    class Watching(MemoryStorage):
        def create_temporary(self):
            temporary = super().create_temporary()
            write = temporary.write
            temporary.write = lambda data: (sizes.append(len(data)), write(data))
            return temporary

    target = open_target(Watching())
    copy(lake.store, target, match_id=4)
    assert sum(sizes) > 50_000
    assert max(sizes) < 50_000
    check = target.get_dataset_collection(match_id=4).first()
    assert target.load_files(check).get_file("video").read() == lake.provider.contents[4, "video"]
    target.close()
