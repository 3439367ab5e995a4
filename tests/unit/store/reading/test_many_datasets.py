"""A feed of many datasets as one frame."""

from __future__ import annotations

import datetime as dt

import pandas
import polars
import pytest

from ingestify import DatasetResource, DraftFile, LoadError, Source, get_dev_engine

CHANGED = dt.datetime(2024, 5, 1, 18, 30, tzinfo=dt.UTC)


class Matches(Source):
    """Matches with the records of their events; a text is the content of a CSV file."""

    provider = "mine"

    def __init__(self, *contents, name="mine"):
        super().__init__(name)
        self.contents = contents

    def load(self, file_resource, current_file, **_):
        text = self.contents[file_resource.dataset_resource.dataset_resource_id["match_id"] - 1]
        return DraftFile.from_input(text, file_resource.data_feed_key, data_serialization_format="csv")

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for number, content in enumerate(self.contents, start=1):
            resource = DatasetResource({"match_id": number}, dataset_type, name=f"match {number}")
            resource.add_file(CHANGED, "lineups", json_content=[{"player": number}])
            if isinstance(content, str):
                resource.add_file(CHANGED, "events", data_serialization_format="csv", file_loader=self.load)
            elif content is not None:
                resource.add_file(CHANGED, "events", json_content=content)
            yield resource


@pytest.fixture
def engine_of():
    opened = []

    def make(*contents):
        engine = get_dev_engine(Matches(*contents), "match")
        opened.append(engine)
        engine.load()
        return engine

    yield make
    for engine in opened:
        engine.close()


def test_the_rows_of_all_matches_with_their_keys_and_revision(engine_of):
    engine = engine_of([{"id": 1, "shot": {"xg": 0.5}}], [{"id": 2, "pass": {"end": [1, 2]}}, {"id": 3}])
    frame = engine.to_polars("events")
    assert frame.columns == ["match_id", "revision", "id", "shot", "pass"]
    assert frame.rows() == [
        (1, 0, 1, {"xg": 0.5}, None),
        (2, 0, 2, None, {"end": [1, 2]}),
        (2, 0, 3, None, None),
    ]
    assert engine.to_polars("events", match_id=2)["id"].to_list() == [2, 3]


def test_a_collection_and_a_list_have_the_same_frame(engine_of):
    engine = engine_of([{"id": 1}], [{"id": 2}])
    frame = engine.to_polars("events")
    collection = engine.store.get_dataset_collection()  # in the order in which they came, which may be any
    assert collection.to_polars("events").sort("match_id").equals(frame)
    assert engine.list_datasets().to_polars("events").equals(frame)
    assert engine.list_datasets()[1:].to_polars("events")["id"].to_list() == [2]
    assert sorted(collection.to_pandas("events")["id"]) == [1, 2]


@pytest.mark.parametrize(
    ("contents", "kind", "values"),
    [
        ([1, 2.5], polars.Float64, [1.0, 2.5]),
        ([2.5, 1], polars.Float64, [2.5, 1.0]),
        ([None, 1], polars.Int64, [None, 1]),
        ([[], [{"a": 1}]], polars.List(polars.Struct({"a": polars.Int64})), [[], [{"a": 1}]]),
        ([[None], [{"a": 1}]], polars.List(polars.Struct({"a": polars.Int64})), [[None], [{"a": 1}]]),
        (
            [{"a": {"b": 1}}, {"a": {"c": [1.5]}, "d": "x"}, {"a": None}],
            polars.Struct(
                {
                    "a": polars.Struct({"b": polars.Int64, "c": polars.List(polars.Float64)}),
                    "d": polars.String,
                }
            ),
            [
                {"a": {"b": 1, "c": None}, "d": None},
                {"a": {"b": None, "c": [1.5]}, "d": "x"},
                {"a": None, "d": None},
            ],
        ),
        ([1, 2**64], polars.Int128, [1, 2**64]),
    ],
)
def test_columns_that_differ_become_one(engine_of, caplog, contents, kind, values):
    frame = engine_of(*([{"x": value}] for value in contents)).to_polars("events")
    assert frame.schema["x"] == kind
    assert frame["x"].to_list() == values
    assert not caplog.messages


