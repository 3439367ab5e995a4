"""Opening a lake in each way, and trying a source out."""

from __future__ import annotations

import pytest

from ingestify import (
    ConfigurationError,
    DatasetResource,
    Source,
    debug_source,
    get_datastore,
    get_dev_engine,
    get_engine,
)
from ingestify.storage.local import LocalStorage


class Keywords(Source):
    """A source that cannot list its selectors, and takes any."""

    provider = "news"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield DatasetResource({"article_id": 1}, dataset_type).add_file(None, "text", json_content=dict(selector))


class Seasons(Source):
    provider = "news"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, season_id):
        yield DatasetResource({"article_id": 1}, dataset_type).add_file(None, "text", json_content=season_id)


def test_a_source_is_tried_out_with_a_selector_of_its_own():
    with debug_source(Keywords("k"), dataset_type="article", keyword="arsenal") as engine:
        (dataset,) = engine.list_datasets()
        assert dataset.identifier == {"keyword": "arsenal", "article_id": 1}
        assert engine.store.load_files(dataset).get_file("text").json() == {"keyword": "arsenal"}


def test_a_selector_that_is_missing_is_named():
    with pytest.raises(ConfigurationError, match="lacks season_id"):
        debug_source(Seasons("s"), dataset_type="article")


def test_a_development_lake_can_be_kept(tmp_path):
    for new in (1, 0):
        with get_dev_engine(
            Seasons("s"), "article", dev_dir=tmp_path / "dev", selectors=[{"season_id": [1, 2]}]
        ) as engine:
            assert engine.load().totals.new == 2 * new


def test_urls_are_below_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with get_engine(metadata_url="sqlite:///lake/catalog.db", file_url="file://lake/files/") as engine:
        assert engine.store.bucket == "main"
        assert isinstance(engine.store.storage, LocalStorage)
        assert engine.store.storage.root == tmp_path / "lake" / "files"
    assert (tmp_path / "lake" / "catalog.db").exists()
    store = get_datastore(metadata_url="sqlite:///lake/catalog.db", file_url="file://lake/files/", bucket="other")
    assert store.bucket == "other"
    store.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metadata_url": "sqlite:///x.db"}, "both"),
        ({"metadata_url": "sqlite:///x.db", "file_url": "s3://bucket"}, "'s3://' is not supported"),
        ({"metadata_url": "sqlite:///x.db", "file_url": "lake/files"}, "no URL"),
        ({"metadata_url": "oracle://me:secret@host/db", "file_url": "file://x"}, "sqlite"),
        ({"metadata_url": "vault+aws://secret", "file_url": "file://x"}, "vault"),
        ({"config_file": "nowhere.yaml"}, "nowhere.yaml"),
    ],
)
def test_what_cannot_be_opened_is_a_configuration_error_that_says_why(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=message) as raised:
        get_engine(**arguments)
    assert "secret@" not in str(raised.value)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_the_concurrency_must_be_a_number(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INGESTIFY_CONCURRENCY", value)
    with pytest.raises(ConfigurationError, match="INGESTIFY_CONCURRENCY"):
        get_engine()


def test_the_http_client_is_there_only_with_an_engine():
    source = Keywords("k")
    with pytest.raises(ConfigurationError, match="no HTTP client yet"):
        _ = source.http
    with get_dev_engine(source, "article"):
        assert source.http is not None


def test_nothing_is_destroyed_by_leaving_everything_out(tmp_path):
    with debug_source(Keywords("k"), dataset_type="article", keyword="a") as engine:
        with pytest.raises(ConfigurationError, match="needs a dataset_id"):
            engine.destroy_dataset()
        assert engine.destroy_dataset(keyword="b") == 0
        assert engine.destroy_dataset(keyword="a") == 1
        assert engine.list_datasets() == []
