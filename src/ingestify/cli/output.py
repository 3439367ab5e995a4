"""How commands write data to stdout: lines, JSON, times."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Any

__all__ = ["time_text", "write_json", "write_line"]


def write_line(line: str) -> None:
    """Write a line of data to stdout."""
    sys.stdout.write(line + "\n")


def write_json(value: Any) -> None:
    """Write JSON values as one line to stdout."""
    write_line(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


def time_text(moment: dt.datetime | None) -> str:
    """Return `2024-05-01 18:30:00` in UTC, or `-`."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
