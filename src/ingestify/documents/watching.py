"""The documents of `watch` and `follow`: what is looked at next, what came of a look, and of events of a match."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from ingestify.documents.document import filled
from ingestify.documents.runs import Counts
from ingestify.domain.json_value import JsonValue
from ingestify.engine.report.report import one_line

if TYPE_CHECKING:
    from ingestify.engine.watching.agenda import Look
    from ingestify.engine.watching.watching import Looked
    from ingestify.store.reading.following import FollowedEvent

__all__ = [
    "FollowedLine",
    "LookDocument",
    "LookLine",
    "LookedLine",
    "followed_line",
    "look_line",
    "looked_line",
]


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


class FollowedLine(TypedDict):
    """What became of an event of a match.

    Attributes:
        kind: `added`, `changed` or `removed`; or `rekeyed`: events have other keys, and are the same events.
        event: The event; if it was removed, as it last was; null: `rekeyed`.
        previous: The event before the change; null: it is not `changed`.
        new_keys: Pairs of the old and the new key of an event, if it is `rekeyed`; else empty.
        position: The place of the event in the file, from 0; if it was removed, in the file before; null: `rekeyed`.
        revision: The revision that the event is in, or that it is no longer in.
        revision_at: When the revision was committed.
        previous_revision: The revision that it was compared with; null: with nothing, as it is the first one.
        cursor: `--after` goes on behind this line.
    """

    kind: Literal["added", "changed", "removed", "rekeyed"]
    event: JsonValue
    previous: JsonValue
    new_keys: Sequence[Sequence[JsonValue]]
    position: int | None
    dataset_id: str
    identifier: Mapping[str, JsonValue]
    feed: str
    revision: int
    revision_at: dt.datetime
    previous_revision: int | None
    cursor: str


def followed_line(one: FollowedEvent) -> FollowedLine:
    """Return what became of an event of a match."""
    return filled(FollowedLine, one)


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
