"""Reads a response from the wire: strict about its head, and about the announced length of its body.

http.client is not used here. Its headers go through a parser for e-mail, which takes most of the time of a small
response, and accepts headers that break off. And it accepts chunks of negative size (`int()` reads `-5` and `0x5`).
docs/hostile.md lists what is refused.
"""

from __future__ import annotations

import contextlib
import io
import re
import select
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from ingestify.clock import monotonic
from ingestify.fetch.transport.headers import Headers
from ingestify.fetch.transport.transport import TransportError

__all__ = ["ResponseReader", "Wire", "is_readable", "reason_of"]

_CHUNK_BYTES = 1 << 19
_WHOLE_BYTES = 4 << 20
# After so many seconds, the bytes of a slow body are passed on.
_CHUNK_SECONDS = 0.25
# One read gets a small file together with its headers.
_BUFFER_BYTES = 1 << 16
_MOST_HEADER_BYTES = 1 << 16
_MOST_HEADERS = 200
_MOST_INTERIM = 20
_MOST_CHUNK_LINE_BYTES = 1 << 12

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9])[ \t]+([1-9][0-9][0-9])(?:[ \t][^\0\r\n]*)?\r?\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\0\r\n]*)?\r?\n")
_LINE_END = re.compile(rb"\n")
_EMPTY_LINE = re.compile(rb"^\r?\n", re.MULTILINE)
# All but the characters that would end a header, or a line of a log (RFC 9110, section 5.5).
_ALLOWED = bytes([*b"\t\n", *range(0x20, 0x7F), *range(0x80, 0x100)])
# Python's str.strip() would remove more than these, and change a header.
_BLANKS = " \t"
_EMPTY_LINES = (b"\r\n", b"\n")
_HEAD_ENDS = (b"\n\r\n", b"\n\n")
_NO_SENSE = "the connection broke: its headers make no sense"
_CUT_CHUNK = "the body was cut short: it ended inside a chunk"
_LONG_HEAD = "the connection broke: it has more headers than make sense"
_CUT_HEAD = "the connection broke: the headers were cut short"


class Wire:
    """The bytes of one response, as they come; a provider that is too slow is given up.

    Args:
        sock: The connection.
        least_bytes_per_second: Less than this, over `window_seconds` of waiting, is too slow. Only the time counts in
            which a reader waits for the provider.
        window_seconds: See `least_bytes_per_second`.
        total_seconds: How long the response may take from now on; None: any time.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        least_bytes_per_second: float = 0.0,
        window_seconds: float = 120.0,
        total_seconds: float | None = None,
    ) -> None:
        self._sock = sock
        self._least = least_bytes_per_second * window_seconds
        self._window_seconds = window_seconds
        self._total_seconds = total_seconds
        self._began = monotonic()
        self._received = 0
        self._waited = 0.0
        self._came = b""
        self._at = 0
        """How many of these bytes were read."""
        self._is_drained = False
        """Whether no more had come than what was received last."""

    @property
    def has_unread(self) -> bool:
        """Whether bytes have come that were not read."""
        return self._at < len(self._came)

    def readinto(self, buffer: Any) -> int:
        """Wait for the next bytes. Returns how many there are; 0 at the end of the connection.

        Raises:
            TransportError: They come too slowly, or the response takes too long.
            OSError: The connection broke.
        """
        if self.has_unread:
            data = self._take(len(buffer))
            buffer[: len(data)] = data
            return len(data)
        began = monotonic()
        count = self._sock.recv_into(buffer)
        self._count(count, len(buffer), began)
        return count

    def read_some(self, most: int) -> bytes:
        """Return the next bytes, at least one; none at the end of the connection. Raises as `readinto` does."""
        if not self.has_unread:
            self._came, self._at = self._receive(), 0
        return self._take(most)

    def read_through(self, end: re.Pattern[bytes], most: int) -> bytes:
        """Return the next bytes through a match of `end`; without a match, the first `most`, or all of the connection.

        Raises as `readinto` does.
        """
        found = end.search(self._came, self._at)
        while found is None and (unread := len(self._came) - self._at) < most and (data := self._receive()):
            self._came, self._at = self._came[self._at :] + data, 0
            found = end.search(self._came, max(0, unread - 1))
        return self._take(most if found is None else min(most, found.end() - self._at))

    def peek_now(self) -> bytes:
        """Return the bytes that have come and were not read, without waiting."""
        # Of TLS, one record is received at a time, whatever has come.
        is_drained = self._is_drained and not isinstance(self._sock, ssl.SSLSocket)
        if not (self.has_unread or is_drained) and is_readable(self._sock):
            timeout = self._sock.gettimeout()
            self._sock.settimeout(0)
            with contextlib.suppress(OSError):  # none have come
                self._came, self._at = self._sock.recv(_BUFFER_BYTES), 0
            self._sock.settimeout(timeout)
        return self._came[self._at :]

    def _take(self, most: int) -> bytes:
        data = self._came[self._at : self._at + most]
        self._at += len(data)
        return data

    def _receive(self) -> bytes:
        began = monotonic()
        data = self._sock.recv(_BUFFER_BYTES)
        self._count(len(data), _BUFFER_BYTES, began)
        return data

    def _count(self, count: int, most: int, began: float) -> None:
        """Count received bytes. Raises a TransportError if they came too slowly."""
        now = monotonic()
        self._is_drained = count < most
        self._received += count
        self._waited += now - began
        if self._waited >= self._window_seconds:
            came, waited = self._received, self._waited
            self._received, self._waited = 0, 0.0
            if came < self._least and count:
                raise TransportError(f"the provider sends too slowly: {came} bytes in {waited:.0f} s")
        if self._total_seconds is not None and now - self._began > self._total_seconds:
            raise TransportError(
                f"the response is not whole after {self._total_seconds:g} s",
                remedy="raise this source's timeout.total_seconds, if the provider needs longer",
            )


def is_readable(sock: socket.socket) -> bool:
    """Return whether reading would not wait: bytes have come, or the other side has closed."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    try:
        if hasattr(select, "poll"):  # select() refuses file numbers above 1,023
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True  # closed on our side


