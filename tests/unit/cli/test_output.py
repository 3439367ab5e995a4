"""What happens when stdout cannot be written: a reader who left, a full disk, an encoding without the character."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import sys

import pytest

from ingestify.cli import logs
from ingestify.cli.app import run_command_line
from ingestify.cli.output import json_text


class Broken(io.TextIOBase):
    """A stdout that takes `lines` lines, and then fails."""

    encoding = "utf-8"

    def __init__(self, error: OSError, lines: int = 0, *, only_flushing: bool = False) -> None:
        self._error = error
        self._lines = lines
        self._only_flushing = only_flushing
        self.written: list[str] = []

    def write(self, text: str) -> int:
        if not self._only_flushing and len(self.written) >= self._lines:
            raise self._error
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        if self._only_flushing:
            raise self._error


def gone() -> BrokenPipeError:
    return BrokenPipeError(errno.EPIPE, "Broken pipe")


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def run_into(monkeypatch, capsys, stdout, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "stdout", stdout)
    code = run_command_line(list(arguments))
    return code, capsys.readouterr().err


COMMANDS = [
    ["list"],
    ["list", "--json"],
    ["show", "match_id=10"],
    ["status"],
    ["plan", "-v"],
    ["plan", "--json"],
    ["--help"],
]


@pytest.mark.sampled(5)
@pytest.mark.parametrize("only_flushing", [False, True])
@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_reader_who_left_ends_a_command_quietly(lake, monkeypatch, capsys, arguments, only_flushing):
    stdout = Broken(gone(), only_flushing=only_flushing)
    assert run_into(monkeypatch, capsys, stdout, *arguments) == (0, "")


@pytest.mark.sampled(5)
@pytest.mark.parametrize("only_flushing", [False, True])
@pytest.mark.parametrize("arguments", COMMANDS[:-1])
def test_a_full_disk_is_told_once(lake, monkeypatch, capsys, arguments, only_flushing):
    stdout = Broken(full(), only_flushing=only_flushing)
    code, err = run_into(monkeypatch, capsys, stdout, *arguments)
    assert code == 1
    assert err == "Error: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize("arguments", [["run"], ["run", "--json"], ["run", "-v"]])
def test_a_run_goes_on_to_its_end_without_a_reader(command, monkeypatch, capsys, arguments):
    code, err = run_into(monkeypatch, capsys, Broken(gone(), lines=1), *arguments)
    assert code == 0
    assert "listener" not in err
    monkeypatch.undo()
    monkeypatch.chdir(command.folder)
    assert command("list", "--count") == "6\n"


def test_a_run_without_a_reader_keeps_its_exit_code(command, monkeypatch, capsys):
    command.configure("SmallSource}", "SmallSource, configuration: {is_down: true}}")
    code, _ = run_into(monkeypatch, capsys, Broken(gone()), "run", "--json")
    assert code == 1


def test_a_run_whose_output_is_lost_is_done_all_the_same(command, monkeypatch, capsys):
    code, err = run_into(monkeypatch, capsys, Broken(full()), "run", "--json")
    assert code == 1
    assert err == "Error: The output cannot be written: No space left on device.\n"
    monkeypatch.undo()
    monkeypatch.chdir(command.folder)
    assert command("list", "--count") == "6\n"


def test_json_loses_no_character_to_a_narrow_encoding(lake, monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert run_command_line(["list", "--json", "match_id=10"]) == 0
    assert json.loads(narrow.buffer.getvalue())["name"] == "Málaga 10"


def test_a_lost_stderr_ends_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Broken(gone()))
    logs.write_stderr("nobody reads this")
    sys.stderr = closed = io.StringIO()
    closed.close()
    logs.write_stderr("nor this")


def test_json_is_one_line_for_whoever_takes_other_characters_for_ends_of_lines() -> None:
    value = {"name": "Ajax\u2028PSV\u2029Feyenoord\u0085AZ\r\n\u00e9"}
    text = json_text(value)
    assert len(text.splitlines()) == 1
    assert json.loads(text) == value


LOUD = """
import os

import polars as pl

from ingestify import DatasetResource, Source


class Loud(Source):
    provider = "loud"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        print("the source prints")
        resource = DatasetResource({"match_id": 1}, "match", name="one")
        yield resource.add_file(None, "events", json_content=[1])


def make_frame(files, dataset):
    print("the function prints")
    os.system("echo a process of it prints")
    return pl.DataFrame({"number": [1]})
"""

LOUD_CONFIG = """
main: {metadata_url: "sqlite:///catalog.db", file_url: "file://files/"}
sources: {loud: {type: loud.Loud}}
ingestion_plans: [{source: loud, dataset_type: match}]
tables: {build: [numbers], own: [{name: numbers, function: "loud:make_frame"}]}
event_publishers: [{name: out, type: ingestify.json_lines, events: [dataset_created], start_at: beginning}]
"""


@pytest.mark.slow
def test_what_code_of_a_user_prints_goes_to_stderr(tmp_path):
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "config.yaml").write_text(LOUD_CONFIG)

    def run(*arguments: str) -> tuple[list[str], str]:
        command = [sys.executable, "-m", "ingestify.cli", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.splitlines(), done.stderr

    lines, err = run("run", "--json")
    assert [json.loads(line)["event"] for line in lines][-1] == "run_ended"
    assert "the source prints" in err
    lines, err = run("tables", "build", "--json")
    assert [json.loads(line)["event"] for line in lines] == ["table_built", "tables_built"]
    assert "the function prints\na process of it prints" in err
    assert run("tables", "build", "--rebuild")[0] == ["numbers (anew): 1 dataset added · 1 row"]
    assert run("--version")[0] != []
    lines, _ = run("publish", "-q")
    assert [json.loads(line)["data"]["dataset"]["name"] for line in lines] == ["one"]
