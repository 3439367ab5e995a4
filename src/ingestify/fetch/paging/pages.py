"""Answers that come in pages.

A `pager` says where the next page is: one of the classes below, or a callable `(answer) -> URL | None` that gets the
page (`status`, `url`, `headers`, `content`, `text`, `json()`) and returns the next one's URL, which may be relative.
A next page on another origin (scheme, host and port) gets neither the caller's headers nor the credentials. The
caller's `params` are part of the first URL only; `PageNumber`, `Offset` and `Cursor` keep that URL's query.

A file that is fetched with a pager is stored as one JSON array:

- of all pages' items, in order, if the pager has `items`, the way to a page's list of items;
- else of the pages' bodies, in order, each as the provider sent it.

`items`, `path`, `more` and `total` are dotted: `"data.matches"`; `""` is the body itself. The page without items that
ends a `PageNumber` or an `Offset` is not part of the file.

`more` is where a page says whether there is another one, `total` where it says how many items there are in all. Where
pages end, and what speaks against their being whole, is in `fetch.page_walk`.
"""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from ingestify.domain.json_path import JsonPath
from ingestify.domain.ports import Response
from ingestify.errors import SourceError
from ingestify.masking import mask_url

__all__ = ["Cursor", "Followed", "LinkHeader", "NextLink", "Offset", "PageNumber", "Pager"]

_SHOWN_CHARACTERS = 200
_MOST_DIGITS = 19
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}

# No part of these can match in more than one way: the header is the provider's, and may be 64 KB of anything.
_LINK = re.compile(r'<([^<>]*)>((?:"[^"]*"|[^<"])*)')
_LINK_PARAMETER = re.compile(r""";\s*([\w!#$&+.^`|~*-]+)\s*=\s*("[^"]*"|[^\s;,"]*)""")


@dataclasses.dataclass(frozen=True, slots=True)
class NextLink:
    """The body holds the next page's URL, as `{"next": "https://…", "results": […]}`; null or nothing is the end.

    Attributes:
        path: Where the URL is.
        items: Where a page's items are, for a file of them all.
        more: Where a page says whether there is another: false is the end, whatever else it says. None: nowhere.
        total: Where a page says how many items there are in all, to compare what was read with it. None: nowhere.
    """

    path: str = "next"
    items: str | None = None
    more: str | None = None
    total: str | None = None

    def first_url(self, url: str) -> str:
        """Return `url` itself."""
        return url

    def next_url(self, answer: Response, asked_url: str) -> str | None:
        """Return what the body of the page at `asked_url` says."""
        return _joined(answer, look_up(answer.json(), self.path), asked_url)


