from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.fetch.json_values import MOST_LEVELS, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_json_is_read_as_it_is(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(VALUES)
def test_and_so_is_what_stands_beside_a_value_that_cannot_be_kept(value: object) -> None:
    text = json.dumps(value)
    for wrong in ("9" * 5000, "[" * 2000 + "]" * 2000):
        before, _, after = read_json(f"[{text},{wrong},{text}]".encode())
        assert before == after == value


def test_a_number_of_too_many_digits_is_infinite() -> None:
    first, second = read_json(b'[{"id": -' + b"1" * 5000 + b'}, {"id": ' + b"1" * 4000 + b"}]")
    assert first == {"id": -math.inf}
    assert second == {"id": int("1" * 4000)}


def test_what_lies_too_deep_is_no_number() -> None:
    value = read_json(b"[" * 100_000 + b"1" + b"]" * 100_000)
    for _ in range(MOST_LEVELS):
        (value,) = value
    assert math.isnan(value)


@pytest.mark.parametrize("text", [b"", b"[1,]", b"[" * 100_000, b"[" + b"9" * 5000, b'["' + b'"' * 3, b"\xff\xff"])
def test_what_is_no_json_is_an_error(text: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        read_json(text)
