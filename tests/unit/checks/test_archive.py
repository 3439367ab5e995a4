from __future__ import annotations

import io
import random
import stat
import sys
import unicodedata
import zipfile
import zlib

import inflate64
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.checks.archive import Archive, ArchiveLimits
from ingestify.errors import IntegrityError

BODY = b"frame,x,y\n" * 100_000


def archive_of(*members: tuple[str | zipfile.ZipInfo, bytes]) -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as written:
        for name, body in members:
            written.writestr(name, body)
    return made


def named(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = name  # as a hostile writer would, past what ZipInfo does to names
    info.external_attr = mode << 16
    return info


def test_members_are_read_one_by_one_in_the_order_of_the_archive() -> None:
    archive = Archive(archive_of(("b/tracking.csv", BODY), ("b/", b""), ("a.json", b"{}"), ("none", b"")))
    assert archive.names == ("b/tracking.csv", "a.json", "none")
    assert archive.get_size("b/tracking.csv") == len(BODY)
    assert [(name, stream.read()) for name, stream in archive.iter_members()] == [
        ("b/tracking.csv", BODY),
        ("a.json", b"{}"),
        ("none", b""),
    ]


def test_two_members_may_be_read_side_by_side() -> None:
    archive = Archive(archive_of(("a", BODY), ("b", BODY[::-1])))
    with archive.open_member("a") as one, archive.open_member("b") as other:
        pieces = [(one.read(70_000), other.read(50_000)) for _ in range(25)]
    assert b"".join(first for first, _ in pieces) == BODY
    assert b"".join(second for _, second in pieces) == BODY[::-1]


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "C:/x",
        "c:x",
        "..",
        "a/..",
        "a\nb",
        "\x7f",
        " ",
        "..\\x",
        "//host/x",
        "\\x",
        "a\\..\\x",
        "C:\\x",
    ],
)
def test_a_name_that_leaves_the_archive_is_refused(name: str) -> None:
    with pytest.raises(IntegrityError, match="has a name that leaves the archive, or none"):
        Archive(archive_of(("good.csv", b"1"), (named(name), b"1")))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused(kind: int) -> None:
    with pytest.raises(IntegrityError, match="'link' is a link or a device"):
        Archive(archive_of((named("link", kind | 0o777), b"/etc/passwd")))


def test_files_and_folders_with_permissions_are_not() -> None:
    archive = Archive(archive_of((named("a", stat.S_IFREG | 0o644), b"1"), (named("d/", stat.S_IFDIR | 0o755), b"")))
    assert archive.names == ("a",)


def test_powershells_backslash_separates_folders():
    archive = Archive(archive_of((named("match\\events.json"), b"[1]"), (named("match\\"), b"")))
    assert archive.names == ("match/events.json",)
    assert archive.open_member("match\\events.json").read() == archive.open_member("match/events.json").read() == b"[1]"
    with pytest.raises(IntegrityError, match="several members of one name"):
        Archive(archive_of((named("a\\b"), b"1"), (named("a/b"), b"2")))


def test_an_archive_of_macos_has_the_files_that_somebody_put_into_it():
    decomposed = unicodedata.normalize("NFD", "Málaga/evénts.json")
    written = archive_of(
        (decomposed, b"[1]"),
        (f"__MACOSX/{decomposed.replace('/', '/._')}", b"\0\5\x16\7"),
        ("Málaga/.DS_Store", b"x"),
        ("Málaga/._video.mp4", b"x"),
    ).getvalue()
    assert Archive(io.BytesIO(written)).names == ("Málaga/evénts.json",)
    # Finder writes UTF-8, and not that it does.
    silent = bytearray(written)
    for signature, at in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
        place = -1
        while (place := silent.find(signature, place + 1)) >= 0:
            silent[place + at] &= ~0x08
    archive = Archive(io.BytesIO(silent))
    assert archive.names == ("Málaga/evénts.json",)
    assert archive.open_member(decomposed).read() == b"[1]"


def test_a_name_in_the_code_page_of_dos_is_kept():
    info = named("M_ller.csv")
    made = archive_of((info, b"1")).getvalue().replace(b"M_ller.csv", "Müller.csv".encode("cp437"))
    assert Archive(io.BytesIO(made)).names == ("Müller.csv",)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_several_members_of_one_name_are_refused() -> None:
    with pytest.raises(IntegrityError, match="several members of one name"):
        Archive(archive_of(("a", b"1"), ("a", b"2")))


