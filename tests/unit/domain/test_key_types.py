from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify import Identifier
from ingestify.domain.key_types import KeyTypes
from ingestify.errors import SourceError

KEY = ("p", "t", "match_id")
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
values = st.one_of(st.integers(), st.integers().map(str), text, st.booleans(), st.floats(allow_nan=False).map(str))


def announced(key_type, value):
    return KeyTypes({KEY: key_type}).apply("p", "t", Identifier({"season_id": 1, "match_id": value}), "p/t/x")


@pytest.mark.parametrize("value", [12, "12", 12.0])
def test_a_whole_number_is_one_however_it_comes(value):
    identifier = announced("int", value)
    assert identifier["match_id"] == 12
    assert type(identifier["match_id"]) is int
    assert list(identifier) == ["season_id", "match_id"]


@pytest.mark.parametrize(("value", "is_text"), [(12, "12"), ("012", "012"), (True, "true"), (1.5, "1.5")])
def test_text_is_the_canonical_text(value, is_text):
    assert announced("str", value)["match_id"] == is_text


@pytest.mark.parametrize(
    "value", ["abc", "", "012", "+12", "-0", " 12", "1.0", "1e3", "1_000", "٣", True, 1.5, "1" * 5000]
)
def test_an_int_that_is_none_is_an_error_with_resource_and_key(value):
    with pytest.raises(SourceError, match=r"p/t/x: its match_id is .* no whole number.*p/t that match_id has key_type"):
        announced("int", value)


@given(st.sampled_from(["int", "str"]), values)
def test_a_type_never_makes_another_identity(key_type, value):
    identifier = Identifier({"match_id": value})
    types = KeyTypes({KEY: key_type})
    assert types.restore("p", "t", identifier) == identifier
    try:
        assert types.apply("p", "t", identifier, "x") == identifier
    except SourceError:
        assert key_type == "int"


def test_what_the_lake_has_is_read_whatever_its_type():
    types = KeyTypes({KEY: "int"})
    assert type(types.restore("p", "t", Identifier({"match_id": "12"}))["match_id"]) is int
    assert types.restore("p", "t", Identifier({"match_id": "DFL-1"}))["match_id"] == "DFL-1"


def test_other_kinds_and_keys_stay_as_the_source_gives_them():
    types = KeyTypes({KEY: "int", ("p", "t", "unknown"): "int"})
    for kind in (("p", "other"), ("other", "t")):
        identifier = Identifier({"match_id": "12"})
        assert types.apply(*kind, identifier, "x") is identifier
        assert types.restore(*kind, identifier) is identifier
    assert types.apply("p", "t", Identifier({"season_id": "1"}), "x")["season_id"] == "1"
