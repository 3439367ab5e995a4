from __future__ import annotations

import datetime as dt

import pandas
import polars
import pytest

from ingestify import DatasetResource, Source, get_dev_engine

CHANGED = dt.datetime(2024, 5, 1, 18, 30, tzinfo=dt.UTC)


class Season(Source):
    provider = "mine"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for match in range(1, 4):
            yield (
                DatasetResource(
                    {"match_id": match, "name": "cup"},
                    dataset_type,
                    name=f"Ajax <{match}>",
                    metadata={"score": match if match > 1 else None, "home": {"name": "Ajax"}},
                )
                .add_file(CHANGED, "events", json_content=[{"id": match}])
                .add_file(CHANGED, "lineups", json_content=[])
            )


@pytest.fixture
def listed():
    with get_dev_engine(Season("mine"), "match") as engine:
        engine.load()
        listed = engine.list_datasets()
        listed.sort(key=lambda one: one.identifier["match_id"])
        yield listed


def test_it_is_a_list_of_datasets_that_can_be_read(listed):
    assert isinstance(listed, list)
    assert len(listed) == 3
    assert [one.to_polars("events")["id"].to_list() for one in listed] == [[1], [2], [3]]


def test_polars_makes_a_frame_of_it(listed):
    frame = polars.DataFrame(listed)
    assert frame["name"].to_list() == ["Ajax <1>", "Ajax <2>", "Ajax <3>"]
    assert frame["identifier"].struct.field("match_id").to_list() == [1, 2, 3]
    assert frame["feeds"].struct.field("events__v1").struct.field("present").to_list() == [True] * 3
    assert len(pandas.DataFrame(listed)) == 3


def test_its_own_frame_has_a_column_for_each_key_of_the_identifiers(listed):
    frame = listed.to_polars()
    assert frame["match_id"].to_list() == [1, 2, 3]
    assert frame["name"].to_list() == ["Ajax <1>", "Ajax <2>", "Ajax <3>"], (
        "what an identifier calls name hides no name"
    )
    assert frame["identifier.name"].to_list() == ["cup"] * 3
    assert frame["metadata"].struct.field("score").to_list() == [None, 2, 3]
    assert frame["feeds"].to_list() == [["events", "lineups"]] * 3
    assert frame["last_modified_at"].to_list() == [CHANGED] * 3
    same = listed.to_pandas()
    assert list(same["match_id"]) == [1, 2, 3]
    assert list(same["metadata.home.name"]) == ["Ajax"] * 3
    assert type(listed)().to_polars().height == len(type(listed)().to_pandas()) == 0


def test_a_part_of_it_is_a_table_too(listed):
    part = listed[:2]
    assert part.to_polars()["match_id"].to_list() == [1, 2]
    assert repr(part).splitlines()[0] == "2 datasets"
    assert listed[::-1].to_polars()["match_id"].to_list() == [3, 2, 1]
    assert listed[1] == listed[-2]
    assert len(listed) == 3


def test_a_notebook_shows_a_table(listed):
    shown = listed._repr_html_()
    assert "<p>3 datasets</p>" in shown
    assert "<td>mine/match/match_id=2/name=cup</td><td>Ajax &lt;2&gt;</td><td>COMPLETE</td><td>0</td>" in shown
    assert "<td>events, lineups</td><td>2024-05-01 18:30</td>" in shown
