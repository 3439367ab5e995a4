from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ingestify.fetch.transport.content_encoding import (
    STEP_BYTES,
    Truncated,
    UnknownEncoding,
    decoded,
    is_compressed_format,
    is_gzip_format,
)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "GZIP": gzip.compress,
    "": bytes,
    "identity": bytes,
}


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Cut into pieces of these sizes, again and again."""
    at = 0
    while at < len(data):
        for size in sizes:
            yield data[at : at + size]
            at += size


def decode(chunks: Iterable[bytes], encoding: str | None, *, keep_own_gzip: bool = False) -> bytes:
    return b"".join(decoded(chunks, encoding, keep_own_gzip=keep_own_gzip))


bodies = st.binary(max_size=3000) | st.binary(max_size=30).map(lambda data: data * 500)
sizes = st.lists(st.integers(min_value=1, max_value=700), min_size=1, max_size=5)


@given(st.sampled_from(sorted(ENCODERS)), bodies, sizes)
def test_every_encoding_is_undone_however_it_is_cut(encoding: str, body: bytes, sizes: list[int]) -> None:
    assert decode(cut(ENCODERS[encoding](body), sizes), encoding) == body


@given(st.lists(bodies, min_size=1, max_size=4), sizes)
def test_all_members_of_gzip_are_undone(members: list[bytes], sizes: list[int]) -> None:
    wire = b"".join(gzip.compress(member) for member in members)
    assert decode(cut(wire, sizes), "gzip") == b"".join(members)


@given(st.lists(bodies, min_size=1, max_size=4), sizes)
def test_all_frames_of_zstd_are_undone(frames: list[bytes], sizes: list[int]) -> None:
    wire = b"".join(zstandard.ZstdCompressor().compress(frame) for frame in frames)
    assert decode(cut(wire, sizes), "zstd") == b"".join(frames)


@given(bodies, sizes)
def test_raw_deflate_of_some_servers_is_undone(body: bytes, sizes: list[int]) -> None:
    assert decode(cut(raw_deflate(body), sizes), "deflate") == body


@given(bodies, sizes)
def test_encodings_are_undone_in_reverse_order(body: bytes, sizes: list[int]) -> None:
    assert decode(cut(gzip.compress(zlib.compress(body)), sizes), "deflate, gzip") == body


@pytest.mark.parametrize("rest", [b"\0" * 512, b"garbage", b"\x1f", b"\0"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_follows_the_last_gzip_member_is_ignored(rest: bytes, size: int) -> None:
    assert decode(cut(gzip.compress(b"events") + rest, [size]), "gzip") == b"events"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.99])
def test_a_truncated_stream_is_found(encoding: str, kept: float) -> None:
    wire = ENCODERS[encoding](bytes(range(256)) * 20)
    with pytest.raises(Truncated):
        decode([wire[: int(len(wire) * kept)]], encoding)


def test_a_truncated_second_member_is_found() -> None:
    with pytest.raises(Truncated, match="incomplete"):
        decode([gzip.compress(b"a") + gzip.compress(b"b" * 100)[:-4]], "gzip")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_damaged_stream_is_found(encoding: str) -> None:
    wire = bytearray(ENCODERS[encoding](bytes(range(256)) * 20))
    wire[len(wire) // 2] ^= 0xFF
    wire[-2] ^= 0xFF
    with pytest.raises(Truncated):
        decode([bytes(wire)], encoding)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_an_empty_body_stays_empty(encoding: str) -> None:
    assert decode([], encoding) == b""


@pytest.mark.parametrize("encoding", ["br", "compress", "gzip, br", "snappy"])
def test_an_encoding_that_cannot_be_undone_is_named(encoding: str) -> None:
    with pytest.raises(UnknownEncoding, match=encoding.split(", ")[-1]):
        decode([b"x"], encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_does_not_fill_the_memory(encoding: str) -> None:
    size = 256 << 20
    if encoding == "zstd":
        packer = zstandard.ZstdCompressor().compressobj(size=size)
        wire = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
    else:
        deflater = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
        wire = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(size >> 20)) + deflater.flush()
    tracemalloc.start()
    try:
        total = 0
        for piece in decoded([wire], encoding):
            assert len(piece) <= STEP_BYTES
            total += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == size
    assert peak < (8 << 20)


# ---- a .gz of the provider's own -----------------------------------------------------------------------

CSV = b"match_id,home\n" * 2000


@given(sizes)
def test_a_gz_that_is_only_announced_as_encoded_is_kept(sizes: list[int]) -> None:
    own = gzip.compress(CSV)
    assert decode(cut(own, sizes), "gzip", keep_own_gzip=True) == own


@given(sizes)
def test_a_gz_that_was_encoded_once_more_in_transit_is_the_providers_again(sizes: list[int]) -> None:
    own = gzip.compress(CSV)
    assert decode(cut(gzip.compress(own), sizes), "gzip", keep_own_gzip=True) == own
    assert decode(cut(zlib.compress(own), sizes), "gzip, deflate", keep_own_gzip=True) == own


def test_a_gz_without_an_encoding_is_kept() -> None:
    own = gzip.compress(CSV)
    assert decode([own], None, keep_own_gzip=True) == own


@pytest.mark.parametrize(
    "body", [b"", b"\x1f", b"not gzip at all", gzip.compress(b"", mtime=0), gzip.compress(CSV, mtime=0)[:15]]
)
def test_whatever_is_announced_wrongly_is_kept(body: bytes) -> None:
    assert decode([body], "gzip", keep_own_gzip=True) == body


@pytest.mark.parametrize(
    ("declared", "path", "compressed", "gz"),
    [
        ("csv.gz", "/a", True, True),
        ("gz", "/a.json", True, True),
        (None, "/x/a.CSV.GZ", True, True),
        ("zip", "/a", True, False),
        (None, "/a.mp4", True, False),
        (None, "/a.parquet", True, False),
        ("json", "/a.json.gz", False, False),
        (None, "/a.json", False, False),
        (None, "/a.zip/list", False, False),
        (None, "/zip", False, False),
        (None, "", False, False),
    ],
)
def test_formats_that_are_compressed_by_themselves(declared: str | None, path: str, compressed: bool, gz: bool) -> None:
    assert is_compressed_format(declared, path) is compressed
    assert is_gzip_format(declared, path) is gz
