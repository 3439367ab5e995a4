"""Reading the lake through the store."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ingestify import DatasetResource, DatasetState, Source, debug_source
from ingestify.errors import ConfigurationError, DatasetNotFound, IntegrityError, LoadError

AT = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)


class Two(Source):
    """Twelve matches of two seasons; events in two versions, and line-ups."""

    provider = "two"

    def discover_selectors(self, dataset_type):
        return [{"season_id": 1}, {"season_id": 2}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id, **_):
        for number in range(6):
            resource = DatasetResource(
                {"match_id": 10 * season_id + number}, dataset_type, state="PARTIAL" if number == 0 else "COMPLETE"
            )
            resource.add_file(AT + dt.timedelta(days=number), "events", "v9", json_content={"v": 9})
            resource.add_file(AT, "events", "v10", json_content={"v": 10})
            resource.add_file(AT, "lineups", json_content=["a", "b"])
            yield resource


@pytest.fixture(scope="module")
def store() -> Any:
    with debug_source(Two("two"), dataset_type="match") as engine:
        yield engine.store


def ids(datasets: Any) -> list[int]:
    return sorted(dataset.identifier["match_id"] for dataset in datasets)


def test_filters_narrow_and_compare_by_value(store):
    assert len(store.get_dataset_collection()) == 12
    assert ids(store.get_dataset_collection(season_id="2")) == list(range(20, 26))
    assert ids(store.get_dataset_collection(match_id=[10, "21", 99])) == [10, 21]
    assert ids(store.get_dataset_collection(state=["partial"])) == [10, 20]
    assert ids(store.get_dataset_collection(dataset_state=["partial"])) == [10, 20]
    assert ids(store.get_dataset_collection(dataset_state=DatasetState.PARTIAL, season_id=1)) == [10]
    assert len(store.get_dataset_collection(provider="nobody")) == 0
    assert len(store.get_dataset_collection(match_id=[])) == 0


def test_metadata_can_be_had_without_the_datasets(store):
    collection = store.get_dataset_collection(season_id=1, metadata_only=True)
    assert len(collection) == 0
    assert collection.first() is None
    assert (collection.metadata.row_count, collection.metadata.last_modified) == (6, AT + dt.timedelta(days=5))


def test_pages_together_are_everything_once(store):
    pages = [store.get_dataset_collection(page=page, page_size=5) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [5, 5, 2, 0]
    assert sorted(match_id for page in pages for match_id in ids(page)) == ids(store.get_dataset_collection())
    for arguments in ({"page": 1}, {"page": 0, "page_size": 5}, {"page_size": 0}):
        with pytest.raises(ValueError, match="page"):
            store.get_dataset_collection(**arguments)


def test_a_collection_finds_by_identifier(store, caplog):
    collection = store.get_dataset_collection()
    assert collection.get({"match_id": "12", "season_id": 1}).identifier["match_id"] == 12
    assert collection.get(season_id=1, match_id=12) is collection.get({"season_id": 1, "match_id": 12})
    assert collection.get({"match_id": 99, "season_id": 1}) is None
    assert caplog.messages == []
    assert collection.get(matchid=12) is None
    message = "None of the 12 datasets has the identifier key 'matchid'; did you mean 'match_id'? The keys are"
    assert caplog.messages == [f"{message} season_id, match_id."]


def test_batches_cover_everything(store):
    assert len(list(store.iter_dataset_collection_batches(batch_size=5))) == 12
    batches = list(store.iter_dataset_collection_batches(batch_size=5, yield_dataset_collection=True, season_id=1))
    assert [len(batch) for batch in batches] == [5, 1]
    assert batches[0].metadata.row_count == 6
    with pytest.raises(ValueError, match="batch_size"):
        store.iter_dataset_collection_batches(batch_size=0)


@pytest.mark.parametrize("lazy", [True, False])
def test_files_are_the_providers_bytes_and_the_highest_version_comes_first(store, lazy):
    dataset = store.get_dataset_collection(match_id=12).first()
    with store.load_files(dataset, lazy=lazy) as files:
        assert len(files) == 3
        assert files.get_file("events").data_spec_version == "v10"
        assert files.get_file("events", "v9").json() == {"v": 9}
        assert files.get_file("lineups").stream.read() == b'["a","b"]'
        assert files.find_file("360-frames") is files.get_file("360-frames") is None
        with pytest.raises(LoadError, match="'360-frames'; the files are: events__v10, events__v9, lineups__v1"):
            files.require_file("360-frames")
    assert [file.file_id for file in store.load_files(dataset, data_feed_keys=["lineups"])] == ["lineups__v1"]


def test_a_stream_can_be_rewound(store):
    dataset = store.get_dataset_collection(match_id=12).first()
    stream = store.load_files(dataset, lazy=True).get_file("lineups").stream
    assert stream.read(4) == b'["a"'
    assert stream.seek(0) == 0
    assert stream.read() == b'["a","b"]'
    assert stream.seek(-3, 2) == 6
    assert stream.read() == b'b"]'


def test_a_damaged_object_is_an_integrity_error(store):
    dataset = store.get_dataset_collection(match_id=23).first()
    path = dataset.files["lineups__v1"].storage_path
    content, stored = store.storage._objects[path]
    for damaged in (content[:-3], b"garbage" + content):
        store.storage._objects[path] = (damaged, stored)
        with pytest.raises(IntegrityError, match="damaged"):
            store.load_files(dataset)
    store.storage._objects[path] = (content, stored)
    assert store.load_files(dataset).get_file("lineups").json() == ["a", "b"]


def test_a_file_cache_reads_each_file_once(store, monkeypatch):
    dataset = store.get_dataset_collection(match_id=12).first()
    opened = []
    real_open = store.storage.open
    monkeypatch.setattr(store.storage, "open", lambda path: opened.append(path) or real_open(path))
    with store.with_file_cache() as cached:
        for one in (cached, store, cached):
            assert one.load_files(dataset, ["lineups"]).get_file("lineups").json() == ["a", "b"]
        assert len(opened) == 1
    store.load_files(dataset, ["lineups"])
    assert len(opened) == 2
    cached = store.with_file_cache()
    for _ in range(2):
        cached.load_files(dataset, ["lineups"])
    assert len(opened) == 3


def test_a_dataset_that_is_not_there_says_where_to_look(store):
    with pytest.raises(DatasetNotFound, match=r"engine.list_datasets\(\)"):
        store.get_dataset("nobody")


def test_job_summaries_can_be_read(store):
    jobs = store.load_ingestion_job_summaries()
    assert {job.selector["season_id"] for job in jobs} == {1, 2}
    assert sum(len(job.tasks) for job in jobs) == 12
    assert len(store.load_ingestion_job_summaries(limit=1)) == 1


def test_a_condition_on_metadata_narrows_every_way_of_reading() -> None:
    class WithScores(Source):
        provider = "scores"

        def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
            for number in range(6):
                resource = DatasetResource({"match_id": number}, dataset_type, metadata={"score": {"home": number}})
                yield resource.add_file(AT, "events", json_content=[number])

    where = "metadata.score.home > 3 or match_id == 0"
    with debug_source(WithScores("scores"), dataset_type="match") as engine:
        collection = engine.store.get_dataset_collection(where=where)
        assert sorted(one.identifier["match_id"] for one in collection) == [0, 4, 5]
        assert collection.metadata.row_count == 3
        page = engine.store.get_dataset_collection(where=where, page=2, page_size=2)
        assert list(page) == list(collection)[2:]
        assert page.metadata.row_count == 3
        assert len(engine.list_datasets(where=where, match_id=[0, 1, 5])) == 2
        assert len(list(engine.iter_datasets(where=where, batch_size=1))) == 3
        streamed = engine.iter_datasets(where=where, auto_ingest={"streaming": True})
        assert sorted(one.identifier["match_id"] for one in streamed) == [0, 4, 5]
        with pytest.raises(ConfigurationError, match="where, column 12: "):
            engine.iter_datasets(where="metadata.x = 1")


def test_a_dataset_is_shown_on_one_line(store):
    dataset = store.get_dataset_collection(match_id=11).first()
    assert (
        repr(dataset) == "Dataset(two/match/season_id=1/match_id=11, 'season_id=1/match_id=11', COMPLETE, revision 0)"
    )
    assert repr(dataset.current_revision) == "Revision(0, VALID: events__v9, events__v10, lineups__v1)"
