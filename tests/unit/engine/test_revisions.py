"""Reading a dataset as it was after an earlier revision."""

from __future__ import annotations

import datetime as dt

import pytest

from ingestify import DatasetResource, Source, get_dev_engine
from ingestify.errors import DatasetNotFound, LoadError

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


@pytest.mark.parametrize("number", [3, -4])
def test_a_revision_that_is_not_there_is_an_error(engine, number):
    with pytest.raises(LoadError, match=rf"has no revision {number}; it has the revisions 0 to 2"):
        engine.get_dataset(match_id=1).at(revision=number)
    with pytest.raises(LoadError, match="its only revision is 0"):
        engine.get_dataset(match_id=2).at(revision=number)


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
    with pytest.raises(LoadError, match=r"Several datasets are meant: mine/match/match_id=1.*match_id=2"):
        engine.get_dataset(season_id=9)
    with pytest.raises(DatasetNotFound, match=r"match_id=3"):
        engine.get_dataset(match_id=3)
    with pytest.raises(DatasetNotFound, match=r"no dataset with the id 'nothing'"):
        engine.get_dataset("nothing")
    with pytest.raises(LoadError, match="Give get_dataset an id, or filters"):
        engine.get_dataset()
