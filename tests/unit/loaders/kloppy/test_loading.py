from __future__ import annotations

import builtins
import json

import pytest

from ingestify import DatasetResource, IngestionPlan, Source, debug_source, get_dev_engine, get_engine
from ingestify.errors import ConfigurationError, IntegrityError, LoadError, MissingExtraError
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.store.objects.compression import compress
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support import hawkeye_documents as hawkeye


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
        said = f"{feed}__v1.* damaged: its bytes have the sha256 .*verify\\(repair=True\\)"
        with pytest.raises(IntegrityError, match=said):
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


def test_a_missing_dataset_differs_from_a_broken_one(tmp_path):
    with get_engine(metadata_url="sqlite:///:memory:", file_url=f"file://{tmp_path}") as engine:
        nothing = engine.store.get_dataset_collection(match_id=1).first()
        with pytest.raises(LoadError, match=r"it is None, as \.first\(\) is where no dataset matches"):
            engine.load_dataset_with_kloppy(nothing)


class InAFormat(Source):
    """Tracking of Hawk-Eye, of a provider with another name."""

    provider = "club"
    loader: object = {"tracking": "hawkeye"}

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        resource = DatasetResource({"match_id": 1}, dataset_type)
        for feed, content in (("ball", hawkeye.ball(1)), ("centroids", hawkeye.centroids(1))):
            resource.add_file(None, feed, json_content=json.loads(content))
        yield resource


def test_the_format_stays_with_the_dataset(tmp_path):
    lake = {"metadata_url": f"sqlite:///{tmp_path}/catalog.db", "file_url": f"file://{tmp_path}/files"}
    with get_engine(**lake) as engine:
        engine.add_ingestion_plan(IngestionPlan(InAFormat("deliveries"), "tracking"))
        engine.load()
    with get_engine(**lake) as engine:  # which knows of no source
        (dataset,) = engine.list_datasets()
        assert (dataset.loader, str(dataset.state)) == ("hawkeye", "COMPLETE")
        assert len(engine.load_dataset_with_kloppy(dataset).records) == hawkeye.FRAMES_PER_MINUTE


def test_the_sources_current_format_counts_more_than_the_stored_one():
    class Corrected(InAFormat):
        loader = ""

    source = Corrected("deliveries")
    with debug_source(source, dataset_type="tracking") as engine:
        (dataset,) = engine.list_datasets()
        assert dataset.loader == "club"
        with pytest.raises(LoadError, match=r"no kloppy loader for club/tracking.*say which: loader=…, or `loader:`"):
            engine.load_dataset_with_kloppy(dataset)
        by_hand = engine.load_dataset_with_kloppy(dataset, loader="hawkeye")
        source.loader = "hawkeye"
        assert len(engine.load_dataset_with_kloppy(dataset).records) == len(by_hand.records) > 0


def test_a_source_that_names_no_loader_that_there_is_is_refused():
    class Misspelt(InAFormat):
        loader = "hawkey"

    with pytest.raises(ConfigurationError, match="The source 'x': there is no loader 'hawkey'; did you mean 'hawkeye'"):
        debug_source(Misspelt("x"), dataset_type="tracking")


def test_arguments_for_kloppy_are_passed_on():
    with debug_source(InAFormat("x"), dataset_type="tracking") as engine:
        (dataset,) = engine.list_datasets()
        assert len(engine.load_dataset_with_kloppy(dataset, limit=5).records) == 5
        with pytest.raises(TypeError, match="limt"):
            engine.load_dataset_with_kloppy(dataset, limt=5)


def test_a_null_that_kloppy_stumbles_over_is_an_error_that_names_the_match():
    class WithoutPlaces(Source):
        """Of PySport/kloppy#609: a null where kloppy wants a value, and it raises a TypeError."""

        provider = "wyscout"

        def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
            yield DatasetResource({"match_id": 1}, dataset_type).add_file(
                None, "events", json_content={"events": None, "teams": {}, "players": {}}
            )

    with debug_source(WithoutPlaces("nulls"), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        with pytest.raises(LoadError, match=r"kloppy cannot read wyscout/match/match_id=1: TypeError: 'NoneType'"):
            engine.load_dataset_with_kloppy(dataset)


def test_an_argument_that_kloppy_does_not_know_is_the_callers():
    with debug_source(WithLineups("bare"), dataset_type="match") as engine:
        (dataset,) = engine.list_datasets()
        with pytest.raises(TypeError, match="unexpected keyword argument 'coordinate'; did you mean 'coordinates'"):
            engine.load_dataset_with_kloppy(dataset, coordinate="statsbomb")
        with pytest.raises(
            TypeError, match=r"statsbomb\.load\(\) .* did you mean 'three_sixty'\? It takes .*event_types"
        ):
            engine.load_dataset_with_kloppy(dataset, threesixty=False)


@pytest.mark.slow
def test_freeze_frames_are_left_out_where_that_is_wanted():
    with (
        Simulator(Season(matches=1, seed=3, matches_with_360=1, events_per_match=400)) as provider,
        get_dev_engine(StatsBombGithub("open", base_url=provider.base_url), "match") as engine,
    ):
        engine.load()
        (dataset,) = engine.list_datasets()
        assert "360-frames" in {file.data_feed_key for file in dataset.files.values()}
        framed = engine.load_dataset_with_kloppy(dataset)
        plain = engine.load_dataset_with_kloppy(dataset, three_sixty=False)
        frames, of_shots = (sum(bool(event.freeze_frame) for event in one) for one in (framed, plain))
        assert frames > of_shots > 0, "a shot has one without that feed"
        assert len(plain) == len(framed)
