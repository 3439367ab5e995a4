"""Bytes that are handed out only as what they were when they came in."""

from __future__ import annotations

import hashlib
import io
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.domain.file import File
from ingestify.errors import IntegrityError
from ingestify.storage.memory import MemoryStorage
from ingestify.store.objects.compression import METHODS, compress, open_decompressed
from ingestify.store.reading.file_collection import LoadedFile
from ingestify.store.reading.stored_content import StoredContent
from tests.support.catalogue_data import T0, new_file

BODY = random.Random(7).randbytes(300_000)
BUFFERED = 1 << 17
"""What a stream has read on, beyond what was asked for; within it nobody needs to jump."""


def file_of(body: bytes, method: str = "none") -> File:
    stored = compress(method, body)
    tag = hashlib.sha256(body).hexdigest()
    return new_file(
        "video", size=len(body), tag=tag, storage_size=len(stored), storage_compression_method=method
    ).in_revision(0, T0)


class Object:
    """A stored object that can be damaged, and counts how often it is opened."""

    def __init__(self, body: bytes, method: str = "none") -> None:
        self.file = file_of(body, method)
        self.stored = compress(method, body)
        self.opened = 0
        self.content = StoredContent(self.file, self.open)

    def open(self) -> Any:
        self.opened += 1
        return open_decompressed(self.file.storage_compression_method, io.BytesIO(self.stored), self.file.storage_path)

    def flip(self, position: int) -> None:
        damaged = bytearray(self.stored)
        damaged[position] ^= 1
        self.stored = bytes(damaged)


def read_in_pieces(stream: Any, size: int) -> bytes:
    pieces = []
    while piece := stream.read(size):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [0, 1, 100, len(BODY)])
