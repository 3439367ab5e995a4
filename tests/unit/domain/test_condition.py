from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify import Identifier
from ingestify.domain.condition import DatasetCondition
from ingestify.errors import ConfigurationError

METADATA = {
    "home_team": "Ajax",
    "score": {"home": 3, "away": "1"},
    "home team": "Ajax Amsterdam",
    "class": "A",
    "referees": [{"name": "Danny"}, {"name": "Serdar"}],
    "tags": ["cup", "final"],
    "is_live": False,
    "attendance": None,
    "a.b": 1,
    "ratio": float("nan"),
    "__class__": "text",
}


def holds(text: str, **values: Any) -> bool:
    attributes: dict[str, Any] = {
        "name": "Ajax - PSV",
        "state": "COMPLETE",
        "provider": "statsbomb",
        "dataset_type": "match",
        "created_at": "2024-05-01T18:30:00.000000Z",
        "last_modified_at": None,
        **values,
    }
    identifier = attributes.pop("identifier", Identifier({"competition_id": 11, "match_id": "12", "name": "own"}))
    return DatasetCondition.parse(text).matches(identifier, attributes.pop("metadata", METADATA), **attributes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metadata.home_team == 'Ajax' and metadata.score.home > 2", True),
        ("metadata.home_team == 'Ajax' and metadata.score.home > 3", False),
        ("metadata.score.away == 1", True),
        ("metadata.score.away < metadata.score.home", True),
        ("metadata['home team'] == 'Ajax Amsterdam'", True),
        ("metadata['score']['home'] == 3", True),
        ("metadata['a.b'] == 1 and metadata.a.b == None", True),
        ("metadata['class'] == 'A'", True),
        ("metadata.referees[1].name == 'Serdar'", True),
        ("metadata.referees[1].name[-3:] == 'dar'", True),
        ("metadata.score.home - metadata.score.away == 2", True),
        ("metadata.home_team.startswith('Aj') and name.lower().endswith('psv')", True),
        ("int(match_id) % 5 == 2 and str(competition_id) + match_id == '1112'", True),
        ("created_at[:4] == '2024'", True),
        ("metadata['class'].lower() == 'a'", True),
        # What is computed of nothing is nothing.
        ("metadata.attendance + 1 > 0 or metadata.ratio * 2 < 1 or int(metadata.unknown) == 0", False),
        ("metadata.attendance - 1 == None and not metadata.unknown.startswith('x')", True),
        ("metadata.referees[2].name == None", True),
        ("metadata.referees.name == None", True),
        ("'cup' in metadata.tags", True),
        ("'Ajax' in metadata.home_team and 'Ajax' in name", True),
        ("metadata.is_live", False),
        ("not metadata.is_live", True),
        ("metadata.__class__ == 'text' and metadata.score.__class__ == None", True),
        # What is not there is None: equal to None, and neither smaller nor larger than anything.
        ("metadata.nothing.inside == None", True),
        ("metadata.nothing > 2 or metadata.nothing <= 2", False),
        ("not metadata.nothing > 2", True),
        ("metadata.nothing != 2", True),
        ("'cup' in metadata.nothing", False),
        ("'cup' not in metadata.nothing", True),
        ("metadata.nothing in 'cup'", False),
        ("metadata.nothing in [None, 1]", True),
        ("metadata.attendance > 1000", False),
        ("metadata.nothing", False),
        ("metadata.ratio == 1", False),
        # identifiers, by value
        ("match_id == 12 and competition_id == '11'", True),
        ("match_id in [11, 12]", True),
        ("season_id == None", True),
        ("name == 'Ajax - PSV' and identifier.name == 'own' and identifier['match_id'] == 12", True),
        # fields
        ("state == 'complete'", True),
        ("state in ['PARTIAL', 'missing']", False),
        ("'PARTIAL' != state", True),
        ("provider == 'statsbomb' and dataset_type == 'match'", True),
        ("created_at > '2024-05-01'", True),
        ("'2024-05-01' <= created_at < '2024-05-02'", True),
        ("created_at == '2024-05-01T20:30:00+02:00'", True),
        ("created_at == '2024-05-01T18:30:00Z'", True),
        ("created_at in ['2024-05-01T18:30']", True),
        ("last_modified_at == None", True),
        ("last_modified_at > '2020-01-01'", False),
        ("last_modified_at < created_at", False),
        ("True", True),
    ],
)
def test_a_condition_decides_over_what_is_known_of_a_dataset(text: str, expected: bool) -> None:
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "problem", "caret"),
    [
        ("metadata == 1", "metadata holds several values; name one, such as metadata.home_score", 0),
        ("name == 'a' and identifier", "identifier holds several values", 16),
        ("name.first == 'a'", "name is a single value, with nothing inside", 0),
        ("match_id[0] == 1", "match_id is a single value", 0),
        ("created_at > 5", "5 is no moment", 13),
        ("created_at > 'yesterday'", "'yesterday' is no moment", 13),
        ("created_at > metadata.date", "metadata.date is no moment", 13),
        ("created_at in ['2024-13-01']", "'2024-13-01' is no moment", 15),
        ("created_at > '0001-01-01T00:00+10:00'", "is no moment", 13),
        ("'2024' in created_at", "created_at is no text", 10),
        ("state == 'done'", "'done' is no state", 9),
        ("state > 'PARTIAL'", "states have no order", 0),
        ("metadata[x] == 1", "in square brackets stand whole numbers, as in name[:4], or a key in quotes", 9),
        ("metadata[-1] == 1", "metadata holds several values; name one", 0),
        ("metadata[1:2] == 1", "metadata holds several values; name one", 0),
        ("metadata.get('x') == 1", "metadata.get cannot be called; there are int(), str(), .startswith()", 0),
        ("'x'.upper == 1", "a dot cannot stand here", 0),
        ("metadata.a ** 2 > 2", "of the operators there are + - * %", 0),
        ("metadata.a[:b] == 'x'", "in square brackets stand whole numbers", 12),
        ("name.lower().x == 'x'", "a dot cannot stand here", 0),
        ("metadata.a = 1", "a comparison is written with ==", 11),
        ("metadata.home == 'Ajax' AND True", "write and instead of AND", 24),
        ("metadata.a == 1; drop table dataset", "invalid syntax", 15),
    ],
)
def test_a_refusal_says_what_and_points_at_where(text: str, problem: str, caret: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DatasetCondition.parse(text)
    message = str(caught.value)
    assert message.startswith(f"where, column {caret + 1}: ")
    assert problem in message
    assert message.splitlines()[1:3] == [f"    {text}", f"    {' ' * caret}^"]


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="where: it is a dict; write text"):
        DatasetCondition.parse({"a": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "single_value"),
    [
        ("metadata.team == 'Ajax'", "metadata.team.name"),
        ("'Ajax' in metadata.team", "metadata.team.name"),
        ("metadata.team > 'A'", "metadata.team.name"),
        ("metadata.score == 3", "metadata.score.home"),
        ("metadata['a b'] == 3", "metadata['a b']['home score']"),
    ],
)
def test_who_compares_what_holds_several_values_is_told_to_name_one(text: str, single_value: str) -> None:
    metadata = {"team": {"id": 3, "name": "Ajax"}, "score": {"home": 3, "away": 1}, "a b": {"home score": 3}}
    with pytest.raises(ConfigurationError) as raised:
        holds(text, metadata=metadata)
    assert str(raised.value).endswith(f": it holds several values; name one, such as {single_value}.")
    assert holds(f"{single_value} == 3 or {single_value} == 'Ajax'", metadata=metadata)


