from __future__ import annotations

import ast
import contextlib
import datetime as dt
import itertools

import pytest

from ingestify.domain.comparison import Incomparable, compare, described, sign_of


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (11, "11"),
        (11.0, 11),
        (-3, "-3"),
        (True, "true"),
        (dt.date(2024, 5, 1), "2024-05-01"),
        (None, None),
    ],
)
def test_values_that_would_make_the_same_identifier_are_equal(left: object, right: object) -> None:
    assert compare(ast.Eq(), left, right)
    assert not compare(ast.NotEq(), left, right)
    assert compare(ast.In(), left, [right])


@pytest.mark.parametrize(("left", "right"), [("011", 11), (1, True), (None, "None"), (0, None), ("a", "A")])
def test_values_that_would_make_different_identifiers_are_not(left: object, right: object) -> None:
    assert not compare(ast.Eq(), left, right)
    assert compare(ast.NotIn(), left, [right])


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [(9, "10"), ("9", "10"), (-1, "0"), (1.5, 2), ("2023-12-31", dt.date(2024, 1, 1)), ("2019/2020", "2020/2021")],
)
def test_numbers_and_their_texts_are_ordered_as_numbers_and_other_text_as_text(smaller: object, larger: object) -> None:
    assert compare(ast.Lt(), smaller, larger)
    assert compare(ast.LtE(), smaller, larger)
    assert compare(ast.Gt(), larger, smaller)
    assert compare(ast.GtE(), larger, smaller)


def test_large_whole_numbers_are_compared_exactly() -> None:
    assert compare(ast.Lt(), 2**53, str(2**53 + 1))


@pytest.mark.parametrize(("left", "right"), [("x", 1), (None, 1), (True, 1), (float("nan"), 1), ([1], 1), ("01", 1)])
def test_values_without_an_order_are_refused(left: object, right: object) -> None:
    with pytest.raises(Incomparable, match="have no order"):
        compare(ast.Lt(), left, right)


def test_a_number_is_no_piece_of_text_and_a_number_holds_nothing() -> None:
    with pytest.raises(Incomparable, match="cannot be a piece of"):
        compare(ast.In(), 9, "90")
    with pytest.raises(Incomparable, match="is not a list"):
        compare(ast.In(), 9, 90)


def test_a_list_is_equal_to_nothing_and_says_so() -> None:
    with pytest.raises(Incomparable, match="not a single value"):
        compare(ast.Eq(), [1], 1)


def test_long_values_are_cut_in_messages() -> None:
    assert len(described("x" * 500)) < 80


def test_every_operator_has_its_sign() -> None:
    operators = [ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn]

    assert [sign_of(operator()) for operator in operators] == ["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


@pytest.mark.parametrize("operator", [ast.Eq(), ast.NotEq(), ast.Lt(), ast.GtE()])
def test_numbers_of_any_size_compare_or_are_told(operator: ast.cmpop) -> None:
    numbers = [10**1990, -(10**5000), "9" * 100_000]
    for left, right in itertools.permutations([*numbers, 1, -1.5, 1e308, "9" * 1000, "x", None, True], 2):
        with contextlib.suppress(Incomparable):
            assert compare(operator, left, right) in (True, False)


def test_large_numbers_compare_exactly() -> None:
    assert compare(ast.Gt(), 10**1990, 1e308)
    assert compare(ast.Lt(), 10**1990, 10**1990 + 1)
    assert compare(ast.Gt(), "9" * 1000, 1.5)
    with pytest.raises(Incomparable, match=r"a number of thousands of digits \(int\) is too large"):
        compare(ast.Eq(), 10**5000, 1)
