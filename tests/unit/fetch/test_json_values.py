from __future__ import annotations

import json
import math
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.fetch.json_values import MOST_LEVELS, TooLarge, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.slow
@given(VALUES)
def test_json_is_read_as_it_is(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.slow
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


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    "entry",
    [
        "[]",
        "[" * 20 + "]" * 20,
        "[1]",
        "[0,[0,1]]",
        "{}",
        '{"":0}',
        '{"a":1}',
        '{"a":{"a":{"a":1}}}',
        "[{}]",
        '[{"a":[]}]',
        "300",
        "1e9",
        '"ab"',
        '""',
        f'"{"a" * 60}\N{SLIGHTLY SMILING FACE}"',
        f'"{"a" * 60}\N{GREEK SMALL LETTER ALPHA}"',
        '{"id":1,"name":"a name"}',
    ],
)
def test_what_would_take_more_memory_than_it_may_is_not_read(entry: str) -> None:
    content = f"[{','.join([entry] * (500_000 // len(entry)))}]".encode()
    tracemalloc.start()
    read_json(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with pytest.raises(TooLarge, match=r"bytes of JSON would take about \d+ MB of memory"):
        read_json(content, peak)


def test_an_index_of_matches_takes_less_than_ten_times_its_bytes() -> None:
    side = {"team_id": 904, "team_name": "Bayer Leverkusen", "country": {"id": 85, "name": "Germany"}}
    match = {"match_id": 3895302, "date": "2024-04-14", "kick_off": "17:30:00.000", "home": side, "away": side}
    content = json.dumps([{**match, "status": "available", "home_score": 5, "away_score": 0}] * 10_000).encode()
    assert len(read_json(content, 10 * len(content))) == 10_000
