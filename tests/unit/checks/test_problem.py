from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.checks.problem import excerpt


@given(st.binary(max_size=4000) | st.text(max_size=4000))
def test_an_excerpt_is_a_short_printable_line(content: bytes | str) -> None:
    shown = excerpt(content)
    assert shown.isprintable()
    assert len(shown) <= 82


def test_white_space_and_control_characters_become_spaces() -> None:
    assert excerpt(b"a\0b\r\n\tc \x1b[31m") == "'a b c [31m'"


def test_a_longer_text_is_cut() -> None:
    assert excerpt("x" * 81) == f"'{'x' * 79}…'"
    assert excerpt("x" * 80) == f"'{'x' * 80}'"


@pytest.mark.parametrize(
    "content",
    [
        b"see https://user:hunter2@example.com/a",
        b"https://user:" + b"hunter2" * 40 + b"@example.com/a",
        b"Authorization: Bearer hunter2hunter2",
        b'{"access_token": "hunter2", "x": 1}',
        b'{"a": 1, "password":"hunter2 \\" hunter2"}',
        b'{"api_key": "hunter2',
        b"https://example.com/?signature=hunter2",
    ],
)
def test_secrets_are_masked(content: bytes) -> None:
    assert "hunter2" not in excerpt(content)
    assert "***" in excerpt(content)
