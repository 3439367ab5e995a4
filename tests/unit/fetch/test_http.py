from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from ingestify._version import __version__
from ingestify.domain.ports import FetchContext, Fetcher, Usage
from ingestify.errors import ConfigurationError, FetchError, SourceError
from ingestify.fetch.current_context import current_client
from ingestify.fetch.http import HttpClient, HttpOptions
from tests.support.scripted_provider import Provider, answer


def test_an_answer_has_all_that_came(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer("é".encode("latin-1"), content_type="text/plain; charset=iso-8859-1", x_more="1"))
    found = client.get(url)
    assert (found.status, found.url, found.content, found.text) == (200, url, b"\xe9", "é")
    assert found.headers["X-MORE"] == found.headers["x-more"] == "1"


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("\ufeffé".encode(), "text/plain", "é"),
        (b"\xff", "text/plain; charset=utf-8", "\ufffd"),
        (b"a", "text/plain; charset=nonsense", "a"),
        ("é".encode("utf-16"), "text/plain; charset=UTF-16", "é"),
    ],
)
def test_text_is_read_in_its_charset(
    server: Provider, client: HttpClient, body: bytes, content_type: str, text: str
) -> None:
    assert client.get(server.on("/a", answer(body, content_type=content_type))).text == text


def test_json_may_have_a_byte_order_mark(server: Provider, client: HttpClient) -> None:
    assert client.get_json(server.on("/a", answer(b"\xef\xbb\xbf[1]"))) == [1]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "it is empty"),
        (b"<html>Sorry", "begins '<html>Sorry'"),
        (b"\xff\xff\xff", "should be JSON"),
        (b"[" * 100_000, "should be JSON"),
        (b'{"a": 1} x', "line 1 column 10"),
    ],
)
def test_what_is_no_json_is_a_source_error(server: Provider, client: HttpClient, body: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        client.get_json(server.on("/a", answer(body)))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
def test_every_success_is_an_answer(server: Provider, client: HttpClient, status: int) -> None:
    assert client.get(server.on("/a", answer(b"", status))).status == status


def test_a_missing_index_may_be_an_answer(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"none", 404))
    assert client.get(url, ignore_not_found=True).status == 404
    with pytest.raises(FetchError, match="status 404"):
        client.get(url)


def test_a_huge_index_is_refused(server: Provider, make_client: Callable[..., HttpClient]) -> None:
    url = server.on("/a", answer(b"x" * 1001))
    with pytest.raises(FetchError, match="more than 1000 bytes"):
        make_client(max_index_bytes=1000).get(url)


def test_a_request_says_who_asks(server: Provider, client: HttpClient) -> None:
    client.get(server.on("/a", answer(b"")))
    assert server.asked[0].headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": f"ingestify/{__version__}",
        "accept": "*/*",
        "accept-encoding": "gzip",
    }


def test_the_user_agent_can_be_set(server: Provider, make_client: Callable[..., HttpClient]) -> None:
    make_client(user_agent="my lake").get(server.on("/a", answer(b"")))
    assert server.asked[0].headers["user-agent"] == "my lake"


def test_a_client_is_a_fetcher(client: HttpClient) -> None:
    fetcher: Fetcher = client
    assert fetcher.max_concurrency is None


def test_activation_is_of_one_thread_and_ends(client: HttpClient) -> None:
    assert current_client() is None
    seen = []
    with client.activated(FetchContext(Usage(), threading.Event())):
        assert current_client() is client
        thread = threading.Thread(target=lambda: seen.append(current_client()))
        thread.start()
        thread.join()
    assert current_client() is None
    assert seen == [None]


@pytest.mark.parametrize(
    "options",
    [
        {"requests_per_second": 0},
        {"requests_per_second": -1.0},
        {"max_concurrency": 0},
        {"attempts": 0},
        {"connect_timeout_seconds": 0},
        {"read_timeout_seconds": -3},
        {"connections": 0},
        {"max_redirects": -1},
    ],
)
def test_options_that_make_no_sense_are_named(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        HttpOptions(**options)  # type: ignore[arg-type]


def test_importing_it_does_not_import_what_is_heavy() -> None:
    code = "import sys, ingestify.fetch.http, ingestify.fetch.loader; print({'ssl', 'zstandard'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize("body", ['{"a": "é"}', '{"a": "x"}'])
@pytest.mark.parametrize(
    "charset",
    ["idna", "undefined", "zip", "rot13", "punycode", "unicode_escape", "Raw_Unicode_Escape", "mbcs", '"', "x'y'z"],
)
def test_a_charset_that_is_none_is_read_as_utf_8(server: Provider, client: HttpClient, charset: str, body: str) -> None:
    url = server.on("/a", answer(body.encode(), content_type=f"text/plain; charset={charset}"))
    assert client.get(url).text == body
