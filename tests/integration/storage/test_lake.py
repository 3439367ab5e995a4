"""A whole lake whose files are in S3, with a SQLite catalogue: the engine and the real command line."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestify import DatasetStore, IngestionEngine, IngestionPlan, get_datastore, get_engine
from ingestify.errors import ConfigurationError, IngestifyError, LakeUnwritable
from ingestify.main.configuration import check_config
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.store.objects.identity import MARK_PATH
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support.command_line import Ended, shared_command_line

from . import servers
from .relay import Exchange, Relay

_numbers = itertools.count(1)


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(Season(matches=6, seed=5, events_per_match=120)) as simulator:
        yield simulator


@pytest.fixture
def relay(moto: str) -> Iterator[Relay]:
    with Relay(moto) as made:
        yield made


@pytest.fixture
def file_url() -> str:
    return f"s3://{servers.BUCKET}/lake-{next(_numbers)}"


def open_engine(folder: Path, provider: Simulator, file_url: str, endpoint: str) -> IngestionEngine:
    engine = get_engine(
        metadata_url=f"sqlite:///{folder}/catalog.db",
        file_url=file_url,
        file_options={"endpoint": endpoint, "attempts": 2},
    )
    engine.add_ingestion_plan(IngestionPlan(StatsBombGithub("statsbomb", base_url=provider.base_url), "match"))
    return engine


def test_a_season_is_ingested_read_loaded_and_run_again_for_free(tmp_path, provider, relay, file_url):
    with open_engine(tmp_path, provider, file_url, relay.url) as engine:
        report = engine.load()
        assert (report.totals.new, report.totals.failed) == (6, 0)
        (season,) = provider.seasons
        for dataset in engine.list_datasets():
            match_id = dataset.identifier["match_id"]
            with engine.store.load_files(dataset) as files:
                assert files.get_file("events").read() == season.events(match_id)
                assert files.get_file("lineups").stream.read() == season.lineups(match_id)
        assert len(engine.load_dataset_with_kloppy(engine.list_datasets()[0])) > 100

        stored = {stored.path: stored.size for stored in engine.store.storage.iter_objects()}
        rows = [file for dataset in engine.list_datasets() for file in dataset.files.values()]
        assert {file.storage_path: file.storage_size for file in rows} == stored

        provider.clear_requests()
        relay.log.clear()
        assert engine.load().totals.unchanged == 6
        assert [path for path in provider.paths() if path.startswith(("events/", "lineups/"))] == []
        assert [method for method, path in relay.log if MARK_PATH in path] == ["GET"]
        assert len(relay.log) == 1, "the catalogue knows that nothing changed: the object store is asked whose it is"

        match_id = provider.match_ids[0]
        provider.correct(match_id, "events")
        assert engine.load().totals.revised == 1
        dataset = engine.store.get_dataset_collection(match_id=match_id).first()
        corrected = servers.ask("GET", f"{provider.base_url}/events/{match_id}.json")
        assert corrected != season.events(match_id)
        assert engine.store.load_files(dataset).get_file("events").read() == corrected
    store = get_datastore(
        metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=file_url, file_options={"endpoint": relay.url}
    )
    assert len(store.get_dataset_collection(provider="statsbomb")) == 6


def test_a_bucket_that_may_not_be_written_to_stops_the_run_at_once(tmp_path, provider, relay, file_url):
    with open_engine(tmp_path, provider, file_url, relay.url) as engine:
        with (
            relay.going_wrong(lambda exchange, _: exchange.command == "PUT" and exchange.fail(403, "AccessDenied")),
            pytest.raises(LakeUnwritable, match="they need s3:PutObject"),
        ):
            engine.load()
        assert len(engine.list_datasets()) == 0
        assert engine.load().totals.new == 6


def test_a_store_that_fails_at_any_moment_leaves_no_row_without_its_object(tmp_path, provider, relay, file_url):
    with open_engine(tmp_path, provider, file_url, relay.url) as engine:
        for first in (1, 4, 8):

            def fault(exchange: Exchange, number: int, first: int = first) -> bool:
                return number >= first and exchange.command == "PUT" and exchange.fail(500, "InternalError")

            with relay.going_wrong(fault), contextlib.suppress(IngestifyError):
                engine.load()
            for dataset in engine.list_datasets():
                for loaded in engine.store.load_files(dataset):
                    assert len(loaded.read()) == loaded.size
        report = engine.load()
        assert report.totals.failed == 0
        assert len(engine.list_datasets()) == 6


posix = pytest.mark.skipif(os.name != "posix", reason="fork and signals of POSIX")


def run(folder: Path, *arguments: str, failpoints: str = "") -> Ended:
    return shared_command_line().run(folder, *arguments, failpoints=failpoints)


def write_config(folder: Path, provider: Simulator, file_url: str, options: str) -> None:
    (folder / "config.yaml").write_text(f"""\
