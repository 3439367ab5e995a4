"""How two values of an expression compare.

Two values are equal if they would make the same identifier: 11, "11" and 11.0; True and "true"; a date and its ISO
text. "011" and 11 differ, and so do 1 and True. None is equal only to None; expressions do not order it.

Numbers, and text of whole numbers, are ordered as numbers: "9" < 10 and "9" < "10". Any other two texts are ordered as
text, which is right for ISO dates. A number and other text have no order: comparing them is an error.
"""

from __future__ import annotations

import ast
import datetime as dt
import math
import re

from ingestify.domain.identifier import canonical_value
from ingestify.errors import SourceError

__all__ = ["Incomparable", "as_number", "compare", "described", "sign_of"]

_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,999})")


class Incomparable(Exception):
    """Two values that an operator cannot compare. The message says why; the caller translates it."""


def compare(operator: ast.cmpop, left: object, right: object) -> bool:
    """Return whether the comparison holds.

    Raises:
        Incomparable: The operator cannot compare these two values.
    """
    match operator:
        case ast.Eq():
            return _equal(left, right)
        case ast.NotEq():
            return not _equal(left, right)
        case ast.In():
            return _contains(right, left)
        case ast.NotIn():
            return not _contains(right, left)
    order = _order(left, right)
    match operator:
        case ast.Lt():
            return order < 0
        case ast.LtE():
            return order <= 0
        case ast.Gt():
            return order > 0
    return order >= 0


def _equal(left: object, right: object) -> bool:
    if left is None or right is None:
        return left is right
    return _canonical(left) == _canonical(right)


def _canonical(value: object) -> str:
    if type(value) is str:
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # no identifier is, but metadata may be
    try:
        return canonical_value(value)
    except SourceError as error:
        what = "too large" if isinstance(value, int) else "not a single value"
        raise Incomparable(f"{described(value)} is {what}.") from error


def _contains(container: object, value: object) -> bool:
    if isinstance(container, str):
        if isinstance(value, str):
            return value in container
        raise Incomparable(f"{described(value)} cannot be a piece of {described(container)}; write a list.")
    if isinstance(container, (list, tuple, set, frozenset)):
        return any(_equal(value, each) for each in container)
    raise Incomparable(f"{described(container)} is not a list.")


def _order(left: object, right: object) -> int:
    """Return a number below 0 if `left` is the smaller one, 0 if they are the same, above 0 if it is the larger."""
    left_number, right_number = as_number(left), as_number(right)
    if left_number is not None and right_number is not None:
        return (left_number > right_number) - (left_number < right_number)
    left_text, right_text = _text(left), _text(right)
    if left_text is not None and right_text is not None:
        return (left_text > right_text) - (left_text < right_text)
    raise Incomparable(f"{described(left)} and {described(right)} have no order.")


def as_number(value: object) -> float | None:
    """Return the number that a value is or that its text writes; None if it is neither. Whole ones stay exact."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    return None


def _text(value: object) -> str | None:
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    return value if isinstance(value, str) else None


def described(value: object) -> str:
    """Return a value as an error message shows it, cut if it is long."""
    try:
        shown = repr(value)
    except ValueError:
        shown = "a number of thousands of digits"
    kind = "text" if isinstance(value, str) else "no value" if value is None else type(value).__name__
    return f"{shown if len(shown) <= 60 else shown[:57] + '…'} ({kind})"


def sign_of(operator: ast.cmpop) -> str:
    """Return how a comparison is written: `<=`."""
    return _SIGNS[type(operator)]
