from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.fetch.transport.content_encoding import Truncated, UnknownEncoding, decoded
from ingestify.inflation import STEP_BYTES

ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
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


@given(bodies, sizes)
def test_gzip_in_gzip_is_undone(body: bytes, sizes: list[int]) -> None:
    assert decode(cut(gzip.compress(gzip.compress(body)), sizes), "x-gzip, gzip") == body


@pytest.mark.parametrize("rest", [b"\0" * 512, b"garbage", b"\x1f", b"\0"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_follows_the_last_gzip_member_is_ignored(rest: bytes, size: int) -> None:
    assert decode(cut(gzip.compress(b"events") + rest, [size]), "gzip") == b"events"


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.99])
def test_a_truncated_stream_is_found(kept: float) -> None:
    wire = gzip.compress(bytes(range(256)) * 20)
    with pytest.raises(Truncated):
        decode([wire[: int(len(wire) * kept)]], "gzip")


def test_a_truncated_second_member_is_found() -> None:
    with pytest.raises(Truncated, match="incomplete"):
        decode([gzip.compress(b"a") + gzip.compress(b"b" * 100)[:-4]], "gzip")


def test_a_damaged_stream_is_found() -> None:
    wire = bytearray(gzip.compress(bytes(range(256)) * 20))
    wire[len(wire) // 2] ^= 0xFF
    wire[-2] ^= 0xFF
    with pytest.raises(Truncated):
        decode([bytes(wire)], "gzip")


def test_an_empty_body_stays_empty() -> None:
    assert decode([], "gzip") == b""


@pytest.mark.parametrize("encoding", ["br", "compress", "gzip, br", "snappy", "deflate", "zstd", "gzip, deflate"])
def test_an_encoding_that_was_not_asked_for_is_named(encoding: str) -> None:
    with pytest.raises(UnknownEncoding, match=encoding.split(", ")[-1]):
        decode([b"x"], encoding)


@pytest.mark.slow
def test_a_bomb_does_not_fill_the_memory() -> None:
    size = 64 << 20
    deflater = zlib.compressobj(wbits=31)
    wire = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(size >> 20)) + deflater.flush()
    tracemalloc.start()
    try:
        total = 0
        for piece in decoded([wire], "gzip"):
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
    assert decode(cut(gzip.compress(own), sizes), "gzip, gzip", keep_own_gzip=True) == own


def test_a_gz_without_an_encoding_is_kept() -> None:
    own = gzip.compress(CSV)
    assert decode([own], None, keep_own_gzip=True) == own


@pytest.mark.parametrize(
    "body", [b"", b"\x1f", b"not gzip at all", gzip.compress(b"", mtime=0), gzip.compress(CSV, mtime=0)[:15]]
)
def test_whatever_is_announced_wrongly_is_kept(body: bytes) -> None:
    assert decode([body], "gzip", keep_own_gzip=True) == body
