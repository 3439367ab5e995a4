"""The transport, with urllib3. Whatever that raises is translated here and nowhere else."""

from __future__ import annotations

import contextlib
import email.errors
import http.client
import io
import logging
import socket
import ssl
import threading
import urllib.parse
import urllib.request
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    InvalidChunkLength,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ProxySchemeUnknown,
    ReadTimeoutError,
    SSLError,
)

from ingestify.errors import ConfigurationError
from ingestify.fetch.transport import Answer, BadUrl, TransportError
from ingestify.masking import mask_url

__all__ = ["Urllib3Transport"]

CHUNK_BYTES = 1 << 18
_SMALL_REST_BYTES = 1 << 16
_HEADER_DEFECTS = (
    email.errors.MissingHeaderBodySeparatorDefect,
    email.errors.FirstHeaderLineIsContinuationDefect,
    email.errors.MisplacedEnvelopeHeaderDefect,
)

_this_thread = threading.local()


class _LastLine:
    """Remembers the last line that was read."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self.line = b""

    def readline(self, limit: int = -1) -> bytes:
        self.line = self._stream.readline(limit)
        return self.line

    def close(self) -> None:
        self._stream.close()


class _Response(http.client.HTTPResponse):
    """Headers end with an empty line. Where they break off, http.client takes them for whole, with an empty body."""

    def begin(self) -> None:
        stream: Any = self.fp
        lines: Any = _LastLine(stream)
        self.fp = lines
        try:
            super().begin()
        finally:
            if self.fp is lines:
                self.fp = stream
        if lines.line not in (b"\r\n", b"\n"):
            raise http.client.HTTPException("the headers were cut short")


class _Connection(HTTPConnection):
    """Notes when it is made anew: only a kept connection can be stale. And tells its socket, to be shut down."""

    response_class = _Response

    def connect(self) -> None:
        _this_thread.connected = True
        super().connect()
        _note_socket(self.sock)


class _TlsConnection(HTTPSConnection):
    """The same, with TLS."""

    response_class = _Response

    def connect(self) -> None:
        _this_thread.connected = True
        super().connect()
        _note_socket(self.sock)


def _note_socket(connected: socket.socket | None) -> None:
    """Let the transport that this thread sends for know the socket, for as long as it is in use."""
    note = getattr(_this_thread, "note_socket", None)
    if connected is not None and note is not None:
        note(connected)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Urllib3Answer:
    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        self._begun = False
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    def iter_wire(self) -> Iterator[bytes]:
        self._begun = True
        # What has arrived, and not a full chunk: a provider that trickles does not hold up being stopped.
        read = self._response.read1
        try:
            while data := read(CHUNK_BYTES, decode_content=False):
                yield data
        except (HTTPError, OSError) as error:
            raise TransportError(_reason(error)) from error

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        response = self._response
        if response.closed:  # all of it was read
            response.release_conn()
            return
        rest = response.length_remaining
        try:
            if not self._begun and rest is not None and rest <= _SMALL_REST_BYTES:
                response.drain_conn()  # a redirect's few bytes: cheaper to read than to connect again
            else:
                response.close()
        except (HTTPError, OSError):
            response.close()
        finally:
            response.release_conn()


def _reason(error: BaseException) -> str:
    """Return, for people, what went wrong on the wire."""
    inner = _innermost(error)
    if isinstance(error, ProxyError):
        return f"the proxy failed: {inner}"
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return "connecting took too long"
    if isinstance(error, (ReadTimeoutError, TimeoutError)):
        return "the provider stopped answering"
    if isinstance(error, NameResolutionError):
        return "the host's name is not known"
    if isinstance(error, NewConnectionError):
        return f"no connection: {error.__cause__ or inner}"
    if isinstance(error, (SSLError, ssl.SSLError)):
        return f"TLS failed: {inner}"
    if isinstance(inner, (IncompleteRead, InvalidChunkLength, http.client.IncompleteRead)):
        return f"the body was cut short: {_missing(inner)}"
    return f"the connection broke: {inner or type(inner).__name__}"


def _missing(inner: BaseException) -> str:
    read, expected = getattr(inner, "partial", None), getattr(inner, "expected", None)
    if isinstance(read, int) and isinstance(expected, int):
        return f"{read} bytes came, {expected} more were announced"
    return "it ended inside a chunk"


def _innermost(error: BaseException) -> BaseException:
    """urllib3 wraps errors in errors."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    return error


def _is_stale(error: BaseException) -> bool:
    """Whether a kept connection was found closed, before any byte of an answer."""
    if getattr(_this_thread, "connected", True) or not isinstance(error, (ProtocolError, OSError)):
        return False
    return isinstance(_innermost(error), (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError))


def _has_broken_headers(response: urllib3.BaseHTTPResponse) -> bool:
    """Headers are parsed up to a line that is none, and the rest is lost; urllib3 only logs that, and would go on.

    Other defects are none here: to the parser of e-mail an answer of the type multipart/… has no parts.
    """
    original = getattr(response, "_original_response", None)
    defects = getattr(getattr(original, "msg", None), "defects", ())
    return any(isinstance(one, _HEADER_DEFECTS) for one in defects)


