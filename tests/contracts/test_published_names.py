"""The names of the contract's section "As the published package has it", row by row, as users' code has them."""

from __future__ import annotations

import copy
import datetime as dt
import importlib
import inspect
import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ingestify
from ingestify import DatasetResource, DataSpecVersionCollection, DraftFile, Identifier, Selector
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support.command_line import shared_command_line

DOMAIN = """Source, DatasetResource, FileResource, Dataset, DatasetState, DatasetCollection, DatasetSummary, Revision,
RevisionState, File, DraftFile, NotModifiedFile, Identifier, Selector, DataSpecVersionCollection, FetchPolicy,
IngestionPlan, Subscriber, DomainEvent, DatasetCreated, RevisionAdded, MetadataUpdated, RevisionInvalidated,
DatasetSkipped, SelectorSkipped""".replace("\n", " ")
DATASET = "ingestify.domain.models.dataset"
MODULES = {
    "ingestify.domain": DOMAIN,
    "ingestify.source_base": DOMAIN,
    "ingestify.domain.models": DOMAIN,
    DATASET: "Dataset, DatasetCollection, DatasetState, DraftFile, File, Identifier, Revision, RevisionAdded, Selector",
    f"{DATASET}.dataset": "Dataset, DatasetCollection, DatasetState",
    f"{DATASET}.dataset_state": "DatasetState",
    f"{DATASET}.file": "File, DraftFile, NotModifiedFile",
    f"{DATASET}.revision": "Revision, RevisionState",
    f"{DATASET}.events": "DatasetCreated, RevisionAdded, MetadataUpdated, RevisionInvalidated, DatasetSkipped",
    f"{DATASET}.identifier": "Identifier",
    f"{DATASET}.selector": "Selector",
    "ingestify.domain.models.event": "Subscriber, DomainEvent",
    "ingestify.domain.models.ingestion.ingestion_plan": "IngestionPlan",
    "ingestify.domain.models.fetch_policy": "FetchPolicy",
    "ingestify.infra.event_log": "EventLogConsumer",
    "ingestify.exceptions": "IngestifyError, ConfigurationError, DuplicateFile, SaveError, StopProcessing, FatalError",
}
NAMES = [
    pytest.param(module, name, id=f"{module}.{name}") for module, names in MODULES.items() for name in names.split(", ")
]


# ---- Modules that re-export ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_the_name_is_the_same_object_at_the_published_path(module, name):
    assert getattr(importlib.import_module(module), name) is getattr(ingestify, name)


def test_the_remaining_names_are_at_their_published_paths():
    from ingestify.infra.event_log import EventLogSubscriber
    from ingestify.infra.source.statsbomb_github import StatsBombGithub
    from ingestify.sources import statsbomb_github
    from ingestify.utils import utcnow

    assert StatsBombGithub is statsbomb_github.StatsBombGithub
    assert issubclass(EventLogSubscriber, ingestify.Subscriber)
    assert utcnow().utcoffset() == dt.timedelta(0)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("module", MODULES)
def test_a_published_path_can_be_imported_first(module):
    code = f"import {module} as m, sys; m.Dataset if {module!r} == 'ingestify.domain' else 0"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_module_of_the_domain_is_still_found_below_it():
    with pytest.raises(ImportError, match="Datasets"):
        from ingestify.domain import Datasets  # noqa: F401
    with pytest.raises(AttributeError, match=r"'ingestify\.domain' has no attribute 'nothing'"):
        _ = importlib.import_module("ingestify.domain").nothing
    from ingestify.domain import formats

    assert inspect.ismodule(formats)


def test_dotted_types_of_published_paths_work_in_a_config(tmp_path: Path):
    (tmp_path / "config.yaml").write_text(
        "main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n"
        "sources: {statsbomb: {type: ingestify.infra.source.statsbomb_github.StatsBombGithub}}\n"
        "ingestion_plans:\n"
        "  - {source: statsbomb, dataset_type: match, fetch_policy: ingestify.domain.models.fetch_policy.FetchPolicy}\n"
        "event_subscribers:\n"
        "  - {type: ingestify.infra.event_log.EventLogSubscriber}\n"
        "  - {type: ingestify.domain.models.event.Subscriber}\n"
    )
    with ingestify.get_engine(tmp_path / "config.yaml") as engine:
        (plan,) = engine.ingestion_plans
    assert (plan.source.provider, type(plan.fetch_policy)) == ("statsbomb", ingestify.FetchPolicy)


