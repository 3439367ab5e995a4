"""Allows a test to connect only to declared hosts.

The guard uses the interpreter's audit events (https://docs.python.org/3/library/audit_events.html), so it covers all of
Python's sockets, also those of libraries and other threads. It does not cover a library with sockets of its own
(pycurl, obstore).
"""

from __future__ import annotations

import contextlib
import fnmatch
import ipaddress
import socket
import sys
import threading
from collections.abc import Iterable
from typing import Any

__all__ = ["NetworkGuard", "UndeclaredHost"]


class UndeclaredHost(AssertionError):
    """A connection to a host that is not declared. It is no OSError, after which a client would try again."""


class NetworkGuard:
    """Refuses connections and name resolution while it is open; use it in a `with` block.

    Args:
        hosts: The allowed names and addresses; `*.example.com` for all hosts below it.

    Attributes:
        hosts: The allowed names and addresses, in lower case.
        attempts: The refused names and addresses in order, also those whose error was caught.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = tuple(host.lower() for host in hosts)
        self.attempts: list[str] = []
        self._looked_up: set[str] = set()

    def __enter__(self) -> NetworkGuard:
        _install_hook()
        _guards.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _guards.remove(self)

    def check(self, host: str) -> None:
        """Refuse a host that is not allowed.

        Raises:
            UndeclaredHost: The host is not allowed.
        """
        name = host.lower().rstrip(".")
        if any(fnmatch.fnmatchcase(name, allowed) for allowed in self.hosts):
            if not _is_address(name):
                self._looked_up.add(name)
            return
        if _is_address(name) and name in self._addresses():
            return
        self.attempts.append(host)
        raise UndeclaredHost(f"a connection to {host}, which is none of the declared hosts {', '.join(self.hosts)}")

    def _addresses(self) -> set[str]:
        """Return the addresses of the allowed names."""
        names = self._looked_up | {host for host in self.hosts if "*" not in host and not _is_address(host)}
        found: set[str] = set()
        for name in names:
            with _unguarded(), contextlib.suppress(OSError):
                found |= {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
        return found


_guards: list[NetworkGuard] = []
_install_lock = threading.Lock()
_installed = threading.Event()
_thread = threading.local()


@contextlib.contextmanager
def _unguarded() -> Any:
    _thread.is_free = True
    try:
        yield
    finally:
        _thread.is_free = False


def _install_hook() -> None:
    """Install the hook once. Python cannot remove it; it does nothing while no guard is open."""
    with _install_lock:
        if not _installed.is_set():
            sys.addaudithook(_hook)
            _installed.set()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _guards or not event.startswith("socket.") or getattr(_thread, "is_free", False):
        return
    host = _host_in(event, args)
    if host is not None:
        for guard in tuple(_guards):
            guard.check(host)


def _host_in(event: str, args: tuple[Any, ...]) -> str | None:
    """Return the host of an event; None for a socket that stays on this computer, such as one in the file system."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        sock, address = args[0], args[1]
        is_outside = sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple) and address
        return str(address[0]) if is_outside else None
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = args[0]
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        return str(host) if host else None
    return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
