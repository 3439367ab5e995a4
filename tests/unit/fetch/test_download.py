from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from ingestify.domain.file import NO_VALIDATORS, Validators
from ingestify.domain.ports import FetchRequest, FetchResult, FetchStatus, Usage
from ingestify.errors import FetchError, SourceError
from ingestify.fetch.http import HttpClient
from tests.support.scripted_provider import CLOSE, RESET, Asked, Provider, Reply, Sink, answer

MakeClient = Callable[..., HttpClient]
MATCH = b'{"match_id": 12}'


def fetch(client: HttpClient, url: str, **options: object) -> tuple[bytes, object]:
    sink = Sink()
    result = client.fetch(FetchRequest(url, **options), sink)  # type: ignore[arg-type]
    return sink.content, result


def test_a_file_arrives_with_what_the_provider_says_of_it(server: Provider, client: HttpClient) -> None:
    validators = Validators('W/"a b"', "Wed, 21 Oct 2015 07:28:00 GMT")
    url = server.on(
        "/12.json",
        answer(
            MATCH,
            etag=str(validators.etag),
            last_modified=str(validators.last_modified),
            content_type="Application/JSON; charset=utf-8",
        ),
    )
    sink = Sink()
    result = client.fetch(FetchRequest(url, params={"token": "hidden"}), sink)
    assert sink.content == MATCH
    assert result.status is FetchStatus.FETCHED
    assert result.validators == validators
    assert result.content_type == "application/json"
    assert result.attempts == 1
    assert sink.restarts == 0


def test_a_file_without_headers_of_its_own(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(chunked=[b"ab", b"cd"]))
    content, result = fetch(client, url)
    assert content == b"abcd"
    assert (result.validators, result.content_type) == (NO_VALIDATORS, None)  # type: ignore[attr-defined]


def test_an_empty_file_is_a_file(server: Provider, client: HttpClient) -> None:
    content, result = fetch(client, server.on("/a", answer(b"")))
    assert (content, result.status) == (b"", FetchStatus.FETCHED)  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_a_body_that_breaks_off_begins_anew(server: Provider, client: HttpClient, end: object) -> None:
    broken = [*answer(b'{"half": "of th', length=4000), end]
    url = server.on("/a", broken, broken, answer(MATCH))
    sink = Sink()
    result = client.fetch(FetchRequest(url), sink)
    assert sink.content == MATCH
    assert result.attempts == 3
    assert sink.restarts >= 1


def test_a_body_cut_short_is_never_taken_for_whole(server: Provider, make_client: MakeClient) -> None:
    url = server.on("/a", [*answer(MATCH, length=17), CLOSE])
    with pytest.raises(FetchError, match=r"cut short: 16 bytes came, 1 more were announced; tried 2 times"):
        fetch(make_client(attempts=2), url)


def test_what_a_sink_raises_is_not_the_providers_fault(server: Provider, client: HttpClient) -> None:
    class Full(Sink):
        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    url = server.on("/a", answer(b"x" * 1_000_000))
    with pytest.raises(OSError, match="No space left"):
        client.fetch(FetchRequest(url), Full())
    assert len(server.asked) == 1
    assert client.get(server.on("/b", answer(b"ok"))).content == b"ok"


def test_a_large_file_passes_through_a_small_memory(server: Provider, client: HttpClient) -> None:
    size = 64 << 20
    piece = bytes(1 << 20)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
    url = server.on("/a", [head, *([piece] * (size >> 20))])

    class Counter(Sink):
        count = 0

        def write(self, data: bytes) -> None:
            self.count += len(data)

    sink = Counter()
    tracemalloc.start()
    try:
        client.fetch(FetchRequest(url), sink)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.count == size
    assert peak < (8 << 20)


