"""The walk through the pages of a listing: where the pages end, and which signs show that they are incomplete.

With any pager the pages end where a page says so by its `more`.

With links and cursors they also end

- at a page without a next link or cursor;
- at a link or cursor that leads to its own page; a longer circle is an error;
- at a 204; a 404 is an error, as the provider linked to this page;
- after ten pages in a row that brought nothing new: no items, or the items of the page before. The listing then counts
  as incomplete, unless its `total` says otherwise.

With numbers and offsets they also end

- at a page without items. If the page before it was full, the page behind it is read as well: the empty page may be a
  gap in the middle;
- at a page that is equal to the page before it. If this is page 2, a warning says that the provider may not know the
  parameter;
- behind the first page, at a 400, 404, 410, 416 or 204.

A page that says `more` and leads nowhere is an error. The pages before an error are yielded before it is raised.
"""

from __future__ import annotations

import enum
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from ingestify.domain.ports import Response
from ingestify.errors import SourceError
from ingestify.fetch.paging import pages
from ingestify.fetch.request import origin
from ingestify.masking import mask_url
from ingestify.progress.printable import PrintableLogger

__all__ = ["NOTHING_YET", "PAST_THE_END", "Doubt", "GetPage", "iter_pages"]

logger = PrintableLogger(__name__)

PAST_THE_END = frozenset({400, 404, 410, 416})
"""The statuses of a page behind the last one, where pages are counted; a 204 is another one."""

NOTHING_YET = frozenset({201, 202, 204})
"""A response with such a status and without a body means that there is nothing yet."""

_MOST_EMPTY = 10
"""So many counted pages in a row may have no items although they say that there are more."""

_MOST_IDLE = 10
"""So many linked pages in a row may bring nothing new without saying that there are more."""

Place = tuple[tuple[str, str, int | None], str, tuple[tuple[str, str], ...]]


class Doubt(enum.Enum):
    """A sign that a listing is incomplete."""

    LACKS = enum.auto()
    """A page in the middle had no items, or the provider may not know the parameter of the page."""
    EMPTY = enum.auto()
    """A counted page had no items, as behind the last one, and a later page had items."""
    SHIFTED = enum.auto()
    """Items moved from page to page while they were read: one came twice, or one may be missing."""
    NOWHERE = enum.auto()
    """A page did not have the path to its items, not even with null: it may be something else."""
    MISCOUNTED = enum.auto()
    """The number of items differs from the provider's total."""


class GetPage(Protocol):
    """Fetches a page."""

    def __call__(self, url: str, *, is_first: bool, may_be_past_end: bool) -> Response:
        """Return the page at a URL. Where it may be past the end, it may have a status of PAST_THE_END."""


class _Page:
    """A page whose JSON is parsed only once; a `domain.ports.Response`."""

    def __init__(self, response: Response, asked_url: str, number: int, pager: pages.Pager) -> None:
        self.response = response
        self.asked_url = asked_url
        self.number = number
        self._items = pages.items_path(pager)
        self._must_have_items = pages.counts_pages(pager)
        self._parsed: Any = None
        self._is_parsed = False

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def url(self) -> str:
        return self.response.url

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    @property
    def content(self) -> bytes:
        return self.response.content

    @property
    def text(self) -> str:
        return self.response.text

    def json(self) -> Any:
        if not self._is_parsed:
            self._parsed = self.response.json()
            self._is_parsed = True
        return self._parsed

    @property
    def lacks_items(self) -> bool:
        """Whether the path to its items does not exist, not even with null."""
        return bool(self._items) and not pages.leads_somewhere(self.json(), self._items or "")

    @property
    def items(self) -> list[Any] | None:
        """Its items; None: the pager has no path to them, or they are no list, which only a reader of them needs."""
        if self._items is None or (not self._must_have_items and not self._has_list):
            return None
        return pages.items_of(self, self._items)

    @property
    def _has_list(self) -> bool:
        return isinstance(pages.look_up(self.json(), self._items or ""), (list, type(None)))

    @property
    def places(self) -> set[Place]:
        """Its URLs, before and after redirects, in a form to compare."""
        return {_place(self.asked_url), _place(self.url)}

    def repeats(self, before: _Page) -> bool:
        """Return whether it is equal to the page before it."""
        items = self.items
        return self.content == before.content if items is None else bool(items) and items == before.items


def iter_pages(
    url: str,
    pager: pages.Pager,
    get_page: GetPage,
    *,
    most_pages: int,
    note: Callable[[Doubt, str], None],
) -> Iterator[Response]:
    """Yield pages, each fetched when the caller asks for it. A page that only shows the end is not yielded.

    Args:
        url: The URL of the listing.
        pager: Finds the next page.
        get_page: Fetches a page.
        most_pages: How many pages are fetched.
        note: Called with each sign that the listing is incomplete, and a sentence about it, before the next page is
            fetched or after the last one.

    Raises:
        SourceError: The pages go in a circle, do not end, or a page says that there are more and leads nowhere.
    """
    yield from _Walk(url, pager, get_page, most_pages, note).iter()


