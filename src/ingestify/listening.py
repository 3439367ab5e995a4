"""The address that a server listens on, and why it cannot."""

from __future__ import annotations

import errno
import socket

from ingestify.errors import ConfigurationError

__all__ = ["address_text", "cannot_listen", "listen"]


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0: any free one.

    Raises:
        ConfigurationError: The address is not this machine's, or is taken.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise cannot_listen(host, port, error) from error


def address_text(host: str, port: int) -> str:
    """Return an address as it is in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    """Return the error about an address that the system refuses."""
    if error.errno == errno.EADDRINUSE:
        why = "another program uses this port. Name another one, or end that program."
    elif error.errno == errno.EACCES:
        why = "this user may not use this port. Name one above 1023."
    else:
        why = f"{error.strerror or 'the address cannot be used'}."
    return ConfigurationError(f"Cannot listen on {address_text(host, port)}: {why}")