# ---- conditional ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "validators",
    [
        Validators('W/"0x8D:strange"', "Wed, 21 Oct 2015 07:28:00 GMT"),
        Validators("unquoted-etag", None),
        Validators(None, "Wednesday, 21-Oct-15 07:28:00 UTC+1"),
        Validators('"é"', None),
    ],
)
def test_the_providers_own_words_are_asked_with(server: Provider, client: HttpClient, validators: Validators) -> None:
    _, result = fetch(client, server.on("/a", answer(b"", 304)), validators=validators)
    assert result.status is FetchStatus.NOT_MODIFIED  # type: ignore[attr-defined]
    assert result.validators == validators  # type: ignore[attr-defined]
    sent = server.asked[0].headers
    assert sent.get("if-none-match") == validators.etag
    assert sent.get("if-modified-since") == validators.last_modified


def test_a_304_may_bring_new_validators(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"", 304, etag='"2"'))
    _, result = fetch(client, url, validators=Validators('"1"', "Wed, 21 Oct 2015 07:28:00 GMT"))
    assert result.validators == Validators('"2"', None)  # type: ignore[attr-defined]


def test_a_304_keeps_the_connection(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"", 304))
    for _ in range(3):
        fetch(client, url, validators=Validators('"1"'))
    assert server.connections == 1


def test_a_304_that_was_not_asked_for_is_an_error(server: Provider, client: HttpClient) -> None:
    with pytest.raises(FetchError, match="status 304; the request was not conditional"):
        fetch(client, server.on("/a", answer(b"", 304)))


def test_validators_that_no_header_can_hold_are_not_sent(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(MATCH))
    content, _ = fetch(client, url, validators=Validators('"a\r\nX: y"', "\N{SNOWMAN}"))
    assert content == MATCH
    assert not {"if-none-match", "if-modified-since", "x"} & set(server.asked[0].headers)


def test_a_file_that_changed_is_fetched(server: Provider, client: HttpClient) -> None:
    content, result = fetch(client, server.on("/a", answer(MATCH, etag='"2"')), validators=Validators('"1"'))
    assert content == MATCH
    assert result.validators == Validators('"2"')  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_may_be_missing(server: Provider, client: HttpClient, status: int) -> None:
    url = server.on("/a", answer(b"gone", status))
    content, result = fetch(client, url, ignore_not_found=True)
    assert (content, result.status) == (b"", FetchStatus.NOT_FOUND)  # type: ignore[attr-defined]
    with pytest.raises(FetchError, match=f"status {status}"):
        fetch(client, url)


def test_a_part_that_was_not_asked_for_is_an_error(server: Provider, client: HttpClient) -> None:
    with pytest.raises(FetchError, match="status 206"):
        fetch(client, server.on("/a", answer(b"", 206)))


NOTE = b'{"status": "processing", "progress": 0.4, "Job-Id": 12}'


@pytest.mark.parametrize("status", [201, 202, 203])
@pytest.mark.parametrize("whole", [MATCH, b'{"status": "played", "events": []}', b"[1]", b"a,b\n1,2\n"])
def test_a_body_is_the_file_whichever_success_it_comes_with(
    server: Provider, client: HttpClient, status: int, whole: bytes
) -> None:
    url = server.on("/a", answer(whole, status, etag='"1"'))
    for allowed in (False, True):
        content, result = fetch(client, url, ignore_not_ready=allowed)
        assert (content, result.status) == (whole, FetchStatus.FETCHED)  # type: ignore[attr-defined]
        assert result.validators == Validators('"1"')  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "reply", [answer(b"", 201), answer(b"", 202), answer(chunked=[], status=202), answer(b"", 204), answer(NOTE, 202)]
)
def test_a_success_without_the_file_is_not_ready_yet(server: Provider, client: HttpClient, reply: Reply) -> None:
    url = server.on("/a", reply)
    with pytest.raises(FetchError, match=r"status 20[124] without the file: it is not ready yet"):
        fetch(client, url)
    assert fetch(client, url, ignore_not_ready=True) == (b"", FetchResult(FetchStatus.NOT_READY))


# ---- content encodings ---------------------------------------------------------------------------------


