"""The partition key of a selector, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.errors import ConfigurationError
from ingestify.orchestrators import parse_partition_key, partition_key

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=15)


def test_a_key_is_what_people_write_too():
    assert partition_key({"competition_id": 11, "season_id": 90}) == "competition_id=11/season_id=90"
    assert parse_partition_key("competition_id=11/season_id=90") == {"competition_id": "11", "season_id": "90"}


def test_a_name_stays_readable():
    assert partition_key({"keyword": "Fußball-Bundesliga (Österreich)"}) == "keyword=Fußball-Bundesliga (Österreich)"


@given(st.dictionaries(TEXTS.filter(bool), TEXTS, min_size=1, max_size=3))
def test_any_key_is_read_back_and_is_one_that_dagster_and_airflow_take(attributes):
    try:
        key = partition_key(attributes)
    except ConfigurationError as error:
        assert "250" in str(error)  # noqa: PT017 - it is long for no other reason
        return
    assert parse_partition_key(key) == attributes
    assert list(parse_partition_key(key)) == list(attributes)
    assert "..." not in key
    assert key.isprintable()
    assert key == key.strip()
    assert not set(key) & set("|,[]\"'\\")


@pytest.mark.parametrize("text", ["", "11", "=11", "a=1/", "a=1/a=2"])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(ConfigurationError, match="is no partition key"):
        parse_partition_key(text)


def test_a_key_that_airflow_would_cut_is_refused():
    with pytest.raises(ConfigurationError, match="250"):
        partition_key({"keyword": "x" * 260})
    with pytest.raises(ConfigurationError, match="without attributes"):
        partition_key({})
