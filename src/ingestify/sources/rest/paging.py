"""The setting `paging`: how to go on to the next page, and the pager that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ingestify.domain.json_path import EACH, JsonPath, Step
from ingestify.fetch.paging import pages
from ingestify.sources.rest.fields import Path
from ingestify.typed_section import Section, Text, wrong

__all__ = ["Paging", "list_steps", "make_pager"]


def _plain(path: JsonPath) -> JsonPath:
    if not all(_is_plain(step) for step in path.steps):
        raise wrong(f"{path.text!r} must be keys without a dot in them, and elements counted from the beginning.")
    return path


def _is_plain(step: Step) -> bool:
    """Return whether a step can be part of a dotted path, as pagers have them."""
    return "." not in step if isinstance(step, str) else step is not EACH and step >= 0


PlainPath = Annotated[Path, AfterValidator(_plain)]


class _Pages(Section):
    """What a page may say about the other pages."""

    more: PlainPath | None = Field(
        default=None,
        description="Where a page says whether there is another one, such as meta.has_more: true, or false for the "
        "last page. Left out, or not there: by the type of the pages.",
    )
    total: PlainPath | None = Field(
        default=None,
        description="Where a page says how many items there are in all, such as meta.total. If another number "
        "came, a listing does not count as complete, and a file is not stored.",
    )


class PageNumberPaging(_Pages):
    """`?page=1`, `?page=2`, … until a page has no items."""

    type: Literal["page_number"]
    parameter: Text = Field(default="page", description="The parameter of the query.")
    start: int = Field(default=1, ge=0, description="The first page's number.")


class OffsetPaging(_Pages):
    """`?offset=0&limit=100`, `?offset=100&limit=100`, … until a page has no items."""

    type: Literal["offset"]
    parameter: Text = Field(default="offset", description="The parameter of the offset.")
    limit_parameter: Text = Field(default="limit", description="The parameter of the limit.")
    limit: int = Field(default=100, ge=1, description="How many items a page is asked to have.")


class CursorPaging(_Pages):
    """The body holds a text that is a parameter of the request for the next page."""

    type: Literal["cursor"]
    parameter: Text = Field(default="cursor", description="The parameter of the query.")
    path: PlainPath = Field(description="Where the text is in the body. Null, or no such key, is the end.")


class NextLinkPaging(_Pages):
    """The body holds the URL of the next page."""

    type: Literal["next_link"]
    path: PlainPath = Field(
        default=JsonPath("next", ("next",)), description="Where it is. Null, or no such key, is the end."
    )


class LinkHeaderPaging(_Pages):
    """A header `Link: <https://…>; rel="next"` leads to the next page (RFC 8288)."""

    type: Literal["link_header"]


Paging = Annotated[
    PageNumberPaging | OffsetPaging | CursorPaging | NextLinkPaging | LinkHeaderPaging, Field(discriminator="type")
]


def list_steps(items: JsonPath) -> tuple[Step, ...] | None:
    """Return the steps to the one list of a path to items; None if the items are in several lists."""
    steps = items.steps[:-1] if items.steps[-1:] == (EACH,) else items.steps
    return steps if all(_is_plain(step) for step in steps) else None


def make_pager(paging: Paging, items: JsonPath, checked: Callable[[str, str], str]) -> pages.Pager:
    """Return the pager of the setting `paging`.

    Args:
        paging: The setting.
        items: Where a page's items are. The settings make sure that this is one list if pages are counted, or if a file
            is made of all pages.
        checked: Called with a link and the URL of its page; returns the absolute URL, or raises a SourceError if that
            URL is not allowed.
    """
    steps = list_steps(items)
    dotted = None if steps is None else _dotted(steps)
    more, total = (None if path is None else _dotted(path.steps) for path in (paging.more, paging.total))
    match paging:
        case PageNumberPaging():
            return pages.PageNumber(paging.parameter, dotted, paging.start, more, total)
        case OffsetPaging():
            return pages.Offset(paging.parameter, paging.limit_parameter, paging.limit, dotted, more, total)
        case CursorPaging():
            return pages.Cursor(paging.parameter, _dotted(paging.path.steps), dotted, more, total)
        case NextLinkPaging():
            return pages.NextLink(_dotted(paging.path.steps), dotted, more, total, checked)
        case LinkHeaderPaging():
            return pages.LinkHeader(dotted, more, total, checked)


def _dotted(steps: Iterable[Step]) -> str:
    return ".".join(map(str, steps))
