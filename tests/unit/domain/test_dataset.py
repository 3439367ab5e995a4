from __future__ import annotations

import copy
import pickle

import pytest

from ingestify import DatasetCreated, DatasetResource, Source, Subscriber, get_dev_engine
from ingestify.errors import LoadError


class Passes(Source):
    provider = "mine"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield (
            DatasetResource({"match_id": 1}, dataset_type)
            .add_file(None, "events", "v8", json_content=[{"id": 1}])
            .add_file(None, "events", "v9", json_content=[{"id": 2}, {"id": 3}])
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
