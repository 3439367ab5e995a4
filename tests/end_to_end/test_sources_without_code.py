"""The real command line over sources without code, with the configurations of the docs."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

from ingestify import get_engine
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.end_to_end.running import ingestify

DOCS = Path(__file__).parent.parent.parent / "docs"


def configuration(document: str, name: str) -> str:
    text = (DOCS / document).read_text(encoding="utf-8")
    found = re.search(rf"<!-- config: {name} -->\n```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_an_api_that_is_described_is_checked_and_ingested(tmp_path: Path) -> None:
    season = Season(matches=4, seed=3, competition_id=43, season_id=106, events_per_match=40)
    with Simulator(season) as provider:
        text = configuration("rest.md", "statsbomb")
        base_url = re.search(r"base_url: (\S+)", text)
        assert base_url is not None
        (tmp_path / "config.yaml").write_text(text.replace(base_url[1], provider.base_url))

        checked = ingestify(tmp_path, "sources", "check", "open_data", "--json")
        assert checked.code == 0, checked.err
        told = json.loads(checked.out)
        assert {file["data_serialization_format"] for file in told["files"]} == {"json"}
        assert {file["file_id"] for file in told["files"]} >= {"match__v1", "lineups__v1", "events__v1"}
        assert told["dataset"]["metadata"]["season"]
        # The index, and the files of one match: no more than that.
        assert told["requests"] <= 4
        assert not (tmp_path / "database").exists()

        assert ingestify(tmp_path, "run").code == 0
        provider.clear_requests()
        again = ingestify(tmp_path, "run")
        assert "4 unchanged" in again.out
        assert provider.paths() == ["matches/43/106.json"]


def test_a_folder_is_ingested_run_after_run(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(configuration("files.md", "folder"))
    folder = tmp_path / "deliveries" / "11" / "90"
    folder.mkdir(parents=True)
    for name in ("7_events.json", "7_lineups.json", "8_events.json", "notes.txt"):
        (folder / name).write_text("[1]")
        os.utime(folder / name, (time.time() - 120, time.time() - 120))
    ran = ingestify(tmp_path, "run")
    assert ran.code == 0, ran.err
    assert "1 file is of no pattern, and not read: 11/90/notes.txt" in ran.err
    (folder / "8_lineups.json").write_text("[2]")  # just written
    again = ingestify(tmp_path, "run")
    assert "1 unchanged" in again.out
    assert "1 delivery is not complete yet" in again.err
    with get_engine(tmp_path / "config.yaml") as engine:
        states = {dataset.name: str(dataset.state) for dataset in engine.list_datasets()}
    assert states == {"Match 7": "COMPLETE", "Match 8": "PARTIAL"}
