from __future__ import annotations

import builtins

import pytest

from ingestify import DatasetResource, Source, debug_source, get_engine
from ingestify.errors import IntegrityError, LoadError, MissingExtraError
from ingestify.store.compression import compress


class Bare(Source):
    """A StatsBomb match that has one feed, and not the line-ups."""

    provider = "statsbomb"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield DatasetResource({"match_id": 1}, dataset_type).add_file(None, "events", json_content=[])


def test_a_feed_that_is_missing_is_named():
    with debug_source(Bare("bare"), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        with pytest.raises(LoadError, match=r"match_id=1 cannot be loaded .* 'lineups'; the files are: events__v1"):
            engine.load_dataset_with_kloppy(dataset)


def test_a_kind_that_has_no_loader_says_which_have():
    with debug_source(Bare("bare"), dataset_type="video") as engine:
        (dataset,) = engine.list_datasets()
        with pytest.raises(LoadError, match=r"no kloppy loader for statsbomb/video; there is for .*statsbomb/match"):
            engine.load_dataset_with_kloppy(dataset)


class WithLineups(Bare):
    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        (resource,) = super().find_datasets(dataset_type, data_spec_versions, dataset_collection_metadata)
        yield resource.add_file(None, "lineups", json_content=[])


@pytest.mark.parametrize("feed", ["events", "lineups"])
def test_a_damaged_object_is_not_read_as_a_match(feed):
    with debug_source(WithLineups("bare"), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        objects = engine.store.storage._objects
        path = dataset.files[f"{feed}__v1"].storage_path
        objects[path] = (compress("zstd", b"{}"), objects[path][1])  # JSON as well, and of the same length
        with pytest.raises(IntegrityError, match=f"{feed}__v1.* damaged: its bytes have the sha256 .*verify --repair"):
            engine.load_dataset_with_kloppy(dataset)


def test_a_missing_object_says_so_itself():
    with debug_source(WithLineups("bare"), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        engine.store.storage.delete([dataset.files["events__v1"].storage_path])
        with pytest.raises(IntegrityError, match="events__v1"):
            engine.load_dataset_with_kloppy(dataset)


def test_without_kloppy_the_extra_is_named(monkeypatch):
    real_import = builtins.__import__

    def without_kloppy(name, *args, **kwargs):
        if name.partition(".")[0] == "kloppy":
            raise ModuleNotFoundError("No module named 'kloppy'", name="kloppy")
        return real_import(name, *args, **kwargs)

    with debug_source(Bare("bare"), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        monkeypatch.setattr(builtins, "__import__", without_kloppy)
        with pytest.raises(MissingExtraError, match=r"pip install -e '\.\[kloppy\]'"):
            engine.load_dataset_with_kloppy(dataset)


def test_no_dataset_is_told_from_a_broken_one(tmp_path):
    with get_engine(metadata_url="sqlite:///:memory:", file_url=f"file://{tmp_path}") as engine:
        nothing = engine.store.get_dataset_collection(match_id=1).first()
        with pytest.raises(LoadError, match=r"it is None, as \.first\(\) is where no dataset matches"):
            engine.load_dataset_with_kloppy(nothing)
