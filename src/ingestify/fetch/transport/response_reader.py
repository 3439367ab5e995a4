"""Reads a response from the wire: strict about its head, and about the announced length of its body.

http.client is not used here. Its headers go through a parser for e-mail, which takes most of the time of a small
response, and accepts headers that break off. And it accepts chunks of negative size (`int()` reads `-5` and `0x5`).
docs/hostile.md lists what is refused.
"""

from __future__ import annotations

import http.client
import io
import re
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

from ingestify.clock import monotonic
from ingestify.fetch.transport.headers import Headers
from ingestify.fetch.transport.transport import TransportError

__all__ = ["ResponseReader", "Wire", "is_readable"]

CHUNK_BYTES = 1 << 19
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
# Characters that would end a header, or a line of a log (RFC 9110, section 5.5); a tab may be part of a value.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Python's str.strip() would remove more than these, and change a header.
_BLANKS = " \t"
_EMPTY_LINES = (b"\r\n", b"\n")
_NO_SENSE = "the connection broke: its headers make no sense"
_CUT_CHUNK = "the body was cut short: it ended inside a chunk"
_CUT_HEAD = "the connection broke: the headers were cut short"


class Wire(io.RawIOBase):
    """The bytes of one response, counted; a provider that is too slow is given up.

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
        self._waited = 0.0
        self._before = 0
        self.received = 0
        """How many bytes have come."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for the next bytes.

        Raises:
            TransportError: They come too slowly, or the response takes too long.
            OSError: The connection broke.
        """
        began = monotonic()
        count = self._sock.recv_into(buffer)
        now = monotonic()
        self.received += count
        self._waited += now - began
        if self._waited >= self._window_seconds:
            came, waited = self.received - self._before, self._waited
            self._before, self._waited = self.received, 0.0
            if came < self._least and count:
                raise TransportError(f"the provider sends too slowly: {came} bytes in {waited:.0f} s")
        if self._total_seconds is not None and now - self._began > self._total_seconds:
            raise TransportError(
                f"the response is not whole after {self._total_seconds:g} s",
                remedy="raise this source's timeout.total_seconds, if the provider needs longer",
            )
        return count

    def peek_now(self, reader: io.BufferedReader[Wire]) -> bytes:
        """Return the bytes that have come and were not read, without waiting."""
        timeout = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            return reader.peek(1)
        except OSError:  # none have come
            return b""
        finally:
            self._sock.settimeout(timeout)

    @property
    def has_more(self) -> bool:
        """Whether bytes have come, or the connection has ended."""
        return is_readable(self._sock)


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


class ResponseReader:
    """Reads one response. Creating it reads the head.

    Args:
        wire: The bytes.
        scratch: Returns a buffer for the pieces of a large body.

    Attributes:
        status: The HTTP status.
        headers: The headers.
        is_chunked: Whether the body comes in chunks.
        length: The announced length of the body; None: it is in chunks, or ends with the connection.
        will_close: Whether the connection cannot be used for another request.
        is_whole: Whether the body was read to its end.

    Raises:
        TransportError: The head is not HTTP.
    """

    def __init__(self, wire: Wire, scratch: Callable[[], bytearray]) -> None:
        self._wire = wire
        self._reader = io.BufferedReader(wire, _BUFFER_BYTES)
        self._scratch = scratch
        self._taken = 0
        """How many of the wire's bytes belong to this response so far."""
        interim = 0
        while True:
            is_old, self.status = self._read_status()
            self.headers = Headers(self._read_headers())
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
        line = self._reader.readline(most)
        self._taken += len(line)
        return line

    def _read_status(self) -> tuple[bool, int]:
        line = self._readline(_MOST_HEADER_BYTES)
        if line in _EMPTY_LINES:  # that old servers send behind a body
            line = self._readline(_MOST_HEADER_BYTES)
        if not line:
            raise http.client.RemoteDisconnected("the provider closed it without a response")
        found = _STATUS_LINE.fullmatch(line)
        if found is None:
            is_cut = line.startswith(b"HTTP/1.") and not line.endswith(b"\n") and len(line) < _MOST_HEADER_BYTES
            raise TransportError(_CUT_HEAD if is_cut else "the connection broke: what came is no HTTP")
        return found[1] == b"0", int(found[2])

    def _read_headers(self) -> list[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        left = _MOST_HEADER_BYTES
        readline = self._reader.readline
        while (line := readline(left + 1)) not in _EMPTY_LINES:
            left -= len(line)
            if not line.endswith(b"\n") and left >= 0:
                raise TransportError(_CUT_HEAD)
            if left < 0 or len(pairs) >= _MOST_HEADERS:
                raise TransportError("the connection broke: it has more headers than make sense")
            text = line[: -2 if line.endswith(b"\r\n") else -1].decode("latin-1")
            if not text.isprintable() and _CONTROL.search(text):
                raise TransportError(f"{_NO_SENSE} (control characters)")
            name, colon, value = text.partition(":")
            if text[0] in _BLANKS:
                if not pairs:
                    raise TransportError(_NO_SENSE)
                # Folded, as was allowed once (RFC 9112, section 5.2).
                pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {text.strip(_BLANKS)}")
            elif not colon or not (name := name.rstrip(_BLANKS)):
                raise TransportError(_NO_SENSE)
            else:
                pairs.append((name, value.strip(_BLANKS)))
        self._taken += _MOST_HEADER_BYTES - left + len(line)
        return pairs

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
        if (self._wire.received > self._taken or self._wire.has_more) and (
            self._wire.peek_now(self._reader).strip(b"\r\n")
        ):
            raise TransportError("more came than was announced: the body, or its length, is wrong")
        self.is_whole = True

    @property
    def leaves_nothing(self) -> bool:
        """Whether the connection can be used for another request: nothing is left of this response."""
        return self.is_whole and not self.will_close and self._wire.received == self._taken

    def close(self) -> None:
        """Drop the bytes that were read and not used."""
        self._wire.close()

    def _iter_chunks(self) -> Iterator[bytes]:
        """Yield a body in chunks (RFC 9112, section 7.1)."""
        while left := self._read_chunk_size():
            while left:
                data = self._reader.read1(min(left, CHUNK_BYTES))
                if not data:
                    raise TransportError(_CUT_CHUNK)
                self._taken += len(data)
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
            data, error = self._read_piece(CHUNK_BYTES if announced is None else announced - came)
            if data:  # also the bytes before an error, as the rest may be requested later
                came += len(data)
                self._taken += len(data)
                yield data
            if error is not None:
                raise error
            if not data:
                break
        if announced is not None and came < announced:
            raise TransportError(f"the body was cut short: {came} bytes came, {announced - came} more were announced")

    def _read_piece(self, most: int) -> tuple[bytes, Exception | None]:
        """Return the next bytes, or none at the end, and the error behind them."""
        reader = self._reader
        if most <= _BUFFER_BYTES:
            return reader.read1(most), None  # mostly, these bytes have come already
        if (self.length or _WHOLE_BYTES) < _WHOLE_BYTES:
            # In one piece: with many threads, each further piece and copy of such a body costs more than receiving
            # it. The bytes before an error are lost; fetching them again is as quick.
            return reader.read(most), None
        view = memoryview(self._scratch())[:most]
        filled = 0
        began = monotonic()
        try:
            while filled < len(view):
                count = reader.readinto1(view[filled:])
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
    if "Content-Length" not in headers:
        return False, None
    lengths = {one.strip(_BLANKS) for one in headers["Content-Length"].split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit() and len(length) < 20):
        raise TransportError(f"{_NO_SENSE} (Content-Length {headers['Content-Length'][:40]!r})")
    return False, int(length)