# ---- Names: values -------------------------------------------------------------------------------------------


def test_a_selector_is_built_with_its_versions():
    versions = DataSpecVersionCollection.from_dict({"default": {"v1"}, "events": {"v9", "v8"}})
    selector = Selector.build({"competition_id": 11, "_name": "La Liga"}, data_spec_versions=versions)
    assert (selector.attributes, selector.name) == ({"competition_id": 11}, "La Liga")
    assert selector.data_spec_versions == {"default": ("v1",), "events": ("v8", "v9")}
    assert Selector.build({"a": 1}, data_spec_versions={"events": "v8"}).data_spec_versions == {"events": ("v8",)}
    assert Selector.build({"a": 1}).data_spec_versions is None


def test_a_source_is_asked_for_the_versions_of_the_selector():
    asked = []

    class Asked(ingestify.Source):
        provider = "asked"

        def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
            asked.append((selector["season_id"], dict(data_spec_versions)))
            return []

    selectors = [Selector.build({"season_id": 1}, data_spec_versions={"events": "v8"}), Selector({"season_id": 2})]
    with ingestify.get_dev_engine(Asked("a"), "match", {"match": "v6"}, selectors=selectors) as engine:
        engine.load()
        twice = [Selector.build({"season_id": 1}, data_spec_versions={"events": "v8"}), Selector({"season_id": 1})]
        engine.add_ingestion_plan(ingestify.IngestionPlan(Asked("b"), "match", selectors=twice))
        with pytest.raises(ingestify.ConfigurationError, match=r"season_id=1 twice.*all of its feeds in one"):
            engine.load(source="b", raise_errors=True)
    assert sorted(asked) == [(1, {"events": ("v8",)}), (2, {"match": ("v6",)})]


def test_an_identifier_is_made_of_keywords_and_is_a_dict():
    identifier = Identifier(competition_id=1, match_id=2)
    assert (
        identifier
        == Identifier({"competition_id": 1}, match_id="2")
        == Identifier([("match_id", 2), ("competition_id", 1)])
    )
    assert identifier.key == str(identifier) == "competition_id=1/match_id=2"
    assert json.loads(json.dumps(identifier)) == dict(identifier) == {"competition_id": 1, "match_id": 2}
    same = {"match_id": "2", "competition_id": 1}
    assert (identifier != same, identifier != {"match_id": 2}) == (False, True)


def test_an_identifier_can_be_copied_and_never_changed():
    identifier = Identifier(match_id=2)
    assert copy.deepcopy(identifier) == pickle.loads(pickle.dumps(identifier)) == copy.copy(identifier) == identifier
    for change in (
        lambda: identifier.update(match_id=3),
        lambda: identifier.pop("match_id"),
        lambda: identifier.setdefault("season_id", 3),
        lambda: identifier.__setitem__("match_id", 3),
        lambda: identifier.__ior__({"match_id": 3}),
        identifier.clear,
        identifier.popitem,
    ):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    assert identifier == {"match_id": 2}


def test_the_version_of_a_feed_that_is_not_wanted_is_none():
    versions = DataSpecVersionCollection.from_dict({"match": "v6"})
    assert (versions.get_version("match"), versions.get_version("events")) == ("v6", None)
    assert versions.get_version("events", default="v1") == "v1"
    assert DataSpecVersionCollection.from_dict({"default": "v2"}).get_version("events") == "v2"


def test_the_errors_that_stop_a_run_have_their_exit_codes():
    assert (ingestify.StopProcessing.exit_code, ingestify.FatalError("x").exit_code) == (2, 1)


# ---- A lake with two matches ---------------------------------------------------------------------------------


class Matches(ingestify.Source):
    """Two matches with events and lineups, and what a test sets besides."""

    provider = "small"

    def __init__(self, name: str = "small") -> None:
        super().__init__(name)
        self.listed = [1, 2]
        self.goals = 0
        self.error: BaseException | None = None

    def discover_selectors(self, dataset_type):
        return [{"season_id": 90}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, *, season_id, **filters):
        if self.error is not None:
            raise self.error
        at = dt.datetime(2024, 5, 1 + self.goals, tzinfo=dt.UTC)
        for match_id in self.listed:
            resource = DatasetResource({"match_id": match_id}, dataset_type, name=f"match {match_id}")
            resource.add_file(at, "events", json_content={"goals": self.goals, "match_id": match_id})
            yield resource.add_file(at, "lineups", json_content=["A", "B"])


