"""Names with fields of a message in them: `football.{provider}.{dataset_type}`."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping

from ingestify.errors import ConfigurationError
from ingestify.suggestion import did_you_mean

__all__ = ["Template"]

_FIELDS = ("provider", "dataset_type", "event_type", "bucket", "dataset_id")


class Template:
    """The name of a topic, a queue or a routing key.

    Args:
        text: Such as `football.{provider}.{dataset_type}`. Beside the five fields of every message, it can name the
            keys of the identifier, as `{competition_id}`; a key that a dataset does not have becomes `none`.
        setting: The name of the setting, for errors.
        allowed: The characters that the other system allows in a name, as in `[A-Za-z0-9._-]`. Others become `_` in a
            value.
        longest: The most characters of a name; the rest of a longer one is cut off.

    Raises:
        ConfigurationError: The text is empty, has a brace alone, or a character that is not allowed.
    """

    def __init__(self, text: object, setting: str, *, allowed: str = r"[A-Za-z0-9._-]", longest: int = 249) -> None:
        if not isinstance(text, str) or not text.strip():
            raise ConfigurationError(f"{setting} is {text!r}; write a name such as football.{{provider}}.")
        self._text = text
        self._not_allowed = re.compile(f"[^{allowed[1:-1]}]")
        self._longest = longest
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ConfigurationError(f"{setting}: '{text}' has a brace alone ({error}).") from error
        self._parts: list[tuple[str, str | None]] = []
        for literal, field, spec, conversion in parts:
            if field is not None and (spec or conversion or not field.isidentifier()):
                hint = did_you_mean(field, _FIELDS)
                raise ConfigurationError(
                    f"{setting}: {{{field}}} in '{text}' names no field{hint or '; there are'} "
                    f"{', '.join(_FIELDS)}, and the keys of the identifier."
                )
            if wrong := self._not_allowed.search(literal):
                raise ConfigurationError(f"{setting}: '{text}' has {wrong[0]!r}; allowed are {allowed}.")
            self._parts.append((literal, field))

    def fill(self, fields: Mapping[str, str]) -> str:
        """Return the name for a message with these fields."""
        filled = (
            literal if field is None else literal + (self._not_allowed.sub("_", fields.get(field, "none")) or "_")
            for literal, field in self._parts
        )
        return "".join(filled)[: self._longest]

    def __str__(self) -> str:
        return self._text
