"""A provider's gzip file that is declared as JSON: its bytes are kept, and a reader gets what is inside."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import tracemalloc
from typing import BinaryIO

import pytest

from ingestify import IntegrityError, LoadedFile
from ingestify.store.reading.stored_content import StoredContent
from tests.support.catalogue_data import T0, new_file

_any = random.Random(1)
LINES = b"".join(b'{"frame": %d, "x": %d}\n' % (n, _any.randrange(10**9)) for n in range(40_000))
PACKED = gzip.compress(LINES[:500_000], 1) + gzip.compress(LINES[500_000:], 1) + bytes(7)


def loaded(body: bytes, form: str = "jsonl", method: str = "none") -> LoadedFile:
    values = {"data_serialization_format": form, "storage_compression_method": method}
    file = new_file(size=len(body), tag=hashlib.sha256(body).hexdigest(), **values).in_revision(0, T0)
    return LoadedFile(file, StoredContent(file, lambda: io.BytesIO(body)))


def read_through(stream: BinaryIO) -> None:
    while stream.read(1 << 16):
        pass


def test_a_reader_gets_what_is_inside_and_the_bytes_are_there_too() -> None:
    file = loaded(PACKED)
    assert file.stream.read() == file.read() == LINES
    assert file.raw_stream.read() == file.raw_stream.read() == file.open_stream.read() == PACKED
    assert (file.size, file.tag) == (len(PACKED), hashlib.sha256(PACKED).hexdigest())
    file.preload()
    assert (file.stream.read(), file.raw_stream.read()) == (LINES, PACKED)


def test_json_and_data_frames_are_of_what_is_inside() -> None:
    assert loaded(gzip.compress(b'{"a": [1]}'), "json").json() == {"a": [1]}
    assert loaded(gzip.compress("é".encode()), "csv").text() == "é"
    assert loaded(PACKED).to_polars().height == 40_000
    assert loaded(gzip.compress(b"a,b\n1,2\n"), "csv").to_pandas().to_dict("list") == {"a": [1], "b": [2]}


@pytest.mark.parametrize("form", ["gz", "jsonl.gz", "tgz", "mp4", "bin"])
def test_of_a_format_that_is_no_text_the_stream_has_the_providers_bytes(form: str) -> None:
    assert loaded(PACKED, form).stream.read() == loaded(PACKED, form).read() == PACKED


def test_what_the_published_package_compressed_once_more_is_read_as_it_was_there() -> None:
    assert loaded(PACKED, method="gzip").stream.read() == loaded(PACKED, method="gzip").read() == PACKED


@pytest.mark.parametrize("body", [b"", b"\x1f", b"[]", LINES])
def test_what_is_no_gzip_is_as_it_is(body: bytes) -> None:
    assert loaded(body).stream.read() == loaded(body).raw_stream.read() == loaded(body).read() == body


@pytest.mark.parametrize("body", [PACKED, LINES])
def test_a_reader_can_seek(body: bytes) -> None:
    stream = loaded(body).stream
    model = io.BytesIO(LINES)
    for offset, whence in [
        (0, os.SEEK_END),
        (-5000, os.SEEK_END),
        (100_000, os.SEEK_SET),
        (10, os.SEEK_CUR),
        (99, os.SEEK_SET),
        (len(LINES), os.SEEK_SET),
        (0, os.SEEK_SET),
    ]:
        assert stream.seek(offset, whence) == model.seek(offset, whence) == stream.tell()
        assert stream.read(70_000) == model.read(70_000)
    assert stream.readline() == model.readline()


def test_memory_does_not_grow_with_what_is_inside() -> None:
    stream = loaded(gzip.compress(bytes(64 << 20)), "json").stream
    tracemalloc.start()
    try:
        read_through(stream)
        assert stream.seek(0, os.SEEK_END) == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "why"),
    [(PACKED[:-400], "breaks off"), (gzip.compress(b"a") + b"behind", "followed by bytes that are not gzip")],
)
def test_broken_gzip_is_an_error_each_time_it_is_read(body: bytes, why: str) -> None:
    file = loaded(body)
    for _ in range(2):
        with pytest.raises(IntegrityError, match=why):
            read_through(file.stream)
    with pytest.raises(IntegrityError, match=why):
        file.read()
    assert file.raw_stream.read() == body


def test_a_damaged_object_is_one_too() -> None:
    file = loaded(PACKED).file
    damaged = StoredContent(file, lambda: io.BytesIO(gzip.compress(b"{}").ljust(len(PACKED), b"\0")))
    with pytest.raises(IntegrityError, match="is damaged"):
        LoadedFile(file, damaged).stream.read()
    with pytest.raises(IntegrityError, match="is damaged"):
        LoadedFile(file, damaged).read()
