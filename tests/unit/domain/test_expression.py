from __future__ import annotations

import ast
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.domain.expression import MAX_LENGTH, Expression
from ingestify.errors import ConfigurationError

LA_LIGA = {"competition_id": 11, "season_id": 90, "competition_name": "La Liga", "season_name": "2020/2021"}


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Expression.parse(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("competition_id == 11 and season_id > 42", True),
        ("competition_id == 11 and season_id > 90", False),
        ("competition_id == 9 or season_id == 90", True),
        ("not competition_id == 11", False),
        ("not (competition_id == 9 or season_id == 1)", True),
        ("42 < season_id <= 90", True),
        ("42 < season_id < 90", False),
        ("season_id in [42, 90]", True),
        ("season_id in (42, 90)", True),
        ("season_id not in {42, 90}", False),
        ("season_id in []", False),
        ("'Liga' in competition_name", True),
        ("'Cup' not in competition_name", True),
        ("season_id > -1", True),
        ("season_id >= 89.5", True),
        ("competition_name != None", True),
        ("True", True),
        ("season_name >= '2019/2020'", True),
    ],
)
def test_an_expression_decides_over_the_attributes_of_a_selector(text: str, holds: bool) -> None:
    assert Expression.parse(text).matches(LA_LIGA) is holds


