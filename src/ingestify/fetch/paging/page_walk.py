"""A walk through the pages of a listing: where it ends, and what speaks against its being whole.

It ends

- where a page says that there is none behind it, by its `more`, or by having no next link or cursor;
- where a next link or cursor leads to the very page that was just read. A longer circle is an error;
- behind a link or cursor, at a 204: a page that a provider links to and that is not there (404) is an error;
- behind links or cursors that are new ones each time, when so many pages in a row had no items, or those of the page
  before them once more. That is said, and unless as many came as there are, the listing is not whole;
- of pages that are counted, at the first one without items, at the first one that answers as the page before it, and
  at a 400, 404, 410, 416 or 204 of a page that is not the first. A page without items behind one that was as full as
  the first may be a gap in the middle: the page behind it says so.

Where page 2 answers as page 1, the provider may not know the parameter that it was asked with; that is said.

A page that says `more` and leads nowhere is an error: something is missing. What was read before an error is passed
on before it.
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

__all__ = ["NOTHING_YET", "PAST_THE_END", "Doubt", "GetPage", "iter_answers"]

logger = PrintableLogger(__name__)

PAST_THE_END = frozenset({400, 404, 410, 416})
"""With 204, what a provider answers for a page behind the last one, where pages are counted."""

NOTHING_YET = frozenset({201, 202, 204})
"""Where such an answer has no body, there is nothing yet."""

_MOST_EMPTY = 10
"""So many counted pages in a row may have no items and say that there are more."""

_MOST_IDLE = 10
"""So many pages in a row may be linked to and bring nothing, and not say that there are more."""

Place = tuple[tuple[str, str, int | None], str, tuple[tuple[str, str], ...]]


class Doubt(enum.Enum):
    """What speaks against a listing's being whole."""

    LACKS = enum.auto()
    """A page in the middle had no items, or the provider may not have understood which page was meant."""
    EMPTY = enum.auto()
    """A counted page had no items, as behind the last one, and a later one had."""
    SHIFTED = enum.auto()
    """Items moved from page to page while they were read: one came twice, or one may never have come."""
    NOWHERE = enum.auto()
    """A page had no place for items, not even with a null: it may be something else altogether."""
    MISCOUNTED = enum.auto()
    """Other than so many items came as there are, by the provider's own word."""


class GetPage(Protocol):
    """Fetches a page."""

    def __call__(self, url: str, *, is_first: bool, may_be_past_end: bool) -> Response:
        """Return the page at a URL; where it may be past the end, a status of PAST_THE_END is an answer, too."""


class _Page:
    """A page that is parsed once, however often it is looked at; a `domain.ports.Response`."""

    def __init__(self, answer: Response, asked_url: str, number: int, pager: pages.Pager) -> None:
        self.answer = answer
        self.asked_url = asked_url
        self.number = number
        self._items = pages.items_path(pager)
        self._must_have_items = pages.counts_pages(pager)
        self._parsed: Any = None
        self._is_parsed = False

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def url(self) -> str:
        return self.answer.url

    @property
    def headers(self) -> Mapping[str, str]:
        return self.answer.headers

    @property
    def content(self) -> bytes:
        return self.answer.content

    @property
    def text(self) -> str:
        return self.answer.text

    def json(self) -> Any:
        if not self._is_parsed:
            self._parsed = self.answer.json()
            self._is_parsed = True
        return self._parsed

    @property
    def lacks_items(self) -> bool:
        """Whether there is nothing where its items should be, not even null."""
        return bool(self._items) and not pages.leads_somewhere(self.json(), self._items or "")

    @property
    def items(self) -> list[Any] | None:
        """Its items; None: nobody says where they are, or they are no list, which is for whoever reads them."""
        if self._items is None or (not self._must_have_items and not self._has_list):
            return None
        return pages.items_of(self, self._items)

    @property
    def _has_list(self) -> bool:
        return isinstance(pages.look_up(self.json(), self._items or ""), (list, type(None)))

    @property
    def places(self) -> set[Place]:
        """Where it is: what was asked for, and where that was redirected to."""
        return {_place(self.asked_url), _place(self.url)}

    def answers_as(self, before: _Page) -> bool:
        """Whether it is the page before it again."""
        items = self.items
        return self.content == before.content if items is None else bool(items) and items == before.items


def iter_answers(
    url: str,
    pager: pages.Pager,
    get_page: GetPage,
    *,
    most_pages: int,
    doubt: Callable[[Doubt, str], None],
) -> Iterator[Response]:
    """Yield pages, each fetched when it is asked for; one that only shows the end is none of them.

    Args:
        most_pages: How many are followed.
        doubt: Called with what speaks against the listing's being whole, and a sentence of it, when the next page is
            asked for or the last one has been read.

    Raises:
        SourceError: A page leads back to one before the last, or to nowhere though it says that there are more; or
            there is no end to them.
    """
    yield from _Walk(url, pager, get_page, most_pages, doubt).iter()


