"""Whether the process of a run is still there, also where its number was given again."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ingestify.domain.run import ProcessIdentity
from ingestify.store import process
from ingestify.store.process import is_gone, this_process

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell of starts")


@pytest.mark.slow
def test_this_process_is_there_and_one_that_ended_is_gone():
    assert not is_gone(this_process())
    script = "from ingestify.store.process import this_process as p; i = p(); print(i.pid, i.started, sep=chr(10))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    pid, started = ran.stdout.split()
    assert is_gone(ProcessIdentity(socket.gethostname(), int(pid), started))


@pytest.mark.parametrize("what", ["boot", "start"])
def test_a_container_that_begins_again_has_the_same_name_and_number_and_is_another_one(what: str):
    # Number 1 on the same host name both times, as in a container that was killed and begun again.
    boot, _, start = process._started(1).partition("/")
    before = f"{boot}/{int(start) - 1}" if what == "start" else f"another boot/{start}"
    assert not is_gone(ProcessIdentity(socket.gethostname(), 1, f"{boot}/{start}"))
    assert is_gone(ProcessIdentity(socket.gethostname(), 1, before))


def test_of_another_machine_and_where_the_system_does_not_tell_nothing_is_known():
    assert not is_gone(dataclasses.replace(this_process(), host="elsewhere", pid=os.getpid() + 1))
    assert not is_gone(dataclasses.replace(this_process(), started="", pid=os.getpid() + 1))