NAMED = {"competition_id": 2, "season_id": "281", "season_name": "2023/2024", "_name": "Premier League 2023/2024"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("_name.startswith('Premier')", True),
        ("_name.startswith(('Serie', 'Premier'))", True),
        ("_name.lower().endswith('/2024') and not _name.endswith('2023')", True),
        ("'premier' in _name.lower()", True),
        ("int(season_name[:4]) >= 2023", True),
        ("int(season_name[-4:]) - int(season_name[:4]) == 1", True),
        ("season_name[4] == '/'", True),
        ("season_name[::5] == '22'", True),
        ("season_id % 2 == 1", True),  # text of a whole number is one, as in comparisons
        ("season_id + 1 == 282 and 2 * season_id == 562 and season_id - 0.5 < 281", True),
        ("str(competition_id) + '-' + season_id == '2-281'", True),
        ("str(competition_id).startswith('2')", True),
        ("season_name[:4] + season_name[5:] == '20232024'", True),
        ("int('007') == 7 and int(2.9) == 2", True),
        ("season_id == 1 and int(_name) > 2", False),
    ],
)
def test_an_expression_computes_with_attributes_and_the_name(text: str, holds: bool) -> None:
    expression = Expression.parse(text)
    assert expression.names <= NAMED.keys()
    assert expression.matches(NAMED) is holds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("int(_name) == 1", r"int\(_name\) == 1`, 'Premier League 2023/2024' \(text\) is no whole number"),
        ("competition_id.startswith('2')", r"2 \(int\) has no beginning, as it is no text; str\(\) makes"),
        ("competition_id[:1] == '2'", r"2 \(int\) has no pieces"),
        ("_name[99] == 'x'", r"has no character 99"),
        ("_name + 1 == 2", r"are not two numbers, for \+"),
        ("'a' * 3 == 'aaa'", r"'a' \(text\) and 3 \(int\) are not two numbers"),
        ("'%09999999d' % competition_id == ''", "are not two numbers, for %"),
        ("competition_id % 0 == 1", "divides by 0"),
        ("_name.startswith(competition_id)", "is no piece of a text"),
        ("competition_id + 1e308 * 10 == 1", "too large"),
    ],
)
def test_what_has_no_result_is_told_with_the_values(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Expression.parse(text).matches(NAMED)


@pytest.mark.parametrize(
    "text",
    [
        "9" * 900 + "".join(" * " + "9" * 900 for _ in range(1)) + " == 1",
        " + ".join(["a"] * 40) + " == 'x'",
        "int(a) == 1",
        "(" * 5 + "a" + " * a)" * 5 + " > 1",
        "int(b) * int(b) == 1",
    ],
)
def test_no_expression_takes_much_time_or_memory(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"too large|is the most|no whole number|not two numbers"):
        Expression.parse(text).matches({"a": "x" * 90_000, "b": "9" * 1000})


def test_numbers_that_a_provider_writes_as_text_are_the_same_numbers() -> None:
    expression = Expression.parse("competition_id == 11 and season_id > 42 and season_id in ['90', 91]")

    assert expression.matches({"competition_id": "11", "season_id": "90"})


def test_a_bare_name_is_a_condition_if_its_value_is_true_or_false() -> None:
    assert Expression.parse("is_open and not is_womens").matches({"is_open": True, "is_womens": None})


def test_a_bare_name_with_another_value_is_refused_because_text_would_always_be_true() -> None:
    with pytest.raises(ConfigurationError, match=r"'competition_name' as a condition.*'La Liga' \(text\)"):
        Expression.parse("competition_name").matches(LA_LIGA)


def test_the_names_that_it_asks_for_are_known_without_evaluating_it() -> None:
    assert Expression.parse("a == 1 or (b > 2 and c in ['d'])").names == {"a", "b", "c"}


def test_expressions_with_the_same_text_are_equal_and_can_be_in_a_set() -> None:
    assert len({Expression.parse("a == 1"), Expression.parse(" a == 1\n")}) == 1


def test_line_breaks_of_a_block_text_are_blanks() -> None:
    expression = Expression.parse("competition_id == 11\n  and season_id == 90\n")

    assert expression.matches(LA_LIGA)
    assert str(expression) == "competition_id == 11   and season_id == 90"


def test_an_unknown_name_is_told_with_the_names_there_are() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Expression.parse("competiton_id == 11").matches({"competition_id": 11, "season_id": 90})

    assert "names 'competiton_id'" in str(caught.value)
    assert "did you mean 'competition_id'?" in str(caught.value)
    assert "There are competition_id, season_id." in str(caught.value)


def test_an_unknown_name_is_told_even_where_the_answer_would_not_depend_on_it() -> None:
    with pytest.raises(ConfigurationError, match="'seson'"):
        Expression.parse("competition_id == 9 and seson == 1").matches({"competition_id": 11})


def test_text_against_a_number_has_no_order_and_the_error_names_both() -> None:
    with pytest.raises(ConfigurationError, match=r"season_name > 42.*'2020/2021' \(text\) and 42 \(int\)"):
        Expression.parse("season_name > 42").matches(LA_LIGA)


@pytest.mark.parametrize(
    ("text", "problem", "caret"),
    [
        ("competition_id = 11", "a comparison is written with ==", 15),
        ("a == 1 and", "something is missing at the end", 10),
        ("a == 1 && b == 2", "write and instead of &&", 7),
        ("a == 1 AND b == 2", "write and instead of AND", 7),
        ("a == 11 or 12", "12 is no condition", 11),
        ("a is 1", "`is` cannot be used here; write ==", 5),
        ("a == true", "write True with a capital letter", 5),
        ("a in 11", "in needs a list; write [11]", 5),
        ("a == [1]", "a list can stand only to the right of in", 5),
        ("a in [b]", "a name in a list cannot stand here", 6),
        ("a.b == 1", "a dot cannot stand here", 0),
        ("a['b'] == 1", "in square brackets stand whole numbers, as in name[:4]", 2),
        ("a[b:] == 1", "in square brackets stand whole numbers", 2),
        ("a[::0] == 1", "the step of a piece cannot be 0", 2),
        ("f(1)", "f cannot be called; there are int(), str(), .startswith(), .endswith(), .lower()", 0),
        ("__import__('os').system('ls')", "cannot be called; there are int()", 0),
        ("a.__class__.lower() == 'x'", "a dot cannot stand here", 0),
        ("(lambda: 1)() == 1", "cannot be called", 0),
        ("a.upper() == 'A'", "a.upper cannot be called; there are", 0),
        ("a.startswith('x', 1)", ".startswith() takes one value in its parentheses", 0),
        ("a.lower('x') == 'x'", ".lower() takes no value", 0),
        ("int(a, base=2) == 1", "int() takes one value", 0),
        ("int(*a) == 1", "* cannot stand here", 4),
        ("a.lower()", "a.lower() is no condition", 0),
        ("a + 1", "a + 1 is no condition", 0),
        ("'a' * 10 ** 9 == b", "of the operators there are + - * %", 6),
        ("a / 2 == 1", "of the operators there are + - * %", 0),
        ("[x for x in y]", "a comprehension cannot stand here", 0),
        ("f'{a}' == 1", "an f-string cannot stand here", 0),
        ("a == -b", "a minus can stand only before a number", 5),
        ("a == b'x'", "a value of the type bytes cannot be used", 5),
        ("a == 1j", "a value of the type complex", 5),
        ("a == ...", "a value of the type ellipsis", 5),
        ("a == 1e999", "the number is too large", 5),
        ("é == 'é' and b.c", "a dot cannot stand here", 13),
        ("a == 1  # and so on", "comments cannot stand in an expression", 8),
    ],
)
def test_a_refusal_says_what_and_points_at_where(text: str, problem: str, caret: int) -> None:
    message = refusal(text)

    assert f"Selector expression, column {caret + 1}: " in message
    assert problem in message
    assert message.splitlines()[1:3] == [f"    {text}", f"    {' ' * caret}^"]


def test_a_refusal_lists_what_is_allowed() -> None:
    assert "Allowed: attribute names, _name, numbers, 'text'" in refusal("a | b")


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_expression_is_refused(text: str) -> None:
    assert "it is empty" in refusal(text)


def test_a_comment_in_a_folded_text_does_not_swallow_the_conditions_after_it() -> None:
    assert "comments" in refusal("competition_id == 11  # La Liga\nand season_id == 90")


@pytest.mark.parametrize(
    "text",
    [
        "a == 1 or " * 300 + "a == 1",
        "not " * 400 + "a",
        "(" * 1_000,
        "-" * 1_999 + "1",
        "a == " + "9" * (MAX_LENGTH + 1),
        "\x00",
        "\ud800",
    ],
)
def test_what_is_too_long_too_deep_or_no_text_is_refused(text: str) -> None:
    refusal(text)


def test_a_long_expression_is_shown_around_the_place() -> None:
    message = refusal("a == 1 and " * 20 + "b.c")

    shown, caret = message.splitlines()[1:3]
    assert shown[caret.index("^") :] == "b.c"
    assert len(shown) < 130


def test_pythons_own_warnings_about_odd_text_do_not_show() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Expression.parse(r"a == '\d'").matches({"a": r"\d"})


def _fragments() -> st.SearchStrategy[str]:
    words = ["a", "b", "1", "'x'", "and", "or", "not", "in", "==", "<", "(", ")", "[", "]", ",", "-", ".", "if", "#"]
    words += ["+", "*", "%", ":", "int", "str", ".lower()", ".startswith('x')", "a[:1]"]
    return st.lists(st.sampled_from(words), max_size=25).map(" ".join)


@given(st.one_of(st.text(max_size=80), _fragments()))
def test_any_text_is_an_expression_or_a_configuration_error(text: str) -> None:
    try:
        expression = Expression.parse(text)
    except ConfigurationError:
        return
    try:
        expression.matches(dict.fromkeys(expression.names, 1))
    except ConfigurationError:
        return
    ast.parse(expression.text.strip(), mode="eval")  # it was Python


_INTEGER = st.integers(-20, 20)
_OPERAND = st.one_of(st.sampled_from(["a", "b", "c"]), _INTEGER.map(str))
_LIST = st.lists(_INTEGER, max_size=4).map(str)


@st.composite
def _comparisons(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        return f"{draw(_OPERAND)} {draw(st.sampled_from(['in', 'not in']))} {draw(_LIST)}"
    operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    rest = "".join(f" {draw(operators)} {draw(_OPERAND)}" for _ in range(draw(st.integers(1, 3))))
    return f"{draw(_OPERAND)}{rest}"


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
    )


@given(st.recursive(_comparisons(), _combined, max_leaves=8), st.fixed_dictionaries(dict.fromkeys("abc", _INTEGER)))
def test_over_whole_numbers_it_agrees_with_python(text: str, attributes: dict[str, Any]) -> None:
    assert Expression.parse(text).matches(attributes) is eval(text, {"__builtins__": {}}, attributes)


_TERM = st.recursive(
    _OPERAND,
    lambda inner: st.tuples(inner, st.sampled_from("+-*%"), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=12,
)


@given(_TERM, _TERM, st.fixed_dictionaries(dict.fromkeys("abc", _INTEGER)))
def test_it_calculates_as_python_does(left: str, right: str, attributes: dict[str, Any]) -> None:
    text = f"{left} <= {right}"
    try:
        expected = eval(text, {"__builtins__": {}}, attributes)
    except ZeroDivisionError:
        with pytest.raises(ConfigurationError, match="divides by 0"):
            Expression.parse(text).matches(attributes)
    else:
        assert Expression.parse(text).matches(attributes) is expected


@given(st.recursive(_comparisons(), _combined, max_leaves=8), st.fixed_dictionaries(dict.fromkeys("abc", _INTEGER)))
def test_whether_numbers_are_written_as_text_makes_no_difference(text: str, attributes: dict[str, int]) -> None:
    expression = Expression.parse(text)

    as_text = {name: str(value) for name, value in attributes.items()}
    assert expression.matches(as_text) is expression.matches(attributes)
