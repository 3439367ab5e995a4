"""Publishers, which pass events on to other systems."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from ingestify.config.field_types import Name
from ingestify.config.settings.class_settings import ClassSettings
from ingestify.domain.events import LOGGED_EVENTS
from ingestify.typed_section import wrong

__all__ = ["PublisherSettings"]

_EventType = Literal[
    "dataset_created",
    "revision_added",
    "revision_warned",
    "metadata_updated",
    "revision_invalidated",
    "revision_rejected",
    "revision_accepted",
    "revision_discarded",
    "revision_withdrawn",
    "revisions_thinned",
    "dataset_deleted",
]

assert set(_EventType.__args__) == set(LOGGED_EVENTS)  # type: ignore[attr-defined]


def _check_start(value: object, check: ValidatorFunctionWrapHandler) -> object:
    """Return a place in the log; one error for all that it can be."""
    try:
        place = check(value)
    except ValidationError:
        place = None
    if place is None or isinstance(value, bool) or (isinstance(place, int) and place < 0):
        raise wrong("should be beginning, now, the position of an event, or a moment such as 2026-01-31T12:00Z.")
    return place


def _check_events(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if value == ():
        raise wrong("is empty, so it gets none: name types of events, leave it out for all, or write enabled: false.")
    return value


class PublisherSettings(ClassSettings):
    """A publisher, which passes the events of the lake on to another system (docs/events.md)."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
        description="Its name: letters, digits, and _ . -. The lake keeps its position in the event log under this "
        "name.",
    )
    type: Name = Field(
        description="ingestify.json_lines, ingestify.kafka, …, the name of an installed package's publisher, or the "
        "dotted path of a Publisher."
    )
    enabled: bool = Field(default=True, description="Whether it gets events.")
    events: Annotated[tuple[_EventType, ...] | None, AfterValidator(_check_events)] = Field(
        default=None, description="The types of events that it gets. Left out: all."
    )
    where: str | None = Field(
        default=None,
        description='Only events of datasets that meet this condition right after the event, such as "provider == '
        "'statsbomb' and competition_id == 43\" (docs/expressions.md).",
    )
    start_at: Annotated[Literal["beginning", "now"] | int | dt.datetime, WrapValidator(_check_start)] = Field(
        default="beginning",
        description="Where a new publisher begins in the event log: beginning, now, the position of the last event "
        "that is not wanted, or a moment.",
    )
    include_metadata: bool = Field(
        default=True, description="Whether messages have what the provider says of the dataset."
    )
    include_files: bool = Field(
        default=True, description="Whether messages have the current files of the dataset: paths, sizes and hashes."
    )
    after_refusal: Literal["pass", "hold"] = Field(
        default="pass",
        description="What happens with later messages of a dataset after one was refused: pass, they are sent; hold, "
        "they wait with it among the dead letters.",
    )
