"""A section of settings that are written in YAML, with types, and what a validator of one raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

__all__ = ["Section", "Text", "wrong"]

Text = Annotated[str, Field(min_length=1)]
"""Text that is not empty."""


class Section(BaseModel):
    """A mapping of keys to values. An unknown key is an error, unless it begins with `x-`, which is for the user's own.

    A key without a value is as if it were not there.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        json_schema_extra={"patternProperties": {"^x-": {}}},
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_keys(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        return {
            key: value
            for key, value in data.items()
            if (value is not None or key not in cls.model_fields) and not str(key).startswith("x-")
        }


def wrong(problem: str) -> PydanticCustomError:
    """Return what a validator raises so that the message is `problem`, word for word."""
    # The text is passed as data, because pydantic would read a brace in it as a placeholder.
    return PydanticCustomError("wrong", "{problem}", {"problem": problem})
