"""kloppy's frames of many datasets in one. Here another reader takes kloppy's place; kloppy itself is in end_to_end."""

from __future__ import annotations

import pandas
import pytest

from ingestify import DatasetResource, LoadError, Source, get_dev_engine
from ingestify.errors import ConfigurationError, IntegrityError
from ingestify.store.reading import kloppy_frames
from tests.support.in_place_of_kloppy import SECOND, load

pytestmark = pytest.mark.sampled(2)  # in one process and in two by turns


class Matches(Source):
    provider = "mine"

    def __init__(self, *contents):
        super().__init__("mine")
        self.contents = contents

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for number, content in enumerate(self.contents, start=1):
            resource = DatasetResource({"match_id": number}, dataset_type, name=f"match {number}")
            yield resource.add_file(None, "events", json_content=content)


@pytest.fixture
def engine_of(request, monkeypatch):
    """Makes lakes; indirectly, with the number of processes that read."""
    monkeypatch.setattr(kloppy_frames, "_PROCESSES", getattr(request, "param", 1))
    opened = []

    def make(*contents, by=load):
        engine = get_dev_engine(Matches(*contents), "match")
        engine.store._load_with_kloppy = by
        opened.append(engine)
        engine.load()
        return engine

    yield make
    for engine in opened:
        engine.close()


@pytest.mark.parametrize("engine_of", [1, pytest.param(2, marks=pytest.mark.slow)], indirect=True)
def test_columns_come_in_the_order_of_their_first_match_with_the_type_that_has_values(engine_of, caplog):
    engine = engine_of({"id": [1], "x": [None], "n": [1]}, {"n": [0.5, 2.5], "seconds": [1, 2], "x": ["a", None]})
    frame = engine.to_polars(kloppy=True)
    assert frame.columns == ["match_id", "revision", "id", "x", "n", "seconds"]
    assert frame.rows() == [
        (1, 0, 1, None, 1.0, None),
        (2, 0, None, "a", 0.5, SECOND),
        (2, 0, None, None, 2.5, 2 * SECOND),
    ]
    same = engine.to_pandas(kloppy=True)
    assert list(same.columns) == frame.columns
    assert same["seconds"].tolist()[1:] == [SECOND, 2 * SECOND]
    assert pandas.isna(same["seconds"][0])
    assert same["n"].tolist() == [1, 0.5, 2.5]
    assert not caplog.messages


def test_a_list_and_a_collection_have_the_same_frame(engine_of):
    engine = engine_of({"id": [1]}, {"id": [2]})
    assert engine.list_datasets()[1:].to_polars(kloppy={})["id"].to_list() == [2]
    assert sorted(engine.store.get_dataset_collection().to_polars(kloppy=True)["id"]) == [1, 2]


def test_numbers_beside_text_become_text_and_a_warning_names_the_column(engine_of, caplog):
    frame = engine_of({"id": [1, 2]}, {"id": ["a-1", None]}, {"id": [3, "b"]}).to_polars(kloppy=True)
    assert frame["id"].to_list() == ["1", "2", "a-1", None, "3", "b"]
    assert caplog.messages == ["Text in the frame, as some matches have numbers and others text: id."]


def test_types_that_do_not_go_together_name_the_match_and_the_column(engine_of):
    engine = engine_of({"x": [None]}, {"x": [7]}, {"seconds": [1]}, {"x": [True]})
    said = r"'x' is Boolean in mine/match/match_id=4 and Int64 in mine/match/match_id=2, which do not go together"
    with pytest.raises(LoadError, match=said):
        engine.to_polars(kloppy=True)
    said = r"'x' is Int64 with numbers that a float does not hold in .*match_id=1 and Float64 in .*match_id=2"
    with pytest.raises(LoadError, match=said):
        engine_of({"x": [2**53 + 1]}, {"x": [0.5]}).to_polars(kloppy=True)


