from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize("arguments", [["run"], ["plan"], ["run", "--json"]])
def test_filters_that_match_nothing_are_told(command, arguments):
    command(*arguments, "match_id=77")
    assert "The sources have nothing that matches match_id=77." in command.err
    command(*arguments, "match_id=77", "-q")
    assert command.err == ""


def test_a_key_that_is_given_twice_fetches_both(command):
    assert command("run", "match_id=10", "match_id=21").startswith("2 matches: 2 new")


def test_an_error_that_all_selectors_share_is_told_once(command):
    command.configure("SmallSource}", "SmallSource, configuration: {is_down: true}}")
    command("run", code=1)
    lines = [line for line in command.err.splitlines() if "the index is gone" in line]
    assert len(lines) == 2
    assert lines[1] == "small: ValueError: the index is gone (and 1 more selector)"
    assert "2 of 2 selectors failed" in command.err


def test_with_debug_every_error_is_told(command, capsys):
    from ingestify.cli.app import run_command_line

    command.configure("SmallSource}", "SmallSource, configuration: {is_down: true}}")
    assert run_command_line(["run", "--debug", "--json"]) == 1
    out, err = capsys.readouterr()
    assert err.count(": ValueError: the index is gone\n") >= 2
    assert "more selector" not in err
    assert [json.loads(line)["event"] for line in out.splitlines()].count("job_ended") == 2
