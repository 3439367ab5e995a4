from __future__ import annotations

import datetime as dt
import email.utils
import gzip
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingestify.clock import monotonic, now, sleep
from ingestify.domain.ports import FetchContext, Usage
from ingestify.errors import FetchError, HostLeftAlone
from ingestify.fetch.http import HttpClient
from tests.support.scripted_provider import CLOSE, RESET, Asked, Provider, Reply, answer

MakeClient = Callable[..., HttpClient]


# ---- what is tried again -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again(server: Provider, client: HttpClient, status: int) -> None:
    url = server.on("/a", answer(b"busy", status), answer(b"busy", status), answer(b"[1]"))
    assert client.get_json(url) == [1]
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 418, 425, 451, 501, 505, 204 + 102])
def test_a_status_that_stays_is_an_error_at_once(server: Provider, client: HttpClient, status: int) -> None:
    url = server.on("/a?token=hidden", answer(b"", status))
    server.on("/a", answer(b"no", status))
    with pytest.raises(FetchError, match=rf"/a\?token=\*\*\*: status {status}") as caught:
        client.get(url)
    assert len(server.asked) == 1
    assert (caught.value.status, caught.value.attempts) == (status, 1)
    assert caught.value.url == f"{server.url}/a?token=***"
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "broken",
    [
        [CLOSE],
        [RESET],
        [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE],
        [b"nonsense\r\n\r\n", CLOSE],
        [*answer(b"[1", length=40), CLOSE],
        [*answer(b"[1", length=40), RESET],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1, 2", CLOSE],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n", CLOSE],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n", RESET],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", CLOSE],
        answer(gzip.compress(b"[1, 2, 3]" * 9)[:-6], content_encoding="gzip", close=True),
        answer(b"no gzip at all", content_encoding="gzip"),
    ],
)
def test_a_broken_answer_is_tried_again(server: Provider, client: HttpClient, broken: Reply) -> None:
    url = server.on("/a", broken, answer(b"[1]"))
    assert client.get_json(url) == [1]
    assert len(server.asked) == 2


def test_a_provider_that_stops_answering_is_tried_again(server: Provider, make_client: MakeClient) -> None:
    never = threading.Event()
    url = server.on("/a", [never], [*answer(b"[1", length=9), never], answer(b"[1]"))
    assert make_client(read_timeout_seconds=0.15).get_json(url) == [1]
    assert len(server.asked) == 3


def test_an_error_says_what_why_how_often_and_what_next(server: Provider, make_client: MakeClient) -> None:
    url = server.on("/a", answer(b"", 503))
    with pytest.raises(FetchError) as caught:
        make_client(attempts=3).get(url, params={"api_key": "hidden", "season": 1})
    assert str(caught.value) == (
        f"GET {server.url}/a?api_key=***&season=1: status 503; tried 3 times; "
        f"the provider or the network fails; run again later."
    )
    assert (caught.value.status, caught.value.attempts) == (503, 3)
    assert caught.value.url == f"{server.url}/a?api_key=***&season=1"
    assert len(server.asked) == 3


def test_a_truncated_body_is_named_as_the_last_reason(server: Provider, make_client: MakeClient) -> None:
    url = server.on("/a", [*answer(b"[1", length=40), CLOSE])
    with pytest.raises(FetchError, match="cut short: 2 bytes came, 38 more were announced; tried 2 times"):
        make_client(attempts=2).get(url)


def test_no_connection_is_an_error_after_all_tries(make_client: MakeClient, usage: Usage) -> None:
    client = make_client(attempts=3)
    with pytest.raises(FetchError, match=r"no connection: .*refused; tried 3 times") as caught:
        client.get("http://127.0.0.1:9/a")
    assert (caught.value.status, caught.value.attempts) == (None, 3)
    assert usage.requests == 3


def test_json_that_does_not_parse_is_not_tried_again(server: Provider, client: HttpClient) -> None:
    from ingestify.errors import SourceError

    url = server.on("/a", answer(b'{"matches": [1, 2'))
    with pytest.raises(SourceError, match=r"/a\?token=\*\*\* should be JSON.*line 1 column 18.*begins .*matches"):
        client.get_json(url, params={"token": "hidden"})
    assert len(server.asked) == 1


# ---- what an error shows of the provider's answer ------------------------------------------------------


