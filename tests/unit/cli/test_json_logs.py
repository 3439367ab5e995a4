"""With `--log-format json`, each line on stderr is a JSON object, whatever a command writes there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Command, shared_command_line

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

CONFIG = """
main: {metadata_url: "sqlite:///catalog.db", file_url: "file://files"}
sources: {own: {type: own_source.OwnSource}}
ingestion_plans: [{source: own, dataset_type: match}]
"""

SOURCE = """
import logging, os, subprocess, sys, time, warnings
from ingestify import DatasetResource, Source, StopProcessing

class OwnSource(Source):
    provider = "own"
    concurrent_discovery = True

    def discover_selectors(self, dataset_type):
        return [{"season_id": 1}, {"season_id": 2}]

    def find_datasets(self, dataset_type, season_id, **_):
        logging.getLogger("their.library").warning("a list of\\ntwo lines for %s", season_id)
        warnings.warn("this is old")
        print("printed by the source")
        print("half a line", end="", file=sys.stderr)
        subprocess.run([sys.executable, "-c", "import sys; print('from a child', file=sys.stderr)"])
        os.write(2, b"from the C library\\n")
        if os.path.exists("crash"):
            raise MemoryError("own crash, token=hunter2hunter2")
        if season_id == 2:
            raise OSError("the index is gone; password=hunter2hunter2")
        for number in range(3):
            identifier = {"season_id": season_id, "match_id": number}
            one = DatasetResource(identifier, "match", name=f"M\\u00e1laga \\x1b[31m {number}")
            yield one.add_file(None, "events", file_loader=load, loader_kwargs={"number": number})


def load(file, current, **options):
    number = options["number"]
    logging.getLogger("their.loader").warning("loading %d", number)
    if os.path.exists("slow"):
        open("is_loading", "w").close()
        time.sleep(60)
    if number == 1:
        raise ValueError("the file is broken")
    from ingestify import DraftFile
    content = b"<html>" if number == 2 else b"[1]"
    return DraftFile.from_input(content, data_feed_key="events", data_serialization_format="json")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "own_source.py").write_text(SOURCE)
    return tmp_path


def start(project: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ingestify.cli", *arguments],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def lines_of(text: str) -> list[dict[str, Any]]:
    """Every line of stderr, each of which is an object with what it needs."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert TIME.fullmatch(line["time"]), line
        assert line["level"] in ("DEBUG", "INFO", "WARNING", "ERROR"), line
        assert line["logger"]
        assert line["message"]
        assert "hunter2" not in json.dumps(line)
    assert "\x1b" not in text
    return lines


def run(project: Path, *arguments: str, code: int, **environment: str) -> list[dict[str, Any]]:
    process = start(project, *arguments, **environment)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return lines_of(err)


def one(lines: list[dict[str, Any]], text: str, **fields: str) -> dict[str, Any]:
    found = [line for line in lines if text in line["message"] and fields.items() <= line.items()]
    assert found, (text, lines)
    return found[0]


@pytest.mark.slow
def test_a_run_with_failures_says_what_each_line_is_about(project):
    lines = run(project, "run", "--log-format", "json", "-v", code=1)
    (run_id,) = {line["run"] for line in lines if "run" in line}

    failed = one(lines, "the index is gone", level="ERROR")
    assert (failed["source"], failed["selector"], failed["dataset_type"]) == ("own", "season_id=2", "match")
    assert failed["run"] == run_id
    assert failed["job"]

    loading = one(lines, "loading 1", level="WARNING", logger="their.loader")
    assert (loading["run"], loading["selector"]) == (run_id, "season_id=1")
    assert "match_id=1" in loading["dataset"].replace("'", "").replace(": ", "=")
    broken = one(lines, "the file is broken", level="INFO", logger="ingestify.engine.run.jobs")
    assert broken["dataset"] == loading["dataset"]

    library = one(lines, "a list of\ntwo lines for 1", logger="their.library")
    assert library["selector"] == "season_id=1"
    one(lines, "this is old", logger="py.warnings", level="WARNING")
    for text in ("printed by the source", "from a child", "from the C library", "half a line"):
        one(lines, text, logger="stderr")
    assert {line["message"] for line in lines if "half a line" in line["message"]} == {"half a line"}
    one(lines, "failed: ", level="WARNING", run=run_id)
    one(lines, "in quarantine: ", level="WARNING", run=run_id)
    one(lines, "1 of 2 selectors failed", level="ERROR", run=run_id)


@pytest.mark.slow
def test_other_commands_too(project):
    run(project, "run", code=1, INGESTIFY_LOG_FORMAT="json")
    for arguments, code in [
        (("plan", "--debug"), 1),
        (("quarantine", "list"), 0),
        (("quarantine", "accept", "nothing"), 1),
        (("status", "--failed"), 0),
        (("show", "match_id=99"), 1),
        (("list", "--where", "metadata.x >"), 1),
        (("delete", "match_id=0"), 2),
        (("verify",), 0),
        (("run", "--no-such-option"), 2),
        (("rnu",), 2),
        (("run", "--config", "missing.yaml"), 1),
        (("run", "--deadline", "soon"), 2),
    ]:
        environment = {**os.environ, "INGESTIFY_LOG_FORMAT": "json"}
        (ended,) = shared_command_line().run_all([Command(project, arguments, environment=environment)])
        lines = lines_of(ended.err)
        assert ended.code == code, (arguments, ended.err)
        if code:
            one(lines, "Error: ", level="ERROR")


@pytest.mark.slow
def test_an_error_that_nobody_expected_has_its_traceback(project, tmp_path):
    (project / "config.yaml").write_text("main: {metadata_url: 'sqlite:///catalog.db', file_url: 'file://files'}\n")
    script = textwrap.dedent(
        """
        import sys
        from ingestify.cli import lake
        def crash(*_, **__):
            raise ZeroDivisionError("a bug; token=hunter2hunter2")
        import ingestify.cli.options as options
        options.NamedLake.open_store = crash
        from ingestify.cli import main
        sys.argv = ["ingestify", "list", "--log-format=json"]
        main()
        """
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    (line,) = lines_of(ran.stderr)
    assert line["level"] == "ERROR"
    assert line["message"].startswith("Error: ZeroDivisionError: a bug")
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert "in crash" in line["exception"]


@pytest.mark.slow
def test_ctrl_c_is_a_line_too(project):
    (project / "slow").touch()
    process = start(project, "run", "--log-format", "json")
    assert process.stderr is not None
    read = []
    for line in process.stderr:  # until its loader has begun
        read.append(line)
        if "loading 0" in line:
            break
    process.send_signal(signal.SIGINT)
    for line in process.stderr:
        read.append(line)
        if "Stopping" in line:
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.wait(60)
    assert process.returncode == 130
    lines = lines_of("".join(read) + rest)
    one(lines, "Stopping: complete datasets are kept.", level="WARNING")


def test_stderr_is_as_it_was_after_a_command_in_this_process(command, capsys):
    before = sys.stderr
    command("run", "--log-format", "json")
    assert sys.stderr is before
    command("list", "match_id=nobody", "--log-format=json")
    assert [json.loads(line)["level"] for line in command.err.splitlines()] == ["INFO"]
    command("list", "match_id=nobody")
    assert not command.err.startswith("{")


def test_the_option_goes_before_the_variable(command, monkeypatch):
    command("run")
    monkeypatch.setenv("INGESTIFY_LOG_FORMAT", "json")
    command("list", "match_id=nobody", "--log-format", "%(message)s")
    assert not command.err.startswith("{")
