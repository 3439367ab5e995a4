from __future__ import annotations

import io
import struct
import time

import pytest

from ingestify.checks import iso_media
from ingestify.checks.files import check_bytes, check_stream
from tests.unit.checks.specimens import Forward, problem_of


def box(kind: bytes, body: bytes = b"", *, large: bool = False, length: int | None = None) -> bytes:
    """Write one box, with a length of 64 bits if it is large."""
    if large:
        return struct.pack(">I4sQ", 1, kind, 16 + len(body) if length is None else length) + body
    return struct.pack(">I4s", 8 + len(body) if length is None else length, kind) + body


FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
MOOV = box(b"moov", box(b"mvhd", bytes(100)))
MDAT = box(b"mdat", bytes(range(256)) * 4)
MOVIE = FTYP + MOOV + MDAT


@pytest.mark.parametrize("form", ["mp4", "m4v", "m4a", "mov"])
@pytest.mark.parametrize(
    "body",
    [
        MOVIE,
        FTYP + box(b"free") + MDAT + MOOV,
        FTYP + box(b"mdat", b"frames", large=True) + MOOV,
        FTYP + MOOV + box(b"mdat", b"frames", length=0),
        FTYP + MOOV + (box(b"moof", b"12") + box(b"mdat", b"34")) * 5 + box(b"mfra"),
        FTYP + box(b"uuid", bytes(20)) + MOOV + box(b"\xa9xyz", b"+52+4/") + MDAT,
        MOVIE + b"\0\0\0\0",
    ],
)
def test_a_complete_movie_passes(form: str, body: bytes) -> None:
    assert problem_of(body, form) == ""


@pytest.mark.parametrize("start", [b"moov", b"wide", b"free", b"skip"])
def test_a_quicktime_movie_may_do_without_ftyp(start: bytes) -> None:
    body = (MOOV if start == b"moov" else box(start) + MOOV) + MDAT
    assert problem_of(body, "mov") == ""
    assert problem_of(body, "mp4").startswith("it is binary data, not MP4")


def test_a_movie_that_is_cut_anywhere_is_found() -> None:
    assert [kept for kept in range(len(MOVIE)) if not check_bytes(MOVIE[:kept], "mp4").problem] == []


def test_the_problem_names_where_a_cut_movie_breaks_off() -> None:
    at = len(FTYP) + len(MOOV)
    assert problem_of(MOVIE[:-24], "mp4") == (
        f"the video breaks off: its box 'mdat' at byte {at} ends at byte {len(MOVIE)}, "
        f"and the file has {len(MOVIE) - 24} bytes"
    )
    assert (
        problem_of(MOVIE + b"\0\0\1", "mp4") == f"the video breaks off at byte {len(MOVIE) + 3}, in the header of a box"
    )
    large = FTYP + box(b"mdat", large=True)[:12]
    assert "in the header of the box 'mdat'" in problem_of(large, "mp4")


def test_a_movie_without_an_index_is_found() -> None:
    assert problem_of(FTYP + MDAT, "mp4") == "the MP4 has no box 'moov', so nothing can be played"
    assert "'mdat'" in problem_of(FTYP + MOOV, "mp4")
    assert "'moov' and 'mdat'" in problem_of(FTYP, "mp4")
    assert "'moov'" in problem_of(FTYP + box(b"mdat", length=0) + MOOV, "mp4")


@pytest.mark.parametrize("length", [2, 7])
def test_a_length_that_is_none_is_found(length: int) -> None:
    assert "has no box" in problem_of(FTYP + box(b"moov", length=length) + MDAT, "mp4")
    assert "has no box" in problem_of(FTYP + box(b"moov", large=True, length=15) + MDAT, "mp4")


def test_the_frames_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 40 << 30

    class Sparse(io.RawIOBase):
        """A movie of 40 GB, of which only the boxes' headers exist."""

        at = 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.at = offset if whence == 0 else self.at + offset if whence == 1 else size + offset
            return self.at

        def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
            head = FTYP + MOOV + struct.pack(">I4sQ", 1, b"mdat", size - len(FTYP) - len(MOOV))
            data = head[self.at : self.at + len(buffer)] if self.at < len(head) else bytes(min(len(buffer), 1 << 16))
            buffer[: len(data)] = data
            self.at += len(data)
            return len(data)

    start = time.thread_time()
    assert check_stream(Sparse, size, "mp4").problem == ""  # type: ignore[arg-type]
    assert time.thread_time() - start < 5


def test_a_stream_that_cannot_seek_is_read() -> None:
    assert check_stream(lambda: Forward(MOVIE), len(MOVIE), "mp4").problem == ""  # type: ignore[arg-type, return-value]


def test_too_many_boxes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iso_media, "MOST_BOXES", 10)
    assert problem_of(FTYP + box(b"free") * 20 + MOOV + MDAT, "mp4") == "the video has more than 10 boxes"