@pytest.fixture
def engine():
    with ingestify.get_dev_engine(Matches(), "match") as made:
        made.load()
        yield made


@pytest.fixture
def store(engine):
    return engine.store


@pytest.fixture
def dataset(store):
    return store.get_dataset_collection(match_id=1).first()


# ---- Names: what is read -------------------------------------------------------------------------------------


def test_a_dataset_is_dumped_as_values_and_as_json(dataset):
    dumped = dataset.model_dump()
    assert (dumped["name"], dumped["identifier"]) == ("match 1", {"season_id": 90, "match_id": 1})
    assert (dumped["state"], dumped["created_at"]) == (dataset.state, dataset.created_at)
    assert [file["file_id"] for file in dumped["revisions"][0]["modified_files"]] == ["events__v1", "lineups__v1"]
    text = json.loads(dataset.model_dump_json())
    assert (text["state"], text["created_at"]) == ("COMPLETE", dataset.created_at.isoformat())
    assert text == dataset.model_dump(mode="json")
    assert dataset.model_dump_json(indent=2).startswith('{\n  "dataset_id"')


def test_files_revisions_events_and_resources_are_dumped(store, dataset):
    revision = dataset.current_revision
    assert revision.model_dump()["state"] is revision.state
    assert json.loads(revision.model_dump_json())["revision_id"] == 0
    file = dataset.files["events"]
    assert file.model_dump()["tag"] == json.loads(file.model_dump_json())["tag"] == file.tag
    assert store.load_files(dataset)["events"].model_dump() == file.model_dump()
    draft = json_file("events", "[]").model_dump(mode="json")
    assert (draft["file_id"], draft["modified_at"], "stream" in draft) == ("events__v1", None, False)
    event = ingestify.RevisionAdded(dataset=dataset)
    assert event.model_dump()["dataset"] == dataset.model_dump()
    assert event.to_dict() == json.loads(event.model_dump_json())
    assert event.to_dict()["event_type"] == "revision_added"


def test_a_resource_is_dumped_without_secrets():
    resource = DatasetResource({"match_id": 1}, "match", "small", state="partial").add_file(
        dt.datetime(2024, 5, 1), "events", url="https://small.test/1?token=hush", http_options={"auth": ("me", "hush")}
    )
    dumped = json.loads(resource.model_dump_json())
    assert (dumped["dataset_resource_id"], dumped["state"]) == ({"match_id": 1}, "PARTIAL")
    assert dumped["files"]["events__v1"]["last_modified"] == "2024-05-01T00:00:00+00:00"
    assert "hush" not in str(resource.model_dump())


def test_a_revision_has_its_files_by_id(dataset):
    files = dataset.current_revision.modified_files_map
    assert {file_id: file.size for file_id, file in files.items()}.keys() == {"events__v1", "lineups__v1"}


def test_a_file_collection_is_read_like_a_dict(store, dataset):
    files = store.load_files(dataset)
    assert [file_id for file_id, _ in files.items()] == list(files.keys()) == ["events__v1", "lineups__v1"]
    assert [file.data_feed_key for file in files.values()] == ["events", "lineups"]
    assert files["events__v1"] is files.get_file("events") is dict(files.items())["events__v1"]
    assert dict(files) == dict(files.items())
    assert ("events__v1" in files, "events" in files, files["lineups"] in files) == (True, True, True)
    assert ("events__v9" in files, "tracking" in files) == (False, False)


def test_a_file_that_is_not_there_is_none(store, dataset):
    files = store.load_files(dataset)
    assert (files.get_file("tracking"), files.get_file("events", "v9")) == (None, None)
    with pytest.raises(ingestify.LoadError, match=r"no file of the feed 'tracking'; the files are: events__v1"):
        _ = files["tracking"]


def test_a_stream_is_at_its_beginning_each_time(store, dataset):
    for lazy in (False, True):
        files = store.load_files(dataset, lazy=lazy)
        assert json.load(files.get_file("events").stream) == json.load(files.get_file("events").stream)
        assert files.get_file("events").stream is files.get_file("events").stream
        stream = store.load_files(dataset, lazy=lazy, auto_rewind=False).get_file("lineups")
        assert (stream.stream.read(2), stream.stream.read()) == (b'["', b'A","B"]')


