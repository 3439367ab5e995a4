"""Which lake is meant, and what is said where there is none."""

from __future__ import annotations

import ast
import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from ingestify import ConfigurationError, EventLogConsumer, Source, get_datastore, get_dev_engine, get_engine
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.resource import DatasetResource
from ingestify.errors import LakeNotFound, StoreError
from ingestify.main.place import Place, find_nearest_lake, find_place
from tests.support.unprivileged import start_unprivileged, unprivileged_only


class One(Source):
    provider = "one"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield DatasetResource({"match_id": 1}, dataset_type).add_file(None, "text", json_content=[1])


def fill(folder: Path) -> None:
    with get_engine(folder) as engine:
        engine.add_ingestion_plan(IngestionPlan(One("one"), "match"))
        assert engine.load().created_lake == str(folder)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that a person works in, which is in that person's home."""
    work = tmp_path / "home" / "work"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return work


READERS = {
    "list": lambda engine: engine.list_datasets(),
    "iterate": lambda engine: list(engine.iter_datasets()),
    "collection": lambda engine: engine.store.get_dataset_collection(),
    "totals": lambda engine: engine.store.totals(),
    "jobs": lambda engine: engine.store.load_ingestion_job_summaries(),
    "quarantine": lambda engine: engine.store.quarantine.list_entries(),
    "garbage": lambda engine: engine.collect_garbage(),
    "destroy": lambda engine: engine.destroy_dataset(match_id=1),
    "invalidate": lambda engine: engine.store.invalidate_revisions(engine.list_datasets()),
    "identity": lambda engine: engine.store.identity.check(),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("named", [None, "lake", "deep/er/lake"])
def test_reading_makes_nothing_and_says_where_there_is_no_lake(here, read, named):
    with get_engine(named) as engine:
        assert list(here.iterdir()) == []
        with pytest.raises(LakeNotFound, match=r"There is no .*lake") as raised:
            read(engine)
    assert str(here / (named or "database")) in str(raised.value)
    assert "use_open_data" in str(raised.value)
    assert list(here.iterdir()) == []


def test_a_dry_run_makes_nothing_and_a_run_says_where_it_made_the_lake(here):
    with get_engine("lake") as engine:
        engine.add_ingestion_plan(IngestionPlan(One("one"), "match"))
        with pytest.raises(LakeNotFound):
            engine.load(dry_run=True)
        assert list(here.iterdir()) == []
        report = engine.load()
        assert report.created_lake == str(here / "lake")
        assert f"created the lake in {here / 'lake'}" in repr(report)
        assert engine.load().created_lake == ""
        assert len(engine.list_datasets()) == 1
    assert {"catalog.db", "files"} <= {one.name for one in (here / "lake").iterdir()}


def test_auto_ingest_makes_the_lake(here):
    with get_engine("lake") as engine:
        engine.add_ingestion_plan(IngestionPlan(One("one"), "match"))
        assert len(list(engine.iter_datasets(auto_ingest=True))) == 1
    with get_engine("other") as engine:
        engine.add_ingestion_plan(IngestionPlan(One("one"), "match"))
        assert len(list(engine.iter_datasets(auto_ingest={"streaming": True}))) == 1
    assert (here / "other" / "catalog.db").is_file()


def test_a_lake_that_another_process_makes_meanwhile_is_found(here):
    with get_engine("lake") as reader:
        with pytest.raises(LakeNotFound):
            reader.list_datasets()
        fill(here / "lake")
        assert len(reader.list_datasets()) == 1


def test_a_database_without_the_tables_of_a_lake_is_none(here):
    fill(here / "lake")
    config = here / "config.yaml"
    config.write_text(
        "main: {metadata_url: 'sqlite:///lake/catalog.db', file_url: 'file://lake/files',"
        " metadata_options: {table_prefix: x_}}"
    )
    before = (here / "lake" / "catalog.db").read_bytes()
    with get_engine(config) as engine, pytest.raises(LakeNotFound, match=r"catalog\.db has no tables of one"):
        engine.list_datasets()
    assert (here / "lake" / "catalog.db").read_bytes() == before


def test_an_empty_file_is_no_lake_and_one_of_something_else_is_refused(here):
    (here / "lake").mkdir()
    (here / "lake" / "catalog.db").touch()
    with get_engine("lake") as engine, pytest.raises(LakeNotFound):
        engine.list_datasets()
    assert (here / "lake" / "catalog.db").stat().st_size == 0
    (here / "lake" / "catalog.db").write_text("notes " * 1000)
    with pytest.raises(StoreError, match="is not a database"):
        get_engine("lake")


# ---- how it is named ---------------------------------------------------------------------------------------


def test_the_home_folder_is_known_wherever_a_place_is_named(here, monkeypatch):
    home = here.parent
    fill(home / "lake")
    (home / "config.yaml").write_text(
        "main: {metadata_url: 'sqlite:///~/lake/catalog.db', file_url: 'file://~/lake/files/'}\n"
    )
    monkeypatch.setenv("INGESTIFY_CONFIG_FILE", "~/config.yaml")
    by_urls = {"metadata_url": "sqlite:///~/lake/catalog.db", "file_url": "file://~/lake/files"}
    for named in ({"config_file": "~/lake"}, {"config_file": Path("~/config.yaml")}, {}, by_urls):
        with get_engine(**named) as engine:
            (dataset,) = engine.list_datasets()
            assert engine.store.load_files(dataset).get_file("text").json() == [1]
    with get_dev_engine(One("one"), "match", dev_dir="~/dev") as engine:
        assert engine.list_datasets() == []
    assert (home / "dev" / "catalog.db").is_file()
    assert list(here.iterdir()) == []


def test_a_folder_with_a_configuration_and_no_catalogue_means_that(here):
    project = here / "project"
    project.mkdir()
    (project / "config.yaml").write_text(
        "main: {metadata_url: 'sqlite:///data/catalog.db', file_url: 'file://data/files/', default_bucket: other}\n"
    )
    fill(project / "data")
    with get_engine("project") as engine:
        assert engine.store.bucket == "other"
        assert engine.store.where == str(project / "data")
    with contextlib.closing(get_datastore("project/data")) as store:
        assert (store.bucket, len(store.get_dataset_collection())) == ("main", 1)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_what_another_user_left_in_a_folder_is_not_its_configuration(here):
    (here / "shared").mkdir()
    planted = here / "shared" / "config.yaml"
    planted.write_text("main: {metadata_url: 'sqlite:///catalog.db', file_url: 'file://files'}")
    os.chown(planted, 12345, 12345)
    with pytest.raises(ConfigurationError, match="was found and is not used"):
        get_engine("shared")


def test_a_consumer_of_events_takes_a_folder_and_makes_none(here, caplog):
    with EventLogConsumer.from_config("lake", reader_name="me") as consumer, pytest.raises(LakeNotFound):
        consumer.run(print)
    assert list(here.iterdir()) == []
    assert caplog.text == ""  # of no locks that cannot be made, either
    fill(here / "lake")
    heard = []
    with EventLogConsumer.from_config("lake", reader_name="me") as consumer:
        assert consumer.run(lambda event: heard.append(consumer.load_files(event.dataset)["text__v1"].json())) == 0
    assert heard
    assert all(content == [1] for content in heard)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lake", {"metadata_url": "sqlite:///x.db", "file_url": "file://x"}), "give one kind"),
        (("nowhere.yaml", {}), "nowhere.yaml does not exist"),
        (("lake/catalog.db", {}), "name the folder of both, lake"),
        ((None, {"file_url": "file://x"}), "both"),
        (("sqlite:///lake/catalog.db", {}), "is a URL.*metadata_url"),
        (("x" * 300, {}), "'x{100}…' cannot be the path"),
        (("l/" * 2100, {}), "…' cannot be the path"),
        (("nul\0x", {}), "cannot be the path"),
    ],
)
def test_what_names_no_place_is_told(here, arguments, message):
    named, urls = arguments
    with pytest.raises(ConfigurationError, match=message):
        find_place(named, **urls)


