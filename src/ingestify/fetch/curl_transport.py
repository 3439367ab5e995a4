"""The transport, with libcurl. Whatever that raises is translated here and nowhere else.

docs/decisions/0010 has the measurements that chose it.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pycurl

from ingestify.errors import ConfigurationError
from ingestify.fetch.headers import Headers
from ingestify.fetch.transport import Answer, BadUrl, TransportError
from ingestify.masking import mask_url

__all__ = ["CurlTransport"]

# libcurl reads up to some 16 of these before it lets go.
_BUFFER_BYTES = 1 << 18
_SMALL_REST_BYTES = 1 << 16

# How long a wait for the provider takes no notice of `abort`.
_SLICE_SECONDS = 0.1
# libcurl has nothing to wait on while a name is looked up.
_NAP_SECONDS = 0.002

_TLS_ERRORS = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
    }
)
# Of curl.h, where pycurl knows no name for it: a proxy's answer to CONNECT is not the provider's.
_SUPPRESS_CONNECT_HEADERS = 265
_E_PROXY = 97
_E_WEIRD_SERVER_REPLY = 8
_PROXY_SCHEMES = frozenset({"http", "https"})


class _Line:
    """One transfer at a time to one origin, and the connection that is kept after it. Used by one thread at a time."""

    def __init__(self, easy: pycurl.Curl) -> None:
        self.easy = easy
        self.multi = pycurl.CurlMulti()
        self.chunks: list[bytes] = []
        self.lines: list[bytes] = []
        self.sent: list[bytes] = []
        easy.setopt(pycurl.WRITEFUNCTION, self.chunks.append)
        easy.setopt(pycurl.HEADERFUNCTION, self.lines.append)

    def close(self) -> None:
        self.multi.close()
        self.easy.close()


class _CurlAnswer:
    """An answer, read as it is asked for: libcurl works only inside `_step`."""

    def __init__(self, transport: CurlTransport, origin: str, line: _Line, read_timeout_seconds: float) -> None:
        self._transport = transport
        self._origin = origin
        self._line = line
        self._generation = transport.generation
        self._read_timeout_seconds = read_timeout_seconds
        self._begun = False
        self._running = True
        self._failure: TransportError | BadUrl | None = None
        self._received_bytes = 0
        self.status = 0
        self.headers: Mapping[str, str] = Headers(())
        line.multi.add_handle(line.easy)
        try:
            while not self._has_headers():
                if not self._running:
                    raise self._failure or TransportError("the connection broke: the headers were cut short")
                self._step()
        except BaseException:
            self._give_back()
            raise

    def iter_wire(self) -> Iterator[bytes]:
        self._begun = True
        chunks = self._line.chunks
        while True:
            if chunks:
                taken = chunks[:]
                chunks.clear()
                taken.reverse()
                while taken:
                    data = taken.pop()
                    self._received_bytes += len(data)
                    yield data
            elif self._running:
                self._step()
            elif self._failure is not None:  # only now: what came before it may be gone on from
                raise self._cut_short() or self._failure
            else:
                return

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            # A redirect's few bytes: cheaper to read than to connect again.
            if self._running and not self._begun and self._has_small_rest():
                for _rest in self.iter_wire():
                    pass
        except TransportError:
            pass
        finally:
            self._give_back()

    def _has_small_rest(self) -> bool:
        length = self.headers.get("Content-Length", "")
        return length.isdecimal() and int(length) <= _SMALL_REST_BYTES

    def _give_back(self) -> None:
        self._line.multi.remove_handle(self._line.easy)  # closes the connection if something is still to come
        self._transport.take_back(self._origin, self._line)

    # ---- what libcurl does -----------------------------------------------------------------------------

    def _step(self) -> None:
        """Let libcurl work until something has come, or all of it."""
        line = self._line
        waiting_since = time.monotonic()
        while True:
            before = len(line.chunks) + len(line.lines)
            _, running = line.multi.perform()
            if not running:
                self._running = False
                self._end()
                return
            if len(line.chunks) + len(line.lines) > before:
                return
            if self._generation != self._transport.generation:
                raise TransportError("the connection broke: it was shut down")
            self._wait(waiting_since)

    def _wait(self, waiting_since: float) -> None:
        """Wait for the provider, and no longer than it may take for its next bytes."""
        multi = self._line.multi
        now = time.monotonic()
        if now - waiting_since > self._read_timeout_seconds and self._is_connected():
            raise TransportError("the provider stopped answering")
        timer_ms = multi.timeout()
        seconds = _SLICE_SECONDS if timer_ms < 0 else min(_SLICE_SECONDS, timer_ms / 1000)
        seconds = min(seconds, max(self._read_timeout_seconds / 4, _NAP_SECONDS))
        if multi.select(seconds) <= 0 and time.monotonic() - now < seconds / 2:
            time.sleep(min(seconds, _NAP_SECONDS))

    def _is_connected(self) -> bool:
        """Whether the request was sent; before that, the time to connect is libcurl's to watch."""
        return bool(self._line.easy.getinfo(pycurl.PRETRANSFER_TIME))

    def _end(self) -> None:
        """The transfer is over: keep what it failed with, until what came before has been read."""
        _, _, failed = self._line.multi.info_read()
        for easy, code, message in failed:
            self._failure = self._error(easy, code, message or easy.errstr() or f"libcurl says {code}")

    def _error(self, easy: pycurl.Curl, code: int, reason: str) -> TransportError | BadUrl:
        """Return, for people, what went wrong on the wire."""
        number = easy.getinfo(pycurl.OS_ERRNO)
        refused = code == pycurl.E_COULDNT_CONNECT
        if refused and number:
            reason = os.strerror(number)
        by_proxy = self._transport.has_proxy(self._origin) and (refused or "CONNECT tunnel" in reason)
        if by_proxy or code in (pycurl.E_COULDNT_RESOLVE_PROXY, _E_PROXY):
            return TransportError(f"the proxy failed: {reason}")
        if code == pycurl.E_URL_MALFORMAT:
            return BadUrl("its host or its form is not valid")
        if code == pycurl.E_COULDNT_RESOLVE_HOST:
            return TransportError("the host's name is not known")
        if refused:
            return TransportError(f"no connection: {reason}")
        if code == pycurl.E_OPERATION_TIMEDOUT:
            return TransportError("connecting took too long")
        if code in _TLS_ERRORS:
            untrusted = code in (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE)
            return TransportError(f"TLS failed: {reason}", permanent=untrusted)
        if code == _E_WEIRD_SERVER_REPLY:
            return TransportError(f"the connection broke: its headers make no sense ({reason})")
        return TransportError(f"the connection broke: {reason}")

    def _cut_short(self) -> TransportError | None:
        """Return the error of a body that has less than was announced, or None if nothing was."""
        announced = self.headers.get("Content-Length", "")
        if not announced.isdecimal() or int(announced) <= self._received_bytes:
            return None
        missing = int(announced) - self._received_bytes
        return TransportError(
            f"the body was cut short: {self._received_bytes} bytes came, {missing} more were announced"
        )

    # ---- headers ---------------------------------------------------------------------------------------

    def _has_headers(self) -> bool:
        """Whether all headers of the answer have come; what an answer 1xx says is dropped."""
        lines = self._line.lines
        while lines:
            try:
                end = next(place for place, line in enumerate(lines) if line in (b"\r\n", b"\n"))
            except StopIteration:
                return False
            block = lines[:end]
            del lines[: end + 1]
            status = _status_of(block[0]) if block else None
            if status is None:
                raise TransportError("the connection broke: its headers make no sense")
            if status >= 200:
                self.headers = _parse(block[1:])
                self.status = status
                return True
        return False


