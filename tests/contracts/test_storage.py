"""One suite over every storage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestify.clock import now
from ingestify.errors import IntegrityError, StoreError
from ingestify.storage.local import STAGING_FOLDER, LocalStorage
from ingestify.storage.memory import MemoryStorage


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return LocalStorage(tmp_path / "lake") if request.param == "local" else MemoryStorage()


def put(storage: Any, path: str, content: bytes) -> None:
    temporary = storage.create_temporary()
    temporary.write(content)
    temporary.finish()
    storage.publish([(temporary, path)])
    temporary.discard()


def test_what_was_published_can_be_read(storage):
    put(storage, "main/a=1/x", b"content")
    with storage.open("main/a=1/x") as stream:
        assert stream.read() == b"content"
    assert storage.get_size("main/a=1/x") == 7
    assert storage.get_size("main/a=1/y") is None


def test_nothing_is_visible_before_it_is_published(storage):
    temporary = storage.create_temporary()
    temporary.write(b"half")
    assert list(storage.iter_objects()) == []
    with temporary.open() as stream:
        assert stream.read() == b"half"
    temporary.discard()
    temporary.discard()
    assert list(storage.iter_objects()) == []


def test_publishing_the_same_again_is_harmless(storage):
    put(storage, "main/x", b"same")
    put(storage, "main/x", b"same")
    assert [stored.path for stored in storage.iter_objects()] == ["main/x"]


def test_a_restart_begins_anew(storage):
    temporary = storage.create_temporary()
    temporary.write(b"a long first try")
    temporary.restart()
    temporary.write(b"short")
    temporary.finish()
    storage.publish([(temporary, "x")])
    assert storage.open("x").read() == b"short"


def test_a_missing_object_is_an_integrity_error_that_names_it(storage):
    with pytest.raises(IntegrityError, match="nowhere"):
        storage.open("main/nowhere")


def test_objects_are_listed_below_a_prefix_and_deleted(storage):
    for path in ("main/a=1/x", "main/a=2/y", "other/z"):
        put(storage, path, path.encode())
    assert [stored.path for stored in storage.iter_objects("main")] == ["main/a=1/x", "main/a=2/y"]
    assert storage.delete(["main/a=1/x", "main/a=1/x", "main/none"]) == 1
    assert [(stored.path, stored.size) for stored in storage.iter_objects()] == [("main/a=2/y", 10), ("other/z", 7)]


def test_publishing_beside_deleting_loses_nothing(storage):
    errors: list[BaseException] = []

    def work(action: Callable[[int], object]) -> None:
        try:
            for number in range(150):
                action(number)
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=work, args=(lambda n: put(storage, f"main/a={n % 3}/keep-{n}", b"x"),)),
        threading.Thread(target=work, args=(lambda n: put(storage, f"main/a={n % 3}/drop", b"x"),)),
        threading.Thread(target=work, args=(lambda n: storage.delete([f"main/a={n % 3}/drop"]),)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sum("keep" in stored.path for stored in storage.iter_objects()) == 150


def test_an_unfinished_object_is_kept_for_later_or_refused_from_the_beginning(storage):
    assert storage.take_partial("key", create=False) is None
    partial = storage.take_partial("key", create=True)
    if partial is None:
        return  # any storage may keep none
    partial.write(b"half")
    partial.add_note(b"half")
    partial.keep()
    assert list(storage.iter_objects()) == []
    again = storage.take_partial("key", create=False)
    assert again.read_notes() == b"half"
    again.cut(4, 4)
    again.write(b" and half")
    again.finish()
    storage.publish([(again, "main/x")])
    again.discard()
    assert storage.open("main/x").read() == b"half and half"
    assert storage.take_partial("key", create=False) is None


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", "a/\0", "a\\b"])
def test_local_storage_refuses_a_path_that_leaves_the_lake(tmp_path, path):
    with pytest.raises(StoreError, match="no path inside the lake"):
        LocalStorage(tmp_path).open(path)


def test_local_storage_leaves_no_temporary_file_and_no_empty_folder(tmp_path):
    storage = LocalStorage(tmp_path)
    put(storage, "main/a=1/b=2/x", b"1")
    storage.delete(["main/a=1/b=2/x"])
    assert [path.name for path in tmp_path.rglob("*")] == [STAGING_FOLDER]


def test_a_folder_that_cannot_be_written_to_is_named_with_a_remedy(tmp_path):
    (tmp_path / "lake").write_text("a file, no folder")
    with pytest.raises(StoreError, match="lake"):
        LocalStorage(tmp_path / "lake").create_temporary()


def test_what_was_written_since_is_not_deleted(storage):
    put(storage, "main/old", b"old")
    time.sleep(0.02)
    begun = now()
    time.sleep(0.02)
    put(storage, "main/new", b"new")
    assert storage.delete(["main/old", "main/new", "main/never"], unless_written_since=begun) == 1
    assert [stored.path for stored in storage.iter_objects()] == ["main/new"]
