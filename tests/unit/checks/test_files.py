from __future__ import annotations

import codecs
import gzip
import io
import os
import subprocess
import sys
import zipfile

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.checks.files import Findings, check_bytes, check_stream
from ingestify.errors import IntegrityError
from tests.unit.checks.specimens import HTML_PAGE, LFS_POINTER, Forward, problem_of
from tests.unit.checks.test_iso_media import MOVIE

IN_FULL = ["docx", "gz", "gzip", "m4a", "m4v", "mov", "mp4", "tgz", "xlsx", "zip"]
BY_MAGIC = ["7z", "bz2", "gif", "jpeg", "jpg", "parquet", "pdf", "png", "tbz2", "txz", "xz", "zst", "zstd"]
BINARY = [*IN_FULL, *BY_MAGIC]
TEXT = ["csv", "geojson", "json", "jsonl", "ndjson", "tsv", "xml"]
UNKNOWN = [None, "", "bin", "dat", "txt", "md", "ball", "7", "tar.gzip.x"]
INSIDE_GZIP = ["csv.gz", "json.gz", "jsonl.gz", "tar.gz", "tsv.gz", "xml.gz"]
FORMATS = [*BINARY, *TEXT, *UNKNOWN, *INSIDE_GZIP]


def archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("events.json", "[1, 2, 3]" * 20)
    return made.getvalue()


BEGINNINGS = [
    b"",
    codecs.BOM_UTF8,
    b"\xff\xfe",
    b"<?xml version='1.0' encoding='utf-16'?><a>",
    b'<!DOCTYPE a [<!ENTITY b "',
    b"a,b\n1,",
    b'{"a": [1,',
    b"[" * 2000,
    gzip.compress(b"a,b\n1,2\n" * 9),
    gzip.compress(b"")[:-3],
    archive(),
    archive()[:-9],
    MOVIE,
    b"%PDF-1.5",
    b"PAR1",
    LFS_POINTER,
]
contents = st.builds(lambda head, body: head + body, st.sampled_from(BEGINNINGS), st.binary(max_size=300))


@given(contents, st.sampled_from(FORMATS))
@settings(max_examples=400)
def test_no_content_raises_and_memory_and_streams_agree(body: bytes, form: str | None) -> None:
    problem_of(body, form)


@pytest.mark.slow
@given(st.data(), st.sampled_from([("zip", archive()), ("mp4", MOVIE), ("json.gz", gzip.compress(b"[1, 2, 3]" * 30))]))
@settings(max_examples=200)
def test_no_damage_raises(data: st.DataObject, specimen: tuple[str, bytes]) -> None:
    form, body = specimen
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    problem_of(bytes(damaged), form)


# ---- whatever its format -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_file_is_found(form: str | None) -> None:
    assert problem_of(b"", form) == "it is empty"


@pytest.mark.parametrize("form", FORMATS)
def test_a_git_lfs_pointer_is_found(form: str | None) -> None:
    assert problem_of(LFS_POINTER, form) == "it is a Git LFS pointer, not the file itself"


def test_a_large_text_that_begins_as_a_pointer_is_a_text() -> None:
    assert problem_of(LFS_POINTER * 10, "txt") == ""


@pytest.mark.parametrize("form", FORMATS)
def test_an_html_page_is_found(form: str | None) -> None:
    problem = problem_of(HTML_PAGE, form)
    assert problem.startswith("it is an HTML page, not ")
    assert "it begins '<!DOCTYPE html> <html lang=" in problem


@pytest.mark.parametrize(
    ("form", "expected"), [("json", "JSON"), ("CSV", "CSV"), ("csv.gz", "GZ"), ("txt", "the file itself")]
)
def test_the_problem_names_the_expected_format_of_a_page(form: str, expected: str) -> None:
    assert problem_of(HTML_PAGE, form).startswith(f"it is an HTML page, not {expected}: it begins ")


@pytest.mark.parametrize("form", ["html", "htm", "xhtml", "HTML"])
def test_an_html_page_may_be_one(form: str) -> None:
    assert problem_of(HTML_PAGE, form) == ""