def test_values_without_an_order_are_an_error_that_names_the_dataset() -> None:
    with pytest.raises(
        ConfigurationError, match=r"(?s)where `metadata.home_team > 2`.*'Ajax' \(text\) and 2 \(int\).*match_id=12"
    ):
        holds("metadata.home_team > 2")


@pytest.mark.parametrize("text", ["metadata.xg > 1", "metadata.xg <= 1", "1 < metadata.xg", "metadata.xg == 1"])
def test_what_is_not_a_number_is_neither_smaller_nor_larger_than_anything(text: str) -> None:
    assert not holds(text, metadata={"xg": float("nan")})


def test_it_knows_what_it_asks_for() -> None:
    condition = DatasetCondition.parse("match_id == 1 and identifier.season_id == 2 and name == 'x'")
    assert condition.identifier_keys == {"match_id", "season_id"}
    assert not condition.asks_for_metadata
    assert DatasetCondition.parse("metadata.x == 1").asks_for_metadata


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@given(
    st.dictionaries(st.sampled_from("abc"), json_values, max_size=3),
    st.sampled_from(["metadata.a", "metadata.a.b", "metadata.a[0]", "metadata['c']"]),
    st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in"]),
    st.sampled_from(["metadata.b", "1", "'x'", "None", "True", "-1.5", "['x', 1]"]),
)
def test_whatever_providers_say_a_condition_decides_or_says_why_not(
    metadata: dict[str, Any], left: str, operator: str, right: str
) -> None:
    condition = None
    with contextlib.suppress(ConfigurationError):  # `metadata.b in 1`
        condition = DatasetCondition.parse(f"{left} {operator} {right}")
    if condition is None:
        assert operator in {"in", "not in"} or right.startswith("[")
        return
    with contextlib.suppress(ConfigurationError):  # values without an order, the only error there may be
        answer = condition.matches(
            Identifier({"k": 1}),
            metadata,
            name="",
            state="COMPLETE",
            provider="p",
            dataset_type="t",
            created_at="2024-05-01T18:30:00.000000Z",
            last_modified_at=None,
        )
        assert isinstance(answer, bool)


@given(st.datetimes(min_value=dt.datetime(1900, 1, 1)), st.datetimes(min_value=dt.datetime(1900, 1, 1)))
def test_moments_follow_each_other_as_moments_do(one: dt.datetime, other: dt.datetime) -> None:
    created = one.isoformat(timespec="microseconds") + "Z"
    assert holds(f"created_at < '{other.isoformat()}'", created_at=created) is (one < other)
