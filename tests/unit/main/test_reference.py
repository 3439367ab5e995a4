"""A lake and its datasets are passed to other processes."""

from __future__ import annotations

import concurrent.futures
import copy
import multiprocessing
import os
import pickle

import pytest

from ingestify import DatasetResource, IngestionPlan, Source, get_datastore, get_dev_engine, get_engine
from ingestify.errors import LoadError
from ingestify.main.place import Place
from ingestify.main.reference import LakeReference, reference_of
from ingestify.masking import hide
from ingestify.store.dataset_store import DatasetStore


class Passes(Source):
    provider = "mine"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for match in range(3):
            yield DatasetResource({"match_id": match}, dataset_type).add_file(
                None, "events", json_content=[{"id": number} for number in range(match)]
            )


@pytest.fixture
def folder(tmp_path):
    with get_engine(tmp_path / "lake") as engine:
        engine.add_ingestion_plan(IngestionPlan(Passes("mine"), "match"))
        engine.load()
    return tmp_path / "lake"


def count_events(dataset):
    """Run in another process."""
    return os.getpid(), id(dataset.__dict__["_reader"]), dataset.to_polars("events").height


def count_datasets(store):
    return len(store.get_dataset_collection())


@pytest.fixture
def pool():
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as made:
        yield made


def test_datasets_are_read_in_another_process_which_opens_the_lake_once(folder, pool):
    store = get_datastore(folder)
    datasets = list(store.get_dataset_collection())
    counted = list(pool.map(count_events, datasets))
    assert sorted(number for _, _, number in counted) == [0, 1, 2]
    assert len({(process, reader) for process, reader, _ in counted}) == 1
    assert counted[0][0] != os.getpid()
    assert pool.submit(count_datasets, store).result() == 3
    at_first = store.get_dataset(match_id=2).at(revision=0)
    assert pool.submit(count_events, at_first).result()[2] == 2
    store.close()


def test_a_lake_of_a_config_file_is_named_by_its_path(folder, tmp_path, monkeypatch):
    config = tmp_path / "config.yaml"
    config.write_text("main: {metadata_url: 'sqlite:///lake/catalog.db', file_url: 'file://lake/files/'}\n")
    monkeypatch.chdir(tmp_path)
    with get_engine("config.yaml") as engine:
        monkeypatch.chdir("/")
        text = pickle.dumps(engine.store)
        assert str(config).encode() in text
        assert b"catalog.db" not in text
        restored = pickle.loads(text)
        assert isinstance(restored, DatasetStore)
        assert count_datasets(restored) == 3
        assert pickle.loads(text) is restored, "a process opens it once"
        dataset = engine.get_dataset(match_id=2)
        for other in (copy.copy(dataset), pickle.loads(pickle.dumps(dataset))):
            assert other == dataset
            assert other.to_polars("events").height == 2
        restored.close()


def test_relative_urls_are_those_of_the_process_that_opened_it(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    store = get_datastore(metadata_url="sqlite:///lake/catalog.db", file_url="file://lake/files/", bucket="main")
    monkeypatch.chdir("/")
    restored = pickle.loads(pickle.dumps(store))
    assert count_datasets(restored) == 3
    restored.close()
    store.close()


def test_secrets_are_not_pickled(folder, tmp_path):
    urls = Place(metadata_url="postgresql://me:hush@localhost/lake", file_url=f"file://{tmp_path}/files/")
    assert reference_of(urls, "main", None) == "its URL has a password or another secret"
    files = Place(metadata_url="sqlite:///lake/catalog.db", file_url="s3://bucket/lake")
    why = reference_of(files, "main", {"secret_access_key": "hush"})
    assert why == "its file_options, which may hold secrets, were given in Python"
    store = get_datastore(folder)
    store.reference = why
    with pytest.raises(pickle.PicklingError, match=r"another process: its file_options.* by a config\.yaml"):
        pickle.dumps(store)
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@localhost/lake",
        "postgresql://me:hu@sh@localhost/lake",
        "postgresql://me:@localhost/lake",
        "postgresql://me@localhost/lake?password=hush",
        "postgresql://me@localhost/lake?options=a@b",
        "postgresql://in-hiding@localhost/lake",
    ],
)
def test_no_password_is_in_a_reference(url, tmp_path):
    hide("in-hiding")
    place = Place(metadata_url=url, file_url=f"file://{tmp_path}/files/")
    assert reference_of(place, "main", None) == "its URL has a password or another secret"


@pytest.mark.parametrize(
    "url", ["postgresql://me@localhost/lake", "mysql://me@db.example:3307/lake", "postgresql://m%40e@localhost/lake"]
)
def test_a_databases_user_name_is_no_secret(url, tmp_path):
    reference = reference_of(Place(metadata_url=url, file_url=f"file://{tmp_path}/files/"), "main", None)
    assert isinstance(reference, LakeReference)
    assert pickle.loads(pickle.dumps(reference)).metadata_url == url


def test_a_user_name_of_an_object_store_may_be_a_key(tmp_path):
    place = Place(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url="s3://AKIAEXAMPLE@bucket/lake")
    assert reference_of(place, "main", None) == "its URL has a password or another secret"


def test_a_lake_in_memory_stays_where_it_is():
    with get_dev_engine(Passes("mine"), "match") as engine:
        engine.load()
        with pytest.raises(pickle.PicklingError, match="it is in memory"):
            pickle.dumps(engine.store)
        lost = pickle.loads(pickle.dumps(engine.list_datasets()[0]))
        with pytest.raises(
            LoadError, match="know its lake since it was copied or pickled, because it is in memory: use"
        ):
            lost.to_polars("events")
        assert engine.list_datasets()[0].at(revision=0).to_polars("events").height == 0


def test_an_engine_says_what_to_pass_in_its_place(folder):
    with get_engine(folder) as engine, pytest.raises(pickle.PicklingError, match=r"pass engine\.store"):
        pickle.dumps(engine)


def test_a_lake_that_may_only_be_read_is_read(folder):
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    store = get_datastore(folder)
    assert {one.to_polars("events").height for one in store.get_dataset_collection()} == {0, 1, 2}
    store.close()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
