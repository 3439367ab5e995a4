"""Checks UTF-8 piece by piece."""

from __future__ import annotations

import codecs

from ingestify.checks.problem import Problem

__all__ = ["Utf8", "check_utf8"]

_STEP_BYTES = 1 << 16  # in the cache


class Utf8:
    """Checks that a stream of bytes is UTF-8.

    Args:
        start: The position of the first byte in its file.
    """

    def __init__(self, start: int = 0) -> None:
        self._position = start
        self._rest = b""  # the beginning of a character

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        """Check the next bytes, or raise a Problem with the position of the wrong byte."""
        chunk = self._rest + chunk
        try:
            checked = len(chunk) if chunk.isascii() else codecs.utf_8_decode(chunk, "strict", final)[1]
        except UnicodeDecodeError as error:
            position, found = self._position + error.start, chunk[error.start]
            raise Problem(f"it is not UTF-8: byte {position} is 0x{found:02x}") from error
        self._position += checked
        self._rest = chunk[checked:]

    def end(self) -> None:
        """Raise a Problem if the last character is cut."""
        self.feed(b"", final=True)


def check_utf8(body: bytes, start: int = 0) -> None:
    """Raise a Problem if `body`, which begins at byte `start` of its file, is not UTF-8."""
    if body.isascii():  # much quicker than decoding, and true of most files
        return
    reader = Utf8(start)
    # In pieces, because the decoded text takes up to four times the bytes.
    for begin in range(0, len(body), _STEP_BYTES):
        reader.feed(body[begin : begin + _STEP_BYTES], final=begin + _STEP_BYTES >= len(body))