@dataclasses.dataclass(frozen=True, slots=True)
class PageNumber:
    """`?page=1`, `?page=2`, … until a page has no items.

    Attributes:
        param: The query parameter.
        items: Where a page's items are; None: the body is their list.
        start: The first page's number.
        more: Where a page says whether there is another: false is the end, whatever else it says. None: nowhere.
        total: Where a page says how many items there are in all, to compare what was read with it. None: nowhere.
    """

    param: str = "page"
    items: str | None = None
    start: int = 1
    more: str | None = None
    total: str | None = None

    def first_url(self, url: str) -> str:
        """Return the URL of the page `start`."""
        return with_param(url, self.param, self.start)

    def next_url(self, answer: Response, asked_url: str) -> str | None:
        """Return the URL of the next number, or None after a page without items that does not say there are more."""
        if not items_of(answer, self.items or "") and not says_more(answer, self.more):
            return None
        return self.url_behind(asked_url, 0)

    def url_behind(self, asked_url: str, count: int) -> str:  # noqa: ARG002 - as of an Offset
        """Return the URL of the page behind the one at `asked_url`, whatever that has."""
        return with_param(asked_url, self.param, int(get_param(asked_url, self.param) or self.start) + 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Offset:
    """`?offset=0&limit=100`, `?offset=100&limit=100`, … until a page has no items.

    A page may have fewer than the limit and not be the last: some providers cap the limit without a word. The
    next offset counts what really came.

    Attributes:
        param: The query parameter of the offset.
        limit_param: That of the limit.
        limit: How many items a page is asked to have.
        items: Where a page's items are; None: the body is their list.
        more: Where a page says whether there is another: false is the end, whatever else it says. None: nowhere.
        total: Where a page says how many items there are in all, to compare what was read with it. None: nowhere.
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

    def next_url(self, answer: Response, asked_url: str) -> str | None:
        """Return the URL behind the page at `asked_url`, or None after one without items.

        One without items that says that there are more is stepped over.
        """
        count = len(items_of(answer, self.items or ""))
        if not count and says_more(answer, self.more):
            count = self.limit
        return self.url_behind(asked_url, count) if count else None

    def url_behind(self, asked_url: str, count: int) -> str:
        """Return the URL of the page behind the one at `asked_url`, if that has so many items."""
        return with_param(asked_url, self.param, int(get_param(asked_url, self.param) or 0) + count)


@dataclasses.dataclass(frozen=True, slots=True)
class Cursor:
    """The body holds a text that asks for the next page, as `{"cursor": "abc"}` and `?cursor=abc`.

    Attributes:
        param: The query parameter.
        path: Where the text is in the body; null or nothing is the end.
        items: Where a page's items are, for a file of them all.
        more: Where a page says whether there is another: false is the end, whatever else it says. None: nowhere.
        total: Where a page says how many items there are in all, to compare what was read with it. None: nowhere.
    """

    param: str
    path: str
    items: str | None = None
    more: str | None = None
    total: str | None = None

    def first_url(self, url: str) -> str:
        """Return `url` itself."""
        return url

    def next_url(self, answer: Response, asked_url: str) -> str | None:
        """Return `asked_url` with the body's cursor."""
        found = look_up(answer.json(), self.path)
        return None if found in (None, "", False) else with_param(asked_url, self.param, found)


@dataclasses.dataclass(frozen=True, slots=True)
class LinkHeader:
    """`Link: <https://…>; rel="next"` (RFC 8288).

    Attributes:
        items: Where a page's items are, for a file of them all.
        more: Where a page says whether there is another: false is the end, whatever else it says. None: nowhere.
        total: Where a page says how many items there are in all, to compare what was read with it. None: nowhere.
    """

    items: str | None = None
    more: str | None = None
    total: str | None = None

    def first_url(self, url: str) -> str:
        """Return `url` itself."""
        return url

    def next_url(self, answer: Response, asked_url: str) -> str | None:
        """Return the target of the link whose relation is `next`."""
        for target, parameters in _LINK.findall(answer.headers.get("Link") or ""):
            relations = [value for name, value in _LINK_PARAMETER.findall(parameters) if name.lower() == "rel"]
            if relations and "next" in relations[0].strip('"').lower().split():
                return _joined(answer, target, asked_url)
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Followed:
    """Pages that a provider links to, each looked at before it is asked for.

    Attributes:
        pager: Where the links are.
        checked: `(next URL, URL of the page)` → the URL to ask for; it raises a SourceError if none may be.
    """

    pager: NextLink | LinkHeader
    checked: Callable[[str, str], str]

    @property
    def items(self) -> str | None:
        """Where a page's items are."""
        return self.pager.items

    @property
    def more(self) -> str | None:
        """Where a page says whether there is another."""
        return self.pager.more

    @property
    def total(self) -> str | None:
        """Where a page says how many items there are in all."""
        return self.pager.total

    def first_url(self, url: str) -> str:
        """Return `url` itself."""
        return url

    def next_url(self, answer: Response, asked_url: str) -> str | None:
        """Return what the page at `asked_url` links to."""
        found = self.pager.next_url(answer, asked_url)
        return None if found is None else self.checked(found, asked_url)


@dataclasses.dataclass(frozen=True, slots=True)
class _Called:
    call: Callable[[Response], str | None]
    items: str | None = None
    more: str | None = None
    total: str | None = None

    def first_url(self, url: str) -> str:
        return url

    def next_url(self, answer: Response, asked_url: str) -> str | None:
        return _joined(answer, self.call(answer), asked_url)


Pager: TypeAlias = NextLink | PageNumber | Offset | Cursor | LinkHeader | Followed | _Called
"""Where the next page is."""


def as_pager(pager: Any) -> Pager:
    """Return a pager of what a source gave as one.

    Raises:
        SourceError: It is none.
    """
    if isinstance(pager, (NextLink, PageNumber, Offset, Cursor, LinkHeader, Followed, _Called)):
        return pager
    if callable(pager) and not isinstance(pager, type):
        return _Called(pager)
    raise SourceError(
        f"pager is {pager!r}; it must be a callable (answer) -> URL or None, or an object such as NextLink(path='next')"
        f" of ingestify.fetch.paging.pages."
    )


def counts_pages(pager: Pager) -> bool:
    """Return whether the pager goes on by itself until there are no items, and not where a provider leads it."""
    return isinstance(pager, (PageNumber, Offset))


def iter_joined(answers: Iterable[Response], pager: Pager) -> Iterator[bytes]:
    """Yield, in pieces, the JSON array that pages are stored as; see the module's text."""
    separator = b"["
    for answer in answers:
        pieces = [_body(answer)] if pager.items is None else map(_dump, items_of(answer, pager.items))
        page = b",".join(pieces)
        if page:
            yield separator + page
            separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _body(answer: Response) -> bytes:
    """Return a page's own bytes, if they can be part of a JSON text in UTF-8 as they are."""
    value = answer.json()
    try:
        answer.content.decode("utf-8")
    except UnicodeDecodeError:
        return _dump(value)
    return answer.content.removeprefix(b"\xef\xbb\xbf").strip() if b"\0" not in answer.content else _dump(value)


def _dump(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can say
        return json.dumps(value, separators=(",", ":")).encode()


def items_path(pager: Pager) -> str | None:
    """Return where a page's items are; None: the pager does not say, and needs no items to go on."""
    return (pager.items or "") if counts_pages(pager) else pager.items


def says_more(answer: Response, path: str | None) -> bool | None:
    """Return whether a page says that there is another one; None: it does not say, or there is no `path`.

    Raises:
        SourceError: What is there is neither true or false, nor a number of what is left.
    """
    found = None if path is None else look_up(answer.json(), path)
    if found is None or isinstance(found, bool):
        return found
    if isinstance(found, (int, float)):
        return found > 0
    word = found.strip().lower() if isinstance(found, str) else None
    if word in _WORDS:
        return _WORDS[word]
    raise SourceError(
        f"{mask_url(answer.url)} should say at '{path}' whether there are more pages, true or false, and has a JSON "
        f"{type(found).__name__}; correct the pager's 'more'."
    )


def total_of(answer: Response, path: str | None) -> int | None:
    """Return how many items a page says that there are in all; None: it does not say, or there is no `path`.

    Raises:
        SourceError: What is there is no whole number.
    """
    found = None if path is None else look_up(answer.json(), path)
    if found is None:
        return None
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < _MOST_DIGITS:
        return int(found)
    if isinstance(found, (int, float)) and not isinstance(found, bool) and found == found // 1 >= 0:
        return int(found)
    raise SourceError(
        f"{mask_url(answer.url)} should say at '{path}' how many items there are in all, and has "
        f"{str(found)[:_SHOWN_CHARACTERS]!r}; correct the pager's 'total'."
    )


def look_up(value: Any, path: str) -> Any:
    """Return what a dotted path leads to in JSON values, or None; a number is also an element of a list."""
    return JsonPath.dotted(path).find(value)


def leads_somewhere(value: Any, path: str) -> bool:
    """Return whether all that a dotted path names is there, be it with a null."""
    for part in filter(None, path.split(".")):
        if value is None:
            return True
        if isinstance(value, Mapping) and part not in value:
            return False
        value = look_up(value, part)
    return True


def items_of(answer: Response, path: str) -> list[Any]:
    """Return a page's items; nothing there, or null, is none.

    Raises:
        SourceError: What is there is no list.
    """
    found = look_up(answer.json(), path)
    if found is None:
        return []
    if not isinstance(found, list):
        raise SourceError(
            f"The items of {mask_url(answer.url)} at '{path or '(the body)'}' are a JSON {type(found).__name__}, "
            f"no list; check the pager's items."
        )
    return found


def _joined(answer: Response, found: object, asked_url: str) -> str | None:
    """Return the URL that `found` is, relative to where the page came from."""
    if found in (None, "", False):
        return None
    if not isinstance(found, str):
        raise SourceError(f"The next page of {mask_url(asked_url)} is a {type(found).__name__}, no URL.")
    try:
        return _encrypted(urllib.parse.urljoin(answer.url, found.strip()), answer.url)
    except ValueError as error:
        raise SourceError(
            f"The next page of {mask_url(asked_url)} is {mask_url(found)[:_SHOWN_CHARACTERS]!r}, no URL."
        ) from error


def _encrypted(url: str, page_url: str) -> str:
    """Return a next page's URL with https, if the page came by https from that very host.

    Behind a proxy that ends TLS, a provider may write its own links with http. What a page was asked for by https is
    never asked for by http.
    """
    parts, page = urllib.parse.urlsplit(url), urllib.parse.urlsplit(page_url)
    if (parts.scheme, page.scheme) != ("http", "https") or parts.hostname != page.hostname:
        return url
    if parts.port not in (None, 80, page.port):
        return url
    return parts._replace(scheme="https", netloc=page.netloc).geturl()


def with_param(url: str, key: str, value: object) -> str:
    """Return `url` with one query parameter set; the others stay as they are written."""
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