def test_what_is_whole_is_read_whichever_way(method, size):
    one = Object(BODY[:size], method)
    assert one.content.read() == BODY[:size]
    assert read_in_pieces(Object(BODY[:size], method).content(), 70_001) == BODY[:size]
    stream = Object(BODY[:size], method).content()
    assert stream.seek(0, io.SEEK_END) == size
    assert stream.read() == b""
    assert stream.seek(size // 2) == size // 2
    assert stream.read() == BODY[size // 2 : size]


DAMAGES = {
    "a flipped bit at its beginning": lambda stored: bytes([stored[0] ^ 1]) + stored[1:],
    "a flipped bit in its middle": lambda stored: stored[:150_000] + bytes([stored[150_000] ^ 1]) + stored[150_001:],
    "a flipped bit at its end": lambda stored: stored[:-1] + bytes([stored[-1] ^ 1]),
    "cut": lambda stored: stored[:-70_000],
    "cut by one byte": lambda stored: stored[:-1],
    "empty": lambda stored: b"",
    "one byte more": lambda stored: stored + b"x",
    "other bytes of the same length": lambda stored: bytes(len(stored)),
}


def read_at_once(content: StoredContent) -> bytes:
    return content.read()


def read_to_the_end(content: StoredContent) -> bytes:
    return read_in_pieces(content(), 65_536)


def read_exactly_its_size(content: StoredContent) -> bytes:
    return content().read(content.file.size)


def read_into_a_buffer(content: StoredContent) -> bytes:
    stream = content()
    while stream.readinto(bytearray(100_000)):  # type: ignore[attr-defined]
        pass
    return b"a clean end"


def jump_into_the_middle(content: StoredContent) -> bytes:
    stream = content()
    stream.seek(10_000)
    return stream.read(4)


def jump_back_after_a_start(content: StoredContent) -> bytes:
    stream = content()
    stream.read(200_000)
    stream.seek(10)
    return stream.read(4)


def rewind_and_read(content: StoredContent) -> bytes:
    stream = content()
    stream.read(4)
    stream.seek(0)
    return stream.read()


def ask_for_its_size_and_read(content: StoredContent) -> bytes:
    stream = content()
    stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return stream.read()


def preload(content: StoredContent) -> bytes:
    loaded = LoadedFile(content.file, content)
    loaded.preload()
    return loaded.read()


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    "read",
    [
        read_at_once,
        read_to_the_end,
        read_exactly_its_size,
        read_into_a_buffer,
        jump_into_the_middle,
        jump_back_after_a_start,
        rewind_and_read,
        ask_for_its_size_and_read,
        preload,
    ],
)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("method", METHODS)
def test_no_reader_of_a_damaged_object_gets_to_a_clean_end(method, damage, read):
    one = Object(BODY, method)
    one.stored = DAMAGES[damage](one.stored)
    with pytest.raises(IntegrityError, match=r"main/video-.*verify\(repair=True\)"):
        read(one.content)
    assert not one.content.is_verified


def test_one_who_is_told_of_damage_is_told_again():
    one = Object(BODY)
    one.flip(5)
    stream = one.content()
    for _ in range(2):
        with pytest.raises(IntegrityError, match="sha256"):
            stream.read()
    stream.seek(0)
    with pytest.raises(IntegrityError, match="sha256"):
        stream.read(1)


def test_what_was_found_right_is_not_hashed_again(monkeypatch):
    one = Object(BODY)
    one.content.read()

    def hashed(*_: object) -> None:
        raise AssertionError("hashed again")

    monkeypatch.setattr("ingestify.store.reading.stored_content.hashlib.sha256", hashed)
    assert one.content.read() == BODY
    stream = one.content()
    stream.seek(1000)
    assert stream.read() == BODY[1000:]


def test_one_who_jumps_pays_one_pass_and_one_who_goes_to_the_end_and_back_none():
    one = Object(BODY, "zstd")
    stream = one.content()
    stream.seek(0, io.SEEK_END)
    stream.seek(0)
    stream.read()
    assert one.opened == 1
    for position in (200_000, 5, 100_000):
        stream.seek(position)
        assert stream.read(3) == BODY[position : position + 3]
    other = Object(BODY)
    stream = other.content()
    for position in (200_000, 5, 100_000):
        stream.seek(position)
        assert stream.read(3) == BODY[position : position + 3]
    assert other.opened == 2  # and a plain file is not read up to there, it is jumped


STEPS = st.lists(
    st.tuples(st.just("read"), st.integers(-1, 400_000))
    | st.tuples(st.just(io.SEEK_SET), st.integers(0, 400_000))
    | st.tuples(st.just(io.SEEK_END), st.integers(-len(BODY), 10)),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(method=st.sampled_from(METHODS), steps=STEPS)
def test_a_stream_reads_and_seeks_as_a_file_does(method, steps):
    stream, file = Object(BODY, method).content(), io.BytesIO(BODY)
    for what, number in steps:
        if what == "read":
            assert stream.read(number) == file.read(number)
        else:
            assert stream.seek(number, what) == file.seek(number, what)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(method=st.sampled_from(METHODS), steps=STEPS, flipped=st.integers(0, len(BODY) - 1))
def test_of_a_damaged_file_only_its_beginning_may_come_out_whatever_a_reader_does(method, steps, flipped):
    body = BODY[:flipped] + bytes([BODY[flipped] ^ 1]) + BODY[flipped + 1 :]
    one = Object(BODY, method)
    one.stored = compress(method, body)
    stream, file = one.content(), io.BytesIO(body)
    last = 0
    try:
        for what, number in steps:
            start = file.tell()
            if what == "read":
                got = stream.read(number)
                assert got == file.read(number)
                assert not got or abs(start - last) <= BUFFERED, "it jumped, so the whole of it was to be looked at"
                assert not got or file.tell() < len(body), "its last bytes are never handed out"
                last = file.tell()
            else:
                assert stream.seek(number, what) == file.seek(number, what)
                last = last if file.tell() else 0
    except IntegrityError:
        return


def test_a_file_cache_keeps_nothing_that_is_damaged():
    from ingestify.store.reading.file_cache import FileCache

    one = Object(BODY)
    one.flip(77)
    cache = FileCache()
    with pytest.raises(IntegrityError):
        cache.open(one.content)
    one.flip(77)
    assert cache.open(one.content).read() == BODY
    one.flip(77)
    assert cache.open(one.content).read() == BODY  # from memory
    small = FileCache(max_bytes=1000)
    with pytest.raises(IntegrityError):
        small.open(StoredContent(one.file, one.open)).read()


def test_a_storage_that_gives_up_in_the_middle_is_a_store_error():
    from ingestify.errors import StoreError

    class Broken(io.BytesIO):
        def read(self, size: Any = -1) -> bytes:
            raise OSError(5, "Input/output error")

    content = StoredContent(file_of(BODY), Broken)
    for read in (read_at_once, read_to_the_end):
        with pytest.raises(StoreError, match=r"main/video-.*Input/output error"):
            read(content)


def test_a_missing_object_names_the_remedy():
    storage = MemoryStorage()
    with pytest.raises(IntegrityError, match=r"main/gone.*run again"):
        storage.open("main/gone")
