"""What the commands say of files that are broken: left out by themselves, accepted by a person, or left out by one."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def serve(command):
    """Let the provider have a broken file of one feed, or of none."""

    def serve(broken: str) -> None:
        command.config.write_text(
            "main: {metadata_url: 'sqlite:///catalog.db', file_url: 'file://files/'}\n"
            "sources:\n"
            f"  small: {{type: tests.unit.cli.small_source.WithHeatmap, configuration: {{broken: '{broken}'}}}}\n"
            "ingestion_plans: [{source: small, dataset_type: match}]\n"
        )

    return serve


def entry_of(command) -> str:
    (listed,) = command("quarantine", "list", "--json").splitlines()
    return json.loads(listed)["entry_id"]


def test_a_run_names_what_it_leaves_out_each_time(command, serve):
    serve("heatmap")
    for counted in ("1 match: 1 new", "1 match: 0 new, 0 revised, 1 unchanged"):
        out = command("run", code=3)
        assert counted in out
        assert "1 without a broken file" in out
        assert "broken: match 1: heatmap__v1 is left out: " in command.err
        assert "the next run requests the broken ones again" in command.err
    ended = json.loads(command("run", "--json", code=3).splitlines()[-1])
    assert (ended["left_out"], ended["unchanged"], ended["quarantined"], ended["exit_code"]) == (1, 1, 0, 3)
    serve("")
    assert "1 revised" in command("run")
    assert "broken" not in command.err


def test_the_lake_tells_what_is_left_out(command, serve):
    serve("heatmap")
    command("run", "-q", code=3)
    assert "COMPLETE" in (listed := command("list"))
    assert "(left out: heatmap__v1)" in listed
    shown = command("show", "match_id=1")
    assert "heatmap__v1          left out: " in shown
    as_json = json.loads(command("show", "--json", "match_id=1"))
    assert list(as_json["left_out_files"]) == ["heatmap__v1"]
    assert as_json["broken_files"] == {}
    status = command("status", "--failed")
    assert "1 without a broken file" in status
    assert "broken        match 1: heatmap__v1 is left out: " in status


def test_accepting_a_broken_file_says_what_the_dataset_is_then(command, serve):
    serve("events")
    command("run", "-q", code=3)
    entry = entry_of(command)
    assert "if it is accepted        PARTIAL, lacks events" in command("quarantine", "show", entry)
    command("quarantine", "accept", entry, "--by", "me", "--note", "better than nothing")
    assert "published as revision 0; with events__v1 broken as it is; it is PARTIAL" in command.err
    assert "PARTIAL" in (listed := command("list"))
    assert "(lacks events; broken: events__v1)" in listed
    shown = command("show", "match_id=1")
    assert "(accepted by me)" in shown
    assert "accepted by me: better than nothing (its checks had said: events__v1: " in shown
    assert "0 new, 0 revised, 1 unchanged" in command("run")


def test_a_bundle_is_accepted_without_a_feed(command, serve):
    serve("events")
    command("run", "-q", code=3)
    entry = entry_of(command)
    command("quarantine", "accept", entry, "--without", "lineups", code=1)
    assert "has no feed 'lineups'; there are events, heatmap" in command.err
    command("quarantine", "accept", entry, "--without", "heatmap", "--without", "events", code=1)
    assert "nothing of it would be left" in command.err
    command("quarantine", "accept", entry, "--without", "events", "--by", "me")
    assert "without events__v1, which the next runs ask for again; it is PARTIAL" in command.err
    assert "left out by me" in command("show", "match_id=1")
    command("run")
    serve("")
    command("run")
    assert "COMPLETE" in command("list")
