"""The port of the HTTP client through which a source reads its provider: credentials, responses, calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from ingestify.domain.error_response import FindError
from ingestify.domain.json_value import JsonValue

__all__ = ["Auth", "Authorization", "HttpClientPort", "Response"]


class Authorization(Protocol):
    """Credentials that change while they are used, such as a token that expires. Any thread calls it.

    An authorization may also have a method `at_hand()`. The client calls it when a request is about to be sent, after
    the wait for the rate limit. It returns the header, or None if the header has expired by then; it sends no request.
    """

    def header(self) -> str:
        """Return an Authorization header that is valid for a while. May send a request for it.

        Raises:
            IngestifyError: The provider gave none.
        """

    def renew(self, refused: str) -> bool:
        """Return whether the request is worth another try with `header()`, after a 401 for the header `refused`."""


Auth: TypeAlias = tuple[str, str] | Authorization | Callable[[Any], object] | None
"""User and password for Basic authentication, or an `Authorization`, or a callable that is given each request, with
`method`, `url`, `headers` and `body`, and adds its credentials, as in the package `requests`. None: no credentials."""


class Response(Protocol):
    """A response whose whole body is in memory, for indexes and other small things."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def url(self) -> str:
        """The URL of the response, after redirects."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""

    @property
    def content(self) -> bytes:
        """The body, with its Content-Encoding decoded."""

    @property
    def text(self) -> str:
        """The body as text."""

    def json(self) -> JsonValue:
        """Return the body's JSON values. Raises a SourceError that names the URL if the body is not JSON."""


class HttpClientPort(Protocol):
    """The HTTP client of one source: retries, its rate limit, its concurrency. Safe to use from any thread."""

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
        ignore_not_found: bool = False,
        find_error: FindError | None = None,
    ) -> Response:
        """Return a response with its body in memory.

        Args:
            url: http or https.
            params: Added to the query: None is left out, a list repeats its key, True is `true`.
            headers: Sent to this URL's origin only.
            auth: User and password for Basic authentication, or an `Authorization`.
            ignore_not_found: Whether a response with status 404 or 410 is returned, too.
            find_error: Returns the error that a body tells of although its status is a success, for people, or an
                empty text.

        Raises:
            FetchError: After retries, or if `find_error` finds an error.
            SourceError: The request cannot be sent.
        """

    def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> JsonValue:
        """Return a response's JSON values; the arguments are those of `get`.

        Raises:
            FetchError: After retries.
            SourceError: The body is not JSON, or the request cannot be sent.
        """

    def get_entries(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> JsonValue:
        """Return the entries of a JSON list as a sequence that reads each of them when it is asked for, and keeps none.

        The arguments are those of `get`. A large index takes little more memory so than its text.

        Returns:
            The sequence; or the value of a response that is no list.

        Raises:
            FetchError: After retries.
            SourceError: The body is not JSON, or the request cannot be sent.
        """

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
        """Yield page after page, each fetched when the caller asks for it.

        `pager` is described in `ingestify.fetch.paging.pages`; the other arguments are those of `get`. Signs that the
        pages are incomplete are noted in the `index` of the current context.

        Raises:
            FetchError: A page could not be fetched, after retries, or tells of an error.
            SourceError: `pager` is not a pager, the pages go in a circle, or a page is missing.
        """

    def leave_alone(self, url: str, seconds: float) -> None:
        """Send no request to a URL's host for so long, after a successful response whose body asks for a pause.

        A call for this host fails meanwhile, without a request, also in other runs over the same catalogue.
        """

    def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> Response:
        """Send a form and return the response. It may be sent several times, which is harmless for a login.

        Args:
            url: http or https. The form is sent to this URL only: a redirect is an error.
            form: Field to value. No log and no message shows them.
            headers: Sent with the form.
            auth: User and password for Basic authentication, or an `Authorization`.

        Raises:
            FetchError: After retries.
            SourceError: The request cannot be sent.
        """
