from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from ingestify.testing.document_provider import DocumentProvider
from tests.unit.cli.conftest import CommandLine

REST = """
  api:
    type: ingestify.rest
    configuration:
      provider: acme
      base_url: {base_url}
      dataset_types:
        match:
          selectors: [{{season: 1}}, {{season: 2}}]
          index: {{endpoint: "/{{season}}.json"}}
          identity: {{match_id: id}}
          feeds: {{events: {{url: "/events/{{match_id}}.json"}}, lineups: {{url: "/lineups/{{match_id}}.json"}}}}
"""
DROP = """
  drop:
    type: ingestify.files
    configuration:
      provider: example
      location: in
      pattern: "{season_id}/{match_id}_{data_feed_key}.{data_serialization_format}"
"""


@pytest.fixture
def delivered(command: CommandLine) -> Path:
    """A file, an hour old, which the source `drop` reads."""
    plan = "  - {source: drop, dataset_type: match}\n"
    command.configure("ingestion_plans:\n", f"{DROP.removeprefix(chr(10))}ingestion_plans:\n{plan}")
    path = command.folder / "in" / "11" / "7_events.json"
    path.parent.mkdir(parents=True)
    path.write_text('[{"id": 1, "type": "pass"}, {"id": 2}]')
    made_older(path)
    return path


def made_older(path: Path) -> None:
    os.utime(path, (time.time() - 3600, time.time() - 3600))


def test_one_dataset_is_fetched_and_shown_and_the_lake_is_not_touched(command: CommandLine, delivered: Path) -> None:
    before = sorted(command.folder.rglob("*"))
    text = command("sources", "check", "drop")
    for words in (
        "drop (example, match)",
        "identity      season_id=11/match_id=7",
        "state         COMPLETE",
        "events__v1  json  38 bytes",
        "a list of 2 with the keys id, type",
        "note          It has no name for people.",
    ):
        assert words in text
    assert sorted(command.folder.rglob("*")) == before


def test_it_tells_the_same_as_json(command: CommandLine, delivered: Path) -> None:
    told = json.loads(command("sources", "check", "drop", "--json"))
    assert told["dataset"]["identifier"] == {"season_id": "11", "match_id": "7"}
    assert told["files"][0]["keys"] == ["id", "type"]
    assert told["problems"] == []


def test_only_one_dataset_of_all_is_fetched(command: CommandLine) -> None:
    text = command("sources", "check", "small")
    assert text.count("identity  ") == 1


def test_of_a_provider_without_dates_it_is_listed_once_more_and_found_again(command: CommandLine) -> None:
    plan = "  - {source: api, dataset_type: match}\n"
    documents = {f"{feed}/{match}.json": [match] for feed in ("events", "lineups") for match in (1, 2, 3)}
    with DocumentProvider({"1.json": [{"id": 1}, {"id": 2}], "2.json": [{"id": 3}], **documents}) as provider:
        source = REST.removeprefix("\n").format(base_url=provider.base_url)
        command.configure("ingestion_plans:\n", f"{source}ingestion_plans:\n{plan}")
        told = json.loads(command("sources", "check", "api", "--json"))
    match_id = told["dataset"]["identifier"]["match_id"]
    assert [file["file_id"] for file in told["files"]] == ["events__v1", "lineups__v1"]
    assert told["problems"] == []
    others = {f"events/{other}.json" for other in (1, 2, 3) if other != match_id}
    assert not others & {path.removeprefix("/v1/") for path in provider.paths}


@pytest.mark.parametrize("content", [b"<html>Sorry</html>", b"[1"])
def test_what_fails_its_checks_is_wrong(command: CommandLine, delivered: Path, content: bytes) -> None:
    delivered.write_bytes(content)
    made_older(delivered)
    command("sources", "check", "drop", code=1)
    assert "wrong: season_id=11/match_id=7 failed its checks: events__v1: " in command.err


def test_what_is_not_ready_or_not_listed_is_wrong(command: CommandLine, delivered: Path) -> None:
    command("sources", "check", "drop", "match_id=8", code=1)
    assert "wrong: It lists no dataset: look at the selectors" in command.err
    os.utime(delivered)
    command("sources", "check", "drop", code=1)
    assert "is not ready: a file of it was written 0 s ago" in command.err or "may still be written to" in command.err


def test_what_the_source_raises_is_wrong(command: CommandLine, delivered: Path) -> None:
    delivered.parent.parent.rename(command.folder / "elsewhere")
    command("sources", "check", "drop", "--json", code=1)
    assert "is not there: No such file or directory" in command.err


def test_a_name_that_is_none_is_told(command: CommandLine, delivered: Path) -> None:
    command("sources", "check", "drp", code=1)
    assert "there is no source 'drp'; did you mean 'drop'?" in command.err
    command("sources", "check", "drop", "--dataset-type", "video", code=1)
    assert "no datasets of the type 'video'; it has 'match'" in command.err


def test_the_options_of_a_source_without_code_are_described(command: CommandLine) -> None:
    text = command("sources", "describe", "ingestify.files")
    assert "location: text, required" in text
    assert "settle_seconds: number, default none" in text
    schema = json.loads(command("sources", "describe", "ingestify.rest", "--schema"))
    assert schema["properties"]["base_url"]["description"] == "The URL to which all paths are added."
    command("sources", "describe", "statsbomb", "--schema", code=1)
    assert "has no schema" in command.err
