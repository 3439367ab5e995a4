"""An answer as it comes over the wire: its head is read strictly, and its body is as long as it says, or is none.

A reader of our own, in place of http.client's, whose parser of e-mail takes most of a small answer's time and takes
headers that break off for whole; and whose chunks may have a negative size (`int()` reads `-5`, `+5` and `0x5`).
docs/hostile.md says what is refused.
"""

from __future__ import annotations

import http.client
import io
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

from ingestify.fetch.transport.headers import Headers
from ingestify.fetch.transport.transport import TransportError

__all__ = ["ResponseReader", "Wire", "is_readable"]

CHUNK_BYTES = 1 << 19
_WHOLE_BYTES = 4 << 20
# Of a slow body, what has come is passed on after so long.
_CHUNK_SECONDS = 0.25
# A small file comes with its headers, in one read.
_BUFFER_BYTES = 1 << 16
_MOST_HEADER_BYTES = 1 << 16
_MOST_HEADERS = 200
_MOST_INTERIM = 20
_MOST_CHUNK_LINE_BYTES = 1 << 12

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9])[ \t]+([1-9][0-9][0-9])(?:[ \t][^\0\r\n]*)?\r?\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\0\r\n]*)?\r?\n")
# Whatever would end a header early, or a line of a log (RFC 9110, section 5.5); a tab may be part of a value.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What else Python takes for white space would make another header of it.
_BLANKS = " \t"
_EMPTY_LINES = (b"\r\n", b"\n")
_NO_SENSE = "the connection broke: its headers make no sense"
_CUT_CHUNK = "the body was cut short: it ended inside a chunk"
_CUT_HEAD = "the connection broke: the headers were cut short"


class Wire(io.RawIOBase):
    """The bytes of one answer, counted; a provider that sends hardly any of them is left.

    Args:
        least_bytes_per_second: Less than this, over `window_seconds` of waiting, is too slow. What is counted is the
            time that is spent waiting for the provider, not that for which nobody asked for more.
        total_seconds: How long an answer may take from here on; None: as long as it does.
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
        self._began = time.monotonic()
        self._waited = 0.0
        self._before = 0
        self.received = 0
        """How many bytes have come."""

    def readable(self) -> bool:
        """It can be read from."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for the next bytes.

        Raises:
            TransportError: They come too slowly, or too late.
            OSError: They do not come.
        """
        asked = time.monotonic()
        count = self._sock.recv_into(buffer)
        now = time.monotonic()
        self.received += count
        self._waited += now - asked
        if self._waited >= self._window_seconds:
            came, waited = self.received - self._before, self._waited
            self._before, self._waited = self.received, 0.0
            if came < self._least and count:
                raise TransportError(f"the provider sends too slowly: {came} bytes in {waited:.0f} s")
        if self._total_seconds is not None and now - self._began > self._total_seconds:
            raise TransportError(
                f"the answer is not whole after {self._total_seconds:g} s",
                remedy="raise this source's timeout.total_seconds, if the provider needs longer",
            )
        return count

    def peek_now(self, reader: io.BufferedReader[Wire]) -> bytes:
        """Return what is there already behind what was read, without waiting."""
        timeout = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            return reader.peek(1)
        except OSError:  # nothing is there
            return b""
        finally:
            self._sock.settimeout(timeout)

    @property
    def has_more(self) -> bool:
        """Whether anything waits to be read, be it only the connection's end."""
        return is_readable(self._sock)


def is_readable(sock: socket.socket) -> bool:
    """Whether reading would not wait: bytes are there, or the other side has closed."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    try:
        if hasattr(select, "poll"):  # select() cannot look at a process's later files
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True  # closed on our side


class ResponseReader:
    """One answer to a GET.

    Args:
        scratch: Returns where a large body is received, piece by piece.
    """

    def __init__(self, wire: Wire, scratch: Callable[[], bytearray]) -> None:
        self._wire = wire
        self._reader = io.BufferedReader(wire, _BUFFER_BYTES)
        self._scratch = scratch
        self._taken = 0
        """How many of the wire's bytes belong to this answer so far."""
        self.is_whole = False
        """Whether the body has come to its end."""
        interim = 0
        while True:
            is_old, self.status = self._read_status()
            self.headers = Headers(self._read_headers())
            if self.status >= 200:
                break
            # What an answer 1xx says is dropped. 101 would be the end of HTTP, which nobody asked for.
            interim += 1
            if self.status == 101 or interim > _MOST_INTERIM:
                raise TransportError(f"{_NO_SENSE} (status {self.status}, {interim} times before the answer)")
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
            raise http.client.RemoteDisconnected("the provider closed it without an answer")
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
        """Whether the connection ends with this answer, or is not to be trusted with another one."""
        if not self.is_chunked and self.length is None:
            return True
        # A length beside chunks is how one answer is made to look like two (RFC 9112, section 6.3): the chunks count,
        # and nothing that follows does. Chunks in HTTP/1.0 are as faulty.
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
            TransportError: Fewer bytes came than were announced, or more, or chunks that are none.
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
        """Whether the connection is at the beginning of the next answer, as far as it was read."""
        return self.is_whole and not self.will_close and self._wire.received == self._taken

    def close(self) -> None:
        """Let go of what was read and not used."""
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
            if data:  # also what came before an error: the rest may be asked for
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
        """Return the next bytes, none at the end, and the error that followed them."""
        reader = self._reader
        if most <= _BUFFER_BYTES:
            return reader.read1(most), None  # it is there already, as a rule
        if (self.length or _WHOLE_BYTES) < _WHOLE_BYTES:
            # At once, into the place where it stays: with many threads, each further piece and copy of such a body
            # costs more than receiving it. What comes before an error is lost, which is as quickly fetched anew.
            return reader.read(most), None
        view = memoryview(self._scratch())[:most]
        filled = 0
        began = time.monotonic()
        try:
            while filled < len(view):
                count = reader.readinto1(view[filled:])
                filled += count
                # A provider that trickles does not hold up being stopped.
                if not count or time.monotonic() - began > _CHUNK_SECONDS:
                    break
        except (OSError, TransportError) as error:
            return bytes(view[:filled]), error
        return bytes(view[:filled]), None


def _framing(status: int, headers: Headers) -> tuple[bool, int | None]:
    """Return whether the body is in chunks, and its length; None: until the connection ends (RFC 9112, section 6.3)."""
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
