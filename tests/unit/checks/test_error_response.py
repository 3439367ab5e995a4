from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.checks.error_response import find_error, find_error_in_index


@given(st.binary(max_size=50) | st.binary(max_size=50).map(lambda rest: b'{"error": ' + rest))
def test_nothing_raises(body: bytes) -> None:
    find_error(body)


def test_a_deep_error_does_not_raise() -> None:
    # Before Python 3.13 the standard library's parser gives up.
    assert find_error(b'{"error": ' + b"[" * 1500 + b"]" * 1500 + b"}") in ("", '\'{"error": ' + "[" * 69 + "…'")
    assert find_error(b'{"error": [{"detail": [["deep"]]}]}') == "'deep'"


def test_the_message_for_people_is_preferred() -> None:
    assert find_error(b'{"error": "E12", "code": "x", "message": "No such match"}') == "'No such match'"


API_FOOTBALL = {
    "get": "fixtures",
    "parameters": {},
    "errors": {"requests": "You have reached the request limit for the day."},
    "results": 0,
    "paging": {"current": 1, "total": 1},
    "response": [],
}


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (API_FOOTBALL, "You have reached the request limit for the day."),
        ({**API_FOOTBALL, "parameters": {"league": "39", "season": "2024"}}, "You have reached the request limit"),
        ({**API_FOOTBALL, "errors": ["Too many requests"], "response": None}, "Too many requests"),
        ({"data": None, "errors": [{"message": "No such match", "path": ["match"]}]}, "No such match"),
        ({"data": {"match": None, "events": []}, "errors": [{"message": "No such match"}]}, "No such match"),
        ({"api": {"results": 0, "error": "Missing application key"}}, "Missing application key"),
        ({"response": {"message": "Forbidden", "status": 403}}, "Forbidden"),
        ({"jsonrpc": "2.0", "id": 7, "error": {"code": -32000, "message": "Quota"}}, "Quota"),
        ({"success": False, "message": "Slow down", "data": []}, "Slow down"),
        ({"status": "error", "message": "Slow down", "count": 0, "matches": []}, "Slow down"),
        ({"statusCode": 429, "message": "Slow down", "result": None}, "Slow down"),
        ({"success": False}, '{"success": false}'),
        ({"success": False, "data": None}, '{"success": false, "data": null}'),
        ({"ok": False, "result": [], "count": 0}, '{"ok": false, "result": [], "count": 0}'),
        ({"Success": "false", "Reason": "quota"}, '{"Success": "false", "Reason": "quota"}'),
        ({"meta": {"error": "quota"}, "data": []}, '{"meta": {"error": "quota"}, "data": []}'),
        ({"status": {"code": 401, "message": "No such key"}, "data": []}, '{"status": {"code": 401'),
        ({"status": {"error_code": 1001, "error_message": "No such key"}}, '{"status": {"error_code"'),
        ({"error_msg": "No such key"}, "No such key"),
        ({"exception": "KeyError", "data": None}, "KeyError"),
        ({"title": "Unauthorized", "status": 401, "type": "about:blank"}, "Unauthorized"),
        ({"statusMessage": "Unauthorized", "statusCode": 401}, "Unauthorized"),
        ([{"message": "Session expired", "errorCode": "INVALID_SESSION"}], "Session expired"),
        ([{"errors": [{"message": "No such field"}]}], "No such field"),
        ({"error": True, "reason": "quota", "competition": "PL", "matches": []}, '{"error": true, "reason": "quota"'),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_error_in_a_larger_envelope_is_found(answer: Any, shown: str, encoding: str) -> None:
    found = find_error(json.dumps(answer).encode(encoding))
    assert found.startswith(f"'{shown}") or (encoding != "utf-8" and found)


def test_an_error_in_place_of_a_listing_may_be_long() -> None:
    answer = json.dumps({**API_FOOTBALL, "errors": {"trace": "x" * 100_000}}).encode()
    assert (find_error(answer), find_error_in_index(answer)[:4]) == ("", "'xxx")


@pytest.mark.parametrize(
    "document",
    [
        {**API_FOOTBALL, "errors": []},
        {**API_FOOTBALL, "errors": {}},
        {**API_FOOTBALL, "errors": {"requests": ""}},
        {**API_FOOTBALL, "response": [{"id": 1}]},
        {"errors": [{"message": "one player is unknown"}], "data": {"events": [{"id": 1}]}},
        {"error": {"code": 0, "message": "OK"}, "result": []},
        {"error": 0, "data": []},
        {"error": "none", "events": []},
        {"player_id": 12, "errors": 2, "cards": []},
        {"match_id": 12, "home": "Ajax", "error": "the clock stood still"},
        {"match_id": 12, "referee": None, "error": "no referee"},
        {"status": "failed", "events": []},
        {"success": True, "message": "3 matches", "matches": []},
        {"code": 404, "matches": []},
        {"api": {"results": 1, "fixtures": [{"id": 1}], "error": "old version"}},
        {"data": {}},
        {"data": {"id": 5}},
        {"success": False, "match_id": 12},
        {"success": False, "shots": [{"id": 1}]},
        {"meta": {"status": "error", "message": "one is unknown"}, "data": [{"id": 1}]},
        {"status": {"code": 404, "name": "abandoned"}, "home": "Ajax"},
        {"status": {"code": 401, "message": "finished"}, "events": [{"id": 1}]},
        [{"message": "Not found"}],
        [{"type": "Pass", "status": "failed", "message": "x"}],
        [{"error": "x"}, {"match_id": 12}],
        [{"error": None, "message": "x"}],
        [],
    ],
)
def test_an_envelope_with_data_or_without_an_error_is_data(document: Any) -> None:
    assert find_error(json.dumps(document).encode()) == ""