class _Walk:
    """One walk."""

    def __init__(
        self,
        url: str,
        pager: pages.Pager,
        get_page: GetPage,
        most_pages: int,
        doubt: Callable[[Doubt, str], None],
    ) -> None:
        self._url = url
        self._shown = mask_url(url)
        self._pager = pager
        self._counts = pages.counts_pages(pager)
        self._get_page = get_page
        self._most_pages = most_pages
        self._doubt = doubt
        self._seen: set[Place] = set()
        self._fetched = 0
        self._last: _Page | None = None
        """The last one that was passed on, or is about to be."""
        self._count = 0
        self._looked_behind = False
        """Whether a page without items was taken for the end at first."""
        self._size = 0
        """How many items the first page has."""
        self._totals: list[int] = []
        """What pages said of how many items there are, each number once in a row."""
        self._empty: list[int] = []
        """The numbers of pages without items that nothing has come behind yet."""
        self._idle: list[_Page] = []
        """Pages that were linked to and brought nothing, since the last one that did; not passed on yet."""
        self._gaps: list[tuple[Doubt, str]] = []

    def iter(self) -> Iterator[Response]:
        next_url: str | None = self._pager.first_url(self._url)
        while next_url is not None:
            page = self._fetch(next_url)
            if page is None:
                break
            if self._last is None and (not 200 <= page.status < 300 or _is_nothing_yet(page)):
                yield page.answer  # an allowed 404, or nothing yet: the caller knows what that means
                return
            # One that links to itself is the page before it under another URL; one that leads on, another page with the
            # same items.
            if self._last is not None and page.answers_as(self._last) and (self._counts or self._links_to_itself(page)):
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
            yield page.answer

    def _brings_nothing(self, page: _Page) -> bool:
        """Whether a page that was linked to has no items, or those of the page before it once more."""
        if self._counts or self._last is None:
            return False
        return page.items == [] or page.answers_as(self._last)

    def _is_idle_end(self) -> bool:
        """Whether so many pages brought nothing that there will be nothing; they are no part of the listing then."""
        if len(self._idle) < _MOST_IDLE or any(self._says_more(page) for page in self._idle):
            return False
        why = (
            f"{self._shown} goes on to another page each time, and the last {len(self._idle)} brought nothing, which "
            f"is taken for its end; there may be more than was read"
        )
        logger.warning("%s. Name where a page says whether there are more ('more').", why)
        self._gaps.append((Doubt.LACKS, why))
        self._idle = []
        return True

    def _url_behind(self, page: _Page, last: _Page) -> str | None:
        """Return where to look whether a page without items is a gap in the middle; None: it is the end.

        The last page of a listing mostly has fewer items than the first one has.
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
        """Return a page; None: there is none any more."""
        if _place(url) in self._seen:
            raise SourceError(f"The pages of {self._shown} go in a circle, back to {mask_url(url)}.")
        if self._fetched >= self._most_pages:
            raise SourceError(
                f"{self._shown} has more than {self._most_pages} pages; if they do end, raise this source's max_pages."
            )
        is_first = self._last is None
        promised = self._last is not None and bool(self._says_more(self._last))
        answer = self._get_page(url, is_first=is_first, may_be_past_end=self._counts and not is_first and not promised)
        self._fetched += 1
        page = _Page(answer, url, self._fetched, self._pager)
        self._seen |= page.places
        if is_first or (answer.status != 204 and 200 <= answer.status < 300):
            return page
        if promised and answer.status == 204:
            raise self._contradiction(f"{mask_url(url)} has nothing (status 204)")
        return None

    def _says_more(self, page: _Page) -> bool | None:
        return pages.says_more(page, self._pager.more)

    def _next_url(self, page: _Page) -> str | None:
        """Return where a page leads; None at the end."""
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
        """Count what a page has, and see whether it goes on from the page before it."""
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
            self._doubt(
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
            self._doubt(
                Doubt.SHIFTED,
                f"{self._shown} had {self._totals[-2]} items in all, and {total} on page {page.number}: what it lists "
                f"changed while it was read",
            )

    def _check_repeated(self, page: _Page, last: _Page) -> None:
        """A page answers as the one before it: its provider has no further one, or does not know what was asked.

        Raises:
            SourceError: It says that there are more.
        """
        if self._says_more(page):
            raise self._contradiction(f"{mask_url(page.asked_url)} answers as the page before it")
        pager = self._pager
        if last.number > 1 or not isinstance(pager, (pages.PageNumber, pages.Offset, pages.Cursor)):
            return
        if self._count in self._totals or (isinstance(pager, pages.Offset) and self._count < pager.limit):
            return
        why = (
            f"{self._shown} answers page 2 as page 1: either it has one page, or it does not know the parameter "
            f"'{pager.param}', and there may be more than was read"
        )
        logger.warning("%s. Correct the parameter, or name where a page says whether there are more ('more').", why)
        self._gaps.append((Doubt.LACKS, why))

    def _end(self) -> None:
        total = self._totals[-1] if self._totals and pages.items_path(self._pager) is not None else None
        if total is not None and total == self._count:
            return  # whatever was odd, all of them came
        if total is not None:
            self._doubt(Doubt.MISCOUNTED, f"{self._shown} has {total} items in all by its own word, {self._count} came")
        for doubt, why in self._gaps:
            self._doubt(doubt, why)


def _is_nothing_yet(page: _Page) -> bool:
    return page.status in NOTHING_YET and not page.content


def _place(url: str) -> Place:
    """Return what two URLs of one page have in common, however they are written."""
    try:
        parts = urllib.parse.urlsplit(url)
        query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        return origin(url), parts.path or "/", tuple(sorted(query))
    except ValueError:  # no URL: whoever asks for it says so
        return ("", "", None), url, ()