def test_an_error_quotes_the_provider(server: Provider, client: HttpClient) -> None:
    body = b'{"error":\n\t"season \x1b[31m 77 is not\xc2\xa0yours"}' + b"x" * 5000
    url = server.on("/a", answer(body, 403, content_type="application/problem+json"))
    with pytest.raises(FetchError) as caught:
        client.get(url)
    message = str(caught.value)
    assert 'status 403 ({"error": "season [31m 77 is not yours"}' in message
    assert message.endswith("); check the credentials of this source, and whether they give access to this.")
    assert message.isprintable()
    assert len(message) < 400


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"\x00\x01", 400, content_type="image/png"),
        answer(b"x", 400),
        answer(b"<html><h1>Bad Request", 400, content_type="text/html"),
        answer(b"", 400, content_type="text/plain"),
        answer(b"no gzip", 400, content_type="text/plain", content_encoding="gzip"),
        [*answer(b"cut", 400, content_type="text/plain", length=99), CLOSE],
    ],
)
def test_an_error_body_that_says_nothing_is_not_quoted(server: Provider, client: HttpClient, reply: Reply) -> None:
    with pytest.raises(FetchError, match="status 400; "):
        client.get(server.on("/a", reply))


def test_a_provider_that_repeats_our_secrets_is_not_quoted_with_them(server: Provider, client: HttpClient) -> None:
    def repeat(asked: Asked) -> Reply:
        return answer(f"bad: {asked.target} {asked.headers}".encode(), 401, content_type="text/plain")

    server.on("/a", by=repeat)
    with pytest.raises(FetchError) as caught:
        client.get(
            server.url + "/a",
            params={"api_key": "s3cretkey"},
            headers={"X-Token": "Bearer s3crettoken"},
            auth=("someuser", "s3cretpassword"),
        )
    assert "bad: /a?api_key=***" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "c29tZXVzZXI6" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "check the credentials"), (403, "check the credentials"), (404, "not yet")]
)
def test_an_error_says_what_to_do(server: Provider, client: HttpClient, status: int, hint: str) -> None:
    with pytest.raises(FetchError, match=hint):
        client.get(server.on("/a", answer(b"", status)))


# ---- waiting -------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("passing_time")
def test_retry_after_in_seconds_is_waited_for(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"", 503, retry_after="0.3"), answer(b"ok"))
    began = monotonic()
    assert client.get(url).content == b"ok"
    assert 0.3 <= monotonic() - began < 30


@pytest.mark.usefixtures("passing_time")
def test_retry_after_as_a_date_is_waited_for(server: Provider, client: HttpClient) -> None:
    sent = now().replace(microsecond=0)
    dates = [email.utils.format_datetime(sent + dt.timedelta(seconds=s), usegmt=True) for s in (0, 1)]
    url = server.on("/a", answer(b"", 429, date=dates[0], retry_after=dates[1]), answer(b"ok"))
    began = monotonic()
    assert client.get(url).content == b"ok"
    assert 1 <= monotonic() - began < 30