@pytest.mark.slow
@unprivileged_only
def test_what_this_user_may_not_look_into_is_told(here):
    (here / "closed" / "lake").mkdir(parents=True)
    (here / "closed").chmod(0o000)
    code = f"""
import os
os.chdir({str(here)!r})
from ingestify import get_engine
from ingestify.errors import IngestifyError
url = "sqlite:///closed/lake/catalog.db"
for named in ({{"config_file": "closed"}}, {{"config_file": "closed/lake"}}, {{"metadata_url": url, "file_url": "file://f"}}):
    try:
        get_engine(**named).list_datasets()
    except IngestifyError as error:
        print(type(error).__name__, error)
"""
    try:
        said = start_unprivileged(code).communicate(timeout=60)[0].splitlines()
    finally:
        (here / "closed").chmod(0o755)
    assert [line.split()[0] for line in said] == ["ConfigurationError", "ConfigurationError", "StoreError"], said
    assert said[0].startswith("ConfigurationError closed/catalog.db cannot be looked at: this user has no right")


def test_a_url_that_names_no_place_is_told_without_its_password(here):
    with pytest.raises(ConfigurationError, match="is a URL") as raised:
        get_engine("postgresql://me:secret@host/lake")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("named", [None, "lake", "/nowhere/lake"])
