"""Wrong redirects, and wrong responses to the request for the rest of a file."""

from __future__ import annotations

from collections.abc import Callable

from ingestify.testing.hostile.behaviour import BEHAVIOURS, Behaviour, Outcome, behaviour
from ingestify.testing.hostile.conversation import Conversation

_CUT_AT = 3 << 19  # after 1.5 MB, enough to be worth resuming

# ---- redirects --------------------------------------------------------------------------------------


@behaviour("refused")
def redirect_loop(talk: Conversation) -> bool:
    """A redirect to a page that redirects back."""
    other = "/redirect_loop.json" if "back" in talk.target else "/redirect_loop.json?back"
    talk.answer(b"", f"Location: {other}", status="302 Found")
    return True


@behaviour("refused")
def redirect_endless(talk: Conversation) -> bool:
    """Redirects, each to a new page."""
    talk.answer(b"", f"Location: /redirect_endless.json?{talk.turn}", status="302 Found")
    return True


def _redirect(name: str, what: str, location: str) -> None:
    def play(talk: Conversation) -> bool:
        there = talk.location or location
        talk.answer(b"", f"Location: {there}", status="302 Found")
        return True

    BEHAVIOURS[name] = Behaviour(name, "refused", what, play)


_redirect(
    "redirect_to_another_host",
    "A redirect to another host, with a user and a password",
    "http://user:s3cret-canary@elsewhere.invalid/a.json",
)
_redirect("redirect_to_a_file", "A redirect to file:///etc/passwd", "file:///etc/passwd")
_redirect(
    "redirect_to_metadata",
    "A redirect to where a cloud's machines keep their credentials",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
)
_redirect(
    "redirect_to_metadata_mapped", "The same, in IPv6's way of writing it", "http://[::ffff:169.254.169.254]/latest/"
)
_redirect("redirect_to_private", "A redirect into a private network", "http://10.0.0.1/admin")
_redirect("redirect_very_long", "A redirect to a URL of 60,000 letters", "/" + "token" * 12_000 + "!")


# ---- resuming ---------------------------------------------------------------------------------------


Rest = Callable[[Conversation, int], object]


def _resumed(name: str, outcome: Outcome, what: str, rest: Rest) -> None:
    """Register a behaviour that breaks off the first response, and sends `rest` when the rest is requested."""

    def play(talk: Conversation) -> None:
        asked = talk.headers.get("range", "").removeprefix("bytes=").removesuffix("-")
        if asked.isdigit():
            rest(talk, int(asked))
        elif talk.turn == 0:
            talk.head('ETag: "1"', f"Content-Length: {len(talk.document)}")
            talk.send(talk.document[:_CUT_AT])
        else:
            talk.answer(talk.document, 'ETag: "1"')

    BEHAVIOURS[name] = Behaviour(name, outcome, what, play, is_large=True)


def _part(unit: str = "bytes", *, skipped: int = 0, more: int = 0, etag: str = '"1"') -> Rest:
    """Return a function that sends the rest of the document with a wrong Content-Range or ETag."""

    def send(talk: Conversation, start: int) -> None:
        size = len(talk.document)
        content_range = f"Content-Range: {unit} {start + skipped}-{size + more - 1}/{size + more}"
        talk.answer(talk.document[start + skipped :], f"ETag: {etag}", content_range, status="206 Partial Content")

    return send


def _of_another_version(talk: Conversation, start: int) -> None:
    size = len(talk.document)
    other = talk.document.replace(b'"version": ', b'"version":-')
    content_range = f"Content-Range: bytes {start}-{size - 1}/{size}"
    talk.answer(other[start:], 'ETag: "1"', content_range, status="206 Partial Content")


def _whole(talk: Conversation, _start: int) -> None:
    talk.answer(talk.document, 'ETag: "1"')


_resumed("another_start", "whole", "The rest of a file, from another byte on", _part(skipped=9))
_resumed("another_total", "whole", "The rest of a file of another length", _part(more=1))
_resumed("another_unit", "whole", "The rest of a file, counted in lines", _part("lines"))
_resumed("garbled_range", "whole", "A Content-Range that is none", _part("bytes -1-"))
_resumed("whole_for_a_range", "whole", "200 and the whole file where its rest was asked for", _whole)
_resumed("another_version", "whole", "The rest of another version, as its ETag says", _part(etag='"2"'))
_resumed("lying_etag", "unseen", "The rest of another version, under the ETag of the first", _of_another_version)