def test_a_file_is_the_same_object_within_the_cache(store, dataset):
    with store.with_file_cache() as cached:
        first, second = (one.load_files(dataset).get_file("events") for one in (cached, store))
        assert first is second
        assert first.stream is second.stream
        assert cached.load_files(dataset, auto_rewind=False).get_file("events") is not first
    assert store.load_files(dataset).get_file("events") is not first


def test_another_thread_has_files_of_its_own_within_the_cache(store, dataset):
    with store.with_file_cache(), ThreadPoolExecutor(1) as pool:
        mine = store.load_files(dataset)["events"]
        theirs = pool.submit(lambda: store.load_files(dataset)["events"]).result()
        assert mine is not theirs


def test_a_file_that_is_shared_stays_open_for_the_others(store, dataset):
    with store.with_file_cache():
        stream = store.load_files(dataset, auto_rewind=False)["events"].stream
        with store.load_files(dataset, auto_rewind=False) as files:
            assert files["events"].stream is stream
        assert json.load(stream) == {"goals": 0, "match_id": 1}


# ---- Names: the store ----------------------------------------------------------------------------------------


def json_file(feed: str, content: str, **attributes) -> DraftFile:
    return DraftFile.from_input(content, feed, data_serialization_format="json", **attributes)


def test_a_selector_and_a_list_of_ids_choose_datasets(store):
    one, two = (store.get_dataset_collection(match_id=number).first() for number in (1, 2))
    assert list(store.get_dataset_collection(selector=Selector({"match_id": 1, "_name": "first"}))) == [one]
    assert list(store.get_dataset_collection(selector={"season_id": 90}, match_id=2)) == [two]
    assert len(store.get_dataset_collection(dataset_id=[two.dataset_id, one.dataset_id])) == 2
    assert list(store.get_dataset_collection(dataset_id=[two.dataset_id, "nothing"])) == [two]
    assert list(store.iter_dataset_collection_batches(dataset_id=[one.dataset_id])) == [one]


def test_no_ids_are_no_datasets(store, caplog):
    assert list(store.get_dataset_collection(dataset_id=[])) == []
    assert "None of the 2 matches has one of the 0 ids" in caplog.text


def test_a_stream_knows_a_list_of_ids(engine):
    ids = [dataset.dataset_id for dataset in engine.list_datasets(match_id=2)]
    found = list(engine.iter_datasets(auto_ingest={"streaming": True}, dataset_id=ids))
    assert [dataset.dataset_id for dataset in found] == ids


def test_only_the_metadata_of_a_collection_is_read(store):
    collection = store.get_dataset_collection(metadata_only=True)
    assert (len(collection), collection.metadata.count) == (0, 2)
    assert collection.metadata.last_modified == dt.datetime(2024, 5, 1, tzinfo=dt.UTC)


def test_summaries_come_by_identifier(store, dataset):
    summaries = store.get_dataset_summary_map(provider="small", dataset_type="match")
    assert summaries.keys() == {dataset.identifier, Identifier(season_id=90, match_id=2)}
    summary = summaries[dataset.identifier]
    assert (summary.has_revisions, summary.last_modified) == (True, dataset.last_modified_at)
    assert len(store.get_dataset_summary_map(match_id=2)) == 1
    store.create_dataset("note", "me", dataset.identifier, "of the same match")
    assert len(store.get_dataset_summary_map("match", "small")) == 2
    with pytest.raises(
        ingestify.ConfigurationError, match=r"have one identifier; give .* the provider and the dataset"
    ):
        store.get_dataset_summary_map()


def test_a_store_creates_updates_and_destroys_datasets(store):
    heard = []

    class Heard(ingestify.Subscriber):
        def handle(self, event):
            heard.append(event.event_type)

    store.publisher.add_subscriber(Heard(store))
    made = store.create_dataset(
        dataset_type="note",
        provider="me",
        dataset_identifier=Identifier(match_id=1),
        name="my score",
        state=ingestify.DatasetState.PARTIAL,
        metadata={"by": "me"},
        files={"score__v1": json_file("score", '{"home":1}')},
        revision_source={"tool": "mine"},
        description="watched it",
    )
    assert store.get_dataset(made.dataset_id) == made
    assert (made.name, made.state, made.metadata) == ("my score", "PARTIAL", {"by": "me"})
    assert (made.current_revision.description, made.current_revision.source) == ("watched it", {"tool": "mine"})
    assert store.load_files(made)["score"].json() == {"home": 1}

    revised = store.add_revision(made, [json_file("score", '{"home":2}'), json_file("shots", "[]")])
    assert [len(one.modified_files) for one in revised.revisions] == [1, 2]
    assert store.add_revision(revised, [json_file("shots", "[]")]).current_revision == revised.current_revision
    described = store.update_dataset(store.get_dataset(made.dataset_id), state="complete", metadata={"by": "you"})
    assert (described.is_complete, described.name, described.metadata) == (True, "my score", {"by": "you"})
    assert heard == ["dataset_created", "revision_added", "revision_added", "metadata_updated"]

    assert (store.destroy_dataset(described), store.destroy_dataset(described)) == ([made.dataset_id], [])
    assert not store.get_dataset_collection(provider="me")


