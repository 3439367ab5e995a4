"""Ctrl-C and SIGTERM end a command, whenever they come."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import os, signal, sys, time
import ingestify.cli.app


class Freed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(10))


def run_command_line(arguments):
    try:
        Freed()
        for _ in range(100):
            time.sleep(0.1)
    except KeyboardInterrupt:
        return 7
    return 0


ingestify.cli.app.run_command_line = run_command_line
ingestify.cli.main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_signal_that_comes_while_an_object_is_freed_is_not_lost():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (7, "")


EARLY = """
import os, signal, sys
import ingestify.cli, ingestify.cli.standard_streams
ingestify.cli.standard_streams.prepare_streams = lambda: os.kill(os.getpid(), signal.SIGINT)
ingestify.cli.main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_signal_before_the_command_begins_shows_no_traceback():
    done = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")
