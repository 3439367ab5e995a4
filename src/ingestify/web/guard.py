"""Who may ask, and with which headers every answer goes out. SECURITY.md has what it promises."""

from __future__ import annotations

import dataclasses
import hmac
import urllib.parse
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "Refuse", "Rules"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: Origin would be null on our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "private, no-cache",
}

_READING = ("GET", "HEAD")

_OURS = ("same-origin", "none")
"""Sec-Fetch-Site of a request that no other page caused. `same-site` is another port of this machine."""

Refuse = Callable[[str, int, str], Response]


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """Whom the guard lets through.

    Attributes:
        hosts: What the Host header may be, exactly: `127.0.0.1:8642`.
        token: Who knows it may ask.
        cookie: The name of the cookie that has the token; ports share their cookies.
        is_read_only: Whether every change is refused.
    """

    hosts: frozenset[str]
    token: str = dataclasses.field(repr=False)
    cookie: str = "ingestify"
    is_read_only: bool = False


class Guard:
    """An ASGI application in front of another one.

    Args:
        app: Gets what the rules allow.
        rules: Whom it lets through.
        refuse: Makes the response for a path, a status and a sentence.
    """

    def __init__(self, app: ASGIApp, rules: Rules, refuse: Refuse) -> None:
        self._app = app
        self._rules = rules
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                return  # there are none: the server closes it
            await self._app(scope, receive, send)
            return
        answer = self._answer(scope) or self._app
        await answer(scope, receive, _with_headers(send))

    def _answer(self, scope: Scope) -> Response | None:
        """Return the answer of the guard itself; None: the request may go on."""
        headers = Headers(scope=scope)
        rules, path = self._rules, scope["path"]
        if headers.getlist("host") not in [[host] for host in rules.hosts]:
            return self._refuse(
                path, 421, "This server does not have that name. Another name is allowed with --allow-host."
            )
        is_reading = scope["method"] in _READING
        if not _is_of_ours(headers, is_reading=is_reading):
            return self._refuse(path, 403, "Another web page sent this request. Open the page itself, and do it there.")
        if path.startswith("/static/"):
            return None
        if is_reading and (given := _token_of_query(scope)) is not None:
            return self._let_in(scope) if self._is_token(given) else self._who_are_you(path)
        if not self._is_known(headers):
            return self._who_are_you(path)
        if not is_reading and rules.is_read_only:
            return self._refuse(path, 403, "This page is read-only: it was started with --read-only.")
        return None

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._is_token(given.strip())
        # As browsers write them: a cookie of another program on this machine may have JSON in it.
        return self._is_token(cookie_parser(headers.get("cookie", "")).get(self._rules.cookie, ""))

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._rules.token.encode())

    def _who_are_you(self, path: str) -> Response:
        response = self._refuse(
            path, 401, "Open the address that the terminal shows: its token lets you in. Each start makes a new one."
        )
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def _let_in(self, scope: Scope) -> Response:
        """Return the cookie, and the same address without the token, which would stay in the history."""
        others = [
            pair for pair in urllib.parse.parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != "token"
        ]
        path = "/" + urllib.parse.quote(scope["path"]).lstrip("/")  # `//host` would be another server
        query = urllib.parse.urlencode(others)
        response = RedirectResponse(f"{path}?{query}" if query else path, 303)
        response.set_cookie(self._rules.cookie, self._rules.token, httponly=True, samesite="strict", path="/")
        return response


def _is_of_ours(headers: Headers, *, is_reading: bool) -> bool:
    """Whether no page of somebody else caused the request.

    Others may link to a page: that is a navigation, which they cannot read. A change must come from our own page.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    host = headers["host"]
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        return False
    if is_reading:
        is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return site is None or site in _OURS or is_link
    # A program says neither; it has no cookie, and needs the token.
    if site is None and origin is None:
        return "authorization" in headers and "cookie" not in headers
    return site in (None, "same-origin")


def _token_of_query(scope: Scope) -> str | None:
    query = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return query["token"][0] if "token" in query else None


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
