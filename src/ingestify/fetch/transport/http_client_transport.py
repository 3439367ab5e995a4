"""The transport over the standard library's sockets; only this module translates their errors.

docs/decisions/0010 has the measurements behind the choice.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import re
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ingestify.errors import ConfigurationError, SourceError
from ingestify.fetch.transport.address_policy import AddressPolicy, literal_address
from ingestify.fetch.transport.connection import Connection, Tunnel
from ingestify.fetch.transport.response_reader import ResponseReader, Wire, is_readable, reason_of
from ingestify.fetch.transport.transport import AddressForbidden, BadUrl, RawResponse, TransportError
from ingestify.masking import mask_url

__all__ = ["HttpClientTransport"]

_SMALL_REST_BYTES = 1 << 16
_REST_SECONDS = 0.25
_KEPT_SECONDS = 60.0
"""A connection that was silent for longer may be dead: the computer slept, or changed the network."""

_TRUST = "if the certificate is right, name its authority in SSL_CERT_FILE"


class _Channel:
    """The way to one origin: a connection, and what each request on it needs. For one request at a time.

    Args:
        connection: Not open yet.
        host: The Host header.
        by_proxy: Whether it connects to a proxy.
        target: The part of a request's target before the path: the origin, for a proxy that reads the request.
        own_headers: Header lines for the proxy.

    Attributes:
        address: The IP address that it is connected to. Through a proxy: the host, if that is an IP address, else
            None.
    """

    def __init__(
        self,
        connection: Connection,
        host: str,
        *,
        by_proxy: bool = False,
        target: str = "",
        own_headers: str = "",
    ) -> None:
        self.connection = connection
        self.by_proxy = by_proxy
        self.is_kept = False
        self.kept_at = 0.0
        self.address: str | None = None
        self._host = host
        self._target = target
        self._own_headers = own_headers

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> None:
        lines = [f"{method} {self._target}{path} HTTP/1.1\r\nHost: {self._host}\r\n{self._own_headers}"]
        lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}\r\n")
        self.connection.sock.sendall(f"{''.join(lines)}\r\n".encode("latin-1") + (body or b""))

    def close(self) -> None:
        self.connection.close()


class _OpenResponse:
    def __init__(
        self, transport: HttpClientTransport, origin: str, channel: _Channel, response: ResponseReader
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._channel = channel
        self._response = response
        self._begun = False
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.address = channel.address

    def iter_wire(self) -> Iterator[bytes]:
        self._begun = True
        try:
            yield from self._response.iter_body()
        except OSError as error:
            raise TransportError(reason_of(error)) from error

    def __enter__(self) -> RawResponse:
        return self

    def __exit__(self, *_: object) -> None:
        response = self._response
        if (
            not self._begun
            and not response.is_whole
            and (response.length or _SMALL_REST_BYTES + 1) <= _SMALL_REST_BYTES
        ):
            # A redirect's body is short: reading it is cheaper than a new connection.
            self._channel.connection.sock.settimeout(_REST_SECONDS)
            until = time.monotonic() + _REST_SECONDS
            with contextlib.suppress(TransportError):
                for _rest in self.iter_wire():
                    if time.monotonic() > until:
                        break
            self._channel.connection.sock.settimeout(self._transport.read_timeout_seconds)
        keeps = response.leaves_nothing
        self._transport.take_back(self._origin, self._channel, keeps=keeps)


def _is_stale(error: BaseException) -> bool:
    """Return whether a kept connection was closed before any byte of a response."""
    return isinstance(error, (ConnectionError, ssl.SSLEOFError))


class HttpClientTransport:
    """Kept connections to any number of hosts, through the environment's proxies.

    Proxies are those of `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` (on macOS and Windows also the
    system's), read once. TLS trusts what the system trusts, or `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Args:
        connect_timeout_seconds: How long connecting may take.
        read_timeout_seconds: How long the next bytes of a response may take.
        connections: How many connections are kept for each host.
        total_seconds: How long one response may take; None: any time.
        least_bytes_per_second: A response that is slower, over twice `read_timeout_seconds` of waiting, is given up.
        verify: Whether certificates are verified; a path: with the certificates of that file or folder.
    """

    def __init__(
        self,
        *,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
        connections: int,
        total_seconds: float | None = None,
        least_bytes_per_second: float = 0.0,
        verify: bool | str = True,
    ) -> None:
        self._connect_timeout_seconds = connect_timeout_seconds
        self.read_timeout_seconds = read_timeout_seconds
        self._total_seconds = total_seconds
        self._least_bytes_per_second = least_bytes_per_second
        self._connections = connections
        self._verify = verify
        self._lock = threading.Lock()
        self._free: dict[str, list[_Channel]] = {}
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._proxy_urls = urllib.request.getproxies()
        self._exempt_networks = _networks(self._proxy_urls.get("no", ""))
        self._ssl_context: ssl.SSLContext | None = None

    def send(
        self, method: str, url: str, headers: Mapping[str, str], addresses: AddressPolicy, body: bytes | None = None
    ) -> AbstractContextManager[RawResponse]:
        """Send one request; see `Transport.send`."""
        assert method in ("GET", "POST", "PUT"), "nothing needs another method"
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        if not slash and "?" in host:
            host, _, path = host.partition("?")
            path = f"?{path}"
        origin = f"{scheme}://{host}".lower()
        channel = self._kept(origin) or self._make_channel(url, origin, addresses)
        is_kept = channel.is_kept
        if channel.address is not None and not addresses.permits(channel.address):
            self.take_back(origin, channel, keeps=is_kept)
            raise AddressForbidden(channel.address)
        try:
            if not is_kept:
                self._connect(channel)
            channel.send(method, f"/{path}", headers, body)
            wire = Wire(
                channel.connection.sock,
                least_bytes_per_second=self._least_bytes_per_second,
                window_seconds=2 * self.read_timeout_seconds,
                total_seconds=self._total_seconds,
            )
            response = ResponseReader(wire)
        except TransportError:
            channel.close()
            raise
        except OSError as error:
            channel.close()
            stale = is_kept and _is_stale(error)
            if stale:
                self._close_kept(origin)  # the other ones were silent for as long
            raise TransportError(reason_of(error), stale=stale) from error
        except UnicodeError as error:
            channel.close()
            raise BadUrl("it, or a header, has characters that cannot be sent") from error
        channel.is_kept = True
        return _OpenResponse(self, origin, channel, response)

    def take_back(self, origin: str, channel: _Channel, *, keeps: bool) -> None:
        """Keep a connection for the next request to its origin, or close it."""
        free = self._free.setdefault(origin, [])
        if keeps and len(free) < self._connections:
            channel.kept_at = time.time()
            free.append(channel)
        else:
            channel.close()

    def _kept(self, origin: str) -> _Channel | None:
        """Return a kept connection; one on which bytes came without a request is closed instead."""
        while True:
            try:
                channel = self._free[origin].pop()
            except (KeyError, IndexError):
                return None
            # time.time() goes on while the computer sleeps.
            if not is_readable(channel.connection.sock) and abs(time.time() - channel.kept_at) < _KEPT_SECONDS:
                return channel
            channel.close()

    def abort(self) -> None:
        """Shut every open connection down; see `Transport.abort`."""
        with self._lock:
            sockets = list(self._sockets)
        for one in sockets:
            with contextlib.suppress(OSError):  # it is closed already
                # Closing would not wake the thread that reads. Of a TLS socket, the socket below is shut down, so that
                # the reader sees the end of the connection.
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close all kept connections."""
        for origin in list(self._free):
            self._close_kept(origin)

    def _close_kept(self, origin: str) -> None:
        free = self._free.get(origin, [])
        with contextlib.suppress(IndexError):  # other threads take from this list, too
            while True:
                free.pop().close()

    # ---- a new connection ------------------------------------------------------------------------------

    def _connect(self, channel: _Channel) -> None:
        """Connect, through the proxy's tunnel if there is one, and with TLS for https."""
        connection = channel.connection
        what = "the proxy failed" if channel.by_proxy else "no connection"
        try:
            connection.open(self._begin)
        except ssl.SSLCertVerificationError as error:
            raise TransportError(f"TLS failed: {error}", remedy=_TRUST, unreached=True) from error
        except ssl.SSLError as error:
            raise TransportError(f"TLS failed: {error}", unreached=True) from error
        except TimeoutError as error:
            raise TransportError("connecting took too long", unreached=True) from error
        except socket.gaierror as error:
            unknown = "the proxy failed: its name is not known" if channel.by_proxy else "the host's name is not known"
            raise TransportError(unknown, unreached=True) from error
        except OSError as error:
            raise TransportError(f"{what}: {error}", unreached=True) from error
        connection.sock.settimeout(self.read_timeout_seconds)
        if isinstance(connection.sock, ssl.SSLSocket):
            # A body without a length ends with the connection. Without TLS's confirmation, anybody may have ended it.
            connection.sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]
        if not channel.by_proxy:
            channel.address = connection.sock.getpeername()[0]

    def _begin(self, sock: socket.socket) -> None:
        """Note a socket on which a thread will wait, for `abort`."""
        with self._lock:
            self._sockets.add(sock)

    def _make_channel(self, url: str, origin: str, addresses: AddressPolicy) -> _Channel:
        parts = urllib.parse.urlsplit(url)
        try:
            # Encoded here, where a name that is not valid differs from one that is not known.
            host = (parts.hostname or "").encode("idna").decode("ascii")
            port = parts.port
        except (UnicodeError, ValueError) as error:
            raise BadUrl("its host is not valid") from error
        is_tls = parts.scheme.lower() == "https"
        port = port or (443 if is_tls else 80)
        shown_host = parts.netloc.rpartition("@")[2]
        proxy = self._proxy_for(parts)
        tls = self._tls() if is_tls else None
        if proxy is None:
            connection = self._make_connection(host, port, addresses=addresses, tls=tls, server_name=host)
            return _Channel(connection, shown_host)
        at, credentials = _proxy_address(proxy)
        if is_tls:
            connection = self._make_connection(*at, tunnel=Tunnel(host, port, credentials), tls=tls, server_name=host)
            channel = _Channel(connection, shown_host, by_proxy=True)
        else:
            own = "".join(f"{name}: {value}\r\n" for name, value in credentials.items())
            channel = _Channel(self._make_connection(*at), shown_host, by_proxy=True, target=origin, own_headers=own)
        # Only the proxy knows the address of a name.
        channel.address = literal_address(host)
        return channel

    def _make_connection(self, host: str, port: int, **options: Any) -> Connection:
        return Connection(host, port, timeout_seconds=self._connect_timeout_seconds, **options)

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._ssl_context is None:
                # Shared by all connections, as loading the trusted certificates takes 20 ms and more.
                self._ssl_context = _ssl_context(self._verify)
                self._ssl_context.set_alpn_protocols(["http/1.1"])
        return self._ssl_context

    def _proxy_for(self, parts: urllib.parse.SplitResult) -> str | None:
        proxy = self._proxy_urls.get(parts.scheme.lower()) or self._proxy_urls.get("all")
        if not proxy or urllib.request.proxy_bypass(parts.netloc) or self._is_in_exempt_network(parts):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        if proxy.partition(":")[0].lower() != "http":
            raise ConfigurationError(
                f"The environment names the proxy '{mask_url(proxy)}', which is not supported; it must be http://, "
                "also for https: ingestify encrypts what it sends through the proxy."
            )
        return proxy

    def _is_in_exempt_network(self, parts: urllib.parse.SplitResult) -> bool:
        """Return whether the host is an address in a network of `no_proxy`; Python itself supports only names there."""
        address = literal_address(parts.hostname or "")
        return address is not None and any(
            ipaddress.ip_address(address) in network for network in self._exempt_networks
        )


