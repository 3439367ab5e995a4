"""What a power loss would leave: everything that a commit names is on the disk before it, by every sync it needs.

A power loss cannot be had in a test. What can be is a record of each rename, each folder made and each sync, and so of
what a disk must have kept of all that when a transaction is committed: POSIX promises no more than what was synced.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingestify import adopt
from ingestify.catalogue.catalogue import SqlCatalogue
from ingestify.errors import StoreError
from ingestify.failpoints import installed
from ingestify.storage.local import LocalStorage
from tests.end_to_end.crashes.season import ChangingSeason
from tests.end_to_end.crashes.test_each_operation import open_engine
from tests.support.published_lake import PublishedFile, PublishedLake, folder_objects
from tests.support.unprivileged import start_unprivileged, unprivileged_only

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is synced is found out by /proc")


class Disk:
    """Knows what below `root` survives: inodes whose bytes were synced, and names whose folder was synced since."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.lock = threading.Lock()
        self.synced: set[int] = set()
        self.lost_names: set[Path] = set()
        self.folder_syncs: list[Path] = []
        self.commits = 0
        real_fsync, real_replace, real_mkdir = os.fsync, os.replace, os.mkdir

        def fsync(descriptor: int) -> None:
            status = os.fstat(descriptor)
            with self.lock:  # what comes into a folder while it is synced may miss the disk
                covered = {path for path in self.lost_names if _inode(path.parent) == status.st_ino}
            real_fsync(descriptor)
            with self.lock:
                self.synced.add(status.st_ino)
                self.lost_names -= covered
                if stat.S_ISDIR(status.st_mode):
                    self.folder_syncs.append(Path(f"/proc/self/fd/{descriptor}").readlink())

        def replace(source: str | Path, target: str | Path) -> None:
            with self.lock:
                real_replace(source, target)
                self.lost_names.add(Path(target))

        def mkdir(folder: str | Path, *arguments: int, **options: int) -> None:
            with self.lock:
                real_mkdir(folder, *arguments, **options)
                self.lost_names.add(Path(folder))

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "replace", replace)
        monkeypatch.setattr(os, "mkdir", mkdir)

    def lost_above(self, path: Path) -> list[Path]:
        """Return those names of a file, and of the folders above it, that a power loss would take."""
        with self.lock:
            return [one for one in (path, *path.parents) if one in self.lost_names]

    def survives(self, path: Path) -> bool:
        """Whether a file is there after a power loss, with its bytes."""
        return path.stat().st_ino in self.synced and not self.lost_above(path)


def _inode(folder: Path) -> int | None:
    return folder.stat().st_ino if folder.exists() else None


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path, monkeypatch)


@pytest.fixture
def check_at_commit(tmp_path: Path, disk: Disk) -> tuple[Disk, Callable[[], None], list[str]]:
    wrong: list[str] = []

    def check() -> None:
        disk.commits += 1
        catalogue = tmp_path / "lake" / "catalog.db"
        wrong.extend(str(folder) for folder in disk.lost_above(catalogue.parent))
        with sqlite3.connect(catalogue) as connection:
            for (path,) in connection.execute("SELECT storage_path FROM file"):
                if not disk.survives(tmp_path / "lake" / "files" / path):
                    wrong.append(path)

    return disk, check, wrong


def publish(storage: LocalStorage, path: str, *, settles: bool = True) -> None:
    temporary = storage.create_temporary()
    temporary.write(b"{}")
    temporary.finish()
    storage.publish([(temporary, path)])
    if settles:
        storage.settle()


def test_what_a_row_names_survives_a_power_loss_right_after_its_commit(
    tmp_path: Path, check_at_commit: tuple[Disk, Callable[[], None], list[str]]
):
    disk, check, wrong = check_at_commit
    with ChangingSeason() as season, open_engine(tmp_path, season) as engine, installed({"commit.done": check}):
        assert engine.load().totals.new == 4
        for match_id in season.simulator.match_ids:
            season.simulator.correct(match_id, "lineups")
        assert engine.load().totals.revised == 4
    assert disk.commits >= 2
    assert wrong == []


