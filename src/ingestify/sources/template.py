"""Texts with placeholders: `/events/{match_id}.json`, `{home.name} - {away.name}, {date}`.

A placeholder is a path (see `domain.json_path`); `{{` and `}}` are braces.
"""

from __future__ import annotations

import dataclasses
import math
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from ingestify.domain.json_path import JsonPath
from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.placeholders import iter_pieces

__all__ = ["Scope", "Template", "as_text"]


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """The values that placeholders and conditions can name: of the identity, else the selector, else the entry.

    Attributes:
        entry: The entry of the index.
        selector: The selector's attributes, and the filters of the call.
        identity: The identifier's keys beside the selector.
        fixed: Names that take precedence over all of these, such as `data_spec_version`.
    """

    entry: Any
    selector: Mapping[str, Any]
    identity: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def find_in_entry(self, path: JsonPath) -> Any:
        """Return the value at a path in the entry; at `selector.…`, in the selector."""
        first = path.steps[0] if path.steps else None
        if first == "selector":
            return dataclasses.replace(path, steps=path.steps[1:]).find(self.selector)
        if first == "entry":
            return dataclasses.replace(path, steps=path.steps[1:]).find(self.entry)
        return path.find(self.entry)

    def find(self, path: JsonPath) -> Any:
        """Return the value of a placeholder; None if there is none."""
        first = path.steps[0] if path.steps else None
        for names in (self.fixed, self.identity, self.selector):
            if first in names:
                return path.find(names)
        return self.find_in_entry(path)

    @property
    def names(self) -> dict[str, Any]:
        """All values as one mapping, for conditions."""
        entry = self.entry if isinstance(self.entry, Mapping) else {}
        own = {"entry": self.entry, "selector": self.selector}
        return {**entry, **self.selector, **self.identity, **self.fixed, **own}


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """A parsed text. Made by `parse`; any thread may use it.

    Attributes:
        text: As it was written.
        pieces: Literal texts, and the paths of placeholders.
    """

    text: str
    pieces: tuple[str | JsonPath, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Parse a template.

        Raises:
            ConfigurationError: A brace or a path in it cannot be parsed.
        """
        pieces: list[str | JsonPath] = []
        for piece in iter_pieces(text):
            if isinstance(piece, str):
                pieces.append(piece)
                continue
            if not piece.text.strip():
                raise ConfigurationError(f"{text!r} has a placeholder without a name; write it as {{match_id}}.")
            path = JsonPath.parse(piece.text)
            if not path.is_single:
                raise ConfigurationError(f"{text!r} has [*] in a placeholder, which stands for one value.")
            pieces.append(path)
        return cls(text, tuple(pieces))

    @property
    def paths(self) -> tuple[JsonPath, ...]:
        """The placeholders."""
        return tuple(piece for piece in self.pieces if isinstance(piece, JsonPath))

    @property
    def only_path(self) -> JsonPath | None:
        """The only placeholder, if the template has no other text; else None."""
        return self.pieces[0] if len(self.pieces) == 1 and isinstance(self.pieces[0], JsonPath) else None

    def find_text(self, scope: Scope) -> str | None:
        """Return the text with its values; None if one of the values is missing."""
        found = []
        for piece in self.pieces:
            value = piece if isinstance(piece, str) else scope.find(piece)
            if value is None:
                return None
            found.append(as_text(value, self))
        return "".join(found)

    def get_text(self, scope: Scope, encode: Callable[[str], str] = str) -> str:
        """Return the text with its values.

        Args:
            scope: The values.
            encode: Encodes each value.

        Raises:
            SourceError: A value is missing, or is a list or an object.
        """
        found = []
        for piece in self.pieces:
            if isinstance(piece, str):
                found.append(piece)
                continue
            value = scope.find(piece)
            if value is None:
                raise SourceError(f"'{self.text}' needs '{piece}', and neither the selector nor the entry has it")
            found.append(encode(as_text(value, self)))
        return "".join(found)

    def get_url_part(self, scope: Scope) -> str:
        """Return the text with its values percent-encoded, so that no value changes the rest of a URL.

        Raises:
            SourceError: A value is missing, or means another folder (`..`).
        """
        return self.get_text(scope, _percent_encoded)

    def __str__(self) -> str:
        return self.text


def as_text(value: object, where: object) -> str:
    """Return a single value as text, `true` and `false` as JSON writes them.

    Args:
        value: A JSON value.
        where: The path or template of the value, for the error.

    Raises:
        SourceError: The value is a list or an object.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise SourceError(f"'{where}' wants a single value, and there is a number that is too large, or none")
    if isinstance(value, (str, int, float)):
        return str(value)
    raise SourceError(f"'{where}' wants a single value, and there is a JSON {type(value).__name__}")


def _percent_encoded(value: str) -> str:
    if value in ("", ".", ".."):
        raise SourceError(f"the value {value!r} cannot be a part of a URL")
    try:
        return urllib.parse.quote(value, safe="")
    except UnicodeEncodeError as error:
        raise SourceError(f"the value {value!r} has half of a character in it and cannot be a part of a URL") from error
