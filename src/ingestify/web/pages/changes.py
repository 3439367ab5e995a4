"""The event log: what changed in the lake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ingestify.documents.datasets import EventDocument, event_document
from ingestify.domain.events import LOGGED_EVENTS, DatasetEvent
from ingestify.web.change_words import change_in_words, kind_in_words, revision_of
from ingestify.web.page import Asked, NotShown, Page, Shown

__all__ = ["PAGE"]

_AT_ONCE = 50


class ChangesDocument(TypedDict):
    """A page of the event log, newest first.

    Attributes:
        after: What the next page is asked for with; null: this is the last one.
    """

    changes: Sequence[EventDocument]
    after: str | None


def read(asked: Asked) -> Shown:
    """Return a page of the log; `?type=` names a kind of event."""
    kind = asked.first("type")
    if kind and kind not in LOGGED_EVENTS:
        raise NotShown(400, f"There are no events '{kind}'; there are {', '.join(sorted(LOGGED_EVENTS))}.")
    page = asked.lake.store.overview.changes(_AT_ONCE, asked.first("after"), [kind] if kind else ())
    document: ChangesDocument = {
        "changes": [event_document(event) for event in page.items],
        "after": page.after or None,
    }
    kinds = [(one, kind_in_words(one)) for one in LOGGED_EVENTS]
    rows = list(zip(document["changes"], map(_what, page.items), strict=True))
    return Shown("Changes", document, {"kind": kind, "kinds": kinds, "rows": rows})


def _what(event: DatasetEvent) -> str:
    return "revision 0" if revision_of(event) == 0 else change_in_words(event)


PAGE = Page("/changes", "changes.html", read, is_live=True)