class _Walk:
    """One walk through the pages of a listing."""

    def __init__(
        self,
        url: str,
        pager: pages.Pager,
        get_page: GetPage,
        most_pages: int,
        note: Callable[[Doubt, str], None],
    ) -> None:
        self._url = url
        self._shown = mask_url(url)
        self._pager = pager
        self._counts = pages.counts_pages(pager)
        self._get_page = get_page
        self._most_pages = most_pages
        self._note = note
        self._seen: set[Place] = set()
        self._fetched = 0
        self._last: _Page | None = None
        """The last page that was yielded, or is about to be."""
        self._count = 0
        self._looked_behind = False
        """Whether a page was read behind one without items."""
        self._size = 0
        """How many items the first page has."""
        self._totals: list[int] = []
        """The totals that pages named, without repetitions in a row."""
        self._empty: list[int] = []
        """The numbers of pages without items, since the last page with items."""
        self._idle: list[_Page] = []
        """Pages that brought nothing new, since the last one that did; they are not yielded yet."""
        self._gaps: list[tuple[Doubt, str]] = []

    def iter(self) -> Iterator[Response]:
        next_url: str | None = self._pager.first_url(self._url)
        while next_url is not None:
            page = self._fetch(next_url)
            if page is None:
                break
            if self._last is None and (not 200 <= page.status < 300 or _is_nothing_yet(page)):
                yield page.response  # an allowed 404, or nothing yet: the caller decides what it means
                return
            # A page that links to itself is the page before it under another URL. A page that leads on is another page
            # with the same items.
            if self._last is not None and page.repeats(self._last) and (self._counts or self._links_to_itself(page)):
                self._check_repeated(page, self._last)
                break
            if self._counts and self._last is not None and not page.items and not self._says_more(page):
                next_url = self._url_behind(page, self._last)
                if next_url is None:
                    self._check_place(page)
                    break
                self._idle.append(page)
                self._looked_behind = True
                continue
            if self._brings_nothing(page):
                self._idle.append(page)
                if self._is_idle_end():
                    break
            else:
                yield from self._pass_on(*self._idle, page)
            next_url = self._next_url(page)
        if not self._counts:
            yield from self._pass_on(*self._idle)
        self._end()

    def _pass_on(self, *several: _Page) -> Iterator[Response]:
        self._idle = []
        for page in several:
            self._take(page)
            yield page.response

    def _brings_nothing(self, page: _Page) -> bool:
        """Return whether a linked page has no items, or those of the page before it."""
        if self._counts or self._last is None:
            return False
        return page.items == [] or page.repeats(self._last)

    def _is_idle_end(self) -> bool:
        """Return whether so many pages brought nothing new that the listing ends before them."""
        if len(self._idle) < _MOST_IDLE or any(self._says_more(page) for page in self._idle):
            return False
        why = (
            f"{self._shown} goes on to another page each time, and the last {len(self._idle)} brought nothing, which "
            "is taken as its end; there may be more pages"
        )
        logger.warning("%s. Set 'more' to the place where a page says whether there are more pages.", why)
        self._gaps.append((Doubt.LACKS, why))
        self._idle = []
        return True

    def _url_behind(self, page: _Page, last: _Page) -> str | None:
        """Return the URL behind a page without items, if that may be a gap in the middle; None: it is the end.

        It may be a gap if the page before it is full, as the last page of a listing mostly has fewer items.
        """
        pager, count = self._pager, len(last.items or ())
        if not isinstance(pager, (pages.PageNumber, pages.Offset)) or self._idle or page.lacks_items:
            return None
        if self._says_more(page) is False or self._count in self._totals:
            return None
        is_full = last.number > 1 and count >= self._size
        is_full |= isinstance(pager, pages.Offset) and count >= pager.limit
        return pager.url_behind(page.asked_url, count) if is_full else None

    def _check_place(self, page: _Page) -> None:
        if page.lacks_items:
            why = f"page {page.number} of {self._shown} has nothing at '{self._pager.items}', not even null"
            self._gaps.append((Doubt.NOWHERE, why))

    def _fetch(self, url: str) -> _Page | None:
        """Return a page; None: the pages have ended."""
        if _place(url) in self._seen:
            raise SourceError(f"The pages of {self._shown} go in a circle, back to {mask_url(url)}.")
        if self._fetched >= self._most_pages:
            raise SourceError(
                f"{self._shown} has more than {self._most_pages} pages; if they do end, raise this source's max_pages."
            )
        is_first = self._last is None
        promised = self._last is not None and bool(self._says_more(self._last))
        response = self._get_page(
            url, is_first=is_first, may_be_past_end=self._counts and not is_first and not promised
        )
        self._fetched += 1
        page = _Page(response, url, self._fetched, self._pager)
        self._seen |= page.places
        if is_first or (response.status != 204 and 200 <= response.status < 300):
            return page
        if promised and response.status == 204:
            raise self._contradiction(f"{mask_url(url)} has nothing (status 204)")
        return None

    def _says_more(self, page: _Page) -> bool | None:
        return pages.says_more(page, self._pager.more)

    def _next_url(self, page: _Page) -> str | None:
        """Return the URL of the next page; None at the end."""
        more = self._says_more(page)
        if more is False:
            return None
        found = self._pager.next_url(page, page.asked_url)
        if found is not None and _place(found) not in page.places:
            return found
        if more:
            what = "names no next page" if found is None else "leads to itself"
            raise self._contradiction(f"{mask_url(page.asked_url)} {what}")
        return None

    def _links_to_itself(self, page: _Page) -> bool:
        found = self._pager.next_url(page, page.asked_url)
        return found is not None and _place(found) in page.places

    def _contradiction(self, what: str) -> SourceError:
        return SourceError(
            f"{self._shown} says at '{self._pager.more}' that there are more pages, and {what}; something is missing, "
            f"or 'more' is the wrong path."
        )

    def _take(self, page: _Page) -> None:
        """Count the items of a page, and compare it with the page before it."""
        items, last = page.items, self._last
        self._last = page
        self._check_place(page)
        self._note_total(page)
        if items is None:
            return
        if not items:
            self._empty.append(page.number)
            if self._counts and len(self._empty) > _MOST_EMPTY:
                raise self._contradiction(f"{len(self._empty)} pages in a row have no items")
            return
        if self._empty:
            numbers = ", ".join(map(str, self._empty))
            doubt = Doubt.EMPTY if self._looked_behind else Doubt.LACKS
            self._gaps.append((doubt, f"page {numbers} of {self._shown} had no items, and a later one had"))
            self._empty, self._looked_behind = [], False
        self._count += len(items)
        self._size = self._size or len(items)
        before = None if last is None else last.items
        if before and before[-1] in items:
            self._note(
                Doubt.SHIFTED,
                f"page {page.number} of {self._shown} repeats an item of the page before it: what it lists moved while "
                f"it was read",
            )

    def _note_total(self, page: _Page) -> None:
        total = pages.total_of(page, self._pager.total)
        if total is None or self._totals[-1:] == [total]:
            return
        self._totals.append(total)
        if len(self._totals) > 1:
            self._note(
                Doubt.SHIFTED,
                f"{self._shown} had {self._totals[-2]} items in all, and {total} on page {page.number}: what it lists "
                f"changed while it was read",
            )

    def _check_repeated(self, page: _Page, last: _Page) -> None:
        """Note if the provider may not know the parameter of the page, as a page repeats the one before it.

        Raises:
            SourceError: The page says that there are more.
        """
        if self._says_more(page):
            raise self._contradiction(f"{mask_url(page.asked_url)} repeats the page before it")
        pager = self._pager
        if last.number > 1 or not isinstance(pager, (pages.PageNumber, pages.Offset, pages.Cursor)):
            return
        if self._count in self._totals or (isinstance(pager, pages.Offset) and self._count < pager.limit):
            return
        why = (
            f"{self._shown} answers page 2 as page 1: either it has one page, or it does not know the parameter "
            f"'{pager.param}', and there may be more than was read"
        )
        logger.warning(
            "%s. Correct the parameter, or set 'more' to the place where a page says whether there are more pages.", why
        )
        self._gaps.append((Doubt.LACKS, why))

    def _end(self) -> None:
        total = self._totals[-1] if self._totals and pages.items_path(self._pager) is not None else None
        if total is not None and total == self._count:
            return  # all items came
        if total is not None:
            self._note(Doubt.MISCOUNTED, f"{self._shown} announces {total} items in all, and {self._count} came")
        for doubt, why in self._gaps:
            self._note(doubt, why)


def _is_nothing_yet(page: _Page) -> bool:
    return page.status in NOTHING_YET and not page.content


def _place(url: str) -> Place:
    """Return a URL in a form to compare: two spellings of one URL have the same."""
    try:
        parts = urllib.parse.urlsplit(url)
        query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        return origin(url), parts.path or "/", tuple(sorted(query))
    except ValueError:  # no URL, which the request for it will tell
        return ("", "", None), url, ()
