"""Whatever a provider sends, a check finds a problem or none: it never raises, and never takes more than its limits."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestify.checks import iso_media
from ingestify.checks.files import check_bytes
from tests.support.sizes import sample_and_rest
from tests.unit.checks.specimens import problem_of

MAGIC = {
    "zip": b"PK\x03\x04",
    "gz": b"\x1f\x8b\x08\x00",
    "json.gz": gzip.compress(b'{"a": 1}'),
    "mp4": b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00",
    "mov": b"\x00\x00\x00\x08wide",
    "json": b'{"events": [',
    "jsonl": b'{"a": 1}\n',
    "csv": b"frame,x,y\n1,2,3\n",
    "xml": b"<?xml version='1.0'?><a>",
    "parquet": b"PAR1",
    "pdf": b"%PDF-1.4",
}

boxes = st.lists(
    st.tuples(
        st.sampled_from([b"moov", b"mdat", b"free", b"ftyp", b"\xff\x00\x01\x02"]),
        st.sampled_from(["right", "zero", "one", "long", "short", "huge"]),
        st.binary(max_size=12),
        st.integers(0, 2**64 - 1),
    ),
    max_size=6,
)


def box(kind: bytes, size: str, body: bytes, number: int) -> bytes:
    right = 8 + len(body)
    if size == "one":  # 64 bits
        return struct.pack(">I4sQ", 1, kind, number) + body
    length = {"right": right, "zero": 0, "long": right + 5, "short": number % 8, "huge": 0xFFFFFFFF}[size]
    return struct.pack(">I4s", length, kind) + body


@settings(deadline=None)
@given(boxes)
@example([(b"free", "one", b"", 2**64 - 1)])
@example([(b"free", "one", b"", 15)])
def test_a_video_of_any_boxes(content: list[tuple[bytes, str, bytes, int]]) -> None:
    problem_of(MAGIC["mp4"] + b"".join(box(*one) for one in content), "mp4")


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=50), st.integers(0, 9), st.integers(0, 60), st.integers(0, 255)), max_size=4),
    st.binary(max_size=8),
)
def test_gzip_of_any_members(members: list[tuple[bytes, int, int, int]], rest: bytes) -> None:
    body = b""
    for inside, level, at, flipped in members:
        member = bytearray(gzip.compress(inside, level))
        member[at % len(member)] ^= flipped
        body += member
    for form in ("gz", "json.gz", "csv.gz", "xml.gz"):
        problem_of(body + rest, form)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("form", MAGIC)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_file_that_only_begins_as_a_format(form: str, data: st.DataObject) -> None:
    body = bytearray(MAGIC[form] + data.draw(st.binary(max_size=300)))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=5)):
        body[at % len(body)] = value
    problem_of(bytes(body), form)


def boxes_of_nothing(number: int) -> bytes:
    return MAGIC["mp4"] + struct.pack(">I4s", 8, b"free") * number


# Made when they are checked: whoever only collects the tests has no time for them.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "make_body"),
    sample_and_rest(
        [
            ("json", lambda: b"[" * 5_000_000),
            ("json", lambda: b'{"a":' * 1_000_000),
            ("json", lambda: b"[" + b"9" * 3_000_000 + b"]"),
            ("jsonl", lambda: b"[" * 3_000_000 + b"\n"),
            ("xml", lambda: b"<a>" * 4_000_000),
            ("xml.gz", lambda: gzip.compress(b"<error>" + b"<a>" * 4_000_000)),
            (
                "xml",
                lambda: (
                    b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">'
                    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(1, 20))
                    + b"]><a>&u;</a>"
                ),
            ),
            ("csv", lambda: b'"' + b"," * 5_000_000),
            ("gz", lambda: gzip.compress(bytes(64 << 20))),
            ("mp4", lambda: boxes_of_nothing(60_000)),
        ],
        [("mp4", lambda: boxes_of_nothing(300_000))],
    ),
    ids=[
        "brackets",
        "braces",
        "digits",
        "lines",
        "elements",
        "elements inside gzip",
        "entities",
        "cells",
        "zeros",
        "boxes",
        "many boxes",
    ],
)
def test_a_file_that_is_made_to_be_costly(
    form: str, make_body: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = make_body()
    # Five of six; a million take a while where memory is traced.
    monkeypatch.setattr(iso_media, "MOST_BOXES", body.count(b"free") * 5 // 6)
    tracemalloc.start()
    try:
        check_bytes(body, form)  # the limit on a test's time is the limit here
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 << 20


@pytest.mark.parametrize("levels", [999, 1001])
def test_levels_are_counted_in_a_large_file_only_while_they_are_open(levels: int) -> None:
    element = b"<a>" * levels + b"</a>" * levels
    body = b"<r>" + element * (5_000_000 // len(element)) + b"</r>"
    expected = "the XML has more than 1,000 levels" if levels > 1000 else ""
    for form, content in (("xml", body), ("xml.gz", gzip.compress(body, 1))):
        assert check_bytes(content, form).problem == expected
