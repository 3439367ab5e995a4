"""One difference of two revisions, and everything that a comparison of one feed found."""

from __future__ import annotations

import dataclasses

from ingestify.comparison.kind import DifferenceKind
from ingestify.domain.json_value import JsonValue

__all__ = ["Difference", "FeedDifferences", "Rekeying", "Reordering", "Strangers"]


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One difference: a field of a record, or a whole record.

    Attributes:
        feed: The feed.
        kind: What became of the record.
        key: The key of the record, in front of it those of the records that it is in; empty: it has none.
        position: The place of the record in its list, from 0: in the new list, or in the old one if it was removed.
            None: it is the content of the file, and in no list.
        noun: What the record is called: `shot`.
        who: The person or the team that it is about; empty: none.
        minute: Its minute, as people write it; empty: none.
        field: The dotted way to the field; empty: the whole record.
        old: The old value of the field. Of a record that moved, its old place; None of one that was added.
        new: The new value, likewise; None of one that was removed. `ABSENT`: there is no such field, or was none.
    """

    feed: str
    kind: DifferenceKind
    key: tuple[JsonValue, ...]
    position: int | None
    noun: str
    who: str
    minute: str
    field: str
    old: JsonValue
    new: JsonValue


@dataclasses.dataclass(frozen=True, slots=True)
class Rekeying:
    """Records that have new keys.

    Attributes:
        noun: What a record is called.
        key: The way to the key.
        total: How many records there are now.
        renamed: How many of the keys are new.
        paired: How many of them are records that were there under another key.
        differing: How many of the pairs differ in more than their key.
        pairs_by: What pairs had in common; empty: their content.
    """

    noun: str
    key: str
    total: int
    renamed: int
    paired: int
    differing: int
    pairs_by: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Reordering:
    """Lists that stand in another order, where the order means nothing.

    Attributes:
        noun: What the record with the list is called.
        field: The way to the list.
        count: How many records.
    """

    noun: str
    field: str
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Strangers:
    """Records that refer to a record which another feed does not have.

    Attributes:
        noun: What a record is called.
        feed: The feed to which they refer.
        old: How many there were.
        new: How many there are.
        total: How many records there are, with and without.
    """

    noun: str
    feed: str
    old: int
    new: int
    total: int


@dataclasses.dataclass(slots=True)
class FeedDifferences:
    """What a comparison of one feed found.

    Attributes:
        feed: The feed.
        note: What is to be said of the file as a whole, such as that it is gone; empty: nothing.
        noun: What its records are called.
        labels: The way to a field, to what people call it.
        differences: The differences.
    """

    feed: str
    note: str = ""
    noun: str = ""
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    differences: list[Difference] = dataclasses.field(default_factory=list)
    rekeyings: list[Rekeying] = dataclasses.field(default_factory=list)
    reorderings: list[Reordering] = dataclasses.field(default_factory=list)
    strangers: list[Strangers] = dataclasses.field(default_factory=list)