def test_gzip_is_asked_for_and_undone(server: Provider, client: HttpClient) -> None:
    url = server.on("/a.json", answer(gzip.compress(MATCH), content_encoding="gzip"))
    assert fetch(client, url)[0] == MATCH
    assert server.asked[0].headers["accept-encoding"] == "gzip"


def test_an_encoding_nobody_knows_is_named(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"x", content_encoding="br"))
    with pytest.raises(FetchError, match="Content-Encoding 'br'"):
        fetch(client, url)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("path", "declared"), [("/a.csv.gz", None), ("/a", "csv.gz"), ("/a.csv.gz", "csv.gz"), ("/a?file=1", "gz")]
)
def test_a_gz_is_the_providers_byte_for_byte(
    server: Provider, client: HttpClient, path: str, declared: str | None
) -> None:
    own = gzip.compress(b"match_id,home\n" * 1000, mtime=12345)
    bare = path.partition("?")[0]
    server.on(
        bare,
        answer(own),
        answer(own, content_encoding="gzip"),
        answer(gzip.compress(own), content_encoding="gzip"),
    )
    for _ in range(3):
        assert fetch(client, server.url + path, data_serialization_format=declared)[0] == own
    assert {asked.headers["accept-encoding"] for asked in server.asked} == {"identity"}


@pytest.mark.parametrize(("path", "declared"), [("/a.zip", None), ("/a", "mp4"), ("/a.parquet", None)])
def test_transit_encoding_of_other_compressed_files_is_undone(
    server: Provider, client: HttpClient, path: str, declared: str | None
) -> None:
    url = server.on(path, answer(gzip.compress(b"PK\x03\x04"), content_encoding="gzip"))
    assert fetch(client, url, data_serialization_format=declared)[0] == b"PK\x03\x04"
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_a_gz_behind_a_redirect_is_the_providers_too(server: Provider, client: HttpClient) -> None:
    own = gzip.compress(b"events")
    server.on("/download", answer(b"", 302, location="/events.json.gz"))
    server.on("/events.json.gz", answer(own, content_encoding="gzip"))
    assert fetch(client, server.url + "/download")[0] == own


def test_a_gz_that_is_declared_as_json_is_json(server: Provider, client: HttpClient) -> None:
    url = server.on("/a.json.gz", answer(gzip.compress(MATCH), content_encoding="gzip"))
    assert fetch(client, url, data_serialization_format="json")[0] == MATCH


@pytest.mark.slow
def test_what_expands_much_passes_through_a_small_memory(server: Provider, make_client: MakeClient) -> None:
    client = make_client(max_expansion=2000)
    packer = zlib.compressobj(wbits=31)
    wire = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    largest = total = 0

    class Measure(Sink):
        def write(self, data: bytes) -> None:
            nonlocal largest, total
            largest = max(largest, len(data))
            total += len(data)

    url = server.on("/a", answer(wire, content_encoding="gzip"))
    tracemalloc.start()
    try:
        client.fetch(FetchRequest(url), Measure())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 200 << 20
    assert largest <= 1 << 18
    assert peak < (8 << 20)


# ---- resuming ------------------------------------------------------------------------------------------

VIDEO = bytes(range(256)) * (16 << 10)  # 4 MiB


class Ranges:
    """Serves VIDEO, breaks off each answer after some bytes, and knows ranges."""

    def __init__(self, etag: str | None = '"v1"', break_after: int = 3 << 19) -> None:
        self.etag = etag
        self.break_after = break_after
        self.body = VIDEO
        self.asked_ranges: list[str | None] = []

    def __call__(self, asked: Asked) -> Reply:
        wanted = asked.headers.get("range")
        self.asked_ranges.append(wanted)
        headers = {} if self.etag is None else {"etag": self.etag}
        if wanted is None or asked.headers.get("if-range") != self.etag:
            return self.cut(answer(b"", length=len(self.body), **headers), self.body)
        first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        rest = self.body[first:]
        headers["content_range"] = f"bytes {first}-{len(self.body) - 1}/{len(self.body)}"
        return self.cut(answer(b"", 206, length=len(rest), **headers), rest)

    def cut(self, head: Reply, body: bytes) -> Reply:
        return [*head, body] if len(body) <= self.break_after else [*head, body[: self.break_after], CLOSE]


