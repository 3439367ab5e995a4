"""Unfinished objects on a local disk: one owner at a time, whatever happens to the owner."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ingestify.storage.local import PARTIALS_KEPT, STAGING_FOLDER, LocalStorage

HOLDER = """
import sys
from pathlib import Path
from ingestify.storage.local import LocalStorage
partial = LocalStorage(Path(sys.argv[1])).take_partial("key", create=True)
partial.write(b"half")
partial.add_note(b"so far")
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


def names(storage: LocalStorage) -> list[str]:
    return sorted(path.name for path in (storage.root / STAGING_FOLDER).iterdir())


def test_what_was_kept_is_there_for_whoever_takes_it(storage: LocalStorage):
    assert storage.take_partial("key", create=False) is None
    partial = storage.take_partial("key", create=True)
    assert partial is not None
    partial.write(b"abcdef")
    partial.add_note(b"123")
    partial.add_note(b"456")
    partial.keep()
    assert list(storage.iter_objects()) == []
    again = LocalStorage(storage.root).take_partial("key", create=False)
    assert again is not None
    assert again.read_notes() == b"123456"
    again.cut(4, 3)
    again.write(b"XY")
    again.add_note(b"7")
    with again.open() as stream:
        assert stream.read() == b"abcdXY"
    assert again.read_notes() == b"1237"
    again.finish()
    storage.publish([(again, "main/video")])
    again.discard()
    assert storage.open("main/video").read() == b"abcdXY"
    assert names(storage) == []


def test_one_that_was_published_leaves_nothing_that_could_be_kept(storage: LocalStorage):
    partial = storage.take_partial("key", create=True)
    assert partial is not None
    partial.write(b"all")
    partial.finish()
    storage.publish([(partial, "main/video")])
    partial.keep()
    assert names(storage) == []
    assert storage.open("main/video").read() == b"all"


def test_what_somebody_else_has_by_now_is_not_discarded(storage: LocalStorage):
    first = storage.take_partial("key", create=True)
    assert first is not None
    first.keep()
    second = storage.take_partial("key", create=False)
    assert second is not None
    first.discard()
    assert names(storage) == ["key.notes", "key.partial"]
    second.discard()
    second.discard()
    assert names(storage) == []


def test_a_restart_forgets_the_notes_too(storage: LocalStorage):
    partial = storage.take_partial("key", create=True)
    assert partial is not None
    partial.write(b"old")
    partial.add_note(b"old")
    partial.restart()
    partial.write(b"n")
    with partial.open() as stream:
        assert (stream.read(), partial.read_notes()) == (b"n", b"")
    partial.discard()
    assert names(storage) == []


def test_nobody_else_gets_it_while_somebody_has_it(storage: LocalStorage):
    partial = storage.take_partial("key", create=True)
    assert partial is not None
    for create in (False, True):
        assert storage.take_partial("key", create=create) is None
        assert LocalStorage(storage.root).take_partial("key", create=create) is None
    other = storage.take_partial("other", create=True)
    assert other is not None
    other.discard()
    partial.discard()
    assert storage.take_partial("key", create=False) is None


def test_of_many_threads_one_has_it_at_a_time(storage: LocalStorage):
    owners: list[int] = []
    most = 0
    taken = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal most, taken
        for number in range(40):
            partial = storage.take_partial("key", create=True)
            if partial is None:
                continue
            with lock:
                owners.append(1)
                taken += 1
                most = max(most, len(owners))
            partial.write(b"x")
            with lock:
                owners.pop()
            # Removed and kept in turns, so that others meet files that are being removed.
            partial.discard() if number % 2 else partial.keep()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken > 0
    assert most == 1


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_process_that_was_killed_has_it_no_more(storage: LocalStorage):
    command = [sys.executable, "-c", HOLDER, str(storage.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holding\n"
        assert storage.take_partial("key", create=False) is None
        process.kill()
        process.wait()
    partial = storage.take_partial("key", create=False)
    assert partial is not None
    with partial.open() as stream:
        assert (stream.read(), partial.read_notes()) == (b"half", b"so far")
    partial.discard()


def test_what_nobody_took_up_for_a_week_is_removed(storage: LocalStorage):
    for key in ("old", "new", "held"):
        partial = storage.take_partial(key, create=True)
        assert partial is not None
        partial.write(b"x")
        if key != "held":
            partial.keep()
        else:
            held = partial
    before = time.time() - PARTIALS_KEPT.total_seconds() - 60
    for name in ("old.notes", "old.partial", "held.notes", "held.partial"):
        os.utime(storage.root / STAGING_FOLDER / name, (before, before))
    # Half of one, as a crash may leave it, and somebody's temporary object.
    (storage.root / STAGING_FOLDER / "half.partial").write_bytes(b"x")
    os.utime(storage.root / STAGING_FOLDER / "half.partial", (before, before))
    storage.create_temporary().finish()
    (temporary,) = (name for name in names(storage) if "." not in name)
    os.utime(storage.root / STAGING_FOLDER / temporary, (before, before))
    LocalStorage(storage.root).take_partial("unrelated", create=False)
    assert names(storage) == sorted(["held.notes", "held.partial", "new.notes", "new.partial", temporary])
    held.discard()


def test_without_locks_there_is_none(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch):
    def refuse(descriptor: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("ingestify.locked_file._lock", refuse)
    assert storage.take_partial("key", create=True) is None
