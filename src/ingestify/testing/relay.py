"""A relay between a source and a simulated provider: it counts requests, and injects faults."""

from __future__ import annotations

import base64
import binascii
import contextlib
import glob
import http.client
import time
import urllib.parse
from typing import ClassVar, Protocol

from ingestify.testing.loopback import Asked, Given
from ingestify.testing.watched_provider import WatchedProvider

__all__ = ["Relay", "SimulatedProvider"]

_OF_ONE_CONNECTION = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "accept-encoding", "content-length"}
)


class SimulatedProvider(Protocol):
    """A server of a provider's files on loopback."""

    @property
    def base_url(self) -> str:
        """The URL for the source's configuration."""


class Relay(WatchedProvider):
    """Serves what a simulated provider serves, at another port, while it is open; use it in a `with` block.

    It replaces the provider's URLs in responses by its own. Its methods may be called from any thread.

    Args:
        upstream: The provider, which must be open.

    Attributes:
        upstream: The provider.
        pause_seconds: The pause before the second half of each body; may be set at any time.
    """

    fault_kinds: ClassVar[frozenset[str]] = frozenset({"status", "not_found", "truncate"})

    def __init__(self, upstream: SimulatedProvider) -> None:
        super().__init__()
        self.upstream = upstream
        self.pause_seconds = 0.0
        parts = urllib.parse.urlsplit(upstream.base_url)
        if parts.scheme != "http" or not parts.netloc:
            raise ValueError(f"A simulated provider serves http:// on loopback; this one is at {upstream.base_url}.")
        self._netloc = parts.netloc
        self._root = parts.path.rstrip("/")
        self._sent: list[str] = []

    @property
    def base_url(self) -> str:
        """The URL for the source's configuration."""
        return f"{self.url}{self._root}"

    def relayed(self, url: str) -> str:
        """Return the relay's URL for another URL of the provider, such as that of its tokens."""
        return url.replace(f"http://{self._netloc}", self.url)

    # ---- requests --------------------------------------------------------------------------------------

    def was_sent(self, text: str) -> bool:
        """Return whether a request so far had a text in its URL, headers, credentials or form."""
        with self._lock:
            return any(text in one for one in self._sent)

    @property
    def credentials(self) -> set[str]:
        """The credentials of the requests so far, without `Basic` or `Bearer`."""
        headers = [request.headers.get("authorization", "") for request in self.requests]
        return {header.partition(" ")[2] for header in headers if header.partition(" ")[2]}

    # ---- faults ----------------------------------------------------------------------------------------

    @staticmethod
    def exactly(path: str) -> str:
        """Return the pattern that matches this path only."""
        return glob.escape(path)

    def clear_faults(self) -> None:
        """Remove all faults, and the pause."""
        super().clear_faults()
        self.pause_seconds = 0.0

    # ---- relaying: a thread for each connection --------------------------------------------------------

    def _answer(self, asked: Asked) -> Given:
        arrived = time.monotonic()
        path = asked.target.removeprefix(self._root).lstrip("/")
        fault = self._next_fault(path)
        if fault is not None and fault.kind != "truncate":
            status = 404 if fault.kind == "not_found" else fault.status
            given = Given(status, b'{"message": "it is not our day"}', {"Content-Type": "application/json"})
        else:
            given = self._ask_upstream(asked)
            if fault is not None:
                given = Given(given.status, given.body[: len(given.body) // 2], given.headers, len(given.body))
            elif self.pause_seconds:
                given = Given(given.status, given.body, given.headers, pause_seconds=self.pause_seconds)
        with self._lock:
            self._keep(asked.method, path, given.status, arrived, asked.headers)
            self._sent += _texts_of(asked)
        return given

    def _ask_upstream(self, asked: Asked) -> Given:
        headers = {name: value for name, value in asked.headers.items() if name not in _OF_ONE_CONNECTION}
        connection = http.client.HTTPConnection(self._netloc, timeout=60)
        try:
            connection.request(asked.method, asked.target, body=asked.body or None, headers=headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            return Given(502, f"the simulated provider did not respond: {type(error).__name__}".encode())
        finally:
            connection.close()
        kept = {
            name: self.relayed(value)
            for name, value in response.getheaders()
            if name.lower() not in _OF_ONE_CONNECTION and name.lower() not in ("date", "server")
        }
        body = body.replace(f"http://{self._netloc}".encode(), self.url.encode())
        return Given(response.status, body, kept)


def _texts_of(asked: Asked) -> list[str]:
    """Return the texts of a request, also decoded."""
    texts = [urllib.parse.unquote_plus(asked.target), *asked.headers.values()]
    texts.append(urllib.parse.unquote_plus(asked.body.decode("utf-8", "replace")))
    scheme, _, credentials = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            texts.append(base64.b64decode(credentials).decode())
    return texts