def test_a_long_download_goes_on_where_it_broke_off(server: Provider, make_client: MakeClient, usage: Usage) -> None:
    provider = Ranges()
    server.on("/a.mp4", by=provider)
    client = make_client(attempts=2)
    sink = Sink()
    result = client.fetch(FetchRequest(server.url + "/a.mp4"), sink)
    assert sink.content == VIDEO
    assert sink.restarts == 0
    assert provider.asked_ranges == [None, f"bytes={3 << 19}-", f"bytes={6 << 19}-"]
    assert (result.attempts, result.validators.etag) == (3, '"v1"')
    assert usage.received_bytes == len(VIDEO)


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_etag_it_begins_anew(server: Provider, client: HttpClient, etag: str | None) -> None:
    url = server.on("/a.mp4", Ranges(etag)(Asked("/a.mp4", {}, 0, 0)), answer(VIDEO))
    sink = Sink()
    client.fetch(FetchRequest(url), sink)
    assert sink.content == VIDEO
    assert sink.restarts == 1
    assert all("range" not in asked.headers for asked in server.asked)


def test_a_file_that_changed_meanwhile_begins_anew(server: Provider, client: HttpClient) -> None:
    provider = Ranges()
    first = provider(Asked("/a.mp4", {}, 0, 0))
    changed = b"new" * 1000
    url = server.on("/a.mp4", first, answer(changed, etag='"v2"'))
    sink = Sink()
    result = client.fetch(FetchRequest(url), sink)
    assert sink.content == changed
    assert result.validators.etag == '"v2"'


@pytest.mark.parametrize(
    "wrong",
    [
        answer(b"x", 206, content_range="bytes 0-0/4194304"),
        answer(b"x", 206),
        answer(b"x", 206, content_range=f"bytes {3 << 19}-{3 << 19}/4194304", etag='"v2"'),
        answer(b"", 416),
    ],
)
def test_a_wrong_rest_begins_anew(server: Provider, client: HttpClient, wrong: Reply) -> None:
    first = Ranges()(Asked("/a.mp4", {}, 0, 0))
    url = server.on("/a.mp4", first, wrong, answer(VIDEO, etag='"v1"'))
    sink = Sink()
    client.fetch(FetchRequest(url), sink)
    assert sink.content == VIDEO
    assert "range" in server.asked[1].headers
    assert "range" not in server.asked[2].headers


def test_a_small_file_is_not_resumed(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", [*answer(b"12345", length=9, etag='"1"'), CLOSE], answer(b"123456789", etag='"1"'))
    assert fetch(client, url)[0] == b"123456789"
    assert "range" not in server.asked[1].headers


# ---- what cannot be asked ------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "", "/relative", None, 12, "http://"])
def test_what_is_no_http_url_is_a_source_error(client: HttpClient, url: object) -> None:
    with pytest.raises(SourceError, match="URL"):
        client.fetch(FetchRequest(url), Sink())  # type: ignore[arg-type]


@pytest.mark.parametrize("reply", [answer(status=202), answer(NOTE, 202), answer(status=204), answer(b"")])
def test_what_is_not_ready_is_an_answer_where_that_is_allowed(
    server: Provider, client: HttpClient, reply: Reply
) -> None:
    url = server.on("/a", reply)
    assert client.fetch(FetchRequest(url, ignore_not_ready=True), Sink()).status is FetchStatus.NOT_READY


def test_an_accepted_request_is_no_file(server: Provider, client: HttpClient) -> None:
    with pytest.raises(FetchError, match="202"):
        client.fetch(FetchRequest(server.on("/a", answer(status=202))), Sink())