@pytest.mark.parametrize("value", ["-5", "soon", "", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_makes_no_sense_does_not_hold_up(server: Provider, client: HttpClient, value: str) -> None:
    url = server.on("/a", answer(b"", 503, retry_after=value), answer(b"ok"))
    began = monotonic()
    assert client.get(url).content == b"ok"
    assert monotonic() - began < 30


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_asks_for_a_long_wait_is_left_alone_until_then(
    server: Provider, client: HttpClient, status: int
) -> None:
    url = server.on("/a", answer(b"", status, retry_after="3600"))
    began = monotonic()
    with pytest.raises(
        HostLeftAlone, match=rf"asked to be left alone until 20.* UTC \({status}\); run again"
    ) as caught:
        client.get(url)
    assert caught.value.status == status
    other = server.on("/b", answer(b"ok"))
    for _ in range(20):
        with pytest.raises(HostLeftAlone) as again:
            client.get(other)
        assert again.value.reason == caught.value.reason
    assert monotonic() - began < 60
    assert len(server.asked) == 1


def test_the_reset_of_a_rate_is_a_wait_as_well(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"", 429, ratelimit_remaining="0", ratelimit_reset="7200"))
    with pytest.raises(HostLeftAlone, match="asked to be left alone until"):
        client.get(url)


def test_other_hosts_are_asked_meanwhile(server: Provider, other_server: Provider, client: HttpClient) -> None:
    with pytest.raises(HostLeftAlone):
        client.get(server.on("/a", answer(b"", 429, retry_after="3600")))
    assert client.get(other_server.on("/b", answer(b"ok"))).content == b"ok"


def test_a_429_pauses_every_thread_of_the_client(
    server: Provider, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ingestify")
    server.on("/limited", answer(b"", 429, retry_after="0.5"), answer(b"ok"))
    server.on("/free", answer(b"ok"))
    with ThreadPoolExecutor(5) as pool:
        limited = pool.submit(client.get, server.url + "/limited")
        while not server.asked:
            time.sleep(0.005)
        time.sleep(0.1)
        free = [pool.submit(client.get, server.url + "/free") for _ in range(4)]
        for future in (limited, *free):
            assert future.result().content == b"ok"
    first = server.asked[0].at
    assert all(asked.at - first >= 0.49 for asked in server.asked[1:])
    assert [record.message for record in caplog.records] == ["provider: rate limited by the provider, waiting 0.5 s."]


@pytest.mark.usefixtures("passing_time")
def test_a_429_is_a_queue_while_others_get_through(server: Provider, make_client: MakeClient) -> None:
    """A provider that lets through three requests in 50 ms is not given up on by thirty threads with three tries."""
    lock = threading.Lock()
    window = [0.0, 0]

    def limited(asked: Asked) -> Reply:
        with lock:
            if asked.at - window[0] > 0.05:
                window[:] = [asked.at, 0]
            window[1] += 1
            if window[1] > 3:
                return answer(b"", 429, retry_after="0.05")
        return answer(b"ok")

    server.on("/a", by=limited)
    client = make_client(attempts=3)
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: client.get(server.url + "/a"), range(30)))
    assert all(one.content == b"ok" for one in answers)


def test_a_429_pauses_the_host_that_said_it_and_no_other(
    server: Provider, other_server: Provider, client: HttpClient
) -> None:
    busy = other_server.on("/b", answer(b"", 429, retry_after="0.5"), answer(b"ok"))
    server.on("/moved", answer(b"", 302, location=busy))
    server.on("/free", answer(b"ok"))
    with ThreadPoolExecutor(1) as pool:
        moved = pool.submit(client.get, server.url + "/moved")
        while not other_server.asked:
            time.sleep(0.005)
        client.get(server.url + "/free")
        assert moved.result().content == b"ok"
    first, second = other_server.asked
    assert second.at - first.at >= 0.49
    (free,) = server.asked_for("/free")
    assert free.at < second.at


def test_an_overloaded_provider_is_asked_by_fewer_threads_at_once(
    server: Provider, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ingestify")
    places = threading.Semaphore(2)

    def crowded(_: Asked) -> Reply:
        if not places.acquire(blocking=False):
            return answer(b"", 503)
        time.sleep(0.01)
        places.release()
        return answer(b"ok")

    server.on("/a", by=crowded)
    client = make_client(attempts=1000)
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: client.get(server.url + "/a"), range(48)))
    assert all(one.content == b"ok" for one in answers)
    assert any("holding back to about" in message and "at once" in message for message in caplog.messages)


@pytest.mark.usefixtures("passing_time")
def test_a_429_that_never_ends_is_an_error(server: Provider, make_client: MakeClient) -> None:
    server.on("/a", answer(b"", 429))
    with pytest.raises(FetchError, match="status 429; tried 4 times; lower this source's rate_limit"):
        make_client(attempts=4).get(server.url + "/a")


