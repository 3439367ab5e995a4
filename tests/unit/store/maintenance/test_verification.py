"""Every damage is made for real, found, named, and repaired where that can be."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify.catalogue.integrity import integrity_check
from ingestify.domain.damage import DamageKind
from ingestify.domain.revision import RevisionState
from ingestify.errors import IntegrityError, StoreError
from ingestify.store.maintenance import verification
from ingestify.store.maintenance.verification import Verification
from tests.support.damaged_lake import VIDEO, DamagedLake

K = DamageKind


def flip(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def without_unique_index(lake: DamagedLake) -> None:
    lake.sql(
        "PRAGMA foreign_keys = OFF",
        "PRAGMA legacy_alter_table = ON",
        "ALTER TABLE dataset RENAME TO before",
        "CREATE TABLE dataset AS SELECT * FROM before",
        "INSERT INTO dataset SELECT position + 100, 'the-second', bucket, provider, dataset_type, identifier,"
        " identifier_key, name, state, metadata, created_at, updated_at, last_modified_at, NULL, NULL, NULL, '{}', NULL"
        f" FROM before WHERE dataset_id = {of_match(1)}",
    )


def of_match(number: int) -> str:
    return f"(SELECT dataset_id FROM dataset WHERE identifier_key LIKE '%\"{number}\"%')"


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the table of damages.

    Attributes:
        damage: Makes it.
        kinds: What is found.
        says: What is said of it: of the first one, in what and remedy.
        left: What a repair leaves that may ask the provider; None: it is not tried.
        left_alone: What a repair leaves that may not; None: the same as was found.
    """

    damage: Callable[[DamagedLake], object]
    kinds: tuple[DamageKind, ...]
    says: tuple[str, ...]
    left: tuple[DamageKind, ...] = ()
    left_alone: tuple[DamageKind, ...] | None = None


DELETE_ROW = "DELETE FROM {} WHERE dataset_id = {}"

