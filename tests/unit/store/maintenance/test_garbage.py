"""What nothing names is removed, and nothing else, whatever an ingest does meanwhile."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import DatasetResource, Source, debug_source
from ingestify.catalogue import SqlCatalogue
from ingestify.clock import now, reading
from ingestify.domain.ports import Leftovers
from ingestify.errors import IntegrityError, SaveError, StoreError
from ingestify.events.dispatcher import Dispatcher
from ingestify.storage.local import STAGING_FOLDER, LocalStorage
from ingestify.store import presence
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance import garbage
from ingestify.store.maintenance.garbage import Garbage
from ingestify.store.objects.identity import MARK_PATH, LakeIdentity
from ingestify.store.presence import ObjectsGone, Presence
from ingestify.testing.storage_contract import put
from tests.support.catalogue_data import apply_one, change, new_file, read_all

FOLDER = "main/provider=fake/dataset_type=match/match_id=1"
AGE = dt.timedelta(minutes=30)
AT_ONCE = dt.timedelta(0)


def object_path(number: int = 1) -> str:
    return f"{FOLDER}/events__v1.{number:032x}.json"


@pytest.fixture
def catalogue() -> Iterator[Any]:
    opened = SqlCatalogue.open("sqlite:///:memory:")
    yield opened
    opened.close()


@pytest.fixture
def storage(catalogue: Any, tmp_path: Path) -> LocalStorage:
    """A storage that is known to be the catalogue's, so that its objects are this lake's garbage."""
    storage = LocalStorage(tmp_path / "lake")
    LakeIdentity(catalogue, storage).claim()
    return storage


def collect_garbage(catalogue: Any, storage: Any, **options: Any) -> Garbage:
    return garbage.collect_garbage(DatasetStore(catalogue, storage, Dispatcher(), bucket="main"), **options)


def paths(storage: Any) -> list[str]:
    return [stored.path for stored in storage.iter_objects() if stored.path != MARK_PATH]


def grow_old() -> dt.datetime:
    """Return a moment that is later than all that was written so far, and earlier than all that will be."""
    time.sleep(0.02)  # files get the time of the kernel's last tick
    moment = now()
    time.sleep(0.02)
    return moment


def collect_old(
    catalogue: Any, storage: Any, moment: dt.datetime, *, hours_ahead: int = 0, dry_run: bool = False
) -> Garbage:
    """Remove what was written before a moment, whatever time has really passed since."""
    with reading(lambda: moment + AGE + dt.timedelta(hours=hours_ahead)):
        return collect_garbage(catalogue, storage, older_than=AGE, dry_run=dry_run)


def name(catalogue: Any, path: str, match_id: int = 1) -> Any:
    """Commit a dataset that names an object."""
    return apply_one(catalogue, change(match_id, files=[new_file(storage_path=path)])).dataset


def test_only_what_is_old_and_that_nothing_names_is_removed(catalogue, storage):
    for number in (1, 2, 3):
        put(storage, object_path(number), b"12345")
    name(catalogue, object_path(1))
    rejected = change(2, files=[new_file(storage_path=object_path(2))], rejected=["no"])
    apply_one(catalogue, rejected)
    moment = grow_old()
    put(storage, object_path(4), b"just written, and its row is on the way")
    looked = collect_old(catalogue, storage, moment, dry_run=True)
    assert (looked.objects, looked.object_bytes, looked.is_removed) == (1, 5, False)
    assert len(paths(storage)) == 4
    put(storage, object_path(4), b"just written, and its row is on the way")
    removed = collect_old(catalogue, storage, moment)
    assert (removed.objects, removed.total_bytes, removed.is_removed) == (1, 5, True)
    assert paths(storage) == [object_path(number) for number in (1, 2, 4)]
    assert collect_garbage(catalogue, storage).objects == 0, "a day is the default"


def test_what_others_have_put_into_the_folder_is_not_touched(catalogue, storage):
    theirs = ["catalog.db", "catalog.db-wal", "README.txt", "main/notes.txt", f"{FOLDER}/notes.txt"]
    for path in theirs:
        put(storage, path, b"x")
    assert collect_garbage(catalogue, storage, older_than=AT_ONCE).objects == 0
    assert sorted(paths(storage)) == sorted(theirs)


def test_what_was_deleted_stays_for_the_safety_age_however_old_it_is(catalogue, storage):
    put(storage, object_path(), b"1")
    dataset = name(catalogue, object_path())
    moment = grow_old()
    catalogue.changes.delete([dataset.dataset_id])
    assert collect_old(catalogue, storage, moment).objects == 0
    moment = grow_old()
    assert collect_old(catalogue, storage, moment, dry_run=True).objects == 1
    assert collect_old(catalogue, storage, moment).objects == 1
    assert catalogue.deletions.forget(now()) == 0, "it is forgotten then"


def test_what_was_deleted_and_named_again_stays(catalogue, storage):
    put(storage, object_path(), b"1")
    for _ in range(2):
        dataset = name(catalogue, object_path())
        catalogue.changes.delete([dataset.dataset_id])
    name(catalogue, object_path())
    moment = grow_old()
    assert collect_old(catalogue, storage, moment).objects == 0
    assert paths(storage) == [object_path()]


def test_leftovers_of_the_dead_are_removed_and_what_a_process_holds_is_not(catalogue, storage):
    abandoned = storage.create_temporary()
    abandoned.write(b"123")
    left = storage.take_partial("left", create=True)
    left.write(b"12")
    left.add_note(b"1")
    left.keep()
    held = storage.take_partial("held", create=True)
    held.write(b"1234")
    held.add_note(b"n")
    foreign = storage.root / STAGING_FOLDER / "notes.txt"
    foreign.write_text("mine")
    moment = grow_old()
    storage.create_temporary().write(b"of a run that goes on")
    for dry_run in (True, False):
        found = collect_old(catalogue, storage, moment, dry_run=dry_run).leftovers
        assert found == Leftovers(count=2, size=6)
    assert collect_old(catalogue, storage, moment).leftovers == Leftovers()
    names = {path.name for path in foreign.parent.iterdir()}
    assert {"held.partial", "held.notes", "notes.txt"} < names
    assert len(names) == 4
    held.write(b"5678")
    held.finish()
    storage.publish([(held, object_path())])
    assert storage.open(object_path()).read() == b"12345678"


def test_an_object_that_is_being_deleted_is_no_leftover(storage):
    put(storage, object_path(), b"old")
    moment = grow_old()
    aside = storage.root / STAGING_FOLDER / f"{7:032x}"
    (storage.root / object_path()).replace(aside)
    assert storage.remove_leftovers(moment) == Leftovers()
    assert aside.exists()


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_lake(catalogue, storage, monkeypatch):
    put(storage, object_path(), b"1")

    def refused(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(StoreError, match="Permission denied"):
        collect_garbage(catalogue, storage)


def test_more_than_one_page_is_collected(catalogue, storage, monkeypatch):
    monkeypatch.setattr(garbage, "_AT_ONCE", 3)
    for number in range(10):
        put(storage, object_path(number), b"1")
    name(catalogue, object_path(4))
    assert collect_garbage(catalogue, storage, older_than=AT_ONCE).objects == 9
    assert paths(storage) == [object_path(4)]


def test_a_negative_age_is_refused(catalogue, storage):
    with pytest.raises(ValueError, match="negative"):
        collect_garbage(catalogue, storage, older_than=-AGE)


# ---- beside an ingest ------------------------------------------------------------------------------------

MOMENTS = (
    "before the listing",
    "after the listing",
    "after the look-up",
    "after its time was looked at",
    "after it was put aside",
    "after all",
)


class Interleaved:
    """Calls what is planned for a moment of `collect_garbage`, in the thread that collects."""

    def __init__(self, catalogue: Any, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plan: list[tuple[str, Callable[[], object]]] = []
        find_unnamed, iter_objects, replace = catalogue.deletions.find_orphaned, storage.iter_objects, Path.replace

        def looked_up(*args: Any, **kwargs: Any) -> Any:
            found = find_unnamed(*args, **kwargs)
            self.reach("after the look-up")
            return found

        def listed(*args: Any) -> Any:
            self.reach("before the listing")
            yield from list(iter_objects(*args))
            self.reach("after the listing")

        def put_aside(path: Path, target: Any) -> Any:
            is_aside = path.is_relative_to(storage.root / "main")
            if is_aside:
                self.reach("after its time was looked at")
            replaced = replace(path, target)
            if is_aside:
                self.reach("after it was put aside")
            return replaced

        monkeypatch.setattr(catalogue.deletions, "find_orphaned", looked_up)
        monkeypatch.setattr(storage, "iter_objects", listed)
        monkeypatch.setattr(Path, "replace", put_aside)

    def reach(self, moment: str) -> None:
        due = [step for when, step in self.plan if when == moment]
        self.plan = [(when, step) for when, step in self.plan if when != moment]
        for step in due:
            step()


class Ingest:
    """Writes an object and names it, as a run does, at two moments of a collection in the same thread."""

    def __init__(self, catalogue: Any, storage: Any, beside: Interleaved) -> None:
        self._catalogue, self._storage, self._beside = catalogue, storage, beside
        self._seen = 0
        self.written_again = 0

    def write(self) -> None:
        self._seen = self._catalogue.removals.get_last()
        put(self._storage, object_path(), b"content")

    def name(self) -> None:
        one = change(1, files=[new_file(storage_path=object_path())])
        try:
            Presence(self._catalogue.removals, self._storage).commit(
                self._seen, lambda seen: self._catalogue.changes.apply([one], seen)
            )
        except SaveError:  # it would wait for this very thread
            self._beside.plan.append(("after all", self.name))
        except ObjectsGone:
            self.written_again += 1
            self.write()
            self.name()


@pytest.mark.sampled(5)
@pytest.mark.parametrize("hours_ahead", [0, 48, -48])
@pytest.mark.parametrize(("written", "named"), list(itertools.combinations_with_replacement(MOMENTS, 2)))
def test_an_ingest_of_the_same_object_wins_at_every_moment(
    catalogue, storage, monkeypatch, written, named, hours_ahead
):
    monkeypatch.setattr(presence, "LONGEST_REMOVAL_SECONDS", 0.0)
    put(storage, object_path(), b"content")
    moment = grow_old()
    beside = Interleaved(catalogue, storage, monkeypatch)
    ingest = Ingest(catalogue, storage, beside)
    beside.plan = [(written, ingest.write), (named, ingest.name)]
    collect_old(catalogue, storage, moment, hours_ahead=hours_ahead)
    for moment in MOMENTS:  # those that were not reached, as the object was left alone
        beside.reach(moment)
    (dataset,) = read_all(catalogue)
    with storage.open(dataset.files["events__v1"].storage_path) as stream:
        assert stream.read() == b"content"
    if hours_ahead <= 0:
        assert not ingest.written_again, "what was written just now was left alone"


def test_an_object_that_a_clock_ahead_took_is_written_again(catalogue, storage, monkeypatch):
    put(storage, object_path(), b"content")
    beside = Interleaved(catalogue, storage, monkeypatch)
    ingest = Ingest(catalogue, storage, beside)
    beside.plan = [("before the listing", ingest.write), ("after all", ingest.name)]
    with reading(lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=48)):
        collect_garbage(catalogue, storage)
    assert paths(storage) == []
    beside.reach("after all")
    assert ingest.written_again == 1
    assert paths(storage) == [object_path()]


def test_nothing_is_noted_any_more_when_a_collection_fails(catalogue, storage, monkeypatch):
    put(storage, object_path(), b"content")

    def refuse(*_: Any, **__: Any) -> int:
        raise StoreError("the bucket is gone")

    monkeypatch.setattr(storage, "delete", refuse)
    with pytest.raises(StoreError, match="bucket is gone"):
        collect_garbage(catalogue, storage, older_than=AT_ONCE)
    assert not catalogue.removals.end_dead()
    assert catalogue.removals.get_last() > 0, "some of it may have been removed"
    assert catalogue.leases.find() == []


@pytest.mark.parametrize("deleted", MOMENTS)
def test_who_opened_a_dataset_reads_on_whenever_it_is_deleted(catalogue, storage, monkeypatch, deleted):
    put(storage, object_path(), b"content")
    dataset = name(catalogue, object_path())
    moment = grow_old()
    beside = Interleaved(catalogue, storage, monkeypatch)
    beside.plan = [(deleted, lambda: catalogue.changes.delete([dataset.dataset_id]))]
    collect_old(catalogue, storage, moment)
    beside.reach("after all")
    beside.reach("after its time was looked at")
    with storage.open(object_path()) as stream:
        assert stream.read() == b"content"


# ---- deleting --------------------------------------------------------------------------------------------


class Many(Source):
    """Two thousand five hundred matches."""

    provider = "many"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        for number in range(2500):
            yield DatasetResource({"match_id": number}, "match").add_file(None, "events", json_content=number)


@pytest.mark.slow
def test_deleting_2500_datasets_deletes_2500_and_leaves_none(tmp_path):
    with debug_source(Many("many"), dataset_type="match") as engine:
        reader = engine.store.load_files(engine.store.get_dataset_collection(match_id=7).first(), lazy=True)
        assert len(engine.destroy_dataset(match_id=[*range(2500)])) == 2500
        assert engine.list_datasets() == []
        assert reader.get_file("events").json() == 7
        assert engine.collect_garbage().objects == 0
        assert engine.collect_garbage(older_than=AT_ONCE).objects == 2500
        with pytest.raises(IntegrityError):
            reader.get_file("events").json()


@pytest.mark.slow
def test_deleting_with_objects_frees_the_space_now(tmp_path):
    with debug_source(Many("many"), dataset_type="match", dev_dir=tmp_path) as engine:
        datasets = engine.list_datasets(match_id=[1, 2, 3])
        assert engine.store.delete_datasets(datasets, with_objects=True) == 3
        assert len(paths(engine.store.storage)) == 2497
