"""The HTTP client of one source: retries, rate limit, conditional requests, redirects that leak nothing."""

from __future__ import annotations

import contextvars
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ingestify.domain.error_response import FindError, refuse_error
from ingestify.domain.ports import (
    Auth,
    ByteSink,
    FetchContext,
    FetchRequest,
    FetchResult,
    Response,
    Usage,
)
from ingestify.errors import FetchError
from ingestify.fetch.buffered_response import BufferedResponse
from ingestify.fetch.current_context import current_context, use_context
from ingestify.fetch.download import Download, announced_bytes
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.paging import pages
from ingestify.fetch.paging.page_walk import PAST_THE_END, Doubt, iter_answers
from ingestify.fetch.paging.paged_file import PagedFile
from ingestify.fetch.request import OutgoingRequest, make_request
from ingestify.fetch.request_executor import NOT_FOUND, RequestExecutor
from ingestify.fetch.streamed_response import StreamedResponse
from ingestify.fetch.throttling.waits import Waits
from ingestify.fetch.transport.transport import Transport
from ingestify.masking import mask_url

__all__ = ["HttpClient", "HttpOptions", "current_client"]

_current: contextvars.ContextVar[HttpClient | None] = contextvars.ContextVar("ingestify_http_client", default=None)


def current_client() -> HttpClient | None:
    """Return the client of the source that the current thread works for; outside an engine's run, None."""
    return _current.get()


