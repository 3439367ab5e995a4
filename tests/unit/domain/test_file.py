from __future__ import annotations

import io

import pytest

from ingestify import DraftFile
from ingestify.errors import SourceError


class Endless(io.TextIOBase):
    """Text without end, of which nobody may ask for all."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def read(self, size: int | None = -1) -> str:
        assert size is not None
        assert size > 0, "all of it was asked for"
        self.asked.append(size)
        return "é" * size


def test_text_that_is_read_from_a_file_is_streamed() -> None:
    text = Endless()
    draft = DraftFile.from_input(text, "events")
    assert text.asked == []
    assert draft.stream.read(5) == "éé".encode() + "é".encode()[:1]
    assert sum(text.asked) < 1_000_000


def test_text_of_any_kind_is_stored_as_utf_8() -> None:
    text = "".join(chr(0x100 + number % 0x5000) for number in range(200_000))
    for given in (text, io.StringIO(text)):
        with DraftFile.from_input(given, "events").stream as stream:
            assert stream.read() == text.encode()


def test_a_file_object_that_is_given_is_closed_with_the_stream() -> None:
    given = io.StringIO("x")
    DraftFile.from_input(given, "events").stream.close()
    assert given.closed


def test_a_binary_file_object_is_taken_as_it_is() -> None:
    given = io.BytesIO(b"x")
    assert DraftFile.from_input(given, "events").stream is given


def test_what_is_none_of_these_is_refused() -> None:
    with pytest.raises(SourceError, match="The content of 'events' is a int"):
        DraftFile.from_input(3, "events")  # type: ignore[arg-type]
