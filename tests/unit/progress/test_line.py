"""The moving line, on a terminal of our own: nobody's output is lost, and the terminal is as it was."""

# ruff: noqa: T201 - what is printed meanwhile is what this is about
from __future__ import annotations

import contextlib
import logging
import os
import pty
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from ingestify.progress import line as module
from ingestify.progress.line import ProgressLine
from tests.support.waiting import wait_until

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal:
    """stdout and stderr of this process are two streams of one terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there, here = pty.openpty()
        os.set_blocking(self.there, False)
        self.streams = [os.fdopen(os.dup(here), "w") for _ in range(2)]
        os.close(here)
        self._patch = monkeypatch
        monkeypatch.setattr(module, "REFRESH_SECONDS", 0.01)
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm")
        self.seen = ""

    @contextlib.contextmanager
    def showing(self, text: str = "1 of 2", *, of: Sequence[str] = ("stdout", "stderr")) -> Iterator[None]:
        """Show a line, and wait until it is there. Not in the fixture, whose streams pytest replaces."""
        self.use(*of)
        with ProgressLine(_nowhere).shown(lambda: text):
            wait_until(lambda: text in self.look(), 10)
            yield

    def use(self, *names: str) -> None:
        """Let stdout, stderr or both be of this terminal."""
        for name, stream in zip(("stdout", "stderr"), self.streams, strict=True):
            if name in names:
                self._patch.setattr(sys, name, stream)

    def look(self) -> str:
        """Return all that was written so far."""
        try:
            while some := os.read(self.there, 65536):
                self.seen += some.decode()
        except BlockingIOError:
            pass
        return self.seen

    def close(self) -> None:
        for stream in self.streams:
            stream.close()
        os.close(self.there)


@pytest.fixture
def terminal(monkeypatch) -> Iterator[Terminal]:
    made = Terminal(monkeypatch)
    yield made
    made.close()


def _nowhere(line: str) -> None:
    raise AssertionError(f"a terminal is there, and this was written elsewhere: {line}")


def test_what_is_printed_meanwhile_stands_above_it_as_it_is(terminal):
    long = "x" * 300 + " [bold]\t\x1b[1mgoal\x1b[0m"
    with terminal.showing():
        print(long)
        print("begun", end="")
        print(" and ended", file=sys.stdout)
        print("a warning", file=sys.stderr)
    for printed in (long, "begun and ended", "a warning"):
        assert f"\x1b[2K{printed}\r\n" in terminal.look(), "the line was cleared, and nothing is beside it"
    assert sys.stdout is terminal.streams[0]
    assert sys.stderr is terminal.streams[1]


def test_whoever_kept_the_stream_in_its_place_writes_on(terminal):
    with terminal.showing():
        kept = sys.stdout
    kept.write("begun")
    kept.flush()
    assert terminal.look().endswith("begun")


def test_a_line_that_is_begun_and_flushed_is_left_alone_until_it_ends(terminal):
    with terminal.showing():
        print("10 %", end="\r", flush=True)
        print("20 %", end="", flush=True)
        wait_until(lambda: terminal.look().endswith("10 %\r20 %"), 10)
        time.sleep(5 * module.REFRESH_SECONDS)
        assert terminal.look().endswith("10 %\r20 %"), "nothing was drawn into it"
        print(" done")
        wait_until(lambda: "20 % done\r\n" in terminal.look() and terminal.look().endswith("1 of 2"), 10)


def test_what_was_not_ended_is_written_at_the_end(terminal):
    with terminal.showing():
        print("dots ...", end="")
    assert terminal.look().endswith("dots ...")


def test_a_handler_that_was_there_before_does_not_write_into_it(terminal):
    handler = logging.StreamHandler(terminal.streams[1])
    logging.getLogger().addHandler(handler)
    try:
        with terminal.showing():
            logging.getLogger("somebody").warning("of somebody")
        assert "\x1b[2Kof somebody\r\n" in terminal.look()
        assert handler.stream is terminal.streams[1]
    finally:
        logging.getLogger().removeHandler(handler)


def _interrupted(terminal):
    with terminal.showing():
        assert terminal.look().rindex(HIDE) > terminal.look().rfind(SHOW)
        raise KeyboardInterrupt


def test_the_terminal_is_as_it_was_after_an_error_too(terminal):
    with pytest.raises(KeyboardInterrupt):
        _interrupted(terminal)
    assert terminal.look().rindex(SHOW) > terminal.look().rindex(HIDE)
    assert terminal.look().endswith("\x1b[2K"), "the line is gone"


def test_where_stdout_is_a_file_it_gets_what_is_printed(terminal, monkeypatch, tmp_path):
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with terminal.showing(of=["stderr"]):
            print("a row")
    assert (tmp_path / "out").read_text() == "a row\n"
    assert "a row" not in terminal.look()


def test_one_within_another_shows_nothing(terminal):
    with terminal.showing("outer"), ProgressLine(_nowhere).shown(lambda: "inner"):
        pass
    assert "inner" not in terminal.look()


def test_what_ends_at_once_shows_nothing(terminal, monkeypatch):
    monkeypatch.setattr(module, "REFRESH_SECONDS", 60.0)
    terminal.use("stdout", "stderr")
    with ProgressLine(_nowhere).shown(lambda: "1 of 2"):
        pass
    assert terminal.look() == ""


def test_it_is_shown_a_second_time_too(monkeypatch):
    monkeypatch.setattr(module, "LINE_SECONDS", 0.001)
    monkeypatch.setattr(module, "may_move_cursor", lambda _: False)
    written = threading.Event()
    line = ProgressLine(lambda _: written.set())
    for _ in range(2):
        written.clear()
        with line.shown(lambda: "3 new"):
            assert written.wait(30)
