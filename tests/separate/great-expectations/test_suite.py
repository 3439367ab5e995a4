"""Suites of Great Expectations as checks of a bundle: what they find, how it is said, and what they leave alone."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import pytest
from great_expectations.data_context.data_context.context_factory import project_manager
from tests.support.checked_events import (
    code_in_docs,
    events,
    lake_with,
    off_the_pitch,
    reasons_of,
    with_an_id_twice,
    without_a_column,
    without_team,
)

from ingestify.errors import ConfigurationError
from ingestify.quality import GreatExpectationsSuite
from ingestify.sources.own_modules import make_importable
from ingestify.testing.network_guard import NetworkGuard

EXAMPLE = Path(__file__).parents[3] / "examples" / "statsbomb_quality"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> GreatExpectationsSuite:
    monkeypatch.syspath_prepend(EXAMPLE)
    return GreatExpectationsSuite("events", "statsbomb_suites:EVENTS", transform="statsbomb_suites:with_coordinates")


def suite_of(*expectations: Any) -> GreatExpectationsSuite:
    return GreatExpectationsSuite("events", list(expectations))


def test_events_that_meet_the_suite_come_into_the_lake(example: GreatExpectationsSuite):
    assert reasons_of(example) == ()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (without_team, "events: each event is of a team: 1 of {rows} fail, such as nan in row 7 (id '{id_of_7}')"),
        (
            with_an_id_twice,
            (
                "events: expected column values to be unique ('id'): 2 of {rows} fail, such as '{id_of_7}' in row 7 "
                "(id '{id_of_7}')"
            ),
        ),
        (
            without_a_column,
            (
                "events: expected column values to be between ('minute', min_value 0.0, max_value 150.0): Great "
                'Expectations cannot tell: Error: The column "minute" in BatchData does not exist.'
            ),
        ),
        (
            off_the_pitch,
            "events: expected column values to be between ('x', min_value 0.0, max_value 120.0): 1 of {rows} fail",
        ),
    ],
)
def test_each_fault_is_one_sentence(example: GreatExpectationsSuite, fault: Callable[[Any], None], reason: str):
    made = events()
    (found,) = reasons_of(example, fault)
    assert found.startswith(reason.format(rows=len(made), id_of_7=made[7]["id"]))


def test_what_is_of_no_single_value_is_said_with_what_was_found():
    check = suite_of(gxe.ExpectTableRowCountToBeBetween(max_value=3), gxe.ExpectColumnToExist(column="zz"))
    assert sorted(reasons_of(check)) == [
        "events: expected column to exist ('zz'): not met",
        f"events: expected table row count to be between (max_value 3): found {len(events())}",
    ]


def test_a_suite_can_be_a_json_file_beside_the_config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    expectation = {"type": "expect_column_to_exist", "kwargs": {"column": "zz"}}
    (tmp_path / "suite.json").write_text(json.dumps({"name": "mine", "expectations": [expectation], "meta": {}}))
    make_importable(str(tmp_path))
    assert reasons_of(GreatExpectationsSuite("events", "suite.json")) == (
        "events: expected column to exist ('zz'): not met",
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("no_such_module:EVENTS", "there is no module 'no_such_module'"),
        ("no_such_file.json", "no_such_file.json cannot be read"),
        ("json:loads", "makes no suite"),
        ([{"type": "expect_nothing_like_it", "kwargs": {}}], "expect_nothing_like_it not found"),
        ([{"type": "expect_column_to_exist", "kwargs": {}}], "column"),
        ([], "it has no expectations"),
    ],
)
def test_a_suite_that_is_none_ends_the_run_before_anything_is_asked_for(given: Any, told: str):
    with lake_with(GreatExpectationsSuite("events", given)) as lake:
        with pytest.raises(ConfigurationError, match=told):
            lake.engine.load()
        assert lake.source.calls == []


def test_the_context_and_the_suite_of_the_caller_stay_as_they_are():
    mine = gx.get_context(mode="ephemeral")
    suite = mine.suites.add(gx.ExpectationSuite("mine", expectations=[gxe.ExpectColumnToExist(column="id")]))
    before = suite.to_json_dict()
    assert reasons_of(GreatExpectationsSuite("events", suite)) == ()
    assert project_manager.get_current_project() is mine
    assert suite.to_json_dict() == before
    suite.add_expectation(gxe.ExpectColumnToExist(column="index"))  # it is still saved in its own context
    assert len(mine.suites.get("mine").expectations) == 2


def test_nothing_is_shown_sent_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    check = suite_of(gxe.ExpectColumnValuesToBeUnique(column="id"), gxe.ExpectColumnToExist(column="zz"))
    with NetworkGuard([]), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert len(list(check.validate(pd.json_normalize(events())))) == 1
    assert warned == []
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_several_bundles_at_once_do_not_mix():
    check = suite_of(gxe.ExpectColumnValuesToBeUnique(column="id"))
    check.prepare()
    frames = [pd.DataFrame({"id": ["a"] * (1 + number % 2) + ["b"]}) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda frame: list(check.validate(frame)), frames))
    assert [bool(problems) for problems in found] == [bool(number % 2) for number in range(24)]


def test_without_the_package_the_dataset_fails_and_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    with lake_with(GreatExpectationsSuite("events", "my_suites:EVENTS")) as lake:
        (task,) = lake.engine.load().failed_tasks
        assert "The check GreatExpectationsSuite of events needs the extra 'great-expectations'" in task.error
        assert not list(lake.engine.quarantine)


def test_the_suite_in_the_docs_finds_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "my_suites.py").write_text(code_in_docs("my_suites.py"))
    monkeypatch.syspath_prepend(tmp_path)
    check = GreatExpectationsSuite("events", "my_suites:EVENTS")
    assert reasons_of(check) == ()
    (found,) = reasons_of(check, without_team)
    assert found.startswith("events: each event is of a team: 1 of ")
