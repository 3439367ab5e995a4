from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.checks import zip_directory
from ingestify.checks.files import check_bytes, check_stream
from ingestify.checks.problem import Problem
from ingestify.checks.zip_directory import ArchiveLimits, read_directory
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
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_complete_archive_passes(form: str, method: int) -> None:
    assert problem_of(archive("a.json", "folder/", "folder/b.json", method=method), form) == ""


def test_an_archive_with_a_comment_or_with_something_before_it_passes() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        written.writestr("a", "1")
        written.comment = b"made by us" * 100
    assert problem_of(made.getvalue(), "zip") == ""
    assert problem_of(b"PK and more" + archive("a"), "zip") == ""


@pytest.mark.slow
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
    assert problem_of(body, "zip") == "the ZIP archive's member 'a.csv' is damaged: its CRC does not match"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_member_is_found_however_it_is_compressed(method: int) -> None:
    whole = archive("a.csv", method=method)
    start = len("a.csv") + 30
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


def test_a_file_that_cannot_be_checked_passes() -> None:
    whole = archive("a.csv")
    assert problem_of(patched(whole, 6, 1), "zip") == ""  # encrypted
    assert problem_of(patched(whole, 8, 97), "zip") == ""  # WavPack
    assert problem_of(archive("a.csv", method=zipfile.ZIP_BZIP2), "zip") == ""
    assert problem_of(archive("a.csv", method=zipfile.ZIP_LZMA), "zip") == ""
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
    with pytest.raises(Problem, match="the ZIP archive has 4 members, more than 3"):
        read_directory(io.BytesIO(archive(*"abcd")), ArchiveLimits(members=3))
    monkeypatch.setattr(zip_directory, "MOST_DIRECTORY_BYTES", 100)
    assert "has a central directory of 188 bytes" in problem_of(archive(*"abcd"), "zip")


def end_of(body: bytes, **values: int) -> bytes:
    """Return an archive with other values in its end record."""
    made = bytearray(body)
    at = made.rindex(b"PK\5\6")
    places = {"members": (10, "<H"), "directory_bytes": (12, "<I"), "directory_start": (16, "<I")}
    for name, value in values.items():
        offset, kind = places[name]
        struct.pack_into(kind, made, at + offset, value)
    return bytes(made)


def overlapping(times: int, kernel: int = 1 << 20) -> bytes:
    """Return a bomb of the kind of 2019: one piece of data that many members of the directory name."""
    body = archive("0" * 8, body=bytes(kernel))
    start = body.index(b"PK\1\2")
    entry = body[start : body.rindex(b"PK\5\6")]
    whole = body[:start] + entry * times + body[body.rindex(b"PK\5\6") :]
    return end_of(whole, members=times, directory_bytes=len(entry) * times)


def nested(times: int) -> bytes:
    """Return the same where each member's data is what follows, headers and all, so that names differ."""
    kernel = b"x" * 5000
    headers, entries = b"", b""
    size = times * 34 + len(kernel)
    for number in range(times):
        name = f"{number:04}".encode()
        at = len(headers)
        length = size - at - 34
        data = (headers + kernel)[:0]  # CRCs are never looked at: it is refused before
        fields = struct.pack("<5HIIIHH", 20, 0, 0, 0, 0, zlib.crc32(data), length, length, 4, 0)
        headers += b"PK\3\4" + fields + name
        entries += b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<3HII", 0, 0, 0, 0, at) + name
    end = struct.pack("<4H2IH", 0, 0, times, times, len(entries), size, 0)
    return headers + kernel + entries + b"PK\5\6" + end


@pytest.mark.parametrize("bomb", [overlapping(2), overlapping(1000), nested(2), nested(900)])
def test_members_that_share_bytes_are_found_before_they_are_read(bomb: bytes) -> None:
    assert "reach beyond its place in the archive" in problem_of(bomb, "zip")


def test_a_member_that_says_it_is_larger_than_the_archive_is_found() -> None:
    for compressed, size in ((1 << 31, 1 << 31), (0xFFFFFFFE, 0xFFFFFFFE)):
        body = bytearray(archive("a.csv"))
        entry = body.index(b"PK\1\2")
        struct.pack_into("<II", body, entry + 20, compressed, size)
        assert "reach beyond its place" in problem_of(bytes(body), "zip")


def test_a_member_that_holds_more_than_it_says_is_found_and_no_more_is_made() -> None:
    body = bytearray(archive("a.csv", body=bytes(50 << 20)))
    entry = body.index(b"PK\1\2")
    struct.pack_into("<I", body, entry + 24, 10)
    tracemalloc.start()
    try:
        problem = problem_of(bytes(body), "zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert problem == "the ZIP archive's member 'a.csv' is damaged: it holds more than its 10 bytes"
    assert peak < 4 << 20


@pytest.mark.slow
def test_memory_does_not_grow_with_the_inflated_size() -> None:
    body = archive("a.csv", body=bytes(90 << 20))
    tracemalloc.start()
    try:
        assert problem_of(body, "zip") == ""
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_a_directory_of_64_bits_that_is_none_does_not_hide_the_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # A locator of 64 bits before the end, and no record where it should be: zipfile then believes the end's own sizes.
    monkeypatch.setattr(zip_directory, "MOST_DIRECTORY_BYTES", 1 << 16)
    body = archive(*(f"{number:0200}" for number in range(1000)), body=b"")
    at = body.rindex(b"PK\5\6")
    whole = body[:at] + bytes(56) + b"PK\6\7" + bytes(16) + body[at:]
    assert problem_of(whole, "zip").startswith("the ZIP archive has")


def test_a_huge_directory_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_directory, "MOST_DIRECTORY_BYTES", 1 << 20)
    whole = bytes(8 << 20) + archive("a.csv")
    for size in (6 << 20, 0xFFFFFFFF):
        body = b"PK" + end_of(whole, directory_bytes=size)
        tracemalloc.start()
        try:
            assert problem_of(body, "zip") != ""
            assert tracemalloc.get_traced_memory()[1] < 2 << 20
        finally:
            tracemalloc.stop()


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
