from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestify.errors import ConfigurationError
from ingestify.fetch.transport.address_policy import (
    REQUESTABLE,
    AddressClass,
    AddressPolicy,
    AllowedHosts,
    address_class,
    is_same_site,
    literal_address,
)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("93.184.216.34", AddressClass.PUBLIC),
        ("2606:4700::1111", AddressClass.PUBLIC),
        ("10.1.2.3", AddressClass.PRIVATE),
        ("172.16.0.1", AddressClass.PRIVATE),
        ("192.168.1.1", AddressClass.PRIVATE),
        ("100.64.0.1", AddressClass.PRIVATE),
        ("fd00:ec2::254", AddressClass.PRIVATE),
        ("fec0::1", AddressClass.PRIVATE),
        ("127.0.0.1", AddressClass.LOOPBACK),
        ("127.8.8.8", AddressClass.LOOPBACK),
        ("::1", AddressClass.LOOPBACK),
        ("169.254.169.254", AddressClass.LINK_LOCAL),
        ("fe80::1%eth0", AddressClass.LINK_LOCAL),
        ("0.0.0.0", AddressClass.OTHER),
        ("::", AddressClass.OTHER),
        ("224.0.0.1", AddressClass.OTHER),
        ("ff02::1", AddressClass.OTHER),
        ("255.255.255.255", AddressClass.OTHER),
        ("::ffff:169.254.169.254", AddressClass.LINK_LOCAL),
        ("::ffff:127.0.0.1", AddressClass.LOOPBACK),
        ("2002:a9fe:a9fe::", AddressClass.LINK_LOCAL),
        ("64:ff9b::10.0.0.1", AddressClass.PRIVATE),
        ("64:ff9b::93.184.216.34", AddressClass.PUBLIC),
    ],
)
def test_an_address_is_of_a_kind_of_network(address: str, kind: AddressClass) -> None:
    assert address_class(address) is kind


@given(st.ip_addresses(v=4))
def test_an_address_is_of_the_same_kind_however_it_is_written(address: ipaddress.IPv4Address) -> None:
    kind = address_class(str(address))
    number = int(address)
    for text in (str(number), hex(number), f"::ffff:{address}", f"[::ffff:{address}]", f"{address}."):
        found = literal_address(text)
        assert found is not None
        assert address_class(found) is kind


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("a.LOCALHOST.", "127.0.0.1"),
        ("example.com", None),
        ("", None),
        ("1.2.3.4.example.com", None),
    ],
)
def test_a_host_that_is_an_address_is_known_as_one(host: str, address: str | None) -> None:
    assert literal_address(host) == address


@given(st.text(max_size=40))
def test_no_host_is_too_odd_to_be_looked_at(host: str) -> None:
    found = literal_address(host)
    assert found is None or isinstance(address_class(found), AddressClass)
    assert not AllowedHosts().names(host)
    assert is_same_site(host, host)


@pytest.mark.parametrize(
    ("entry", "host", "is_named"),
    [
        ("cdn.example.com", "cdn.example.com", True),
        ("CDN.example.com", "cdn.EXAMPLE.com.", True),
        ("cdn.example.com", "evil-cdn.example.com", False),
        ("cdn.example.com", "a.cdn.example.com", False),
        ("*.hf.co", "cdn-lfs.hf.co", True),
        ("*.hf.co", "a.b.hf.co", True),
        ("*.hf.co", "hf.co", False),
        ("*.hf.co", "evilhf.co", False),
        ("*.hf.co", "hf.co.evil.example", False),
        ("*", "anything.example", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "0xa010203", True),
        ("[::1]", "::1", True),
        ("::1", "127.0.0.1", False),
    ],
)
def test_hosts_are_named_by_name_by_pattern_and_by_address(entry: str, host: str, is_named: bool) -> None:
    assert AllowedHosts.parse([entry]).names(host) is is_named


@pytest.mark.parametrize(
    "entry",
    ["", "https://cdn.example.com", "cdn.example.com/a", "cdn.example.com:443", "a*.example.com", "*.*", "a b",
     "10.0.0.1/8", "a\nb", None, "-a.com"],
)  # fmt: skip
def test_what_is_no_host_is_a_setting_to_fix(entry: str) -> None:
    with pytest.raises(ConfigurationError, match=r"redirect_hosts has .*; write a host such as cdn\.example\.com"):
        AllowedHosts.parse([entry])


def test_a_name_of_any_kind_permits_no_address_of_another_kind() -> None:
    addresses = AddressPolicy(REQUESTABLE, AllowedHosts.parse(["*"]))
    assert addresses.permits("10.0.0.1")
    assert not addresses.permits("169.254.169.254")
    assert AddressPolicy(REQUESTABLE, AllowedHosts.parse(["169.254.169.254"])).permits("169.254.169.254")


@pytest.mark.parametrize(
    ("host", "other", "is_same"),
    [
        ("example.com", "example.com", True),
        ("example.com", "www.example.com", True),
        ("WWW.example.com", "Example.com.", True),
        ("example.com", "api.example.com", False),
        ("127.0.0.1", "localhost", True),
        ("::1", "127.0.0.1", True),
        ("127.0.0.1", "10.0.0.1", False),
        ("example.com", "example.com.evil.example", False),
    ],
)
def test_a_host_is_the_same_with_www_or_without(host: str, other: str, is_same: bool) -> None:
    assert is_same_site(host, other) is is_same
