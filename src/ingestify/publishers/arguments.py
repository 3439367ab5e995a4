"""Checks of the arguments of a publisher, which are its settings."""

from __future__ import annotations

import math

from ingestify.errors import ConfigurationError

__all__ = ["check_choice", "check_count", "check_flag", "check_optional_text", "check_seconds", "check_text"]


def check_text(value: object, setting: str, example: str) -> str:
    """Return a text that is not empty, without spaces around it.

    Raises:
        ConfigurationError: It is none. The message names the setting and the example, and does not show the value.
    """
    if not isinstance(value, str) or not value.strip():
        what = "empty" if isinstance(value, str) else f"a {type(value).__name__}"
        raise ConfigurationError(f"{setting} is {what}; write a text such as {example}.")
    return value.strip()


def check_optional_text(value: object, setting: str, example: str) -> str | None:
    """Return a text, or None for an argument that is left out; see `check_text`."""
    return None if value is None else check_text(value, setting, example)


def check_seconds(value: object, setting: str, *, most: float = 3600.0) -> float:
    """Return a number of seconds above 0, and up to `most`.

    Raises:
        ConfigurationError: It is none.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not 0 < value <= most:  # type: ignore[operator]
        raise ConfigurationError(f"{setting} is {value!r}; it must be a number of seconds above 0, up to {most:g}.")
    return float(value)  # type: ignore[arg-type]


def check_count(value: object, setting: str, *, most: int, least: int = 1) -> int:
    """Return a whole number from `least` to `most`.

    Raises:
        ConfigurationError: It is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigurationError(f"{setting} is {value!r}; it must be a whole number from {least:,} to {most:,}.")
    return value


def check_choice(value: object, setting: str, choices: tuple[str, ...]) -> str:
    """Return one of the choices.

    Raises:
        ConfigurationError: It is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise ConfigurationError(f"{setting} is {value!r}; it must be {' or '.join(choices)}.")
    return value


def check_flag(value: object, setting: str) -> bool:
    """Return true or false.

    Raises:
        ConfigurationError: It is neither.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{setting} is {value!r}; it must be true or false.")
    return value
