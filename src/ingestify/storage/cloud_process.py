"""obstore sends requests in threads of its own, which a forked process does not have: it would wait for ever."""

from __future__ import annotations

import os

from ingestify.errors import StoreError
from ingestify.storage.cloud_address import CloudAddress

__all__ = ["refuse_forked"]

_first: int | None = None
"""The process that sent the first request."""


def refuse_forked(address: CloudAddress) -> None:
    """Refuse a request in a process that was forked from one that has sent some.

    Raises:
        StoreError: It is such a process.
    """
    global _first
    process = os.getpid()
    if _first is None:
        _first = process
    if _first != process:
        raise StoreError(
            f"{address} cannot be used in a process that was forked from one that has used an object store. Start such "
            f"processes anew: multiprocessing.get_context('spawn'), which ProcessPoolExecutor takes as mp_context."
        )
