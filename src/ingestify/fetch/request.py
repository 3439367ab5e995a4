"""A request as it is sent: query, headers, credentials, and which of these a redirect keeps."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import functools
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from ingestify.domain.ports import Auth, Authorization, FetchRequest
from ingestify.errors import FetchError, SourceError
from ingestify.fetch.transport.signing import RequestToSign, Sign, sign_request
from ingestify.fetch.transport.ways import Way, way_of
from ingestify.masking import MASK, hide, is_secret_key, mask_url, masked_repr

__all__ = ["DEFAULT_PORTS", "OutgoingRequest", "make_file_request", "make_request", "origin"]

DEFAULT_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_SHORTEST_SECRET = 4
# RFC 9110, section 4.1, recommends that software supports 8,000 at least. A longer one is a mistake or an attack.
MOST_URL_CHARACTERS = 8000
_SHOWN_CHARACTERS = 200
_ORIGIN = re.compile(r"[^/?#]*(?://[^/?#]*)?")
# The characters of a URL (RFC 3986, appendix A), and the `|` that providers leave as it is.
_KEPT_IN_URLS = "!#$%&'()*+,/:;=?@[]~|"
_PLAIN = re.compile(f"[{re.escape(_KEPT_IN_URLS)}0-9A-Za-z_.-]*")
_HARMLESS = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "referer", "user-agent"})


@dataclasses.dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """One request: a GET, or with a body a POST.

    Attributes:
        url: Without userinfo and fragment.
        headers: The headers that this URL gets.
        bare_headers: The headers that another origin gets: they tell nothing of the caller.
        conditional: Whether the response may be a 304.
        secrets: The caller's headers and credentials; they are masked where a provider repeats them.
        led_from: The URL whose response led to this one; None: the source requested it by itself.
        authorization: Gives the Authorization header when the request is sent; None: the headers are complete.
        body: The body of a POST; None: it is a GET.
        sign: Adds the credentials when the request is sent; None: it needs none.
        way: How it is sent; None: as the settings say.
    """

    url: str
    headers: Mapping[str, str] = dataclasses.field(repr=False)
    bare_headers: Mapping[str, str] = dataclasses.field(repr=False)
    conditional: bool = False
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    led_from: str | None = dataclasses.field(default=None, repr=False)
    authorization: Authorization | None = dataclasses.field(default=None, repr=False)
    body: bytes | None = dataclasses.field(default=None, repr=False)
    sign: Sign | None = dataclasses.field(default=None, repr=False)
    way: Way | None = None

    __repr__ = masked_repr

    @property
    def method(self) -> str:
        """`GET` or `POST`."""
        return "GET" if self.body is None else "POST"

    def get_authorization(self) -> str | None:
        """Return an Authorization header; None: the request has no `authorization`. May block, and send a request.

        Raises:
            IngestifyError: The provider gave none.
        """
        return None if self.authorization is None else self.authorization.header()

    def authorized(self, header: str | None) -> OutgoingRequest | None:
        """Return the request as it is sent now; None: its authorization has expired, and needs a new header.

        Args:
            header: The result of `get_authorization` a while ago, for an authorization without a method `at_hand()`.
        """
        if self.sign is not None:
            return self._signed(self.sign)
        if self.authorization is None:
            return self
        at_hand = getattr(self.authorization, "at_hand", None)
        header = header if at_hand is None else at_hand()
        if header is None:
            return None
        _check_header("Authorization", header)
        hide(header.rpartition(" ")[2])
        return dataclasses.replace(
            self,
            headers={**self.headers, "Authorization": header},
            secrets=(*self.secrets, header, *header.split()),
        )

    def _signed(self, sign: Sign) -> OutgoingRequest:
        signed = sign_request(sign, RequestToSign(self.method, self.url, dict(self.headers), self.body))
        if origin(signed.url) != origin(self.url):
            raise SourceError(f"The auth of {mask_url(self.url)} changed its host, which it may not.")
        headers = {str(name): _text(value) for name, value in signed.headers.items() if value is not None}
        added = [value for name, value in headers.items() if self.headers.get(name) != value]
        for name, value in headers.items():
            _check_header(name, value)
        for value in added:
            hide(value.rpartition(" ")[2])
        secrets = (*self.secrets, *added, *(part for value in added for part in value.split()))
        return dataclasses.replace(self, url=_read_url(signed.url)[0], headers=headers, secrets=secrets)

    @property
    def credentials(self) -> str:
        """Return where the credentials of the request are, for people: names of headers and parameters."""
        names = [f"header {name}" for name in self.headers if name.lower() == "authorization" or is_secret_key(name)]
        query = urllib.parse.parse_qsl(urllib.parse.urlsplit(self.url).query)
        names += [f"parameter {name}" for name, _ in query if is_secret_key(name)]
        return " and ".join(dict.fromkeys(names)) or "none are sent"

    def redirected(self, location: str) -> OutgoingRequest:
        """Return the request that a Location header leads to. Another origin gets no headers and no credentials.

        Raises:
            FetchError: It is no http or https URL, or too long; or the request has a body, which no other URL gets.
        """
        if self.body is not None:
            raise FetchError(
                f"POST {mask_url(self.url)} is redirected to {mask_url(location.strip())!r}; what it sends is for the "
                f"first URL only, so it is not followed. Correct the URL.",
                url=mask_url(self.url),
            )
        # Header bytes are read as Latin-1; a Location that is not ASCII is mostly UTF-8.
        with contextlib.suppress(UnicodeError):
            location = location.encode("latin-1").decode("utf-8")
        try:
            url = urllib.parse.urljoin(self.url, location.strip())
            return self.moved(url)
        except (ValueError, SourceError) as error:
            raise FetchError(
                f"GET {mask_url(self.url)} is redirected to {mask_url(location.strip())[:_SHOWN_CHARACTERS]!r}, which "
                f"is {'too long' if len(location) > MOST_URL_CHARACTERS else 'no http or https URL'}; it is not "
                f"followed. Check the URL of this source.",
                url=mask_url(self.url),
            ) from error

    def moved(self, url: str) -> OutgoingRequest:
        """Return the same request for another URL. Another origin does not get the caller's headers.

        Raises:
            SourceError: `url` is no http or https URL, or has more than 8,000 characters.
        """
        if len(url) > MOST_URL_CHARACTERS:
            raise SourceError(
                f"'{mask_url(url)[:_SHOWN_CHARACTERS]}…' has {len(url):,} characters; a URL may have "
                f"{MOST_URL_CHARACTERS:,} at most."
            )
        url, _ = _read_url(url)
        if origin(url) == origin(self.url):
            return dataclasses.replace(self, url=url)
        way = None if self.way is None else msgspec.structs.replace(self.way, verify=True)
        return dataclasses.replace(
            self, url=url, headers=self.bare_headers, conditional=False, authorization=None, sign=None, way=way
        )

    def with_range(self, first_byte: int, etag: str) -> OutgoingRequest:
        """Return the request for the rest of a file, if its version is still the one of `etag` (RFC 9110, 13.1.5)."""
        ranged = {"Range": f"bytes={first_byte}-", "If-Range": etag, "Accept-Encoding": "identity"}
        return dataclasses.replace(
            self,
            headers={**self.headers, **ranged},
            bare_headers={**self.bare_headers, **ranged},
        )

    def redact(self, text: str) -> str:
        """Return a text of the provider, with the secrets of this request masked."""
        query = urllib.parse.parse_qsl(urllib.parse.urlsplit(self.url).query)
        hidden = {*self.secrets, *(value for key, value in query if is_secret_key(key))}
        for secret in sorted(hidden, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, MASK)
        return text


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port."""
    parts = urllib.parse.urlsplit(url)
    return (parts.scheme, (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme))


