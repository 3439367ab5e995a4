"""Pagers: they find the next page of a listing, and the items of a page.

A `pager` is one of the classes below, or a callable `(response) -> URL | None`. The callable gets the page (`status`,
`url`, `headers`, `content`, `text`, `json()`) and returns the URL of the next page, which may be relative. A pair of a
key and a callable `(url, page) -> URL | None` is a pager too: the key is the path to a page's items, and `page` are the
page's JSON values. A next page on another origin (scheme, host and port) gets neither the caller's headers nor the
credentials. The caller's `params` are part of the first URL only; `PageNumber`, `Offset` and `Cursor` keep that URL's
query.

A file that is fetched with a pager is stored as one JSON array:

- of the items of all pages, in order, if the pager has `items`, the path to a page's list of items;
- else of the bodies of all pages, in order, each as the provider sent it.

`items`, `path`, `more` and `total` are dotted paths: `"data.matches"`; `""` is the body itself. The page without items
that ends a `PageNumber` or an `Offset` is not part of the file.

`fetch.paging.page_walk` describes where pages end, and which signs show that they are incomplete.
"""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ingestify.domain.json_path import JsonPath
from ingestify.domain.ports import Response
from ingestify.errors import SourceError
from ingestify.masking import mask_url

__all__ = ["Cursor", "LinkHeader", "NextLink", "Offset", "PageNumber", "Pager"]

_SHOWN_CHARACTERS = 200
_MOST_DIGITS = 19
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}

# No part of these can match in two ways, as the header may hold 64 KB of anything.
_LINK = re.compile(r'<([^<>]*)>((?:"[^"]*"|[^<"])*)')
_LINK_PARAMETER = re.compile(r""";\s*([\w!#$&+.^`|~*-]+)\s*=\s*("[^"]*"|[^\s;,"]*)""")


class Pager:
    """Finds the next page.

    Attributes:
        items: The path to a page's items. None: a file is made of whole bodies; of counted pages, the body is the list
            of items.
    """

    __slots__ = ()
    items: str | None
    more: str | None
    total: str | None

    def first_url(self, url: str) -> str:
        """Return the URL of the first page of the listing at `url`."""
        return url

    def next_url(self, response: Response, asked_url: str) -> str | None:
        """Return the URL behind the page that was requested at `asked_url`; None: the pages end."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, slots=True)
class NextLink(Pager):
    """The body holds the next page's URL, as in `{"next": "https://…", "results": […]}`; without one the pages end.

    Attributes:
        path: The path to the URL.
        checked: See `LinkHeader`.
    """

    path: str = "next"
    items: str | None = None
    more: str | None = None
    total: str | None = None
    checked: Callable[[str, str], str] | None = None

    def next_url(self, response: Response, asked_url: str) -> str | None:
        """Return the URL in the body of the page at `asked_url`, or None."""
        return _joined(response, look_up(response.json(), self.path), asked_url, self.checked)


@dataclasses.dataclass(frozen=True, slots=True)
class PageNumber(Pager):
    """`?page=1`, `?page=2`, … until a page has no items.

    Attributes:
        param: The query parameter.
        start: The first page's number.
    """

    param: str = "page"
    items: str | None = None
    start: int = 1
    more: str | None = None
    total: str | None = None

    def first_url(self, url: str) -> str:
        """Return the URL of the page `start`."""
        return with_param(url, self.param, self.start)

    def next_url(self, response: Response, asked_url: str) -> str | None:
        """Return the URL of the next number; None after a page without items, unless it says that there are more."""
        if not items_of(response, self.items or "") and not says_more(response, self.more):
            return None
        return self.url_behind(asked_url, 0)

    def url_behind(self, asked_url: str, count: int) -> str:  # noqa: ARG002 - as of an Offset
        """Return the URL of the page behind the one at `asked_url`."""
        return with_param(asked_url, self.param, int(get_param(asked_url, self.param) or self.start) + 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Offset(Pager):
    """`?offset=0&limit=100`, `?offset=100&limit=100`, … until a page has no items.

    A page with fewer items than the limit need not be the last: some providers lower the limit without telling. So the
    next offset counts the items that came.

    Attributes:
        param: The query parameter of the offset.
        limit_param: The query parameter of the limit.
        limit: How many items a page should have.
    """

    param: str = "offset"
    limit_param: str = "limit"
    limit: int = 100
    items: str | None = None
    more: str | None = None
    total: str | None = None

    def first_url(self, url: str) -> str:
        """Return the URL with offset 0."""
        return with_param(with_param(url, self.param, 0), self.limit_param, self.limit)

    def next_url(self, response: Response, asked_url: str) -> str | None:
        """Return the URL behind the page at `asked_url`; None after a page without items.

        A page without items that says that there are more is skipped.
        """
        count = len(items_of(response, self.items or ""))
        if not count and says_more(response, self.more):
            count = self.limit
        return self.url_behind(asked_url, count) if count else None

    def url_behind(self, asked_url: str, count: int) -> str:
        """Return the URL of the page behind the one at `asked_url`, which has so many items."""
        return with_param(asked_url, self.param, int(get_param(asked_url, self.param) or 0) + count)


@dataclasses.dataclass(frozen=True, slots=True)
class Cursor(Pager):
    """The body holds a cursor for the next page, as in `{"cursor": "abc"}` for `?cursor=abc`.

    Attributes:
        param: The query parameter of the cursor.
        path: The path to the cursor in the body; without a cursor the pages end.
    """

    param: str
    path: str
    items: str | None = None
    more: str | None = None
    total: str | None = None

    def next_url(self, response: Response, asked_url: str) -> str | None:
        """Return `asked_url` with the body's cursor, or None."""
        found = look_up(response.json(), self.path)
        return None if found in (None, "", False) else with_param(asked_url, self.param, found)