TABLE = {
    "an object is missing": Case(
        lambda lake: lake.path(1, "events").unlink(),
        (K.MISSING,),
        ("fake/match/match_id=1, revision 0, events__v1", "not in the storage", "verify(repair=True) restores it"),
    ),
    "an object is missing and has a copy": Case(
        lambda lake: lake.path(1, "lineups").unlink(), (K.MISSING,), ("lineups__v1",), left_alone=()
    ),
    "an object is truncated": Case(
        lambda lake: cut(lake.path(1, "events")), (K.TRUNCATED,), (" bytes, and ", "fetches it anew")
    ),
    "an object is truncated to nothing": Case(
        lambda lake: lake.path(4, "video").write_bytes(b""), (K.TRUNCATED,), ("it has 0 bytes",)
    ),
    "a truncated object has a copy": Case(
        lambda lake: cut(lake.path(3, "lineups")), (K.TRUNCATED,), ("lineups__v1",), left_alone=()
    ),
    "a bit is flipped in what is stored as it is": Case(
        lambda lake: flip(lake.path(4, "video"), 20_000),
        (K.ALTERED,),
        ("the same length and other bytes: sha256",),
    ),
    "a bit is flipped in what is compressed": Case(
        lambda lake: flip(lake.path(1, "events")), (K.ALTERED,), ("the same length and other bytes",)
    ),
    "a byte is appended": Case(
        lambda lake: lake.path(4, "video").write_bytes(VIDEO + b"x"), (K.ALTERED,), ("50,005 bytes and other bytes",)
    ),
    "an object holds another's bytes": Case(
        lambda lake: shutil.copyfile(lake.path(2, "lineups"), lake.path(1, "events")),
        (K.SWAPPED,),
        ("holds the bytes of fake/match/match_id=2, revision 0, lineups__v1 (main/provider=fake",),
    ),
    "an object holds another's bytes that are stored in another way": Case(
        lambda lake: shutil.copyfile(lake.path(4, "video"), lake.path(1, "events")),
        (K.SWAPPED,),
        ("holds the bytes of fake/match/match_id=4, revision 0, video__v1",),
    ),
    "compression cannot be undone": Case(
        lambda lake: flip(lake.path(1, "events"), 0), (K.UNDECODABLE,), ("it cannot be decompressed (zstd)",)
    ),
    "the storage does not give it out": Case(
        lambda lake: replace_by_a_folder(lake.path(1, "events")),
        (K.UNREADABLE,),
        ("Cannot read", "Look at the storage"),
        left=(K.UNREADABLE,),
    ),
    "the object of an old revision is missing": Case(
        lambda lake: lake.path(2, "events").unlink(),
        (K.MISSING,),
        ("match_id=2, revision 0, events__v1", "the provider has other bytes by now", "backup"),
        left=(K.MISSING,),
    ),
    "a file in quarantine is missing": Case(
        lambda lake: lake.rejected_path.unlink(), (K.MISSING,), ("quarantine entry", "engine.quarantine.request_retry(")
    ),
    "a file in quarantine is altered": Case(
        lambda lake: flip(lake.rejected_path), (K.ALTERED,), ("quarantine entry", "engine.quarantine.request_retry(")
    ),
    "an object is named by no row": Case(
        lambda lake: lake.path(1, "events").with_name(f"old__v1.{7:032x}.json").write_bytes(b"123"),
        (K.ORPHAN,),
        ("it takes 3 bytes", "engine.collect_garbage() removes it"),
        left=(K.ORPHAN,),
    ),
    "two datasets have one identity": Case(
        without_unique_index,
        (K.DUPLICATE_DATASET,),
        ("fake/match/match_id=1", "the-second have this identity", "engine.destroy_dataset("),
        left=(K.DUPLICATE_DATASET,),
    ),
    "a revision and its files are lost": Case(
        lambda lake: lake.sql(
            DELETE_ROW.format("file", of_match(2)) + " AND revision_id = 0",
            DELETE_ROW.format("revision", of_match(2)) + " AND revision_id = 0",
        ),
        # Of what that revision brought, the line-ups came with no other one; and its objects have no row any more.
        (K.REVISION_GAP, K.LOST_FILE_ROW, K.ORPHAN, K.ORPHAN),
        ("it has no revision 0", "Nothing can be added to it: restore the catalogue from a backup"),
        left=None,
    ),
    "a revision is lost and its files are there": Case(
        lambda lake: lake.sql(DELETE_ROW.format("revision", of_match(2)) + " AND revision_id = 0"),
        (K.DANGLING_ROW, K.REVISION_GAP),
        ("it has no revision 0", "makes it again from the files' rows"),
        left_alone=(),
    ),
    "the newest revision is lost and its files are there": Case(
        lambda lake: lake.sql(DELETE_ROW.format("revision", of_match(2)) + " AND revision_id = 1"),
        (K.DANGLING_ROW, K.WRONG_HEAD),
        ("files belong to its revision 1, which is not there",),
        left_alone=(),
    ),
    "the head is not the newest revision": Case(
        lambda lake: lake.sql(f"UPDATE dataset SET current_revision_id = 0 WHERE dataset_id = {of_match(2)}"),
        (K.WRONG_HEAD,),
        ("says that its current revision is 0", "the newest is 1", "verify(repair=True) corrects it"),
        left_alone=(),
    ),
    "the head is none": Case(
        lambda lake: lake.sql(
            "UPDATE dataset SET current_revision_id = NULL, current_created_at = NULL, current_state = NULL"
            f" WHERE dataset_id = {of_match(1)}"
        ),
        (K.WRONG_HEAD,),
        ("its current revision is none, and the newest is 0",),
        left_alone=(),
    ),
    "the head has a state of its own": Case(
        lambda lake: lake.sql(
            f"UPDATE dataset SET current_state = 'VALIDATION_FAILED' WHERE dataset_id = {of_match(1)}"
        ),
        (K.WRONG_HEAD,),
        ("0 (VALIDATION_FAILED",),
        left_alone=(),
    ),
    "a file's row is lost": Case(
        lambda lake: lake.sql(DELETE_ROW.format("file", of_match(1)) + " AND file_id = 'events__v1'"),
        (K.LOST_FILE_ROW, K.ORPHAN),
        ("it says that events__v1 was stored, and no revision has it",),
    ),
    "a dataset's row is lost": Case(
        lambda lake: lake.sql(DELETE_ROW.format("dataset", of_match(1))),
        (K.DANGLING_ROW,),
        ("1 revisions and 2 files belong to it, and it is not there", "removes these rows"),
        left=None,
    ),
    "a quarantine entry's row is lost": Case(
        lambda lake: lake.sql("DELETE FROM quarantine"),
        (K.DANGLING_ROW,),
        ("quarantine entry", "1 files belong to it"),
        left=None,
    ),
    "the size of a file is wrong": Case(
        lambda lake: lake.sql(f"UPDATE file SET size = 7 WHERE dataset_id = {of_match(1)} AND file_id = 'events__v1'"),
        (K.WRONG_SIZE,),
        ("its bytes are right, and there are 24", "the catalogue says 7", "corrects the catalogue"),
        left_alone=(),
    ),
    "the size in the storage is wrong": Case(
        lambda lake: lake.sql(
            f"UPDATE file SET storage_size = 9 WHERE dataset_id = {of_match(1)} AND file_id = 'events__v1'"
        ),
        (K.WRONG_SIZE,),
        ("stored in 9",),
        left_alone=(),
    ),
    "a path leaves the lake": Case(
        lambda lake: lake.sql(
            "UPDATE file SET storage_path = '../../etc/passwd'"
            f" WHERE dataset_id = {of_match(1)} AND file_id = 'lineups__v1'"
        ),
        (K.ORPHAN, K.OUTSIDE_BUCKET),
        ("its path leaves the lake", "Somebody changed the catalogue"),
        left=(K.ORPHAN, K.OUTSIDE_BUCKET),
    ),
    "a path is of another bucket": Case(
        lambda lake: lake.sql(
            f"UPDATE file SET storage_path = 'other' || substr(storage_path, 5) WHERE dataset_id = {of_match(1)}"
            " AND file_id = 'lineups__v1'"
        ),
        (K.ORPHAN, K.OUTSIDE_BUCKET),
        ("not below the folder of the bucket 'main'",),
        left=(K.ORPHAN, K.OUTSIDE_BUCKET),
    ),
    "a row cannot be read": Case(
        lambda lake: lake.sql(f"UPDATE dataset SET feeds = '{{' WHERE dataset_id = {of_match(1)}"),
        (K.BROKEN_ROW,),
        ("what it says of its files is not JSON", "backup"),
        left=None,
    ),
}

