"""The HTTP client of one source: retries, rate limit, conditional requests, redirects without credentials."""

from __future__ import annotations

import dataclasses
import functools
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ingestify.domain.error_response import FindError, refuse_error
from ingestify.domain.ports import (
    Auth,
    ByteSink,
    FetchContext,
    FetchRequest,
    FetchResult,
    Response,
)
from ingestify.errors import FetchError
from ingestify.fetch.current_context import activated, current_context
from ingestify.fetch.download import Download
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.request import OutgoingRequest, make_file_request, make_request
from ingestify.fetch.request_executor import NOT_FOUND, RequestExecutor
from ingestify.fetch.response import BufferedResponse, StreamedResponse
from ingestify.fetch.throttling.budgets import SourceBudget
from ingestify.fetch.throttling.waits import Waits
from ingestify.fetch.transport.transport import Transport
from ingestify.fetch.transport.ways import Transports, Way
from ingestify.masking import mask_url

if TYPE_CHECKING:
    from ingestify.fetch.paging.page_walk import Doubt
    from ingestify.fetch.paging.pages import Pager

__all__ = ["HttpClient", "HttpOptions"]


class HttpClient:
    """Implements `domain.ports.Fetcher`. One for each source; safe to use from any thread.

    Args:
        name: The source's name, for logs and messages.
        options: The settings of the client.
        transport: Sends each request; None: a transport of its own.
        waits: How long hosts asked to be left alone, shared by several clients; None: only this client knows.
        budget: How many requests the source has, of all processes together; None: any number.
    """

    def __init__(
        self,
        name: str,
        options: HttpOptions | None = None,
        transport: Transport | None = None,
        waits: Waits | None = None,
        budget: SourceBudget | None = None,
    ) -> None:
        self.name = name
        self.options = options or HttpOptions()
        usual = transport or _make_transport(self.options)
        self._transports = Transports(name, usual, functools.partial(_make_transport, self.options))
        self._executor = RequestExecutor(name, self.options, self._transports, waits, budget)

    @property
    def max_concurrency(self) -> int | None:
        """How many requests may be in flight at once; None: as many as each host permits."""
        return self.options.max_concurrency

    def activated(self, context: FetchContext) -> AbstractContextManager[None]:
        """Make this the client that `retrieve_http` uses in the current thread, fetching for `context`."""
        return activated(self, context)

    def leave_alone(self, url: str, seconds: float) -> None:
        """Send no request to a URL's host for so long; see `domain.ports.HttpClientPort.leave_alone`."""
        self._executor.leave_alone(url, seconds)

    def abort(self) -> None:
        """Break off all transfers; see `domain.ports.Fetcher.abort`."""
        self._transports.abort()

    def close(self) -> None:
        """Close all connections."""
        self._transports.close()

    # ---- files -----------------------------------------------------------------------------------------

    def fetch(self, request: FetchRequest, sink: ByteSink) -> FetchResult:
        """Stream a file into `sink`, with retries; see `domain.ports.Fetcher.fetch`.

        With a pager the file is a JSON array of all pages (see `fetch.paging.paged_file`), and the request is never
        conditional.
        """
        if request.pager is not None:
            return self._fetch_pages(request, sink)
        download = Download(request, sink, self.name, self.options)
        download.resume()
        result, attempts = self._executor.run(download.make_request, download.receive, download.accepts, is_file=True)
        if attempts == 1:
            return result
        return dataclasses.replace(result, attempts=attempts)

    def _fetch_pages(self, request: FetchRequest, sink: ByteSink) -> FetchResult:
        from ingestify.fetch.paging.paged_file import PagedFile  # many sources have no pages
        from ingestify.fetch.paging.pages import as_pager

        pager = as_pager(request.pager)
        first = make_file_request(request, self.options.user_agent)

        def read(note: Callable[[Doubt, str], None]) -> Iterator[Response]:
            return self._iter_pages(first, pager, note, request.ignore_not_found, request.find_error)

        return PagedFile(request, sink, pager, first.url, self.name, self.options).fetch(read)

    # ---- indexes ---------------------------------------------------------------------------------------

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
        ignore_not_found: bool = False,
        find_error: FindError | None = None,
    ) -> BufferedResponse:
        """Return a response with its body in memory; see `domain.ports.HttpClientPort.get`."""
        request = self._make_request(url, params, headers, auth)
        return _checked(self._get(request, NOT_FOUND if ignore_not_found else frozenset()), find_error)

    def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> Any:
        """Return a response's JSON values; see `domain.ports.HttpClientPort.get_json`."""
        return self.get(url, params=params, headers=headers, auth=auth).json()

    def get_entries(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> Any:
        """Return the entries of a JSON list one by one; see `domain.ports.HttpClientPort.get_entries`."""
        return self.get(url, params=params, headers=headers, auth=auth).entries()

    def iter_pages(
        self,
        url: str,
        pager: Any,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
        find_error: FindError | None = None,
    ) -> Iterator[Response]:
        """Yield page after page; see `domain.ports.HttpClientPort.iter_pages`."""
        from ingestify.fetch.paging.pages import as_pager  # many sources have no pages

        first = self._make_request(url, params, headers, auth)

        def note(_: Doubt, why: str) -> None:
            current_context().index.add_gap(why)

        return self._iter_pages(first, as_pager(pager), note, ignore_not_found=False, find_error=find_error)

    def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> BufferedResponse:
        """Send a form and return the response; see `domain.ports.HttpClientPort.post_form`."""
        request = make_request(url, headers=headers, auth=auth, form=form, user_agent=self.options.user_agent)
        return self._get(request)

    def _iter_pages(
        self,
        first: OutgoingRequest,
        pager: Pager,
        note: Callable[[Doubt, str], None],
        ignore_not_found: bool,
        find_error: FindError | None,
    ) -> Iterator[Response]:
        from ingestify.fetch.paging.page_walk import PAST_THE_END, iter_pages

        def get_page(url: str, *, is_first: bool, may_be_past_end: bool) -> Response:
            request = first.moved(url)
            if not is_first:
                request = self._executor.redirect_policy.check(first.url, request, "its next page is")
            # Some providers answer 404 behind the last page that is counted. Behind a link, a 404 is a missing page.
            also = PAST_THE_END if may_be_past_end else NOT_FOUND if is_first and ignore_not_found else frozenset()
            # Each page, before its items are read: an error without items looks like the page behind the last one.
            return _checked(self._get(request, also), find_error)

        return iter_pages(first.url, pager, get_page, most_pages=self.options.max_pages, note=note)

    def _make_request(
        self, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str] | None, auth: Auth
    ) -> OutgoingRequest:
        return make_request(url, params=params, headers=headers, auth=auth, user_agent=self.options.user_agent)

    def _get(self, request: OutgoingRequest, also: frozenset[int] = frozenset()) -> BufferedResponse:
        """Return the response to a request; its status is a success or one of `also`."""

        def accepts(status: int, _: OutgoingRequest) -> bool:
            # A 206 is a part of something, and no part was requested.
            return (200 <= status < 300 and status != 206) or status in also

        response, _ = self._executor.run(lambda: request, self._receive_whole, accepts)
        return response

    def _receive_whole(self, response: StreamedResponse) -> BufferedResponse:
        most = self.options.max_index_bytes
        body = io.BytesIO()  # which, unlike a list of chunks, takes the memory of an index once
        size = response.announced_bytes or 0
        if size <= most:
            size = 0
            for data in response.iter_body():
                size += body.write(data)
                if max(size, response.received_bytes) > most:
                    size = max(size, response.received_bytes)
                    break
        if size > most:
            shown = mask_url(response.request.url)
            raise FetchError(
                f"GET {shown}: the body has more than {most} bytes, which is too much for an index; announce it as a "
                f"file, or raise sources.{self.name}.max_index_size.",
                url=shown,
                status=response.status,
            )
        current_context().index.add_response(response.headers.get("Date") or None)
        setting = f"sources.{self.name}.max_index_size"
        return BufferedResponse(response.status, response.request.url, response.headers, body.getvalue(), most, setting)


def _checked(response: BufferedResponse, find_error: FindError | None) -> BufferedResponse:
    """Return a response, unless its body tells of an error."""
    if 200 <= response.status < 300:
        refuse_error(find_error, response.content, response.url, response.status)
    return response


def _make_transport(options: HttpOptions, way: Way | None = None) -> Transport:
    from ingestify.fetch.transport.http_client_transport import (
        HttpClientTransport,  # loads ssl, which not every command needs
    )

    way = way or Way()
    return HttpClientTransport(
        connect_timeout_seconds=way.connect_timeout_seconds or options.connect_timeout_seconds,
        read_timeout_seconds=way.read_timeout_seconds or options.read_timeout_seconds,
        verify=way.verify,
        connections=max(options.connections, options.max_concurrency or 0),
        total_seconds=options.total_seconds,
        least_bytes_per_second=options.least_bytes_per_second,
    )
