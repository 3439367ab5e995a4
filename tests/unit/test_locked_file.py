"""A file that one has at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestify import locked_file
from ingestify.locked_file import LockedFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes"


def take(path: Path) -> LockedFile:
    taken = LockedFile.take(path, create=True)
    assert taken is not None
    return taken


def test_who_has_it_keeps_others_of_the_same_process_from_it(path: Path):
    held = take(path)
    assert LockedFile.take(path, create=True) is None
    held.close()
    take(path).remove()
    assert not path.exists()


def test_one_that_is_not_there_is_not_made_unless_that_is_wanted(path: Path):
    assert LockedFile.take(path, create=False) is None
    assert not path.exists()


def test_one_that_was_removed_before_it_was_locked_is_not_taken(path: Path, monkeypatch: pytest.MonkeyPatch):
    lock = locked_file._lock
    removed = 0

    def remove_first(descriptor: int) -> None:
        nonlocal removed
        if removed == 0:
            path.unlink()
            removed += 1
        lock(descriptor)

    monkeypatch.setattr(locked_file, "_lock", remove_first)
    held = take(path)
    held.append(b"mine")
    assert path.read_bytes() == b"mine"
    held.remove()
    assert not path.exists()


def test_a_file_system_without_locks_says_so(path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(descriptor: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locked_file, "_lock", refuse)
    with pytest.raises(OSError, match="No locks available"):
        LockedFile.take(path, create=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_does_not_keep_its_parents_lock(path: Path):
    # The child outlives its parent, which is gone without a word; then the lock is to be free.
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from ingestify.locked_file import LockedFile\n"
        f"held = LockedFile.take(Path({str(path)!r}), create=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    print(os.getpid(), flush=True)\n"
        "    sys.stdin.read()\n"
        "    os._exit(0)\n"
        "os._exit(9)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert parent.wait(30) == 9
    os.kill(child, 0)  # it is still there
    take(path).remove()
    parent.communicate()