ALL = {"safety_age": dt.timedelta(seconds=-60)}
"""What nothing names is told at once."""


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", TABLE)
def test_each_damage_is_found_and_named_and_nothing_else(lake, name):
    case = TABLE[name]
    case.damage(lake)
    found = lake.verify(**ALL)
    assert sorted(damage.kind for damage in found) == sorted(case.kinds)
    named = next(damage for damage in found if damage.kind is case.kinds[0] or len(found) == 1)
    told = [str(damage) for damage in found]
    for text in case.says:
        assert any(text in one for one in told), told
    assert named.is_failure == (named.kind is not K.ORPHAN)
    assert lake.kinds(**ALL) == sorted(case.kinds), "looking changes nothing"


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.left is not None])
def test_each_damage_is_repaired_where_there_is_a_remedy(lake, name):
    case = TABLE[name]
    case.damage(lake)
    lake.repair(lake.verify(**ALL))
    assert [kind for kind in lake.kinds(**ALL) if kind is not K.ORPHAN] == [
        kind for kind in sorted(case.left) if kind is not K.ORPHAN
    ]
    if not case.left:
        assert {lake.dataset(number).current_revision.state for number in (1, 2, 3, 4)} == {RevisionState.VALID}
        for number in (1, 2, 3, 4):
            assert {file.file_id: file.read() for file in lake.store.load_files(lake.dataset(number))}.items() >= {
                f"{feed}__v1": content
                for (of, feed), content in lake.provider.contents.items()
                if of == number and b"rejected" not in content
            }.items()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.left_alone is not None])