main:
  metadata_url: sqlite:///catalog.db
  file_url: {file_url}
  file_options: {options}
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{provider.base_url}"}}}}
ingestion_plans:
  - {{source: statsbomb, dataset_type: match}}
""")


@posix
def test_the_command_line_ingests_into_s3(tmp_path, provider, moto, file_url):
    write_config(tmp_path, provider, file_url, f"{{endpoint: '{moto}'}}")
    assert run(tmp_path, "config", "check").code == 0
    first = subprocess.run(
        [sys.executable, "-m", "ingestify", "run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert first.returncode == 0, first.stderr
    assert "6 new" in first.stdout + first.stderr
    again = run(tmp_path, "run")
    assert "6 unchanged" in again.out + again.err


@posix
@pytest.mark.sampled(2)
@pytest.mark.parametrize("failpoint", ["publish.renamed", "publish.synced"])
def test_a_run_that_is_killed_while_it_publishes_leaves_no_row_without_its_object(
    tmp_path, provider, moto, file_url, failpoint
):
    write_config(tmp_path, provider, file_url, f"{{endpoint: '{moto}'}}")
    assert run(tmp_path, "run", failpoints=f"{failpoint}=kill@5").code == -signal.SIGKILL
    store = get_datastore(tmp_path / "config.yaml")
    assert whole_datasets(store) < 6
    assert run(tmp_path, "run").code == 0
    assert whole_datasets(store) == 6


def whole_datasets(store: DatasetStore) -> int:
    """Count the datasets, seeing that each row has its object."""
    stored = {stored.path: stored.size for stored in store.storage.iter_objects()}
    datasets = list(store.get_dataset_collection())
    rows = [file for dataset in datasets for file in dataset.files.values()]
    assert {file.storage_path: file.storage_size for file in rows}.items() <= stored.items()
    for dataset in datasets:
        assert all(len(loaded.read()) == loaded.size for loaded in store.load_files(dataset))
    return len(datasets)


@posix
def test_the_command_line_says_once_what_is_wrong_and_stops(tmp_path, provider, moto):
    write_config(tmp_path, provider, "s3://no-such-bucket/lake", f"{{endpoint: '{moto}'}}")
    ran = run(tmp_path, "run")
    assert ran.code == 1
    assert "there is no bucket 'no-such-bucket'; make it, or correct file_url" in ran.err
    assert "Traceback" not in ran.err
    assert servers.SECRET_KEY not in ran.out + ran.err


@pytest.mark.parametrize(
    ("file_url", "options", "message"),
    [
        ("s3://Lake", "{region: eu-west-1}", "'Lake' is no bucket's name"),
        ("s3://me:hunter2@lake", "{}", "holds no credentials"),
        ("gs://lake", "{region: eu-west-1}", "file_options.region: this is for s3"),
        ("s3://lake", "{regoin: eu-west-1}", "config.yaml:4: main.file_options.regoin: unknown key"),
        ("s3://lake", "{timeout: {read_seconds: 0}}", "main.file_options.timeout.read_seconds"),
        ("s3://lake", "{spool_folder: nowhere}", "file_options.spool_folder: there is no folder"),
        ("file://lake", "{region: eu-west-1}", "they are for s3://, gs:// and az://"),
    ],
)
def test_checking_a_config_names_what_is_wrong_without_asking_anybody(tmp_path, provider, file_url, options, message):
    write_config(tmp_path, provider, file_url, options)
    with pytest.raises(ConfigurationError) as raised:
        check_config(tmp_path / "config.yaml")
    assert message in str(raised.value)
    assert "hunter2" not in str(raised.value)


def _read_names(store: DatasetStore) -> str:
    """Run in another process: what reading gives there."""
    try:
        return f"{len(store.load_files(next(store.iter_dataset_collection_batches()))['events'].read())}"
    except IngestifyError as error:
        return str(error)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_process_that_was_forked_says_that_it_cannot_read(tmp_path, provider, moto, monkeypatch, file_url, way):
    """The threads of obstore are not in it, and it would wait for ever."""
    with open_engine(tmp_path, provider, file_url, moto) as engine:
        engine.load()
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    url = f"sqlite:///{tmp_path}/catalog.db"
    with contextlib.closing(get_datastore(metadata_url=url, file_url=file_url)) as store:
        size = _read_names(store)
        with multiprocessing.get_context(way).Pool(1) as pool:
            told = pool.apply_async(_read_names, (store,)).get(timeout=60)
    assert told == size if way == "spawn" else "multiprocessing.get_context('spawn')" in told
