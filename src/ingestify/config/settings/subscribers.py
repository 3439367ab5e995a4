"""Subscribers of events."""

from __future__ import annotations

from pydantic import Field

from ingestify.config.field_types import Configuration, Name
from ingestify.typed_section import Section

__all__ = ["SubscriberSettings"]


class SubscriberSettings(Section):
    """A subscriber, which is told of events."""

    type: Name = Field(description="The dotted path of a Subscriber, such as my_package.MySubscriber.")
    configuration: Configuration = Field(
        default_factory=dict,
        description="What it is made with: a mapping, a vault url, or a list of those, merged in order.",
        repr=False,
    )
