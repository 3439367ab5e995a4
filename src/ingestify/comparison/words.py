"""Words of a sentence: plurals, numbers, and values in short."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from ingestify.comparison.kind import ABSENT
from ingestify.domain.json_value import JsonValue
from ingestify.domain.wording import in_short

__all__ = ["counted", "field_label", "joined", "minutes_text", "of_records", "plural", "value_text", "value_texts"]

_TO_ES = ("s", "x", "z", "ch", "sh")
_NAMES_AT_THE_END = re.compile(r"(.)\.(?:id|name)$")
_UP_TO_LIST = re.compile(r"^.*\[\*\]\.")
_QUOTED_AT_THE_END = re.compile(r".*\[(['\"])(.+)\1\]$", re.DOTALL)
"""A key with a dot in it."""

_SHOWN_BEFORE = 20
"""How much of two long values is shown before that in which they differ."""


def plural(noun: str) -> str:
    """Return `passes`, `bodies`, `shots`."""
    noun, of, what = noun.partition(" of ")
    if of:
        return f"{plural(noun)} of {what}"
    if noun.endswith(_TO_ES):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def counted(count: int, noun: str) -> str:
    """Return `1 pass`, `1,267 passes`."""
    return f"{count:,} {noun if count == 1 else plural(noun)}"


def of_records(count: int, noun: str, label: str) -> str:
    """Return `1 shot's xG`, `2 shots' xG`, `xG of 2 records of events`."""
    if " of " in noun:
        return f"{label} of {counted(count, noun)}"
    return f"{counted(count, noun)}'{'s' if count == 1 else ''} {label}"


def joined(words: Sequence[str]) -> str:
    """Return `period, team and player`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def field_label(way: str, names: dict[str, str]) -> str:
    """Return what people call a field: `pass.recipient.name` is the `recipient`."""
    way = _UP_TO_LIST.sub("", way)
    if way in names:
        return names[way]
    way = _NAMES_AT_THE_END.sub(r"\1", way)
    quoted = _QUOTED_AT_THE_END.match(way)
    return names.get(way) or in_short((quoted[2] if quoted else way.rpartition(".")[2]).replace("_", " "))


def minutes_text(minutes: Iterable[str]) -> str:
    """Return ` in minute 63`, ` in minutes 2, 13 and 17`, ` between minutes 2 and 92`; empty: no minute is known."""
    there = sorted(dict.fromkeys(filter(None, minutes)), key=_minute_order)
    if not there:
        return ""
    if len(there) > 3:
        return f" between minutes {there[0]} and {there[-1]}"
    return f" in minute{'s' if len(there) > 1 else ''} {joined(there)}"


def _minute_order(minute: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall("[0-9]+", minute)))


def value_text(value: JsonValue) -> str:
    """Return a value for people: numbers in three digits behind the point, an object or a list in short."""
    if value is ABSENT:
        return "none"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".") if 0.001 <= abs(value) < 1e9 else f"{value:.3g}"
    if isinstance(value, str):
        return in_short(value)
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value):
        return f"a list of {len(value):,}"
    return in_short(json.dumps(value, ensure_ascii=False))


def value_texts(old: JsonValue, new: JsonValue) -> tuple[str, str]:
    """Return two different values for people: in short, or as JSON where they would look the same."""
    texts = value_text(old), value_text(new)
    if texts[0] != texts[1] or isinstance(new, (dict, list)):
        return texts
    one, other = ("none" if value is ABSENT else json.dumps(value, ensure_ascii=False) for value in (old, new))
    if in_short(one) == in_short(other):
        differing = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
        begin = next(differing, min(len(one), len(other))) - _SHOWN_BEFORE
        one, other = f"…{one[begin:]}", f"…{other[begin:]}"
    return in_short(one), in_short(other)
