"""The values of an entry that describe a dataset: where they are, and how they are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ingestify.domain.dataset import DatasetState
from ingestify.domain.json_path import JsonPath
from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.rest.fields import Paths, read_by, read_path
from ingestify.sources.rest.timestamps import FORMATS, get_zone, grain_of_format, read_timestamp
from ingestify.sources.template import Scope, as_text
from ingestify.typed_section import Section, Text, wrong

__all__ = [
    "METADATA_SCHEMA",
    "LastModified",
    "LastModifiedOrPath",
    "Metadata",
    "State",
    "Value",
    "ValueOrPath",
    "find_metadata",
    "read_metadata_paths",
]


class Value(Section):
    """A value of an entry."""

    path: Paths = Field(description="Where it is; of several paths, the first with a value.")
    type: Literal["int", "str"] | None = Field(
        default=None,
        description="The type to convert it to: int (a whole number) or str (text). Left out: it stays as it is.",
    )

    def get(self, scope: Scope) -> str | int | float:
        """Return the value.

        Raises:
            SourceError: The value is missing, or cannot be converted.
        """
        value = find_first(self.path, scope)
        shown = " or ".join(path.text for path in self.path)
        if value is None or value == "":
            raise SourceError(f"it has no '{shown}'")
        text = as_text(value, shown)
        if self.type == "int":
            digits = text.removeprefix("-")
            if not digits.isascii() or not digits.isdigit():
                raise SourceError(f"its '{shown}' is {text[:40]!r}, which is no whole number")
            return int(text)
        return text if self.type == "str" or isinstance(value, bool) else value


def _value(value: object) -> object:
    return {"path": value} if isinstance(value, (str, list, tuple)) else value


ValueOrPath = Annotated[
    Value,
    BeforeValidator(_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
                {
                    "type": "object",
                    "properties": {"path": {"type": ["string", "array"]}, "type": {"enum": ["int", "str"]}},
                    "required": ["path"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class LastModified(Section):
    """The time when an entry, or one of its files, changed."""

    path: Paths = Field(description="Where the time is; of several paths, the first with a value.")
    format: Text = Field(
        default="iso",
        description="How it is written: iso (2024-05-01T18:30:00+02:00), epoch (seconds), epoch_milliseconds, http, "
        "or a format of strptime such as %d/%m/%Y %H:%M.",
    )
    timezone: Text = Field(default="UTC", description="The time zone of a time without an offset, such as Europe/Rome.")

    @model_validator(mode="after")
    def _check(self) -> LastModified:
        if self.format not in FORMATS and "%" not in self.format:
            raise wrong(f"format: '{self.format}' is none of {', '.join(FORMATS)}, and no format of strptime.")
        try:
            get_zone(self.timezone)
        except ConfigurationError as error:
            raise wrong(f"timezone: {error}") from error
        return self

    def find(self, scope: Scope) -> dt.datetime | None:
        """Return the time in UTC; None if the provider does not say.

        Raises:
            SourceError: The time does not have the format.
        """
        return read_timestamp(find_first(self.path, scope), self.format, get_zone(self.timezone))

    def find_grain(self, scope: Scope) -> dt.timedelta | None:
        """Return the precision of that time, by its text: how long it stays the same while files may change."""
        return grain_of_format(self.format, find_first(self.path, scope), get_zone(self.timezone))


LastModifiedOrPath = Annotated[LastModified, BeforeValidator(_value)]


StateName = Annotated[
    DatasetState,
    BeforeValidator(read_by(DatasetState.parse, "a state.")),
    WithJsonSchema({"enum": [one.value for one in DatasetState]}),
]


class State(Section):
    """The state of a dataset, by the provider's word for it."""

    path: Paths = Field(description="Where the word is; of several paths, the first with a value.")
    map: dict[str, StateName] = Field(description="The provider's word to the state: {available: COMPLETE}.")
    absent: StateName = Field(default=DatasetState.COMPLETE, description="The state if there is no word.")
    default: StateName | None = Field(
        default=None, description="The state for any other word. Left out: a word that is not in map is an error."
    )

    def get(self, scope: Scope) -> DatasetState:
        """Return the state.

        Raises:
            SourceError: The word is unknown.
        """
        word = find_first(self.path, scope)
        if word is None:
            return self.absent
        text = as_text(word, self.path[0])
        found = self.map.get(text, self.default)
        if found is None:
            raise SourceError(
                f"its state is {text[:40]!r}, which is not in the map of states ({', '.join(self.map)}); add it, or "
                f"a default"
            )
        return found


Metadata = dict[str, Any]
"""Name to paths, of which the first with a value counts; or name to a nested mapping of this kind."""


def read_metadata_paths(value: object) -> object:
    """Parse the paths of a nested mapping of names to texts. For validators."""
    if not isinstance(value, Mapping):
        raise wrong("must be a mapping of names to paths, such as {match_date: date, home: {id: home.id}}.")
    return {str(key): _metadata_value(each) for key, each in value.items()}


def _metadata_value(value: object) -> object:
    if isinstance(value, Mapping):
        return read_metadata_paths(value)
    return tuple(read_path(each) for each in (value if isinstance(value, (list, tuple)) else [value]))


METADATA_SCHEMA = {
    "type": "object",
    "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "array"}, {"type": "object"}]},
}


def find_metadata(paths: Metadata, scope: Scope) -> dict[str, Any]:
    """Return the values, nested as their paths are; None for each that is missing."""
    return {
        name: find_metadata(each, scope) if isinstance(each, dict) else find_first(each, scope)
        for name, each in paths.items()
    }


def find_first(paths: Sequence[JsonPath], scope: Scope) -> Any:
    """Return the value of the first path that has one, or None."""
    return next((value for path in paths if (value := scope.find_in_entry(path)) is not None), None)
