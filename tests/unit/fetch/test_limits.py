"""How much a provider may send, and for how long it may take."""

from __future__ import annotations

import gzip
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingestify.clock import sleep
from ingestify.domain.ports import FetchRequest, FetchStatus
from ingestify.errors import FetchError, SourceError
from ingestify.fetch.http import HttpClient
from ingestify.fetch.paging.pages import NextLink
from ingestify.storage.local import LocalStorage
from ingestify.store.objects.staging import StagedFile
from tests.support.scripted_provider import CLOSE, RESET, Asked, Provider, Reply, Sink, answer, provider
from tests.unit.fetch.certificate import CERTIFICATE, PRIVATE_KEY

MakeClient = Callable[..., HttpClient]
MB = 1_000_000


# ---- how much ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"x" * 2000),
        answer(b"", length=2000),
        answer(chunked=[b"x" * 500] * 4),
        answer(b"x" * 2000, close=True),
        answer(gzip.compress(b"x" * 2000), content_encoding="gzip"),
        answer(b"x" * 2000, etag='"1"'),
        answer(b"", length=10**15, etag='"1"'),
    ],
)
def test_a_file_has_no_more_than_its_source_allows(server: Provider, make_client: MakeClient, reply: Reply) -> None:
    sink = Sink()
    began = time.monotonic()
    with pytest.raises(FetchError) as caught:
        make_client(max_file_bytes=1000).fetch(FetchRequest(server.on("/a", reply)), sink)
    assert str(caught.value) == (
        f"GET {server.url}/a: the file has more than 1000 bytes; if that is right, raise "
        f"sources.provider.max_file_size."
    )
    assert (caught.value.status, caught.value.attempts) == (200, 1)
    assert sink.content == b""
    assert time.monotonic() - began < 4, "nobody waits for the rest of it"
    assert make_client(max_file_bytes=2000).fetch(FetchRequest(server.on("/b", answer(b"x" * 2000))), Sink())