def _status_of(line: bytes) -> int | None:
    parts = line.split(None, 2)
    return int(parts[1]) if len(parts) >= 2 and parts[0].startswith(b"HTTP/") and parts[1].isdigit() else None


def _parse(lines: list[bytes]) -> Headers:
    pairs: list[tuple[str, str]] = []
    for line in lines:
        text = line.decode("latin-1")
        name, colon, value = text.partition(":")
        if text[0] in " \t" and pairs:  # folded, as was allowed once (RFC 9112, section 5.2)
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {text.strip()}")
        elif not colon or not name.strip():
            raise TransportError("the connection broke: its headers make no sense")
        else:
            pairs.append((name.strip(), value.strip()))
    return Headers(pairs)


class CurlTransport:
    """Kept connections to any number of hosts, through the environment's proxies.

    Proxies are those of `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` (on macOS and Windows also the
    system's), read once. TLS trusts what the system trusts, or `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Args:
        connections: How many are kept for each host.

    Attributes:
        generation: Grows with each `abort`.
    """

    def __init__(self, *, connect_timeout_seconds: float, read_timeout_seconds: float, connections: int) -> None:
        self._connect_timeout_ms = max(1, round(connect_timeout_seconds * 1000))
        self._read_timeout_seconds = read_timeout_seconds
        self._connections = connections
        self._lock = threading.Lock()
        self._free: dict[str, list[_Line]] = {}
        self._proxy_urls = urllib.request.getproxies()
        self._proxies: dict[str, str | None] = {}
        self._trusted = _trusted_certificates()
        self.generation = 0
        # One look-up of a name, and one TLS session to resume, for all connections.
        self._share = pycurl.CurlShare()
        self._share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_DNS)
        self._share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_SSL_SESSION)

    def send(self, method: str, url: str, headers: Mapping[str, str]) -> AbstractContextManager[Answer]:
        """Send one request; see `Transport.send`."""
        assert method == "GET", "nothing else is needed of a provider"
        origin = "/".join(url.split("/", 3)[:3]).lower()
        free = self._free.get(origin)
        try:
            line = free.pop() if free else self._make_line(url, origin)
        except IndexError:  # another thread was faster
            line = self._make_line(url, origin)
        try:
            sent = [_header(name, value) for name, value in headers.items()]
            if sent != line.sent:
                # libcurl would add an Accept of its own.
                line.easy.setopt(pycurl.HTTPHEADER, sent if "Accept" in headers else [*sent, b"Accept:"])
                line.sent = sent
            line.easy.setopt(pycurl.URL, url)
        except (UnicodeError, pycurl.error) as error:
            line.close()
            raise BadUrl("it, or a header, has characters that cannot be sent") from error
        line.chunks.clear()
        line.lines.clear()
        return _CurlAnswer(self, origin, line, self._read_timeout_seconds)

    def take_back(self, origin: str, line: _Line) -> None:
        """Keep a line for the next request to its origin."""
        free = self._free.setdefault(origin, [])
        if len(free) < self._connections:
            free.append(line)
        else:
            line.close()

    def has_proxy(self, origin: str) -> bool:
        """Whether an origin is reached through a proxy."""
        return self._proxies.get(origin) is not None

    def abort(self) -> None:
        """Shut every open connection down; see `Transport.abort`."""
        with self._lock:
            self.generation += 1

    def close(self) -> None:
        """Close all kept connections."""
        for free in self._free.values():
            while free:
                free.pop().close()

    # ---- a new connection ------------------------------------------------------------------------------

    def _make_line(self, url: str, origin: str) -> _Line:
        easy = pycurl.Curl()
        easy.setopt(pycurl.SHARE, self._share)
        easy.setopt(pycurl.NOSIGNAL, 1)
        easy.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
        easy.setopt(pycurl.CONNECTTIMEOUT_MS, self._connect_timeout_ms)
        easy.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        easy.setopt(_SUPPRESS_CONNECT_HEADERS, 1)
        easy.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        for option, path in self._trusted.items():
            easy.setopt(option, path)
        # Both said even if there is none: libcurl reads the environment by rules of its own.
        easy.setopt(pycurl.NOPROXY, "")
        proxy = self._proxies[origin] = self._proxy_for(url)
        easy.setopt(pycurl.PROXY, "" if proxy is None else _bare_proxy(proxy))
        if proxy is not None and (credentials := _proxy_credentials(proxy)) is not None:
            easy.setopt(pycurl.PROXYUSERNAME, credentials[0])
            easy.setopt(pycurl.PROXYPASSWORD, credentials[1])
        return _Line(easy)

    def _proxy_for(self, url: str) -> str | None:
        parts = urllib.parse.urlsplit(url)
        proxy = self._proxy_urls.get(parts.scheme.lower()) or self._proxy_urls.get("all")
        if not proxy or urllib.request.proxy_bypass(parts.netloc):
            return None
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        if proxy.partition(":")[0].lower() not in _PROXY_SCHEMES:
            raise ConfigurationError(
                f"The environment names the proxy '{mask_url(proxy)}', which is not supported; "
                f"it must be http:// or https://."
            )
        return proxy


def _bare_proxy(proxy: str) -> str:
    parts = urllib.parse.urlsplit(proxy)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _proxy_credentials(proxy: str) -> tuple[str, str] | None:
    parts = urllib.parse.urlsplit(proxy)
    if parts.username is None:
        return None
    return urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or "")


def _header(name: str, value: str) -> bytes:
    # A semicolon is how libcurl is told of a header without a value.
    return f"{name}: {value}".encode("latin-1") if value else f"{name};".encode("latin-1")


def _trusted_certificates() -> dict[int, str]:
    """Return the options that make libcurl trust what Python's ssl trusts; none: what libcurl finds itself."""
    named = {pycurl.CAINFO: os.environ.get("SSL_CERT_FILE"), pycurl.CAPATH: os.environ.get("SSL_CERT_DIR")}
    if any(named.values()):
        return {option: path for option, path in named.items() if path}
    paths = ssl.get_default_verify_paths()
    # A folder of hashed names is looked into when a certificate is needed; a bundle is read whole, for each connection.
    if paths.capath and any(Path(paths.capath).glob("*.0")):
        return {pycurl.CAPATH: paths.capath}
    return {pycurl.CAINFO: paths.cafile} if paths.cafile else {}
