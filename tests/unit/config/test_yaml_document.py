from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestify.config.yaml_document import Document, path_text, read_document
from ingestify.errors import ConfigurationError


def read(text: str, **environment: str) -> Document:
    return read_document(text, "config.yaml", environment)


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    return str(caught.value)


def test_values_have_the_types_that_yaml_gives_them() -> None:
    document = read("{a: 1, b: 1.5, c: true, d: no, e: ~, f: text, g: 2024-05-01, h: [1, x], i: '1', j: -3, k: =}")

    assert document.content == {
        "a": 1,
        "b": 1.5,
        "c": True,
        "d": False,
        "e": None,
        "f": "text",
        "g": dt.date(2024, 5, 1),
        "h": [1, "x"],
        "i": "1",
        "j": -3,
        "k": "=",
    }
    assert document.problems == ()


@pytest.mark.parametrize("text", ["2023_2024", "12:30", "007", "0x1F", "1e5", "5e+3", "0o17", "2020/2021"])
def test_what_only_looks_like_a_number_stays_text(text: str) -> None:
    assert read(f"season: {text}").content == {"season": text}


@pytest.mark.parametrize("text", ["NO", "ON"])
def test_a_country_is_no_truth_value(text: str) -> None:
    assert read(f"selectors: [{{country: {text}}}]").content == {"selectors": [{"country": text}]}


@pytest.mark.parametrize(("text", "value"), [("no", False), ("No", False), ("on", True), ("off", False), ("YES", True)])
def test_words_for_truth_values_are_those_of_yaml(text: str, value: bool) -> None:
    assert read(f"a: {text}").content == {"a": value}


def test_keys_are_text_as_they_are_written() -> None:
    assert read("{360: v2, on: x, 007: y}").content == {"360": "v2", "on": "x", "007": "y"}


def test_below_configuration_a_key_that_is_a_number_stays_one() -> None:
    assert read("configuration: {ids: {1: a}}").content == {"configuration": {"ids": {1: "a"}}}


def test_anchors_and_merge_keys_work_and_the_own_value_counts() -> None:
    document = read("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd: *a\n")

    assert document.content == {
        "a": {"x": 1, "y": 1},
        "b": {"y": 2, "z": 2},
        "c": {"x": 1, "y": 1, "z": 3},
        "d": {"x": 1, "y": 1},
    }
    assert document.problems == ()


def test_env_values_are_filled_in_and_stay_text() -> None:
    document = read('{a: !ENV "${A}", b: !ENV "${B:5}", c: !ENV "x-${A}-${B:}-${C:a:b}", d: !ENV "${A:other}"}', A="1")

    assert document.content == {"a": "1", "b": "5", "c": "x-1--a:b", "d": "1"}


def test_a_variable_that_is_set_to_nothing_is_set() -> None:
    assert read('a: !ENV "${A:default}"', A="").content == {"a": ""}


def test_the_text_of_a_variable_is_not_looked_into_again() -> None:
    assert read('a: !ENV "${A}"', A="${B}").content == {"a": "${B}"}


def test_a_missing_variable_is_named_with_the_path_of_its_key() -> None:
    [problem] = read('sources:\n  - {}\n  - key: !ENV "${API_KEY}:${OTHER}"\n').problems

    assert path_text(problem.path) == "sources[1].key"
    assert problem.line == 3
    assert "variables 'API_KEY', 'OTHER' are not set" in problem.message
    assert "${API_KEY:default}" in problem.message


@pytest.mark.parametrize("text", ["API_KEY", "${}", "${1A}", "${A", "${A} ${", "${A B}"])
def test_env_without_a_proper_name_is_a_problem(text: str) -> None:
    [problem] = read(f'a: !ENV "{text}"', A="1").problems

    assert "!ENV needs ${NAME} or ${NAME:default}" in problem.message


def test_env_before_a_list_is_a_problem() -> None:
    [problem] = read("a: !ENV [b]").problems

    assert "a single text" in problem.message


def test_a_key_that_is_there_twice_is_a_problem_with_both_lines() -> None:
    document = read("a:\n  b: 1\n  c: 2\n  b: 3\n")

    [problem] = document.problems
    assert path_text(problem.path) == "a.b"
    assert problem.line == 4
    assert "first on line 2" in problem.message
    assert document.content == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !secret x", "unknown tag; there is !ENV"),
        ("a: !!python/object:os.system x", "unknown tag"),
        ("a: !!set {x, y}", "unknown tag"),
        ("a: 2024-13-45", "looks like a date, and is none"),
        ('a: !!int ""', "looks like a whole number, and is none"),
        ("a: !!bool x", "looks like a truth value, and is none"),
        ("a: !!timestamp x", "looks like a date, and is none"),
        ("a: !!binary é", "looks like a binary, and is none"),
        ("? [a]\n: b", "a key must be a single value"),
        ("<<: 1", "<< must be followed by a mapping"),
    ],
)
def test_a_value_that_cannot_be_read_is_a_problem_of_that_value(text: str, message: str) -> None:
    [problem] = read(text).problems

    assert message in problem.message
    assert problem.line == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1, 2\nc: 3", "config.yaml:3:2: this is not valid YAML: expected ',' or ']'"),
        ("a: b\n c: d: e", "config.yaml:2:3: this is not valid YAML: mapping values are not allowed here. Is a line"),
        ("a:\n\tb: 1", "config.yaml:2:1: this is not valid YAML: found character '\\t'"),
        ("a:\n\tb: 1", "Indent with blanks instead of tabs."),
        ("a: %x", "begins with * & ! % @ or ` needs quotes"),
        ("a: 1\n---\nb: 2", "remove the line ---"),
        ("a: \x01", "config.yaml:1: there is a control character"),
        ("[" * 5_000, "more than 50 levels (line 1)"),
        ("&a [*a]", "more than 50 levels"),
        ("a: &a {<<: *a}", "more than 50 levels"),
    ],
)
def test_what_is_no_yaml_is_refused_with_the_place(text: str, message: str) -> None:
    assert message in refusal(text)


def test_aliases_that_expand_to_billions_of_values_are_refused() -> None:
    text = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))

    assert "more than 100,000 values" in refusal(text)


@pytest.mark.parametrize("text", ["key: *hunter2", "key: &hunter2 &hunter2 x", "key: !hunter2!x y", 'key: "hunter2'])
def test_a_secret_that_breaks_the_file_is_not_shown(text: str) -> None:
    assert "hunter2" not in refusal(text)


def test_the_line_of_a_value_is_its_keys_or_that_of_what_is_around_it() -> None:
    document = read("a:\n  - x\n  - y: 1\n    z: 2\n")

    assert [document.line_of(path) for path in [("a",), ("a", 0), ("a", 1, "z"), ("a", 1, "q"), ("b",)]] == [
        1, 2, 4, 3, None,
    ]  # fmt: skip


@given(st.text())
@example("a: &a {<<: [*a, *a]}")
@example("!!int 1_")
@example("!!float .")
@example("? ? a")
def test_any_text_is_a_document_or_a_configuration_error(text: str) -> None:
    message = ""
    try:
        read(text)
    except ConfigurationError as error:
        message = str(error)
    assert not message or message.startswith("config.yaml")
