"""Tells a service manager such as systemd how the service is: the protocol of sd_notify."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Self

from ingestify.clock import monotonic

__all__ = ["ServiceManager"]

_SOCKET_VARIABLE = "NOTIFY_SOCKET"
_WATCHDOG_VARIABLE = "WATCHDOG_USEC"
_WATCHDOG_PROCESS_VARIABLE = "WATCHDOG_PID"


class ServiceManager:
    """Sends states to the manager that started the process. Where there is none, it does nothing.

    Args:
        address: The manager's socket; empty: there is no manager.
        watchdog_seconds: After how long without a sign of life the manager restarts the service; None: it does not.
    """

    def __init__(self, address: str = "", watchdog_seconds: float | None = None) -> None:
        # A socket in the abstract namespace is written with an @.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._pause = None if watchdog_seconds is None else watchdog_seconds / 2
        self._pinged_at: float | None = None
        self._said = ""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the manager that the environment names."""
        process, microseconds = environment.get(_WATCHDOG_PROCESS_VARIABLE), environment.get(_WATCHDOG_VARIABLE, "")
        is_watched = process in (None, str(os.getpid())) and microseconds.isdigit() and int(microseconds) > 0
        return cls(environment.get(_SOCKET_VARIABLE, ""), int(microseconds) / 1_000_000 if is_watched else None)

    def ready(self) -> None:
        """Say that the service has started, or works with its new settings."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that the settings are read again; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic() * 1_000_000)}")

    def stopping(self) -> None:
        """Say that the service ends."""
        self._send("STOPPING=1")

    def say(self, status: str) -> None:
        """Say in a line what the service does at the moment, if that is not what was said before."""
        if status != self._said:
            self._said = status
            self._send(f"STATUS={' '.join(status.split())}")

    def ping(self) -> None:
        """Give a sign of life, if one is due."""
        if self._pause is None:
            return
        if self._pinged_at is None or monotonic() - self._pinged_at >= self._pause:
            self._pinged_at = monotonic()
            self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        # A manager that is away must not end the service.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
            datagrams.connect(self._address)
            datagrams.sendall(state.encode())
