"""Reading a dataset as it was after an earlier revision."""

from __future__ import annotations

import contextlib
import datetime as dt
import re

import numpy
import pytest

from ingestify import DatasetResource, Source, get_dev_engine
from ingestify.clock import reading
from ingestify.errors import ConfigurationError, DatasetNotFound, LoadError

DAY = dt.timedelta(days=1)


class Corrected(Source):
    """Serves one match whose feeds a test changes, and a second match."""

    provider = "mine"

    def __init__(self, name):
        super().__init__(name)
        self.feeds = {"events": [{"id": 1, "xg": 0.1}], "lineups": [{"player": 7}]}

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        match = DatasetResource({"match_id": 1, "season_id": 9}, dataset_type, name="A - B")
        for feed, content in self.feeds.items():
            match.add_file(dt.datetime(2026, 1, len(content), tzinfo=dt.UTC), feed, json_content=content)
        yield match
        yield DatasetResource({"match_id": 2, "season_id": 9}, dataset_type).add_file(None, "events", json_content=[])


@pytest.fixture
def source():
    return Corrected("mine")


@pytest.fixture
def engine(source):
    """A lake in which the match has three revisions: all files, other events, and events without line-ups."""
    with get_dev_engine(source, "match") as made:
        made.load()
        source.feeds["events"] = [{"id": 1, "xg": 0.2}, {"id": 2}]
        made.load()
        source.feeds["events"] = [{"id": 1, "xg": 0.2}, {"id": 2}, {"id": 3}]
        made.load()
        yield made


def events_of(dataset):
    return dataset.to_polars("events")["id"].to_list()


def test_each_revision_is_read_with_all_files_of_then(engine):
    dataset = engine.get_dataset(match_id=1)
    assert len(dataset.revisions) == 3
    for number, ids in enumerate([[1], [1, 2], [1, 2, 3]]):
        then = dataset.at(revision=number)
        assert events_of(then) == ids
        with engine.store.load_files(then) as files:
            assert sorted(files.feeds) == ["events", "lineups"]
            assert files["lineups"].json() == [{"player": 7}]
        assert then.revisions == dataset.revisions[: number + 1]
        assert then.last_modified_at == dt.datetime(2026, 1, number + 1, tzinfo=dt.UTC)
    assert events_of(dataset.at(revision=-2)) == [1, 2]
    assert dataset.at(revision=2) is dataset
    assert events_of(dataset) == [1, 2, 3], "the dataset itself is as before"


def test_a_moment_names_the_revision_that_its_readers_saw(engine):
    dataset = engine.get_dataset(match_id=1)
    times = [revision.created_at for revision in dataset.revisions]
    for number, time in enumerate(times):
        assert dataset.at(time).revisions[-1].revision_id == number
        assert dataset.at(time.isoformat()).revisions[-1].revision_id == number
    assert dataset.at(times[1].replace(tzinfo=None)).revisions[-1].revision_id == 1, "a time without zone is in UTC"
    assert dataset.at(times[-1].date()) is dataset, "a day means its end"
    assert dataset.at(f"{times[-1] + DAY:%Y-%m-%d}") is dataset
    with pytest.raises(LoadError, match=r"mine/match/.* had no revision until .*; it has the revisions 0 to 2, of 2"):
        dataset.at(times[0] - DAY)


@pytest.mark.parametrize(("number", "said"), [(3, "has no revision 3"), (-4, "does not have 4 revisions")])
def test_a_revision_that_is_not_there_is_an_error(engine, number, said):
    with pytest.raises(LoadError, match=f"{said}; it has the revisions 0 to 2"):
        engine.get_dataset(match_id=1).at(revision=number)
    with pytest.raises(LoadError, match="its only revision is 0"):
        engine.get_dataset(match_id=2).at(revision=number)


@pytest.mark.parametrize("given", ["1", True, False, 1.0, [1], b"1"])
def test_what_is_no_number_is_no_revision(engine, given):
    dataset = engine.get_dataset(match_id=1)
    said = rf"{re.escape(repr(given))} is no number of a revision of mine/match/.*; it has the revisions 0 to 2"
    with pytest.raises(LoadError, match=said):
        dataset.at(revision=given)
    with pytest.raises(LoadError, match=said):
        engine.diff(dataset, given)
    assert dataset.at(revision=numpy.int64(1)) == dataset.at(revision=1)


