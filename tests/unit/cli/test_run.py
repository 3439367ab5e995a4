from __future__ import annotations

import json
from types import SimpleNamespace

import pytest


@pytest.mark.parametrize("arguments", [["run"], ["plan"], ["run", "--json"]])
def test_filters_that_match_nothing_are_told(command, arguments):
    command.make_lake()
    command(*arguments, "match_id=77")
    assert command.err.count("The provider small lists no match_id=77.") == 1
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


def test_what_is_suddenly_gone_ends_with_3_and_what_a_person_accepts_with_0(lake):
    lake.configure("SmallSource}", "SmallSource, configuration: {matches: 0, seasons: 1}}")
    shown = lake("run", code=3)
    assert "0 failed, 6 not listed, to be confirmed" in shown
    assert "small: season_id=1: nothing is listed, and the lake has 3 datasets of it" in lake.err
    assert "small: season_id=2: the source does not discover it any more, and the lake has 3 datasets" in lake.err
    assert "'ingestify run --accept-missing'" in lake.err
    assert lake("list", "--count", "--state", "MISSING").strip() == "0"
    assert "absent        small: season_id=1: nothing is listed" in lake("status")
    lake("plan", code=0)
    assert "6 no longer listed" in lake("run", "--accept-missing")
    assert lake("list", "--count", "--state", "MISSING").strip() == "6"
    assert "0 failed ·" in lake("run")


def test_the_next_run_accepts_it_too_and_json_has_the_count(lake):
    lake.configure("SmallSource}", "SmallSource, configuration: {matches: 0}}")
    ended = [json.loads(lake("run", "--json", code=code).splitlines()[-1]) for code in (3, 0)]
    assert [(one["unlisted"], one["missing"], one["exit_code"]) for one in ended] == [(6, 0, 3), (0, 6, 0)]


def test_also_quietly_it_is_said_what_exit_code_3_means(lake):
    lake.configure("SmallSource}", "SmallSource, configuration: {matches: 0}}")
    lake("run", "-q", code=3)
    assert "not marked MISSING yet" in lake.err


def test_how_much_is_believed_at_once_is_a_setting(lake):
    lake.configure(
        "SmallSource}",
        "SmallSource, configuration: {matches: 2}, missing: {at_once_count: 0, at_once_share: 0}}",
    )
    assert "2 not listed" in lake("run", code=3)
    assert "2 no longer listed" in lake("run")


def test_a_plan_says_which_selectors_a_run_would_skip(command):
    command.configure("SmallSource}", "SmallSource, configuration: {has_hints: true}}")
    command("run")
    shown = command("plan")
    assert "skipped: small: season_id=1: nothing changed since 2024-05-01 00:00:00\n" in shown
    assert "6 unchanged" in shown
    assert "6 unchanged" in command("run")


def test_how_small_a_file_may_become_is_a_setting(lake):
    lake.configure("ingestion_plans:", "quarantine: {shrunk: 1.5}\ningestion_plans:")
    lake("run", code=1)
    assert "quarantine.shrunk: should be less than 1" in lake.err


def test_the_threads_of_a_run_share_memory_unless_the_user_decided_otherwise(command, monkeypatch):
    called = []
    monkeypatch.setattr("ctypes.CDLL", lambda *_: SimpleNamespace(mallopt=lambda *option: called.append(option)))
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    command("run")
    assert called == []
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    command("run")
    assert called == [(-8, 1)]


def test_a_library_without_that_option_is_no_obstacle(command, monkeypatch):
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setattr("ctypes.CDLL", lambda *_: object())
    assert command("run").startswith("6 matches: 6 new")