@dataclasses.dataclass(frozen=True, slots=True)
class LinkHeader(Pager):
    """`Link: <https://…>; rel="next"` (RFC 8288).

    Attributes:
        checked: `(next URL, URL of the page)` → the URL to request; raises a SourceError to refuse it. None: each link
            is followed.
    """

    items: str | None = None
    more: str | None = None
    total: str | None = None
    checked: Callable[[str, str], str] | None = None

    def next_url(self, response: Response, asked_url: str) -> str | None:
        """Return the target of the link with the relation `next`, or None."""
        for target, parameters in _LINK.findall(response.headers.get("Link") or ""):
            relations = [value for name, value in _LINK_PARAMETER.findall(parameters) if name.lower() == "rel"]
            if relations and "next" in relations[0].strip('"').lower().split():
                return _joined(response, target, asked_url, self.checked)
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class _Called(Pager):
    call: Callable[[Response], str | None]
    items: str | None = None
    more: str | None = None
    total: str | None = None

    def next_url(self, response: Response, asked_url: str) -> str | None:
        return _joined(response, self.call(response), asked_url)


@dataclasses.dataclass(frozen=True, slots=True)
class _Keyed(Pager):
    """`(key, function(url, page))`: the key of a page's items, and what finds the next URL in a page's JSON values."""

    items: str
    call: Callable[[str, Any], str | None]
    more: str | None = None
    total: str | None = None

    def next_url(self, response: Response, asked_url: str) -> str | None:
        return _joined(response, self.call(asked_url, response.json()), asked_url)


def as_pager(pager: Any) -> Pager:
    """Return the pager that a source gave; a callable becomes one.

    Raises:
        SourceError: It is no pager.
    """
    if isinstance(pager, Pager):
        return pager
    if callable(pager) and not isinstance(pager, type):
        return _Called(pager)
    if isinstance(pager, (tuple, list)) and len(pager) == 2 and isinstance(pager[0], str) and callable(pager[1]):
        return _Keyed(*pager)
    raise SourceError(
        f"pager is {pager!r}; it must be a callable (response) -> URL or None, a pair of the key of a page's items and "
        f"a callable (url, page) -> URL or None, or an object such as NextLink('next') of ingestify.fetch.paging.pages."
    )


def counts_pages(pager: Pager) -> bool:
    """Return whether the pager counts pages until one has no items, and does not follow links or cursors."""
    return isinstance(pager, (PageNumber, Offset))


def iter_joined(responses: Iterable[Response], pager: Pager) -> Iterator[bytes]:
    """Yield, in pieces, the JSON array that pages are stored as; see the docstring of this module."""
    separator = b"["
    for response in responses:
        pieces = [_body(response)] if pager.items is None else map(_dump, items_of(response, pager.items))
        page = b",".join(pieces)
        if page:
            yield separator + page
            separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _body(response: Response) -> bytes:
    """Return a page's body; as the provider sent it, if that can be a part of a JSON text in UTF-8."""
    value = response.json()
    try:
        response.content.decode("utf-8")
    except UnicodeDecodeError:
        return _dump(value)
    return response.content.removeprefix(b"\xef\xbb\xbf").strip() if b"\0" not in response.content else _dump(value)


