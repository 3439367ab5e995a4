"""The HTTP client that a source asks its provider with, and what such a client sends and gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from ingestify.domain.error_answer import FindError

__all__ = ["Auth", "Authorization", "HttpAnswer", "HttpClientPort"]


class Authorization(Protocol):
    """Credentials that change while they are used, such as a token that expires. Any thread calls it.

    One that has a method `at_hand()` too is asked for the header of the moment at which a request is sent, behind the
    waiting for the rate limit: it returns None, without asking anybody, if the header has ended meanwhile.
    """

    def header(self) -> str:
        """Return an Authorization header that is good for a while. May ask the provider for it.

        Raises:
            IngestifyError: There is none to be had.
        """

    def renew(self, refused: str) -> bool:
        """A request with that header was answered 401. Return whether it is worth another try with `header()`."""


Auth: TypeAlias = tuple[str, str] | Authorization | None
"""User and password for Basic authentication, or what knows the Authorization header of each moment."""


class HttpAnswer(Protocol):
    """A whole answer in memory, for indexes and other small things."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def url(self) -> str:
        """Where it came from after redirects."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""

    @property
    def content(self) -> bytes:
        """The body, Content-Encoding undone."""

    @property
    def text(self) -> str:
        """The body as text."""

    def json(self) -> Any:
        """The body as JSON values; a SourceError that names the URL if it is none."""


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
    ) -> HttpAnswer:
        """Return the answer. With `ignore_not_found` a 404 is one too.

        Raises FetchError after retries, or if `find_error` says that it is an error.
        """

    def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> Any:
        """Return the answer's JSON values. Raises FetchError after retries, SourceError if it is not JSON."""

    def iter_pages(
        self,
        url: str,
        pager: Any,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
        find_error: FindError | None = None,
    ) -> Iterator[HttpAnswer]:
        """Yield page after page, each fetched when it is asked for; see `ingestify.fetch.paging.pages`."""

    def leave_alone(self, url: str, seconds: float) -> None:
        """Ask nothing of a URL's host for so long, as an answer with the status of a success said that it wants that.

        What is asked for meanwhile fails, and costs no request; so it is in other runs over the same catalogue.
        """

    def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> HttpAnswer:
        """Send a form, again if it fails, and return the answer. Raises FetchError after retries."""