def test_of_a_file_that_is_too_large_nothing_is_left_behind(
    server: Provider, make_client: MakeClient, tmp_path: Path
) -> None:
    """Otherwise the next run would go on from there, to fail again."""
    chunks = [bytes(MB)] * 12
    url = server.on("/a.mp4", answer(chunked=chunks, etag='"1"'))
    staged = StagedFile(LocalStorage(tmp_path), "zstd", "mp4", key="abc")
    with pytest.raises(FetchError, match="more than 10000000 bytes"):
        make_client(max_file_bytes=10 * MB).fetch(FetchRequest(url), staged)
    staged.keep_partial()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_that_goes_on_and_on_comes_to_an_end(server: Provider, make_client: MakeClient) -> None:
    """Each try brings a part of it, so none of them is a fault: the size is what ends it."""

    def more(asked: Asked) -> Reply:
        start = int(asked.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        extra = {"content_range": f"bytes {start}-{10**12 - 1}/{10**12}"} if start else {}
        return [*answer(bytes(2 * MB), 206 if start else 200, length=10**12 - start, etag='"1"', **extra), CLOSE]

    server.on("/a", by=more)
    with pytest.raises(FetchError, match="more than 20000000 bytes"):
        make_client(max_file_bytes=20 * MB).fetch(FetchRequest(server.url + "/a"), Sink())
    assert len(server.asked) == 1, "it said so at once"


def test_an_index_has_no_more_than_its_source_allows(server: Provider, make_client: MakeClient) -> None:
    client = make_client(max_index_bytes=1000)
    for number, reply in enumerate((answer(b"", length=10**15), answer(chunked=[b"x" * 999] * 2), answer(b"x" * 1001))):
        with pytest.raises(
            FetchError, match=r"more than 1000 bytes.*; announce it as a file, or raise sources\.provider"
        ):
            client.get(server.on(f"/{number}", reply))
    assert len(client.get(server.on("/a", answer(b"x" * 1000))).content) == 1000


def test_an_index_whose_json_is_small_and_takes_much_memory_is_refused(
    server: Provider, make_client: MakeClient
) -> None:
    packed = gzip.compress(b"[" + b"[]," * 50_000 + b"0]")
    url = server.on("/a", answer(packed, content_encoding="gzip")) + "?key=secret"
    got = make_client(max_index_bytes=3_000_000).get(url)
    with pytest.raises(SourceError, match=r"150,003 bytes of JSON .* sources\.provider\.max_index_size") as refused:
        got.json()
    assert "secret" not in str(refused.value)
    assert len(make_client().get(url).json()) == 50_001


def test_what_expands_too_much_is_a_bomb(server: Provider, make_client: MakeClient) -> None:
    packed = gzip.compress(bytes(MB)) * 50
    url = server.on("/a", answer(packed, content_encoding="gzip"))
    sink = Sink()
    with pytest.raises(
        FetchError, match=r"a bomb: .* decode to more than 33,.*; if it is right, raise sources\.provider\.max_exp"
    ):
        make_client().fetch(FetchRequest(url), sink)
    assert make_client(max_expansion=2000).fetch(FetchRequest(url), Sink()).status is FetchStatus.FETCHED
    with pytest.raises(FetchError, match="a bomb"):
        make_client().get(url)


@pytest.mark.slow
def test_what_expands_as_much_as_match_events_do_is_none(server: Provider, make_client: MakeClient) -> None:
    events = b"".join(b'{"id": %d, "type": "Pass", "x": %d}\n' % (n * 7919 % 1000003, n % 120) for n in range(60_000))
    body = events * 20
    assert len(body) > 40 * MB
    url = server.on("/a", answer(gzip.compress(events) * 20, content_encoding="gzip"))
    sink = Sink()
    make_client().fetch(FetchRequest(url), sink)
    assert sink.content == body


def test_pages_that_never_end_do(server: Provider, make_client: MakeClient) -> None:
    server.on("/a", by=lambda asked: answer(b'{"next": "/a?%d", "items": [1]}' % len(server.asked)))
    with pytest.raises(SourceError, match="more than 5 pages; if they do end, raise this source's max_pages"):
        list(make_client(max_pages=5).iter_pages(server.url + "/a", NextLink(items="items")))
    assert len(server.asked) == 5


def test_pages_make_no_larger_file_than_its_source_allows(server: Provider, make_client: MakeClient) -> None:
    server.on(
        "/a", by=lambda asked: answer(b'{"next": "/a?%d", "items": ["%d%s"]}' % (*2 * (len(server.asked),), b"x" * 300))
    )
    sink = Sink()
    request = FetchRequest(server.url + "/a", pager=NextLink(items="items"))
    with pytest.raises(FetchError, match=r"more than 1000 bytes; .*max_file_size"):
        make_client(max_file_bytes=1000).fetch(request, sink)
    assert sink.content == b""


# ---- how long ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("passing_time")
def test_an_answer_that_trickles_is_given_up(server: Provider, make_client: MakeClient) -> None:
    url = server.on("/a", [*answer(b"x", length=100_000), *([0.02, b"x"] * 2000)])
    client = make_client(attempts=2, read_timeout_seconds=0.3, least_bytes_per_second=1000)
    began = time.monotonic()
    with pytest.raises(FetchError, match=r"sends too slowly: \d+ bytes in \d s; tried 2 times"):
        client.fetch(FetchRequest(url), Sink())
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("passing_time")
def test_what_is_slow_and_not_too_slow_comes(server: Provider, make_client: MakeClient) -> None:
    url = server.on("/a", [*answer(b"x" * 200, length=20_200), *([0.02, b"x" * 200] * 100)])
    sink = Sink()
    make_client(attempts=3, read_timeout_seconds=0.6, least_bytes_per_second=100).fetch(FetchRequest(url), sink)
    assert sink.content == b"x" * 20_200


@pytest.mark.usefixtures("passing_time")
def test_a_sink_that_is_slow_is_not_the_providers_fault(server: Provider, make_client: MakeClient) -> None:
    class Slow(Sink):
        def write(self, data: bytes) -> None:
            sleep(0.1)
            super().write(data)

    url = server.on("/a", answer(chunked=[b"x" * 20_000] * 12))
    sink = Slow()
    # 200 kB/s is what the sink takes.
    make_client(attempts=1, read_timeout_seconds=0.3, least_bytes_per_second=10 * MB).fetch(FetchRequest(url), sink)
    assert sink.content == b"x" * 240_000


@pytest.mark.usefixtures("passing_time")
def test_all_of_an_answer_may_be_given_a_time(server: Provider, make_client: MakeClient) -> None:
    url = server.on("/a", [*answer(b"x", length=100_000), *([0.02, b"x" * 100] * 900)])
    with pytest.raises(
        FetchError, match=r"not whole after 0\.3 s; raise this source's timeout\.total_seconds"
    ) as caught:
        make_client(total_seconds=0.3).fetch(FetchRequest(url), Sink())
    assert caught.value.attempts == 1


# ---- where an end is none ------------------------------------------------------------------------------


def test_an_end_that_tls_does_not_confirm_is_none(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body without a length ends with the connection, which anybody on the way can end."""
    (tmp_path / "certificate.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text(PRIVATE_KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    with provider(context) as server:
        url = server.on("/a", [b"HTTP/1.1 200 OK\r\n\r\nhalf of ", CLOSE])
        with pytest.raises(FetchError, match="TLS failed"):
            make_client(attempts=2).get(url)


def test_bytes_behind_an_answer_do_not_become_the_next_one(server: Provider, make_client: MakeClient) -> None:
    (forged,) = answer(b"forged")
    (moved,) = answer(b"", 302, location="/b")
    assert isinstance(forged, bytes)
    assert isinstance(moved, bytes)
    client = make_client(attempts=1)
    server.on("/moved", [moved + forged])
    server.on("/unchanged", [b"HTTP/1.1 304 Not Modified\r\n\r\n" + forged])
    server.on("/b", answer(b"mine"))
    assert client.get(server.url + "/moved").content == b"mine"
    with pytest.raises(FetchError, match="status 304"):
        client.get(server.url + "/unchanged")
    assert client.get(server.url + "/b").content == b"mine"


def test_an_empty_line_behind_an_answer_is_nothing(server: Provider, make_client: MakeClient) -> None:
    client = make_client(attempts=1)
    url = server.on("/a", [*answer(b"ok"), b"\r\n"])
    for _ in range(2):
        assert client.get(url).content == b"ok"


def test_a_reset_behind_the_last_byte_takes_nothing_away(server: Provider, make_client: MakeClient) -> None:
    assert make_client(attempts=1).get(server.on("/a", [*answer(b"ok"), RESET])).content == b"ok"
