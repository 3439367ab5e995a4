"""The documents of `publish`: what was published, how the publishers are, and their dead letters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypedDict

from ingestify.documents.document import filled
from ingestify.domain.json_value import JsonValue

if TYPE_CHECKING:
    from ingestify.events.relay import RelayResult
    from ingestify.main.publishing import DeadLetter, PublisherState

__all__ = [
    "DeadLetterDocument",
    "PublishEndLine",
    "PublishedLine",
    "PublisherDocument",
    "dead_letter_document",
    "publish_end_line",
    "published_line",
    "publisher_document",
]


class PublishedLine(TypedDict):
    """What one publisher did.

    Attributes:
        published: How many messages the other system acknowledged.
        refused: How many became dead letters.
        passed_over: How many events the publisher's settings leave out.
        position: The last event that it is done with.
        error: Why it ended before the end of the log; null: it did not.
    """

    event: Literal["published"]
    name: str
    published: int
    refused: int
    passed_over: int
    position: int
    error: str | None


class PublishEndLine(TypedDict):
    """The end of `publish`."""

    event: Literal["publish_ended"]
    published: int
    refused: int
    exit_code: int


class PublisherDocument(TypedDict):
    """How a publisher is.

    Attributes:
        type: The `type` of the settings; empty: the settings do not have it any more.
        is_enabled: Whether the settings enable it.
        position: The last event that it is done with; null: it has not begun.
        behind: How many events of the log come after that.
        lag_seconds: How old the first of those is; 0: there is none.
        dead_letters: How many messages were refused, or wait for such a message of their dataset.
        error: Why it does not deliver at the moment; empty: it does, or has nothing to deliver.
        failures: How often in a row it failed.
        switched_off: Why it gets no more messages until somebody switches it on; empty: it gets them.
        holder: Who publishes for it at the moment; empty: nobody.
    """

    name: str
    type: str
    is_enabled: bool
    position: int | None
    behind: int
    lag_seconds: float
    dead_letters: int
    error: str
    failures: int
    switched_off: str
    holder: str


class DeadLetterDocument(TypedDict):
    """A message that the other system refused, or that waits for such a message of its dataset.

    Attributes:
        position: That of its event.
        event_type: null: the log does not have the event any more.
        error: Why.
        is_requested: Whether the next `publish` sends it again.
    """

    publisher: str
    position: int
    event_type: str | None
    occurred_at: dt.datetime | None
    provider: str | None
    dataset_type: str | None
    identifier: Mapping[str, JsonValue] | None
    dataset_id: str | None
    error: str
    failed_at: dt.datetime
    is_requested: bool


def published_line(result: RelayResult) -> PublishedLine:
    """Return what one publisher did."""
    error = None if result.error is None else str(result.error)
    return filled(PublishedLine, result, event="published", error=error)


def publish_end_line(results: list[RelayResult], exit_code: int) -> PublishEndLine:
    """Return the end of `publish`."""
    return {
        "event": "publish_ended",
        "published": sum(one.published for one in results),
        "refused": sum(one.refused for one in results),
        "exit_code": exit_code,
    }


def publisher_document(state: PublisherState) -> PublisherDocument:
    """Return how a publisher is."""
    return filled(PublisherDocument, state)


def dead_letter_document(letter: DeadLetter) -> DeadLetterDocument:
    """Return a dead letter."""
    event = letter.event
    names = ("provider", "dataset_type", "identifier", "dataset_id")
    of_event: dict[str, object] = {name: None if event is None else getattr(event.dataset, name) for name in names}
    of_event["event_type"] = None if event is None else event.event_type
    of_event["occurred_at"] = None if event is None else event.occurred_at
    return filled(DeadLetterDocument, letter, **of_event)
