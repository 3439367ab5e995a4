"""Sources and plans that are not enabled: left out, and said so."""

from __future__ import annotations

import json

import pytest

OFF = "SmallSource, enabled: false}"
SECOND = "  - {source: small, dataset_type: match}\n"


def test_a_source_that_is_not_enabled_is_not_even_made(command):
    command.configure(
        "SmallSource}",
        "SmallSource}\n  paid: {type: ingestify.statsbomb, enabled: false, configuration: vault+aws://nowhere/at-all}",
    )
    command.configure(SECOND, SECOND + "  - {source: paid, dataset_type: match}\n")
    shown = command("run")
    assert shown.startswith("6 matches: 6 new")
    assert "left out: paid: match: the source is not enabled (enabled: false)\n" in command.err
    command("run", "-q")
    assert command.err == ""
    command("plan")
    assert "left out: paid: match: " in command.err
    first = json.loads(command("run", "--json").splitlines()[0])
    assert first == {
        "event": "left_out",
        "source": "paid",
        "dataset_type": "match",
        "reason": "the source is not enabled (enabled: false)",
    }
    command("config", "check")
    assert "2 ingestion plans (1 not enabled)" in command.err


def test_a_plan_that_is_not_enabled_is_left_out(command):
    command.configure(SECOND, SECOND + "  - {source: small, dataset_type: video, enabled: false}\n")
    command("run")
    assert "left out: small: video: the plan is not enabled (enabled: false)\n" in command.err
    command("run", "--dataset-type", "match")
    assert "left out" not in command.err


@pytest.mark.parametrize("arguments", [[], ["--source", "small"]])
def test_where_nothing_is_enabled_nothing_is_done_and_that_is_an_error(command, arguments):
    command.configure("SmallSource}", OFF)
    command("run", *arguments, code=1)
    assert "Nothing is ingested, as all of it is left out: small: match: the source is not enabled" in command.err


def test_what_a_source_that_is_not_enabled_brought_stays_its_own(lake):
    lake.configure(
        "small: {type: tests.unit.cli.small_source.SmallSource}",
        "small: {type: tests.unit.cli.small_source.SmallSource, enabled: false}\n"
        "  other: {type: tests.unit.cli.small_source.SmallSource, configuration: {matches: 2}}",
    )
    lake.configure(SECOND, SECOND + "  - {source: other, dataset_type: match}\n")
    assert "4 unchanged, 0 failed ·" in lake("run")
    assert lake("list", "--count", "--state", "MISSING").strip() == "0"
