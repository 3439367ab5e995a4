from __future__ import annotations

import codecs
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.checks import json_lines
from ingestify.checks.files import check_stream
from tests.unit.checks.specimens import Forward, problem_of
from tests.unit.checks.test_json_document import documents


@pytest.mark.slow
@given(
    st.lists(documents, min_size=1), st.sampled_from(["\n", "\r\n", "\n\n \t\n"]), st.sampled_from(["jsonl", "ndjson"])
)
def test_a_document_a_line_passes(lines: list[object], end: str, form: str) -> None:
    body = end.join(json.dumps(line) for line in lines)
    assert problem_of(body.encode(), form) == ""
    assert problem_of(codecs.BOM_UTF8 + (body + end).encode(), form) == ""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b" \n\n", "it holds only white space, and no line of JSON"),
        (b'{"frame": 1}\n{"frame": 2', "line 2: the JSON breaks off at byte 11"),
        (b'{"frame": 1}\n\n{"frame": NaN}\n', "line 3: it holds NaN, which no JSON has, at byte 10"),
        (b"[1]\n[2]\n\0\0\0\n", "line 3: it is binary data, not JSON: it begins with the bytes 00 00 00"),
        (b'[1]\n["\xff"]\n[3]', "line 2: it is not UTF-8: byte 2 is 0xff"),
        (b"[\n  1,\n  2\n]\n", "line 1: the JSON breaks off at byte 1"),
        (b"[1]\nInternal error\n", "line 2: it is text, not JSON: it begins 'Internal error'"),
        (b"[1]\n" + b"[" * 100_000 + b"\n", "line 2: the JSON is nested too deeply to be read"),
    ],
)
def test_the_line_that_is_no_json_is_named(body: bytes, problem: str) -> None:
    assert problem_of(body, "jsonl") == problem


def test_a_cut_real_tracking_file_is_found(provider_data: Path) -> None:
    body = (provider_data / "_samples/kloppy/second_spectrum_fake_data.jsonl").read_bytes()
    assert ": the JSON breaks off at byte" in problem_of(body[: len(body) // 2], "jsonl")


def test_a_line_without_end_is_found_without_reading_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "LINE_BYTES", 1 << 20)
    body = b"[1]\n[" + b"1," * (8 << 20)
    tracemalloc.start()
    try:
        problem = check_stream(lambda: Forward(body), len(body), "jsonl").problem  # type: ignore[arg-type, return-value]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem == "line 2 is longer than 1,048,576 bytes, so these are not JSON lines"
    assert peak < 24 << 20  # of which the stream has 16


def test_several_lines_that_look_like_errors_are_data() -> None:
    assert problem_of(b'{"message": "pressing"}\n{"message": "shot"}\n', "jsonl") == ""