@pytest.mark.usefixtures("passing_time")
@pytest.mark.parametrize("pause", ["0", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_503_that_asks_for_no_pause_slows_down_no_more_than_one_that_says_nothing(
    server: Provider, make_client: MakeClient, pause: str
) -> None:
    server.on("/broken", answer(b"", 503, retry_after=pause))
    server.on("/good", answer(b"ok"))
    client = make_client(attempts=2, backoff_base_seconds=0.01, backoff_cap_seconds=0.05)
    began = monotonic()
    for _ in range(15):
        with pytest.raises(FetchError, match="status 503; tried 2 times; the provider or the network fails"):
            client.get(server.url + "/broken")
        assert client.get(server.url + "/good").content == b"ok"
    assert monotonic() - began < 30, "one a second is the least"


@pytest.mark.usefixtures("passing_time")
def test_a_provider_that_refuses_everything_does_not_hold_up_a_thousand_files(
    server: Provider, make_client: MakeClient
) -> None:
    """Each has its tries, but not one after the other for ever: 200 files with 5 tries and pauses of 1 s each."""
    server.on("/a", answer(b"", 429))
    client = make_client(attempts=5, backoff_base_seconds=1.0, backoff_cap_seconds=1.0, max_retry_after_seconds=0.5)

    def ask(_: int) -> str:
        with pytest.raises(FetchError, match="429") as caught:
            client.get(server.url + "/a")
        return str(caught.value)

    began = monotonic()
    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(ask, range(200)))
    assert monotonic() - began < 20
    assert any("has refused everything for" in one and "run again later" in one for one in said)
    server.on("/a", answer(b"ok"))
    until = monotonic() + 20
    while True:
        try:
            assert client.get(server.url + "/a").content == b"ok"
            break
        except FetchError:  # until the next one is sent to see
            assert monotonic() < until
            time.sleep(0.1)


@pytest.mark.parametrize("reply", [answer(b"", 503), answer(b"", 429, retry_after="110")])
def test_stop_ends_a_wait_at_once(server: Provider, make_client: MakeClient, reply: Reply) -> None:
    client = make_client(backoff_base_seconds=1000.0, backoff_cap_seconds=1000.0)
    url = server.on("/a", reply)
    stop = threading.Event()
    context = FetchContext(Usage(), stop)
    errors = []

    def run() -> None:
        with client.activated(context):
            try:
                client.get(url)
            except FetchError as error:
                errors.append((monotonic(), error))

    thread = threading.Thread(target=run)
    thread.start()
    while not server.asked:
        time.sleep(0.005)
    time.sleep(0.1)
    began = monotonic()
    stop.set()
    thread.join(60)
    (ended, error) = errors[0]
    assert ended - began < 30
    assert "stopped" in str(error)


def test_stop_ends_a_body_that_trickles(server: Provider, client: HttpClient) -> None:
    stop = threading.Event()
    url = server.on("/a", [*answer(b"x", length=1000), *([0.02, b"x"] * 4000)])
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    began = monotonic()
    with client.activated(FetchContext(Usage(), stop)), pytest.raises(FetchError, match="stopped"):
        client.get(url)
    assert monotonic() - began < 30, "all of it takes 80 s"
    timer.join()


def test_nothing_is_asked_after_stop(server: Provider, client: HttpClient) -> None:
    stop = threading.Event()
    stop.set()
    with client.activated(FetchContext(Usage(), stop)), pytest.raises(FetchError, match="stopped"):
        client.get(server.on("/a", answer(b"ok")))
    assert server.asked == []


# ---- limits --------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("passing_time")
def test_the_rate_limit_holds_for_everything_that_is_asked(server: Provider, make_client: MakeClient) -> None:
    client = make_client(requests_per_second=50)
    server.on("/ok", answer(b"ok"))
    server.on("/moved", answer(b"", 302, location="/ok"))
    server.on("/flaky", answer(b"", 503), answer(b"", 503), answer(b"ok"))
    paths = ["/ok"] * 12 + ["/moved"] * 3 + ["/flaky"]
    began = monotonic()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda path: client.get(server.url + path), paths))
    times = sorted(asked.at for asked in server.asked)
    assert len(times) == 21
    assert times[-1] - began >= 20 / 50
    assert all(times[i + 10] - times[i] >= 10 / 50 - 0.03 for i in range(len(times) - 10))


def test_no_more_than_max_concurrency_are_in_flight(server: Provider, make_client: MakeClient) -> None:
    lock = threading.Lock()
    flying = [0, 0]

    def slow(_: Asked) -> Reply:
        with lock:
            flying[0] += 1
            flying[1] = max(flying)
        time.sleep(0.03)
        with lock:
            flying[0] -= 1
        return answer(b"ok")

    server.on("/a", by=slow)
    client = make_client(max_concurrency=3)
    assert client.max_concurrency == 3
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: client.get(server.url + "/a"), range(18)))
    assert flying[1] == 3


