"""A server of a test's own on a free port of loopback, which can be stopped, killed and started again in its folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.integration.storage.servers import free_port, skip

_START_SECONDS = 60


class OwnServer:
    """One process.

    Args:
        folder: Of its files, which stay when it is stopped.
        program: Its name, as on the PATH or in /usr/sbin.
        arguments: Returns its arguments, given the port.
        is_ready: Raises an error, or returns False, while the server takes no requests; given the port.
        environment: Its environment; None: that of the tests.
    """

    def __init__(
        self,
        folder: Path,
        program: str,
        arguments: Callable[[int], Sequence[str]],
        is_ready: Callable[[int], bool] = lambda port: True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
        if found is None:
            skip(f"there is no {program}")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._folder = folder
        self._command = [str(found), *arguments(self.port)]
        self._is_ready = is_ready
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What the process wrote."""
        return (self._folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it, and wait until it takes requests."""
        with (self._folder / "log").open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            assert self._process.poll() is None, f"{self._command[0]} ended: {self.log}"
            assert time.monotonic() < deadline, f"{self._command[0]} did not start: {self.log}"
            with contextlib.suppress(Exception):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                if self._is_ready(self.port):
                    return
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask it to end, and wait for that."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # The whole group: a program may be a script that starts the server.
        os.killpg(process.pid, how)
        try:
            process.wait(30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