def test_what_was_restored_survives_a_power_loss(tmp_path: Path, disk: Disk):
    with ChangingSeason() as season, open_engine(tmp_path, season) as engine:
        engine.load()
        file = next(iter(next(iter(engine.store.get_dataset_collection())).files.values()))
        stored = tmp_path / "lake" / "files" / file.storage_path
        with engine.store.opener(file)() as stream:
            body = stream.read()
        shutil.rmtree(stored.parent)
        staged = engine.store.objects.stage(file.data_serialization_format)
        staged.write(body)
        staged.complete()
        staged.persist()
        engine.store.restore_object(file, staged)
        assert disk.survives(stored)


def test_what_was_adopted_as_a_copy_survives_a_power_loss(
    tmp_path: Path, check_at_commit: tuple[Disk, Callable[[], None], list[str]]
):
    disk, check, wrong = check_at_commit
    (tmp_path / "old").mkdir()
    database = sa.create_engine(f"sqlite:///{tmp_path}/old/catalog.db")
    published = PublishedLake(database, folder_objects(tmp_path / "old" / "files"))
    for number in range(3):
        published.add_dataset({"match_id": number}, [PublishedFile("match", b"[%d]" % number)])
    database.dispose()
    for name in ("old", "lake"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "config.yaml").write_text(
            "main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n"
        )
    with installed({"adoption.taken": check}):
        assert adopt(tmp_path / "old", to=tmp_path / "lake", dry_run=False).progress.datasets == 3
    assert disk.commits == 1
    assert wrong == []


def test_the_folders_of_a_new_catalogue_survive_its_first_commit_without_any_file(tmp_path: Path, disk: Disk):
    SqlCatalogue.open(f"sqlite:///{tmp_path}/some/new/folder/catalog.db").close()
    assert disk.lost_above(tmp_path / "some" / "new" / "folder") == []


def test_a_folder_that_another_thread_made_and_has_not_synced_is_synced_by_whoever_needs_it(tmp_path: Path, disk: Disk):
    storage = LocalStorage(tmp_path / "lake" / "files")
    is_made, goes_on = threading.Event(), threading.Event()
    maker = threading.Thread(target=publish, args=(storage, "main/season=1/match_id=1/events.json"))

    def hold() -> None:
        if threading.current_thread() is maker and (tmp_path / "lake/files/main/season=1/match_id=1").is_dir():
            is_made.set()
            assert goes_on.wait(30)

    with installed({"publish.folder_made": hold}):
        maker.start()
        assert is_made.wait(30)
        publish(storage, "main/season=1/match_id=1/lineups.json")
        lost = disk.lost_above(tmp_path / "lake/files/main/season=1/match_id=1/lineups.json")
        goes_on.set()
        maker.join()
    assert lost == []


def test_folders_that_a_killed_process_made_are_synced_by_the_next_one_that_needs_them(tmp_path: Path, disk: Disk):
    (tmp_path / "lake/files/main/season=1").mkdir(parents=True)
    publish(LocalStorage(tmp_path / "lake/files"), "main/season=1/events.json")
    assert disk.survives(tmp_path / "lake/files/main/season=1/events.json")


def test_a_folder_that_others_removed_and_made_again_is_synced_again(tmp_path: Path, disk: Disk):
    storage = LocalStorage(tmp_path / "lake/files")
    publish(storage, "main/season=1/events.json")
    old = tmp_path / "lake/files/main/season=1"
    old.rename(tmp_path / "elsewhere")  # so that its inode is not given again
    old.mkdir()
    publish(storage, "main/season=1/events.json")
    assert disk.survives(tmp_path / "lake/files/main/season=1/events.json")


def test_a_folder_that_gc_removed_and_a_run_made_again_is_synced_again(tmp_path: Path, disk: Disk):
    storage = LocalStorage(tmp_path / "lake/files")
    for _ in range(3):
        publish(storage, "main/season=1/match_id=1/events.json")
        assert disk.survives(tmp_path / "lake/files/main/season=1/match_id=1/events.json")
        storage.delete(["main/season=1/match_id=1/events.json"])


