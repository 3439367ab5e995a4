"""The transport, with the standard library's http.client. Whatever that raises is translated here and nowhere else.

docs/decisions/0010 has the measurements that chose it.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from ingestify.errors import ConfigurationError
from ingestify.fetch.headers import Headers
from ingestify.fetch.transport import Answer, BadUrl, TransportError
from ingestify.masking import mask_url

__all__ = ["HttpClientTransport"]

_CHUNK_BYTES = 1 << 19
_WHOLE_BYTES = 4 << 20
# Of a slow body, what has come is passed on after so long.
_CHUNK_SECONDS = 0.25
# A small file comes with its headers, in one read.
_BUFFER_BYTES = 1 << 16
_SMALL_REST_BYTES = 1 << 16
_MOST_HEADER_BYTES = 1 << 16
_MOST_HEADERS = 200

_BROKEN_HEADERS = "the connection broke: its headers make no sense"


class _WideSocket:
    """A socket as HTTPResponse sees it: what it reads from has room for a small file together with its headers."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> Any:
        return self._sock.makefile(mode, _BUFFER_BYTES)  # type: ignore[call-overload]


class _Response(http.client.HTTPResponse):
    """An answer whose headers are read without the parser of e-mail, which takes most of a small answer's time.

    What that parser also does is to take headers that break off for whole, with an empty body; here they are an error.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(_WideSocket(sock), method="GET")  # type: ignore[arg-type]
        self.fp: Any

    def begin(self) -> None:
        """Read the status and the headers; what an answer 1xx says is dropped."""
        while True:
            version, status, reason = self._read_status()  # type: ignore[attr-defined]
            headers = Headers(self._read_headers())
            if not 100 <= status < 200:
                break
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.headers = self.msg = headers  # type: ignore[assignment]
        self.chunked, self.length = _framing(status, headers)
        self.chunk_left = None
        self.will_close = (not self.chunked and self.length is None) or self._check_close()  # type: ignore[attr-defined]

    def _read_headers(self) -> list[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        left = _MOST_HEADER_BYTES
        while (line := self.fp.readline(left + 1)) not in (b"\r\n", b"\n"):
            left -= len(line)
            if not line.endswith(b"\n") and left >= 0:
                raise TransportError("the connection broke: the headers were cut short")
            if left < 0 or len(pairs) >= _MOST_HEADERS:
                raise TransportError("the connection broke: it has more headers than make sense")
            text = line.decode("latin-1")
            name, colon, value = text.partition(":")
            if text[0] in " \t" and pairs:  # folded, as was allowed once (RFC 9112, section 5.2)
                pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {text.strip()}")
            elif not colon or not name.strip():
                raise TransportError(_BROKEN_HEADERS)
            else:
                pairs.append((name.strip(), value.strip()))
        return pairs


def _framing(status: int, headers: Headers) -> tuple[bool, int | None]:
    """Return whether the body is in chunks, and its length; None: until the connection ends (RFC 9112, section 6.3)."""
    if status in (204, 304):
        return False, 0
    encoding = headers.get("Transfer-Encoding", "").strip().lower()
    if encoding == "chunked":
        return True, None
    if encoding not in ("", "identity"):
        raise TransportError(f"{_BROKEN_HEADERS} (Transfer-Encoding {encoding[:40]!r})")
    lengths = {one.strip() for one in headers.get("Content-Length", "").split(",")} - {""}
    if not lengths:
        return False, None
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit() and len(length) < 20):
        raise TransportError(f"{_BROKEN_HEADERS} (Content-Length {headers['Content-Length'][:40]!r})")
    return False, int(length)


class _Line:
    """A connection to one origin, for one request at a time.

    Args:
        by_proxy: Whether what it connects to is a proxy.
        target: What comes before the path in a request: the origin, if it goes through a proxy that reads it.
        own_headers: Lines that belong to the connection, and not to what is asked for.
    """

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        host: str,
        *,
        by_proxy: bool = False,
        target: str = "",
        own_headers: str = "",
    ) -> None:
        self.connection = connection
        self.by_proxy = by_proxy
        self.is_kept = False
        self._scratch: bytearray | None = None
        self._host = host
        self._target = target
        self._own_headers = own_headers

    def send(self, path: str, headers: Mapping[str, str]) -> None:
        lines = [f"GET {self._target}{path} HTTP/1.1\r\nHost: {self._host}\r\n{self._own_headers}"]
        lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
        self.connection.sock.sendall(f"{''.join(lines)}\r\n".encode("latin-1"))

    @property
    def scratch(self) -> bytearray:
        """Where a large body is received, piece by piece."""
        if self._scratch is None:
            self._scratch = bytearray(_CHUNK_BYTES)
        return self._scratch

    def close(self) -> None:
        self.connection.close()


class _Answer:
    def __init__(self, transport: HttpClientTransport, origin: str, line: _Line, response: _Response) -> None:
        self._transport = transport
        self._origin = origin
        self._line = line
        self._response = response
        self._begun = False
        self._is_whole = response.length == 0
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers  # type: ignore[assignment]

    def iter_wire(self) -> Iterator[bytes]:
        self._begun = True
        try:
            if self._response.chunked:
                while data := self._response.read1(_CHUNK_BYTES):
                    yield data
                self._is_whole = True
            else:
                yield from self._iter_plain()
        except http.client.IncompleteRead as error:
            raise TransportError("the body was cut short: it ended inside a chunk") from error
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: the size of a chunk is none
            raise TransportError(_reason(error)) from error

    def _iter_plain(self) -> Iterator[bytes]:
        announced = self._response.length
        came = 0
        while announced is None or came < announced:
            data, error = self._read_piece(_CHUNK_BYTES if announced is None else announced - came)
            if data:  # also what came before an error: the rest may be asked for
                came += len(data)
                yield data
            if error is not None:
                raise error
            if not data:
                break
        if announced is not None and came < announced:
            raise TransportError(f"the body was cut short: {came} bytes came, {announced - came} more were announced")
        self._is_whole = True

    def _read_piece(self, most: int) -> tuple[bytes, Exception | None]:
        """Return the next bytes, none at the end, and the error that followed them."""
        stream = self._response.fp
        if most <= _BUFFER_BYTES:
            return stream.read1(most), None  # it is there already, as a rule
        if (self._response.length or _WHOLE_BYTES) < _WHOLE_BYTES:
            # At once, into the place where it stays: with many threads, each further piece and copy of such a body
            # costs more than receiving it. What comes before an error is lost, which is as quickly fetched anew.
            return stream.read(most), None
        view = memoryview(self._line.scratch)[:most]
        filled = 0
        began = time.monotonic()
        try:
            while filled < len(view):
                count = stream.readinto1(view[filled:])
                filled += count
                # A provider that trickles does not hold up being stopped.
                if not count or time.monotonic() - began > _CHUNK_SECONDS:
                    break
        except OSError as error:
            return bytes(view[:filled]), error
        return bytes(view[:filled]), None

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        length = self._response.length
        if not self._begun and not self._is_whole and length is not None and length <= _SMALL_REST_BYTES:
            # A redirect's few bytes: cheaper to read than to connect again.
            with contextlib.suppress(TransportError):
                for _rest in self.iter_wire():
                    pass
        keeps = self._is_whole and not self._response.will_close
        self._response.close()
        self._transport.take_back(self._origin, self._line, keeps=keeps)


def _reason(error: BaseException) -> str:
    """Return, for people, what went wrong on the wire."""
    if isinstance(error, TimeoutError):
        return "the provider stopped answering"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error}"
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, http.client.RemoteDisconnected):
        return "the connection broke: what came is no HTTP"
    return f"the connection broke: {error or type(error).__name__}"


def _is_stale(error: BaseException) -> bool:
    """Whether a kept connection was found closed, before any byte of an answer."""
    return isinstance(error, (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError))


class HttpClientTransport:
    """Kept connections to any number of hosts, through the environment's proxies.

    Proxies are those of `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` (on macOS and Windows also the
    system's), read once. TLS trusts what the system trusts, or `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Args:
        connections: How many are kept for each host.
    """

    def __init__(self, *, connect_timeout_seconds: float, read_timeout_seconds: float, connections: int) -> None:
        self._connect_timeout_seconds = connect_timeout_seconds
        self._read_timeout_seconds = read_timeout_seconds
        self._connections = connections
        self._lock = threading.Lock()
        self._free: dict[str, list[_Line]] = {}
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._proxy_urls = urllib.request.getproxies()
        self._ssl_context: ssl.SSLContext | None = None

    def send(self, method: str, url: str, headers: Mapping[str, str]) -> AbstractContextManager[Answer]:
        """Send one request; see `Transport.send`."""
        assert method == "GET", "nothing else is needed of a provider"
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        if not slash and "?" in host:
            host, _, path = host.partition("?")
            path = f"?{path}"
        origin = f"{scheme}://{host}".lower()
        line = self._kept(origin) or self._make_line(url, origin)
        is_kept = line.is_kept
        try:
            if not is_kept:
                self._connect(line)
            line.send(f"/{path}", headers)
            response = _Response(line.connection.sock)
            response.begin()
        except TransportError:
            line.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            line.close()
            stale = is_kept and _is_stale(error)
            if stale:
                self._close_kept(origin)  # the others were left alone for as long
            raise TransportError(_reason(error), stale=stale) from error
        except UnicodeError as error:
            line.close()
            raise BadUrl("it, or a header, has characters that cannot be sent") from error
        line.is_kept = True
        return _Answer(self, origin, line, response)

    def take_back(self, origin: str, line: _Line, *, keeps: bool) -> None:
        """Keep a connection for the next request to its origin, or close it."""
        free = self._free.setdefault(origin, [])
        if keeps and len(free) < self._connections:
            free.append(line)
        else:
            line.close()

    def _kept(self, origin: str) -> _Line | None:
        try:
            return self._free[origin].pop()
        except (KeyError, IndexError):
            return None

    def abort(self) -> None:
        """Shut every open connection down; see `Transport.abort`."""
        with self._lock:
            sockets = list(self._sockets)
        for one in sockets:
            with contextlib.suppress(OSError):  # it is closed already
                # Closing alone would not wake up the thread that reads; and of a TLS socket only what is below it,
                # so that the reader sees an end and not half of a connection.
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close all kept connections."""
        for origin in list(self._free):
            self._close_kept(origin)

    def _close_kept(self, origin: str) -> None:
        while (line := self._kept(origin)) is not None:
            line.close()

    # ---- a new connection ------------------------------------------------------------------------------

    def _connect(self, line: _Line) -> None:
        """Connect, through the proxy's tunnel if there is one, and with TLS if it is https."""
        connection = line.connection
        try:
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            raise TransportError(f"TLS failed: {error}", permanent=True) from error
        except ssl.SSLError as error:
            raise TransportError(f"TLS failed: {error}") from error
        except TimeoutError as error:
            raise TransportError("connecting took too long") from error
        except socket.gaierror as error:
            unknown = "the proxy failed: its name is not known" if line.by_proxy else "the host's name is not known"
            raise TransportError(unknown) from error
        except (OSError, http.client.HTTPException) as error:
            what = "the proxy failed" if line.by_proxy else "no connection"
            raise TransportError(f"{what}: {error}") from error
        connection.sock.settimeout(self._read_timeout_seconds)
        with self._lock:
            self._sockets.add(connection.sock)

    def _make_line(self, url: str, origin: str) -> _Line:
        parts = urllib.parse.urlsplit(url)
        try:
            # What the name becomes in DNS is looked at here, where it can be told from a name that is not known.
            host = (parts.hostname or "").encode("idna").decode("ascii")
            port = parts.port
        except (UnicodeError, ValueError) as error:
            raise BadUrl("its host is not valid") from error
        is_tls = parts.scheme.lower() == "https"
        port = port or (443 if is_tls else 80)
        shown_host = parts.netloc.rpartition("@")[2]
        proxy = self._proxy_for(parts)
        if proxy is None:
            return _Line(self._make_connection(host, port, is_tls=is_tls), shown_host)
        at, credentials = _proxy_address(proxy)
        connection = self._make_connection(*at, is_tls=is_tls)
        if is_tls:
            connection.set_tunnel(host, port, headers=credentials)
            return _Line(connection, shown_host, by_proxy=True)
        own = "".join(f"{name}: {value}\r\n" for name, value in credentials.items())
        return _Line(connection, shown_host, by_proxy=True, target=origin, own_headers=own)

    def _make_connection(self, host: str, port: int, *, is_tls: bool) -> http.client.HTTPConnection:
        timeout = self._connect_timeout_seconds
        if not is_tls:
            return http.client.HTTPConnection(host, port, timeout=timeout)
        with self._lock:
            if self._ssl_context is None:
                # One for all connections: loading the trusted certificates takes 20 ms and more.
                self._ssl_context = ssl.create_default_context()
                self._ssl_context.set_alpn_protocols(["http/1.1"])
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._ssl_context)

    def _proxy_for(self, parts: urllib.parse.SplitResult) -> str | None:
        proxy = self._proxy_urls.get(parts.scheme.lower()) or self._proxy_urls.get("all")
        if not proxy or urllib.request.proxy_bypass(parts.netloc):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        if proxy.partition(":")[0].lower() != "http":
            raise ConfigurationError(
                f"The environment names the proxy '{mask_url(proxy)}', which is not supported; it must be http://, "
                f"also for https: what is sent through it is encrypted all the same."
            )
        return proxy


def _proxy_address(proxy: str) -> tuple[tuple[str, int], dict[str, str]]:
    """Return host and port, and the header with the credentials, if there are any."""
    parts = urllib.parse.urlsplit(proxy)
    try:
        at = (parts.hostname or "", parts.port or 80)
    except ValueError:
        at = ("", 0)
    if not at[0]:
        raise ConfigurationError(f"The environment names the proxy '{mask_url(proxy)}', which is no URL of one.")
    if parts.username is None:
        return at, {}
    pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    return at, {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
