from __future__ import annotations

import io
import sys
import types

import pytest

from ingestify.progress.audience import in_notebook, is_terminal, is_watched, may_move_cursor


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_a_terminal():
    closed = io.StringIO()
    closed.close()
    assert [is_terminal(one) for one in (Terminal(), io.StringIO(), closed, None)] == [True, False, False, False]


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_escape_codes_only_where_they_are_wanted(monkeypatch, variables, wanted):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert may_move_cursor(Terminal()) is wanted
    assert not may_move_cursor(io.StringIO())


def forget(monkeypatch):
    """No variable says that nobody looks. pytest sets its own anew for each phase, so a fixture comes too early."""
    for name in ("PYTEST_CURRENT_TEST", "CI", "INGESTIFY_NO_PROGRESS"):
        monkeypatch.delenv(name, raising=False)


def test_somebody_looks_at_a_terminal_and_nobody_at_a_file(monkeypatch):
    forget(monkeypatch)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not is_watched()
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert is_watched()


@pytest.mark.parametrize("shell", [None, object()], ids=["IPython without a shell", "IPython at a terminal"])
def test_ipython_alone_is_no_notebook(monkeypatch, shell):
    forget(monkeypatch)
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not in_notebook()
    assert not is_watched()


def test_a_worker_process_shows_nothing_at_its_parents_terminal(monkeypatch):
    forget(monkeypatch)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("multiprocessing.parent_process", lambda: object())
    assert not is_watched()


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("INGESTIFY_NO_PROGRESS", "1", False),
        ("INGESTIFY_NO_PROGRESS", "0", True),
        ("CI", "true", False),
        ("CI", "", True),
        ("PYTEST_CURRENT_TEST", "test_one.py::test_it (call)", False),
    ],
)
def test_the_environment_may_say_that_nobody_looks(monkeypatch, name, value, wanted):
    forget(monkeypatch)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv(name, value)
    assert is_watched() is wanted
