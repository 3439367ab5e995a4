"""A class of the user's, with its configuration."""

from __future__ import annotations

from pydantic import Field

from ingestify.config.field_types import Configuration, Name
from ingestify.typed_section import Section

__all__ = ["ClassSettings"]


class ClassSettings(Section):
    """A class by its dotted path, and what it is made with."""

    type: Name
    configuration: Configuration = Field(
        default_factory=dict,
        description="Its keyword arguments: a mapping, a vault url, or a list of those, merged in order.",
        repr=False,
    )