def test_what_the_lake_can_mend_by_itself_is_not_asked_for(lake, name):
    case = TABLE[name]
    case.damage(lake)
    lake.repair(lake.verify(**ALL))
    assert lake.provider.asked == []
    assert lake.kinds(**ALL) == sorted(case.left_alone or ())


def test_a_lake_without_damage_has_none(lake):
    looked = Verification(lake.store.catalogue, lake.store.storage, **ALL)
    assert list(looked.iter_damages()) == []
    # Nine of the first run, one of a second revision, one in quarantine.
    assert (looked.progress.objects, looked.progress.skipped) == (11, 0)
    assert looked.progress.size > len(VIDEO)


def test_rows_of_nothing_are_removed_and_their_objects_stay_for_readers(lake):
    lake.sql(DELETE_ROW.format("dataset", of_match(1)))
    lake.repair(lake.verify(), asks_provider=False)
    assert lake.kinds() == []
    assert lake.engine.collect_garbage(older_than=dt.timedelta(0)).objects == 2
    lake.engine.load()
    assert lake.kinds(**ALL) == []


def test_a_revision_that_is_made_again_is_as_it_was(lake):
    before = lake.dataset(2)
    lake.sql(DELETE_ROW.format("revision", of_match(2)))
    lake.repair(lake.verify(), asks_provider=False)
    after = lake.dataset(2)
    assert [(one.revision_id, one.created_at, one.modified_files, one.state) for one in after.revisions] == [
        (one.revision_id, one.created_at, one.modified_files, one.state) for one in before.revisions
    ]
    lake.provider.contents[2, "events"] = b'{"corrected":"again"}'
    assert lake.engine.load().totals.revised == 1


def test_without_a_copy_and_without_a_plan_it_is_marked_for_the_next_run(lake):
    lake.path(1, "events").unlink()
    (mended,) = lake.repair(lake.verify(), asks_provider=False)
    assert "the next run fetches it anew" in mended.what
    assert lake.dataset(1).revisions[0].state is RevisionState.VALIDATION_FAILED
    assert "damaged: events__v1: it is not in the storage" in lake.dataset(1).revisions[0].description
    assert lake.kinds() == [K.MISSING]
    lake.engine.load()
    assert lake.kinds() == []


def test_what_a_person_found_wrong_is_no_better_for_a_repair_and_known_to_be_what_the_provider_has(lake):
    lake.store.invalidate_revision(lake.dataset(1), "the line-ups are of another match")
    lake.path(1, "events").unlink()
    lake.repair(lake.verify())
    assert lake.kinds() == []
    assert lake.dataset(1).revisions[0].description == "the line-ups are of another match"
    assert lake.dataset(1).revisions[0].state is RevisionState.CONFIRMED


def test_what_was_marked_and_looked_at_before_is_fetched_in_full_again(lake):
    lake.store.invalidate_revision(lake.dataset(1), "odd")
    lake.engine.load()
    lake.path(1, "events").unlink()
    lake.repair(lake.verify())
    assert lake.kinds() == []


def test_what_the_provider_has_changed_becomes_a_new_revision_and_the_old_bytes_stay_lost(lake):
    lake.path(1, "events").unlink()
    lake.provider.contents[1, "events"] = b'{"other":1}'
    lake.repair(lake.verify())
    assert lake.dataset(1).current_revision.revision_id == 1
    (damage,) = lake.verify()
    assert (damage.kind, damage.revision_id) == (K.MISSING, 0)
    assert "backup" in damage.remedy
    (mended,) = lake.repair([damage])
    assert "the bytes of this old revision are gone" in mended.what