def _ssl_context(verify: bool | str) -> ssl.SSLContext:
    if isinstance(verify, str):
        is_folder = Path(verify).is_dir()
        try:
            return ssl.create_default_context(
                capath=verify if is_folder else None, cafile=None if is_folder else verify
            )
        except (OSError, ssl.SSLError) as error:
            raise SourceError(f"verify names '{verify}', which has no certificates: {error}") from error
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _networks(no_proxy: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Return the networks of a list such as `localhost, 10.0.0.0/8, ::1`; names are left out."""
    networks = []
    for entry in re.split(r"[,\s]+", no_proxy):
        with contextlib.suppress(ValueError):
            networks.append(ipaddress.ip_network(re.sub(r"[\[\]]", "", entry), strict=False))
    return tuple(networks)


def _proxy_address(proxy: str) -> tuple[tuple[str, int], dict[str, str]]:
    """Return host and port of a proxy, and the header with its credentials, if there are any."""
    parts = urllib.parse.urlsplit(proxy)
    try:
        at = (parts.hostname or "", parts.port or 80)
    except ValueError:
        at = ("", 0)
    if not at[0]:
        raise ConfigurationError(f"The proxy '{mask_url(proxy)}' of the environment is not the URL of a proxy.")
    if parts.username is None:
        return at, {}
    pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    return at, {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