@pytest.mark.parametrize(
    ("contents", "place", "values"),
    [
        (["text", {"a": 1.50}], "x", ["text", '{"a":1.5}']),
        ([{"a": 1}, "text", {"b": 2}], "x", ['{"a":1}', "text", '{"b":2}']),
        ([1e5, "text"], "x", ["100000.0", "text"]),
        ([True, 1], "x", ["true", "1"]),
        ([2**53 + 1, 1.5], "x", ["9007199254740993", "1.5"]),
        ([2**130, 1], "x", [str(2**130), "1"]),
        ([{"y": {"z": [1]}}, {"y": {"z": "a"}}], "x.y.z", [{"y": {"z": "[1]"}}, {"y": {"z": "a"}}]),
        ([[1], ["a"]], "x[*]", [["1"], ["a"]]),
    ],
)
def test_what_does_not_go_together_becomes_text_and_a_warning_names_it(engine_of, caplog, contents, place, values):
    frame = engine_of(*([{"x": value}] for value in contents)).to_polars("events")
    assert frame["x"].to_list() == values
    (warning,) = caplog.messages
    assert warning == f"Text in the frame of 'events', as the types of its files do not go together: {place}."


def test_a_key_of_the_records_hides_no_key_of_the_identifier(engine_of):
    frame = engine_of([{"match_id": 9, "revision": "r", "identifier.match_id": 0}]).to_polars("events")
    assert frame.row(0, named=True) == {
        "identifier.identifier.match_id": 1,
        "dataset.revision": 0,
        "match_id": 9,
        "revision": "r",
        "identifier.match_id": 0,
    }


def test_provider_and_type_are_there_if_there_are_several(engine_of):
    one, other = engine_of([{"id": 1}]).list_datasets(), engine_of([{"id": 2}]).list_datasets()
    object.__setattr__(other[0], "provider", "yours")
    one.extend(other)
    assert one.to_polars("events").rows() == [(1, "mine", 0, 1), (1, "yours", 0, 2)]
    assert one.to_polars("events").columns == ["match_id", "provider", "revision", "id"]


def test_matches_without_the_feed_are_left_out_and_a_warning_names_some(engine_of, caplog):
    engine = engine_of([{"id": 1}], None, [{"id": 3}])
    assert engine.to_polars("events")["match_id"].to_list() == [1, 3]
    assert caplog.messages == [
        "Without 'events', and so not in the frame: 1 of 3 matches, such as mine/match/match_id=2."
    ]
    with pytest.raises(LoadError, match=r"no 'event' in any of 3 matches; did you mean 'events'\? The feeds are"):
        engine.to_polars("event")
    with pytest.raises(LoadError, match="'events__v9'"):
        engine.to_pandas("events", "v9")


def test_without_datasets_there_is_an_empty_frame_and_the_usual_warning(engine_of, caplog):
    engine = engine_of([{"id": 1}])
    assert engine.to_polars("events", match_id=7).is_empty()
    assert engine.to_pandas("events", match_id=7).empty
    assert len(caplog.messages) == 2


def test_matches_without_records_or_columns(engine_of):
    frame = engine_of([], [{}], [{"id": 3}], [{}, {}]).to_polars("events")
    assert frame.rows() == [(2, 0, None), (3, 0, 3), (4, 0, None), (4, 0, None)]
    assert engine_of([{}], [{}, {}]).to_polars("events").rows() == [(1, 0), (2, 0), (2, 0)]


def test_without_a_feed_it_is_the_table_of_matches(engine_of):
    engine = engine_of([{"id": 1}], None)
    table = engine.to_polars()
    assert table.equals(engine.list_datasets().to_polars())
    assert table["match_id"].to_list() == [1, 2]
    assert table["feeds"].to_list() == [["events", "lineups"], ["lineups"]]
    assert list(engine.to_pandas()["match_id"]) == [1, 2]


def test_the_table_has_date_teams_and_score():
    class Cup(Source):
        provider = "mine"

        def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
            metadata = {"match_date": "2024-05-01", "home_team": {"id": 3, "name": "Ajax"}, "home_score": 2}
            yield DatasetResource(
                {"match_id": 1, "home_score": "key"}, dataset_type, name="a", metadata=metadata
            ).add_file(CHANGED, "events", json_content=[])

    with get_dev_engine(Cup("mine"), "match") as engine:
        engine.load()
        row = engine.to_polars().row(0, named=True)
    assert row["date"] == "2024-05-01"
    assert row["home_team"] == "Ajax"
    assert row["home_score"] == "key", "the identifier's key keeps its name"
    assert "away_team" not in row


