"""One file on its way from the provider into a sink, over as many tries as it takes."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping

from ingestify.domain.file import Validators
from ingestify.domain.ports import ByteSink, FetchRequest, FetchResult, FetchStatus
from ingestify.fetch.encoding import Truncated, is_compressed_format, is_gzip_format
from ingestify.fetch.exchange import NOT_FOUND, Incoming
from ingestify.fetch.request import OutgoingRequest, make_request
from ingestify.fetch.retry import TryAgain
from ingestify.fetch.transport import TransportError
from ingestify.masking import mask_url

__all__ = ["Download", "content_type_of"]

# A smaller file is as quickly fetched anew.
_RESUMED_FROM_BYTES = 1 << 20

_CONTENT_RANGE = re.compile(r"bytes\s+(\d+)-\d+/(?:\d+|\*)", re.IGNORECASE)


class Download:
    """One file. Used by one thread.

    A body that breaks off after its first MB is resumed with a Range, where the provider names its version by a
    strong ETag (If-Range makes sure that the rest is of the same file). Anything else begins anew.
    """

    def __init__(self, request: FetchRequest, sink: ByteSink, user_agent: str) -> None:
        self._asked = request
        self._sink = sink
        self._format = request.data_serialization_format
        path = urllib.parse.urlsplit(request.url).path if isinstance(request.url, str) else ""
        own_format = is_compressed_format(self._format, path)
        self._request = make_request(
            request.url,
            params=request.params,
            headers=request.headers,
            auth=request.auth,
            user_agent=user_agent,
            accept_encoding="identity" if own_format else "gzip",
            conditional_headers=_conditional_headers(request.validators),
        )
        self._written = 0
        self._etag: str | None = None
        """Of what was written, if that may be resumed."""
        self._first: FetchResult | None = None

    def make_request(self) -> OutgoingRequest:
        """Return the request of the next try: for all of the file, or for the rest of it."""
        if self._resumable and self._etag is not None:
            return self._request.with_range(self._written, self._etag)
        return self._request

    @property
    def _resumable(self) -> bool:
        return self._etag is not None and self._written >= _RESUMED_FROM_BYTES

    def accepts(self, status: int, request: OutgoingRequest) -> bool:
        """Return whether an answer is one."""
        if status in (200, 203):
            return True
        if status == 304:
            return request.conditional
        if status == 206:
            return self._resumable
        if status == 416:
            self._etag = None
        return status in NOT_FOUND and self._asked.ignore_not_found

    def receive(self, incoming: Incoming) -> FetchResult:
        """Write an answer's body to the sink."""
        headers = incoming.headers
        url = mask_url(incoming.request.url)
        validators = Validators(headers.get("ETag") or None, headers.get("Last-Modified") or None)
        date = headers.get("Date") or None
        if incoming.status == 304:
            return FetchResult(FetchStatus.NOT_MODIFIED, validators or self._asked.validators, url=url, date=date)
        if incoming.status in NOT_FOUND:
            return FetchResult(FetchStatus.NOT_FOUND, url=url, date=date)
        if incoming.status == 206 and self._first is not None:
            self._check_rest(headers)
            result = self._first
        else:
            if self._written:
                self._sink.restart()
                self._written = 0
            result = FetchResult(FetchStatus.FETCHED, validators, content_type_of(headers), url, date=date)
            self._first = result
            self._etag = _resumable_etag(headers)
        self._copy(incoming)
        return result

    def _copy(self, incoming: Incoming) -> None:
        keep_own_gzip = is_gzip_format(self._format, urllib.parse.urlsplit(incoming.request.url).path) or (
            is_gzip_format(self._format, urllib.parse.urlsplit(self._request.url).path)
        )
        begun_at = self._written
        write = self._sink.write
        try:
            for data in incoming.iter_body(keep_own_gzip=keep_own_gzip):
                # Counted first: a sink that fails half-way holds something, too.
                self._written += len(data)
                write(data)
        except (TransportError, Truncated) as error:
            progressed = self._resumable and self._written - begun_at >= _RESUMED_FROM_BYTES
            raise TryAgain(str(error), status=incoming.status, progressed=progressed) from error

    def _check_rest(self, headers: Mapping[str, str]) -> None:
        """Raise TryAgain, and begin anew then, if a partial answer is not exactly what is missing."""
        found = _CONTENT_RANGE.fullmatch((headers.get("Content-Range") or "").strip())
        etag = headers.get("ETag")
        if (
            found is None
            or int(found[1]) != self._written
            or (etag is not None and etag != self._etag)
            or (headers.get("Content-Encoding") or "identity").lower() != "identity"
        ):
            self._etag = None
            raise TryAgain("the rest of the file that was sent is not the rest that was asked for", status=206)


def content_type_of(headers: Mapping[str, str]) -> str | None:
    """Return the Content-Type without parameters, lower case, or None."""
    return (headers.get("Content-Type") or "").partition(";")[0].strip().lower() or None


def _conditional_headers(validators: Validators) -> dict[str, str]:
    """The provider's own words, as they are; what no header can hold is left out, and the file asked for in full."""
    named = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in named.items() if value and _is_sendable(value)}


_SENDABLE = re.compile(r"[\x20-\x7e\x80-\xff]*")


def _is_sendable(value: str) -> bool:
    return _SENDABLE.fullmatch(value) is not None


def _resumable_etag(headers: Mapping[str, str]) -> str | None:
    """Return a strong ETag of a body that is sent as it is (RFC 9110, section 13.1.5)."""
    etag = headers.get("ETag") or ""
    encoded = (headers.get("Content-Encoding") or "identity").lower() != "identity"
    refused = (headers.get("Accept-Ranges") or "").lower() == "none"
    return etag if etag.startswith('"') and _is_sendable(etag) and not encoded and not refused else None
