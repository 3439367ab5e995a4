"""Is somebody still working on a job?"""

from __future__ import annotations

import datetime as dt
import os
import socket
from pathlib import Path

from ingestify.clock import now
from ingestify.domain.run import ProcessIdentity

__all__ = ["begin_run", "end_run", "is_alive", "this_process"]

SILENCE_SECONDS = 120.0
"""A job on another machine whose row was not written for this long is taken to be dead; a live one writes its row
every few seconds."""

_runs_here: set[str] = set()
"""The runs of this process that go on."""


def begin_run(run_id: str) -> None:
    """A run of this process begins."""
    _runs_here.add(run_id)


def end_run(run_id: str) -> None:
    """It has ended, whether or not its jobs' rows could be written once more."""
    _runs_here.discard(run_id)


def _started(pid: int) -> str:
    """Return a text that no other process with the same pid has had, or "" where the system does not tell."""
    try:
        # Linux: the boot's id and, 22nd in stat, the start in clock ticks since boot (proc(5)). The name in
        # parentheses may hold anything, so counting begins after it.
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{boot}/{fields[19]}"
    except (OSError, IndexError):
        return ""


def this_process() -> ProcessIdentity:
    """Return the identity of the calling process."""
    return ProcessIdentity(host=socket.gethostname(), pid=os.getpid(), started=_started(os.getpid()))


def is_alive(process: ProcessIdentity, last_sign: dt.datetime, run_id: str) -> bool:
    """Return whether a run still goes on, given its process and when that last wrote its job's row.

    Of its own runs this process knows. Of others on this machine the system is asked; on another one, or where the
    system does not tell, a silence of two minutes counts as death.
    """
    if process == this_process():
        return run_id in _runs_here
    recently = (now() - last_sign).total_seconds() < SILENCE_SECONDS
    if process.host != socket.gethostname() or not process.started or os.name != "posix":
        return recently
    return _started(process.pid) == process.started