def test_what_at_means_has_to_be_said(engine):
    dataset = engine.get_dataset(match_id=1)
    for given in ({}, {"moment": "2026-10-31", "revision": 0}, {"moment": 0}):
        with pytest.raises(LoadError, match=r"dataset\.at\(revision=0\), or dataset\.at\('2026-10-31'\)"):
            dataset.at(**given)
    with pytest.raises(ValueError, match="'yesterday' is no date and no time; write it as 2026-10-31"):
        dataset.at("yesterday")


def test_a_file_that_was_removed_later_is_there_then(engine, source):
    del source.feeds["lineups"]
    source.feeds["events"] = [{"id": 4}]
    engine.load()
    dataset = engine.get_dataset(match_id=1)
    assert list(dataset.files) == ["events__v1"]
    assert sorted(dataset.at(revision=1).files) == ["events__v1", "lineups__v1"]


def test_load_files_refuses_the_files_that_changed_in_a_revision(engine):
    dataset = engine.get_dataset(match_id=1)
    with pytest.raises(LoadError, match=r"Revision 1 has the files that changed in it.*dataset\.at\(revision=1\)"):
        engine.store.load_files(dataset.revisions[1])
    for whole in (dataset.revisions[0], dataset.current_revision):
        with engine.store.load_files(whole) as files:
            assert sorted(files.feeds) == ["events", "lineups"]


def test_get_dataset_returns_exactly_one(engine):
    one = engine.get_dataset(provider="mine", match_id="1")
    assert engine.get_dataset(one.dataset_id) == one == engine.store.get_dataset(one.dataset_id)
    with pytest.raises(LoadError, match=r"Several datasets are meant: mine/match/match_id=[12].*match_id=[12]"):
        engine.get_dataset(season_id=9)
    with pytest.raises(DatasetNotFound, match=r"match_id=3"):
        engine.get_dataset(match_id=3)
    with pytest.raises(DatasetNotFound, match=r"no dataset with the id 'nothing'"):
        engine.get_dataset("nothing")
    with pytest.raises(LoadError, match="Give get_dataset an id, or filters"):
        engine.get_dataset()


@contextlib.contextmanager
def at_hour(hour):
    with reading(lambda: dt.datetime(2026, 10, 31, hour, tzinfo=dt.UTC)):
        yield


@pytest.fixture
def history(source):
    """A lake: at 10 the first match and another one, at 12 a correction of the first, at 14 the other is deleted."""
    with get_dev_engine(source, "match") as made:
        with at_hour(10):
            made.load(match_id=1)
        with at_hour(11):
            made.load(match_id=2)
        source.feeds["events"] = [{"id": 1, "xg": 0.2}, {"id": 2}]
        with at_hour(12):
            made.load(match_id=1)
        yield made


def read_ways(engine, **filters):
    """Return (match, events) as each call that lists datasets gives it."""
    ways = [
        list(engine.iter_datasets(**filters)),
        engine.list_datasets(**filters),
        list(engine.store.get_dataset_collection(**filters)),
        list(engine.store.iter_dataset_collection_batches(**filters)),
        [one for batch in engine.iter_datasets(yield_dataset_collection=True, **filters) for one in batch],
    ]
    shown = [
        [(one.identifier["match_id"], engine.store.load_files(one)["events"].json()) for one in way] for way in ways
    ]
    assert all(way == shown[0] for way in shown)
    return {match: [event["id"] for event in events] for match, events in shown[0]}


