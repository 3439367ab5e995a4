"""Whether the process of a job is still there, also where its number was given again."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ingestify.clock import now
from ingestify.domain.run import ProcessIdentity
from ingestify.engine import liveness
from ingestify.engine.liveness import is_alive, this_process

RUN = "a run of another process"

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell of starts")


def test_a_run_of_this_process_goes_on_however_long_it_was_silent():
    liveness.begin_run("mine")
    assert is_alive(this_process(), now() - dt.timedelta(days=1), "mine")
    liveness.end_run("mine")
    assert not is_alive(this_process(), now(), "mine")


def test_a_process_that_ended_is_not():
    script = "from ingestify.engine.liveness import this_process as p; i = p(); print(i.pid, i.started, sep=chr(10))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    pid, started = ran.stdout.split()
    assert not is_alive(ProcessIdentity(socket.gethostname(), int(pid), started), now(), RUN)


@pytest.mark.parametrize("what", ["boot", "start"])
def test_a_container_that_begins_again_has_the_same_name_and_number_and_is_another_one(what: str):
    # Number 1 on the same host name both times, as in a container that was killed and begun again.
    boot, _, start = liveness._started(1).partition("/")
    before = f"{boot}/{int(start) - 1}" if what == "start" else f"another boot/{start}"
    assert is_alive(ProcessIdentity(socket.gethostname(), 1, f"{boot}/{start}"), now(), RUN)
    assert not is_alive(ProcessIdentity(socket.gethostname(), 1, before), now(), RUN)


def test_of_another_machine_only_its_silence_is_known():
    elsewhere = dataclasses.replace(this_process(), host="elsewhere", pid=os.getpid() + 1)
    assert is_alive(elsewhere, now() - dt.timedelta(seconds=10), RUN)
    assert not is_alive(elsewhere, now() - dt.timedelta(minutes=5), RUN)


def test_where_the_system_does_not_tell_silence_counts_too():
    silent = dataclasses.replace(this_process(), started="")
    assert is_alive(silent, now(), RUN)
    assert not is_alive(silent, now() - dt.timedelta(minutes=5), RUN)
