from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.sources.files.glob import matches


@pytest.mark.parametrize(
    ("pattern", "name", "is_match"),
    [
        ("*/events.json", "12/events.json", True),
        ("*/events.json", "a/12/events.json", False),
        ("**/events.json", "a/12/events.json", True),
        ("**events.json", "events.json", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("old/**", "old/", True),
        ("*", "", True),
        ("a.b", "axb", False),
    ],
)
def test_wildcards(pattern: str, name: str, is_match: bool) -> None:
    assert matches(pattern, name) is is_match


def test_no_name_takes_long() -> None:
    assert not matches("*a" * 90 + "b", "a" * 2000)


@given(st.text("ab*?", max_size=8), st.text("abc", max_size=8))
def test_within_a_folder_the_result_is_that_of_fnmatch(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)
