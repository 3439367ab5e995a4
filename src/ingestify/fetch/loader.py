"""`retrieve_http`: the engine's own HTTP, for use inside a file loader."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO, TypedDict, Unpack, cast

from ingestify.domain import formats
from ingestify.domain.announcement import read_time
from ingestify.domain.file import NO_VALIDATORS, DraftFile, File, NotModifiedFile, Validators
from ingestify.domain.ports import Auth, Fetcher, FetchRequest, FetchStatus, FileVersion
from ingestify.errors import SourceError
from ingestify.fetch.current_context import current_client
from ingestify.fetch.http import HttpClient, HttpOptions

__all__ = ["retrieve_http"]

_IN_MEMORY_BYTES = 8 << 20

_default: HttpClient | None = None
_making_default = threading.Lock()


def _client() -> Fetcher:
    """Return the client of the source that the current thread works for; outside an engine, one for all callers."""
    global _default
    found = current_client()
    if found is not None:
        return found
    with _making_default:
        if _default is None:
            # Without a source, nothing can declare the hosts that a provider may lead to.
            _default = HttpClient("retrieve_http", HttpOptions(redirect_hosts=("*",)))
        return _default


class _Spool:
    """Keeps bytes in memory up to 8 MB, then on disk, and hashes them."""

    def __init__(self) -> None:
        self.file = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES))  # noqa: SIM115 - handed on
        self.digest = hashlib.sha256()

    def resume(self) -> None:
        """Begin anew: a loader gets a whole file or none, so no earlier fetch left a part."""

    def begin(self, version: FileVersion) -> None:
        """Keep no part for a later fetch."""

    def write(self, data: bytes) -> None:
        self.digest.update(data)
        self.file.write(data)

    def restart(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.digest = hashlib.sha256()


class RetrieveOptions(TypedDict, total=False):
    """The further arguments of `retrieve_http`."""

    http_auth: Auth
    http_params: Mapping[str, Any]
    http_cookies: Any
    http_timeout: Any
    http_verify: Any
    http_ignore_not_found: bool
    http_validators: Validators | None
    file_data_feed_key: str
    file_data_spec_version: str
    file_data_serialization_format: str | None
    file_modified_at: dt.datetime | None


def retrieve_http(
    url: str,
    current_file: File | None = None,
    headers: Mapping[str, str] | None = None,
    pager: Any = None,
    last_modified: dt.datetime | None = None,
    **options: Unpack[RetrieveOptions],
) -> DraftFile | NotModifiedFile | None:
    """Fetch a file with the retries, rate limit and concurrency of the source whose loader calls this.

    Args:
        url: http or https.
        current_file: The file in the lake, as the loader got it, or None.
        headers: Sent to this URL's host only.
        pager: How to get further pages; see `ingestify.fetch.paging.pages`.
        last_modified: When the file changed, as the provider announced it. If that is not later than
            `current_file.modified_at`, no request is sent.
        **options: `http_auth`, `http_params`, `http_cookies`, `http_timeout`, `http_verify`, `http_ignore_not_found`
            (as `http_options` of a file), `http_validators`;
            `file_data_feed_key`, `file_data_spec_version` (both default to those of `current_file`),
            `file_data_serialization_format` (defaults to that of `current_file`, else to what the URL's path or the
            Content-Type shows, else `bin`), `file_modified_at` (defaults to `last_modified`).

    Returns:
        A `DraftFile`; a `NotModifiedFile` if the lake has the same bytes; None for an allowed 404.

    Raises:
        FetchError: The file could not be fetched.
        SourceError: An option is unknown, or the feed is named nowhere.
    """
    if unknown := sorted(set(options) - set(RetrieveOptions.__annotations__)):
        valid = ", ".join(sorted(RetrieveOptions.__annotations__))
        raise SourceError(f"retrieve_http has no option {', '.join(unknown)}; there are {valid}.")
    feed = options.get("file_data_feed_key") or (current_file.data_feed_key if current_file else None)
    if not feed:
        raise SourceError("retrieve_http does not know which feed it fetches: give file_data_feed_key=….")
    version = options.get("file_data_spec_version") or (current_file.data_spec_version if current_file else "v1")
    modified_at = _time("file_modified_at", options.get("file_modified_at")) or _time("last_modified", last_modified)
    announced = _time("last_modified", last_modified)
    known = None if current_file is None else current_file.modified_at
    if known is not None and announced is not None and announced <= known:
        return NotModifiedFile(announced, "its time is unchanged")
    declared = options.get("file_data_serialization_format") or (
        current_file.data_serialization_format if current_file else None
    )
    request = FetchRequest(
        url=url,
        headers=headers or {},
        params=options.get("http_params") or {},
        auth=options.get("http_auth"),
        ignore_not_found=bool(options.get("http_ignore_not_found")),
        validators=_validators(options.get("http_validators"), current_file),
        data_serialization_format=declared,
        pager=pager,
        cookies=options.get("http_cookies"),
        timeout=options.get("http_timeout"),
        verify=options.get("http_verify", True),
    )
    spool = _Spool()
    try:
        result = _client().fetch(request, spool)
        if result.status is FetchStatus.NOT_FOUND:
            spool.file.close()
            return None
        if result.status is FetchStatus.NOT_MODIFIED:
            spool.file.close()
            return NotModifiedFile(modified_at, "the provider says so (304)")
        if current_file is not None and spool.digest.hexdigest() == current_file.tag:
            spool.file.close()
            return NotModifiedFile(modified_at, "the provider has the same bytes", result.validators)
        spool.file.seek(0)
        return DraftFile.from_input(
            spool.file,
            data_feed_key=feed,
            data_spec_version=version,
            data_serialization_format=(
                declared or formats.find_in_url(url) or formats.of_content_type(result.content_type)
            ),
            modified_at=modified_at,
            content_type=result.content_type,
            validators=result.validators,
        )
    except BaseException:
        spool.file.close()
        raise


def _time(name: str, value: object) -> dt.datetime | None:
    if value is None:
        return None
    try:
        return read_time(value)
    except (ValueError, OverflowError) as error:
        raise SourceError(f"retrieve_http takes a time as {name}; {value!r} is none: {error}.") from error


def _validators(given: object, current_file: File | None) -> Validators:
    if given is not None and not isinstance(given, Validators):
        raise SourceError(f"retrieve_http takes Validators as http_validators; {given!r} are none.")
    # A conditional request makes sense only for a file that the lake has.
    return NO_VALIDATORS if given is None or current_file is None else given
