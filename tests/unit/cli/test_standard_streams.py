from __future__ import annotations

import io
import sys

import pytest

from ingestify.cli.standard_streams import prepare_streams


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