@pytest.mark.parametrize("engine_of", [1, pytest.param(2, marks=pytest.mark.slow)], indirect=True)
def test_matches_that_cannot_be_read_are_left_out_and_named_with_their_reasons(engine_of, caplog):
    engine = engine_of({"error": "no line-ups"}, {"id": [1]}, {"error": "KeyError: '76'."})
    assert engine.to_polars(kloppy=True)["match_id"].to_list() == [2]
    said = "kloppy cannot read mine/match/match_id=1: no line-ups. "
    said += "kloppy cannot read mine/match/match_id=3: KeyError: '76'."
    assert caplog.messages == [f"Not in the frame, as kloppy cannot read them: 2 of 3 matches. {said}"]
    with pytest.raises(LoadError, match=r"kloppy can read none of 1 match\. kloppy cannot .*: no line-ups\."):
        engine.to_polars(kloppy=True, match_id=1)


def test_arguments_and_the_format_are_passed_on(engine_of):
    frame = engine_of({"id": [1]}, {"id": [2]}).to_polars(kloppy={"loader": "opta", "more": [5]})
    assert frame["loader"].to_list() == ["opta", "opta"]
    assert frame["more"].to_list() == [5, 5]


@pytest.mark.parametrize("engine_of", [1, pytest.param(2, marks=pytest.mark.slow)], indirect=True)
def test_warnings_of_kloppy_are_shown_and_what_it_prints_does_no_harm(engine_of):
    with pytest.warns(UserWarning, match="the pitch is odd"):
        frame = engine_of({"id": [1], "warn": "the pitch is odd"}, {"id": [2]}).to_polars(kloppy=True)
    assert frame["id"].to_list() == [1, 2]


@pytest.mark.parametrize("engine_of", [1, pytest.param(2, marks=pytest.mark.slow)], indirect=True)
def test_a_damaged_object_of_the_lake_is_an_error(engine_of):
    engine = engine_of({"id": [1]}, {"id": [2]})
    path = engine.list_datasets()[0].files["events__v1"].storage_path
    engine.store.storage.delete([path])
    with pytest.raises(IntegrityError, match="events__v1"):
        engine.to_polars(kloppy=True)


def test_matches_without_records(engine_of):
    engine = engine_of({}, {"id": [1]}, {"id": []})
    assert engine.to_polars(kloppy=True).rows() == [(2, 0, 1)]
    assert engine.to_pandas(kloppy=True)["id"].tolist() == [1]
    assert engine.to_polars(kloppy=True, match_id=1).columns == ["match_id", "revision"]


def test_progress_is_shown_when_asked_for(engine_of, capsys):
    engine_of({"id": [1]}, {"id": [2]}).to_polars(kloppy=True, progress=True)
    assert "2 of 2 matches read with kloppy" in capsys.readouterr().err


def test_without_datasets_there_is_an_empty_frame(engine_of):
    engine = engine_of({"id": [1]})
    assert engine.to_polars(kloppy=True, match_id=9).is_empty()
    assert engine.to_pandas(kloppy=True, match_id=9).empty


@pytest.mark.parametrize("given", [{"data_feed_key": "events"}, {"records": "a"}, {"encoding": "cp1252"}])
def test_kloppy_chooses_the_feeds(given):
    with get_dev_engine(Matches({"id": [1]}), "match") as engine:
        engine.load()
        with pytest.raises(ConfigurationError, match="kloppy chooses the feeds"):
            engine.to_polars(kloppy=True, **given)
        with pytest.raises(ConfigurationError, match=r"kloppy is 'opta'; write True, or arguments"):
            engine.to_pandas(kloppy="opta")


@pytest.mark.slow
def test_a_process_that_ends_takes_only_its_match_along(monkeypatch, caplog):
    monkeypatch.setattr(kloppy_frames, "_PROCESSES", 2)
    with get_dev_engine(Matches({"exit": 1}, *({"id": [number]} for number in range(2, 7))), "match") as engine:
        engine.store._load_with_kloppy = load
        engine.load()
        assert engine.to_polars(kloppy=True)["id"].to_list() == [2, 3, 4, 5, 6]
    assert "The process that read mine/match/match_id=1 with kloppy ended, with the code 7." in caplog.text


def test_what_cannot_be_passed_to_a_process_is_read_in_this_one(monkeypatch, caplog):
    monkeypatch.setattr(kloppy_frames, "_PROCESSES", 2)
    with get_dev_engine(Matches({"id": [1]}, {"id": [2]}), "match") as engine:
        engine.store._load_with_kloppy = lambda *given, **arguments: load(*given, **arguments)
        engine.load()
        assert engine.to_polars(kloppy=True)["id"].to_list() == [1, 2]
    assert "One process reads all matches" in caplog.text
