"""Paths into JSON values: `data.matches[*]`, `match.id`, `teams[0]['short name']`. Read once, never evaluated.

    key             what an object has under that key; keys are separated by dots
    ['any key']     the same, for a key with a dot, a bracket or a quote in it
    [0]  [-1]       one element of a list, from its beginning or its end
    [*]             each element of a list; of an object by ids, each value, with its key as `id` unless it has one
    $               at the beginning: the value itself; it may be left out

What is not there is null, and what is inside of null too. `[*]` of anything else is an error: an object by ids has
nothing but objects in it, and no key that names an error.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.domain.error_response import ERROR_KEYS, plain_key
from ingestify.domain.keyed_entries import find_keyed_entries
from ingestify.errors import ConfigurationError, SourceError

__all__ = ["EACH", "JsonPath"]

MOST_CHARACTERS = 500


class _Each(enum.Enum):
    EACH = "[*]"


EACH = _Each.EACH
"""The step to each element of a list, or of an object by ids."""

Step = str | int | _Each

_KEY = re.compile(r"[^.\[\]'\"\s]+(?: +[^.\[\]'\"\s]+)*")
_BRACKET = re.compile(r"\[(?:(?P<each>\*)|(?P<index>-?[0-9]{1,9})|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\]")


@dataclasses.dataclass(frozen=True, slots=True)
class JsonPath:
    """A path that was read. Made by `parse`; any thread may use it.

    Attributes:
        text: As it was written.
        steps: A key, an index, or EACH, one after the other.
    """

    text: str
    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> JsonPath:
        """Read a path.

        Raises:
            ConfigurationError: It is none; the message says where, and what can be written.
        """
        if len(text) > MOST_CHARACTERS:
            raise ConfigurationError(f"the path {text[:40]!r}… has more than {MOST_CHARACTERS} characters.")
        steps: list[Step] = []
        rest = text.strip()
        position = 1 if rest.startswith("$") else 0
        needs_dot = position == 1
        while position < len(rest):
            if rest[position] == "[":
                found = _BRACKET.match(rest, position)
                if found is not None:
                    steps.append(_step(found))
            else:
                start = position + 1 if needs_dot and rest[position] == "." else position
                found = _KEY.match(rest, start) if start > position or not needs_dot else None
                if found is not None:
                    steps.append(found[0])
            if found is None:
                raise ConfigurationError(
                    f"the path {text!r} cannot be read from character {position + 1} on; a path looks like match.id, "
                    f"data.matches[*], teams[0].name or ['a key with a . in it']."
                )
            position = found.end()
            needs_dot = True
        return cls(text, tuple(steps))

    @classmethod
    def dotted(cls, text: str) -> JsonPath:
        """Return the path of a text such as `data.0.next`, whose dots separate keys and numbers of elements."""
        return cls(text, tuple(filter(None, text.split("."))))

    @property
    def is_single(self) -> bool:
        """Whether it leads to one value."""
        return EACH not in self.steps

    def find(self, value: Any) -> Any:
        """Return what it leads to; None if that is nothing. Only of a path without `[*]`."""
        for step in self.steps:
            value = _inside(value, step)
        return value

    def iter(self, value: Any) -> Iterator[Any]:
        """Yield what it leads to; what a list without `[*]` at the end holds, too. Nothing of what is not there.

        Where something else is in place of a list that one of several elements is to have, that is one entry which
        cannot be read: the error is yielded in its place.

        Raises:
            SourceError: There is something else where the first `[*]` wants a list.
        """
        for found in self._iter(value, 0):
            if isinstance(found, list) and (not self.steps or self.steps[-1] is not EACH):
                yield from found
            else:
                yield found

    def _iter(self, value: Any, first: int) -> Iterator[Any]:
        for number in range(first, len(self.steps)):
            step = self.steps[number]
            if step is EACH:
                if value is None:
                    return
                entries = value if isinstance(value, list) else _entries_by_id(value)
                if entries is None:
                    error = SourceError(
                        f"'{self.text}' wants a list where there is {_kind(value)}, or an object by ids, which has "
                        f"nothing but objects in it; correct the path, or ask the provider what has changed."
                    )
                    if EACH not in self.steps[:number]:
                        raise error
                    yield error
                    return
                for each in entries:
                    yield from self._iter(each, number + 1)
                return
            value = _inside(value, step)
        if value is not None:
            yield value

    def lacks(self, value: Any) -> str | None:
        """Return which key of it is not there, for people; None if all are, be it with a null.

        Steps behind the first `[*]` are not looked at.
        """
        for step in self.steps:
            if step is EACH:
                return None
            if isinstance(step, str) and not isinstance(value, Mapping):
                return f"there is no '{step}' in {_kind(value)}"
            if isinstance(step, str) and step not in value:
                return f"there is no '{step}' in an object with {', '.join(map(str, list(value)[:8])) or 'no keys'}"
            value = _inside(value, step)
            if value is None:
                return None
        return None

    def __str__(self) -> str:
        return self.text


def _step(found: re.Match[str]) -> Step:
    if found["each"]:
        return EACH
    if found["index"] is not None:
        return int(found["index"])
    return found["single"] if found["single"] is not None else found["double"]


def _inside(value: Any, step: Step) -> Any:
    if isinstance(value, list) and isinstance(step, str) and step.isascii() and step.isdecimal():
        step = int(step)  # of a dotted path
    if isinstance(step, str):
        return value.get(step) if isinstance(value, Mapping) else None
    assert isinstance(step, int), "a path with [*] leads to several values"
    if isinstance(value, list) and -len(value) <= step < len(value):
        return value[step]
    return None


def _entries_by_id(value: Any) -> list[dict[str, Any]] | None:
    """Return the entries of an object by ids; None if it is none, as `{"error": {"code": 5}}` in place of it."""
    entries = find_keyed_entries(value)
    return None if entries is None or any(plain_key(key) in ERROR_KEYS for key in value) else entries


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "nothing")
