from __future__ import annotations

import sys

from ingestify.cli.console import Console
from ingestify.cli.progress import RunView


def test_the_cursor_is_shown_again_by_who_hid_it(monkeypatch, tmp_path):
    with (tmp_path / "stderr").open("w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        view = RunView(Console())
        view.restore_terminal()
        assert (tmp_path / "stderr").read_bytes() == b""
        view._line._hides_cursor = True
        view.restore_terminal()
        assert (tmp_path / "stderr").read_bytes() == b"\r\x1b[2K\x1b[?25h"


def test_a_second_run_is_shown_too(monkeypatch):
    told = []
    monkeypatch.setattr("ingestify.progress.line.LINE_SECONDS", 0.001)
    monkeypatch.setattr("ingestify.progress.line.may_move_cursor", lambda stream: False)
    view = RunView(Console())
    for _ in range(2):
        with view.shown():
            told.append(view._line._ended.is_set())
    assert told == [False, False]
