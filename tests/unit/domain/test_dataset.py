from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import pickle

import pytest

from ingestify import DatasetCreated, DatasetResource, Source, Subscriber, get_dev_engine
from ingestify.domain.dataset import Dataset
from ingestify.errors import LoadError

FIELDS = [field.name for field in dataclasses.fields(Dataset)]


class Passes(Source):
    provider = "mine"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield (
            DatasetResource({"match_id": 1}, dataset_type)
            .add_file(None, "events", "v8", json_content=[{"id": 1}])
            .add_file(None, "events", "v9", json_content=[{"id": 2}, {"id": 3}])
            .add_file(None, "line-ups", json_content=[])
        )


@pytest.fixture
def engine():
    with get_dev_engine(Passes("mine"), "match") as made:
        yield made


def test_a_dataset_of_a_lake_gives_its_feeds_as_data_frames(engine):
    engine.load()
    (listed,) = engine.list_datasets()
    got = engine.store.get_dataset(listed.dataset_id)
    (collected,) = engine.store.get_dataset_collection()
    for dataset in (listed, got, collected):
        assert dataset.to_polars("events")["id"].to_list() == [2, 3], "the highest version"
        assert list(dataset.to_pandas("events", "v8")["id"]) == [1]
    with pytest.raises(LoadError, match="no file of the feed 'lineups'"):
        got.to_polars("lineups")


def test_a_dataset_of_a_stream_and_of_an_event_does_so_too(engine):
    seen = []

    class Reader(Subscriber):
        def on_dataset_created(self, event: DatasetCreated) -> None:
            seen.append(event.dataset.to_polars("events").height)

    engine.store.publisher.add_subscriber(Reader(engine.store))
    (streamed,) = engine.iter_datasets(auto_ingest={"streaming": True})
    assert streamed.to_polars("events").height == 2
    assert seen == [2]


def test_the_lake_is_no_part_of_what_a_dataset_is(engine):
    engine.load()
    (dataset,) = engine.list_datasets()
    copied, restored = copy.copy(dataset), pickle.loads(pickle.dumps(dataset))
    assert dataset == copied == restored
    assert "_reader" not in repr(dataset)
    for other in (copied, restored):
        with pytest.raises(LoadError, match=r"mine/match/match_id=1 does not know its lake.*store\.load_files"):
            other.to_polars("events")


def test_a_file_is_got_by_its_feed_where_it_has_one_version(engine):
    engine.load()
    (dataset,) = engine.list_datasets()
    with engine.store.load_files(dataset) as files:
        for got in (dataset.files, dataset.current_revision.files, files):
            assert got["events__v8"].data_spec_version == "v8"
            assert got["line-ups"].file_id == "line-ups__v1"
            with pytest.raises(LoadError, match=r"'events' has a file of each of .*'events__v8', 'events__v9'"):
                got["events"]
            with pytest.raises(
                LoadError, match=r"no file of the feed 'event'; the files are: .*; did you mean 'events'\?"
            ):
                got["event"]
        assert files[0] is files["events__v8"]
    assert "line-ups" not in dataset.files
    assert dataset.files.get("line-ups") is None


class Cup(Source):
    """Two seasons, in which one match has the same number."""

    provider = "mine"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for season, match in ((1, 10), (1, 11), (2, 10)):
            yield DatasetResource({"season_id": season, "match_id": match}, dataset_type).add_file(
                None, "events", json_content=[]
            )
        yield DatasetResource({"season_id": 2}, dataset_type).add_file(None, "table", json_content=[])


def test_a_collection_is_asked_with_a_part_of_the_identifier():
    with get_dev_engine(Cup("cup"), "match") as engine:
        engine.load()
        found = engine.store.get_dataset_collection()
        assert str(found.get(match_id="11")) == "mine/match/season_id=1/match_id=11"
        assert str(found.get({"match_id": 10}, season_id=2)) == "mine/match/season_id=2/match_id=10"
        assert str(found.get(season_id=2)) == "mine/match/season_id=2", "the whole identifier goes before a part"
        assert found.get(match_id=12) is None
        assert found.get(competition_id=1) is None
        with pytest.raises(
            ValueError, match=r"2 datasets have match_id=10, such as mine/match/season_id=\d/match_id=10"
        ):
            found.get(match_id=10)
        with pytest.raises(TypeError, match=r"with its keys: get\(match_id=11\)\."):
            found.get(11)


def test_the_revisions_of_a_stored_dataset_are_made_at_their_first_use_and_once(engine):
    engine.load()
    (whole,) = engine.list_datasets()
    made = []

    def read():
        made.append(whole.revisions)
        return whole.revisions

    stored = Dataset.stored({name: getattr(whole, name) for name in FIELDS if name != "revisions"}, read, None)
    assert stored.name == whole.name
    assert not made
    assert stored == whole
    assert stored.files == whole.files
    assert len(made) == 1
    with pytest.raises(AttributeError, match="'Dataset' object has no attribute 'revision'"):
        stored.revision  # noqa: B018


def test_the_revisions_of_a_dataset_as_it_was_are_made_at_their_first_use(engine):
    engine.load()
    (whole,) = engine.list_datasets()
    (revision,) = whole.revisions
    made = []

    def read():
        made.append(1)
        return whole.revisions

    known = {name: getattr(whole, name) for name in FIELDS if name != "revisions"}
    stored = Dataset.stored(known, read, revision.created_at)
    assert stored.as_of(revision.created_at) is stored
    earlier = stored.as_of(revision.created_at - dt.timedelta(seconds=1))
    listed = earlier.with_plain_feeds()
    assert (listed.name, listed.missing_feeds) == (whole.name, ())
    assert not made, "a list of many datasets looks at the revisions of none"
    assert listed.last_modified_at is None
    assert (listed.revisions, listed.feeds, listed.updated_at) == ((), {}, whole.created_at)
    assert listed == earlier == copy.copy(earlier)
    assert made == [1]
    assert stored.revisions == whole.revisions


@pytest.mark.parametrize("copy_of", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_of_a_stored_dataset_has_its_revisions(engine, copy_of):
    engine.load()
    (stored,) = engine.list_datasets()
    copied = copy_of(stored)
    assert vars(copied).keys() == {*FIELDS, "_why_lost"}
    assert copied == stored
