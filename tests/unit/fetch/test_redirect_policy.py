"""Where a provider may lead to. What counts is the address that is connected to, whatever its name was before."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ingestify.errors import FetchError
from ingestify.fetch import redirect_policy
from ingestify.fetch.http import HttpClient
from ingestify.fetch.paging.pages import NextLink
from ingestify.fetch.transport import address_policy
from ingestify.fetch.transport.address_policy import AddressClass
from ingestify.testing.hostile import HostileProvider
from tests.support.scripted_provider import Provider, answer

MakeClient = Callable[..., HttpClient]

PUBLIC = "127.0.0.2"
"""An address of this machine that stands for one of the internet."""
LINK_LOCAL = "127.0.0.3"

names_of_hosts = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 on loopback")


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names, and the addresses that they have the first, the second, … time."""
    names: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: Any, *rest: Any, **options: Any) -> Any:
        if host in names:
            host = names[host].pop(0) if len(names[host]) > 1 else names[host][0]
        return real(host, port, *rest, **options)

    kind = address_policy.address_class

    def classify(address: str) -> AddressClass:
        pretended = {PUBLIC: AddressClass.PUBLIC, LINK_LOCAL: AddressClass.LINK_LOCAL}
        return pretended.get(address) or kind(address)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(address_policy, "address_class", classify)
    monkeypatch.setattr(redirect_policy, "address_class", classify)
    return names


def port_of(provider: HostileProvider) -> str:
    return provider.base_url.rpartition(":")[2]


class Leading(HostileProvider):
    """A provider on the internet that leads to wherever it is told to."""

    def __init__(self) -> None:
        super().__init__(address=PUBLIC)


# ---- other hosts ---------------------------------------------------------------------------------------


def test_another_host_is_not_followed_unless_it_is_named(server: Provider, make_client: MakeClient) -> None:
    url = server.on("/a", answer(b"", 302, location="http://cdn.example.com/b?token=s3cret"))
    with pytest.raises(FetchError) as caught:
        make_client().get(url)
    assert str(caught.value) == (
        f"GET {url}: it is redirected to http://cdn.example.com/b?token=***, on another host, and is not requested; "
        f"if that is meant, add  sources.provider.redirect_hosts: [cdn.example.com]  to the configuration."
    )
    assert caught.value.attempts == 1


@names_of_hosts
@pytest.mark.parametrize("named", ["cdn.example.com", "*.example.com", "*"])
def test_a_host_that_is_named_is_followed_without_credentials(
    server: Provider, make_client: MakeClient, resolve: dict[str, list[str]], named: str
) -> None:
    resolve["cdn.example.com"] = ["127.0.0.1"]
    server.on("/b", answer(b"there"))
    url = server.on("/a", answer(b"", 302, location=f"http://cdn.example.com:{server.port}/b"))
    client = make_client(redirect_hosts=(named,))
    assert client.get(url, headers={"X-Key": "k"}, auth=("u", "p")).content == b"there"
    assert not {"x-key", "authorization"} & set(server.asked[1].headers)


def test_a_next_page_on_another_host_is_not_followed_unless_it_is_named(
    server: Provider, make_client: MakeClient
) -> None:
    url = server.on("/a", answer(b'{"next": "http://169.254.169.254/latest/", "items": [1]}'))
    pages = make_client().iter_pages(url, NextLink(items="items"))
    assert next(pages).json()["items"] == [1]
    with pytest.raises(FetchError, match=r"its next page is http://169.254.169.254/latest/, on another host"):
        next(pages)


# ---- addresses -----------------------------------------------------------------------------------------


@names_of_hosts
@pytest.mark.parametrize(
    "location", ["http://localhost:{port}/b", "http://2130706433:{port}/b", "http://intern:{port}/b"]
)
def test_a_public_host_does_not_lead_to_this_machine(
    server: Provider, make_client: MakeClient, resolve: dict[str, list[str]], location: str
) -> None:
    resolve["intern"] = ["127.0.0.1"]
    server.on("/b", answer(b"what only this machine may see"))
    client = make_client(redirect_hosts=("*",))
    with Leading() as public:
        client.get(public.url("clock_of_1970"))  # a kept connection changes nothing
        target = location.format(port=server.port)
        with_redirect(public, target)
        with pytest.raises(FetchError, match=r"it leads to http://.*, at 127.0.0.1, a loopback address") as caught:
            client.get(public.url("redirect_to_private"))
    assert "sources.provider.redirect_hosts: [127.0.0.1]" in str(caught.value)
    assert server.asked == []


