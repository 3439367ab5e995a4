"""Texts with placeholders: `/events/{match_id}.json`, `{home.name} - {away.name}, {date}`.

A placeholder is a path (see `json_path`); `{{` and `}}` are braces.
"""

from __future__ import annotations

import dataclasses
import math
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from ingestify.domain.json_path import JsonPath
from ingestify.errors import ConfigurationError, SourceError

__all__ = ["Scope", "Template", "as_text"]

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """What placeholders and conditions can name: the identity, else the selector, else a path into the entry.

    Attributes:
        entry: The entry of the index.
        selector: The selector's attributes, and the filters of the call.
        identity: What identifies the dataset besides.
        fixed: What comes before all of these, such as `data_spec_version`.
    """

    entry: Any
    selector: Mapping[str, Any]
    identity: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def find_in_entry(self, path: JsonPath) -> Any:
        """Return what a path leads to in the entry, or, where it begins with `selector`, in the selector."""
        first = path.steps[0] if path.steps else None
        if first == "selector":
            return dataclasses.replace(path, steps=path.steps[1:]).find(self.selector)
        if first == "entry":
            return dataclasses.replace(path, steps=path.steps[1:]).find(self.entry)
        return path.find(self.entry)

    def find(self, path: JsonPath) -> Any:
        """Return what a placeholder stands for; None if that is nothing."""
        first = path.steps[0] if path.steps else None
        for names in (self.fixed, self.identity, self.selector):
            if first in names:
                return path.find(names)
        return self.find_in_entry(path)

    @property
    def names(self) -> dict[str, Any]:
        """All of it as one mapping, for conditions."""
        entry = self.entry if isinstance(self.entry, Mapping) else {}
        own = {"entry": self.entry, "selector": self.selector}
        return {**entry, **self.selector, **self.identity, **self.fixed, **own}


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """A text that was read. Made by `parse`; any thread may use it.

    Attributes:
        text: As it was written.
        pieces: Texts, and paths that values are put in for.
    """

    text: str
    pieces: tuple[str | JsonPath, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template.

        Raises:
            ConfigurationError: A brace or a path in it cannot be read.
        """
        pieces: list[str | JsonPath] = []
        for found in _PIECE.finditer(text):
            piece = found[0]
            if piece in ("{{", "}}"):
                pieces.append(piece[0])
            elif found[1] is not None:
                if not found[1].strip():
                    raise ConfigurationError(f"{text!r} has a placeholder without a name; write it as {{match_id}}.")
                path = JsonPath.parse(found[1])
                if not path.is_single:
                    raise ConfigurationError(f"{text!r} has [*] in a placeholder, which stands for one value.")
                pieces.append(path)
            elif piece in ("{", "}"):
                raise ConfigurationError(f"{text!r} has a single {piece}; write {{match_id}}, or {{{{ for a brace.")
            else:
                pieces.append(piece)
        return cls(text, tuple(pieces))

    @property
    def paths(self) -> tuple[JsonPath, ...]:
        """The placeholders."""
        return tuple(piece for piece in self.pieces if isinstance(piece, JsonPath))

    @property
    def only_path(self) -> JsonPath | None:
        """The placeholder that it consists of, and of nothing else; or None."""
        return self.pieces[0] if len(self.pieces) == 1 and isinstance(self.pieces[0], JsonPath) else None

    def find_text(self, scope: Scope) -> str | None:
        """Return the text with its values as they are; None if one of them is not there."""
        found = []
        for piece in self.pieces:
            value = piece if isinstance(piece, str) else scope.find(piece)
            if value is None:
                return None
            found.append(as_text(value, self))
        return "".join(found)

    def get_text(self, scope: Scope, encode: Callable[[str], str] = str) -> str:
        """Return the text with its values, each encoded.

        Raises:
            SourceError: A value is not there, or is no single value.
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
        """Return the text with its values percent-encoded, so that none can reach beyond its own place in a URL.

        Raises:
            SourceError: A value is not there, or is one that means another folder.
        """
        return self.get_text(scope, _percent_encoded)

    def __str__(self) -> str:
        return self.text


def as_text(value: object, where: object) -> str:
    """Return a single value as text, `true` and `false` as JSON writes them.

    Raises:
        SourceError: It is a list or an object.
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
