"""What a run ends with, and what it says, when all of something failed, or not all was looked at."""

from __future__ import annotations

import json

import pytest


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("broken", "code"),
    [([10], 3), ([10, 11, 20], 3), ([10, 11, 12], 1), ([10, 11, 12, 20, 21, 22], 1)],
    ids=["one", "some of each selector", "all of a selector", "all"],
)
def test_some_failed_datasets_are_another_thing_than_all_of_a_selector(command, broken, code):
    command.configure("SmallSource}", f"SmallSource, configuration: {{broken: {broken}}}}}")
    shown = command("run", code=code)
    assert f"6 matches: {6 - len(broken)} new, 0 revised, 0 unchanged, {len(broken)} failed" in shown
    as_a_whole = [line for line in command.err.splitlines() if line.startswith("failed as a whole")]
    assert len(as_a_whole) == (0 if code == 3 else len(broken) // 3)
    states = {job["selector_name"]: job["state"] for job in json.loads(command("status", "--json"))["runs"][0]["jobs"]}
    expected = "FAILED" if code == 1 else "FINISHED"
    assert states["season_id=1"] == expected
    ended = json.loads(command("run", "--json", code=code).splitlines()[-1])
    assert (ended["exit_code"], ended["state"]) == (code, expected)


def test_what_failed_beside_what_is_unchanged_is_not_all_of_it(lake):
    lake.configure("SmallSource}", "SmallSource, configuration: {matches: 4, broken: [13, 23]}}")
    assert "6 unchanged, 2 failed" in lake("run", code=3)


def test_a_selector_of_which_all_failed_says_so_in_the_status(command):
    command.configure("SmallSource}", "SmallSource, configuration: {broken: [10, 11, 12]}}")
    command("run", code=1)
    assert "FAILED        small: season_id=1: all of its datasets failed; the first: ValueError" in command("status")


def test_a_listing_of_which_all_failed_is_a_listing_all_the_same(lake):
    lake("delete", "--yes", "match_id=10")
    lake.configure("SmallSource}", "SmallSource, configuration: {matches: 1, broken: [10]}}")
    assert "1 failed, 4 no longer listed" in lake("run", code=1)
    assert "MISSING" in lake("list", "match_id=11")


@pytest.mark.slow
def test_a_deadline_ends_a_run_and_what_is_left_is_said(command):
    command.configure("SmallSource}", "SmallSource, configuration: {seasons: 20, hangs_after: 1}}")
    shown = command("run", "--deadline", "1s", code=6)
    assert "the deadline of 0:00:01 (hours:minutes:seconds) has passed: what had finished is kept" in command.err
    assert "not begun: small: season_id=" in command.err
    assert shown.startswith("stopped after ")
    assert "not looked at: " in shown
    assert "selectors as a whole" in shown
    there = int(command("list", "--count"))
    assert 8 <= there < 60
    assert "ABORTED  stopped after " in command("status")
    assert "60 matches: " in command("run", "--deadline", "5m")
    assert command("list", "--count").strip() == "60"


def test_a_deadline_says_what_was_not_begun_as_json_too(command):
    command.configure("SmallSource}", "SmallSource, configuration: {seasons: 20, hangs_after: 1}}")
    ended = json.loads(command("run", "--deadline", "1s", "--json", code=6).splitlines()[-1])
    assert ended["state"] == "ABORTED"
    assert ended["exit_code"] == 6
    assert 0 < len(ended["not_begun"]) <= 12


def test_a_deadline_that_is_no_time_is_refused(command):
    command("run", "--deadline", "soon", code=2)
    assert "'soon' is no length of time: write a number and s, m, h or d" in command.err