def reason_of(error: OSError) -> str:
    """Return, for people, what went wrong on a connection."""
    if isinstance(error, TimeoutError):
        return "the provider stopped answering"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error}"
    return f"the connection broke: {error or type(error).__name__}"


class _RawWire(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.readinto(buffer)


class ResponseReader:
    """Reads one response. Creating it reads the head.

    Args:
        wire: The bytes.

    Attributes:
        status: The HTTP status.
        headers: The headers.
        is_chunked: Whether the body comes in chunks.
        length: The announced length of the body; None: it is in chunks, or ends with the connection.
        will_close: Whether the connection cannot be used for another request.
        is_whole: Whether the body was read to its end.

    Raises:
        TransportError: The head is not HTTP.
        OSError: The connection broke.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._scratch: bytearray | None = None
        interim = 0
        while True:
            is_old, self.status = self._read_status()
            self.headers = self._read_headers()
            if self.status >= 200:
                break
            # A response 1xx is dropped. 101 would switch to another protocol, which was not requested.
            interim += 1
            if self.status == 101 or interim > _MOST_INTERIM:
                raise TransportError(f"{_NO_SENSE} (status {self.status}, {interim} times before the response)")
        self.is_chunked, self.length = _framing(self.status, self.headers)
        self.will_close = self._will_close(is_old)
        self.is_whole = self.length == 0

    # ---- the head --------------------------------------------------------------------------------------

    def _readline(self, most: int) -> bytes:
        return self._wire.read_through(_LINE_END, most)

    def _read_status(self) -> tuple[bool, int]:
        line = self._readline(_MOST_HEADER_BYTES)
        if line in _EMPTY_LINES:  # that old servers send behind a body
            line = self._readline(_MOST_HEADER_BYTES)
        if not line:
            raise ConnectionResetError("the provider closed it without a response")
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            is_cut = line.startswith(b"HTTP/1.") and not line.endswith(b"\n") and len(line) < _MOST_HEADER_BYTES
            raise TransportError(_CUT_HEAD if is_cut else "the connection broke: what came is no HTTP")
        return found[1] == b"0", int(found[2])

    def _read_headers(self) -> Headers:
        head = self._wire.read_through(_EMPTY_LINE, _MOST_HEADER_BYTES)
        if head not in _EMPTY_LINES and not head.endswith(_HEAD_ENDS):
            raise TransportError(_LONG_HEAD if len(head) == _MOST_HEADER_BYTES else _CUT_HEAD)
        head = head.replace(b"\r\n", b"\n")
        if head.translate(None, _ALLOWED):
            raise TransportError(f"{_NO_SENSE} (control characters)")
        pairs: list[tuple[str, str]] = []
        for line in head.decode("latin-1").split("\n")[:-2]:
            name, colon, value = line.partition(":")
            if line[0] in _BLANKS and pairs:
                # Folded, as was allowed once (RFC 9112, section 5.2).
                pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {line.strip(_BLANKS)}")
            elif not colon or line[0] in _BLANKS or not (name := name.rstrip(_BLANKS)):
                raise TransportError(_NO_SENSE)
            else:
                pairs.append((name, value.strip(_BLANKS)))
        if len(pairs) > _MOST_HEADERS:
            raise TransportError(_LONG_HEAD)
        return Headers(pairs)

    def _will_close(self, is_old: bool) -> bool:
        """Return whether the connection ends with this response, or cannot be trusted with another request."""
        if not self.is_chunked and self.length is None:
            return True
        # A length beside chunks is used to make one response look like two (RFC 9112, section 6.3). So the chunks
        # count, and the connection is closed behind them. Chunks in HTTP/1.0 are as wrong.
        if self.is_chunked and (is_old or "Content-Length" in self.headers):
            return True
        words = self.headers.get("Connection", "").lower()
        if is_old:
            return "keep-alive" not in words and "Keep-Alive" not in self.headers
        return "close" in words

    # ---- the body --------------------------------------------------------------------------------------

    def iter_body(self) -> Iterator[bytes]:
        """Yield the body as it comes.

        Raises:
            TransportError: Fewer or more bytes came than were announced, or the chunks are wrong.
            OSError: The connection broke.
        """
        yield from self._iter_chunks() if self.is_chunked else self._iter_plain()
        if self._wire.peek_now().strip(b"\r\n"):
            raise TransportError("more came than was announced: the body, or its length, is wrong")
        self.is_whole = True

    @property
    def leaves_nothing(self) -> bool:
        """Whether the connection can be used for another request: nothing is left of this response."""
        return self.is_whole and not self.will_close and not self._wire.has_unread

    def _iter_chunks(self) -> Iterator[bytes]:
        """Yield a body in chunks (RFC 9112, section 7.1)."""
        while left := self._read_chunk_size():
            while left:
                data = self._wire.read_some(left)
                if not data:
                    raise TransportError(_CUT_CHUNK)
                left -= len(data)
                yield data
            if (end := self._readline(2)) not in _EMPTY_LINES:
                long = "the body makes no sense: a chunk is longer than its size"
                raise TransportError(_CUT_CHUNK if len(end) < 2 else long)
        self._skip_trailers()

    def _read_chunk_size(self) -> int:
        line = self._readline(_MOST_CHUNK_LINE_BYTES)
        found = _CHUNK_LINE.fullmatch(line)
        if found is not None:
            return int(found[1], 16)
        if not line.endswith(b"\n") and len(line) < _MOST_CHUNK_LINE_BYTES:
            raise TransportError("the body was cut short: it ended before its last chunk")
        raise TransportError(f"the body makes no sense: a chunk has the size {line[:40]!r}")

    def _skip_trailers(self) -> None:
        """Read the headers behind the last chunk, which nobody needs."""
        left = _MOST_HEADER_BYTES
        # Some providers close before the empty line that ends them; all chunks came all the same.
        while (line := self._readline(left + 1)) not in (*_EMPTY_LINES, b""):
            left -= len(line)
            if left < 0 or not line.endswith(b"\n"):
                raise TransportError("the body makes no sense: what follows its last chunk does not end")

    def _iter_plain(self) -> Iterator[bytes]:
        announced = self.length
        came = 0
        while announced is None or came < announced:
            data, error = self._read_piece(_CHUNK_BYTES if announced is None else announced - came)
            if data:  # also the bytes before an error, as the rest may be requested later
                came += len(data)
                yield data
            if error is not None:
                raise error
            if not data:
                break
        if announced is not None and came < announced:
            raise TransportError(f"the body was cut short: {came} bytes came, {announced - came} more were announced")

    def _read_piece(self, most: int) -> tuple[bytes, Exception | None]:
        """Return the next bytes, or none at the end, and the error behind them."""
        if most <= _BUFFER_BYTES:
            return self._wire.read_some(most), None  # mostly, these bytes have come already
        if (self.length or _WHOLE_BYTES) < _WHOLE_BYTES:
            # In one piece: with many threads, each further piece and copy of such a body costs more than receiving
            # it. The bytes before an error are lost; fetching them again is as quick.
            return io.BufferedReader(_RawWire(self._wire), 1).read(most), None
        self._scratch = self._scratch or bytearray(_CHUNK_BYTES)
        view = memoryview(self._scratch)[:most]
        filled = 0
        began = monotonic()
        try:
            while filled < len(view):
                count = self._wire.readinto(view[filled:])
                filled += count
                # So a slow provider does not delay a stop of the run.
                if not count or monotonic() - began > _CHUNK_SECONDS:
                    break
        except (OSError, TransportError) as error:
            return bytes(view[:filled]), error
        return bytes(view[:filled]), None


def _framing(status: int, headers: Headers) -> tuple[bool, int | None]:
    """Return whether the body is in chunks, and its length; None: it ends with the connection (RFC 9112, 6.3)."""
    if status in (204, 304):
        return False, 0
    encoding = headers.get("Transfer-Encoding", "").lower()
    if encoding == "chunked":
        return True, None
    if encoding not in ("", "identity"):
        raise TransportError(f"{_NO_SENSE} (Transfer-Encoding {encoding[:40]!r})")
    said = headers.get("Content-Length")
    if said is None:
        return False, None
    length, *others = {one.strip(_BLANKS) for one in said.split(",")}
    if others or not (length.isascii() and length.isdigit() and len(length) < 20):
        raise TransportError(f"{_NO_SENSE} (Content-Length {said[:40]!r})")
    return False, int(length)
