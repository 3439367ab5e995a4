"""Leases: that somebody writes to a lake at this moment, until the end of its process, whatever any clock says."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

from ingestify.clock import now
from ingestify.domain.ports import LeasesPort
from ingestify.domain.run import JobHolder, ProcessIdentity
from ingestify.store.process import is_gone, this_process

__all__ = ["REMOVING", "goes_on", "lease"]

REMOVING = "gc"
"""What the lease of whoever only removes objects says."""


@contextlib.contextmanager
def lease(leases: LeasesPort, what: str, lease_id: str | None = None) -> Iterator[str]:
    """Have a lease while the block runs. Yields its id."""
    lease_id = lease_id or str(uuid.uuid4())
    held = leases.take(lease_id, what, JobHolder(this_process(), now()))
    try:
        yield lease_id
    finally:
        held.release()


def goes_on(leases: LeasesPort, run_id: str, process: ProcessIdentity) -> bool:
    """Return whether a run may still go on: it has its lease, or, where there are no locks, its process is there."""
    is_held = leases.is_held(run_id)
    return not is_gone(process) if is_held is None else is_held