def test_records_are_where_they_are_said_to_be(engine_of):
    engine = engine_of({"a": {"list": [{"id": 1}]}}, {"a": {"list": [{"id": 2}, 3]}})
    frame = engine.to_polars("events", records="a.list")
    assert frame.rows() == [(1, 0, 1, None), (2, 0, 2, None), (2, 0, None, 3)]


def test_delimited_files_are_read_with_one_type_for_each_column(engine_of, caplog):
    frame = engine_of("a,b,c\n1,1.50,\n2,2,\n", "c,a,b\n7,0.5,x\n").to_polars("events")
    assert frame.columns == ["match_id", "revision", "a", "b", "c"]
    assert frame["a"].to_list() == [1.0, 2.0, 0.5]
    assert frame["b"].to_list() == ["1.50", "2", "x"]
    assert frame["c"].to_list() == [None, None, 7]
    assert [message.rpartition(": ")[2] for message in caplog.messages] == ["b."]


def test_pandas_rounds_no_number_and_keeps_types(engine_of):
    frame = engine_of([{"id": 2**53 + 1, "x": 1, "n": {"a": 1}}], [{"x": "text"}]).to_pandas("events")
    assert list(frame.columns) == ["match_id", "revision", "id", "x", "n.a"]
    assert frame["id"][0] == 2**53 + 1
    assert pandas.isna(frame["id"][1])
    assert frame["x"].tolist() == [1, "text"]
    assert frame["match_id"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "values",
    [
        [True, 1],
        [1, False, None],
        [True, 0.5],
        [2**63, 2**53 + 1],
        [2**63, -1, None],
        [2**64 - 1, 1, None],
        [2**53 + 1, 0.5],
        [-(2**63), 2**53 + 1],
    ],
)
def test_pandas_keeps_each_value_of_a_column_of_several_types(engine_of, values):
    contents = [[{"id": 1} if value is None else {"id": 1, "x": value}] for value in values]
    column = engine_of(*contents).to_pandas("events")["x"]
    assert [None if pandas.isna(one) else one for one in column] == values
    assert [type(one) for one in column if isinstance(one, bool)] == [bool for one in values if isinstance(one, bool)]


def test_pandas_rounds_no_number_of_delimited_files(engine_of):
    column = engine_of(f"id\n{2**63}\n", f"id\n{2**53 + 1}\n").to_pandas("events")["id"]
    assert column.tolist() == [2**63, 2**53 + 1]


def test_pandas_keeps_rows_without_columns(engine_of):
    frame = engine_of([], [{}], [{"id": 3}], [{}]).to_pandas("events")
    assert frame["match_id"].tolist() == [2, 3, 4]
    assert frame["id"].isna().tolist() == [True, False, True]


def test_the_lake_as_it_was(engine_of):
    engine = engine_of([{"id": 1}])
    source = engine.ingestion_plans[0].source
    before = dt.datetime.now(dt.UTC)
    source.contents = ([{"id": 2}],)
    global CHANGED
    kept, CHANGED = CHANGED, CHANGED + dt.timedelta(hours=1)
    try:
        engine.load()
    finally:
        CHANGED = kept
    lock = engine.lock(as_of=before)
    assert engine.to_polars("events").rows() == [(1, 1, 2)]
    assert engine.to_polars("events", as_of=before).rows() == [(1, 0, 1)]
    assert engine.to_polars("events", lock=lock).rows() == [(1, 0, 1)]
    assert engine.to_pandas("events", lock=lock)["id"].tolist() == [1]


def test_an_error_says_at_which_match_it_happened(engine_of):
    engine = engine_of([{"id": 1}], {"other": [{"id": 2}]})
    with pytest.raises(LoadError) as caught:
        engine.to_polars("events", records="events")
    assert any("match_id=" in note for note in caught.value.__notes__)


def test_progress_is_shown_when_asked_for(engine_of, capsys):
    engine_of([{"id": 1}], [{"id": 2}]).to_polars("events", progress=True)
    assert "'events' of 2 of 2 matches read" in capsys.readouterr().err
