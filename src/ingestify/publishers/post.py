"""POST of bodies to one URL, as a webhook needs it: one answer, without redirects, tries and limits of a host."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
from collections.abc import Iterable, Mapping

import msgspec

from ingestify.errors import ConfigurationError, FetchError, SourceError
from ingestify.fetch.options import HttpOptions
from ingestify.fetch.request import make_request
from ingestify.fetch.transport.address_policy import AddressClass, AddressPolicy, AllowedHosts, address_class
from ingestify.fetch.transport.transport import AddressForbidden, BadUrl, RawResponse, Transport, TransportError
from ingestify.masking import mask_url

__all__ = ["Posted", "Poster"]

_MOST_STALE = 8
"""So many kept connections may be found closed."""
_MOST_REST_BYTES = 1 << 16
"""Of a response's body, which nobody reads, before its connection is closed instead of kept."""


class Posted(msgspec.Struct, frozen=True):
    """The answer to a POST.

    Attributes:
        status: The HTTP status.
        headers: The headers; names in any case.
    """

    status: int
    headers: Mapping[str, str]


class Poster:
    """Sends bodies to one URL, over kept connections. Safe to use from any thread.

    It connects to public addresses, and to those that the caller allows. A proxy of the environment looks up names by
    itself, so behind one only a literal address is checked.

    Args:
        url: http or https.
        headers: Sent with each request.
        timeout_seconds: How long an answer may take. Connecting may take up to 10 seconds of its own.
        connections: How many connections are kept.
        allowed: Addresses, as 10.1.2.3, and networks, as 10.0.0.0/8, that are not public.
        setting: The name of the setting with these, for messages.

    Raises:
        ConfigurationError: The URL, a header or an address is none.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_seconds: float,
        connections: int,
        allowed: Iterable[str],
        setting: str,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._connections = connections
        self._setting = setting
        self._addresses = AddressPolicy(frozenset({AddressClass.PUBLIC}), _networks(allowed, setting))
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        user_agent = HttpOptions().user_agent
        try:
            self._request = make_request(
                url, headers=headers, user_agent=user_agent, accept_encoding="identity", body=b""
            )
        except SourceError as error:
            raise ConfigurationError(str(error)) from error

    @property
    def shown_url(self) -> str:
        """The URL without its secrets."""
        return mask_url(self._request.url)

    def post(self, body: bytes, headers: Mapping[str, str], *, method: str = "POST") -> Posted:
        """Send a body, and return the answer, whatever its status is.

        Args:
            body: The body.
            headers: Sent beside those of all requests. The caller knows that they can be sent.
            method: POST, or PUT.

        Raises:
            FetchError: There is no answer.
            ConfigurationError: The host is at an address that is not allowed, or no request can be sent to the URL.
        """
        transport = self._open()
        # Not by `make_request`, which would hide the signature of each message for ever.
        headers = {**self._request.headers, **headers}
        for stale in range(_MOST_STALE + 1):
            try:
                with transport.send(method, self._request.url, headers, self._addresses, body) as answer:
                    _pass_over(answer)
                    return Posted(answer.status, answer.headers)
            except TransportError as error:
                if error.stale and stale < _MOST_STALE:
                    continue
                # The remedy for an answer that is too slow is a setting of sources.
                why = f"{error}; {error.remedy}" if error.remedy and error.unreached else str(error)
                raise FetchError(f"{method} {self.shown_url}: {why}.", url=self.shown_url) from error
            except BadUrl as error:
                raise ConfigurationError(f"No request can be sent to {self.shown_url}: {error}.") from error
            except AddressForbidden as error:
                kind = address_class(error.address).value
                named = f'"{error.address}"' if ":" in error.address else error.address
                raise ConfigurationError(
                    f"{self.shown_url} is at {error.address}, a {kind} address, and nothing is sent to it; if that is "
                    f"meant, add  {self._setting}: [{named}]  to the configuration."
                ) from error
        raise AssertionError("the last try returns or raises")  # pragma: no cover

    def close(self) -> None:
        """Close all connections. A second call does nothing."""
        with self._lock:
            transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _open(self) -> Transport:
        from ingestify.fetch.transport.http_client_transport import HttpClientTransport  # loads ssl

        with self._lock:
            if self._transport is None:
                options = HttpOptions()
                self._transport = HttpClientTransport(
                    connect_timeout_seconds=min(options.connect_timeout_seconds, self._timeout_seconds),
                    read_timeout_seconds=self._timeout_seconds,
                    connections=self._connections,
                    total_seconds=self._timeout_seconds,
                )
            return self._transport


def _pass_over(answer: RawResponse) -> None:
    """Read the body of an answer if it is small, so that its connection can be kept. What it says is not looked at."""
    size = 0
    with contextlib.suppress(TransportError):  # the status has come, and that is the answer
        for data in answer.iter_wire():
            size += len(data)
            if size > _MOST_REST_BYTES:
                return


def _networks(allowed: Iterable[str], setting: str) -> AllowedHosts:
    networks = []
    for entry in allowed:
        try:
            networks.append(ipaddress.ip_network(entry.strip().strip("[]") if isinstance(entry, str) else ""))
        except ValueError as error:
            raise ConfigurationError(
                f"{setting} has {entry!r}; write an address such as 10.1.2.3, or a network such as 10.0.0.0/8."
            ) from error
    return AllowedHosts(networks=tuple(networks))
