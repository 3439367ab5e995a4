from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestify.errors import ConfigurationError, FetchError
from ingestify.fetch.http import HttpClient
from tests.unit.fetch.certificate import CERTIFICATE, PRIVATE_KEY
from tests.unit.fetch.server import CLOSE, Asked, Provider, answer, provider

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


def test_a_certificate_nobody_trusts_is_an_error_at_once(tls_server: Provider, make_client: MakeClient) -> None:
    client = make_client()
    with pytest.raises(FetchError, match=r"TLS failed: .*certificate.*SSL_CERT_FILE") as caught:
        client.get(tls_server.on("/a", answer(b"1")))
    assert caught.value.attempts == client.usage.requests == 1
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
    make_client().get(tls_server.url + "/a", headers={"X-Key": "k"}, auth=("u", "p"))
    assert not {"x-key", "authorization"} & set(server.asked[0].headers)


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


@pytest.mark.parametrize("exempt", ["127.0.0.1", "127.0.0.1:{port}", "*"])
def test_no_proxy_is_heeded(
    server: Provider, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", exempt.format(port=server.port))
    assert make_client(attempts=1).get(server.on("/a", answer(b"ok"))).content == b"ok"


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
