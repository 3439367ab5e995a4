"""Tables in object stores, beside the lake's files: built, changed, built by two at once, verified and dropped."""

from __future__ import annotations

import itertools
import json
import logging
import threading
from pathlib import Path

import botocore
import polars as pl
import pytest
from deltalake import DeltaTable

from ingestify import IngestionEngine, IngestionPlan, get_engine
from ingestify.errors import ConfigurationError, IngestifyError, StoreError
from tests.support.table_lake import TABLE, MatchSource

from . import servers

_numbers = itertools.count(1)


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


@pytest.mark.parametrize(("scheme", "server"), [("s3", "moto"), ("az", "azurite")])
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
        assert engine.build_tables("shots", rebuild=True).line == "shots (anew): 2 datasets added, 1 failed · 3 rows"
        assert engine.verify_tables(make_rows=True).faults == []
        assert engine.verify().orphans == 0
        assert not engine.verify().damages
        (state,) = engine.list_tables()
        assert (state.rows, len(state.problems)) == (3, 1)
        engine.drop_tables("shots")
        assert not engine.list_tables()[0].is_built
        assert not list(engine.store.storage.iter_objects("tables/main/shots"))


def test_a_store_that_answers_a_range_with_the_whole_object_is_refused_with_its_reason(tmp_path, rclone):
    source = MatchSource(matches={n: [{"minute": n, "x": 1}] for n in range(3)})
    with open_engine(tmp_path, "s3", rclone, source) as engine:
        engine.load()
        assert engine.build_tables().line == "shots: 3 datasets added · 3 rows"
        assert engine.build_tables().line == "shots: unchanged"
        engine.destroy_dataset(match_id=1)
        with pytest.raises(StoreError, match=r"The table 'shots' cannot be read: .*non-partial response"):
            engine.build_tables()


def test_two_builds_at_once_double_nothing(tmp_path, moto):
    source = MatchSource(matches={n: [{"minute": n}] for n in range(12)})
    with open_engine(tmp_path, "s3", moto, source) as engine:
        engine.load()
    for changed in (0, 5, 5):
        with open_engine(tmp_path, "s3", moto, source) as engine:
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
        with open_engine(tmp_path, "s3", moto, source) as engine:
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


def test_a_certificate_that_deltalake_cannot_take_is_refused(tmp_path, moto):
    certificates = Path(botocore.__file__).parent / "cacert.pem"
    engine = open_engine(tmp_path, "s3", moto, MatchSource(), ca_certificate=str(certificates))
    with engine, pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        engine.build_tables()


def test_a_reader_keeps_its_snapshot_while_a_build_goes_on(tmp_path, moto):
    source = MatchSource(matches={n: [{"minute": n}] for n in range(4)})
    with open_engine(tmp_path, "s3", moto, source) as engine:
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
