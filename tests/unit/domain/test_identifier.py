from __future__ import annotations

import datetime as dt
import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify import Identifier
from ingestify.domain.identifier import canonical_text, canonical_value
from ingestify.errors import SourceError

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
keys = texts.filter(bool)
values = st.one_of(st.integers(), texts, st.booleans(), st.dates(), st.uuids())
attributes = st.dictionaries(keys, values, min_size=1, max_size=5)


def test_an_int_and_the_text_of_its_digits_are_the_same():
    assert Identifier({"match_id": 12}) == Identifier({"match_id": "12"})
    assert hash(Identifier({"match_id": 12})) == hash(Identifier({"match_id": "12"}))
    assert Identifier({"match_id": 12}) == {"match_id": "12"}


def test_leading_zeros_make_another_id():
    assert Identifier({"match_id": "012"}) != Identifier({"match_id": 12})


def test_a_float_column_of_pandas_means_the_integers():
    assert Identifier({"match_id": 12.0}) == Identifier({"match_id": 12})


def test_it_keeps_key_order_and_types():
    identifier = Identifier({"season_id": 90, "match_id": "7"})
    assert str(identifier) == "season_id=90/match_id=7"
    assert identifier["season_id"] == 90
    assert identifier["match_id"] == "7"
    assert Identifier({"match_id": 7, "season_id": 90}) == identifier


@pytest.mark.parametrize("value", [[1], {"a": 1}, float("nan"), object()])
def test_what_is_no_single_value_is_refused(value):
    with pytest.raises(SourceError, match="match_id"):
        Identifier({"match_id": value})


def test_a_value_may_be_none_which_is_kept_and_shown_as_empty():
    identifier = Identifier({"season_id": None, "match_id": 1})
    assert identifier["season_id"] is None
    assert str(identifier) == "season_id=/match_id=1"
    assert Identifier.stored(json.loads(identifier.to_json())) == identifier
    assert identifier == Identifier({"season_id": "", "match_id": 1}) != Identifier({"season_id": 0, "match_id": 1})


def test_nul_is_refused_because_databases_cut_text_at_it():
    with pytest.raises(SourceError, match="NUL"):
        Identifier({"match_id": "a\0b"})
    with pytest.raises(SourceError, match="half a character"):
        Identifier({"match_id": "a\ud800"})
    with pytest.raises(SourceError, match="NUL"):
        Identifier({"a\0": 1})


def test_its_keys_have_names():
    with pytest.raises(SourceError, match="non-empty"):
        Identifier({"": 1})


def test_dates_and_uuids_become_text():
    identifier = Identifier({"day": dt.date(2024, 5, 1), "id": uuid.UUID(int=1)})
    assert identifier["day"] == "2024-05-01"
    assert identifier == {"day": "2024-05-01", "id": "00000000-0000-0000-0000-000000000001"}


@pytest.mark.slow
@given(attributes)
def test_order_never_matters_for_equality(mapping):
    assert Identifier(mapping) == Identifier(dict(reversed(list(mapping.items()))))


@given(attributes, attributes)
def test_equal_means_the_same_text_for_each_key(one, other):
    def plain(mapping):
        return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in mapping.items()}

    assert (Identifier(one) == Identifier(other)) == (plain(one) == plain(other))


@given(st.dictionaries(st.text("abc_", min_size=1), st.integers() | st.text("abc0123456789 -"), min_size=1))
def test_str_can_be_read_back(mapping):
    identifier = Identifier(mapping)
    assert Identifier.parse(str(identifier)) == identifier


@given(attributes)
def test_the_canonical_text_is_the_sorted_json_of_the_canonical_values(given_attributes: dict[str, object]):
    values = {key: canonical_value(value) for key, value in given_attributes.items()}
    expected = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert canonical_text(given_attributes) == expected
