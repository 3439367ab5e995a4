"""gzip in steps: all members, however the data is cut, and never much at once."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.inflation import STEP_BYTES, GzipInflater, inflate

bodies = st.binary(max_size=3000) | st.binary(max_size=30).map(lambda data: data * 500)


def fed(data: bytes, size: int) -> tuple[bytes, GzipInflater]:
    """Feed data in pieces of a size."""
    inflater = GzipInflater()
    made = b"".join(piece for at in range(0, len(data), size) for piece in inflater.feed(data[at : at + size]))
    return made, inflater


@given(st.lists(bodies, min_size=1, max_size=4), st.integers(0, 3), st.integers(1, 700))
def test_all_members_are_inflated_with_zeros_between_them(members: list[bytes], zeros: int, size: int) -> None:
    made, inflater = fed((bytes(zeros)).join(gzip.compress(one) for one in members) + bytes(zeros), size)
    assert made == b"".join(members)
    assert (inflater.is_cut, inflater.rest) == (False, b"")


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(
    ("behind", "rest"), [(b"garbage", b"ga"), (b"\0\0g", b"g"), (b"\x1f", b"\x1f"), (b"\x1fx", b"\x1fx")]
)
def test_what_follows_and_is_no_gzip_is_the_rest(behind: bytes, rest: bytes, size: int) -> None:
    made, inflater = fed(gzip.compress(b"events") + behind + b"\x1f\x8b" * (len(rest) - 1), size)
    assert (made, inflater.rest, inflater.is_cut) == (b"events", rest, False)


@pytest.mark.parametrize("kept", [1, 9, 12, 24])
def test_a_member_that_breaks_off_is_cut(kept: int) -> None:
    assert fed(gzip.compress(b"events")[:kept], 5)[1].is_cut
    assert fed(gzip.compress(b"a") + gzip.compress(b"events")[: kept + 1], 5)[1].is_cut


def test_nothing_is_not_cut() -> None:
    assert not fed(b"", 1)[1].is_cut


def test_a_step_makes_no_more_than_it_may() -> None:
    packed = zlib.compress(bytes(10 << 20), 9)
    assert max(map(len, inflate(zlib.decompressobj(), packed))) == STEP_BYTES
