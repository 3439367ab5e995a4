from __future__ import annotations

import codecs
import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestify.checks import json_document
from ingestify.checks.files import check_bytes
from tests.unit.checks.specimens import HTML_PAGE, S3_ERROR, problem_of

# Every text that Python can hold, with halves of surrogate pairs.
texts = st.text(st.characters(exclude_categories=())) | st.text(string.printable)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


def real_events(provider_data: Path) -> bytes:
    return (provider_data / "statsbomb/data/events/3788741.json").read_bytes()


@pytest.mark.slow
@given(
    documents, st.booleans(), st.sampled_from([None, 2]), st.sampled_from(["json", "geojson", "events.json", "JSON"])
)
@settings(max_examples=300)
def test_whatever_json_writes_passes(document: object, ascii_only: bool, indent: int | None, form: str) -> None:
    try:
        body = json.dumps(document, allow_nan=False, ensure_ascii=ascii_only, indent=indent).encode()
    except UnicodeEncodeError:
        return
    assert problem_of(body, form) == ""


@pytest.mark.slow
@given(st.lists(documents), st.data())
def test_any_beginning_of_an_array_fails(document: list[object], data: st.DataObject) -> None:
    body = json.dumps(document).encode()
    kept = data.draw(st.integers(0, len(body) - 1))
    assert problem_of(body[:kept], "json")


def _refuse(constant: str) -> None:
    raise ValueError(constant)


@pytest.mark.slow
@given(st.lists(st.sampled_from([*'[]{}",:0123456789.-+eE\\u/ \n', "true", "null", "NaN", "\x01", "é"])).map("".join))
@settings(max_examples=500)
def test_it_agrees_with_the_strict_parser_of_the_standard_library(text: str) -> None:
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError:
        assert problem_of(text.encode(), "json")
    else:
        assert problem_of(text.encode(), "json") == ""


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b"null",
        b"[1e400, -0, 1E+5, 123456789012345678901234567890]",
        b'{"a": 1, "a": 2}',
        codecs.BOM_UTF8 + b" [1]\r\n",
        b'["\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\\\ud83d", "\\uD83D\\u0041"]',
        b"[" * 200 + b"]" * 200,
        b"9" * 10_000,
    ],
)
def test_strict_json_passes(body: bytes) -> None:
    assert problem_of(body, "json") == ""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b" \n\t ", "it holds only white space, and no JSON"),
        (codecs.BOM_UTF8, "it holds only white space, and no JSON"),
        (b"[1, 2", "the JSON breaks off at byte 5"),
        (codecs.BOM_UTF8 + b"[1, 2", "the JSON breaks off at byte 8"),
        (b'{"a": "\\ud83d\\ude00', "the JSON breaks off at byte 19"),
        (b'["\\ud83d", 1', "the JSON breaks off at byte 12"),
        (b"[1, NaN]", "it holds NaN, which no JSON has, at byte 4"),
        (b"NaN", "it holds NaN, which no JSON has, at byte 0"),
        (b'{"x": Infinity}', "it holds Infinity, which no JSON has, at byte 6"),
        (b'{"x": -Infinity}', "it holds -Infinity, which no JSON has, at byte 6"),
        (b'{"x": -NaN}', "it holds -NaN, which no JSON has, at byte 6"),
        (b'["a\0b"]', "it holds a NUL byte, which no JSON has, at byte 3"),
        (b"[1]\0\0", "it holds a NUL byte, which no JSON has, at byte 3"),
        (b"[1,]", "the JSON is broken at byte 3 (trailing comma in array), near ',]'"),
        (b'{"a": 1,}', "the JSON is broken at byte 8 (trailing comma in object), near ',}'"),
        (b"[1] [2]", "the JSON is broken at byte 4 (trailing characters), near '[2]'"),
        (b"{'a': 1}", "the JSON is broken at byte 1 (expected '\"'), near '{'a': 1}'"),
        (b"[1] // no", "the JSON is broken at byte 4 (trailing characters), near '// no'"),
        (b'["a\tb"]', "the JSON is broken at byte 3 (invalid character), near '\"a b\"]'"),
        (b"not found", "the JSON is broken at byte 1 (invalid character), near 'not found'"),
        (b'["caf\xe9"]', "it is not UTF-8: byte 5 is 0xe9"),
        (codecs.BOM_UTF8 + b'["\xff"]', "it is not UTF-8: byte 5 is 0xff"),
        (b'["\xc3', "it is not UTF-8: byte 2 is 0xc3"),
        (b'["\xed\xa0\x80"]', "it is not UTF-8: byte 2 is 0xed"),
        (b"Too many requests", "it is text, not JSON: it begins 'Too many requests'"),
        (S3_ERROR, 'it is XML, not JSON: it begins \'<?xml version="1.0" encoding="UTF-8"?> <Error><Code>'),
        ("[1]".encode("utf-16"), "it is text in UTF-16, not JSON"),
        (b"\xf0\x01\x02", "it is binary data, not JSON: it begins with the bytes f0 01 02"),
        (b"id,name\n1,a\n", "it is text, not JSON: it begins 'id,name 1,a'"),
    ],
)
def test_json_that_is_not_strict_is_found(body: bytes, problem: str) -> None:
    assert problem_of(body, "json").startswith(problem)


