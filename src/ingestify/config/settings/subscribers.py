"""Subscribers of events."""

from __future__ import annotations

from pydantic import Field

from ingestify.config.field_types import Name
from ingestify.config.settings.class_settings import ClassSettings

__all__ = ["SubscriberSettings"]


class SubscriberSettings(ClassSettings):
    """A subscriber, which is told of events."""

    type: Name = Field(description="The dotted path of a Subscriber, such as my_package.MySubscriber.")
