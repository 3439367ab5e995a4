"""A response whose body is decoded while it comes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping

from ingestify.domain.ports import Usage
from ingestify.fetch.request import OutgoingRequest
from ingestify.fetch.throttling.rate_limit import Stopped
from ingestify.fetch.transport.content_encoding import Bomb, Truncated, UnknownEncoding, decoded, refusing_bombs
from ingestify.fetch.transport.transport import RawResponse, TransportError
from ingestify.masking import mask_text

__all__ = ["StreamedResponse"]

_EXCERPT_CHARACTERS = 200
_EXCERPT_BYTES = 4096
_EXCERPT_TYPES = re.compile(r"text/plain|application/([\w.-]*\+)?(json|xml)")


class StreamedResponse:
    """A response whose body is decoded while it comes.

    Args:
        raw: The response as the transport has it.
        request: The request that it answers, the last one after redirects.
        usages: Count the bytes of the body.
        stop: When set, reading the body ends.
        most_expansion: How many bytes may become of one, where a Content-Encoding is decoded.

    Attributes:
        request: The request that it answers.
        received_bytes: How many bytes of the body have come, before decoding.
    """

    def __init__(
        self,
        raw: RawResponse,
        request: OutgoingRequest,
        usages: tuple[Usage, ...],
        stop: threading.Event,
        most_expansion: float,
    ) -> None:
        self._raw = raw
        self._most_expansion = most_expansion
        self._usages = usages
        self._stop = stop
        self.request = request
        self.received_bytes = 0

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._raw.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""
        return self._raw.headers

    @property
    def address(self) -> str | None:
        """The IP address that sent it; None: it came through a proxy, which alone knows."""
        return self._raw.address

    def iter_body(self, *, keep_own_gzip: bool = False) -> Iterator[bytes]:
        """Yield the body with its Content-Encoding decoded.

        Args:
            keep_own_gzip: The file is gzip by itself; see `content_encoding.decoded`.

        Raises:
            TransportError: Fewer bytes came than were announced.
            Truncated: The encoded body is damaged or incomplete.
            UnknownEncoding: The Content-Encoding was not asked for.
            Bomb: The body decodes to far more than came.
            Stopped: The run was asked to stop.
        """
        encoding = self.headers.get("Content-Encoding")
        body = decoded(self._iter_wire(), encoding, keep_own_gzip=keep_own_gzip)
        return refusing_bombs(body, lambda: self.received_bytes, self._most_expansion) if encoding else body

    def _iter_wire(self) -> Iterator[bytes]:
        for data in self._raw.iter_wire():
            self.received_bytes += len(data)
            for usage in self._usages:
                usage.add(received_bytes=len(data))
            if self._stop.is_set():
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
