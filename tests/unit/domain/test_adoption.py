"""What makes an object of the published package damaged."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from ingestify.domain.adoption import ObjectFacts, find_damage
from ingestify.domain.file import File

BYTES, OBJECT, OTHER = "a" * 40, "b" * 40, "c" * 40
LARGE = 5 << 30

FACTS = ObjectFacts("x", LARGE, "d" * 64, BYTES, 1000, OBJECT, "e" * 64, LARGE % 2**32)
FILE = File("events", "v8", "json", LARGE, BYTES, None, 1000, "gzip", "x", None, dt.datetime.now(dt.UTC), 0)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"tag": OBJECT},  # the provider sent a gzip file
        {"storage_size": 7, "size": 7},  # the sha1 is what counts
        {"tag": '"etag"'},
        {"tag": 'W/"etag"', "size": LARGE % 2**32},
        {"tag": '"etag"', "size": 0, "storage_size": 0},  # a row that says nothing
    ],
)
def test_an_object_is_whole_by_its_sha1_else_by_its_sizes(row):
    assert find_damage(dataclasses.replace(FILE, **row), FACTS) is None


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"tag": OTHER}, f"its object holds other bytes: sha1 {BYTES[:12]}…, and {OTHER[:12]}… was stored"),
        ({"tag": OTHER, "storage_size": 2000}, "its object has 1,000 bytes, and 2,000 were stored"),
        ({"tag": '"etag"', "storage_size": 2000}, "its object has 1,000 bytes, and 2,000 were stored"),
        ({"tag": '"etag"', "size": 4}, f"its object holds {LARGE:,} bytes, and 4 were stored"),
    ],
)
def test_else_it_is_damaged(row, why):
    assert find_damage(dataclasses.replace(FILE, **row), FACTS) == why


def test_of_a_gzip_file_with_several_parts_the_last_ones_size_is_right():
    facts = dataclasses.replace(FACTS, size=30, trailer_size=10)
    assert find_damage(dataclasses.replace(FILE, tag='"etag"', size=10), facts) is None
