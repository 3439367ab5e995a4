"""Where requests may go: the hosts that a provider may lead to, and the addresses that are connected to.

A provider's answer can name any URL: in a redirect, or as the next page. It may lead to its own host, and to those that
the source declares or the settings name. It may not lead out of the kind of network that it is in: from a public host
to this machine, to the local network, or to the addresses where machines in a cloud keep their credentials. What is
looked at is the address that is connected to, so a name that resolves to something else the second time gains nothing.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import ipaddress
import re
import socket
from collections.abc import Iterable

from ingestify.errors import ConfigurationError

__all__ = ["ASKED", "AddressClass", "AddressPolicy", "AllowedHosts", "address_class", "is_same_site", "literal_address"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PATTERN = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052


class AddressClass(enum.Enum):
    """A kind of network, in the words of a message."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    OTHER = "multicast or reserved"


@functools.lru_cache(maxsize=1024)  # looked at for each request, and there are few
def address_class(address: str) -> AddressClass:
    """Return the kind of network that an IP address is of; an IPv6 address that stands for an IPv4 one is of that's."""
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
    """Return the IP address that a URL's host is by itself, also written as `127.1`, `0x7f000001` or `localhost`."""
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        # The older ways to write one: a resolver understands them, so a check that does not is none.
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Hosts that a provider may lead to beside its own.

    Attributes:
        patterns: Names in lower case; `*.example.com` is each name below, `*` any.
        networks: Addresses that may be connected to, of whatever kind they are.
    """

    patterns: tuple[str, ...] = ()
    networks: tuple[_Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> AllowedHosts:
        """Make it of `cdn.example.com`, `*.example.com`, `*`, `10.1.2.3` and `10.0.0.0/8`.

        Raises:
            ConfigurationError: One is none of these.
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
        """Whether a URL's host is among them.

        Args:
            itself: `*` does not count, which names nobody.
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
        """Whether an address is named itself."""
        if not self.networks:
            return False
        found = ipaddress.ip_address(address.partition("%")[0])
        return any(found.version == network.version and found in network for network in self.networks)


@dataclasses.dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The addresses that one request may be sent to.

    Attributes:
        classes: Of these kinds.
        allowed: And those that are named.
    """

    classes: frozenset[AddressClass]
    allowed: AllowedHosts = AllowedHosts()

    def permits(self, address: str) -> bool:
        """Whether it may be connected to."""
        return address_class(address) in self.classes or self.allowed.holds(address)


ASKED = frozenset({AddressClass.PUBLIC, AddressClass.PRIVATE, AddressClass.LOOPBACK})
"""What a source may ask for by itself: in-house providers are in private networks. Nobody's data is link-local."""


def is_same_site(host: str, other: str) -> bool:
    """Whether two hosts are one: the same name, with `www.` or without, or two names of this machine."""
    names = {one.rstrip(".").lower().removeprefix("www.") for one in (host, other)}
    if len(names) == 1:
        return True
    addresses = [literal_address(one) for one in names]
    return all(one is not None and address_class(one) is AddressClass.LOOPBACK for one in addresses)
