"""A connection to a provider: to its host or through a proxy's tunnel, with or without TLS, and with timeouts."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping

import msgspec

from ingestify.fetch.transport.address_policy import AddressPolicy
from ingestify.fetch.transport.transport import AddressForbidden

__all__ = ["Connection", "Tunnel"]

_MOST_HEAD_BYTES = 1 << 16
_STATUS = re.compile(rb"HTTP/1\.[0-9][ \t]+([1-9][0-9][0-9])([^\r\n]*)")


class Tunnel(msgspec.Struct, frozen=True):
    """A tunnel through a proxy to a host; the proxy does not see what is sent through it.

    Attributes:
        host: The name of the host.
        port: The port of the host.
        headers: Sent with the request for the tunnel, such as the proxy's credentials.
    """

    host: str
    port: int
    headers: Mapping[str, str]


class Connection:
    """One connection, made by `open`.

    Args:
        host: The host to connect to: the provider's, or the proxy.
        port: Its port.
        timeout_seconds: How long all addresses of the host together may take to answer, and then tunnel and TLS
            together.
        addresses: The addresses that may be connected to; None: any, as for a proxy.
        tunnel: The tunnel to ask the proxy for; None: no tunnel.
        tls: Verifies the host's certificate; None: no TLS.
        server_name: The host that the certificate must name.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout_seconds: float,
        addresses: AddressPolicy | None = None,
        tunnel: Tunnel | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> None:
        self._at = (host, port)
        self._timeout_seconds = timeout_seconds
        self._addresses = addresses
        self._tunnel = tunnel
        self._tls = tls
        self._server_name = server_name
        self._sock: socket.socket | None = None

    @property
    def sock(self) -> socket.socket:
        """The open socket."""
        assert self._sock is not None, "it is not open"
        return self._sock

    def open(self, begun: Callable[[socket.socket], object]) -> None:
        """Connect.

        Args:
            begun: Called with each socket before anything waits on it, so that another thread can shut it down.

        Raises:
            AddressForbidden: None of the host's addresses is permitted.
            TimeoutError: It took too long.
            OSError: There is no connection; for TLS, an `ssl.SSLError`.
        """
        self._sock = sock = self._connect(begun)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = time.monotonic() + self._timeout_seconds
        if self._tunnel is not None:
            _ask_for(self._tunnel, sock, until)
        if self._tls is not None:
            # The limit is for the whole handshake, however slowly its bytes come.
            sock.settimeout(_left(until))
            secured = self._tls.wrap_socket(sock, server_hostname=self._server_name, do_handshake_on_connect=False)
            self._sock = secured
            begun(secured)
            secured.do_handshake()

    def close(self) -> None:
        """Close the connection, if it is open."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def _connect(self, begun: Callable[[socket.socket], object]) -> socket.socket:
        """Connect to the first permitted address of the host that answers."""
        failed: Exception | None = None
        found = socket.getaddrinfo(*self._at, 0, socket.SOCK_STREAM)
        until = time.monotonic() + self._timeout_seconds
        for number, (family, kind, protocol, _name, where) in enumerate(found):
            if self._addresses is not None and not self._addresses.permits(str(where[0])):
                failed = failed or AddressForbidden(str(where[0]))
                continue
            sock = socket.socket(family, kind, protocol)
            begun(sock)
            try:
                # An address that does not answer leaves the other ones their share of the time.
                sock.settimeout(_left(until) / (len(found) - number))
                sock.connect(where)
            except OSError as error:
                sock.close()
                failed = error
            else:
                return sock
        raise failed or OSError("its name has no address")


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _ask_for(tunnel: Tunnel, sock: socket.socket, until: float) -> None:
    """Ask a proxy for a tunnel (RFC 9110, section 9.3.6). Behind its response, nothing comes before TLS begins."""
    host = f"[{tunnel.host}]" if ":" in tunnel.host else tunnel.host
    lines = [f"CONNECT {host}:{tunnel.port} HTTP/1.1", f"Host: {host}:{tunnel.port}"]
    lines += [f"{name}: {value}" for name, value in tunnel.headers.items()]
    sock.settimeout(_left(until))
    sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = b""
    while not head.endswith((b"\r\n\r\n", b"\n\n")):
        sock.settimeout(_left(until))
        data = sock.recv(1 << 12)
        head += data
        if not data or len(head) > _MOST_HEAD_BYTES:
            raise ConnectionError("its answer is incomplete" if data else "it closed the connection")
    found = _STATUS.match(head)
    if found is None:
        raise ConnectionError("its answer is not HTTP")
    if not found[1].startswith(b"2"):
        said = found[2].decode("latin-1").strip()
        raise ConnectionError(f"it refuses a tunnel to the host: {found[1].decode()}{said and f' {said}'}")
