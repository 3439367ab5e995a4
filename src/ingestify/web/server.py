"""The socket, the address with the token, and the browser."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import sys
import webbrowser
from collections.abc import Callable, Sequence

import uvicorn

from ingestify.errors import ConfigurationError
from ingestify.listening import listen
from ingestify.web.app import make_app
from ingestify.web.guard import Rules
from ingestify.web.lake import WebLake

__all__ = ["USUAL_PORT", "has_desktop", "serve"]

USUAL_PORT = 8642

_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "localhost", "::1": "[::1]"}
"""The addresses that only this machine reaches, as they are in a URL."""

_HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")


def serve(
    lake: WebLake,
    tell: Callable[[str], object],
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    allowed_hosts: Sequence[str] = (),
    opens_browser: bool = False,
) -> None:
    """Serve the pages of a lake until Ctrl-C or SIGTERM.

    Args:
        lake: The lake.
        tell: Is told the address, with the token.
        host: The address to listen on.
        port: None: 8642, or any free one if that is taken; 0: any free one.
        allowed_hosts: Names by which others reach this server: what their browsers send as Host.
        opens_browser: Whether to open the address in the user's browser.

    Raises:
        ConfigurationError: The address is not this machine's, or is taken.
    """
    is_local = host in _LOOPBACK
    if not is_local and not allowed_hosts:
        raise ConfigurationError(
            f"--host {host} lets other machines in. Say with --allow-host by which name browsers reach this server, "
            f"such as --allow-host lake.example.org:{port or USUAL_PORT}."
        )
    for name in allowed_hosts:
        if not _HOST.fullmatch(name):
            raise ConfigurationError(
                f"--allow-host '{name}' is no name of a host. Write it as browsers send it, such as "
                "lake.example.org or lake.example.org:8642."
            )
    listening = _listen_at(host, port)
    port = listening.getsockname()[1]
    names = [*(f"{name}:{port}" for name in _LOOPBACK.values() if is_local), *allowed_hosts]
    rules = Rules(frozenset(names), secrets.token_urlsafe(24), f"ingestify_{port}", lake.is_read_only)
    shown = f"{_LOOPBACK[host]}:{port}" if is_local else allowed_hosts[0]
    address = f"http://{shown}/?token={rules.token}"
    config = uvicorn.Config(
        make_app(lake, rules),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=3,
    )
    tell(address)
    if opens_browser:
        webbrowser.open(address)
    with contextlib.closing(listening):
        uvicorn.Server(config).run(sockets=[listening])


def has_desktop() -> bool:
    """Whether this process can open a browser window that its user sees."""
    if not sys.stdout.isatty() or "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _listen_at(host: str, port: int | None) -> socket.socket:
    if port is None:
        with contextlib.suppress(ConfigurationError):  # another program has it
            return listen(host, USUAL_PORT)
    return listen(host, port or 0)
