"""The contract of storages: a test suite to subclass, for pytest.

    class TestMyStorage(StorageContract):
        @pytest.fixture
        def storage(self):
            return MyStorage(…)  # an empty one for each test

It needs pytest, which the extra `test` brings; nothing else in `ingestify.testing` imports it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest

from ingestify.clock import now
from ingestify.domain.ports import Storage
from ingestify.errors import IntegrityError

__all__ = ["StorageContract", "put"]

SMALL_PATH = "main/provider=statsbomb/dataset_type=match/match_id=12/events__v8__0a1b.json.zst"
_MOST_CHARACTERS = "main/provider=a%2Fb/name=%C3%A9t%C3%A9 (1)+~,;@&'!/x%20y__v1__00.json"


def put(storage: Storage, path: str, content: bytes) -> None:
    """Publish one object."""
    temporary = storage.create_temporary()
    temporary.write(content)
    temporary.finish()
    storage.publish([(temporary, path)])
    storage.settle()
    temporary.discard()


def read(storage: Storage, path: str) -> bytes:
    """Read one object whole."""
    with storage.open(path) as stream:
        return stream.read()


class StorageContract:
    """The suite. Override `storage`.

    Attributes:
        clock_grain_seconds: Objects that are written this far apart have different times.
        large_bytes: The size of an object that the storage treats as large.
        writers_rounds: How often each thread writes in the test of concurrent writing and deleting.
    """

    clock_grain_seconds = 0.02
    large_bytes = 9 << 20
    writers_rounds = 150

    @pytest.fixture
    def storage(self) -> Storage:
        """Return an empty storage."""
        raise NotImplementedError("a subclass has a fixture 'storage', which returns an empty one")

    def test_what_was_published_can_be_read(self, storage: Storage) -> None:
        put(storage, SMALL_PATH, b"content")
        assert read(storage, SMALL_PATH) == b"content"
        assert storage.get_size(SMALL_PATH) == 7
        assert storage.get_size(f"{SMALL_PATH}.other") is None

    def test_an_empty_object_is_an_object(self, storage: Storage) -> None:
        put(storage, "main/empty", b"")
        assert read(storage, "main/empty") == b""
        assert storage.get_size("main/empty") == 0

    def test_every_character_of_a_path_counts(self, storage: Storage) -> None:
        put(storage, _MOST_CHARACTERS, b"content")
        assert read(storage, _MOST_CHARACTERS) == b"content"
        assert [stored.path for stored in storage.iter_objects()] == [_MOST_CHARACTERS]
        assert storage.delete([_MOST_CHARACTERS]) == 1
        assert list(storage.iter_objects()) == []

    def test_nothing_is_visible_before_it_is_published(self, storage: Storage) -> None:
        temporary = storage.create_temporary()
        temporary.write(b"half")
        assert list(storage.iter_objects()) == []
        with temporary.open() as stream:
            assert stream.read() == b"half"
        temporary.discard()
        temporary.discard()
        assert list(storage.iter_objects()) == []

    def test_publishing_the_same_again_is_harmless(self, storage: Storage) -> None:
        put(storage, "main/x", b"same")
        put(storage, "main/x", b"same")
        assert [stored.path for stored in storage.iter_objects()] == ["main/x"]
        assert read(storage, "main/x") == b"same"

    def test_publishing_over_a_damaged_object_repairs_it(self, storage: Storage) -> None:
        put(storage, "main/x", b"dam_ged")
        put(storage, "main/x", b"damaged")
        assert read(storage, "main/x") == b"damaged"

    def test_the_files_of_a_dataset_are_published_together(self, storage: Storage) -> None:
        objects = []
        for number in range(5):
            temporary = storage.create_temporary()
            temporary.write(str(number).encode())
            temporary.finish()
            objects.append((temporary, f"main/a/{number}"))
        storage.publish(objects)
        for temporary, _ in objects:
            temporary.discard()
        assert [read(storage, f"main/a/{number}") for number in range(5)] == [b"0", b"1", b"2", b"3", b"4"]

    def test_a_restart_begins_anew(self, storage: Storage) -> None:
        temporary = storage.create_temporary()
        temporary.write(b"a long first try")
        temporary.restart()
        temporary.write(b"short")
        temporary.finish()
        storage.publish([(temporary, "x")])
        temporary.discard()
        assert read(storage, "x") == b"short"

    def test_a_large_object_comes_back_byte_for_byte_also_in_parts(self, storage: Storage) -> None:
        piece = random.Random(1).randbytes(1 << 20)  # noqa: S311 - invented bytes
        content = (piece * (self.large_bytes // len(piece) + 1))[: self.large_bytes + 3]
        temporary = storage.create_temporary()
        temporary.write(b"what is forgotten" * 1_000_000)
        temporary.restart()
        for start in range(0, len(content), 1 << 18):
            temporary.write(content[start : start + (1 << 18)])
        temporary.finish()
        with temporary.open() as stream:
            assert stream.read() == content
        assert list(storage.iter_objects()) == []
        storage.publish([(temporary, "main/video")])
        temporary.discard()
        assert storage.get_size("main/video") == len(content)
        assert read(storage, "main/video") == content
        with storage.open("main/video") as stream:
            for position in (len(content) - 5, 0, 5_000_000, 4_999_999, 123):
                assert stream.seek(position) == position
                assert stream.read(1000) == content[position : position + 1000]
            assert stream.seek(0, 2) == len(content)
            assert stream.read(1) == b""

    def test_a_missing_object_is_an_integrity_error_that_names_it(self, storage: Storage) -> None:
        with pytest.raises(IntegrityError, match="nowhere"):
            storage.open("main/nowhere")

    def test_objects_are_listed_below_a_folder_and_deleted(self, storage: Storage) -> None:
        for path in ("main/a=1/x", "main/a=2/y", "other/z"):
            put(storage, path, path.encode())
        assert sorted(stored.path for stored in storage.iter_objects("main")) == ["main/a=1/x", "main/a=2/y"]
        assert storage.delete([]) == 0
        assert storage.delete(["main/a=1/x", "main/a=1/x", "main/none"]) == 1
        left = sorted((stored.path, stored.size) for stored in storage.iter_objects())
        assert left == [("main/a=2/y", 10), ("other/z", 7)]
        assert all(abs((stored.modified_at - now()).total_seconds()) < 3600 for stored in storage.iter_objects())

    def test_publishing_beside_deleting_loses_nothing(self, storage: Storage) -> None:
        errors: list[BaseException] = []

        def work(action: Callable[[int], object]) -> None:
            try:
                for number in range(self.writers_rounds):
                    action(number)
            except BaseException as error:  # noqa: BLE001 - it is for the other thread
                errors.append(error)

        actions: list[Callable[[int], object]] = [
            lambda number: put(storage, f"main/a={number % 3}/keep-{number}", b"x"),
            lambda number: put(storage, f"main/a={number % 3}/drop", b"x"),
            lambda number: storage.delete([f"main/a={number % 3}/drop"]),
        ]
        threads = [threading.Thread(target=work, args=(action,)) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert sum("keep" in stored.path for stored in storage.iter_objects()) == self.writers_rounds

    def test_an_unfinished_object_is_kept_for_later_or_refused_from_the_beginning(self, storage: Storage) -> None:
        assert storage.take_partial("key", create=False) is None
        partial = storage.take_partial("key", create=True)
        if partial is None:
            return  # any storage may keep none
        partial.write(b"half")
        partial.add_note(b"half")
        partial.keep()
        assert list(storage.iter_objects()) == []
        again = storage.take_partial("key", create=False)
        assert again is not None
        assert again.read_notes() == b"half"
        again.cut(4, 4)
        again.write(b" and half")
        again.finish()
        storage.publish([(again, "main/x")])
        again.discard()
        assert read(storage, "main/x") == b"half and half"
        assert storage.take_partial("key", create=False) is None

    def test_what_was_written_since_is_not_deleted(self, storage: Storage) -> None:
        for name in ("old", "again"):
            put(storage, f"main/{name}", name.encode())
        time.sleep(self.clock_grain_seconds)
        begun = now()
        time.sleep(min(self.clock_grain_seconds, 0.02))
        put(storage, "main/new", b"new")
        # The name of an object is made of its content, so a writer of the same bytes uses the same name.
        put(storage, "main/again", b"again")
        paths = ["main/old", "main/new", "main/again", "main/never"]
        assert storage.delete(paths, unless_written_since=begun) == 1
        assert sorted(stored.path for stored in storage.iter_objects()) == ["main/again", "main/new"]

    def test_what_never_arrived_is_removed_and_what_did_is_not(self, storage: Storage) -> None:
        put(storage, "main/x", b"content")
        left = storage.create_temporary()
        left.write(b"half")
        time.sleep(self.clock_grain_seconds)
        moment = now()
        time.sleep(min(self.clock_grain_seconds, 0.02))
        going_on = storage.create_temporary()
        going_on.write(b"more")
        looked = storage.remove_leftovers(moment, dry_run=True)
        assert storage.remove_leftovers(moment) == looked
        assert storage.remove_leftovers(moment).count == 0
        going_on.finish()
        storage.publish([(going_on, "main/y")])
        assert sorted(stored.path for stored in storage.iter_objects()) == ["main/x", "main/y"]
        left.discard()