@pytest.mark.parametrize("form", UNKNOWN)
def test_a_file_of_an_unknown_format_passes(form: str | None) -> None:
    for body in (b"\0\1\2", b"{", b"<Error/>", b" ", gzip.compress(b"x")[:-2]):
        assert problem_of(body, form) == ""


def test_only_the_head_of_a_file_of_an_unknown_format_is_read() -> None:
    stream = io.BytesIO(b"1" * 1_000_000)
    at_close: list[int] = []

    class Watched(io.BytesIO):
        def close(self) -> None:
            at_close.append(self.tell())
            super().close()

    assert check_stream(lambda: Watched(stream.getvalue()), 1_000_000, "dat").problem == ""
    assert at_close == [1 << 14]


# ---- one thing in place of another ---------------------------------------------------------------------


@pytest.mark.parametrize("form", BINARY)
@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b'{"message": "Not Found"}', "it is JSON, not "),
        (b"<Error><Code>NoSuchKey</Code></Error>", "it is XML, not "),
        (b"Too many requests, try again later\n", "it is text, not "),
        (b"\x00\x01\x02\x03" * 9, "it is binary data, not "),
        (b" \n", "it holds only white space, and no "),
    ],
)
def test_the_problem_names_the_kind_of_a_binary_file(form: str, body: bytes, seen: str) -> None:
    assert problem_of(body, form).startswith(seen)


@pytest.mark.parametrize("form", TEXT)
@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (archive(), "it is a ZIP archive, not "),
        (b"%PDF-1.5\n%\xe2\xe3", "it is a PDF document, not "),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is a PNG image, not "),
        (MOVIE, "it is an MP4 video, not "),
    ],
)
def test_the_problem_names_a_binary_file_in_place_of_a_text(form: str, body: bytes, seen: str) -> None:
    assert problem_of(body, form).startswith(seen)


def test_the_problem_names_a_zip_in_place_of_a_gzip() -> None:
    assert problem_of(archive(), "json.gz") == "it is a ZIP archive, not gzip"


# ---- what is handed back -------------------------------------------------------------------------------


def test_findings_say_nothing_by_default() -> None:
    assert Findings() == Findings(problem="", parsed={})


def test_a_shape_is_decoded_in_memory_and_from_a_stream() -> None:
    shape = list[msgspec.defstruct("Event", [("id", str)])]  # type: ignore[misc]
    body = b'[{"id": "a", "type": {"id": 3}}, {"id": "b"}]'
    for findings in (
        check_bytes(body, "json", [shape]),
        check_stream(lambda: Forward(body), len(body), "json", [shape]),  # type: ignore[arg-type, return-value]
    ):
        assert [event.id for event in findings.parsed[shape]] == ["a", "b"]


def test_nothing_is_parsed_of_a_broken_file() -> None:
    assert check_bytes(b"[1, 2", "json", [list[int]]) == Findings("the JSON breaks off at byte 5")


def test_only_json_is_parsed() -> None:
    assert check_bytes(b"[1]\n", "jsonl", [list[int]]) == Findings()


def test_a_stream_that_fails_is_no_problem_of_the_file() -> None:
    class Failing(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            raise IntegrityError("The object x is damaged.")

    for form in FORMATS:
        with pytest.raises(IntegrityError):
            check_stream(Failing, 10, form)  # type: ignore[arg-type]


def test_a_file_that_cannot_be_opened_is_no_problem_of_the_file() -> None:
    def refuse() -> io.BytesIO:
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        check_stream(refuse, 10, "zip")


def test_a_content_that_takes_all_memory_is_a_problem() -> None:
    def fill() -> io.BytesIO:
        raise MemoryError

    assert "too large, or nested too deeply" in check_stream(fill, 10, "zip").problem


def test_secrets_are_not_shown() -> None:
    page = b"<html><a href='https://user:hunter2@example.com/?token=hunter2'>" + b"x" * 100
    assert "hunter2" not in problem_of(page, "json")


def test_importing_it_does_not_import_msgspec_or_zipfile() -> None:
    code = (
        "import sys, ingestify.checks.files; print([m for m in ('msgspec', 'zipfile', 'pyexpat') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert ran.stdout.strip() == "[]"
