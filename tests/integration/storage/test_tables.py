"""Tables in object stores, beside the lake's files: built, changed, built by two at once, verified and dropped."""

from __future__ import annotations

import itertools
import json
import logging
import threading
from pathlib import Path

import obstore
import polars as pl
import pytest
from deltalake import DeltaTable

from ingestify import IngestionEngine, IngestionPlan, get_engine
from ingestify.errors import ConfigurationError, IngestifyError, StoreError
from ingestify.storage.cloud_clients import make_client
from tests.support.table_lake import TABLE, MatchSource

from . import servers
from .certificates import AUTHORITY, CERTIFICATE, PRIVATE_KEY

pytestmark = pytest.mark.sampled(3)  # one of the services by turns

_numbers = itertools.count(1)

each_service = pytest.mark.parametrize(("scheme", "server"), [("s3", "moto"), ("gs", "gcs"), ("az", "azurite")])


@pytest.fixture(autouse=True)
def google_account(monkeypatch: pytest.MonkeyPatch, credentials: None) -> None:
    """A service account, as deltalake takes no token; the emulator wants none."""
    monkeypatch.delenv("GOOGLE_BEARER_TOKEN")
    key = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(key))


def open_engine(folder: Path, scheme: str, endpoint: str, source: MatchSource, **options: object) -> IngestionEngine:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    if not path.exists():
        file_url = f"{scheme}://{servers.BUCKET}/tables-{next(_numbers)}/lake"
        settings = {
            "main": {
                "metadata_url": "sqlite:///catalog.db",
                "file_url": file_url,
                "file_options": {"endpoint": endpoint, "attempts": 2, **options},
            },
            "tables": {"build": ["shots"], "own": [{"name": "shots", "function": TABLE}]},
        }
        path.write_text(json.dumps(settings))
    engine = get_engine(path)
    engine.add_ingestion_plan(IngestionPlan(source, "match"))
    return engine


def rows_of(engine: IngestionEngine) -> pl.DataFrame:
    table = engine.tables.place.find("shots")
    assert table is not None
    return pl.DataFrame(table.to_pyarrow_table())


@each_service
def test_a_table_is_built_changed_verified_and_dropped(tmp_path, request, scheme, server):
    endpoint = request.getfixturevalue(server)
    source = MatchSource(matches={n: [{"minute": n, "x": 1}] for n in range(3)})
    with open_engine(tmp_path, scheme, endpoint, source) as engine:
        engine.load()
        assert engine.build_tables().line == "shots: 3 datasets added · 3 rows"
        source.matches[1] = [{"minute": 1, "x": "wide"}, {"minute": 2, "x": "wide"}]
        source.matches[7] = {"broken": "no shots"}
        engine.load()
        engine.destroy_dataset(match_id=2)
        assert engine.build_tables().line == "shots: 1 dataset replaced, 1 removed, 1 failed · 2 rows"
        assert sorted(rows_of(engine).select("match_id", "x").rows()) == [(0, "1"), (1, "wide"), (1, "wide")]
        assert engine.table("shots", match_id=1).collect()["x"].to_list() == ["wide", "wide"]
        assert engine.sql("select count(*) from shots where x = 'wide'").item() == 2
        assert engine.build_tables("shots", rebuild=True).line == "shots (anew): 2 datasets added, 1 failed · 3 rows"
        assert engine.verify_tables(make_rows=True).faults == []
        assert engine.verify().orphans == 0
        assert not engine.verify().damages
        (state,) = engine.list_tables()
        assert (state.rows, len(state.problems)) == (3, 1)
        engine.drop_tables("shots")
        assert not engine.list_tables()[0].is_built
        assert not list(engine.store.storage.iter_objects("tables/main/shots"))


@each_service
def test_objects_of_others_are_not_touched_and_a_damaged_log_is_made_anew(tmp_path, request, scheme, server):
    source = MatchSource(matches={n: [{"minute": n}] for n in range(3)})
    with open_engine(tmp_path, scheme, request.getfixturevalue(server), source) as engine:
        engine.load()
        engine.build_tables()
        bucket = make_client(engine.store.storage.address, engine.store.storage.options)
        obstore.put(bucket, "tables/main/shots/notes.txt", b"mine")
        with pytest.raises(StoreError, match=r"such as 'notes\.txt'"):
            engine.drop_tables("shots")
        obstore.delete(bucket, "tables/main/shots/notes.txt")
        obstore.put(bucket, "tables/main/shots/_delta_log/00000000000000000000.json", b"{")
        with pytest.raises(StoreError, match="makes it anew"):
            engine.build_tables()
        assert engine.build_tables(rebuild=True).line == "shots (anew): 3 datasets added · 3 rows"
        assert sorted(rows_of(engine)["minute"]) == [0, 1, 2]


def test_a_store_that_cannot_keep_tables_is_refused_before_anything_is_written(tmp_path, rclone):
    source = MatchSource(matches={1: [{"minute": 1}]})
    with open_engine(tmp_path, "s3", rclone, source) as engine:
        engine.load()
        with pytest.raises(
            StoreError, match=r"cannot keep tables: .*\(If-None-Match\) and .*\(206\)\. .*url below tables"
        ):
            engine.build_tables()
        assert not engine.list_tables()[0].is_built
        assert not list(engine.store.storage.iter_objects("tables"))
        assert engine.store.load_files(engine.list_datasets()[0])["shots"].json() == [{"minute": 1}]


