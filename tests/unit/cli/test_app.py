from __future__ import annotations

import contextlib
import sqlite3

import pytest

from ingestify.cli import project


@pytest.mark.parametrize("code", [0, 3, None])
def test_code_that_calls_sys_exit_does_not_end_a_command_silently(command, monkeypatch, code):
    def leave() -> str:
        raise SystemExit(code)

    monkeypatch.setattr("ingestify.config.template.config_template", leave)
    command("init", "new", code=1)
    assert "SystemExit" in command.err


def test_an_interrupt_outside_of_a_run_is_told(command, monkeypatch):
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(project, "write_line", interrupt)
    command("version", code=130)
    assert command.err == "Interrupted.\n"


@pytest.mark.parametrize("folder", ["/proc/x", "config.yaml/x"])
def test_a_folder_that_cannot_be_made_is_an_error_of_the_settings(command, folder):
    command("init", folder, code=1)
    assert "cannot be written" in command.err
    assert "Run it again" not in command.err


def test_a_newer_lake_is_not_blamed_on_a_package_of_somebody_else(lake):
    with contextlib.closing(sqlite3.connect(lake.folder / "catalog.db")) as database, database:
        database.execute("UPDATE ingestify_version SET version_num = '9999'")
    lake("list", code=1)
    assert "Upgrade ingestify to read it." in lake.err
    assert "pip" not in lake.err


@pytest.mark.parametrize("group", [[], ["sources"], ["quarantine"]])
def test_a_group_without_a_command_shows_its_help_once(command, group):
    command(*group, code=2)
    assert command.err.startswith(" ".join(["Usage: ingestify", *group]))
    assert command.err.count("Usage:") == 1
    assert "Error:" not in command.err
