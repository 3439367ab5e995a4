"""To which hosts a redirect or a next page may lead: those of the provider, and those that the settings name."""

from __future__ import annotations

import dataclasses
import urllib.parse

from ingestify.errors import FetchError
from ingestify.fetch.request import OutgoingRequest
from ingestify.fetch.transport.address_policy import (
    REQUESTABLE,
    AddressClass,
    AddressPolicy,
    AllowedHosts,
    address_class,
    is_same_site,
    literal_address,
)
from ingestify.fetch.transport.transport import AddressForbidden
from ingestify.masking import mask_url

__all__ = ["RedirectPolicy"]

_SHOWN_CHARACTERS = 200


class RedirectPolicy:
    """The rules of one source. Safe to use from any thread.

    Args:
        source: The name of the source, for messages.
        allowed: Hosts and addresses to which the provider may lead, beside its own.
    """

    def __init__(self, source: str, allowed: AllowedHosts) -> None:
        self._source = source
        self._allowed = allowed
        self._own_addresses = AddressPolicy(REQUESTABLE, allowed)

    def check(
        self, requested_url: str, request: OutgoingRequest, what: str, *, was_encrypted: bool = False
    ) -> OutgoingRequest:
        """Return the request that a response led to, if it may be sent.

        Args:
            requested_url: The URL that the source requested.
            request: The request for the URL that the response names.
            what: How the response names it, for a message.
            was_encrypted: Whether a redirect on the way there came by https; `requested_url` counts by itself.

        Raises:
            FetchError: The host is neither that of `requested_url`, nor named by the source or the settings. Or the URL
                has http after one with https, and the host is not named literally.
        """
        host, requested_host = (_host(url) for url in (request.url, requested_url))
        # Whoever can change plain text on its way could give the lake any file. `*` does not accept that risk.
        loses_tls = _is_plain(request.url) and (was_encrypted or not _is_plain(requested_url))
        if not loses_tls or self._allowed.names(host, itself=True):
            if is_same_site(host, requested_host):
                return request
            if self._allowed.names(host):
                return dataclasses.replace(request, led_from=requested_url)
        where = ", which is not encrypted," if loses_tls else ", on another host,"
        shown = mask_url(requested_url)
        raise FetchError(
            f"GET {shown}: {what} {_shown(request.url)}{where} and is not requested; {self._remedy(host)}",
            url=shown,
        )

    def addresses_of(self, request: OutgoingRequest) -> AddressPolicy:
        """Return the addresses that a request of the source may be sent to, before any redirect."""
        if request.led_from is None:
            return self._own_addresses
        return self.addresses_behind(literal_address(_host(request.led_from)))

    def addresses_behind(self, address: str | None) -> AddressPolicy:
        """Return the addresses that a redirect may lead to: public ones, and those of the kind of the redirecting host.

        Args:
            address: The IP address of the redirecting host; None: it is behind a proxy.
        """
        own = frozenset[AddressClass]() if address is None else REQUESTABLE & {address_class(address)}
        return AddressPolicy(own | {AddressClass.PUBLIC}, self._allowed)

    def unreachable(self, request: OutgoingRequest, requested_url: str, error: AddressForbidden) -> FetchError:
        """Return the error for a host at a forbidden address."""
        shown = mask_url(requested_url)
        where = "its host is" if request.url == requested_url else f"it leads to {_shown(request.url)},"
        kind = address_class(error.address).value
        return FetchError(
            f"GET {shown}: {where} at {error.address}, a {kind} address, and is not requested; "
            f"{self._remedy(error.address)}",
            url=shown,
        )

    def _remedy(self, host: str) -> str:
        named = f'"{host}"' if ":" in host else host[:_SHOWN_CHARACTERS]
        return f"if that is meant, add  sources.{self._source}.redirect_hosts: [{named}]  to the configuration."


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).hostname or ""


def _is_plain(url: str) -> bool:
    return urllib.parse.urlsplit(url).scheme == "http"


def _shown(url: str) -> str:
    return mask_url(url)[:_SHOWN_CHARACTERS]
