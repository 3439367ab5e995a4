"""What the records of a feed are called by, so that two revisions of it can be compared record by record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

__all__ = ["NO_RECORD_KEYS", "RecordKey", "RecordKeys", "record_key_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class RecordKey:
    """How the records of a feed are told apart, and how people are told of them; see `Source.record_keys`.

    A way is a dotted text, `pass.recipient.name`. Of `type.name|Type`, which `kind` and `who` may be, the first one
    counts that leads to something. Mostly a `key` is enough; the others make a comparison more precise, or its sentence
    more readable.

    Attributes:
        key: The way to the value that names a record; no two records have the same. Empty: records are compared by
            content.
        at: The way to the list of records; empty: the content of the file is this list.
        lists: Lists within a record whose entries have keys too: `{"lineup": "player_id"}`.
        unordered: The ways to lists within a record whose order means nothing: `("related_events",)`.
        is_ordered: Whether the order of the records means anything.
        pairs_by: Ways whose values together name a record where the provider gave all records new keys:
            `("period", "timestamp", "player.name")`. Empty: the same content under another key is the same record.
        counted_by: The way to a number that counts the records of the file. That it is another one because a record
            was added or removed before it is no change.
        refers_to: The way to a value, to the feed of which it is a key: `{"event_uuid": "events"}`.
        noun: What a record is called, in the singular: `player`.
        kind: The way to what a single record is called, such as `type.name` for `Pass`. Without it: `noun`.
        who: The way to the person or the team that a record is about; empty: none.
        minute: Returns the minute of a record as people write it, `45+2`; None: it has none.
        names: The way to a field, to what people call it: `{"shot.statsbomb_xg": "xG"}`.
    """

    key: str = ""
    at: str = ""
    lists: Mapping[str, str | RecordKey] = dataclasses.field(default_factory=dict)
    unordered: tuple[str, ...] = ()
    is_ordered: bool = True
    pairs_by: tuple[str, ...] = ()
    counted_by: str = ""
    refers_to: Mapping[str, str] = dataclasses.field(default_factory=dict)
    noun: str = ""
    kind: str = ""
    who: str = ""
    minute: Callable[[Mapping[str, Any]], str | None] | None = None
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)


RecordKeys: TypeAlias = Mapping[str, str | RecordKey]
"""Feed to the way to the key of its records, or to a whole description."""

NO_RECORD_KEYS: RecordKeys = {}
"""Nothing is declared."""


def record_key_of(declared: str | RecordKey | None) -> RecordKey:
    """Return a declaration as a description; of a way alone, or of nothing, too."""
    return declared if isinstance(declared, RecordKey) else RecordKey(declared or "")
