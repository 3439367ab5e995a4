"""Coverage-guided fuzzing of the code that reads a provider's responses.

`pip install atheris`, then `python fuzz/responses.py`. It runs until it is interrupted, or as long as an option of
libFuzzer says: `python fuzz/responses.py -max_total_time=60`. A folder as argument keeps the interesting inputs. Each
error that it finds becomes an example in tests/unit/fetch. CI does not run it.
"""

from __future__ import annotations

import socket
import sys

import atheris

with atheris.instrument_imports(include=["ingestify", "email"]):
    from ingestify.domain.announcement import read_http_date
    from ingestify.errors import FetchError, SourceError
    from ingestify.fetch.paging.pages import LinkHeader, NextLink, Offset
    from ingestify.fetch.request import make_request
    from ingestify.fetch.response import BufferedResponse
    from ingestify.fetch.retries import retry_after_seconds
    from ingestify.fetch.transport.content_encoding import Bomb, Truncated, UnknownEncoding, decoded, refusing_bombs
    from ingestify.fetch.transport.headers import Headers
    from ingestify.fetch.transport.response_reader import ResponseReader, Wire
    from ingestify.fetch.transport.transport import TransportError
    from ingestify.masking import mask_text, mask_url

_URL = "http://provider.example/a"
_MOST_BYTES = 1 << 15


def read_response(data: bytes) -> None:
    """Read a whole response: status line, headers, body, chunks. Then use it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(2)
        theirs.sendall(data[:_MOST_BYTES])
        theirs.shutdown(socket.SHUT_WR)
        try:
            response = ResponseReader(Wire(ours))
            body = b"".join(response.iter_body())
        except (TransportError, ConnectionError):
            return
    if response.length is not None and response.length != len(body):
        raise AssertionError(f"{response.length} bytes were announced, {len(body)} were yielded")
    use(response.status, response.headers, body)


def use(status: int, headers: Headers, body: bytes) -> None:
    """Use a response as the client, the pagers and the engine do."""
    response = BufferedResponse(status, _URL, headers, body)
    _ = response.text
    retry_after_seconds(headers.get("Retry-After"), headers.get("Date"))
    read_http_date(headers.get("Last-Modified"))
    for pager in (LinkHeader(), NextLink(), Offset(items="items")):
        try:
            pager.next_url(response, _URL)
        except SourceError as error:
            mask_text(str(error))
    location = headers.get("Location")
    if location:
        mask_url(location)
        try:
            make_request(_URL, user_agent="x").redirected(location)
        except FetchError:
            pass
    try:
        pieces = decoded([body], headers.get("Content-Encoding"))
        for _ in refusing_bombs(pieces, lambda: len(body), 200):
            pass
    except (Truncated, UnknownEncoding, Bomb):
        pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_response)
    atheris.Fuzz()
