"""Ids of what the lake keeps: unique without asking anybody, and in the order in which they were made."""

from __future__ import annotations

import os
import time
import uuid

__all__ = ["new_id"]


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562, section 5.7): the milliseconds since 1970, and 74 random bits.

    What was ingested together lies together in the catalogue's indexes, so that reading a large lake in the order of
    arrival, and adding to it, touches a few pages and not one for each dataset.
    """
    number = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) | 7 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=number))
