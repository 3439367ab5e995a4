"""The hosts that a provider may lead to, and the IP addresses that a request may be sent to.

A provider's response can name any URL, in a redirect or as the next page. It may lead to the provider's own host, and
to hosts that the source or the settings name. It may not lead to another kind of network: from a public host to this
machine, to the local network, or to the addresses where machines in a cloud keep their credentials. The policy checks
the address of the connection itself. So it also holds for a name that resolves to another address the second time.
"""

from __future__ import annotations

import enum
import functools
import ipaddress
import re
import socket
from collections.abc import Iterable

import msgspec

from ingestify.errors import ConfigurationError

__all__ = [
    "REQUESTABLE",
    "AddressClass",
    "AddressPolicy",
    "AllowedHosts",
    "address_class",
    "is_same_site",
    "literal_address",
]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PATTERN = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052


class AddressClass(enum.Enum):
    """A kind of network; the values are for messages."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    OTHER = "multicast or reserved"


@functools.lru_cache(maxsize=1024)  # checked for each request, and there are few addresses
def address_class(address: str) -> AddressClass:
    """Return the kind of network of an IP address; of an IPv6 address, that of the IPv4 address in it."""
    found = _embedded(ipaddress.ip_address(address.partition("%")[0]))
    if found.is_loopback:
        return AddressClass.LOOPBACK
    if found.is_link_local:
        return AddressClass.LINK_LOCAL
    if found.is_multicast or found.is_unspecified or found.is_reserved:
        return AddressClass.OTHER
    if found.is_global and not (isinstance(found, ipaddress.IPv6Address) and found.is_site_local):
        return AddressClass.PUBLIC
    return AddressClass.PRIVATE


def _embedded(address: _Address) -> _Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    teredo = address.teredo
    inner = address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


def literal_address(host: str) -> str | None:
    """Return the IP address that a URL's host is, also when written `127.1`, `0x7f000001` or `localhost`; else None."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        # Resolvers understand the older notations, too, so the check must.
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


class AllowedHosts(msgspec.Struct, frozen=True):
    """The hosts that a provider may lead to, beside its own.

    Attributes:
        patterns: Names in lower case; `*.example.com` means each name below it, `*` any name.
        networks: Addresses that are permitted, whatever their kind.
    """

    patterns: tuple[str, ...] = ()
    networks: tuple[_Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> AllowedHosts:
        """Return the hosts for entries such as `cdn.example.com`, `*.example.com`, `*`, `10.1.2.3` and `10.0.0.0/8`.

        Raises:
            ConfigurationError: An entry is none of these.
        """
        patterns, networks = [], []
        for entry in entries:
            text = entry.strip().strip("[]").lower() if isinstance(entry, str) else ""
            try:
                networks.append(ipaddress.ip_network(text))
                continue
            except ValueError:
                pass
            if not _PATTERN.fullmatch(text):
                raise ConfigurationError(
                    f"redirect_hosts has {entry!r}; write a host such as cdn.example.com, *.example.com for all below "
                    f"it, or an address such as 10.1.2.3 or 10.0.0.0/8, without scheme, port and path."
                )
            patterns.append(text)
        return cls(tuple(patterns), tuple(networks))

    def names(self, host: str, *, itself: bool = False) -> bool:
        """Return whether a URL's host is among these hosts.

        Args:
            host: The host of a URL.
            itself: Whether `*` does not count.
        """
        host = host.rstrip(".").lower()
        address = literal_address(host)
        if address is not None and self.holds(address):
            return True
        return any(
            pattern == host
            or (pattern == "*" and not itself)
            or (pattern.startswith("*.") and host.endswith(pattern[1:]))
            for pattern in self.patterns
        )

    def holds(self, address: str) -> bool:
        """Return whether an address is in one of the networks."""
        if not self.networks:
            return False
        found = ipaddress.ip_address(address.partition("%")[0])
        return any(found.version == network.version and found in network for network in self.networks)


class AddressPolicy(msgspec.Struct, frozen=True):
    """The addresses that one request may be sent to.

    Attributes:
        classes: The kinds of networks that are permitted.
        allowed: Its networks are permitted as well.
    """

    classes: frozenset[AddressClass]
    allowed: AllowedHosts = AllowedHosts()

    def permits(self, address: str) -> bool:
        """Return whether a request may be sent to this address."""
        return address_class(address) in self.classes or self.allowed.holds(address)


REQUESTABLE = frozenset({AddressClass.PUBLIC, AddressClass.PRIVATE, AddressClass.LOOPBACK})
"""What a source may request by itself. In-house providers are in private networks; no provider is link-local."""


def is_same_site(host: str, other: str) -> bool:
    """Return whether two hosts are one: the same name, with or without `www.`, or two names of this machine."""
    names = {one.rstrip(".").lower().removeprefix("www.") for one in (host, other)}
    if len(names) == 1:
        return True
    addresses = [literal_address(one) for one in names]
    return all(one is not None and address_class(one) is AddressClass.LOOPBACK for one in addresses)