@each_service
def test_two_builds_at_once_double_nothing(tmp_path, request, scheme, server):
    endpoint = request.getfixturevalue(server)
    source = MatchSource(matches={n: [{"minute": n}] for n in range(12)})
    with open_engine(tmp_path, scheme, endpoint, source) as engine:
        engine.load()
    for changed in (0, 5, 5):
        with open_engine(tmp_path, scheme, endpoint, source) as engine:
            for number in range(changed):
                source.matches[number].append({"minute": 100})
            engine.load()
        begin, errors = threading.Barrier(2), []

        def build(begin=begin, errors=errors) -> None:
            with get_engine(tmp_path / "config.yaml") as builder:
                begin.wait()
                try:
                    builder.build_tables()
                except IngestifyError as error:
                    errors.append(error)

        builds = [threading.Thread(target=build) for _ in range(2)]
        for one in builds:
            one.start()
        for one in builds:
            one.join()
        assert errors == []
        with open_engine(tmp_path, scheme, endpoint, source) as engine:
            expected = sorted((n, row["minute"]) for n, rows in source.matches.items() for row in rows)
            assert sorted(rows_of(engine).select("match_id", "minute").rows()) == expected
            assert engine.verify_tables(make_rows=True).faults == []


def test_no_secret_is_shown(tmp_path, moto, rclone, caplog, monkeypatch):
    source = MatchSource(matches={1: [{"minute": 1}]})
    profile = tmp_path / "credentials"
    profile.write_text(f"[club]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = {_OTHER_SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    with caplog.at_level(logging.DEBUG), open_engine(tmp_path / "a", "s3", moto, source, profile="club") as engine:
        engine.load()
        place = engine.tables.place
        assert place.storage_options["aws_secret_access_key"] == _OTHER_SECRET
        engine.build_tables()
        shown = [repr(place), str(place), repr(place.folder("shots")), repr(engine.tables), repr(engine.list_tables())]
        assert _OTHER_SECRET not in " ".join(shown) + caplog.text
    # rclone checks signatures, so it refuses this secret.
    with caplog.at_level(logging.DEBUG), open_engine(tmp_path / "b", "s3", rclone, source, profile="club") as engine:
        with pytest.raises(IngestifyError) as raised:
            engine.tables.place.find("shots")
        assert _OTHER_SECRET not in f"{raised.value} {raised.value.__cause__} {raised.value.__context__} {caplog.text}"


_OTHER_SECRET = "otherSecretOf/the+tests/0123456789abcdef"


def test_a_server_of_another_authority_needs_its_certificate_in_the_environment_too(tmp_path, monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    authority, chain, key = (tmp_path / name for name in ("authority.pem", "server.pem", "key.pem"))
    for path, text in ((authority, AUTHORITY), (chain, CERTIFICATE), (key, PRIVATE_KEY)):
        path.write_text(text)
    source = MatchSource(matches={1: [{"minute": 1}]})
    with servers.moto(chain, key) as endpoint:
        with open_engine(tmp_path, "s3", endpoint, source, ca_certificate=str(authority)) as engine:
            engine.load()
            with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
                engine.build_tables()
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        with open_engine(tmp_path, "s3", endpoint, source) as engine:
            assert engine.build_tables().line == "shots: 1 dataset added · 1 row"
            assert engine.table("shots").collect()["minute"].to_list() == [1]
            assert engine.sql("select minute from shots").item() == 1


def test_tables_in_google_cloud_storage_need_no_account_for_a_server_that_wants_none(tmp_path, gcs, monkeypatch):
    monkeypatch.delenv("GOOGLE_SERVICE_ACCOUNT_KEY")
    source = MatchSource(matches={n: [{"minute": n}] for n in range(2)})
    with open_engine(tmp_path, "gs", gcs, source, anonymous=True) as engine:
        engine.load()
        assert engine.build_tables().line == "shots: 2 datasets added · 2 rows"
        source.matches[1] = []
        engine.load()
        assert engine.build_tables().line == "shots: 1 dataset removed"
        assert rows_of(engine)["match_id"].to_list() == [0]


def test_a_token_for_google_that_deltalake_cannot_take_is_refused(tmp_path, gcs, monkeypatch):
    monkeypatch.delenv("GOOGLE_SERVICE_ACCOUNT_KEY")
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "a-token-of-the-tests")
    engine = open_engine(tmp_path, "gs", gcs, MatchSource())
    with engine, pytest.raises(ConfigurationError, match=r"GOOGLE_BEARER_TOKEN.*GOOGLE_APPLICATION_CREDENTIALS"):
        engine.build_tables()


@each_service
def test_a_reader_keeps_its_snapshot_while_a_build_goes_on(tmp_path, request, scheme, server):
    source = MatchSource(matches={n: [{"minute": n}] for n in range(4)})
    with open_engine(tmp_path, scheme, request.getfixturevalue(server), source) as engine:
        engine.load()
        engine.build_tables()
        snapshot = engine.tables.place.find("shots")
        assert isinstance(snapshot, DeltaTable)
        for n in range(4):
            source.matches[n] = [{"minute": 50 + n, "x": "new"}]
        engine.load()
        engine.build_tables()
        assert sorted(snapshot.to_pyarrow_table()["minute"].to_pylist()) == [0, 1, 2, 3]
        assert sorted(rows_of(engine)["minute"]) == [50, 51, 52, 53]