def test_several_damages_are_each_restored_from_their_own_copy(lake):
    lake.provider.contents[2, "events"] = lake.provider.contents[4, "events"]
    lake.engine.load()
    for path in (lake.path(1, "lineups"), lake.path(4, "events"), lake.path(1, "events")):
        path.unlink()
    mended = lake.repair(lake.verify(), asks_provider=False)
    assert sum("restored from fake/match" in one.what for one in mended) == 2
    assert [damage.file_id for damage in lake.verify()] == ["events__v1"]
    assert lake.store.load_files(lake.dataset(4)).get_file("events").read() == lake.provider.contents[4, "events"]


def test_a_damaged_copy_restores_nothing(lake):
    lake.path(1, "lineups").unlink()
    flip(lake.path(3, "lineups"))
    lake.repair(lake.verify(), asks_provider=False)
    assert sorted(lake.kinds()) == [K.ALTERED, K.MISSING]


def test_a_lake_that_compresses_in_another_way_by_now_restores_all_the_same(lake):
    lake.store._compression = "gzip"
    lake.path(1, "lineups").unlink()
    lake.path(1, "events").unlink()
    lake.repair(lake.verify())
    assert lake.kinds() == []


def test_each_bucket_is_looked_at_or_only_one(lake):
    lake.sql("UPDATE file SET storage_size = 9", "UPDATE quarantine_file SET storage_size = 9")
    assert len(lake.verify(bucket="main")) == len(lake.verify()) == 11
    assert lake.verify(bucket="other") == []


def test_pages_together_are_the_whole_lake(lake, monkeypatch):
    monkeypatch.setattr(integrity_check, "PATHS_AT_ONCE", 2)
    monkeypatch.setattr(integrity_check, "DATASETS_AT_ONCE", 1)
    monkeypatch.setattr(verification, "_BATCH_SIZE", 3)
    for path in list(lake.files.rglob("*__v1.*")):
        path.unlink()
    lake.sql("UPDATE dataset SET current_revision_id = 8")
    assert lake.kinds() == [K.MISSING] * 11 + [K.WRONG_HEAD] * 4


@pytest.mark.parametrize("share", [0, -1, 1.1])
def test_a_share_is_one(lake, share):
    with pytest.raises(ValueError, match="share"):
        lake.verify(share=share)


def test_a_sample_reads_a_share_and_the_same_one_again_and_all_rows(lake):
    for path in list(lake.files.rglob("*__v1.*")):
        path.unlink()
    lake.sql("UPDATE dataset SET current_revision_id = 8")
    first = Verification(lake.store.catalogue, lake.store.storage, share=0.5)
    found = {damage.key for damage in first.iter_damages()}
    assert first.progress.objects + first.progress.skipped == 11
    assert {damage.key for damage in lake.verify(share=0.5, seed=first.seed)} == found
    assert sum(kind is K.WRONG_HEAD for kind, *_ in found) == 4
    counts = [len(lake.verify(share=0.3, seed=seed)) - 4 for seed in range(60)]
    assert 2 < sum(counts) / 60 < 5.5
    assert len(set(counts)) > 1


def test_rows_that_do_not_agree_about_an_object_are_found_by_any_sample(lake):
    lake.sql(
        "UPDATE file SET size = 4, storage_path = (SELECT min(storage_path) FROM file WHERE file_id = 'lineups__v1')"
        " WHERE file_id = 'lineups__v1'",
        "UPDATE file SET size = 29 WHERE rowid = (SELECT min(rowid) FROM file WHERE file_id = 'lineups__v1')",
    )
    assert K.WRONG_SIZE in lake.kinds(share=0.000001, seed=1)


# ---- beside others ---------------------------------------------------------------------------------------


