from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.template import Scope, Template

SCOPE = Scope(
    entry={
        "id": 7,
        "home": {"name": "Örnsköld & Söner"},
        "season_id": "of the entry",
        "gone": None,
        "list": [1],
        "on": True,
    },
    selector={"season_id": 90, "match_id": "of the filter"},
    identity={"match_id": 12},
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/events/{match_id}.json", "/events/12.json"),
        ("{season_id}/{entry.season_id}/{selector.season_id}", "90/of the entry/90"),
        ("{home.name}: {{{id}}}", "Örnsköld & Söner: {7}"),
        ("{list[0]}{on}", "1true"),
        ("no placeholder", "no placeholder"),
    ],
)
def test_a_placeholder_is_a_value_of_the_identity_then_the_selector_then_the_entry(text: str, found: str) -> None:
    assert Template.parse(text).find_text(SCOPE) == Template.parse(text).get_text(SCOPE) == found


@pytest.mark.parametrize("text", ["{gone}", "{nothing.at.all}", "a {home.age}"])
def test_a_missing_value_is_no_text_or_an_error_that_names_it(text: str) -> None:
    assert Template.parse(text).find_text(SCOPE) is None
    with pytest.raises(SourceError, match="neither the selector nor the entry has it"):
        Template.parse(text).get_text(SCOPE)


@pytest.mark.parametrize("text", ["{home}", "{list}"])
def test_a_list_or_object_is_an_error(text: str) -> None:
    with pytest.raises(SourceError, match="wants a single value"):
        Template.parse(text).find_text(SCOPE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "has a single {"),
        ("a}", "has a single }"),
        ("{}", "without a name"),
        ("{a{b}}", "has a single {"),
        ("{a[*]}", r"has \[\*\] in a placeholder"),
        ("{a..b}", "cannot be read"),
    ],
)
def test_a_wrong_template_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Template.parse(text)


@pytest.mark.parametrize("value", ["", ".", "..", "half \ud800"])
def test_a_value_that_would_mean_another_folder_is_no_part_of_a_url(value: str) -> None:
    with pytest.raises(SourceError, match="cannot be a part of a URL"):
        Template.parse("/events/{id}").get_url_part(Scope({"id": value}, {}))


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_no_value_leaves_its_place_in_a_url(value: str) -> None:
    template = Template.parse("https://api.example.com/v2/events/{id}.json?part={id}&x=1")
    try:
        url = template.get_url_part(Scope({"id": value}, {}))
    except SourceError:
        assert any("\ud800" <= character <= "\udfff" for character in value)
        return
    parts = urllib.parse.urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.com", "")
    folder, _, name = parts.path.rpartition("/")
    assert (folder, urllib.parse.unquote(name)) == ("/v2/events", f"{value}.json")
    assert urllib.parse.parse_qsl(parts.query, keep_blank_values=True) == [("part", value), ("x", "1")]
