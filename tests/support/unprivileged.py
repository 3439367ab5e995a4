"""Processes of a user whom permissions bind, also where the tests run as root."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["close_for_writing", "open_for_writing", "start_unprivileged", "unprivileged_only"]

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2

unprivileged_only = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="needs root on Linux: the owner writes where permissions forbid it, the reader has no such right",
)


def _forgo_rights(prctl: Callable[..., int]) -> Callable[[], None]:
    def forgo() -> None:
        for right in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            if prctl(_PR_CAPBSET_DROP, right, 0, 0, 0) != 0:
                os._exit(111)

    return forgo


def start_unprivileged(code: str) -> subprocess.Popen[str]:
    """Run Python in a process that has no right of root's to pass over permissions; it speaks by pipes."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_forgo_rights(prctl),
    )


def close_for_writing(folder: Path) -> None:
    """Take from everybody, but who passes over permissions, the right to write a folder and what is in it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def open_for_writing(folder: Path) -> None:
    """Give it back."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
