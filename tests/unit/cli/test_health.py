"""The HTTP server of `ingestify watch --listen`, and what it says."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import socket
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping

import pytest

from ingestify import get_engine
from ingestify.cli.health import Health
from ingestify.cli.listener import Answer, Listener
from ingestify.errors import ConfigurationError, StoreError
from tests.support.waiting import wait_until

parser = pytest.importorskip("prometheus_client.parser", reason="the extra `test` brings prometheus-client")


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, str, dict[str, str]]:
    """Return the status, the body and the headers of an answer."""
    parts = urllib.parse.urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as connection:
        connection.request(method, parts.path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}


def exchange(url: str, sent: bytes) -> bytes:
    """Return all that the server answers to these bytes."""
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


@contextlib.contextmanager
def listening(answers: Mapping[str, Callable[[], Answer]], **options: float) -> Iterator[Listener]:
    """Listen while the block runs. No thread is left behind."""
    before = set(threading.enumerate())
    with Listener("127.0.0.1", 0, answers, **options) as listener:
        yield listener
    assert set(threading.enumerate()) <= before


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def engine(lake):
    with get_engine(lake.config) as engine:
        yield engine


# ---- the server ----------------------------------------------------------------------------------------


def test_a_path_is_answered_and_says_nothing_of_the_program_behind_it():
    with listening({"/a": lambda: Answer(200, "é\n", "text/plain; x=1")}) as listener:
        status, text, headers = fetch(f"{listener.url}/a?b=c")
        assert (status, text) == (200, "é\n")
        assert headers == {"content-type": "text/plain; x=1", "content-length": "3", "cache-control": "no-store"}
        assert fetch(f"{listener.url}/a", "HEAD") == (200, "", headers)
        status, text, _ = fetch(f"{listener.url}/<b>")
        assert (status, text) == (404, "There are /a.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends at the next poll")
def test_it_ends_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ingestify.cli.listener._POLL_SECONDS", 60)
    began = time.monotonic()
    with listening({"/a": lambda: Answer(200, "a")}) as listener:
        assert fetch(f"{listener.url}/a")[0] == 200
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_other_methods_are_refused(method: str):
    with listening({"/a": lambda: Answer(200, "a")}) as listener:
        status, text, headers = fetch(f"{listener.url}/a", method)
        assert (status, text, headers["allow"]) == (405, "Method Not Allowed.\n", "GET, HEAD")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /a HTTP/9.9\r\n\r\n", b" 505 "),
        (b"GET /a HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", b" 431 "),
        (b"GET /a HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n", b" 431 "),
        (b"GET /a b c HTTP/1.1\r\n\r\n", b" 400 "),
        (b"GET /" + b"a" * 70_000, b" 414 "),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b" 400 "),
    ],
)
def test_a_request_that_is_none_gets_an_answer_without_its_text(sent: bytes, status: bytes):
    with listening({"/a": lambda: Answer(200, "a")}) as listener:
        with contextlib.suppress(ConnectionError):  # the rest of a long request is not read
            answer = exchange(listener.url, sent)
            assert answer.startswith(b"HTTP/1.0" + status)
            assert b"Python" not in answer
            assert b"yyy" not in answer
        assert fetch(f"{listener.url}/a")[:2] == (200, "a\n")


def test_an_answer_that_cannot_be_made_shows_no_error(caplog):
    def fail() -> Answer:
        raise ValueError("postgresql://user:hunter2@host/db is away")

    with listening({"/a": fail, "/b": lambda: Answer(200, "b")}) as listener:
        assert fetch(f"{listener.url}/a")[:2] == (500, "This could not be answered. The log says why.\n")
        assert fetch(f"{listener.url}/b")[0] == 200
    assert "is away" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_port_that_is_in_use_is_named():
    with listening({}) as listener, pytest.raises(ConfigurationError) as refused:
        Listener("127.0.0.1", int(listener.url.rpartition(":")[2]), {})
    assert str(refused.value) == (
        f"Cannot listen on {listener.url[7:]}: another program uses this port. Name another one, or end that program."
    )


def test_an_address_of_another_machine_cannot_be_listened_on():
    with pytest.raises(ConfigurationError, match=r"^Cannot listen on 192\.0\.2\.1:0: .+\.$"):
        Listener("192.0.2.1", 0, {})


def test_slow_clients_do_not_keep_others_out_for_long():
    with listening({"/a": lambda: Answer(200, "a")}, patience=0.5) as listener, contextlib.ExitStack() as stack:
        port = int(listener.url.rpartition(":")[2])
        silent = [
            stack.enter_context(contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=60)))
            for _ in range(8)
        ]
        for one in silent:
            one.sendall(b"GET /a HTTP/1.1\r\nx: ")  # and never the rest
        wait_until(lambda: b" 200 " in answer_or_nothing(listener.url))
        for one in silent:
            received(one)  # to its end


def answer_or_nothing(url: str) -> bytes:
    """Return what the server answers; nothing: it had no time for it."""
    try:
        return exchange(url, b"GET /a HTTP/1.0\r\n\r\n")
    except OSError:
        return b""


def received(client: socket.socket) -> bytes:
    try:
        return b"".join(iter(lambda: client.recv(65536), b""))
    except ConnectionError:
        return b""


def test_a_client_that_sends_byte_by_byte_is_cut_off():
    with listening({"/a": lambda: Answer(200, "a")}, patience=1.0) as listener:
        port = int(listener.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=0.05) as client:

            def is_cut_off() -> bool:
                try:
                    client.sendall(b"x")
                    return not client.recv(100)
                except TimeoutError:
                    return False
                except ConnectionError:
                    return True

            wait_until(is_cut_off)


def test_more_clients_than_threads_are_told_to_come_again():
    go, begun = threading.Event(), threading.Semaphore(0)

    def wait() -> Answer:
        begun.release()
        go.wait(60)
        return Answer(200, "a")

    with listening({"/a": wait}) as listener, concurrent.futures.ThreadPoolExecutor(8) as pool:
        try:
            waiting = [pool.submit(fetch, f"{listener.url}/a") for _ in range(8)]
            assert all(begun.acquire(timeout=60) for _ in range(8))
            wait_until(lambda: b" 503 Service Unavailable\r\nRetry-After: 10" in answer_or_nothing(listener.url))
        finally:
            go.set()
        assert [one.result(60)[0] for one in waiting] == [200] * 8
        assert fetch(f"{listener.url}/a")[0] == 200


def test_an_answer_that_is_being_made_is_sent_before_the_socket_is_closed():
    began, go = threading.Event(), threading.Event()

    def wait() -> Answer:
        began.set()
        go.wait(60)
        return Answer(200, "a")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        listener = Listener("127.0.0.1", 0, {"/a": wait})
        with listener:
            asked = pool.submit(fetch, f"{listener.url}/a")
            assert began.wait(60)
            idle = socket.create_connection(("127.0.0.1", int(listener.url.rpartition(":")[2])), timeout=60)
            pool.submit(lambda: (received(idle), go.set()))  # the end cuts the idle one off, and only then go
        idle.close()
        assert asked.result(60)[:2] == (200, "a\n")


# ---- what it says --------------------------------------------------------------------------------------


def test_the_metrics_are_those_of_the_engine(engine, health):
    health.show(engine, engine.watching())
    with listening(health.answers) as listener:
        status, text, headers = fetch(f"{listener.url}/metrics")
        assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        found = {one.name: one for one in parser.text_string_to_metric_families(text)}
        assert [sample.value for sample in found["ingestify_lake_datasets"].samples] == [6]
        assert fetch(f"{listener.url}/metrics", "HEAD")[2] == headers


def test_the_metrics_are_made_once_in_a_while(engine, health, passing_time, monkeypatch):
    made = []
    metrics = engine.metrics
    monkeypatch.setattr(engine, "metrics", lambda: made.append(1) or metrics())
    health.show(engine, engine.watching())
    ask = health.answers["/metrics"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert len({pool.submit(ask).result(60) for _ in range(20)}) == 1
    assert len(made) == 1
    passing_time.sleep(6)
    ask()
    assert len(made) == 2


def test_metrics_that_many_ask_for_at_once_count_nothing_twice(engine):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: engine.metrics(), range(80)))
    found = [line for text in texts for line in text.splitlines() if line.startswith("ingestify_lake_datasets{")]
    assert len(found) == 80
    assert {line.rpartition(" ")[2] for line in found} == {"6"}


def test_while_the_catalogue_is_away_the_metrics_of_runs_stay(engine, health, passing_time, monkeypatch, caplog):
    engine.load()
    health.show(engine, engine.watching())
    assert health.ready().status == 200

    def fail(*_: object) -> None:
        raise StoreError("postgresql://user:hunter2@host/db does not answer")

    with monkeypatch.context() as away:
        away.setattr(engine.store.catalogue.coverage, "count", fail)
        away.setattr(engine.store.catalogue.watch_marks, "find", fail)
        for _ in range(3):
            passing_time.sleep(6)
            told = health.answers["/metrics"]()
            assert told.status == 200
            assert 'ingestify_lake_readable{bucket="main"} 0\n' in told.text
            assert 'ingestify_runs_total{bucket="main",state="FINISHED"} 1\n' in told.text
            assert "ingestify_lake_datasets{" not in told.text
            assert health.ready() == Answer(503, "The catalogue cannot be read. The log says why.")
            assert health.live().status == 200, "to start the service again does not bring the catalogue back"
    assert caplog.text.count("cannot be read") == 1, "an outage is told once, however often a monitor asks"
    assert "hunter2" not in caplog.text
    passing_time.sleep(6)
    assert "ingestify_lake_datasets{" in health.answers["/metrics"]().text
    assert health.ready().status == 200


def test_a_lake_that_is_not_there_yet_is_not_ready(command, health):
    with get_engine(command.config) as engine:
        health.show(engine, engine.watching())
        assert health.ready() == Answer(503, "There is no lake yet.")
        assert "ingestify_lake_readable" in health.answers["/metrics"]().text


def test_a_loop_that_does_not_move_is_not_alive(engine, health, passing_time):
    health.show(engine, engine.watching())
    assert health.live().status == 200
    passing_time.sleep(200)
    assert health.live() == Answer(503, "The loop of the watch has not moved for minutes.")


def test_a_service_that_ends_is_alive_and_not_ready(engine, health):
    health.show(engine, engine.watching())
    health.drain()
    assert health.live().status == 200
    assert health.ready() == Answer(503, "The watch ends: it completes what it has begun.")
    assert health.answers["/metrics"]().status == 200
    health.show(None, None)
    assert health.answers["/metrics"]().status == 503


def test_a_catalogue_that_hangs_does_not_hang_all_who_ask(engine, monkeypatch):
    began, go = threading.Event(), threading.Event()
    health = Health(patience=0.01)
    monkeypatch.setattr(engine, "metrics", lambda: (began.set(), go.wait(60)) and "late")
    health.show(engine, engine.watching())
    ask = health.answers["/metrics"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask)
        try:
            assert began.wait(60)
            assert ask() == Answer(503, "The catalogue has not answered another request yet.")
            assert health.live().status == 200
        finally:
            go.set()
        assert first.result(60).text == "late"


# ---- the command ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["", "host", "127.0.0.1:", "http://127.0.0.1:9464", "user:pw@host:1", "1:65536"])
def test_an_address_that_is_none_is_refused(command, address: str):
    command("watch", "--listen", address, code=2)
    assert "write an address and a port, such as 127.0.0.1:9464." in command.err


def test_the_command_does_not_look_if_its_port_is_in_use(command):
    with listening({}) as listener:
        command("watch", "--listen", listener.url.rpartition(":")[2], code=1)
    assert "another program uses this port" in command.err
    assert not (command.folder / "catalog.db").exists()
