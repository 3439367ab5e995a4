"""`ingestify publish`, and `run --publish`."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

FILE = "{name: file, type: ingestify.json_lines, configuration: {path: out.jsonl}}"
KIND = "{{name: {name}, type: tests.unit.cli.small_source.{kind}}}"


@pytest.fixture
def published(command):
    def configure(*publishers):
        lines = "\n  - ".join(publishers)
        command.configure("ingestion_plans:", f"event_publishers:\n  - {lines}\ningestion_plans:")
        return command

    return configure


def ids(command):
    path = command.folder / "out.jsonl"
    return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_run_publishes_what_it_did(published):
    command = published(FILE)
    command("run", "--publish")
    assert "file: 12 published, at 12" in command.err
    assert len(set(ids(command))) == 12
    lines = [json.loads(line) for line in command("run", "--publish", "--json").splitlines()]
    assert (lines[-2]["event"], lines[-2]["name"], lines[-2]["published"]) == ("published", "file", 0)
    assert lines[-1]["event"].startswith("run")


def test_a_run_that_cannot_publish_says_so_before_it_begins(published):
    command = published("{name: file, type: ingestify.json_lines, configuration: {pth: out.jsonl}}")
    command("run", "--publish", code=1)
    assert "pth" in command.err
    assert not (command.folder / "catalog.db").exists()
    command.configure("event_publishers", "#event_publishers")
    command.configure("  - {name: file", "#")
    command("run", "--publish", code=1)
    assert "names no event_publishers" in command.err
    command("run", "--publish", "--dry-run", code=2)


@pytest.mark.parametrize(
    ("kinds", "code"),
    [(["Down"], 1), (["Gone"], 1), (["Picky"], 3), ([], 0), (["Down", FILE], 3), (["Picky", FILE], 3)],
)
def test_the_exit_code_says_whether_all_was_delivered(published, kinds, code):
    command = published(*(one if one == FILE else KIND.format(name=one, kind=one) for one in kinds or [FILE]))
    command("run", "-q")
    command("publish", "--give-up-after", "0s", code=code)


def test_a_run_whose_publisher_is_down_is_kept_and_its_exit_code_says_so(published):
    command = published(KIND.format(name="gone", kind="Gone"))
    assert "6 new" in command("run", "--publish", code=3)
    assert "gone: not delivered: 410 Gone." in command.err


def test_publishing_needs_a_lake_and_a_configuration(published, tmp_path):
    command = published(FILE)
    command("publish", code=1)
    assert command.err.count("There is no lake") == 1
    command("publish", "--lake", str(tmp_path / "other"), code=1)
    assert "config.yaml" in command.err


def test_a_replay_moves_one_publisher(published):
    command = published(FILE)
    command("run", "-q", "--publish")
    command("publish", "--replay-from", "beginning", code=2)
    command("publish", "--publisher", "file", "--replay-from", "10")
    assert ids(command)[12:] == ids(command)[10:12]
    command("publish", "--publisher", "file", "--replay-from", "13", code=1)
    assert "after the end of the log" in command.err


def test_the_status_of_a_publisher_that_the_settings_had_says_how_to_forget_it(published):
    command = published(FILE)
    command("run", "-q", "--publish")
    config = command.folder / "config.yaml"
    config.write_text(config.read_text().replace("name: file", "name: other"))
    status = command("publish", "status")
    assert "file (not in the config file any more)" in status
    (forget,) = re.findall(r"'ingestify (events forget [^']*)'", status)
    command(*shlex.split(forget), "--yes")
    assert "file (" not in command("publish", "status")


def test_a_command_that_is_not_there_is_no_argument_of_send(published):
    command = published(FILE)
    command("publish", "stauts", code=2)
    assert "No such command 'stauts'. Did you mean 'status'?" in command.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_following_goes_on_with_new_events_until_a_signal(published, number):
    command = published(FILE)
    command("run", "-q")
    process = subprocess.Popen(
        [sys.executable, "-m", "ingestify", "publish", "--follow", "--poll", "0.05"],
        cwd=command.folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        _wait_for(lambda: len(ids(command)) == 12)
        command("delete", "match_id=10", "--yes")
        _wait_for(lambda: len(ids(command)) == 13)
        assert "published by" in command("publish", "status")
        command("publish", "--publisher", "file", "--replay-from", "11")
        # The one that goes on lets go for a moment when its position was moved, so this one may send them itself.
        is_sent_here = "file: 2 published, at 13" in command.err
        assert is_sent_here or f"It is sent by the one that goes on now: process {process.pid} " in command.err
        _wait_for(lambda: len(ids(command)) == 15)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert f"file: {13 if is_sent_here else 15} published, at 13" in err
    assert len(set(ids(command))) == 13


def _wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
