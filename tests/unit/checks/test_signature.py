from __future__ import annotations

import bz2
import lzma
from pathlib import Path

import pytest
import zstandard

from ingestify.checks.files import check_stream
from tests.unit.checks.specimens import Forward, problem_of

PARQUET = b"PAR1" + bytes(300) + b"PAR1"


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("bz2", bz2.compress(b"events")),
        ("csv.bz2", bz2.compress(b"events")),
        ("xz", lzma.compress(b"events")),
        ("zst", zstandard.compress(b"events")),
        ("json.zst", b"\x52\x2a\x4d\x18\1\0\0\0x" + zstandard.compress(b"events")),
        ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("jpg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
        ("jpeg", b"\xff\xd8\xff\xe1"),
        ("gif", b"GIF89a"),
        ("7z", b"7z\xbc\xaf\x27\x1c\0\4"),
        ("parquet", PARQUET),
        ("parquet", b"PARE" + bytes(40_000) + b"PARE"),
        ("pdf", b"\n%PDF-1.5\n"),
    ],
)
def test_the_magic_bytes_pass(form: str, body: bytes) -> None:
    assert problem_of(body, form) == ""
    damaged = b"\x01" + body[1:] if form != "pdf" else body.replace(b"%", b"$")
    assert problem_of(damaged, form)


def test_a_real_pdf_passes_and_is_no_image(provider_data: Path) -> None:
    body = (provider_data / "statsbomb/LICENSE.pdf").read_bytes()
    assert problem_of(body, "pdf") == ""
    assert problem_of(body, "png") == "it is a PDF document, not a PNG image"


@pytest.mark.parametrize("body", [PARQUET[:-1], PARQUET + b"\n", b"PAR1", b"PAR1PAR1"])
def test_a_cut_parquet_file_is_found(body: bytes) -> None:
    assert problem_of(body, "parquet") == "the Parquet file breaks off: it does not end with PAR1"


def test_a_parquet_file_in_a_stream_that_cannot_seek_is_read() -> None:
    assert check_stream(lambda: Forward(PARQUET), len(PARQUET), "parquet").problem == ""  # type: ignore[arg-type, return-value]