def _dump(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can express
        return json.dumps(value, separators=(",", ":")).encode()


def items_path(pager: Pager) -> str | None:
    """Return the path to a page's items; None: the pager has none, and needs no items to find the next page."""
    return (pager.items or "") if counts_pages(pager) else pager.items


def says_more(response: Response, path: str | None) -> bool | None:
    """Return whether a page says that there is another one; None: it does not say, or there is no `path`.

    Raises:
        SourceError: The value is neither true or false, nor a number of remaining items.
    """
    found = None if path is None else look_up(response.json(), path)
    if found is None or isinstance(found, bool):
        return found
    if isinstance(found, (int, float)):
        return found > 0
    word = found.strip().lower() if isinstance(found, str) else None
    if word in _WORDS:
        return _WORDS[word]
    raise SourceError(
        f"{mask_url(response.url)} should say at '{path}' whether there are more pages, true or false, and has a JSON "
        f"{type(found).__name__}; correct the pager's 'more'."
    )


def total_of(response: Response, path: str | None) -> int | None:
    """Return the number of items of all pages, by a page's own word; None: it does not say, or there is no `path`.

    Raises:
        SourceError: The value is no whole number.
    """
    found = None if path is None else look_up(response.json(), path)
    if found is None:
        return None
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < _MOST_DIGITS:
        return int(found)
    if isinstance(found, (int, float)) and not isinstance(found, bool) and found == found // 1 >= 0:
        return int(found)
    raise SourceError(
        f"{mask_url(response.url)} should say at '{path}' how many items there are in all, and has "
        f"{str(found)[:_SHOWN_CHARACTERS]!r}; correct the pager's 'total'."
    )


def look_up(value: Any, path: str) -> Any:
    """Return what a dotted path leads to in JSON values, or None; a number is also an element of a list."""
    return JsonPath.dotted(path).find(value)


def leads_somewhere(value: Any, path: str) -> bool:
    """Return whether a dotted path exists in JSON values; its value may be null."""
    for part in filter(None, path.split(".")):
        if value is None:
            return True
        if isinstance(value, Mapping) and part not in value:
            return False
        value = look_up(value, part)
    return True


def items_of(response: Response, path: str) -> list[Any]:
    """Return a page's items; an empty list if the path is missing or null.

    Raises:
        SourceError: The value is no list.
    """
    found = look_up(response.json(), path)
    if found is None:
        return []
    if not isinstance(found, list):
        raise SourceError(
            f"The items of {mask_url(response.url)} at '{path or '(the body)'}' are a JSON {type(found).__name__}, "
            f"no list; check the pager's items."
        )
    return found


def _joined(
    response: Response, found: object, asked_url: str, checked: Callable[[str, str], str] | None = None
) -> str | None:
    """Return the URL `found`, which may be relative to the page's URL; None: the pages end."""
    if found in (None, "", False):
        return None
    if not isinstance(found, str):
        raise SourceError(f"The next page of {mask_url(asked_url)} is a {type(found).__name__}, no URL.")
    try:
        url = _encrypted(urllib.parse.urljoin(response.url, found.strip()), response.url)
    except ValueError as error:
        raise SourceError(
            f"The next page of {mask_url(asked_url)} is {mask_url(found)[:_SHOWN_CHARACTERS]!r}, no URL."
        ) from error
    return url if checked is None else checked(url, asked_url)


def _encrypted(url: str, page_url: str) -> str:
    """Return the URL of a next page, with https if the page itself came by https from the same host.

    A provider behind a proxy that ends TLS may write its own links with http.
    """
    parts, page = urllib.parse.urlsplit(url), urllib.parse.urlsplit(page_url)
    if (parts.scheme, page.scheme) != ("http", "https") or parts.hostname != page.hostname:
        return url
    if parts.port not in (None, 80, page.port):
        return url
    return parts._replace(scheme="https", netloc=page.netloc).geturl()


def with_param(url: str, key: str, value: object) -> str:
    """Return `url` with one query parameter set; the other parameters stay as they are."""
    parts = urllib.parse.urlsplit(url)
    pairs = [pair for pair in parts.query.split("&") if pair and _key(pair) != key]
    pairs.append(urllib.parse.urlencode({key: value}))
    return urllib.parse.urlunsplit(parts._replace(query="&".join(pairs)))


def get_param(url: str, key: str) -> str | None:
    """Return one query parameter, or None."""
    for pair in urllib.parse.urlsplit(url).query.split("&"):
        if _key(pair) == key:
            return urllib.parse.unquote_plus(pair.partition("=")[2])
    return None


def _key(pair: str) -> str:
    return urllib.parse.unquote_plus(pair.partition("=")[0])
