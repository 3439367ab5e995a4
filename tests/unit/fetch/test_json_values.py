from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.fetch.json_values import MOST_LEVELS, TooLarge, read_entries, read_json

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


TEXTS = [
    *(b"-0", b"-0.0", b"1E5", b"1e2", b"1e400", b"-1e400", b"1e-400", b"1.7976931348623159e308", b"2.5e-324", b"1e23"),
    *(b"18446744073709551616", b"-9223372036854775809", b"9" * 400, b"9007199254740993", b"9007199254740993.0"),
    *(b"NaN", b"Infinity", b"-Infinity", b"01", b"1.", b".5", b"1.e5", b"+1", b"1e+", b"0x10", b"1_000", b"- 1"),
    *(b'"\\u0000"', b'"\x01"', b'"\x7f"', b'"\t"', b'"\\ud800"', b'"\\uD83D\\uDE00"', b'"\\x"', b'"\\/"', b'"\\u00e9"'),
    *(b'"\xed\xa0\x80"', b'"\xff"', b'"\xc3"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b'"\xf0\x9f\x98\x80"'),
    *(b'{"a":1,"b":2,"a":3}', b"{1:2}", b'{"a" 1}', b"'a'", b"tru", b"true1", b"[1,]", b"1 2", b"\x0b1", b"\xc2\xa01"),
]
"""What parsers of JSON disagree about."""


def result_of(read: Callable[[bytes], Any], content: bytes) -> str:
    """What it reads, with the types of all values and the order of keys; or that it is refused."""
    try:
        return repr(read(content))
    except ValueError:
        return "refused"


@pytest.mark.parametrize("text", [*TEXTS, b"\xef\xbb\xbf[1]", "[1]".encode("utf-16"), b"", b" ", b"[1]\x00"])
def test_every_text_has_the_value_that_the_standard_library_reads(text: bytes):
    for content in (text, b'{"a": ' + text + b"}", b"[" + text + b', {"b": 1}]'):
        assert result_of(read_json, content) == result_of(json.loads, content)
        assert result_of(all_entries, content) == result_of(json.loads, content)


@pytest.mark.slow
@given(
    st.lists(st.sampled_from([*TEXTS, *(bytes([one]) for one in range(32, 256)), b"[", b"{", b'"', b",", b":", b"1"]))
)
def test_and_so_has_any_text(parts: list[bytes]) -> None:
    for content in (b"".join(parts), b"[" + b",".join(parts) + b"]", b'["' + b"".join(parts) + b'"]'):
        assert result_of(read_json, content) == result_of(json.loads, content)
        assert result_of(all_entries, content) == result_of(json.loads, content)


def all_entries(content: bytes) -> Any:
    found = read_entries(content)
    return found if isinstance(found, (dict, str)) or not hasattr(found, "__len__") else list(found)


def test_entries_are_read_when_they_are_asked_for():
    content = json.dumps([{"match_id": number, "text": "x" * 2000} for number in range(2000)]).encode()
    tracemalloc.start()
    entries = read_entries(content)
    assert [one["match_id"] for one in entries] == list(range(2000))
    assert [one["match_id"] for one in entries[7:9]] == [7, 8]
    assert entries[-1]["match_id"] == 1999
    assert len(entries) == 2000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(content) / 5


def test_an_entry_of_which_python_cannot_read_a_value_costs_no_other():
    entries = read_entries(b'[1, {"id": -' + b"1" * 5000 + b'}, 1e400, "\\ud83d", [2]]')
    assert list(entries) == [1, {"id": -math.inf}, math.inf, "\ud83d", [2]]


@pytest.mark.parametrize("text", [b'[1, 2, {"a": "\xff"}]', b"[1, 2, {]", b"[1, 2"])
def test_a_list_of_which_any_part_is_no_json_has_no_entries(text: bytes):
    assert result_of(read_entries, text) == "refused"


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