def test_the_position_of_a_wrong_byte_is_that_of_the_file() -> None:
    for at in (0, 5, (1 << 14) - 1, 1 << 14, 100_000):
        body = b'["' + "é".encode() * (at // 2) + b"a" * (at % 2) + b'\xff"]'
        assert problem_of(body, "json") == f"it is not UTF-8: byte {at + 2} is 0xff"


def test_a_secret_next_to_a_wrong_byte_is_not_shown() -> None:
    body = b'{"url": "https://user:hunter2' + b"x" * 90 + b'\x01@example.com/?token=hunter2"}'
    assert "hunter2" not in problem_of(body, "json")


@pytest.mark.parametrize("kept", [1, 17, 2_000_000, 3_208_527])
def test_cut_match_events_are_found(provider_data: Path, kept: int) -> None:
    assert problem_of(real_events(provider_data)[:kept], "json") == f"the JSON breaks off at byte {kept}"


class Node(msgspec.Struct):
    a: Node | None = None


@pytest.mark.parametrize("bracket", [b"[", b'{"a":', b'[{"a":'])
def test_a_depth_bomb_is_found(bracket: bytes) -> None:
    for shapes in ((), (list[Any], object), (Node,), (list["Unknown"],)):  # type: ignore[name-defined]  # noqa: F821
        assert problem_of(bracket * 1_000_000, "json", shapes) == "the JSON is nested too deeply to be read"


# ---- shapes --------------------------------------------------------------------------------------------

Team = msgspec.defstruct("Team", [("id", int)])
Event = msgspec.defstruct("Event", [("id", str), ("team", Team | None, None)])  # type: ignore[valid-type]
EVENTS = list[Event]  # type: ignore[valid-type]


def parsed(body: bytes, *shapes: Any) -> Mapping[Any, Any]:
    findings = check_bytes(body, "json", shapes)
    assert findings.problem == ""
    return findings.parsed


def test_each_shape_is_decoded() -> None:
    body = b'[{"id": "a", "team": {"id": 7, "name": "Ajax"}, "more": [1, {}]}]'
    found = parsed(body, EVENTS, object)
    assert found[EVENTS][0].team.id == 7
    assert found[object] == json.loads(body)


def test_a_shape_that_the_document_has_not_is_left_out() -> None:
    assert parsed(b'{"id": "a"}', EVENTS) == {}
    assert parsed(b'[{"id": 1}]', EVENTS, list[dict[str, int]]) == {list[dict[str, int]]: [{"id": 1}]}


def test_a_type_that_msgspec_does_not_support_is_left_out() -> None:
    unhashable = {"not": "a type"}
    assert parsed(b"[1]", int | list[int] | set[int], unhashable, "no type") == {}


@pytest.mark.parametrize("rest", [b", NaN]", b',{"a": 1,}]', b', {"id": "b"}', b', {"id": "\xff"}]', b"] x"])
@pytest.mark.parametrize("first", [b'[{"id": "a"}', b'[{"id": 1}'])
def test_a_document_is_strict_to_its_end_with_whatever_shape(first: bytes, rest: bytes) -> None:
    assert check_bytes(first + rest, "json", [EVENTS]).problem
    assert check_bytes(first + rest, "json", [EVENTS]) == check_bytes(first + rest, "json", [])


def test_half_a_surrogate_pair_does_not_keep_a_shape_from_being_decoded() -> None:
    found = parsed(b'[{"id": "a", "name": "\\ud83d"}, {"id": "\\ud83d\\ude00", "name": "\\\\ud83d"}]', EVENTS)
    assert [event.id for event in found[EVENTS]] == ["a", "\N{GRINNING FACE}"]


def test_a_shape_whose_own_code_refuses_a_value_is_left_out() -> None:
    class Strict(msgspec.Struct):
        id: int

        def __post_init__(self) -> None:
            raise ValueError("never")

    assert parsed(b'{"id": 1}', Strict) == {}


# ---- an error in place of the file ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ({"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}, "Not Found"),
        ({"error": "invalid_token", "error_description": "The token expired"}, "The token expired"),
        ({"error": {"code": 429, "message": "Slow down", "type": "rate"}}, "Slow down"),
        ({"errors": [{"detail": "No such match"}]}, "No such match"),
        ({"errors": ["first", "second"]}, "first"),
        ({"detail": "Authentication credentials were not provided."}, "Authentication credentials were not provided."),
        ({"Message": "An error has occurred."}, "An error has occurred."),
        (
            {"timestamp": "2024", "status": 500, "error": "Internal Server Error", "path": "/v1"},
            "Internal Server Error",
        ),
        ({"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "No", "traceId": "0"}, "No"),
        ({"success": False, "error": True, "code": 12}, '{"success": false, "error": true, "code": 12}'),
        ({"fault": {"faultstring": "Quota", "detail": {"errorcode": "x"}}}, '{"fault": {"faultstring": "Quota", '),
        ({"message": "see https://u:hunter2@example.com"}, "see https://***@example.com"),
        ({"message": "x\n" * 300}, "x x x x x"),
    ],
)
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_an_answer_that_only_says_an_error_is_found(answer: dict[str, Any], shown: str, form: str) -> None:
    problem = problem_of(json.dumps(answer).encode(), form)
    assert problem.startswith(f"the provider sent an error instead of the file: '{shown}")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"status": "ok"},
        {"error": None, "status": 200},
        {"errors": [], "success": True},
        {"message": None},
        {"code": "ESP", "title": "La Liga", "type": "league"},
        {"message": "Not Found", "match_id": 12},
        {"error": None, "data": []},
        {"errors": ["x" * 5000]},
        [{"message": "Not Found"}],
        "error",
    ],
)
def test_data_is_not_taken_for_an_error(document: object) -> None:
    assert problem_of(json.dumps(document).encode(), "json") == ""


