"""Checks UTF-8 piece by piece."""

from __future__ import annotations

import codecs

from ingestify.checks.problem import Problem

__all__ = ["Utf8", "check_utf8"]

_STEP_BYTES = 1 << 14  # in the cache


class Utf8:
    """Checks that a stream of bytes is UTF-8.

    Args:
        start: The position of the first byte in its file.
    """

    def __init__(self, start: int = 0) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._position = start

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        """Check the next bytes, or raise a Problem with the position of the wrong byte."""
        pending = len(self._decoder.getstate()[0])
        if pending or not chunk.isascii():
            try:
                self._decoder.decode(chunk, final)
            except UnicodeDecodeError as error:
                found = error.object[error.start]
                position = self._position - pending + error.start
                raise Problem(f"it is not UTF-8: byte {position} is 0x{found:02x}") from error
        self._position += len(chunk)

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
        reader.feed(body[begin : begin + _STEP_BYTES])
    reader.end()
