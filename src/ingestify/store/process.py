"""Which process this is, and whether another one of this machine is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ingestify.domain.run import ProcessIdentity

__all__ = ["is_gone", "this_process"]


def this_process() -> ProcessIdentity:
    """Return the identity of the calling process."""
    return ProcessIdentity(host=socket.gethostname(), pid=os.getpid(), started=_started(os.getpid()))


def is_gone(process: ProcessIdentity) -> bool:
    """Return whether a process is known to have ended. Nothing is known of another machine's process."""
    if process.host != socket.gethostname() or not process.started or os.name != "posix":
        return False
    return _started(process.pid) != process.started


def _started(pid: int) -> str:
    """Return a text that tells the process from others that have had the same pid; "" if the system has none."""
    try:
        # Linux: the boot's id and, 22nd in stat, the start in clock ticks since boot (proc(5)). The name in
        # parentheses may hold anything, so counting begins after it.
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{boot}/{fields[19]}"
    except (OSError, IndexError):
        return ""