def test_a_retry_that_waits_takes_no_place(server: Provider, make_client: MakeClient) -> None:
    client = make_client(max_concurrency=1, backoff_base_seconds=1000.0, backoff_cap_seconds=1000.0)
    server.on("/broken", answer(b"", 503))
    server.on("/ok", answer(b"ok"))
    stop = threading.Event()

    def run_broken() -> None:
        with client.activated(FetchContext(Usage(), stop)), pytest.raises(FetchError, match="stopped"):
            client.get(server.url + "/broken")

    thread = threading.Thread(target=run_broken)
    thread.start()
    while not server.asked:
        time.sleep(0.005)
    assert client.get(server.url + "/ok").content == b"ok"
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


# ---- kept connections ----------------------------------------------------------------------------------


def test_connections_are_kept(server: Provider, client: HttpClient) -> None:
    server.on("/a", answer(b"x" * 100_000))
    server.on("/chunked", answer(chunked=[b"ab", b"c"]))
    server.on("/moved", answer(b"see there", 302, location="/a"))
    server.on("/gone", answer(b"gone", 404))
    for path in ["/a", "/chunked", "/moved", "/a"]:
        client.get(server.url + path)
    client.get(server.url + "/gone", ignore_not_found=True)
    with pytest.raises(FetchError):
        client.get(server.url + "/gone")
    client.get(server.url + "/a")
    assert server.connections == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_no_fault(server: Provider, make_client: MakeClient) -> None:
    client = make_client(attempts=1)
    url = server.on("/a", answer(b"1"), [CLOSE], answer(b"2"), [RESET], answer(b"3"))
    for body in (b"1", b"2", b"3"):
        assert client.get(url).content == body
    assert len(server.asked) == 5


def test_a_restarted_provider_is_asked_over_new_connections(server: Provider, make_client: MakeClient) -> None:
    client = make_client(attempts=1)
    url = server.on("/a", by=lambda _: [0.05, *answer(b"1")])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.get(url), range(8)))
        server.drop_connections()
        assert len(list(pool.map(lambda _: client.get(url), range(8)))) == 8


def test_a_new_connection_that_is_closed_is_a_fault(server: Provider, make_client: MakeClient) -> None:
    url = server.on("/a", [CLOSE])
    with pytest.raises(FetchError, match="tried 2 times"):
        make_client(attempts=2).get(url)
    assert len(server.asked) == 2


# ---- counting and logging ------------------------------------------------------------------------------


def test_every_attempt_counts_for_who_works(server: Provider, client: HttpClient) -> None:
    packed = gzip.compress(b"x" * 1000)
    url = server.on(
        "/a", answer(b"", 503), [*answer(b"12345", length=9), CLOSE], answer(packed, content_encoding="gzip")
    )
    usage = Usage()
    with client.activated(FetchContext(usage, threading.Event())):
        client.get(url)
    client.get(url)
    assert (usage.requests, usage.received_bytes) == (3, 5 + len(packed))


def test_logs_show_no_secrets_and_no_headers(
    server: Provider, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = server.on("/a", answer(b"", 503), answer(b"ok"))
    client.get(url, params={"api_key": "s3cret"}, headers={"X-Key": "s3cret"}, auth=("u", "s3cret"))
    assert any("GET" in m and "/a?api_key=***: 200, " in m and "ms, 2 bytes" in m for m in caplog.messages)
    assert any("status 503; trying again in" in m for m in caplog.messages)
    assert "s3cret" not in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


@pytest.mark.usefixtures("passing_time")
def test_a_source_may_say_that_its_provider_is_to_be_left_alone(server: Provider, client: HttpClient) -> None:
    url = server.on("/a", answer(b"there"))
    client.leave_alone(url, 0.3)
    with pytest.raises(HostLeftAlone, match=r"/a: .*asked to be left alone until .* UTC \(200\)"):
        client.get(url)
    assert server.asked_for("/a") == []
    sleep(0.3)
    assert client.get(url).content == b"there"


def test_what_waits_for_its_turn_is_not_sent_either(server: Provider, make_client: MakeClient) -> None:
    client = make_client(requests_per_second=4.0)
    url = server.on("/a", answer(b"there"))
    client.get(url)
    threading.Timer(0.05, client.leave_alone, (url, 60.0)).start()
    with pytest.raises(HostLeftAlone):
        client.get(url)  # which had to wait for a quarter of a second
    assert len(server.asked_for("/a")) == 1
