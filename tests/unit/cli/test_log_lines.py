"""What a log line says where nobody sits before it, as under cron or systemd."""

from __future__ import annotations

import json
import re
import sys

import pytest

LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ERROR run=([0-9a-f-]{36}) small: .*the index is gone")


@pytest.fixture
def failing(command):
    command.configure("SmallSource}", "SmallSource, configuration: {is_down: true, seasons: 1}}")
    return command


def test_it_has_the_time_and_the_run(failing):
    ended = json.loads(failing("run", "--json", code=1).splitlines()[-1])
    (line,) = [line for line in failing.err.splitlines() if "the index is gone" in line]
    found = LINE.fullmatch(line)
    assert found is not None, line
    assert found[2] == ended["run_id"]


def test_on_a_terminal_it_is_the_message(failing, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    failing("run", code=1)
    assert "small: season_id=1: ValueError: the index is gone" in failing.err.splitlines()


@pytest.mark.parametrize("by", ["option", "environment"])
def test_its_format_can_be_chosen(failing, monkeypatch, by):
    pattern = "%(levelname)s|%(run_id)s|%(message)s"
    if by == "environment":
        monkeypatch.setenv("INGESTIFY_LOG_FORMAT", pattern)
    failing("run", *(["--log-format", pattern] if by == "option" else []), code=1)
    assert re.search(r"^ERROR\|[0-9a-f-]{36}\|small: season_id=1: ValueError", failing.err, re.MULTILINE)


@pytest.mark.parametrize("pattern", ["%(nothing)s", "no field at all", "%(message"])
def test_a_format_that_is_none_is_refused(command, pattern):
    command("run", "--log-format", pattern, code=2)
    assert f"'{pattern}' is no format of a log line" in command.err
    command("run")
