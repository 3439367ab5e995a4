from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify import inflation
from ingestify.checks.files import check_bytes, check_stream
from tests.unit.checks.specimens import HTML_PAGE, problem_of

CSV = b"match_id,home\n" + b"12,Ajax\n" * 3000
WHOLE = gzip.compress(CSV)

FORMS = ["gz", "gzip", "tgz", "csv.gz", "tar.gz", "CSV.GZ"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "body", [WHOLE, WHOLE * 3, WHOLE + b"\0" * 600, WHOLE + b"\0" * 5 + WHOLE, gzip.compress(b"") + WHOLE]
)
def test_a_complete_gzip_passes(form: str, body: bytes) -> None:
    assert problem_of(body, form) == ""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cut", [1, 4, 8, 9, 40, len(WHOLE) - 1, len(WHOLE) - 5])
def test_a_cut_gzip_is_found(form: str, cut: int) -> None:
    assert problem_of(WHOLE[:-cut], form) == f"the gzip breaks off at byte {len(WHOLE) - cut}"


def test_a_cut_second_member_is_found() -> None:
    assert problem_of(WHOLE + WHOLE[:-3], "csv.gz") == f"the gzip breaks off at byte {2 * len(WHOLE) - 3}"


def test_a_wrong_crc_is_found() -> None:
    body = bytearray(WHOLE)
    body[-8] ^= 1
    problem = problem_of(bytes(body), "gz")
    assert problem.startswith("the gzip is damaged near byte ")
    assert problem.endswith(": its CRC does not match")


def test_a_wrong_length_is_found() -> None:
    body = bytearray(WHOLE)
    body[-4] ^= 1
    assert problem_of(bytes(body), "gz").endswith(": its length does not match")


@given(st.integers(10, len(WHOLE) - 1), st.integers(1, 255))
def test_a_damaged_byte_is_found(at: int, flipped: int) -> None:
    body = bytearray(WHOLE)
    body[at] ^= flipped
    assert check_bytes(bytes(body), "csv.gz").problem


@pytest.mark.parametrize("rest", [b"garbage", b"\0\0garbage", b"\x1f", b"\x1f\x8b", b"\x1f\x8bgarbage"])
def test_bytes_after_the_gzip_are_found(rest: bytes) -> None:
    assert problem_of(WHOLE + rest, "gz")


def test_the_problem_names_bytes_after_the_gzip() -> None:
    assert problem_of(WHOLE + b"garbage", "gz") == "the gzip is followed by bytes that are not gzip"


@pytest.mark.parametrize("form", FORMS)
def test_a_gzip_with_nothing_inside_is_found(form: str) -> None:
    assert problem_of(gzip.compress(b""), form) == "the gzip holds nothing: 0 bytes are inside"


@pytest.mark.parametrize(
    ("form", "inside", "problem"),
    [
        ("json.gz", b"[1, 2", "the JSON breaks off at byte 5"),
        ("jsonl.gz", b"[1]\n[2", "line 2: the JSON breaks off at byte 2"),
        ("csv.gz", b"a,b\n", "the CSV has a single line, and no row after its header: 'a,b'"),
        ("csv.gz", HTML_PAGE, "it is an HTML page, not CSV"),
        ("xml.gz", b"<a><b></a>", "the XML is broken at line 1, column 9: mismatched tag"),
        ("geojson.gz", b"[NaN]", "it holds NaN, which no JSON has, at byte 1"),
    ],
)
def test_the_content_of_a_gzip_is_checked(form: str, inside: bytes, problem: str) -> None:
    assert problem_of(gzip.compress(inside), form).startswith(problem)


def test_a_cut_quoted_cell_inside_is_found() -> None:
    assert "quoted cell" in problem_of(gzip.compress(b'a,b\n1,"Joh'), "csv.gz")


def test_a_gzip_is_read_to_its_end_though_its_csv_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestify.checks.delimited.MOST_BYTES", 100)
    assert problem_of(WHOLE, "csv.gz") == ""
    body = bytearray(gzip.compress(CSV * 300))
    body[-8] ^= 1
    assert problem_of(bytes(body), "csv.gz").endswith("its CRC does not match")


def test_a_bomb_does_not_fill_the_memory_and_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflation, "RATIO_FROM_BYTES", 32 << 20)
    packer = zlib.compressobj(9, wbits=31)
    body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    tracemalloc.start()
    try:
        problem = check_stream(lambda: io.BytesIO(body), len(body), "gz").problem
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "is a bomb" in problem
    assert peak < 4 << 20


def test_too_much_inside_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflation, "MOST_BYTES", 1000)
    assert "is a bomb" in problem_of(WHOLE, "gz")


# ---- gzip that a provider calls JSON --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "inside"), [("json", b'[{"id": 1}]'), ("jsonl", b'{"id": 1}\n{"id": 2}\n'), ("csv", CSV), ("xml", b"<a/>")]
)
def test_what_is_inside_is_checked_by_the_declared_format(form: str, inside: bytes) -> None:
    packed = gzip.compress(inside)
    assert problem_of(packed, form) == ""
    assert problem_of(packed[:-2], form) == f"the gzip breaks off at byte {len(packed) - 2}"
    assert form == "csv" or problem_of(gzip.compress(HTML_PAGE), form)
    assert problem_of(gzip.compress(b""), form)


def test_its_json_is_decoded() -> None:
    assert check_bytes(gzip.compress(b"[1, 2]"), "json", [list[int]]).parsed[list[int]] == [1, 2]


def test_gzip_in_gzip_is_not_json() -> None:
    assert problem_of(gzip.compress(gzip.compress(b"[1]")), "json").startswith("it is gzip, not JSON")