def test_a_current_folder_that_was_removed_is_told(here, monkeypatch, named):
    gone = here / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigurationError, match="The current folder was removed"):
        get_engine(named)


# ---- the nearest one ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lake", "asked"),
    [
        ("lake", "lakes"),  # misspelt
        ("../lake", "lake"),  # moved up
        ("../../database", "database"),  # the notebook is in a folder below
        ("projects/lake", "lake"),  # the notebook is in the folder above
        ("projects", "lake"),
        ("../other/database", "../othr/database"),
        ("old/database", "new/database"),
    ],
)
def test_the_nearest_lake_is_named(here, lake, asked):
    folder = (here / lake).resolve()
    fill(folder)
    nearest = find_nearest_lake((here / asked).resolve())
    assert nearest is not None
    assert nearest.resolve() == folder
    with get_engine(asked) as engine, pytest.raises(LakeNotFound, match="The nearest lake is in ") as raised:
        engine.list_datasets()
    call = str(raised.value).partition('get_engine("')[2].partition('"')[0]
    with get_engine(call) as engine:
        assert len(engine.list_datasets()) == 1


def test_of_several_the_one_whose_name_is_most_like_it_is_named(here):
    for name in ("archive", "women", "men"):
        fill(here / name)
    assert find_nearest_lake(here / "womens") == here / "women"


def test_what_is_no_lake_is_not_named(here):
    (here / "lake").mkdir()
    (here / "lake" / "catalog.db").write_text("a catalogue of something else")
    assert find_nearest_lake(here / "lak") is None


def test_where_a_secret_says_that_a_lake_is_is_not_shown(here):
    url = "vault+aws://lake/catalogue"
    place = Place(metadata_url=url, file_url="file://files").of_urls(url, "file://files")
    said = str(place.not_found(here / "canary" / "catalog.db", "sqlite:///canary/catalog.db"))
    assert "canary" not in said
    assert f"the place that {url} names" in said


def test_a_database_of_something_else_is_not_near_itself(here):
    (here / "lake").mkdir()
    with contextlib.closing(sqlite3.connect(here / "lake" / "catalog.db")) as other:
        other.execute("create table other (x)")
    with get_engine("lake") as engine, pytest.raises(LakeNotFound, match="has no tables of one") as raised:
        engine.list_datasets()
    assert "nearest" not in str(raised.value)


def test_nothing_is_above_the_root():
    find_nearest_lake(Path("/"))


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a\\b", "-x", "~me", "a'b"])
def test_the_nearest_lake_is_named_as_python_reads_it(here, name):
    (here / name).mkdir()
    (here / name / "catalog.db").write_bytes(b"SQLite format 3\0")
    with get_engine("lake") as engine, pytest.raises(LakeNotFound) as raised:
        engine.list_datasets()
    call = str(raised.value).partition("get_engine(")[2].partition(") .")[0]
    assert find_place(ast.literal_eval(call)).folder == here / name
