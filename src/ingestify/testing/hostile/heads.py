"""Wrong statuses and headers, and connections with responses that nobody requested."""

from __future__ import annotations

from ingestify.testing.hostile.behaviour import BEHAVIOURS, Behaviour, Outcome, behaviour, raw
from ingestify.testing.hostile.conversation import Conversation

# ---- statuses ---------------------------------------------------------------------------------------


@behaviour("checked")
def html(talk: Conversation) -> bool:
    """200, and a page instead of the file."""
    talk.answer(b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>", "Content-Type: text/html")
    return True


@behaviour("refused")
def partial_unasked(talk: Conversation) -> None:
    """206 where nothing of the kind was asked."""
    body = talk.document[:5_000]
    talk.answer(body, f"Content-Range: bytes 0-4999/{len(talk.document)}", status="206 Partial Content")


@behaviour("refused")
def interim_flood(talk: Conversation) -> None:
    """Answers 103 without end."""
    while True:
        talk.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 500)


raw(
    "switching_protocols",
    "refused",
    "101, to something that is not HTTP",
    lambda body: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + body,
)


def _storm(name: str, what: str, *lines: str) -> None:
    def play(talk: Conversation) -> bool:
        talk.answer(b"", *lines, status="429 Too Many Requests")
        return True

    BEHAVIOURS[name] = Behaviour(name, "refused", what, play)


_storm("storm", "429 every time, without Retry-After")
_storm("storm_negative", "429 every time, Retry-After: -5", "Retry-After: -5")
_storm("storm_ten_years", "429 every time, Retry-After: ten years", "Retry-After: 315360000")
_storm("storm_past", "429 every time, Retry-After: a date of 1970", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT")
_storm("storm_garbage", "429 every time, Retry-After: ∞ in Latin-1", "Retry-After: \xe2\x88\x9e")
_storm(
    "storm_of_other_times",
    "429 every time, a Retry-After of 2099 by a clock of 1970",
    "Date: Thu, 01 Jan 1970 00:00:00 GMT",
    "Retry-After: Thu, 01 Jan 2099 00:00:00 GMT",
)


def _clock(name: str, year: int) -> None:
    def play(talk: Conversation) -> bool:
        date = f"01 Jan {year} 00:00:00 GMT"
        talk.answer(talk.document, f"Date: Thu, {date}", f"Last-Modified: Thu, {date}")
        return True

    BEHAVIOURS[name] = Behaviour(name, "whole", f"Date and Last-Modified of {year}", play)


_clock("clock_of_1970", 1970)
_clock("clock_of_2099", 2099)


# ---- headers ----------------------------------------------------------------------------------------


def _headed(name: str, outcome: Outcome, what: str, lines: bytes) -> None:
    def play(talk: Conversation) -> None:
        body = talk.document
        talk.send(b"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (lines, len(body), body))

    BEHAVIOURS[name] = Behaviour(name, outcome, what, play)


_headed("bare_cr", "refused", "A line break without its line feed in a header", b'ETag: "1"\rX-Evil: 1')
_headed("nul_byte", "refused", "A NUL in a header", b'ETag: "1\x00"')
_headed(
    "escape_sequence", "refused", "A terminal's escape sequence in a header", b"Content-Type: \x1b[2Japplication/json"
)
_headed("bare_cr_in_location", "refused", "A line break in a Location", b"Location: /a\rSet-Cookie: a=b")
_headed("blank_before_the_first", "refused", "A first header that begins with a blank", b" Transfer-Encoding: chunked")
_headed("hidden_chunks", "refused", "A Transfer-Encoding behind a vertical tab", b"Transfer-Encoding: \x0bchunked")
_headed("folded_header", "whole", "A header that is folded", b"X-Long: one\r\n two\r\n\tthree")
_headed(
    "file_name",
    "whole",
    "A file name that leads out of its folder",
    b'Content-Disposition: attachment; filename="../../a"',
)
_headed("many_headers", "refused", "10,000 headers", b"\r\n".join([b"X-A: 1"] * 10_000))
_headed("huge_header", "refused", "A header of 1 MB", b"X-A: " + b"a" * (1 << 20))

raw("no_status_line", "refused", "A status line of another protocol", lambda body: b"ICY 200 OK\r\n\r\n" + body)
raw("http_0_9", "refused", "HTTP/0.9: the file, and nothing before it", lambda body: body)
raw("odd_status", "refused", "A status of `2_00`", lambda body: b"HTTP/1.1 2_00 OK\r\n\r\n" + body)


# ---- connections ------------------------------------------------------------------------------------

_FORGED = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n["forged"]'


@behaviour("refused")
def next_answer_unasked(talk: Conversation) -> bool:
    """An answer, and with it the answer to a request that was not made."""
    body = talk.document
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s" % (len(body), body, _FORGED))
    return True


@behaviour("whole")
def next_answer_late(talk: Conversation) -> bool:
    """An answer, and a moment later the answer to a request that was not made."""
    talk.answer(talk.document)
    talk.wait(0.1)
    talk.send(_FORGED)
    return True


@behaviour("refused")
def reset_before_an_answer(talk: Conversation) -> None:
    """The connection is reset."""
    talk.reset()


@behaviour("refused")
def reset_in_the_body(talk: Conversation) -> None:
    """The connection is reset in the middle of the body."""
    talk.head(f"Content-Length: {len(talk.document)}")
    talk.send(talk.document[:10_000])
    talk.reset()