def test_what_is_written_by_hand_is_checked_and_all_or_nothing(store, dataset):
    with pytest.raises(ingestify.IntegrityError, match=r"events__v1 is refused: .*Nothing was written"):
        store.add_revision(dataset, [json_file("notes", "{}"), json_file("events", '{"half":')])
    with pytest.raises(ingestify.DuplicateFile, match="notes__v1 is there twice"):
        store.add_revision(dataset, [json_file("notes", "{}"), json_file("notes", "[]")])
    for name, version in (("x" * 300, "v1"), ("a\0b", "v1"), ("", "v1"), ("notes", "")):
        with pytest.raises(ingestify.SourceError, match=r"The file '|A file's id"):
            store.add_revision(dataset, [json_file(name, "{}", data_spec_version=version)])
    with pytest.raises(ingestify.SourceError, match="A file's data_serialization_format 'x"):
        store.add_revision(dataset, [DraftFile.from_input("", "notes", data_serialization_format="x" * 300)])
    assert store.get_dataset(dataset.dataset_id) == dataset
    store.add_revision(dataset, [json_file("notes", "{}")])
    with pytest.raises(ingestify.SaveError, match="was changed since it was read; nothing was written"):
        store.add_revision(dataset, [json_file("notes", "[]")])
    with pytest.raises(ingestify.SaveError, match="match_id=1 exists already"):
        store.create_dataset("match", "small", dataset.identifier, "the same")
    with pytest.raises(ingestify.ConfigurationError, match="dataset_type"):
        store.create_dataset("no\0type", "small", {"match_id": 1}, "n")
    with pytest.raises(ingestify.ConfigurationError, match="provider '' is empty"):
        store.create_dataset("match", "", {"match_id": 1}, "n")
    with pytest.raises(ingestify.SourceError, match=r"A file is a str; make a DraftFile of it"):
        store.create_dataset("note", "me", {"match_id": 1}, "n", files={"notes__v1": "{}"})


def test_a_dataset_that_is_written_without_a_name_has_that_of_its_identifier(store):
    for number, name in enumerate((None, "", 5), 1):
        made = store.create_dataset("note", "me", {"match_id": number}, name)
        assert made.name == str(name or f"match_id={number}")
        assert store.update_dataset(made, name="").name == made.name


def test_a_lake_that_code_writes_is_made_and_verified(tmp_path: Path):
    urls = {"metadata_url": f"sqlite:///{tmp_path}/catalog.db", "file_url": f"file://{tmp_path}/files"}
    with ingestify.get_engine(**urls) as engine:
        written = engine.store.create_dataset("note", "me", {"match_id": 1}, "n", files=[json_file("score", "{}")])
        engine.store.add_revision(written, [json_file("large", json.dumps("x" * 5_000_000))])
        assert not engine.verify().left
        assert engine.collect_garbage(older_than=dt.timedelta(0)).objects == 0
    with ingestify.get_engine(**urls) as engine:
        (read,) = engine.list_datasets()
        assert [len(file.read()) for file in engine.store.load_files(read)] == [2, 5_000_002]