def make_file_request(
    file: FetchRequest,
    user_agent: str,
    *,
    accept_encoding: str = "gzip",
    conditional_headers: Mapping[str, str] | None = None,
) -> OutgoingRequest:
    """Return the request of a file; see `make_request`."""
    return make_request(
        file.url,
        params=file.params,
        headers=file.headers,
        auth=file.auth,
        user_agent=user_agent,
        accept_encoding=accept_encoding,
        conditional_headers=conditional_headers,
        cookies=file.cookies,
        timeout=file.timeout,
        verify=file.verify,
    )


def make_request(
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, Any] | None = None,
    auth: Auth = None,
    user_agent: str,
    accept_encoding: str = "gzip",
    conditional_headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    body: bytes | None = None,
    cookies: Any = None,
    timeout: Any = None,
    verify: Any = True,
) -> OutgoingRequest:
    """Return a GET request, or with a form or a body a POST.

    Args:
        url: http or https.
        params: Added to the query: None is left out, a list repeats its key, True is `true`, a time is ISO 8601.
        headers: The caller's headers; None is left out.
        auth: (user, password) for Basic authentication (RFC 7617), an `Authorization`, or a callable on a request.
            Userinfo in the URL has the same effect, and is removed from the URL.
        user_agent: Sent unless `headers` has one.
        accept_encoding: Sent whatever `headers` has, as the client decodes no other encoding.
        conditional_headers: If-None-Match and If-Modified-Since.
        form: Sent as the body, `application/x-www-form-urlencoded`. No log and no message shows its values.
        body: Sent as it is, with the Content-Type of `headers`.
        cookies: Sent as the header Cookie, after one of `headers`.
        timeout: See `way_of`.
        verify: See `way_of`.

    Raises:
        SourceError: The URL is not http(s), or a part of the request cannot be sent.
    """
    if not isinstance(url, str):
        raise SourceError(f"A URL is text; {url!r} is a {type(url).__name__}.")
    url, userinfo = _read_url(url.strip())
    if params and (query := urllib.parse.urlencode(list(_pairs(params)))):
        separator = "?" if "?" not in url else "" if url.endswith(("?", "&")) else "&"
        url = f"{url}{separator}{query}"

    own = {str(name): _text(value) for name, value in (headers or {}).items() if value is not None}
    if cookies:
        own["Cookie"] = "; ".join([*filter(None, [own.get("Cookie")]), *_cookies(cookies)])
    for name, value in own.items():
        _check_header(name, value)
        if is_secret_key(name):
            hide(value.rpartition(" ")[2])  # a source's own errors may quote the value without its name
    authorization, pair, sign = _split_auth(auth, userinfo)
    secrets = [part for name, value in own.items() if name.lower() not in _HARMLESS for part in (value, *value.split())]
    if pair is not None or authorization is not None:
        own = {name: value for name, value in own.items() if name.lower() != "authorization"}
    if pair is not None:
        encoded = base64.b64encode(":".join(pair).encode()).decode()
        own["Authorization"] = f"Basic {encoded}"
        secrets += [*pair, encoded]
        hide(pair[1])

    if form is not None:
        body = urllib.parse.urlencode(form).encode()
        own["Content-Type"] = "application/x-www-form-urlencoded"
        secrets += form.values()
    bare = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": accept_encoding}
    given = {name.lower() for name in own}
    return OutgoingRequest(
        url=url,
        headers={
            **{name: value for name, value in bare.items() if name.lower() not in given},
            **{name: value for name, value in own.items() if name.lower() != "accept-encoding"},
            **(conditional_headers or {}),
            "Accept-Encoding": accept_encoding,
        },
        bare_headers=bare,
        conditional=bool(conditional_headers),
        secrets=tuple(secrets),
        authorization=authorization,
        body=body,
        sign=sign,
        way=way_of(timeout, verify),
    )