def test_the_problem_names_an_html_page() -> None:
    assert problem_of(HTML_PAGE, "json").startswith("it is an HTML page, not JSON: it begins '<!DOCTYPE html>")


# ---- too large to be read whole ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'[{"a": 1}, NaN]', ""),
        (codecs.BOM_UTF8 + b' \n{"a": 1} \r\n', ""),
        (b" " * 300_000 + b"[1]" + b" " * 300_000, ""),
        (
            b'[{"a": 1}, ' + b'"\xc3\xa9", ' * 50_000,
            "the JSON breaks off at byte 300011: it begins with [ and ends with ,",
        ),
        (b'[{"a": 1}', "the JSON breaks off at byte 9: it begins with [ and ends with }"),
        (b"[1]\0aaaaaaaaa", "it holds a NUL byte, which no JSON has, at byte 3"),
        (b'["\xff aaaaaaaaa"]', "it is not UTF-8: byte 2 is 0xff"),
        (b"[1, 2, 3, 4]\xc3", "it is not UTF-8: byte 12 is 0xc3"),
        (b"Too many requests", "it is text, not JSON: it begins 'Too many requests'"),
        (b" " * 300, "it holds only white space, and no JSON"),
    ],
)
def test_of_a_huge_document_the_bytes_and_the_ends_are_checked(
    monkeypatch: pytest.MonkeyPatch, body: bytes, problem: str
) -> None:
    monkeypatch.setattr(json_document, "WHOLE_BYTES", 8)
    assert problem_of(body, "json") == problem
