"""Writer leases: they say that somebody writes to a lake now. A lease ends with its process; it needs no clock."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator

from ingestify.clock import now
from ingestify.domain.ports import LeasesPort
from ingestify.domain.run import JobHolder, JobSummary, ProcessIdentity, RunState
from ingestify.store.process import is_gone, this_process

__all__ = ["REMOVING", "lease", "may_go_on", "runs_that_are_gone"]

REMOVING = "gc"
"""The word of a lease whose holder only removes objects."""


@contextlib.contextmanager
def lease(leases: LeasesPort, what: str, lease_id: str | None = None) -> Iterator[str]:
    """Hold a lease while the block runs. Yields its id."""
    lease_id = lease_id or str(uuid.uuid4())
    held = leases.take(lease_id, what, JobHolder(this_process(), now()))
    try:
        yield lease_id
    finally:
        held.release()


def may_go_on(leases: LeasesPort, run_id: str, process: ProcessIdentity) -> bool:
    """Return whether a run may still go on: it holds its lease or, in a database without locks, its process exists."""
    is_held = leases.is_held(run_id)
    return not is_gone(process) if is_held is None else is_held


def runs_that_are_gone(leases: LeasesPort, jobs: Iterable[JobSummary]) -> set[str]:
    """Return the runs of RUNNING jobs whose process is gone. The next run marks these jobs ABORTED."""
    running = {job.run_id: job.process for job in jobs if job.state is RunState.RUNNING}
    return {run_id for run_id, process in running.items() if not may_go_on(leases, run_id, process)}
