"""The documents of `watch`: what is looked at next, and what came of a look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypedDict

from ingestify.documents.document import filled
from ingestify.documents.runs import Counts
from ingestify.domain.json_value import JsonValue
from ingestify.engine.report.report import one_line

if TYPE_CHECKING:
    from ingestify.engine.watching.agenda import Look
    from ingestify.engine.watching.watching import Looked

__all__ = ["LookDocument", "LookLine", "LookedLine", "look_line", "looked_line"]


class LookDocument(TypedDict):
    """When a plan, or one of its selectors, is looked at next.

    Attributes:
        selector: Its keys and values; null: the whole plan, with a search for new selectors.
        name: For people.
        due_at: When, in UTC.
        why: A sentence.
    """

    source: str
    dataset_type: str
    selector: Mapping[str, JsonValue] | None
    name: str
    due_at: dt.datetime
    why: str


class LookLine(LookDocument):
    """A look that is to come, with `watch --plan`."""

    event: Literal["look"]


class LookedLine(Counts):
    """What came of a look.

    Attributes:
        looks: What was looked at, by one run.
        seconds: How long the run took.
        error: Why the run was stopped, or the first error of a selector; null: there is none.
        next: The look that comes next; null: the watch ends.
    """

    event: Literal["looked"]
    looks: list[LookDocument]
    seconds: float
    error: str | None
    next: LookDocument | None


def look_line(look: Look) -> LookLine:
    """Return a look that is to come, as a line."""
    return {"event": "look", **_look(look)}


def _look(look: Look) -> LookDocument:
    """Return a look that is to come."""
    return {
        "source": look.plan.source.name,
        "dataset_type": look.plan.dataset_type,
        "selector": None if look.selector is None else dict(look.selector.attributes),
        "name": look.name,
        "due_at": look.due.at,
        "why": look.due.why,
    }


def looked_line(looked: Looked) -> LookedLine:
    """Return what came of a look."""
    report = looked.report
    return filled(
        LookedLine,
        report,
        event="looked",
        looks=[_look(look) for look in looked.looks],
        seconds=round(report.duration_seconds, 3),
        **report.totals.as_dict(),
        error=None if report.error is None else one_line(report.error),
        next=None if looked.following is None else _look(looked.following),
    )
