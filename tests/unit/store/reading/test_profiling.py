"""The records of a file are counted, and the columns without a value."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ingestify.domain.file import NewFile
from ingestify.store.reading.file_collection import LoadedFile
from ingestify.store.reading.profiling import make_profile


def profile_of(content: Any, form: str = "json", feed: str = "events") -> tuple[int | None, dict[str, int]]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    new = NewFile(feed, "v1", form, len(body), "0" * 64, None, len(body), "none", "a", None)
    file = LoadedFile(new.in_revision(0, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), lambda: io.BytesIO(body))
    made = make_profile(file)
    assert (made.file_id, made.size) == (f"{feed}__v1", len(body))
    return made.rows, dict(made.nulls)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([{"a": 1, "b": None}, {"a": 2}], (2, {"a": 0, "b": 2})),
        ([], (0, {})),
        ([1, None, {"a": "null"}], (3, {"a": 2, "value": 2})),
        ({"events": [{"a": {"b": None}}], "longer": [1, 2, 3]}, (1, {"a": 0})),
        ({"data": [{"a": 1}], "longer": [1, 2, 3]}, (1, {"a": 0})),
        ({"short": [1], "records": [{"a": 1}, {"a": None}]}, (2, {"a": 1})),
        ({"match_id": 7, "referee": None}, (1, {"match_id": 0, "referee": 1})),
        (7, (None, {})),
        (b' [ {"a" : null } ] ', (1, {"a": 1})),
    ],
)
def test_records_of_json(content: Any, expected: Any):
    assert profile_of(content) == expected


@pytest.mark.parametrize(
    ("content", "form", "expected"),
    [
        (b'{"a": 1}\n\n{"a": null, "b": 2}\n', "jsonl", (2, {"a": 1, "b": 1})),
        (b"a,b\n1,\n2,x\n", "csv", (2, {"a": 0, "b": 1})),
        (b"a\tb\r\n1\t\r\n", "tsv", (1, {"a": 0, "b": 1})),
        (b'a,b\n"1\n2",3\n4\n', "csv", (2, {"a": 0, "b": 1})),
        (gzip.compress(b"a\n1\n"), "csv.gz", (1, {"a": 0})),
        (b"<events/>", "xml", (None, {})),
        (b"\xff,b\n1,2\n", "csv", (None, {})),
        (b"[{", "json", (None, {})),
        (b"", "csv", (0, {})),
    ],
)
def test_records_of_other_formats(content: bytes, form: str, expected: Any):
    assert profile_of(content, form) == expected


def test_objects_with_ids_as_keys_have_no_columns():
    assert profile_of([{f"id {n}": n} for n in range(2000)]) == (2000, {})
    assert profile_of([{"x" * 100_000: 1}]) == (1, {})


_values = st.none() | st.text() | st.integers() | st.lists(st.none()) | st.dictionaries(st.text(), st.none())


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), _values)))
def test_they_are_counted_as_a_person_would(records: list[dict[str, Any]]):
    names = {name for record in records for name in record}
    expected = {name: sum(record.get(name) is None for record in records) for name in names}
    assert profile_of(records) == (len(records), expected)
