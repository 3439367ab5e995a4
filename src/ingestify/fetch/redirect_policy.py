"""Where a provider may lead to: what one source declares, and its settings name, about redirects and next pages."""

from __future__ import annotations

import dataclasses
import urllib.parse

from ingestify.errors import FetchError
from ingestify.fetch.request import OutgoingRequest
from ingestify.fetch.transport.address_policy import (
    ASKED,
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
        source: Its name, for messages.
        allowed: Hosts and addresses beside those that it asks by itself.
    """

    def __init__(self, source: str, allowed: AllowedHosts) -> None:
        self._source = source
        self._allowed = allowed
        self._asked = AddressPolicy(ASKED, allowed)

    def check(
        self, asked_url: str, request: OutgoingRequest, what: str, *, was_encrypted: bool = False
    ) -> OutgoingRequest:
        """Return a request that a provider's answer led to, if it may lead to that host, and there without encryption.

        Args:
            asked_url: What the source asked for.
            what: How the answer led there, for a message.
            was_encrypted: Whether a URL on the way there was one of https; `asked_url` counts by itself.

        Raises:
            FetchError: Its host is neither that of `asked_url`, nor one that the source or the settings name; or it is
                asked for by http behind one of https, and its host is not named itself.
        """
        host, asked_host = (_host(url) for url in (request.url, asked_url))
        # Who can read and change what is sent in plain text could give the lake any file; `*` does not ask for that.
        loses_tls = _is_plain(request.url) and (was_encrypted or not _is_plain(asked_url))
        if not loses_tls or self._allowed.names(host, itself=True):
            if is_same_site(host, asked_host):
                return request
            if self._allowed.names(host):
                return dataclasses.replace(request, led_from=asked_url)
        where = ", which is not encrypted," if loses_tls else ", on another host,"
        shown = mask_url(asked_url)
        raise FetchError(
            f"GET {shown}: {what} {_shown(request.url)}{where} and is not asked for; {self._remedy(host)}",
            url=shown,
        )

    def addresses_of(self, request: OutgoingRequest) -> AddressPolicy:
        """Return which addresses a request may be sent to at first."""
        if request.led_from is None:
            return self._asked
        return self.addresses_behind(literal_address(_host(request.led_from)))

    def addresses_behind(self, address: str | None) -> AddressPolicy:
        """Return which addresses may be reached by being led there: public ones, and those of the kind that leads.

        Args:
            address: Of whoever leads; None: it is behind a proxy.
        """
        own = frozenset[AddressClass]() if address is None else ASKED & {address_class(address)}
        return AddressPolicy(own | {AddressClass.PUBLIC}, self._allowed)

    def unreachable(self, request: OutgoingRequest, asked_url: str, error: AddressForbidden) -> FetchError:
        """Return the error for a host at an address that nothing is sent to."""
        shown = mask_url(asked_url)
        where = "its host is" if request.url == asked_url else f"it leads to {_shown(request.url)},"
        kind = address_class(error.address).value
        return FetchError(
            f"GET {shown}: {where} at {error.address}, a {kind} address, and is not asked for; "
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
