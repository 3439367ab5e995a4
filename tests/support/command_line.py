"""The real command line in processes of their own, started quickly: forked from one that has it imported."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import datetime as dt
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingestify import clock
from tests.support import new_lakes
from tests.support.passing_time import letting_time_pass

# What commands import by and by.
_MODULES = (
    "ingestify.cli",
    "ingestify.cli.app",
    "ingestify.cli.copy",
    "ingestify.cli.garbage",
    "ingestify.cli.lake",
    "ingestify.cli.quarantine",
    "ingestify.cli.run",
    "ingestify.cli.standard_streams",
    "ingestify.cli.status",
    "ingestify.cli.tables",
    "ingestify.catalogue.catalogue",
    "ingestify.catalogue.migrations",
    "ingestify.checks.statsbomb",
    "ingestify.fetch.transport.http_client_transport",
    "ingestify.main",
    "ingestify.sources.rest",
    "ingestify.sources.statsbomb_github",
    "alembic.command",
    "msgspec",
    "psycopg",
    "sqlalchemy.dialects.sqlite",
    "urllib.request",
    "zstandard",
)
TABLE_MODULES = ("deltalake", "ingestify.tables.building", "ingestify.tables.make_rows", "polars", "pyarrow.dataset")
"""What commands for tables import besides: half a second of CPU."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: The exit code; below 0: the signal that killed it.
    """

    code: int
    out: str
    err: str


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        folder: Where it runs.
        failpoints: For the environment.
        kill_after: Seconds until it is killed as by kill -9; None: it is not.
        environment: All of it; None: that of this process, with 4 threads for fetching.
        clock_ahead: By how many seconds its clock is ahead of this process's.
        is_waiting: Whether its pauses take their time; False: they pass at once, as with the fixture `passing_time`.
    """

    folder: Path
    arguments: Sequence[str]
    failpoints: str = ""
    kill_after: float | None = None
    environment: Mapping[str, str] | None = None
    clock_ahead: float = 0.0
    is_waiting: bool = True


class CommandLine:
    """Runs commands, each in a process of its own. Use it in a `with` block, from one thread.

    Args:
        modules: What else the commands import.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = modules

    def __enter__(self) -> CommandLine:
        self._folder = tempfile.TemporaryDirectory()
        self._number = 0
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._folder.cleanup()

    def _start(self) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.support.command_line", *self._modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _end(self) -> None:
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        self._nursery.wait()
        assert self._nursery.stdout is not None
        self._nursery.stdout.close()

    def run(
        self,
        project: Path,
        *arguments: str,
        failpoints: str = "",
        kill_after: float | None = None,
        clock_ahead: float = 0.0,
    ) -> Ended:
        """Run `ingestify ARGUMENTS` in a folder to its end. The rest is as of `Command`."""
        (ended,) = self.run_all([Command(project, arguments, failpoints, kill_after, clock_ahead=clock_ahead)])
        return ended

    def run_side_by_side(
        self,
        project: Path,
        commands: Sequence[Sequence[str]],
        *,
        failpoints: str = "",
        kill_after: float | None = None,
    ) -> list[Ended]:
        """Run several commands at once. The failpoints, and the kill, are the first one's."""
        first, *others = commands
        return self.run_all(
            [Command(project, first, failpoints, kill_after), *(Command(project, arguments) for arguments in others)]
        )

    def run_all(self, commands: Sequence[Command]) -> list[Ended]:
        """Run commands at once, wherever each runs, and wait for all of them."""
        asked = []
        for command in commands:
            self._number += 1
            environment = {**os.environ, "INGESTIFY_CONCURRENCY": "4"}
            outputs = [str(Path(self._folder.name, f"{self._number}.{name}")) for name in ("out", "err")]
            asked.append(
                {
                    "folder": str(command.folder),
                    "arguments": list(command.arguments),
                    "outputs": outputs,
                    "failpoints": command.failpoints,
                    "kill_after": command.kill_after,
                    "clock_ahead": command.clock_ahead,
                    "is_waiting": command.is_waiting,
                    "environment": environment if command.environment is None else dict(command.environment),
                }
            )
        try:
            codes = self._ask(asked)
        except BaseException:
            self._nursery.kill()  # what it is at may end whenever it does, and would be taken for the next command's
            self._end()
            self._start()
            raise
        return [
            Ended(code, *(_text_of(Path(output)) for output in one["outputs"]))
            for code, one in zip(codes, asked, strict=True)
        ]

    def _ask(self, asked: Sequence[Mapping[str, Any]]) -> list[int]:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps(asked) + "\n")
        self._nursery.stdin.flush()
        codes: list[int] = json.loads(self._nursery.stdout.readline())
        return codes


@functools.cache
def shared_command_line(*modules: str) -> CommandLine:
    """One for all tests of a process, as starting it takes half a second of CPU: it ends when its stdin does."""
    return CommandLine(*modules).__enter__()


def _text_of(output: Path) -> str:
    """Return what a command wrote; one that was killed at once has not even made the file."""
    return output.read_text() if output.exists() else ""


def _serve() -> None:
    """Fork a child for each command that comes in, and say how it ended."""
    for module in (*_MODULES, *sys.argv[1:]):
        importlib.import_module(module)
    new_lakes.learn()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for line in sys.stdin:
        asked = json.loads(line)
        pids = [_start(one) for one in asked]
        started = time.monotonic()
        kills = [
            (one["kill_after"], pid) for one, pid in zip(asked, pids, strict=True) if one["kill_after"] is not None
        ]
        for seconds, pid in sorted(kills):
            time.sleep(max(0.0, started + seconds - time.monotonic()))
            os.kill(pid, signal.SIGKILL)  # a zombie until it is waited for, so the pid is still its own
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        sys.stdout.write(json.dumps(codes) + "\n")
        sys.stdout.flush()


def _start(asked: Mapping[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    ahead = dt.timedelta(seconds=asked["clock_ahead"])
    try:
        with contextlib.ExitStack() as around:
            if ahead:
                around.enter_context(clock.reading(lambda: dt.datetime.now(dt.UTC) + ahead))
            if not asked["is_waiting"]:
                around.enter_context(letting_time_pass())
            code = _run(asked)
        # As the interpreter ends: first the threads, then what wanted to be called.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _run(asked: Mapping[str, Any]) -> int:
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    if asked["failpoints"]:
        os.environ["INGESTIFY_FAILPOINTS"] = asked["failpoints"]
    for number, path in enumerate([os.devnull, *asked["outputs"]]):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.argv = ["ingestify", *asked["arguments"]]
    from ingestify.cli import main

    try:
        code = main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    return int(code or 0)


if __name__ == "__main__":
    _serve()
