"""Data docs of a lake: HTML pages of what the suites of Great Expectations find in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import great_expectations.expectations as gxe
import pytest
from tests.support.checked_events import events, without_team
from tests.support.lake_in_memory import FunctionSource, Lake

from ingestify import DatasetResource, IngestionEngine
from ingestify.cli.app import run_command_line
from ingestify.errors import ConfigurationError
from ingestify.quality import GreatExpectationsSuite, write_data_docs
from ingestify.testing.network_guard import NetworkGuard
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

NAMES = {1: "Ajax - PSV", 2: "AZ / Heerenveen: «été»"}


@pytest.fixture
def engine() -> Iterator[IngestionEngine]:
    """A lake of two matches, of which the second has an event of no team."""

    def find(**_: object) -> Iterator[DatasetResource]:
        for number, name in NAMES.items():
            made = events()
            if number == 2:
                without_team(made)
            yield DatasetResource({"match_id": number}, "match", name=name).add_file(None, "events", json_content=made)

    source = FunctionSource(find)
    made = Lake(source).engine
    assert made.load().totals.new == 2
    source.bundle_checks = (
        GreatExpectationsSuite("events", [gxe.ExpectColumnValuesToNotBeNull(column="team.id")]),
        GreatExpectationsSuite("events", [gxe.ExpectColumnValuesToBeUnique(column="id")]),
    )
    yield made
    made.close()


def pages(folder: Path) -> list[str]:
    return sorted(page.read_text() for page in (folder / "validations").rglob("*.html"))


def test_each_dataset_and_suite_has_a_page(tmp_path: Path, engine: IngestionEngine):
    with NetworkGuard([]):
        report = write_data_docs(engine, tmp_path / "docs")
    assert report.line == "2 datasets checked: 1 without problems, 1 that a run would reject"
    ((sentence,),) = (one.sentences for one in report.findings)
    assert sentence.startswith("events: expected column values to not be null ('team.id'): 1 of 394 fail, such as nan")
    found = pages(tmp_path / "docs")
    assert len(found) == 4
    for name in ("fake Ajax - PSV", "fake AZ _ Heerenveen_ _été_"):
        assert sum(name in page for page in found) == 2
    assert "Ajax - PSV" in (tmp_path / "docs" / "index.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["docs"]


def test_docs_that_are_there_are_replaced_and_other_files_are_not(tmp_path: Path, engine: IngestionEngine):
    write_data_docs(engine, tmp_path / "docs")
    write_data_docs(engine, tmp_path / "docs", match_id=1)
    assert len(pages(tmp_path / "docs")) == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError, match="other files than data docs"):
        write_data_docs(engine, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_without_a_suite_there_is_nothing_to_write(tmp_path: Path, engine: IngestionEngine):
    engine.ingestion_plans[0].source.bundle_checks = ()
    with pytest.raises(ConfigurationError, match="no check of these datasets is a suite of Great Expectations"):
        write_data_docs(engine, tmp_path / "docs")
    assert list(tmp_path.iterdir()) == []


CONFIG = """
main: {{metadata_url: "sqlite:///catalog.db", file_url: "file://files/"}}
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}"}}}}
ingestion_plans:
  - {{source: statsbomb, dataset_type: match}}
dataset_types:
  - provider: statsbomb
    dataset_type: match
    checks:
      - {{type: ingestify.great_expectations, feed: events, suite: suite.json, mode: warn}}
"""


def test_the_command_writes_them_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    expectation = {"type": "expect_table_row_count_to_be_between", "kwargs": {"max_value": 3}}
    (tmp_path / "suite.json").write_text(json.dumps({"name": "short", "expectations": [expectation]}))
    with Simulator(Season(matches=4, seed=5, events_per_match=60)) as provider:
        (tmp_path / "config.yaml").write_text(CONFIG.format(url=provider.base_url))
        assert run_command_line(["config", "check"]) == 0
        assert run_command_line(["run", "-q"]) == 0
    capsys.readouterr()
    assert run_command_line(["quality", "--docs", "docs", "--json"]) == 0
    *found, end = map(json.loads, capsys.readouterr().out.splitlines())
    assert [one["outcome"] for one in found] == ["warn"] * 4
    assert end["event"] == "quality_ended"
    assert end["datasets"] == 4
    assert {one["check"]: (one["passed"], one["with_problems"]) for one in end["checks"]} == {
        "StatsBombMatchCheck": (4, 0),
        "GreatExpectationsSuite of events": (0, 4),
    }
    assert len(pages(tmp_path / "docs")) == 4
