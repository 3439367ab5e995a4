"""The real command line, running beside a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def start(project: Path) -> subprocess.Popen[str]:
    """Start `ingestify run` in a project's folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "ingestify", "run"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ingestify(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ingestify ARGUMENTS` in a folder to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ingestify", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