class Beside:
    """Does something, once, between what the verification read of the catalogue and its look at an object."""

    def __init__(
        self, lake: DamagedLake, monkeypatch: pytest.MonkeyPatch, path: Path, does: Callable[[], object]
    ) -> None:
        relative = path.relative_to(lake.files).as_posix()
        get_size = lake.store.storage.get_size
        self.done = 0

        def watched(asked: str) -> Any:
            if asked == relative and not self.done:
                self.done += 1
                does()
            return get_size(asked)

        monkeypatch.setattr(lake.store.storage, "get_size", watched)


def test_a_dataset_that_is_deleted_meanwhile_is_no_damage(lake, monkeypatch):
    path = lake.path(1, "events")
    dataset = lake.dataset(1)
    beside = Beside(lake, monkeypatch, path, lambda: lake.store.delete_datasets([dataset], with_objects=True))
    assert lake.verify(**ALL) == []
    assert beside.done == 1
    assert not path.exists()


def test_an_object_that_is_restored_meanwhile_is_no_damage(lake, monkeypatch):
    path = lake.path(1, "events")
    whole = path.read_bytes()
    flip(path)
    looks = []
    compare = verification.compare

    def seen(record: Any, look: Any) -> Any:
        found = compare(record, look)
        if found is not None:
            looks.append(found.kind)
            path.write_bytes(whole)
        return found

    monkeypatch.setattr(verification, "compare", seen)
    assert lake.verify(**ALL) == []
    assert looks == [K.ALTERED]


def test_a_run_that_goes_on_beside_it_causes_no_alarm(lake, monkeypatch):
    """A revision comes, a dataset goes and comes again, and garbage is collected, at each object's turn."""
    get_size = lake.store.storage.get_size
    turn = [0]

    def watched(path: str) -> Any:
        turn[0] += 1
        number = turn[0] % 4 + 1
        monkeypatch.setattr(lake.store.storage, "get_size", get_size)
        with contextlib.suppress(AttributeError):  # it is deleted at this moment
            if turn[0] % 3:
                lake.store.delete_datasets([lake.dataset(number)], with_objects=turn[0] % 2 == 0)
        lake.provider.contents[number, "events"] = f"[{turn[0]}]".encode()
        assert lake.engine.load().totals.failed == 0
        monkeypatch.setattr(lake.store.storage, "get_size", watched)
        return get_size(path)

    monkeypatch.setattr(verification, "THREADS", 1)
    monkeypatch.setattr(lake.store.storage, "get_size", watched)
    looked = Verification(lake.store.catalogue, lake.store.storage)
    assert list(looked.iter_damages()) == []
    assert turn[0] > 8
    monkeypatch.setattr(lake.store.storage, "get_size", get_size)
    assert lake.verify() == []


def test_it_holds_up_no_writer(lake):
    looking = Verification(lake.store.catalogue, lake.store.storage).iter_damages()
    lake.path(1, "events").unlink()
    assert next(looking).kind is K.MISSING
    lake.provider.contents[4, "events"] = b"[4]"
    assert lake.engine.load().totals.revised == 1
    assert list(looking) == []


def test_leaving_it_early_leaves_no_thread(lake):
    lake.path(1, "events").unlink()
    looking = Verification(lake.store.catalogue, lake.store.storage).iter_damages()
    next(looking)
    looking.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("verify")]


def test_readers_are_told_the_remedy_that_helps(lake):
    flip(lake.path(4, "video"), 30_000)
    with pytest.raises(IntegrityError, match=r"video__v1.*engine\.verify\(repair=True\)"):
        lake.store.load_files(lake.dataset(4))
    lake.repair(lake.verify())
    assert lake.store.load_files(lake.dataset(4)).get_file("video").read() == VIDEO


def test_a_bucket_that_is_not_there_is_no_damage(lake: DamagedLake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(prefix: str = "") -> Iterator[Any]:
        raise StoreError("there is no bucket")
        yield

    monkeypatch.setattr(lake.store.storage, "iter_objects", refuse)
    monkeypatch.setattr(lake.store.storage, "get_size", lambda path: None)
    with pytest.raises(StoreError, match="there is no bucket"):
        next(Verification(lake.store.catalogue, lake.store.storage).iter_damages())
