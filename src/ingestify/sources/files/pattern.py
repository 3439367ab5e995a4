"""Patterns of paths: `{competition_id}/{season_id}/{match_id}_{data_feed_key}.{data_serialization_format}`.

    {name}        as few characters as possible, without /
    {name:path}   as few characters as possible, / included
    {_name}       text that has no meaning
    {{  }}        a brace

All other characters stand for themselves. A field that is written twice has the same text in both places. A match takes
at most a time that grows with the square of the path's length, whatever the pattern.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import string
from collections.abc import Iterator, Mapping
from typing import Literal

from ingestify.errors import ConfigurationError
from ingestify.sources.placeholders import Placeholder, iter_pieces

__all__ = ["FEED", "FORMAT", "RESERVED", "VERSION", "KeyType", "PathPattern"]

FEED, VERSION, FORMAT = "data_feed_key", "data_spec_version", "data_serialization_format"
RESERVED = (FEED, VERSION, FORMAT)
"""The fields that say which feed, version and format a file is. All other fields identify the dataset."""

KeyType = Literal["int", "str"]

_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9_]*|_")
_MOST_FIELDS = 30
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    crosses_folders: bool
    type: KeyType | None

    @property
    def has_meaning(self) -> bool:
        return not self.name.startswith("_")

    def takes(self, text: str) -> bool:
        digits = text.removeprefix("-")
        return self.type != "int" or (digits.isascii() and digits.isdigit() and len(digits) <= 18)


@dataclasses.dataclass(frozen=True, slots=True)
class PathPattern:
    """A parsed pattern. Made by `parse`; any thread may use it.

    Attributes:
        text: As it was written.
        is_case_sensitive: Whether `A` and `a` differ outside of fields.
    """

    text: str
    is_case_sensitive: bool
    _pieces: tuple[str | _Field, ...]

    @classmethod
    def parse(
        cls, text: str, types: Mapping[str, KeyType] | None = None, *, is_case_sensitive: bool = True
    ) -> PathPattern:
        """Parse a pattern.

        Args:
            text: The pattern.
            types: Field to the type that its text must have.
            is_case_sensitive: Whether `A` and `a` differ outside of fields.

        Raises:
            ConfigurationError: The pattern cannot be parsed, or is ambiguous.
        """
        pieces: list[str | _Field] = []
        for is_literal, group in itertools.groupby(iter_pieces(text), lambda piece: isinstance(piece, str)):
            if is_literal:
                pieces.append("".join(map(str, group)))
                continue
            placeholder, *others = group
            if others:
                raise ConfigurationError(
                    f"{text!r} has two fields side by side, so it is not clear where the first one ends."
                )
            assert isinstance(placeholder, Placeholder)
            pieces.append(_read_field(text, placeholder.text, types or {}))
        if sum(isinstance(piece, _Field) for piece in pieces) > _MOST_FIELDS:
            raise ConfigurationError(f"{text!r} has more than {_MOST_FIELDS} fields.")
        example = "".join(piece if isinstance(piece, str) else "x" for piece in pieces)
        if any(part in ("", ".", "..") for part in example.split("/")):
            raise ConfigurationError(
                f"{text!r} must be the path of a file below the location: without / at its ends, and without . and .. ."
            )
        return cls(text, is_case_sensitive, tuple(pieces))

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields that have a meaning, in order, each once."""
        return tuple(dict.fromkeys(one.name for one in self._pieces if isinstance(one, _Field) and one.has_meaning))

    def match(self, path: str) -> dict[str, str] | None:
        """Return each field's text if a path matches, else None."""
        bound: dict[str, str] = {}
        return bound if _Matching(self, path).goes_on(0, 0, bound) else None

    def folder_of(self, known: Mapping[str, str]) -> str:
        """Return the deepest folder that holds all paths with these field values; empty: the whole location.

        Args:
            known: The wanted values of fields.
        """
        if not self.is_case_sensitive:
            return ""
        begin = ""
        for piece in self._pieces:
            if isinstance(piece, str):
                begin += piece
            elif piece.type is None and not piece.crosses_folders and _is_one_spelling(known.get(piece.name)):
                begin += known[piece.name]
            else:
                break
        else:
            return begin.rpartition("/")[0] + "/" if "/" in begin else ""
        return begin[: begin.rfind("/") + 1]

    def __str__(self) -> str:
        return self.text


def _read_field(text: str, inside: str, types: Mapping[str, KeyType]) -> _Field:
    name, colon, kind = inside.partition(":")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{text!r} has the field {{{inside}}}; a field's name has letters, digits and _.")
    if colon and kind != "path":
        raise ConfigurationError(f"{text!r} has the field {{{inside}}}; behind the : there can only be path.")
    return _Field(name, bool(colon), types.get(name))


def _is_one_spelling(text: str | None) -> bool:
    """Whether a text can be written in one way only, so that one folder alone can have it as its name."""
    return text is not None and text.isascii() and "/" not in text and text not in ("", ".", "..")


class _Matching:
    """Matches one path."""

    def __init__(self, pattern: PathPattern, path: str) -> None:
        self._pattern = pattern
        self._pieces = pattern._pieces
        self._path = path
        self._folded = self._fold(path)
        self._failed: set[tuple[object, ...]] = set()
        names = [piece.name for piece in self._pieces if isinstance(piece, _Field) and piece.has_meaning]
        self._repeated = sorted({name for name in names if names.count(name) > 1})

    def _fold(self, text: str) -> str:
        # Only ASCII letters: other letters may become several, and places in the text would move.
        return text if self._pattern.is_case_sensitive else text.translate(_SMALL)

    def goes_on(self, number: int, start: int, bound: dict[str, str]) -> bool:
        """Whether the pieces from `number` on match the path from `start` on. Binds fields."""
        if number == len(self._pieces):
            return start == len(self._path)
        piece = self._pieces[number]
        if isinstance(piece, str):
            literal = self._fold(piece)
            return self._folded.startswith(literal, start) and self.goes_on(number + 1, start + len(literal), bound)
        if piece.has_meaning and piece.name in bound:
            text = bound[piece.name]
            return self._path.startswith(text, start) and self.goes_on(number + 1, start + len(text), bound)
        # A match that failed from here fails again, if the fields that are written twice have the same texts.
        key = (number, start, *(bound.get(name) for name in self._repeated))
        if key in self._failed:
            return False
        for end in self._ends(piece, number, start):
            text = self._path[start:end]
            if piece.takes(text):
                if piece.has_meaning:
                    bound[piece.name] = text
                if self.goes_on(number + 1, end, bound):
                    return True
                bound.pop(piece.name, None)
        self._failed.add(key)
        return False

    def _ends(self, piece: _Field, number: int, start: int) -> Iterator[int]:
        """Yield where a field may end, the nearest first."""
        limit = len(self._path)
        if not piece.crosses_folders:
            slash = self._path.find("/", start)
            limit = limit if slash < 0 else slash
        if number + 1 == len(self._pieces):
            if limit == len(self._path) > start:
                yield limit
            return
        following = self._pieces[number + 1]
        assert isinstance(following, str), "two fields never stand side by side"
        literal = self._fold(following)
        end = self._folded.find(literal, start + 1)
        while 0 <= end <= limit:
            yield end
            end = self._folded.find(literal, end + 1)
