"""An HTTP response: read into memory as a whole, or decoded while its body comes."""

from __future__ import annotations

import codecs
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ingestify.domain.json_value import JsonValue
from ingestify.domain.ports import FetchContext
from ingestify.errors import SourceError
from ingestify.fetch.json_values import MOST_INDEX_BYTES, TooLarge, read_entries, read_json
from ingestify.fetch.request import OutgoingRequest
from ingestify.fetch.throttling.rate_limit import Stopped
from ingestify.fetch.transport.content_encoding import Bomb, Truncated, UnknownEncoding, decoded, refusing_bombs
from ingestify.fetch.transport.transport import RawResponse, TransportError
from ingestify.masking import mask_text, mask_url

__all__ = ["BufferedResponse", "StreamedResponse"]

_SHOWN_CHARACTERS = 80
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE | re.ASCII)
# Codecs that Python takes for a text's encoding and that no provider's text is written in, by the name that `codecs`
# gives them: they read escapes, parts of a host's name, or what this machine is set to.
_NOT_CHARSETS = frozenset({"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
_EXCERPT_CHARACTERS = 200
_EXCERPT_BYTES = 4096
_EXCERPT_TYPES = re.compile(r"text/plain|application/([\w.-]*\+)?(json|xml)")


@dataclasses.dataclass(frozen=True, slots=True)
class BufferedResponse:
    """A response whose whole body is in memory; implements `domain.ports.Response`.

    Attributes:
        status: The HTTP status.
        url: The URL of the response after redirects, with the secrets that its query may have.
        headers: Names in any case.
        content: The body, with its Content-Encoding decoded.
        most_bytes: How much memory the body's JSON may take.
        setting: The setting that raises `most_bytes`.
    """

    status: int
    url: str = dataclasses.field(repr=False)
    headers: Mapping[str, str] = dataclasses.field(repr=False)
    content: bytes = dataclasses.field(repr=False)
    most_bytes: int = dataclasses.field(default=MOST_INDEX_BYTES, repr=False)
    setting: str = dataclasses.field(default="max_index_size", repr=False)

    @property
    def text(self) -> str:
        """The body as text, in the charset that the headers name, else in UTF-8; bytes that are no text become `�`."""
        try:
            text = self.content.decode(_charset(self.headers.get("Content-Type")), "replace")
        except (LookupError, ValueError):  # a codec that is not for text, such as rot13
            text = self.content.decode("utf-8", "replace")
        return text.removeprefix("\ufeff")

    def json(self) -> JsonValue:
        """Return the body's JSON values; see `fetch.json_values`.

        Raises:
            SourceError: The body is not JSON, or would take too much memory. The message shows the URL, the place of
                the error, and how the body begins.
        """
        return self._read(read_json)

    def entries(self) -> Any:
        """Return the entries of a body that is a JSON list, each read when it is asked for; see `fetch.json_values`.

        Returns:
            A sequence; or the value of a body that is no list.

        Raises:
            SourceError: As `json`.
        """
        return self._read(read_entries)

    def _read(self, read: Callable[[bytes, int], Any]) -> Any:
        try:
            return read(self.content, self.most_bytes)
        except TooLarge as error:
            raise SourceError(
                f"GET {mask_url(self.url)}: {error}, which is too much for an index of up to "
                f"{self.most_bytes // 1_000_000:,} MB; ask for a smaller part of it, or, if it is right, raise "
                f"{self.setting}."
            ) from error
        except (ValueError, RecursionError) as error:
            if not self.content and self.status in (201, 202, 204):
                raise SourceError(
                    f"{mask_url(self.url)} has nothing yet: it answers with the status {self.status} and without a "
                    f"body; run again later."
                ) from error
            begins = f"it begins {self.text[:_SHOWN_CHARACTERS]!r}" if self.content else "it is empty"
            raise SourceError(
                f"The response of {mask_url(self.url)} should be JSON, and is not ({error}); {begins}."
            ) from error


class StreamedResponse:
    """A response whose body is decoded while it comes.

    Args:
        raw: The response as the transport has it.
        request: The request that it answers, the last one after redirects.
        context: Counts the bytes of the body, and says when reading it ends.
        most_expansion: How many bytes may become of one, where a Content-Encoding is decoded.

    Attributes:
        request: The request that it answers.
        status: The HTTP status.
        headers: The headers; names in any case.
        address: The IP address that sent it; None: it came through a proxy, which alone knows.
        announced_bytes: How many bytes the headers announce for the body on the wire; None: they do not.
        received_bytes: How many bytes of the body have come, before decoding.
    """

    def __init__(
        self,
        raw: RawResponse,
        request: OutgoingRequest,
        context: FetchContext,
        most_expansion: float,
    ) -> None:
        self._raw = raw
        self._most_expansion = most_expansion
        self._context = context
        self.request = request
        self.status = raw.status
        self.headers = raw.headers
        self.address = raw.address
        self.announced_bytes = _announced_bytes(raw.headers)
        self.received_bytes = 0

    def iter_body(self, *, keep_own_gzip: bool = False) -> Iterator[bytes]:
        """Yield the body with its Content-Encoding decoded.

        Args:
            keep_own_gzip: The file is gzip by itself; see `content_encoding.decoded`.

        Raises:
            TransportError: Fewer bytes came than were announced.
            Truncated: The encoded body is damaged or incomplete.
            UnknownEncoding: The Content-Encoding was not requested.
            Bomb: The body decodes to far more than came.
            Stopped: The run was asked to stop.
        """
        encoding = self.headers.get("Content-Encoding")
        body = decoded(self._iter_wire(), encoding, keep_own_gzip=keep_own_gzip)
        return refusing_bombs(body, lambda: self.received_bytes, self._most_expansion) if encoding else body

    def _iter_wire(self) -> Iterator[bytes]:
        for data in self._raw.iter_wire():
            self.received_bytes += len(data)
            self._context.usage.add(received_bytes=len(data))
            if self._context.stop.is_set():
                raise Stopped
            yield data

    def read_excerpt(self) -> str:
        """Return how the text of an error begins, on one line and without secrets; empty if there is no such text."""
        content_type = (self.headers.get("Content-Type") or "").lower()
        if self.status < 400 or not _EXCERPT_TYPES.match(content_type):
            return ""  # an HTML page says nothing that the status does not say
        body = b""
        try:
            for data in self.iter_body():
                body += data
                if len(body) >= _EXCERPT_BYTES:
                    break
        except (TransportError, Truncated, UnknownEncoding, Bomb):
            return ""
        # Secrets of this request, and earlier ones such as a token that was renewed.
        text = mask_text(self.request.redact(body[:_EXCERPT_BYTES].decode("utf-8", "replace")))
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return f" ({text[:_EXCERPT_CHARACTERS]})" if text else ""


def _announced_bytes(headers: Mapping[str, str]) -> int | None:
    # The length of a chunked body follows from its chunks alone (RFC 9112, section 6.3).
    length = "" if headers.get("Transfer-Encoding") else headers.get("Content-Length") or ""
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None


def _charset(content_type: str | None) -> str:
    """Return the charset that a Content-Type names; UTF-8 if it names none, or one that Python does not know."""
    found = _CHARSET.search(content_type or "")
    try:
        name = codecs.lookup("utf-8" if found is None else found[1]).name
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NOT_CHARSETS else name
