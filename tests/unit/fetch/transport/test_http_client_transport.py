from __future__ import annotations

import base64
import contextlib
import json
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingestify.domain.ports import Usage
from ingestify.errors import ConfigurationError, FetchError
from ingestify.fetch.http import HttpClient
from ingestify.fetch.paging.pages import NextLink
from tests.support.scripted_provider import CLOSE, Asked, Provider, answer, provider
from tests.unit.fetch.certificate import CERTIFICATE, PRIVATE_KEY

MakeClient = Callable[..., HttpClient]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.pem"
    path.write_text(CERTIFICATE)
    return path


@pytest.fixture
def tls_server(tmp_path: Path, certificate: Path) -> Iterator[Provider]:
    key = tmp_path / "key.pem"
    key.write_text(PRIVATE_KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with provider(context) as found:
        yield found


def test_tls_trusts_what_ssl_cert_file_names(
    tls_server: Provider, make_client: MakeClient, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = make_client()
    url = tls_server.on("/a", answer(b"1"), [CLOSE], answer(b"2"))
    assert client.get(url).content == b"1"
    assert client.get(url).content == b"2"
    assert tls_server.url.startswith("https://")


def test_a_certificate_nobody_trusts_is_an_error_at_once(
    tls_server: Provider, make_client: MakeClient, usage: Usage
) -> None:
    client = make_client()
    with pytest.raises(FetchError, match=r"TLS failed: .*certificate.*SSL_CERT_FILE") as caught:
        client.get(tls_server.on("/a", answer(b"1")))
    assert caught.value.attempts == usage.requests == 1
    assert caught.value.unreached == f"127.0.0.1:{tls_server.port}"
    assert tls_server.asked == []


def test_from_tls_to_plain_nothing_is_sent_on(
    tls_server: Provider,
    server: Provider,
    make_client: MakeClient,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_server.on("/a", answer(b"", 302, location=server.on("/b", answer(b"ok"))))
    client = make_client(redirect_hosts=("127.0.0.1",))
    client.get(tls_server.url + "/a", headers={"X-Key": "k"}, auth=("u", "p"))
    assert not {"x-key", "authorization"} & set(server.asked[0].headers)


@pytest.mark.parametrize("redirect_hosts", [(), ("*",), ("*.example.com", "10.0.0.0/8")])
def test_https_leads_to_http_only_where_its_host_is_named(
    tls_server: Provider,
    server: Provider,
    make_client: MakeClient,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    redirect_hosts: tuple[str, ...],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    plain = server.on("/b", answer(b'{"items": [2]}'))
    tls_server.on("/a", answer(b"", 302, location=plain))
    tls_server.on("/pages", answer(json.dumps({"items": [1], "next": plain}).encode()))
    client = make_client(redirect_hosts=redirect_hosts)
    with pytest.raises(FetchError, match=r"redirected to http:.*, which is not encrypted,.*redirect_hosts: \[127\.0"):
        client.get(tls_server.url + "/a")
    with pytest.raises(FetchError, match=r"its next page is http:.*, which is not encrypted,"):
        list(client.iter_pages(tls_server.url + "/pages", pager=NextLink("next")))
    assert server.asked == []


def test_what_was_asked_for_by_http_does_not_come_back_to_it_from_https(
    tls_server: Provider,
    server: Provider,
    make_client: MakeClient,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server.on("/a", answer(b"", 302, location=tls_server.url + "/b"))
    tls_server.on("/b", answer(b"", 302, location=server.on("/c", answer(b"ok"))))
    with pytest.raises(FetchError, match="which is not encrypted"):
        make_client().get(server.url + "/a")
    assert [one.target for one in server.asked] == ["/a"]


def test_a_proxy_of_the_environment_is_used(
    server: Provider, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://us%40er:pw@127.0.0.1:{server.port}")
    seen: list[Asked] = []

    def proxied(asked: Asked) -> list[object]:
        seen.append(asked)
        return answer(b"by proxy")

    server.on("http://provider.example/a", by=proxied)  # type: ignore[arg-type]
    client = make_client()
    for _ in range(2):
        assert client.get("http://provider.example/a", headers={"X-Key": "k"}).content == b"by proxy"
    sent = seen[0].headers
    assert sent["host"] == "provider.example"
    assert sent["x-key"] == "k"
    assert base64.b64decode(sent["proxy-authorization"].removeprefix("Basic ")) == b"us@er:pw"
    assert server.connections == 1


@pytest.mark.parametrize(
    "exempt",
    [
        "127.0.0.1",
        "127.0.0.1:{port}",
        "*",
        "127.0.0.0/8",
        "example.com, 10.0.0.0/8,127.0.0.1/8",
        "localhost 127.0.0.0/255.0.0.0",
    ],
)
def test_no_proxy_is_heeded(
    server: Provider, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", exempt.format(port=server.port))
    assert make_client(attempts=1).get(server.on("/a", answer(b"ok"))).content == b"ok"


@pytest.mark.parametrize(
    "url", ["http://[fd00::1]:9/a", "http://[::1]:9/a", "http://127.1:9/a", "http://localhost:9/a"]
)
def test_networks_in_no_proxy_are_those_of_the_address_however_it_is_written(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "fd00::/8,[::1],127.0.0.0/8")
    with pytest.raises(FetchError, match=r"no connection|connecting took too long"):
        make_client(attempts=1, connect_timeout_seconds=0.2).get(url)


@pytest.mark.parametrize("not_exempt", ["10.0.0.0/8", "127.0.0.*", "fd00::/8", "/", "provider.example", "127.0.0.0/99"])
def test_what_no_proxy_does_not_name_goes_through_the_proxy(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, not_exempt: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", not_exempt)
    with pytest.raises(FetchError, match="the proxy failed"):
        make_client(attempts=1).get("http://127.0.0.1:9/a")


def test_a_proxy_that_fails_is_named(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:s3cret@127.0.0.1:9")
    with pytest.raises(FetchError, match="the proxy failed") as caught:
        make_client(attempts=1).get("http://provider.example/a")
    assert "s3cret" not in str(caught.value)


def test_a_proxy_of_another_kind_is_a_setting_to_fix(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://user:s3cret@127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="not supported; it must be http") as caught:
        make_client().get("http://provider.example/a")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Ty",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5",
    ],
)
def test_headers_that_break_off_are_no_empty_file(server: Provider, make_client: MakeClient, head: bytes) -> None:
    url = server.on("/a", [head, CLOSE])
    with pytest.raises(FetchError, match="headers were cut short; tried 2 times"):
        make_client(attempts=2).get(url)


def test_headers_of_which_a_part_is_lost_are_no_answer(
    server: Provider, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = server.on("/a", [b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 9\r\n\r\nok", CLOSE])
    with pytest.raises(FetchError, match="headers make no sense; tried 2 times"):
        make_client(attempts=2).get(url, params={"api_key": "s3cret"})
    assert "s3cret" not in caplog.text


def test_an_answer_of_parts_is_one(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"--x--", content_type="multipart/mixed; boundary=x"))
    assert client.get(url).content == b"--x--"


def test_closing_closes_the_kept_connections(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"1"))
    client.get(url)
    client.close()
    assert client.get(url).content == b"1"
    assert server.connections == 2


def test_a_connection_that_was_silent_for_long_is_not_used_again(
    server: Provider, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.on("/a", answer(b"1"))
    client.get(url)
    client.get(url)
    assert server.connections == 1
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)  # the computer slept, and wakes up in another network
    client.get(url)
    assert server.connections == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/a", "http://nobody-has-this-name.invalid/a"])
def test_a_host_that_is_not_reached_is_named_by_the_error(make_client: MakeClient, url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        url = url.format(port=taken.getsockname()[1])
        with pytest.raises(FetchError) as caught:
            make_client(attempts=2).get(url)
    assert caught.value.unreached == url.split("/")[2]


def test_a_host_that_breaks_off_was_reached(make_client: MakeClient, server: Provider) -> None:
    with pytest.raises(FetchError) as caught:
        make_client(attempts=2).get(server.on("/a", [CLOSE]))
    assert caught.value.unreached == ""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere what a full listener does not take is refused")
def test_an_address_that_answers_nothing_leaves_the_next_its_share_of_the_time(
    server: Provider, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as hole, contextlib.ExitStack() as open_ones:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(2):  # after these it is full
            waiting = open_ones.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(hole.getsockname())
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", one))
            for one in (hole.getsockname()[1], server.port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        server.on("/a", answer(b"1"))
        began = time.monotonic()
        client = make_client(attempts=1, connect_timeout_seconds=0.6)
        assert client.get("http://two-addresses.example/a").content == b"1"
    assert time.monotonic() - began > 0.25, "the first one had its share"


def test_tls_goes_through_the_proxy_s_tunnel(
    tls_server: Provider, make_client: MakeClient, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy's own answer is none of the provider's, and sees nothing of the request."""
    seen: list[bytes] = []
    with tunnel(tls_server.port, seen) as port:
        monkeypatch.setenv("https_proxy", f"http://us%40er:pw@127.0.0.1:{port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        client = make_client()
        url = tls_server.on("/a", answer(b"1", x_of="provider"))
        for _ in range(2):
            found = client.get(url, headers={"X-Key": "k"})
            assert (found.status, found.content, found.headers.get("X-Of")) == (200, b"1", "provider")
        client.close()
    (asked,) = seen
    assert asked.startswith(f"CONNECT 127.0.0.1:{tls_server.port} HTTP/1.".encode())
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"us@er:pw") in asked
    assert b"X-Key" not in asked


def test_a_tunnel_that_is_refused_is_named(
    make_client: MakeClient, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://user:s3cret@127.0.0.1:{server.port}")
    server.on("provider.example:443", answer(b"", 407))
    with pytest.raises(FetchError, match=r"the proxy failed: .*407") as caught:
        make_client(attempts=1).get("https://provider.example/a")
    assert "s3cret" not in str(caught.value)


def test_abort_ends_waiting_for_a_provider(server: Provider, make_client: MakeClient) -> None:
    client = make_client(attempts=1)
    url = server.on("/a", [threading.Event()])
    ended: list[str] = []

    def get() -> None:
        with pytest.raises(FetchError) as caught:
            client.get(url)
        ended.append(str(caught.value))

    thread = threading.Thread(target=get)
    thread.start()
    while not server.asked:
        time.sleep(0.005)
    client.abort()
    thread.join(10)
    assert "connection broke" in ended[0]
    server.on("/a", answer(b"after"))
    assert client.get(url).content == b"after"


@pytest.mark.parametrize("head", [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_what_comes_before_the_answer_is_dropped(server: Provider, client: HttpClient, head: bytes) -> None:
    found = client.get(server.on("/a", [head, *answer(b"body", x_of="answer")]))
    assert (found.status, found.content, found.headers.get("Link")) == (200, b"body", None)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\n: no name\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 300 + b"\r\nab",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"1" * 100_000 + b"\r\n\r\nab",
        b"\x00\x01\x02\r\n\r\n",
        b"<html>\r\n\r\n",
    ],
)
def test_an_answer_that_makes_no_sense_is_none(server: Provider, make_client: MakeClient, head: bytes) -> None:
    with pytest.raises(FetchError, match=r"the connection broke: .*; tried 2 times"):
        make_client(attempts=2).get(server.on("/a", [head, CLOSE]))


def test_a_provider_that_closed_all_kept_connections_is_asked_over_new_ones(
    server: Provider, make_client: MakeClient, usage: Usage
) -> None:
    """One request finds out for all of them: it does not meet thirty closed connections one after the other."""
    client = make_client(attempts=1)
    url = server.on("/a", by=lambda _: [0.1, *answer(b"ok")])
    with ThreadPoolExecutor(30) as pool:
        list(pool.map(lambda _: client.get(url), range(30)))
    assert server.connections > 10
    server.drop_connections()
    server.on("/b", answer(b"1"))
    assert client.get(server.url + "/b").content == b"1"
    assert usage.requests <= 2


def test_a_length_that_is_said_twice_is_one(server: Provider, client: HttpClient) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab"
    assert client.get(server.on("/a", [head])).content == b"ab"


def test_a_query_without_a_path_and_an_ipv6_host_are_asked_for_as_they_should(
    server: Provider, client: HttpClient
) -> None:
    server.on("/", answer(b"ok"))
    assert client.get(f"{server.url}?a=1").content == b"ok"
    assert server.asked[0].target == "/?a=1"
    with pytest.raises(FetchError, match="no connection"):
        client.get("http://[::1]:9/a")


def test_a_proxy_with_tls_of_its_own_is_a_setting_to_fix(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "https://user:s3cret@127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="must be http://, also for https") as caught:
        make_client().get("https://provider.example/a")
    assert "s3cret" not in str(caught.value)


def test_a_header_that_is_sent_twice_is_one_list(server: Provider, client: HttpClient) -> None:
    lines = b"HTTP/1.1 200 OK\r\nLink: <a>\r\nlink: <b>\r\nContent-Length: 0\r\n\r\n"
    assert client.get(server.on("/a", [lines])).headers["LINK"] == "<a>, <b>"


def test_many_threads_share_one_client(server: Provider, client: HttpClient) -> None:
    urls = [server.on(f"/{number}", answer(str(number).encode() * 1000)) for number in range(200)]
    with ThreadPoolExecutor(16) as pool:
        bodies = [found.content for found in pool.map(client.get, urls)]
    assert bodies == [str(number).encode() * 1000 for number in range(200)]
    assert server.connections <= 16


@contextlib.contextmanager
def tunnel(port: int, seen: list[bytes]) -> Iterator[int]:
    """A proxy that answers CONNECT and passes on what follows. Yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                asked = b""
                while not asked.endswith(b"\r\n\r\n"):
                    asked += client.recv(1 << 16)
                seen.append(asked)
                client.sendall(b"HTTP/1.1 200 Connection established\r\nX-Of: proxy\r\n\r\n")
                provider_side = socket.create_connection(("127.0.0.1", port))
                for pair in ((client, provider_side), (provider_side, client)):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


HANDSHAKE = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03" + b"a" * 16_000
CONNECT_ANSWER = b"HTTP/1.1 200 ok\r\n" + b"X-Long: a\r\n" * 500


@contextlib.contextmanager
def dripping(data: bytes) -> Iterator[tuple[int, threading.Event]]:
    """What sends a byte each 50 ms, once it is spoken to. Yields its port, and what is set when it began."""
    listener = socket.create_server(("127.0.0.1", 0))
    begun = threading.Event()

    def drip(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.recv(1 << 16)
            for byte in data:
                client.sendall(bytes([byte]))
                begun.set()
                time.sleep(0.05)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], begun
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(("data", "by_proxy"), [(HANDSHAKE, False), (CONNECT_ANSWER, True)])
def test_a_connection_that_comes_byte_by_byte_ends_in_time(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, data: bytes, by_proxy: bool
) -> None:
    with dripping(data) as (port, _):
        if by_proxy:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        url = "https://provider.example/a" if by_proxy else f"https://127.0.0.1:{port}/a"
        began = time.monotonic()
        with pytest.raises(FetchError, match="connecting took too long"):
            make_client(attempts=1, connect_timeout_seconds=0.2).get(url)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(("data", "by_proxy"), [(HANDSHAKE, False), (CONNECT_ANSWER, True)])
def test_abort_ends_a_connection_that_is_being_made(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, data: bytes, by_proxy: bool
) -> None:
    with dripping(data) as (port, begun):
        if by_proxy:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        url = "https://provider.example/a" if by_proxy else f"https://127.0.0.1:{port}/a"
        client = make_client(attempts=1, connect_timeout_seconds=60)
        ended: list[str] = []

        def ask() -> None:
            with pytest.raises(FetchError) as caught:
                client.get(url)
            ended.append(str(caught.value))

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        assert begun.wait(10)
        client.abort()
        thread.join(60)
        assert len(ended) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "502 Bad Gateway"),
        (b"SSH-2.0-x\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 ok\r\nX: " + b"a" * (1 << 17), "incomplete"),
        (b"", "closed the connection"),
    ],
)
def test_a_proxy_that_gives_no_tunnel_is_named(
    make_client: MakeClient, server: Provider, monkeypatch: pytest.MonkeyPatch, data: bytes, said: str
) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
    server.on("provider.example:443", [data, CLOSE])
    with pytest.raises(FetchError, match=f"the proxy failed: .*{said}"):
        make_client(attempts=1).get("https://provider.example/a")