def _read_url(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return an http or https URL as it is sent, and the user and password that it has.

    It is sent without userinfo and fragment, and with forbidden characters escaped as a browser does: spaces, quotes,
    letters with accents. Raises a SourceError for any other text.
    """
    if _has_control_characters(url):
        raise SourceError(f"The URL {mask_url(url)!r} holds control characters; it is not requested.")
    found = _ORIGIN.match(url)
    assert found is not None, "it matches any text"
    path = url[found.end() :].partition("#")[0]
    try:
        url.encode()  # raises a ValueError for a half of a surrogate pair
        sent, userinfo = _read_origin(found[0])
        return sent + (path if _PLAIN.fullmatch(path) else urllib.parse.quote(path, _KEPT_IN_URLS)), userinfo
    except ValueError:
        raise SourceError(f"'{mask_url(url)}' is no http or https URL.") from None


@functools.lru_cache(maxsize=256)  # all files of a host begin alike
def _read_origin(text: str) -> tuple[str, tuple[str, str] | None]:
    """Return a URL's scheme, host and port as they are sent, and its user and password.

    Raises:
        ValueError: It is no http or https URL, or has a host's name that IDNA does not allow.
    """
    parts = urllib.parse.urlsplit(text)
    _ = parts.port
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(text)
    userinfo, at, host = parts.netloc.rpartition("@")
    user, _, password = map(urllib.parse.unquote, userinfo.partition(":"))
    sent = host if host.isascii() else host.encode("idna").decode("ascii")
    return f"{parts.scheme}://{sent}", (user, password) if at else None


def _check_header(name: str, value: str) -> None:
    """Raise a SourceError, which does not show the value, if the header cannot be sent."""
    if not _TOKEN.fullmatch(name):
        raise SourceError(f"{name!r} is not the name of a header.")
    if _has_control_characters(value):
        raise SourceError(f"The header {name} holds control characters; it is not sent.")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise SourceError(f"The header {name} holds characters that no header can; percent-encode them.") from None


def _has_control_characters(text: str) -> bool:
    return not text.isprintable() and any(ord(character) < 32 or ord(character) == 127 for character in text)


def _split_auth(
    auth: object, userinfo: tuple[str, str] | None
) -> tuple[Authorization | None, tuple[str, str] | None, Sign | None]:
    """Return the authorization, or the user and password, or the callable; all are None without credentials."""
    if auth is None:
        return None, userinfo, None
    if hasattr(auth, "header") and hasattr(auth, "renew"):
        return cast(Authorization, auth), None, None
    if callable(auth) and not isinstance(auth, type):
        return None, None, auth
    if not isinstance(auth, (tuple, list)) or len(auth) != 2:
        raise SourceError("auth must be a pair of user and password, or a callable on a request.")
    return None, (_text(auth[0]), _text(auth[1])), None


def _cookies(cookies: Any) -> list[str]:
    """Return `name=value` of each cookie.

    Raises:
        SourceError: They are no mapping, and no cookies with names and values.
    """
    try:
        pairs = cookies.items() if hasattr(cookies, "items") else [(one.name, one.value) for one in cookies]
        return [f"{name}={_text(value)}" for name, value in pairs if value is not None]
    except (TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"cookies are a {type(cookies).__name__}; they must be a dict of names and values."
        ) from error


def _pairs(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in params.items():
        for one in value if isinstance(value, (list, tuple, set, frozenset)) else (value,):
            if one is not None:
                yield str(key), _text(one)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date):  # a datetime is one too
        return value.isoformat()
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
