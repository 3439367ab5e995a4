from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.domain.json_path import EACH, JsonPath
from ingestify.errors import ConfigurationError, SourceError

DOCUMENT = {
    "data": {"rounds": [{"matches": [{"id": 1}, {"id": 2}]}, {"matches": []}, {"matches": [{"id": 3}]}]},
    "home team": {"a.b": "x"},
    "@type": None,
    "by_id": {"101": {"home": "A"}, "102": {"home": "B", "id": 7}},
    "none": {},
    "360-frames": True,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c d"]), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        ("$", ()),
        ("a", ("a",)),
        ("$.a.b", ("a", "b")),
        ("$['a']", ("a",)),
        ("a[0][-1].b", ("a", 0, -1, "b")),
        ("[*].a[*]", (EACH, "a", EACH)),
        ("a['x.y']['it\"s']", ("a", "x.y", 'it"s')),
        ('a["o\'clock"]', ("a", "o'clock")),
        ("home team.name", ("home team", "name")),
        ("@type", ("@type",)),
        ("360-frames.0", ("360-frames", "0")),
        (" a.b ", ("a", "b")),
    ],
)
def test_a_path_is_read(text: str, steps: tuple[object, ...]) -> None:
    assert JsonPath.parse(text).steps == steps


@pytest.mark.parametrize(
    "text", ["a.", ".a", "a..b", "a[", "a[x]", "a[0", "a]", "a['b]", "$a", "a.[0]", "a[1e3]", "a\nb"]
)
def test_what_is_no_path_is_an_error_that_says_where(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read from character \d+ on; a path looks like"):
        JsonPath.parse(text)


def test_a_path_of_endless_length_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="more than 500 characters"):
        JsonPath.parse("a." * 300)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data.rounds[0].matches[1].id", 2),
        ("data.rounds[-1].matches[0].id", 3),
        ("['home team']['a.b']", "x"),
        ("@type", None),
        ("@type.deeper", None),
        ("data.rounds[9].matches", None),
        ("data[0]", None),
        ("360-frames", True),
    ],
)
def test_a_path_leads_to_one_value_or_to_nothing(text: str, found: object) -> None:
    assert JsonPath.parse(text).find(DOCUMENT) == found


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("data.rounds[*].matches[*].id", [1, 2, 3]),
        ("data.rounds[*].matches", [{"id": 1}, {"id": 2}, {"id": 3}]),
        ("data.rounds[0].matches", [{"id": 1}, {"id": 2}]),
        ("data.nothing[*]", []),
        ("by_id[*]", [{"id": "101", "home": "A"}, {"id": 7, "home": "B"}]),
        ("by_id[*].home", ["A", "B"]),
        ("none[*]", []),
        ("@type[*]", []),
    ],
)
def test_a_path_leads_to_several(text: str, ids: list[object]) -> None:
    assert list(JsonPath.parse(text).iter(DOCUMENT)) == ids


def test_each_of_what_is_no_list_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"'data\[\*\]' wants a list where there is an object"):
        list(JsonPath.parse("data[*]").iter(DOCUMENT))


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("data.rounds[*]", None),
        ("@type.deeper", None),
        ("data.round[*]", "there is no 'round' in an object with rounds"),
        ("360-frames.x", "there is no 'x' in true or false"),
    ],
)
def test_a_key_that_is_not_there_is_told_from_a_null(text: str, missing: str | None) -> None:
    assert JsonPath.parse(text).lacks(DOCUMENT) == missing


@given(st.text(alphabet="ab.[]*'\"0-$ \n", max_size=12), JSON)
def test_any_text_is_a_path_or_a_clear_error_and_no_path_fails_on_any_document(text: str, document: Any) -> None:
    try:
        path = JsonPath.parse(text)
    except ConfigurationError:
        return
    if path.is_single:
        path.find(document)
    try:
        list(path.iter(document))
    except SourceError as error:
        assert "[*]" in text, error  # noqa: PT017 - whether it raises depends on the document
    path.lacks(document)


@given(st.lists(st.sampled_from(["a", "b", "c d"]) | st.integers(-2, 2), max_size=4), JSON)
def test_a_path_finds_what_python_finds(steps: list[str | int], document: Any) -> None:
    text = "".join(f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in steps)
    value: Any = document
    for step in steps:
        try:
            value = value[step] if isinstance(value, dict if isinstance(step, str) else list) else None
        except (KeyError, IndexError):
            value = None
    assert JsonPath.parse(text).find(document) == value


@pytest.mark.parametrize(
    "value", [{"1": {"id": 1}, "total": 1}, {"error": {"code": 5}}, {"Error-Message": {"code": 5}}, "x", 5, True]
)
def test_what_is_neither_a_list_nor_an_object_by_ids_is_an_error(value: object) -> None:
    with pytest.raises(SourceError, match=r"'matches\[\*\]' wants a list where there is .*, or an object by ids"):
        list(JsonPath.parse("matches[*]").iter({"matches": value}))
