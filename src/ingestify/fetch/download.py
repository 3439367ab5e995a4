"""One file on its way from the provider into a sink, in one try or several."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping

from ingestify.domain import formats
from ingestify.domain.file import Validators
from ingestify.domain.ports import ByteSink, FetchRequest, FetchResult, FetchStatus, FileVersion
from ingestify.errors import FetchError
from ingestify.failpoints import failpoint
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.request import OutgoingRequest, make_file_request
from ingestify.fetch.request_executor import NOT_FOUND
from ingestify.fetch.response import StreamedResponse
from ingestify.fetch.retries import TryAgain
from ingestify.fetch.transport.content_encoding import Truncated
from ingestify.fetch.transport.transport import TransportError
from ingestify.masking import mask_url

__all__ = ["Download", "content_type_of", "not_ready", "too_large"]

# A smaller file is as quickly fetched anew.
_RESUMED_FROM_BYTES = 1 << 20

_WHOLE = frozenset({200, 201, 202, 203})
# Without a body, the provider is still making the file.
_NOT_READY = frozenset({201, 202, 204})

# A 202 with a JSON object of only such keys is a note that the provider is still making the file, and not the file.
_NOTE_BYTES = 2048
_NOTE_WORDS = frozenset(
    {"accepted", "code", "createdat", "detail", "details", "estimatedtime", "eta", "href", "id", "job", "jobid"}
    | {"location", "message", "msg", "percent", "percentage", "position", "progress", "queued", "reason", "requestid"}
    | {"retryafter", "state", "status", "statuscode", "statusurl", "submittedat", "success", "taskid", "timestamp"}
    | {"title", "type", "updatedat", "url"}
)

_CONTENT_RANGE = re.compile(r"bytes\s+(\d{1,19})-\d{1,19}/(\d{1,19}|\*)", re.IGNORECASE)


class Download:
    """Fetches one file. Used by one thread.

    A body that breaks off after its first MB is resumed with a Range request, if the provider names its version by a
    strong ETag; If-Range makes sure that the rest belongs to the same version. The part that an earlier fetch left in
    the sink is resumed in the same way. Any other body begins anew.

    Args:
        request: The file.
        sink: Takes the bytes.
        source: The name of the source, for messages.
        options: The settings of the client.
    """

    def __init__(self, request: FetchRequest, sink: ByteSink, source: str, options: HttpOptions) -> None:
        self._file = request
        self._sink = sink
        self._source = source
        self._most_bytes = options.max_file_bytes
        self._request = make_file_request(
            request,
            options.user_agent,
            accept_encoding="identity" if formats.is_compressed(self._format_at(str(request.url))) else "gzip",
            conditional_headers=_conditional_headers(request.validators),
        )
        self._written = 0
        self._farthest = 0
        """The most bytes of the file that any try has reached."""
        self._version: FileVersion | None = None
        """The version of the written bytes, if they can be resumed."""
        self._first: FetchResult | None = None
        self._beginning = bytearray()
        """The first bytes of a 202, which may be a note instead of the file."""

    def resume(self) -> None:
        """Continue with the bytes that the sink has already. Called once, before the first try."""
        found = self._sink.resume()
        if found is not None:
            self._version, self._written = found
            self._farthest = self._written

    def make_request(self) -> OutgoingRequest:
        """Return the request of the next try: for the whole file, or for the rest of it.

        Both are conditional if the lake has an older version. A provider evaluates If-None-Match first, and If-Range
        only if the version has changed (RFC 9110, section 13.2.2).
        """
        if self._resumable and self._version is not None:
            return self._request.with_range(self._written, self._version.etag)
        return self._request

    @property
    def _resumable(self) -> bool:
        return self._version is not None and self._written >= _RESUMED_FROM_BYTES

    def accepts(self, status: int, request: OutgoingRequest) -> bool:
        """Return whether a response with this status is a result for the file."""
        if status in _WHOLE or status in _NOT_READY:
            return True
        if status == 304:
            return request.conditional
        if status == 206:
            return self._resumable
        if status == 416:
            self._version = None
        return status in NOT_FOUND and self._file.ignore_not_found

    def receive(self, response: StreamedResponse) -> FetchResult:
        """Write a response's body to the sink.

        Raises:
            FetchError: The file is not ready yet, and the request does not allow that; or the body is too large.
            TryAgain: The body broke off.
        """
        headers = response.headers
        validators = Validators(headers.get("ETag") or None, headers.get("Last-Modified") or None)
        date = headers.get("Date") or None
        if response.status == 304:
            return FetchResult(FetchStatus.NOT_MODIFIED, validators or self._file.validators, date=date)
        if response.status in NOT_FOUND:
            return FetchResult(FetchStatus.NOT_FOUND, date=date)
        if response.status == 204 or (response.status in _NOT_READY and response.announced_bytes == 0):
            return self._not_ready(response)
        if response.status == 206:
            version = self._check_rest(headers)
            if self._first is None:  # an earlier process received the first part
                known = Validators(version.etag, version.last_modified)
                self._first = FetchResult(FetchStatus.FETCHED, known, version.content_type, date=date)
            result = self._first
        else:
            if self._written:
                self._sink.restart()
                self._written = 0
            result = FetchResult(FetchStatus.FETCHED, validators, content_type_of(headers), date=date)
            self._first = result
            self._version = _resumable_version(headers, response.announced_bytes)
            if self._version is not None:
                self._sink.begin(self._version)
        self._copy(response)
        if not self._written and (self._file.ignore_not_ready or response.status in _NOT_READY):
            return self._not_ready(response)
        if response.status == 202 and _is_note(bytes(self._beginning)):
            self._sink.restart()
            return self._not_ready(response)
        return result

    def _not_ready(self, response: StreamedResponse) -> FetchResult:
        if not self._file.ignore_not_ready:
            raise not_ready(mask_url(response.request.url), response.status)
        return FetchResult(FetchStatus.NOT_READY, date=response.headers.get("Date") or None)

    def _format_at(self, url: str) -> str | None:
        # The declared format counts first: a file declared as `json`, from `…/1.json.gz` with Content-Encoding: gzip,
        # is JSON.
        return self._file.data_serialization_format or formats.find_in_url(url)

    def _check_size(self, response: StreamedResponse) -> None:
        """Raise if the file is larger than one of this source may be, or will be by its headers; keep nothing of it."""
        version = None if self._version is None else self._version.size
        announced = response.announced_bytes if response.status != 206 else None
        if max(self._written, response.received_bytes, version or 0, announced or 0) > self._most_bytes:
            self._sink.restart()
            raise too_large(mask_url(response.request.url), self._source, self._most_bytes, status=response.status)

    def _copy(self, response: StreamedResponse) -> None:
        self._check_size(response)
        urls = {self._request.url, response.request.url}
        keep_own_gzip = any(formats.is_gzip(self._format_at(url)) for url in urls)
        write, most = self._sink.write, self._most_bytes
        if response.status == 202:
            self._beginning.clear()
            write = self._write_and_keep_beginning
        problem = "the rest of the file came in part"
        cause: Exception | None = None
        try:
            for data in response.iter_body(keep_own_gzip=keep_own_gzip):
                # Counted before writing: a sink that fails half-way holds some of these bytes.
                self._written += len(data)
                if self._written > most or response.received_bytes > most:
                    self._check_size(response)
                write(data)
                failpoint("fetch.received")
        except (TransportError, Truncated) as error:
            if isinstance(error, TransportError) and error.remedy is not None:
                raise
            problem, cause = str(error), error
        size = None if self._version is None else self._version.size
        if self._written == size or (cause is None and size is None):
            return
        if size is not None and self._written > size:
            self._version = None
            problem = "more bytes came than the file has"
        # No progress if the body began anew and broke off at the same place: without ranges this would never end.
        progressed = self._resumable and self._written - self._farthest >= _RESUMED_FROM_BYTES
        self._farthest = max(self._farthest, self._written)
        raise TryAgain(problem, status=response.status, progressed=progressed) from cause

    def _write_and_keep_beginning(self, data: bytes) -> None:
        if len(self._beginning) <= _NOTE_BYTES:
            self._beginning += data[: _NOTE_BYTES + 1]
        self._sink.write(data)

    def _check_rest(self, headers: Mapping[str, str]) -> FileVersion:
        """Return the version that a partial response belongs to.

        Raises:
            TryAgain: The part is not exactly the missing one; the next try begins anew.
        """
        version = self._version
        found = _CONTENT_RANGE.fullmatch((headers.get("Content-Range") or "").strip())
        if version is not None and found is not None:
            total = version.size if found[2] == "*" else int(found[2])
            if (
                int(found[1]) == self._written
                and total is not None
                and total == (version.size or total)
                # A server that ignores If-Range sends a part of any version. It must name the version of that part
                # (RFC 9110, section 15.3.7).
                and headers.get("ETag") == version.etag
                and (headers.get("Content-Encoding") or "identity").lower() == "identity"
            ):
                self._version = dataclasses.replace(version, size=total)
                return self._version
        self._version = None
        raise TryAgain("the part of the file that came is not the requested part", status=206)


def too_large(shown: str, source: str, most_bytes: int, *, status: int | None = None) -> FetchError:
    """Return the error for a file with more bytes than its source permits."""
    return FetchError(
        f"GET {shown}: the file has more than {most_bytes} bytes; if that is right, raise "
        f"sources.{source}.max_file_size.",
        url=shown,
        status=status,
    )


def _is_note(body: bytes) -> bool:
    """Return whether a body is a JSON object that only tells of progress, and holds no data."""
    if len(body) > _NOTE_BYTES or not body.lstrip().startswith(b"{"):
        return False
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    words = {key.lower().replace("_", "").replace("-", "") for key in said}
    return words <= _NOTE_WORDS and not any(isinstance(value, (list, dict)) for value in said.values())


def not_ready(shown: str, status: int) -> FetchError:
    """Return the error for a file that the provider is still making."""
    return FetchError(
        f"GET {shown}: status {status} without the file: it is not ready yet; run again later, or say that such a file "
        f"may be left out until it is (ignore_not_ready).",
        url=shown,
        status=status,
    )


def content_type_of(headers: Mapping[str, str]) -> str | None:
    """Return the Content-Type without parameters, lower case, or None."""
    return (headers.get("Content-Type") or "").partition(";")[0].strip().lower() or None


def _conditional_headers(validators: Validators) -> dict[str, str]:
    """Return the headers of a conditional request; a validator that no header can hold is left out."""
    named = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in named.items() if value and _is_sendable(value)}


_SENDABLE = re.compile(r"[\x20-\x7e\x80-\xff]*")


def _is_sendable(value: str) -> bool:
    return _SENDABLE.fullmatch(value) is not None


def _resumable_version(headers: Mapping[str, str], size: int | None) -> FileVersion | None:
    """Return the version of a body that can be resumed: it is large, or its size is not known.

    It has a strong ETag and no Content-Encoding (RFC 9110, section 13.1.5).
    """
    if size is not None and size < _RESUMED_FROM_BYTES:
        return None
    etag = headers.get("ETag") or ""
    encoded = (headers.get("Content-Encoding") or "identity").lower() != "identity"
    refused = (headers.get("Accept-Ranges") or "").lower() == "none"
    if not etag.startswith('"') or not _is_sendable(etag) or encoded or refused:
        return None
    return FileVersion(etag, headers.get("Last-Modified") or None, content_type_of(headers), size)
