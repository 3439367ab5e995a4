from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingestify.checks.error_answer import find_error


@given(st.binary(max_size=50) | st.binary(max_size=50).map(lambda rest: b'{"error": ' + rest))
def test_nothing_raises(body: bytes) -> None:
    find_error(body)


def test_a_deep_error_does_not_raise() -> None:
    # Before Python 3.13 the standard library's parser gives up.
    assert find_error(b'{"error": ' + b"[" * 1500 + b"]" * 1500 + b"}") in ("", '\'{"error": ' + "[" * 69 + "…'")
    assert find_error(b'{"error": [{"detail": [["deep"]]}]}') == "'deep'"


def test_the_message_for_people_is_preferred() -> None:
    assert find_error(b'{"error": "E12", "code": "x", "message": "No such match"}') == "'No such match'"
