from __future__ import annotations

import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ingestify.errors import ConfigurationError
from ingestify.sources.files.pattern import PathPattern

USUAL = "{competition_id}/{season_id}/{match_id}_{data_feed_key}.{data_serialization_format}"


def match(pattern: str, path: str, **options: object) -> dict[str, str] | None:
    return PathPattern.parse(pattern, **options).match(path)  # type: ignore[arg-type]


def test_the_usual_pattern() -> None:
    assert match(USUAL, "11/90/3788741_events.json") == {
        "competition_id": "11",
        "season_id": "90",
        "match_id": "3788741",
        "data_feed_key": "events",
        "data_serialization_format": "json",
    }
    assert PathPattern.parse(USUAL).fields == (
        "competition_id",
        "season_id",
        "match_id",
        "data_feed_key",
        "data_serialization_format",
    )


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("{a}_{b}.{c}", "1_phases_of_play.csv.gz", {"a": "1", "b": "phases_of_play", "c": "csv.gz"}),
        ("{a}.json", "x/1.json", None),
        ("{a:path}.json", "x/y/1.json", {"a": "x/y/1"}),
        ("{a:path}/{b}.json", "x/y/1.json", {"a": "x/y", "b": "1"}),
        ("{a}/{a}.json", "12/12.json", {"a": "12"}),
        ("{a}/{a}.json", "12/13.json", None),
        ("{a}/{a}_{b}", "x_y/x_y_z", {"a": "x_y", "b": "z"}),
        ("{_}-{a}-{_}.json", "x-12-y.json", {"a": "12"}),
        ("{_x}/{a}", "any/12", {"a": "12"}),
        ("{{{a}}}", "{12}", {"a": "12"}),
        ("m.{a}+(x)[0]*", "m.12+(x)[0]*", {"a": "12"}),
        ("m.{a}", "mx12", None),
        ("{a}.json", ".json", None),
        ("{a}", "", None),
        ("{a}x{b}xx", "1x2xx", {"a": "1", "b": "2"}),
        ("{a}\n{b}", "1\n2", {"a": "1", "b": "2"}),
        ("{a}.JSON", "1.json", None),
        ("fixed/{a}", "Fixed/1", None),
    ],
)
def test_a_path_is_of_a_pattern_or_not(pattern: str, path: str, found: dict[str, str] | None) -> None:
    assert match(pattern, path) == found


def test_letters_may_count_in_any_case() -> None:
    found = match("Matches/{a}.JSON", "matches/AbC.json", is_case_sensitive=False)
    assert found == {"a": "AbC"}
    assert match("İ/{a}.x", "İ/1.X", is_case_sensitive=False) == {"a": "1"}


@pytest.mark.parametrize(
    ("path", "found"),
    [("12_ev.json", "12"), ("-3_ev.json", "-3"), ("x_ev.json", None), ("1.5_ev.json", None), ("٣_ev.json", None)],
)
def test_a_whole_number_is_one(path: str, found: str | None) -> None:
    matched = match("{match_id}_{feed}.json", path, types={"match_id": "int"})
    assert (None if matched is None else matched["match_id"]) == found


def test_a_whole_number_may_follow_its_own_delimiter() -> None:
    assert match("{a}_{match_id}_{b}", "x_y_12_ev", types={"match_id": "int"}) == {
        "a": "x_y",
        "match_id": "12",
        "b": "ev",
    }


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{a}{b}", "two fields side by side"),
        ("{", "a single {"),
        ("a}", "a single }"),
        ("{}", "the field {}"),
        ("{a-b}", "the field {a-b}"),
        ("{a:int}", "can only be path"),
        ("/{a}", "must be the path of a file below the location"),
        ("{a}/", "must be the path of a file below the location"),
        ("../{a}", "must be the path of a file below the location"),
        ("a//{a}", "must be the path of a file below the location"),
        ("-".join(f"{{f{number}}}" for number in range(31)), "more than 30 fields"),
    ],
)
def test_a_wrong_pattern_is_an_error(pattern: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        PathPattern.parse(pattern)


@pytest.mark.parametrize(
    ("known", "folder"),
    [
        ({}, ""),
        ({"competition_id": "11"}, "11/"),
        ({"competition_id": "11", "season_id": "90"}, "11/90/"),
        ({"competition_id": "11", "season_id": "90", "match_id": "7"}, "11/90/"),
        ({"season_id": "90"}, ""),
        ({"competition_id": "é"}, ""),
        ({"competition_id": ".."}, ""),
        ({"competition_id": "a/b"}, ""),
    ],
)
def test_only_the_folder_is_listed_in_which_the_wanted_files_are(known: dict[str, str], folder: str) -> None:
    assert PathPattern.parse(USUAL).folder_of(known) == folder


def test_a_folder_with_several_spellings_is_not_part_of_the_prefix() -> None:
    assert PathPattern.parse("x/{a}/{b}.json", {"a": "int"}).folder_of({"a": "7"}) == "x/"
    assert PathPattern.parse("x/{a}/{b}.json", is_case_sensitive=False).folder_of({"a": "7"}) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern", ["{a}a{b}a{c}a{d}a{e}a{f}x", "{a:path}/{b:path}/{c:path}/{d:path}x", "{a}/{b:path}a{b}a{c:path}a{d}!"]
)
def test_no_path_takes_long(pattern: str) -> None:
    read = PathPattern.parse(pattern)
    began = time.process_time()
    assert read.match("a/" * 250) is None
    assert read.match("a" * 255) is None  # the longest name that file systems have
    assert time.process_time() - began < 20  # a regular expression would take longer than the universe is old


NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=("Cs",)), min_size=1, max_size=6)


@given(NAMES, NAMES, st.sampled_from(["_", "-", ".", "__", "/"]))
def test_the_fields_of_a_match_make_the_path_again(first: str, second: str, separator: str) -> None:
    path = f"{first}{separator}{second}.json"
    found = match("{a}" + separator + "{b}.json", path)
    assume(found is not None)
    assert found is not None
    assert f"{found['a']}{separator}{found['b']}.json" == path


@given(NAMES, NAMES)
def test_a_path_that_was_made_by_a_pattern_is_of_it(first: str, second: str) -> None:
    assert match("m/{a}_{b}.json", f"m/{first}_{second}.json") is not None


@given(st.text(max_size=12), st.text(max_size=12))
def test_a_text_that_is_no_field_means_only_itself(text: str, path: str) -> None:
    try:
        pattern = PathPattern.parse(text.replace("{", "{{").replace("}", "}}"))
    except ConfigurationError:
        return
    assert (pattern.match(path) is not None) == (path == text)
    assert pattern.match(text) == {}
