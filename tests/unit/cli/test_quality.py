"""`ingestify quality` as a person types it."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest


def check_with(lake: Any, check: str) -> None:
    kind = f"- {{provider: small, dataset_type: match, checks: [{check}]}}"
    lake.configure("ingestion_plans:", f"dataset_types:\n  {kind}\ningestion_plans:")


NOT_TEN = "tests.unit.cli.small_source.NotTen"


def test_what_a_run_would_reject_is_named_and_the_exit_code_is_3(lake):
    check_with(lake, NOT_TEN)
    before = lake("list", "--json")
    assert lake("quality", code=3).splitlines() == [
        "reject: small/match/season_id=1/match_id=10 · NotTen",
        "    it is match 10",
        "NotTen                               reject  5 passed, 1 with problems, 0 failed",
        "6 datasets checked: 5 without problems, 1 that a run would reject",
    ]
    assert lake("quality", "-q", code=3).splitlines()[-1] == "    it is match 10"
    assert lake("list", "--json") == before
    assert lake("quarantine", "list", "--json") == ""


def test_filters_narrow_the_datasets(lake):
    check_with(lake, NOT_TEN)
    assert lake("quality", "match_id=11").splitlines()[-1] == "1 dataset checked: 1 without problems"
    assert lake("quality", "match_id=99") == "0 datasets checked\n"
    assert "match_id=99" in lake.err


def test_a_warning_is_shown_and_the_exit_code_is_0(lake):
    check_with(lake, f"{{type: {NOT_TEN}, mode: warn}}")
    finding, ended = map(json.loads, lake("quality", "--json").splitlines())
    assert (finding["event"], finding["outcome"], finding["problems"]) == ("finding", "warn", ["it is match 10"])
    assert (ended["datasets"], ended["exit_code"]) == (6, 0)
    assert ended["checks"] == [
        {"check": "NotTen", "mode": "warn", "datasets": 6, "passed": 5, "without": 0, "with_problems": 1, "failed": 0}
    ]


def test_datasets_without_a_check_are_counted(lake):
    assert lake("quality") == "0 datasets checked; 6 have no check\n"


def test_a_check_that_lacks_its_package_fails_and_names_the_extra(lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandera", None)
    check_with(lake, "{type: ingestify.pandera, feed: events, schema: my_schemas:Events}")
    shown = lake("quality", "match_id=10", code=3)
    assert shown.startswith("failed: small/match/season_id=1/match_id=10 · PanderaSchema of events\n")
    assert "needs the extra 'pandera'" in shown
    assert "needs the extra 'pandera'" in lake("config", "check", code=1) + lake.err


def test_a_damaged_file_fails_the_check_of_its_dataset_alone(lake):
    check_with(lake, NOT_TEN)
    (path,) = (lake.folder / "files").rglob("match_id=11/events__v1.*")
    path.write_bytes(b"x")
    shown = lake("quality", code=3).splitlines()
    assert "failed: small/match/season_id=1/match_id=11 · NotTen" in shown
    assert shown[-1] == (
        "6 datasets checked: 4 without problems, 1 that a run would reject, 1 with a check that failed"
    )


def test_without_a_suite_of_great_expectations_there_are_no_data_docs(lake):
    check_with(lake, NOT_TEN)
    lake("quality", "--docs", "pages", code=1)
    assert "no check of these datasets is a suite of Great Expectations" in lake.err
    assert not (lake.folder / "pages").exists()


def test_a_schema_that_cannot_be_imported_is_refused(lake):
    pytest.importorskip("pandera", reason="the extra pandera is not installed")
    check_with(lake, "{type: ingestify.pandera, feed: events, schema: my_schemas:Events}")
    for arguments in (["quality"], ["run"], ["config", "check"]):
        lake(*arguments, code=1)
        assert "there is no module 'my_schemas'" in lake.err


def test_a_schema_beside_the_config_file_is_found(lake):
    pytest.importorskip("pandera", reason="the extra pandera is not installed")
    (lake.folder / "schemas_of_mine.py").write_text(
        "import pandera.polars as pa\nSmall = pa.DataFrameSchema({'zz': pa.Column(int)})\n"
    )
    check_with(lake, "{type: ingestify.pandera, feed: events, schema: schemas_of_mine:Small, records: '', mode: warn}")
    assert "schemas_of_mine" not in sys.modules
    lake("list")
    assert "schemas_of_mine" not in sys.modules, "only what checks imports it"
    lake("quality", "match_id=10")
    assert "schemas_of_mine" in sys.modules
