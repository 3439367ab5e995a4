"""Bodies that are too short, too long, too slow, or wrongly encoded."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Callable

from ingestify.testing.hostile.behaviour import behaviour, raw
from ingestify.testing.hostile.conversation import Conversation

# ---- lengths ----------------------------------------------------------------------------------------


@behaviour("refused")
def truncated(talk: Conversation) -> None:
    """A Content-Length, and half of so much."""
    talk.answer(talk.document[:10_000], length=len(talk.document))


@behaviour("refused")
def longer_than_announced(talk: Conversation) -> None:
    """A Content-Length of half of what comes."""
    talk.answer(talk.document, length=len(talk.document) // 2)


@behaviour("checked")
def no_length_and_cut(talk: Conversation) -> None:
    """No length, and the connection is closed in the middle."""
    talk.head("Connection: close")
    talk.send(talk.document[:10_000])


@behaviour("refused")
def no_length_and_reset(talk: Conversation) -> None:
    """No length, and the connection is reset in the middle."""
    talk.head("Connection: close")
    talk.send(talk.document[:10_000])
    talk.reset()


@behaviour("refused")
def chunks_without_the_last(talk: Conversation) -> None:
    """Chunks, and the connection is closed before the last one."""
    talk.head("Transfer-Encoding: chunked")
    talk.send(b"%x\r\n%s\r\n" % (len(talk.document), talk.document))


@behaviour("refused")
def announced_huge(talk: Conversation) -> None:
    """A Content-Length of a petabyte."""
    talk.answer(talk.document, length=10**15)


@behaviour("refused")
def endless(talk: Conversation) -> None:
    """A body in chunks that never ends."""
    talk.head("Transfer-Encoding: chunked")
    while True:
        talk.send(b"10000\r\n%s\r\n" % (b"[1]," * 16384))


raw(
    "two_lengths",
    "refused",
    "Two Content-Lengths that differ",
    lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
)
raw(
    "negative_length",
    "refused",
    "A negative Content-Length",
    lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: -%d\r\n\r\n%s" % (len(body), body),
)
raw(
    "empty_length",
    "refused",
    "A Content-Length without a number",
    lambda body: b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n%s" % body,
)


# ---- time -------------------------------------------------------------------------------------------


@behaviour("refused")
def slow_drip(talk: Conversation) -> None:
    """A body that comes byte by byte."""
    talk.head(f"Content-Length: {len(talk.document)}")
    talk.drip(talk.document)


@behaviour("refused")
def slow_headers(talk: Conversation) -> None:
    """Headers that come byte by byte."""
    talk.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000)


@behaviour("refused")
def slow_redirect(talk: Conversation) -> None:
    """Redirects in a circle whose few bytes of text come byte by byte."""
    talk.head("Location: /slow_redirect.json?again", "Content-Length: 60000", status="302 Found")
    talk.drip(talk.document)


@behaviour("refused")
def stall_before_headers(talk: Conversation) -> None:
    """Nothing, and the connection stays open."""
    talk.wait(600)


@behaviour("refused")
def stall_after_headers(talk: Conversation) -> None:
    """Headers, and then nothing."""
    talk.head(f"Content-Length: {len(talk.document)}")
    talk.wait(600)


# ---- encodings --------------------------------------------------------------------------------------


@functools.cache
def _zeros(times: int) -> bytes:
    """Return 100 MB of zeros, packed so many times."""
    packed = gzip.compress(bytes(1 << 20)) * 100  # members of one file
    for _ in range(times - 1):
        packed = gzip.compress(packed)
    return packed


@behaviour("refused")
def gzip_bomb(talk: Conversation) -> bool:
    """100 MB of zeros with Content-Encoding: gzip, in 100 kB."""
    talk.answer(_zeros(1), "Content-Encoding: gzip")
    return True


@behaviour("refused")
def gzip_bomb_in_gzip(talk: Conversation) -> bool:
    """The same with Content-Encoding: gzip, gzip, in 300 bytes."""
    talk.answer(_zeros(2), "Content-Encoding: gzip, gzip")
    return True


@behaviour("refused")
def encodings_without_end(talk: Conversation) -> bool:
    """Content-Encoding: gzip, 2,000 times."""
    talk.answer(_zeros(2), f"Content-Encoding: {', '.join(['gzip'] * 2000)}")
    return True


# ---- chunks -----------------------------------------------------------------------------------------


def _chunked(name: str, what: str, size: Callable[[int], bytes]) -> None:
    def make(body: bytes) -> bytes:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + size(len(body)) + b"\r\n" + body + b"\r\n0\r\n\r\n"

    raw(name, "refused", what, make)


_chunked("chunk_negative", "A chunk of a negative size", lambda size: b"-%x" % size)
_chunked("chunk_plus", "A chunk whose size begins with +", lambda size: b"+%x" % size)
_chunked("chunk_0x", "A chunk whose size begins with 0x", lambda size: b"0x%x" % size)
_chunked("chunk_underscore", "A chunk whose size holds a _", lambda size: b"0_%x" % size)
_chunked("chunk_huge", "A chunk of 2^64 - 1 bytes", lambda _: b"f" * 16)
_chunked("chunk_overflow", "A chunk whose size has more digits than a number", lambda size: b"0" * 40 + b"%x" % size)
_chunked("chunk_short", "A chunk that is longer than its size", lambda size: b"%x" % (size // 2))
_chunked("chunk_long_extension", "A chunk with an extension of 1 MB", lambda size: b"%x;%s" % (size, b"a" * (1 << 20)))

raw(
    "length_and_chunks",
    "whole",
    "A Content-Length and chunks together",
    lambda body: (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
        % (len(body), body)
    ),
)
raw(
    "chunked_twice",
    "refused",
    "Transfer-Encoding: chunked, chunked",
    lambda body: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    ),
)


@behaviour("refused")
def endless_trailers(talk: Conversation) -> None:
    """Headers behind the last chunk, without end."""
    body = talk.document
    talk.head("Transfer-Encoding: chunked")
    talk.send(b"%x\r\n%s\r\n0\r\n" % (len(body), body))
    while True:
        talk.send(b"X-Trailer: 1\r\n" * 1000)