def test_an_encrypted_member_is_refused() -> None:
    body = bytearray(archive_of(("a", b"1")).getvalue())
    body[6] |= 1
    body[body.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(IntegrityError, match="'a' is encrypted"):
        Archive(io.BytesIO(body))


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        (ArchiveLimits(members=2), "has 3 members, more than 2"),
        (ArchiveLimits(size_bytes=1000), "is a bomb"),
        (ArchiveLimits(ratio=10, ratio_from_bytes=1000), "is a bomb"),
    ],
)
def test_the_limits_are_the_callers(limits: ArchiveLimits, problem: str) -> None:
    body = archive_of(("a", BODY), ("b", b"1"), ("c", b"1"))
    assert len(Archive(body).names) == 3
    with pytest.raises(IntegrityError, match=problem):
        Archive(body, limits)


def test_a_file_that_is_no_archive_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"The ZIP archive breaks off at byte 7.* Ask the provider for another"):
        Archive(io.BytesIO(b"no ZIP!"))


def test_a_missing_member_is_an_error() -> None:
    with pytest.raises(IntegrityError, match="no member 'b'; it has 1 others"):
        Archive(archive_of(("a", b"1"))).open_member("b")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_member_that_is_read_to_its_end_has_the_right_crc(method: int) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as written:
        written.writestr("a", BODY)
    assert Archive(made).open_member("a").read() == BODY
    body = bytearray(made.getvalue())
    body[len(body) // 3] ^= 0x55
    with pytest.raises(IntegrityError, match="'a' is damaged"):
        Archive(io.BytesIO(body)).open_member("a").read()


@pytest.mark.parametrize(("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_an_unsupported_method_is_an_error_with_a_remedy(method: int, name: str) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as written:
        written.writestr("a", BODY)
    with pytest.raises(IntegrityError, match=rf"'a' cannot be read: it is compressed with {name}; have .* Deflate"):
        Archive(made).open_member("a").read()


def test_a_member_that_cannot_be_inflated_is_an_error() -> None:
    body = bytearray(archive_of(("a", b"1")).getvalue())
    for at in (8, body.index(b"PK\1\2") + 10):
        body[at : at + 2] = (97).to_bytes(2, "little")
    with pytest.raises(IntegrityError, match="'a' cannot be read: it is compressed with the method number 97; have"):
        Archive(io.BytesIO(body)).open_member("a").read()


def deflate64_archive(content: bytes) -> bytearray:
    """An archive as Windows Explorer makes it of large files: compressed by another, with the method 9."""
    deflater = inflate64.Deflater()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as written:
        written.writestr("a", deflater.deflate(content) + deflater.flush())
    body = bytearray(made.getvalue())
    for header, method in ((0, 8), (body.index(b"PK\1\2"), 10)):
        body[header + method : header + method + 2] = (9).to_bytes(2, "little")
        crc = header + method + 6
        body[crc : crc + 4] = zlib.crc32(content).to_bytes(4, "little")
        body[crc + 8 : crc + 12] = len(content).to_bytes(4, "little")
    return body


@pytest.mark.parametrize("content", [b"[1]", BODY, bytes(3_000_000), random.Random(1).randbytes(100_000)])
def test_deflate64_is_read_in_small_pieces(content: bytes) -> None:
    with Archive(io.BytesIO(deflate64_archive(content))).open_member("a") as member:
        assert b"".join(iter(lambda: member.read(100_000), b"")) == content
    broken = deflate64_archive(content)
    broken[31] ^= 0xFF
    with pytest.raises(IntegrityError, match="'a' is damaged"):
        Archive(io.BytesIO(broken)).open_member("a").read()


def test_without_its_package_deflate64_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inflate64", None)
    with pytest.raises(
        IntegrityError, match=r"compressed with Deflate64, as Windows Explorer .*'deflate64', have .* made by 7-Zip"
    ):
        Archive(io.BytesIO(deflate64_archive(BODY))).open_member("a").read()


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_done_to_an_archive_it_is_read_or_refused(data: st.DataObject) -> None:
    method = data.draw(st.sampled_from([0, 8, 12, 14]))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as written:
        written.writestr("a.csv", b"frame,1\n" * 50)
        written.writestr("b/c.json", b"{}")
    body = bytearray(made.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        change = data.draw(st.sampled_from(["flip", "cut", "insert", "ones"]))
        if change == "flip":
            body[at] ^= data.draw(st.integers(1, 255))
        elif change == "cut":
            del body[at : at + data.draw(st.integers(1, 30))]
        elif change == "insert":
            body[at:at] = data.draw(st.binary(max_size=40))
        else:
            body[at : at + 4] = b"\xff" * 4
        if not body:
            return
    try:
        archive = Archive(io.BytesIO(body), ArchiveLimits(size_bytes=1 << 20))
        for name, stream in archive.iter_members():
            assert len(stream.read()) == archive.get_size(name)
    except IntegrityError:
        pass