class HttpClient:
    """Implements `domain.ports.Fetcher`. One for each source; safe to use from any thread.

    Args:
        name: The source's name, for logs.
        options: How the provider is asked.
        transport: What sends; None: the standard library's http.client.
        waits: How long hosts asked to be left alone, whoever asked them; None: this client keeps that for itself.
    """

    def __init__(
        self,
        name: str,
        options: HttpOptions | None = None,
        transport: Transport | None = None,
        waits: Waits | None = None,
    ) -> None:
        self.name = name
        self.options = options or HttpOptions()
        self.usage = Usage()
        self._transport = transport or _make_transport(self.options)
        self._executor = RequestExecutor(name, self.options, self._transport, self.usage, waits)

    @property
    def max_concurrency(self) -> int | None:
        """The most requests that it lets be in flight."""
        return self.options.max_concurrency

    @contextmanager
    def activated(self, context: FetchContext) -> Iterator[None]:
        """Make this the client that `retrieve_http` uses in this thread, working for `context`."""
        token = _current.set(self)
        try:
            with use_context(context):
                yield
        finally:
            _current.reset(token)

    def leave_alone(self, url: str, seconds: float) -> None:
        """Ask nothing of a URL's host for so long; see `domain.ports.HttpClientPort.leave_alone`."""
        self._executor.leave_alone(url, seconds)

    def abort(self) -> None:
        """Break off what is on the wire; see `domain.ports.Fetcher.abort`."""
        self._transport.abort()

    def close(self) -> None:
        """Close its connections."""
        self._transport.close()

    # ---- files -----------------------------------------------------------------------------------------

    def fetch(self, request: FetchRequest, sink: ByteSink) -> FetchResult:
        """Stream a file into `sink`, with retries; see `domain.ports.Fetcher.fetch`.

        With a pager the file is a JSON array of all pages (see `fetch.paged_file`), and always asked for in full.

        Raises:
            FetchError: It could not be had. What was written to the sink is worth nothing but to a later fetch that
                takes it up.
            SourceError: The request cannot be sent, or a page is no JSON.
        """
        if request.pager is not None:
            return self._fetch_pages(request, sink)
        download = Download(request, sink, self.name, self.options)
        download.take_up()
        result, attempts = self._executor.run(download.make_request, download.receive, download.accepts, is_file=True)
        if attempts == 1:
            return result
        return dataclasses.replace(result, attempts=attempts)

    def _fetch_pages(self, request: FetchRequest, sink: ByteSink) -> FetchResult:
        pager = pages.as_pager(request.pager)
        first = self._make_request(request.url, request.params, request.headers, request.auth)

        def read(doubt: Callable[[Doubt, str], None]) -> Iterator[Response]:
            return self._iter_answers(first, pager, doubt, request.ignore_not_found, request.find_error)

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
        """Return a whole answer.

        Args:
            params: Added to the query: None is left out, a list repeats its key, True is `true`.
            headers: Sent to this URL's origin only.
            auth: User and password for Basic authentication, or a `domain.ports.Authorization`.
            ignore_not_found: A 404 or 410 is an answer, too.
            find_error: Returns what a body says went wrong, for people, though the status says that nothing did;
                empty: nothing.

        Raises:
            FetchError: After retries.
            SourceError: The request cannot be sent.
        """
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
        """Return an answer's JSON values.

        Raises:
            FetchError: After retries.
            SourceError: It is not JSON, or the request cannot be sent.
        """
        return self.get(url, params=params, headers=headers, auth=auth).json()

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
        """Yield page after page, each fetched when it is asked for.

        Args:
            pager: See `ingestify.fetch.paging.pages`. What speaks against the pages' being whole is noted in the index
                look of this thread's context.
            find_error: As of `get`, for each page.

        Raises:
            FetchError: A page could not be had, after retries, or says that an error occurred.
            SourceError: `pager` is none, the pages go in a circle, or one that there should be is not there.
        """
        first = self._make_request(url, params, headers, auth)

        def doubt(_: Doubt, why: str) -> None:
            current_context().index.add_gap(why)

        return self._iter_answers(first, pages.as_pager(pager), doubt, ignore_not_found=False, find_error=find_error)

    def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> BufferedResponse:
        """Send a form and return the whole answer. For what may be sent again when it fails, such as a login.

        Args:
            form: Field to value. Not shown anywhere, and sent to this URL only: a redirect is an error.

        Raises:
            FetchError: After retries.
            SourceError: The request cannot be sent.
        """
        request = make_request(url, headers=headers, auth=auth, form=form, user_agent=self.options.user_agent)
        return self._get(request)

    def _iter_answers(
        self,
        first: OutgoingRequest,
        pager: pages.Pager,
        doubt: Callable[[Doubt, str], None],
        ignore_not_found: bool,
        find_error: FindError | None,
    ) -> Iterator[Response]:
        def get_page(url: str, *, is_first: bool, may_be_past_end: bool) -> Response:
            request = first.moved(url)
            if not is_first:
                request = self._executor.redirect_policy.check(first.url, request, "its next page is")
            # Behind the last page there is a 404 with some providers; where a page links to the next, it is a gap.
            also = PAST_THE_END if may_be_past_end else NOT_FOUND if is_first and ignore_not_found else frozenset()
            # Each of them, and before it is read: an error without items looks like the page that ends a count.
            return _checked(self._get(request, also), find_error)

        return iter_answers(first.url, pager, get_page, most_pages=self.options.max_pages, doubt=doubt)

    def _make_request(self, url: str, params: Any, headers: Any, auth: Any) -> OutgoingRequest:
        return make_request(url, params=params, headers=headers, auth=auth, user_agent=self.options.user_agent)

    def _get(self, request: OutgoingRequest, also: frozenset[int] = frozenset()) -> BufferedResponse:
        """Return the answer to a request; one with a status of `also` is one, too."""

        def accepts(status: int, _: OutgoingRequest) -> bool:
            # A 206 was not asked for: it is a part of something.
            return (200 <= status < 300 and status != 206) or status in also

        answer, _ = self._executor.run(lambda: request, self._receive_whole, accepts)
        return answer

    def _receive_whole(self, response: StreamedResponse) -> BufferedResponse:
        most = self.options.max_index_bytes
        chunks = []
        size = announced_bytes(response.headers) or 0
        if size <= most:
            size = 0
            for data in response.iter_body():
                chunks.append(data)
                size += len(data)
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
        return BufferedResponse(
            response.status, response.request.url, response.headers, b"".join(chunks), most, setting
        )


def _checked(answer: BufferedResponse, find_error: FindError | None) -> BufferedResponse:
    """Return an answer that does not say that an error occurred."""
    if 200 <= answer.status < 300:
        refuse_error(find_error, answer.content, answer.url, answer.status)
    return answer


def _make_transport(options: HttpOptions) -> Transport:
    from ingestify.fetch.transport.http_client_transport import (
        HttpClientTransport,  # loads ssl, which not every command needs
    )

    return HttpClientTransport(
        connect_timeout_seconds=options.connect_timeout_seconds,
        read_timeout_seconds=options.read_timeout_seconds,
        connections=max(options.connections, options.max_concurrency or 0),
        total_seconds=options.total_seconds,
        least_bytes_per_second=options.least_bytes_per_second,
    )
