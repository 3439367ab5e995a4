"""A season ingested into a lake whose catalogue is on a server, by the command line as people use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingestify import EventLogConsumer
from ingestify.cli.app import run_command_line
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.integration.catalogue.servers import Server

pytestmark = pytest.mark.sampled(2)  # one of the servers by turns


def test_a_season_is_ingested_once_and_read_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with server.temporary_database() as name, Simulator(Season(matches=3, seed=1)) as provider:
        (tmp_path / "config.yaml").write_text(
            json.dumps(
                {
                    "main": {"metadata_url": server.url_of(name), "file_url": "file://files/"},
                    "sources": {
                        "statsbomb": {
                            "type": "ingestify.statsbomb_github",
                            "configuration": {"base_url": provider.base_url},
                        }
                    },
                    "dataset_types": [
                        {
                            "provider": "statsbomb",
                            "dataset_type": "match",
                            "identifier_index": True,
                            "identifier_keys": {"match_id": {"key_type": "int"}},
                        }
                    ],
                    "ingestion_plans": [{"source": "statsbomb", "dataset_type": "match"}],
                }
            )
        )

        def command(*words: str) -> str:
            assert run_command_line(list(words)) == 0
            return capsys.readouterr().out

        for reading in ("list", "verify", "gc", "plan", "events list"):
            assert run_command_line(reading.split()) == 1
            assert "There is no lake at " in (said := capsys.readouterr().err)
            assert "its database has no tables of one" in said
        assert run_command_line(["run"]) == 0
        assert "Created the lake in " in capsys.readouterr().err
        assert command("list", "--count").strip() == "3"
        assert "match_id" in command("sync-indexes")
        provider.clear_requests()
        command("run")
        assert not [path for path in provider.paths() if "/events/" in path or "/lineups/" in path]
        datasets = [json.loads(line) for line in command("list", "--json").splitlines()]
        assert {dataset["state"] for dataset in datasets} == {"COMPLETE"}
        seen: list[str] = []
        consumer = EventLogConsumer.from_config("config.yaml", reader_name="test")
        assert consumer.run(lambda event: seen.append(event.event_type)) == 0
        assert sorted(seen) == ["dataset_created"] * 3 + ["revision_added"] * 3
        assert consumer.run(lambda event: seen.append(event.event_type)) == 0
        assert len(seen) == 6
        assert "FINISHED" in command("status")
