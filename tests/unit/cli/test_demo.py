from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from ingestify.cli import demo
from ingestify.domain.run import RunReport


@pytest.mark.slow
def test_inside_an_earlier_demo_its_lake_is_replaced_and_nothing_else(command, monkeypatch):
    monkeypatch.setattr(
        demo._Demonstration, "_load", lambda *_: None
    )  # with kloppy it takes a second; the others do it
    assert "ingestify list --config config.yaml" in made(command, "lake", "--folder", ".")
    mine = Path("notes.txt")
    mine.write_text("mine")
    assert "5 matches: 5 new" in command("demo", "--matches", "5", "--folder", ".")
    assert mine.read_text() == "mine"
    assert command("list", "--count") == "5\n"


def made(command, name: str, *arguments: str) -> str:
    """Run a demo in a new folder, and stay there."""
    folder = command.folder / name
    folder.mkdir()
    os.chdir(folder)
    return command("demo", "--matches", "4", *arguments)


@pytest.mark.parametrize("folder", ["/proc/x", "/sys", "config.yaml/x"])
def test_a_folder_that_cannot_be_written_is_an_error_of_the_settings(command, folder):
    command("demo", "--folder", folder, code=1)
    assert "--folder" in command.err
    assert "Run it again" not in command.err


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the current folder cannot be removed")
def test_in_a_folder_that_is_gone_it_says_so(command, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    shutil.rmtree(gone)
    command("demo", code=1)
    assert "cannot write to the folder" in command.err
    command("list", code=1)
    assert command.err == "Error: The current folder was removed: change to another one, and try again.\n"


@pytest.mark.slow
def test_quietly_it_says_nothing(command):
    assert command("demo", "--matches", "4", "-q") == ""
    assert command.err == ""


def test_an_interrupt_is_told(command, monkeypatch):
    monkeypatch.setattr(RunReport, "exit_code", 130)
    command("demo", "--matches", "4", code=130)
    assert command.err == "Interrupted.\n"


@pytest.mark.parametrize(("value", "bold"), [("1", False), ("", True)])
def test_no_color_means_no_escape_code_at_all(monkeypatch, capsys, value, bold):
    monkeypatch.setenv("NO_COLOR", value)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    demo._write_title("The lake")
    assert ("\x1b" in capsys.readouterr().out) is bold


def test_what_to_type_can_be_typed(capsys):
    demo._say_what_next(Path("my demo/it's"))
    shown = capsys.readouterr().out
    line = next(line for line in shown.splitlines() if "list --config" in line)
    command, _, _ = line.partition("  what is in the lake")
    assert shlex.split(command) == ["ingestify", "list", "--config", "my demo/it's/config.yaml"]


@pytest.mark.slow
def test_the_extra_that_is_missing_is_installed_from_the_clone(command, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    shown = command("demo", "--matches", "4")
    assert "pip install -e '.[kloppy]'" in shown
    assert "ingestify[" not in shown
