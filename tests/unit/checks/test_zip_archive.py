from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.checks import zip_archive
from ingestify.checks.files import check_bytes, check_stream
from tests.unit.checks.specimens import Forward, problem_of


def archive(*names: str, method: int = zipfile.ZIP_DEFLATED, body: bytes = b"match events " * 900) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as written:
        for name in names:
            written.writestr(name, b"" if name.endswith("/") else body)
    return made.getvalue()


def real(provider_data: Path) -> bytes:
    return (provider_data / "wyscout/raw_data/matches.zip").read_bytes()


@pytest.mark.parametrize("form", ["zip", "xlsx", "docx", "events.zip", "ZIP"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_complete_archive_passes(form: str, method: int) -> None:
    assert problem_of(archive("a.json", "folder/", "folder/b.json", method=method), form) == ""


def test_an_archive_with_a_comment_or_with_something_before_it_passes() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        written.writestr("a", "1")
        written.comment = b"made by us" * 100
    assert problem_of(made.getvalue(), "zip") == ""
    assert problem_of(b"PK and more" + archive("a"), "zip") == ""


def test_an_archive_of_64_bits_passes() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written, written.open("a", "w", force_zip64=True) as member:
        member.write(b"1")
    assert problem_of(made.getvalue(), "zip") == ""
    many = archive(*(f"{number}" for number in range(70_000)), body=b"")
    assert check_bytes(many, "zip").problem == ""


@pytest.mark.parametrize("kept", [0.001, 0.3, 0.9, 0.9999])
def test_a_cut_archive_is_found(provider_data: Path, kept: float) -> None:
    whole = real(provider_data)
    cut = whole[: int(len(whole) * kept)]
    assert problem_of(cut, "zip") == (
        f"the ZIP archive breaks off at byte {len(cut)}: it has no central directory at its end"
    )


def test_an_archive_without_its_beginning_is_found(provider_data: Path) -> None:
    assert check_bytes(b"PK\3\4" + real(provider_data)[5000:], "zip").problem


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_flipped_byte_in_a_real_member_is_found(provider_data: Path, at: float) -> None:
    body = bytearray(real(provider_data))
    body[int(len(body) * at)] ^= 0x10
    problem = problem_of(bytes(body), "zip")
    assert problem.startswith("the ZIP archive's member 'matches_")
    assert "is damaged: " in problem


def test_a_flipped_byte_in_a_stored_member_is_found() -> None:
    body = archive("a.csv", "b.csv", method=zipfile.ZIP_STORED).replace(b"match events", b"match Events", 1)
    assert problem_of(body, "zip") == "the ZIP archive's member 'a.csv' is damaged: its CRC is another"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_is_found_however_it_is_compressed(method: int) -> None:
    whole = archive("a.csv", method=method)
    start = len("a.csv") + 30 + 9  # after the header of LZMA, whose version means nothing
    for at in range(start, start + 40, 3):
        body = bytearray(whole)
        body[at] ^= 0xFF
        assert "'a.csv' is damaged: " in problem_of(bytes(body), "zip")


@given(st.integers(0, 199), st.integers(1, 255))
def test_no_damage_raises(at: int, flipped: int) -> None:
    body = bytearray(archive("a.csv"))
    body[at % len(body)] ^= flipped
    problem_of(bytes(body), "zip")


@pytest.mark.parametrize("names", [(), ("folder/",)])
def test_an_archive_without_a_file_is_found(names: tuple[str, ...]) -> None:
    assert problem_of(archive(*names), "zip") == "the ZIP archive holds no file"


def patched(body: bytes, offset: int, value: int) -> bytes:
    """Write two bytes into the header of the only member and into its entry in the central directory."""
    made = bytearray(body)
    made[offset : offset + 2] = struct.pack("<H", value)
    entry = made.index(b"PK\1\2")
    made[entry + offset + 2 : entry + offset + 4] = struct.pack("<H", value)
    return bytes(made)


def test_what_cannot_be_checked_is_no_problem() -> None:
    whole = archive("a.csv")
    assert problem_of(patched(whole, 6, 1), "zip") == ""  # encrypted
    assert problem_of(patched(whole, 8, 97), "zip") == ""  # WavPack
    newer = bytearray(whole)
    newer[newer.index(b"PK\1\2") + 6] = 99
    assert problem_of(bytes(newer), "zip") == ""
    assert check_stream(lambda: Forward(whole[:-9]), len(whole) - 9, "zip").problem == ""  # type: ignore[arg-type, return-value]


def test_a_bomb_is_found_before_it_is_read() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as written, written.open("a", "w") as member:
        for _ in range(110):
            member.write(bytes(1 << 20))
    problem = problem_of(made.getvalue(), "zip")
    assert problem.startswith("the ZIP archive is a bomb: its ")
    assert problem.endswith(f" bytes hold {110 << 20:,}")


def test_too_many_members_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "MOST_MEMBERS", 3)
    assert problem_of(archive(*"abcd"), "zip") == "the ZIP archive has 4 members, more than 3"
    monkeypatch.setattr(zip_archive, "MOST_DIRECTORY_BYTES", 3)
    assert "has a central directory of 188 bytes" in problem_of(archive(*"abcd"), "zip")


def test_a_central_directory_that_lies_about_its_size_is_found() -> None:
    body = bytearray(archive("a.csv"))
    at = body.rindex(b"PK\5\6")
    for size in (0xFFFFFFFF, 40 << 20, 1):
        body[at + 12 : at + 16] = struct.pack("<I", size)
        assert problem_of(bytes(body), "zip")


def test_a_disk_that_fails_is_no_problem_of_the_archive() -> None:
    body = archive("a.csv")

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() == 0 and size == 30:  # the header of the member
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(OSError, match="Input/output error"):
        check_stream(lambda: Failing(body), len(body), "zip")


def test_a_member_without_a_name_is_a_member() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written, written.open(zipfile.ZipInfo(""), "w") as member:
        member.write(b"1")
    assert problem_of(made.getvalue(), "zip") == ""  # zipfile's own is_dir() raises
