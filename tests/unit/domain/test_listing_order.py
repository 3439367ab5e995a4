from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.domain.listing_order import listing_order


def place(identifier, metadata=None, name="", dataset_id=""):
    return listing_order("p", "match", identifier, metadata or {}, name, dataset_id)


def test_competition_season_date_and_name_come_in_that_order():
    in_order = [
        place({"competition_id": 9, "season_id": 300, "match_id": 5}, {"match_date": "2024-05-02"}, "b"),
        place({"competition_id": 11, "season_id": 9, "match_id": 9}, {"match_date": "2024-05-09"}, "z"),
        place({"competition_id": 11, "season_id": 90, "match_id": 4}, {"match_date": "2024-05-01"}, "c"),
        place({"competition_id": 11, "season_id": 90, "match_id": 3}, {"match_date": "2024-05-02"}, "a"),
        place({"competition_id": 11, "season_id": 90, "match_id": 2}, {"match_date": "2024-05-02"}, "b"),
        place({"competition_id": 11, "season_id": 90, "match_id": 1}, {}, "a"),  # nobody knows when it is
        place({"competition_id": "Cup", "season_id": 1, "match_id": 1}),
        place({"match_id": 1}),
    ]
    turned = in_order[::-1]
    assert sorted(turned) == in_order


def test_numbers_go_by_their_value_also_as_text():
    assert place({"match_id": "9"}) < place({"match_id": 10}) < place({"match_id": "1000"}) < place({"match_id": "A"})


def test_what_the_identifier_does_not_say_the_metadata_do():
    first = place({"match_id": 2}, {"competition": "Bundesliga", "season": "2022/2023"})
    second = place({"match_id": 1}, {"competition": "Bundesliga", "season": "2023/2024"})
    third = place({"match_id": 0}, {"competition": "La Liga", "season": "2019/2020"})
    assert sorted([third, second, first]) == [first, second, third]


def test_those_that_are_alike_go_by_their_id():
    assert place({"match_id": 1}, dataset_id="a") < place({"match_id": 1}, dataset_id="b")


values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["²", "٣", "0" * 5000])
)
parts = st.dictionaries(
    st.sampled_from(["competition_id", "season", "match_date", "x", "y"]),
    values | st.lists(values, max_size=2),
    max_size=5,
)


@pytest.mark.slow
@given(st.lists(st.tuples(parts, parts, st.text(max_size=2)), max_size=6))
def test_there_is_an_order_of_whatever_a_provider_sends(several):
    places = [place(*one, dataset_id=str(number)) for number, one in enumerate(several)]
    turned = places[::-1]
    assert sorted(places) == sorted(turned)
