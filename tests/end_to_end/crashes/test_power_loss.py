"""What a power loss would leave: everything that a commit names is on the disk before it, by every sync it needs.

A power loss cannot be had in a test. What can be is a record of each rename, each folder made and each sync, and so of
what a disk must have kept of all that when a transaction is committed: POSIX promises no more than what was synced.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestify.failpoints import installed
from tests.end_to_end.crashes.season import ChangingSeason
from tests.end_to_end.crashes.test_each_operation import open_engine

pytestmark = pytest.mark.skipif(os.name != "posix", reason="syncs of POSIX")


class Disk:
    """Knows what of a folder survives: inodes whose bytes were synced, and names whose folder was synced since."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.lock = threading.Lock()
        self.synced: set[int] = set()
        self.lost_names: set[Path] = set()
        self.commits = 0
        real_fsync, real_replace, real_mkdir = os.fsync, os.replace, Path.mkdir

        def fsync(descriptor: int) -> None:
            real_fsync(descriptor)
            inode = os.fstat(descriptor).st_ino
            with self.lock:
                self.synced.add(inode)
                self.lost_names -= {path for path in self.lost_names if _inode(path.parent) == inode}

        def replace(source: str | Path, target: str | Path) -> None:
            with self.lock:
                self.lost_names.add(Path(target))
            try:
                real_replace(source, target)
            except FileNotFoundError:  # its folder is still to be made
                with self.lock:
                    self.lost_names.discard(Path(target))
                raise

        def mkdir(folder: Path, *arguments: int, **options: bool) -> None:
            is_new = not folder.exists()
            real_mkdir(folder, *arguments, **options)
            if is_new and root in folder.parents:
                with self.lock:
                    self.lost_names.add(folder)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "replace", replace)
        monkeypatch.setattr(Path, "mkdir", mkdir)

    def survives(self, path: Path) -> bool:
        """Whether a file is there after a power loss, with its bytes."""
        chain = [path, *(folder for folder in path.parents if self.root in folder.parents)]
        with self.lock:
            return path.stat().st_ino in self.synced and not self.lost_names & set(chain)


def _inode(folder: Path) -> int | None:
    return folder.stat().st_ino if folder.exists() else None


@pytest.fixture
def check_at_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Disk, Callable[[], None], list[str]]:
    disk = Disk(tmp_path / "lake" / "files", monkeypatch)
    wrong: list[str] = []

    def check() -> None:
        disk.commits += 1
        with sqlite3.connect(tmp_path / "lake" / "catalog.db") as connection:
            for (path,) in connection.execute("SELECT storage_path FROM file"):
                if not disk.survives(disk.root / path):
                    wrong.append(path)

    return disk, check, wrong


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


def test_the_catalogue_itself_is_synced_at_each_commit(tmp_path: Path):
    with ChangingSeason(matches=4) as season, open_engine(tmp_path, season) as engine:
        engine.load()
        with engine.store.catalogue._database.read("look") as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL: also in WAL mode
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