@names_of_hosts
def test_nor_over_a_connection_that_was_kept(
    server: Provider, make_client: MakeClient, resolve: dict[str, list[str]]
) -> None:
    client = make_client(redirect_hosts=("*",))
    assert client.get(server.on("/b", answer(b"asked for by the source"))).status == 200
    with Leading() as public:
        with_redirect(public, f"{server.url}/b")
        with pytest.raises(FetchError, match="a loopback address"):
            client.get(public.url("redirect_to_private"))
    assert len(server.asked) == 1
    assert client.get(f"{server.url}/b").status == 200
    assert server.connections == 1, "it is kept for those who may use it"


@names_of_hosts
def test_nor_by_its_next_page(server: Provider, make_client: MakeClient, resolve: dict[str, list[str]]) -> None:
    resolve["intern"] = ["127.0.0.1"]
    server.on("/b", answer(b"what only this machine may see"))
    with Leading() as public:
        pages = make_client(redirect_hosts=("*",)).iter_pages(
            public.url("clock_of_1970"), lambda _: f"http://intern:{server.port}/b"
        )
        next(pages)
        with pytest.raises(FetchError, match="a loopback address"):
            next(pages)
    assert server.asked == []


@names_of_hosts
def test_a_name_that_resolves_to_something_else_the_second_time_gains_nothing(
    server: Provider, make_client: MakeClient, resolve: dict[str, list[str]]
) -> None:
    server.on("/b", answer(b"what only this machine may see"))
    client = make_client(redirect_hosts=("cdn.example",))
    resolve["cdn.example"] = [PUBLIC, "127.0.0.1"]
    with Leading() as public:
        with_redirect(public, f"http://cdn.example:{port_of(public)}/clock_of_1970.json")
        assert client.get(public.url("redirect_to_private")).content == public.document("clock_of_1970")
        with_redirect(public, f"http://cdn.example:{server.port}/b")
        with pytest.raises(FetchError, match=r"at 127\.0\.0\.1, a loopback address"):
            client.get(public.url("redirect_to_private"))
    assert server.asked == []


@names_of_hosts
def test_of_several_addresses_only_those_are_tried_that_may_be(
    make_client: MakeClient, resolve: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(redirect_hosts=("cdn.example",))
    look_up = socket.getaddrinfo

    def both(host: str, *rest: Any, **options: Any) -> Any:
        if host == "cdn.example":
            return look_up("127.0.0.1", *rest, **options) + look_up(PUBLIC, *rest, **options)
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with Leading() as public:
        with_redirect(public, f"http://cdn.example:{port_of(public)}/clock_of_1970.json")
        assert client.get(public.url("redirect_to_private")).content == public.document("clock_of_1970")


@names_of_hosts
def test_link_local_addresses_are_not_asked_for_by_anybody_unless_they_are_named(
    make_client: MakeClient, resolve: dict[str, list[str]]
) -> None:
    resolve["metadata.example"] = [LINK_LOCAL]
    with HostileProvider(address=LINK_LOCAL, tame=True) as found:
        url = f"http://metadata.example:{port_of(found)}/html.json"
        with pytest.raises(FetchError, match=r"its host is at 127.0.0.3, a link-local address") as caught:
            make_client().get(url)
        assert f"redirect_hosts: [{LINK_LOCAL}]" in str(caught.value)
        assert found.targets == []
        assert make_client(redirect_hosts=(LINK_LOCAL,)).get(url).content == found.document("html")


def test_what_is_in_house_may_stay_there(server: Provider, client: HttpClient) -> None:
    server.on("/b", answer(b"ok"))
    assert client.get(server.on("/a", answer(b"", 302, location=f"http://localhost:{server.port}/b"))).content == b"ok"


def test_behind_a_proxy_an_address_that_is_written_out_is_looked_at(
    server: Provider, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    for host in ("169.254.169.254", "2852039166", "[::ffff:169.254.169.254]"):
        with pytest.raises(FetchError, match="a link-local address"):
            make_client().get(f"http://{host}/latest/")
    server.on("http://provider.example/a", answer(b"", 302, location="http://127.0.0.1/b"))
    with pytest.raises(FetchError, match=r"at 127.0.0.1, a loopback address"):
        make_client(redirect_hosts=("*",)).get("http://provider.example/a")
    assert [asked.target for asked in server.asked] == ["http://provider.example/a"]


def with_redirect(provider: HostileProvider, location: str) -> None:
    """Let the path `redirect_to_private` lead somewhere else."""
    provider.locations["redirect_to_private"] = location