def test_a_lake_behind_a_link_is_synced_on_its_own_disk(tmp_path: Path, disk: Disk):
    (tmp_path / "other" / "disk").mkdir(parents=True)
    (tmp_path / "files").symlink_to(tmp_path / "other" / "disk")
    publish(LocalStorage(tmp_path / "files"), "main/events.json")
    assert disk.lost_above(tmp_path / "other" / "disk" / "main") == []


@pytest.mark.parametrize(
    "path", ["main/events.json", "main/season=1/events.json", "main/season=1/match_id=1/events.json"]
)
def test_a_bucket_behind_a_link_is_synced_on_its_own_disk(tmp_path: Path, disk: Disk, path: str):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "disk").mkdir()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "main").symlink_to(tmp_path / "other" / "disk")
    publish(LocalStorage(tmp_path / "files"), path)
    there = tmp_path / "other" / "disk" / path.removeprefix("main/")
    assert disk.lost_above(there) == []
    assert disk.lost_above(tmp_path / "files" / path) == []


def test_the_folder_above_many_datasets_is_synced_once_for_all_of_them(tmp_path: Path, disk: Disk):
    """A dataset costs the sync of its own folder, and a commit that of the season's; those above are known."""
    season = tmp_path / "lake/files/main/season=1"
    storage = LocalStorage(tmp_path / "lake/files")
    publish(storage, "main/season=1/match_id=0/events.json")
    disk.folder_syncs.clear()
    for match_id in range(300):
        publish(storage, f"main/season=1/match_id={match_id}/lineups.json", settles=False)
    storage.settle()
    storage.settle()  # nothing was published since
    assert disk.folder_syncs == [*(season / f"match_id={number}" for number in range(300)), season]


def test_who_settles_beside_another_thread_waits_for_its_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    storage = LocalStorage(tmp_path / "files")
    publish(storage, "main/season=1/match_id=1/events.json", settles=False)
    has_begun, goes_on = threading.Event(), threading.Event()
    real_fsync = os.fsync

    def slow_fsync(descriptor: int) -> None:
        has_begun.set()
        assert goes_on.wait(30)
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow_fsync)
    first, second = threading.Thread(target=storage.settle), threading.Thread(target=storage.settle)
    first.start()
    assert has_begun.wait(30)
    second.start()
    second.join(0.05)
    assert second.is_alive()
    goes_on.set()
    first.join()
    second.join()


def test_what_could_not_be_settled_is_tried_again(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch):
    storage = LocalStorage(tmp_path / "lake/files")
    publish(storage, "main/season=1/match_id=1/events.json", settles=False)

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(StoreError, match="sync"):
            storage.settle()
    assert disk.lost_above(tmp_path / "lake/files/main/season=1/match_id=1")
    storage.settle()
    assert disk.survives(tmp_path / "lake/files/main/season=1/match_id=1/events.json")


@unprivileged_only
def test_a_user_who_may_not_look_into_the_folder_above_the_lake_can_still_publish(tmp_path: Path):
    """As where /srv belongs to the administrator: what is above is older than the lake, and not this user's to sync."""
    above = tmp_path / "above"
    (above / "lake").mkdir(parents=True)
    above.chmod(0o111)
    publish_there = (
        "from pathlib import Path; from ingestify.storage.local import LocalStorage; "
        f"s = LocalStorage(Path({str(above / 'lake')!r})); t = s.create_temporary(); t.write(b'1'); t.finish(); "
        "s.publish([(t, 'main/a.json')]); s.settle(); print(s.get_size('main/a.json'))"
    )
    with start_unprivileged(publish_there) as process:
        assert process.communicate()[0] == "1\n"
    above.chmod(0o755)


def test_the_catalogue_itself_is_synced_at_each_commit(tmp_path: Path):
    with ChangingSeason(matches=4) as season, open_engine(tmp_path, season) as engine:
        engine.load()
        with engine.store.catalogue._database.read("look") as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL: also in WAL mode
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
