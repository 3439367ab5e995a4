from __future__ import annotations

import datetime as dt

import pytest

from ingestify.domain.text_table import text_table


def test_columns_are_as_wide_as_what_stands_in_them():
    shown = text_table("2 matches", ("id", "name"), [(1, "Ajax"), (1234, None)], 2)
    assert shown.splitlines() == ["2 matches", "id    name", "1     Ajax", "1234"]


def test_of_many_rows_the_first_are_shown_and_the_number_of_the_others():
    lines = text_table("x", ("n",), ((number,) for number in range(1000)), 1000).splitlines()
    assert (len(lines), lines[-1]) == (53, "… and 950 more")


def test_a_cell_is_one_line_without_secrets_that_no_terminal_obeys():
    cells = [("a\nb\x1b[2J",), ("https://x.example/?token=s3cr3t",), ("y" * 500,), (dt.datetime(2024, 5, 1, 18, 30),)]
    first, second, third, fourth = text_table("x", ("n",), cells, 4).splitlines()[2:]
    assert first == "a\ufffdb\ufffd[2J"
    assert "s3cr3t" not in second
    assert len(third) < 100
    assert fourth == "2024-05-01 18:30"


def test_of_nothing_there_is_the_caption():
    assert text_table("0 datasets", ("n",), [], 0) == "0 datasets"


@pytest.mark.parametrize("count", [0, 1])
def test_a_caption_is_one_line_that_a_terminal_does_not_obey(count):
    shown = text_table("A - B\x1b[8m\nFAKE\u202e: 中文", ["a"], [["x"]], count)
    assert shown.splitlines()[0] == "A - B\ufffd[8m\ufffdFAKE\ufffd: 中文"
