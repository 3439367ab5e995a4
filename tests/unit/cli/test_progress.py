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
