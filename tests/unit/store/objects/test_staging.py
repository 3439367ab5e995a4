from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.storage.memory import MemoryStorage
from ingestify.store.objects import staging
from ingestify.store.objects.compression import METHODS, is_compressed, open_decompressed
from ingestify.store.objects.staging import StagedFile


def stage(chunks: list[bytes], method: str = "zstd", form: str | None = "json") -> tuple[StagedFile, bytes]:
    """Returns the staged file, and what a reader of its object gets."""
    storage = MemoryStorage()
    staged = StagedFile(storage, method, form)
    for chunk in chunks:
        staged.write(chunk)
    staged.complete()
    staged.persist()
    assert staged.temporary is not None
    storage.publish([(staged.temporary, "x")])
    stored = storage.get_size("x")
    assert stored == staged.storage_size
    with open_decompressed(staged.compression_method, storage.open("x"), "x") as stream:
        return staged, stream.read()


@given(st.lists(st.binary(max_size=500), max_size=20), st.sampled_from(METHODS))
def test_what_is_read_is_what_was_written(chunks, method):
    staged, content = stage(chunks, method)
    assert content == b"".join(chunks)
    assert staged.size == len(content)
    assert staged.tag == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("method", METHODS)
@given(chunks=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=20))
def test_a_large_body_is_streamed_with_the_same_result(chunks, method):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "SMALL_BODY_BYTES", 100)
        staged, content = stage(chunks, method)
    assert content == b"".join(chunks)
    assert staged.tag == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("limit", [4 << 20, 10])
def test_a_restart_forgets_what_was_written(limit, monkeypatch):
    monkeypatch.setattr(staging, "SMALL_BODY_BYTES", limit)
    storage = MemoryStorage()
    staged = StagedFile(storage, "zstd", "json")
    staged.write(b"half of a body that was cut")
    staged.restart()
    staged.write(b"all")
    staged.complete()
    staged.persist()
    assert staged.open().read() == b"all"
    assert (staged.size, staged.tag) == (3, hashlib.sha256(b"all").hexdigest())


@pytest.mark.parametrize(
    ("form", "head"),
    [
        ("mp4", b""),
        ("csv.gz", b""),
        ("bin", b"PK\x03\x04zip"),
        (None, b"\x00\x00\x00\x20ftypisom"),
        ("json", b"\x1f\x8b\x08"),
    ],
)
def test_what_is_compressed_already_is_stored_as_it_is(form, head):
    assert is_compressed(form, head)
    staged, content = stage([head + b"rest" * 10], "zstd", form)
    assert staged.compression_method == "none"
    assert content == head + b"rest" * 10


def test_json_becomes_small():
    staged, _ = stage([b'{"type": "Pass", "x": 1}' * 1000])
    assert staged.compression_method == "zstd"
    assert staged.storage_size < staged.size / 10