def _is_no_header_warning(record: logging.LogRecord) -> bool:
    """What `_has_broken_headers` finds is an error of the request; urllib3's own traceback of it says no more."""
    return not str(record.msg).startswith("Failed to parse headers")


def _mask_record(record: logging.LogRecord) -> bool:
    """urllib3 logs each request's target, at DEBUG, with whatever secrets its query has."""
    if isinstance(record.args, tuple):
        record.args = tuple(mask_url(one) if isinstance(one, str) and "?" in one else one for one in record.args)
    return True


class Urllib3Transport:
    """Kept connections to any number of hosts, through the environment's proxies.

    Proxies are those of `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` (on macOS and Windows also the
    system's), read once. TLS trusts what the system trusts, or `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Args:
        connections: How many are kept for each host.
    """

    def __init__(self, *, connect_timeout_seconds: float, read_timeout_seconds: float, connections: int) -> None:
        self._options: dict[str, Any] = {
            "maxsize": connections,
            "block": False,
            "retries": False,
            "timeout": urllib3.Timeout(connect=connect_timeout_seconds, read=read_timeout_seconds),
        }
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        # Each filter is there once, however often it is added.
        logging.getLogger("urllib3.connectionpool").addFilter(_mask_record)
        logging.getLogger("urllib3.connection").addFilter(_is_no_header_warning)
        self._managers: dict[tuple[str, str | None], urllib3.PoolManager] = {}
        self._proxy_urls = urllib.request.getproxies()

    def send(self, method: str, url: str, headers: Mapping[str, str]) -> AbstractContextManager[Answer]:
        """Send one request; see `Transport.send`."""
        manager = self._manager(url)
        _this_thread.connected = False
        _this_thread.note_socket = self._note_socket
        try:
            response = manager.urlopen(
                method, url, headers=headers, redirect=False, preload_content=False, decode_content=False
            )
        except LocationValueError as error:
            raise BadUrl("its host or its form is not valid") from error
        except (HTTPError, OSError, http.client.HTTPException) as error:
            untrusted = isinstance(_innermost(error), ssl.SSLCertVerificationError)
            raise TransportError(_reason(error), stale=_is_stale(error), permanent=untrusted) from error
        except UnicodeError as error:  # a label of the host's name is empty or too long for IDNA
            raise BadUrl("its host is not valid") from error
        if _has_broken_headers(response):
            response.close()
            response.release_conn()
            raise TransportError("the connection broke: its headers make no sense")
        return _Urllib3Answer(response)

    def _manager(self, url: str) -> urllib3.PoolManager:
        scheme = url.partition(":")[0].lower()
        key = (scheme, self._proxy_for(url, scheme) if self._proxy_urls else None)
        found = self._managers.get(key)
        if found is None:
            with self._lock:
                found = self._managers.get(key) or self._managers.setdefault(key, self._make_manager(*key))
        return found

    def _proxy_for(self, url: str, scheme: str) -> str | None:
        proxy = self._proxy_urls.get(scheme) or self._proxy_urls.get("all")
        if not proxy:
            return None
        host = urllib.parse.urlsplit(url).netloc
        return None if urllib.request.proxy_bypass(host) else proxy

    def _make_manager(self, scheme: str, proxy: str | None) -> urllib3.PoolManager:
        options = dict(self._options)
        if scheme == "https" or (proxy or "").startswith("https"):
            # One context for all connections: loading the trusted certificates takes 20 ms and more.
            options["ssl_context"] = ssl.create_default_context()
        if proxy is None:
            manager = urllib3.PoolManager(num_pools=20, **options)
        else:
            manager = _make_proxy_manager(proxy, options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def abort(self) -> None:
        """Shut every open connection down; see `Transport.abort`."""
        with self._lock:
            sockets = list(self._sockets)
        for one in sockets:
            with contextlib.suppress(OSError):  # it is closed already
                # Closing alone would not wake up the thread that reads; and of a TLS socket only what is below it,
                # so that the reader sees an end and not half of a connection.
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    def _note_socket(self, connected: socket.socket) -> None:
        with self._lock:
            self._sockets.add(connected)

    def close(self) -> None:
        """Close all kept connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()


def _make_proxy_manager(proxy: str, options: Mapping[str, Any]) -> urllib3.ProxyManager:
    shown = mask_url(proxy)
    try:
        parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        headers = None
        if parts.username is not None:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            headers = urllib3.make_headers(proxy_basic_auth=pair)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        tls = {"proxy_ssl_context": options["ssl_context"]} if parts.scheme == "https" else {}
        return urllib3.ProxyManager(bare, num_pools=20, proxy_headers=headers, **tls, **options)
    except (ProxySchemeUnknown, LocationValueError, ValueError) as error:
        raise ConfigurationError(
            f"The environment names the proxy '{shown}', which is not supported; it must be http:// or https://."
        ) from error
