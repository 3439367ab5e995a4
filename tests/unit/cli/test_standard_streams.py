from __future__ import annotations

import io
import sys

import pytest

from ingestify.cli.standard_streams import is_terminal, may_move_cursor, prepare_streams


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_narrow_encoding_ends_nothing(monkeypatch, encoding):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    prepare_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.write("Málaga – 横浜 ⚽")
        stream.flush()
        assert b"laga " in stream.buffer.getvalue()


def test_closed_streams_are_replaced(monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    prepare_streams()
    assert sys.stdin.read() == ""
    sys.stdout.write("nowhere")
    sys.stderr.write("nowhere")
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


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