def test_the_lake_is_read_as_its_readers_saw_it(history):
    assert read_ways(history, as_of="2026-10-31T09:59") == {}
    assert read_ways(history, as_of="2026-10-31T10:30") == {1: [1]}
    assert read_ways(history, as_of=dt.datetime(2026, 10, 31, 11)) == {1: [1], 2: []}
    assert read_ways(history, as_of="2026-10-31T12:00") == {1: [1, 2], 2: []}
    assert read_ways(history, as_of="2026-10-31") == read_ways(history) == {1: [1, 2], 2: []}
    assert history.list_datasets(as_of="2026-10-31T10:30", as_count=True) == 1
    assert history.get_dataset(match_id=1, as_of="2026-10-31T10:30").revisions[-1].revision_id == 0
    assert history.list_datasets(as_of="2026-10-31T10:30", where="match_id > 1") == []


def test_what_was_deleted_since_is_named(history, caplog):
    with at_hour(14):
        history.store.delete_datasets([history.get_dataset(match_id=2)])
    caplog.clear()
    assert read_ways(history, as_of="2026-10-31T11:30") == {1: [1]}
    said = {record.getMessage() for record in caplog.records}
    assert said == {
        "1 dataset that the lake had at 2026-10-31 11:30 UTC was deleted since: mine/match/match_id=2/season_id=9."
    }
    caplog.clear()
    assert read_ways(history, as_of="2026-10-31T10:30") == {1: [1]}, "the other one was not there yet"
    assert read_ways(history, as_of="2026-10-31T11:30", match_id=1) == {1: [1]}
    assert read_ways(history, as_of="2026-10-31T14:00") == {1: [1, 2]}
    assert not caplog.records


def test_as_of_goes_with_no_ingest_and_with_no_other_call(history):
    with pytest.raises(ConfigurationError, match="as_of reads the lake as it was; leave auto_ingest out"):
        history.iter_datasets(auto_ingest=True, as_of="2026-10-31")
    with pytest.raises(ValueError, match="'soon' is no date and no time"):
        history.iter_datasets(as_of="soon")
    with pytest.raises(ConfigurationError, match="'as_of' is an option and no filter"):
        history.load(as_of="2026-10-31")


def test_a_clock_that_was_put_back_leaves_no_gap_among_the_revisions(source):
    with get_dev_engine(source, "match") as engine:
        for hour, count in ((10, 1), (14, 2), (12, 3), (9, 4)):
            source.feeds["events"] = [{"id": number} for number in range(count)]
            with at_hour(hour):
                engine.load(match_id=1)
        dataset = engine.get_dataset(match_id=1)
        three = dataset.at(revision=2)
        for moment, last in (("2026-10-31T13:00", 2), ("2026-10-31T11:00", 0), ("2026-10-31T15:00", 2)):
            then = three.at(moment)
            assert [one.revision_id for one in then.revisions] == list(range(last + 1))
            assert then == three.as_of(dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC))
            assert then.at(revision=last) is then
        assert dataset.at("2026-10-31T09:30") is dataset, "the last revision was committed by then"


def test_every_way_to_ask_says_what_was_deleted_since(history, caplog):
    with at_hour(14):
        history.store.delete_datasets([history.get_dataset(match_id=2)])
    then = "2026-10-31T11:30"
    said = "1 dataset that the lake had at 2026-10-31 11:30 UTC was deleted since: mine/match/match_id=2/season_id=9."
    with pytest.raises(DatasetNotFound, match=said):
        history.get_dataset(match_id=2, as_of=then)
    with at_hour(15):
        history.load(match_id=2)  # it has another id
    with pytest.raises(DatasetNotFound, match=said):
        history.get_dataset(match_id=2, as_of=then)
    for ask in (
        lambda: history.list_datasets(as_of=then, as_count=True),
        lambda: history.store.get_dataset_collection(as_of=then, metadata_only=True),
    ):
        caplog.clear()
        ask()
        assert [record.getMessage() for record in caplog.records] == [said]
    caplog.clear()
    assert len(history.list_datasets(as_of=then, where="match_id == 1")) == 1
    assert not caplog.records, "the deleted one does not meet the condition"


def test_of_a_moment_before_all_it_is_said(history, caplog):
    caplog.clear()
    history.list_datasets(as_of="2026-10-31T09:59", match_id=1)
    assert [record.getMessage() for record in caplog.records] == [
        "None of the 1 match with match_id=1 was in the lake yet at 2026-10-31 09:59 UTC."
    ]