def test_a_store_reads_with_kloppy(tmp_path: Path):
    store = ingestify.get_datastore(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/f")
    made = store.create_dataset("match", "me", {"match_id": 1}, "n", files=[json_file("events", "[]")])
    with pytest.raises(ingestify.LoadError, match="no kloppy loader for me/match"):
        store.load_with_kloppy(made)
    with pytest.raises(ingestify.LoadError, match="'lineups'; the files are: events__v1"):
        store.load_with_kloppy(made, loader="statsbomb")
    with pytest.raises(ingestify.LoadError, match="There is no dataset"):
        store.load_with_kloppy(None)
    store.close()


def test_a_store_creates_the_indexes_of_its_config(tmp_path: Path):
    (tmp_path / "config.yaml").write_text(
        "main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n"
        "dataset_types: [{provider: me, dataset_type: note, identifier_index: true, identifier_keys: {match_id: {}}}]\n"
    )
    store = ingestify.get_datastore(tmp_path / "config.yaml")
    store.create_dataset("note", "me", {"match_id": 1}, "n")
    made, dropped = store.create_indexes()
    assert (len(made), dropped, store.create_indexes()) == (1, [], ([], []))
    store.close()
    with (
        ingestify.get_dev_engine(Matches(), "match") as engine,
        pytest.raises(ingestify.ConfigurationError, match="without a config"),
    ):
        engine.store.create_indexes()


# ---- Names: the engine ---------------------------------------------------------------------------------------


def test_the_ids_of_destroyed_datasets_are_returned(engine, dataset, caplog):
    with pytest.raises(ingestify.ConfigurationError, match="match_id=None, which narrows nothing"):
        engine.destroy_dataset(selector={"match_id": None}, provider="small")
    with pytest.raises(ingestify.ConfigurationError, match="needs a dataset_id or a filter"):
        engine.destroy_dataset(selector={})
    assert engine.destroy_dataset(dataset_id="nothing") == []
    assert "None of the 2 matches has the id 'nothing'" in caplog.text
    assert engine.destroy_dataset(dataset_id=dataset.dataset_id) == [dataset.dataset_id]
    (other,) = engine.list_datasets()
    assert engine.destroy_dataset(provider="small", match_id=2) == [other.dataset_id]


def test_datasets_are_counted(engine):
    assert (engine.list_datasets(as_count=True), engine.list_datasets(as_count=True, match_id=[1, 7])) == (2, 1)


def test_the_events_of_a_load_are_yielded_while_it_runs():
    with ingestify.get_dev_engine(Matches(), "match") as engine:
        events = engine.load(async_yield_events=True)
        assert engine.last_report is None
        assert sorted(event.event_type for event in events) == ["dataset_created"] * 2 + ["revision_added"] * 2
        assert engine.last_report.totals.new == 2
        assert [event.event_type for event in engine.load(async_yield_events=True, match_id=1)] == ["dataset_skipped"]
        (source,) = (plan.source for plan in engine.ingestion_plans)
        source.goals = 1
        for event in engine.load(async_yield_events=True):
            assert engine.store.get_dataset(event.dataset.dataset_id) == event.dataset
            break
        source.error = ValueError("the index is broken")
        assert list(engine.load(async_yield_events=True)) == []
        assert engine.last_report.error is source.error
        with pytest.raises(ValueError, match="the index is broken"):
            list(engine.load(async_yield_events=True, raise_errors=True))
        source.error = ingestify.FatalError("the key is wrong")
        with pytest.raises(ingestify.FatalError, match="the key is wrong"):
            list(engine.load(async_yield_events=True))


def test_the_datasets_of_a_loads_events_know_their_lake():
    with ingestify.get_dev_engine(Matches(), "match") as engine:
        seen = set()
        for _ in range(2):
            for event in engine.load(async_yield_events=True):
                seen.add(event.event_type)
                for dataset in (event.dataset, event.dataset.at(revision=0)):
                    assert dataset.to_polars("events")["match_id"].to_list() == [dataset.identifier["match_id"]]
        assert seen == {"dataset_created", "revision_added", "dataset_skipped"}


def test_the_reader_of_events_may_write_to_the_lake_in_its_loop():
    source = Matches()
    source.listed = range(80)  # more events than may wait for the reader
    with ingestify.get_dev_engine(source, "match") as engine:
        created = 0
        for event in engine.load(async_yield_events=True):
            if event.event_type == "dataset_created" and event.dataset.provider == "small":
                identifier = event.dataset.identifier
                engine.store.create_dataset("note", "me", identifier, "seen", files=[json_file("notes", "{}")])
                created += 1
        assert (created, engine.list_datasets(as_count=True, provider="me")) == (80, 80)


def test_load_takes_the_options_of_auto_ingest(engine, caplog):
    (source,) = (plan.source for plan in engine.ingestion_plans)
    source.goals = 1
    assert engine.load(auto_ingest_config={"enabled": False}).jobs == ()
    assert "enabled: False" in caplog.text
    assert engine.load(auto_ingest_config={"enabled": True}, provider="small").totals.revised == 2
    with pytest.raises(ingestify.ConfigurationError, match="use_open_data needs to know"):
        engine.load(auto_ingest_config={"use_open_data": True})
    with pytest.raises(ingestify.ConfigurationError, match="unknown option 'open_data'"):
        engine.load(auto_ingest_config={"open_data": True})


def test_load_takes_open_data(tmp_path: Path):
    urls = {"metadata_url": f"sqlite:///{tmp_path}/catalog.db", "file_url": f"file://{tmp_path}/files"}
    with (
        Simulator(Season(matches=2, competition_id=43, season_id=106)) as provider,
        ingestify.get_engine(**urls) as lake,
    ):
        config = {"use_open_data": True, "configuration": {"base_url": provider.base_url}}
        report = lake.load(provider="statsbomb", dataset_type="match", auto_ingest_config=config, season_id=106)
        assert report.totals.new == 2


@pytest.mark.parametrize(("auto_ingest", "number"), [({"enabled": True}, 1), ({"enabled": False}, 0), (True, 1)])
def test_auto_ingest_can_be_enabled_in_a_dict(engine, auto_ingest, number):
    (source,) = (plan.source for plan in engine.ingestion_plans)
    source.goals = 1
    found = list(engine.iter_datasets(auto_ingest=auto_ingest, match_id=2))
    assert [dataset.revisions[-1].revision_id for dataset in found] == [number]


def test_outside_of_all_plans_is_a_warning_and_nothing(engine, caplog):
    report = engine.load(provider="statsbomb")
    assert (report.state, report.jobs, engine.last_report) == ("FINISHED", (), report)
    assert caplog.messages[0].startswith("No ingestion plan has the provider 'statsbomb'. There is small.")
    caplog.clear()
    assert list(engine.iter_datasets(auto_ingest=True, provider="statsbomb")) == []
    assert list(engine.load(async_yield_events=True, source="other")) == []
    assert len(list(engine.iter_datasets(auto_ingest={"streaming": True}, dataset_type="macth"))) == 0
    text = caplog.text
    assert text.count("No ingestion plan has the provider 'statsbomb'") == 1
    assert "No ingestion plan has the source 'other'" in text
    assert "No ingestion plan has the dataset type 'macth'; did you mean 'match'?" in text


def test_without_plans_what_the_lake_has_is_read(tmp_path: Path, caplog):
    urls = {"metadata_url": f"sqlite:///{tmp_path}/catalog.db", "file_url": f"file://{tmp_path}/files"}
    with ingestify.get_engine(**urls) as engine:
        engine.store.create_dataset("note", "me", {"match_id": 1}, "n")
        assert [dataset.name for dataset in engine.iter_datasets(auto_ingest=True)] == ["n"]
    assert "There is no ingestion plan" in caplog.text


def test_summaries_of_jobs_have_their_published_names():
    source = Matches()
    with ingestify.get_dev_engine(source, "match") as engine:
        engine.load()
        source.goals = 1
        source.listed = [1, 2, 3]
        engine.load(match_id=[2, 3])
        second, first = engine.store.load_ingestion_job_summaries()
        engine.load(match_id=1, dry_run=True)
        (dry,) = engine.last_report.jobs
    assert first.ingestion_job_summary_id != second.ingestion_job_summary_id
    assert first.ingestion_job_id
    assert (second.source_name, second.dataset_type, second.state) == ("small", "match", "FINISHED")
    counts = "total_tasks", "successful_tasks", "failed_tasks", "skipped_tasks"
    assert [getattr(second, name) for name in counts] == [2, 2, 0, 0]
    assert [getattr(dry, name) for name in counts] == [1, 1, 0, 0]
    assert sorted(str(task.outcome) for task in second.task_summaries) == ["new", "revised"]
    assert second.duration == second.ended_at - second.started_at > dt.timedelta(0)


def test_failed_and_unchanged_datasets_are_counted_as_tasks():
    class Failing(Matches):
        def find_datasets(self, *arguments, **options):
            *ready, failing = super().find_datasets(*arguments, **options)
            yield from ready
            yield failing.mark_failed("no") if self.goals else failing

    source = Failing()
    with ingestify.get_dev_engine(source, "match") as engine:
        engine.load()
        assert [engine.load().jobs[0].skipped_tasks, engine.last_report.jobs[0].failed_tasks] == [2, 0]
        source.goals = 1
        job = engine.load().jobs[0]
    assert (job.total_tasks, job.successful_tasks, job.failed_tasks) == (2, 1, 1)


# ---- Names: events -------------------------------------------------------------------------------------------


def test_the_event_log_is_read_by_the_url_of_the_catalogue(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/catalog.db"
    with ingestify.get_engine(metadata_url=url, file_url=f"file://{tmp_path}/files") as engine:
        engine.store.create_dataset("note", "me", {"match_id": 1}, "n")
    got = []
    with ingestify.EventLogConsumer(url, reader_name="mine") as consumer:
        assert consumer.run(got.append) == 0
        assert consumer.run(got.append) == 0
        with pytest.raises(ingestify.ConfigurationError, match=r"EventLogConsumer\.from_config"):
            consumer.load_files(got[0].dataset)
    assert [event.event_type for event in got] == ["dataset_created"]
    missing = f"sqlite:///{tmp_path}/other/catalog.db"
    with ingestify.EventLogConsumer(missing, "mine") as consumer, pytest.raises(ingestify.IngestifyError, match="lake"):
        consumer.run(got.append)


@pytest.mark.parametrize("hook", ["handle", "handle_many"])
def test_a_subscriber_can_handle_every_event_in_one_method(engine, hook):
    heard = []

    class Every(ingestify.Subscriber):
        pass

    def handle(self, event):
        heard.append(event.event_type)

    def handle_many(self, events):
        heard.extend(event.event_type for event in events)

    setattr(Every, hook, {"handle": handle, "handle_many": handle_many}[hook])
    engine.store.publisher.add_subscriber(Every(engine.store))
    (source,) = (plan.source for plan in engine.ingestion_plans)
    engine.load(match_id=1)
    source.goals = 1
    engine.load(match_id=1)
    assert heard == ["dataset_skipped", "revision_added"]


@pytest.mark.slow
def test_logging_is_configured_only_if_asked_for():
    code = """
import ingestify, logging, sys
class Empty(ingestify.Source):
    provider = "empty"
    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        return []
for configure in (False, True):
    ingestify.debug_source(Empty("empty"), dataset_type="match", configure_logging=configure).close()
    print(len(logging.root.handlers), logging.getLogger("ingestify").getEffectiveLevel())
ingestify.get_dev_engine(Empty("empty"), "match", configure_logging=True).close()
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n") == ["0 30", "1 20", ""]
    assert "INFO ingestify" in ran.stderr


def test_the_next_run_keeps_files_written_by_hand_and_brings_the_provider_s_back(engine, dataset):
    written = engine.store.add_revision(dataset, [json_file("events", '{"goals":9}'), json_file("notes", "{}")])
    assert written.revisions[-1].revision_id == 1
    assert engine.load().totals.revised == 1
    (after,) = engine.list_datasets(match_id=1)
    assert engine.store.load_files(after)["events"].json() == {"goals": 0, "match_id": 1}
    assert sorted(after.files) == ["events__v1", "lineups__v1", "notes__v1"]
    assert engine.load().totals.unchanged == 2


# ---- Behaviour -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_delete_takes_provider_dataset_type_and_keys(tmp_path: Path):
    urls = {"metadata_url": f"sqlite:///{tmp_path}/lake/catalog.db", "file_url": f"file://{tmp_path}/lake/files"}
    with ingestify.get_engine(**urls) as engine:
        for number, kind in ((1, "note"), (2, "note"), (1, "score"), (None, "note")):
            engine.store.create_dataset(kind, "me", {"match_id": number}, f"{kind} {number}")

    def delete(what: str) -> int:
        return shared_command_line().run(tmp_path, "delete", what, "--yes", "--lake", "lake").code

    assert delete("provider=/match_id=") == 1
    assert delete("me/note/match_id=") == 0  # as `list` shows it
    assert delete("provider=me/dataset_type=note/match_id=1") == 0
    with ingestify.get_engine(**urls) as engine:
        assert sorted(dataset.name for dataset in engine.list_datasets()) == ["note 2", "score 1"]
    assert delete("provider=you/dataset_type=note/match_id=2") == 1
    assert delete("provider=me/dataset_type=note") == 0
    with ingestify.get_engine(**urls) as engine:
        assert [dataset.name for dataset in engine.list_datasets()] == ["score 1"]
