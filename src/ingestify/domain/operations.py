"""What expressions compute of values: sums, pieces of text, and the functions that they have.

`+` joins two texts. Otherwise `+ - * %` take numbers, and text of whole numbers, as comparisons do. Every result is
bounded, so that no expression takes much time or memory.
"""

from __future__ import annotations

import ast
import datetime as dt
import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from ingestify.domain.comparison import Incomparable, as_number, described
from ingestify.domain.identifier import MOST_DIGITS

__all__ = ["FUNCTIONS", "METHODS", "OPERATORS", "calculate", "call", "piece"]

MOST_CHARACTERS = 100_000
"""The most characters of a text that an expression makes."""

OPERATORS: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Mod: ("%", operator.mod),
}
"""How an operator is written, and what it does with two numbers."""

_LARGEST = 10**MOST_DIGITS
_WHOLE_NUMBER = re.compile(rf"\s*[-+]?[0-9]{{1,{MOST_DIGITS}}}\s*")


def calculate(kind: ast.operator, left: object, right: object) -> object:
    """Return the result of an operator.

    Raises:
        Incomparable: It has none for these values.
    """
    if isinstance(kind, ast.Add) and isinstance(left, str) and isinstance(right, str):
        return _short(left + right)
    sign, compute = OPERATORS[type(kind)]
    numbers = as_number(left), as_number(right)
    if None in numbers:
        raise Incomparable(f"{described(left)} and {described(right)} are not two numbers, for {sign}.")
    try:
        result = compute(*numbers)
    except ZeroDivisionError:
        raise Incomparable("it divides by 0.") from None
    except OverflowError:
        raise Incomparable("the numbers are too large.") from None
    if not (abs(result) < _LARGEST if isinstance(result, int) else math.isfinite(result)):
        raise Incomparable("the result is too large.")
    return result


def piece(text: object, bounds: slice | int) -> str:
    """Return a slice of a text, or one character.

    Raises:
        Incomparable: It is no text, or has no such character.
    """
    try:
        return _text(text, "has no pieces")[bounds]
    except IndexError:
        raise Incomparable(f"{described(text)} has no character {bounds}.") from None


def call(name: str, arguments: Sequence[object]) -> object:
    """Return the result of a function, or of a method, whose text is the first argument.

    Raises:
        Incomparable: It has none for these values.
    """
    return (FUNCTIONS.get(name) or METHODS[name])(*arguments)


def _int(value: object) -> int:
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise Incomparable(f"{described(value)} is no whole number.")


def _str(value: object) -> str:
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Incomparable(f"{described(value)} is no text, number or date.")


def _startswith(text: object, beginning: object) -> bool:
    return _text(text, "has no beginning").startswith(_ends(beginning))


def _endswith(text: object, end: object) -> bool:
    return _text(text, "has no end").endswith(_ends(end))


def _lower(text: object) -> str:
    return _short(_text(text, "has no letters").lower())


FUNCTIONS: dict[str, Callable[..., object]] = {"int": _int, "str": _str}
"""Called as `int(season_id)`."""

METHODS: dict[str, Callable[..., object]] = {"startswith": _startswith, "endswith": _endswith, "lower": _lower}
"""Called as `_name.startswith('Premier')`."""


def _ends(value: object) -> str | tuple[str, ...]:
    several = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return tuple(_text(each, "is no piece of a text") for each in several)


def _text(value: object, problem: str) -> str:
    if isinstance(value, str):
        return value
    raise Incomparable(f"{described(value)} {problem}, as it is no text; str() makes text of a number.")


def _short(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise Incomparable(f"the text has {len(text):,} characters, and {MOST_CHARACTERS:,} is the most.")
    return text
