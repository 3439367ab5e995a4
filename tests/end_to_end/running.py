"""The real command line: to its end, or running beside a test."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.end_to_end.crashes.audit import MARK
from tests.support.command_line import Command, Ended, shared_command_line


def start(project: Path) -> subprocess.Popen[str]:
    """Start `ingestify run` in a project's folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "ingestify", "run"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def command_beside(
    project: Path, arguments: list[str], *, out: str, err: str | None = None, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Run a command of ingestify; at the end of the block it is killed.

    Args:
        project: The folder it runs in.
        arguments: The command and its options.
        out: The file in that folder to which its stdout goes.
        err: The one of its stderr; None: the same.
        environment: What it has besides the environment of the tests.
    """
    with contextlib.ExitStack() as files:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingestify", *arguments],
            cwd=project,
            stdout=files.enter_context((project / out).open("w")),
            stderr=subprocess.STDOUT if err is None else files.enter_context((project / err).open("w")),
            text=True,
            env={**os.environ, **environment},
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def ingestify(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, is_waiting: bool = True
) -> Ended:
    """Run `ingestify ARGUMENTS` in a folder to its end.

    Args:
        environment: All of it; None: that of this process.
        is_waiting: Whether its pauses take their time.
    """
    given = Command(
        folder,
        arguments,
        environment=dict(os.environ if environment is None else environment),
        is_waiting=is_waiting,
    )
    (ended,) = shared_command_line().run_all([given])
    return ended


def objects(storage: Path) -> list[Path]:
    """The files in a storage's folder, by path, but for the mark that says whose they are."""
    return sorted(path for path in storage.rglob("*") if path.is_file() and path != storage / MARK)
