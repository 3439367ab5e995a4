"""Finds the records of a feed that refer to a record which another feed does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.comparison.difference import Strangers
from ingestify.comparison.values import find_value
from ingestify.domain.json_value import JsonValue
from ingestify.domain.record_key import RecordKey

__all__ = ["find_strangers"]


def find_strangers(
    feed: str, keys: Mapping[str, RecordKey], old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]
) -> Iterator[Strangers]:
    """Yield how many records of a feed refer to nothing, before and after, if there are any.

    Args:
        feed: The feed.
        keys: Feed to the description of its records.
        old: Feed to the content of its file in the old revision, as far as it is known.
        new: The same of the new one.
    """
    for way, other in keys[feed].refers_to.items():
        counts = []
        for contents in (old, new):
            if feed in contents and other in contents:
                there = set(_values(contents[other], keys[other], keys[other].key))
                refer = list(_values(contents[feed], keys[feed], way))
                counts.append((sum(one not in there for one in refer), len(refer)))
            else:
                counts.append((0, 0))
        (strangers_old, total_old), (strangers_new, total_new) = counts
        if strangers_old or strangers_new:
            total = total_new if strangers_new else total_old
            yield Strangers(keys[feed].noun or "record", other, strangers_old, strangers_new, total)


def _values(content: JsonValue, key: RecordKey, way: str) -> Iterator[Any]:
    records = find_value(content, key.at) if key.at else content
    for record in records if isinstance(records, list) else ():
        value = find_value(record, way)
        if isinstance(value, (str, int)):
            yield value
