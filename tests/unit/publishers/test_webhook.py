"""Webhooks: what arrives, how it is signed, and what each status means."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from cloudevents.core.bindings import http as cloudevents_http
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from ingestify import masking
from ingestify.errors import ConfigurationError, MessagesRefused, PublisherSwitchedOff, PublishUnavailable
from ingestify.masking import mask_text
from ingestify.publishers.webhook import Webhook
from ingestify.testing.loopback import Asked, Given, LoopbackServer
from ingestify.testing.publisher_contract import (
    PublisherContract,
    Received,
    make_messages,
    read_binary,
    read_structured,
)

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()


class Endpoint:
    """A receiver of webhooks, which checks each signature, and keeps what it acknowledged."""

    too_large = None

    def __init__(self, content_mode: str = "structured") -> None:
        self.content_mode = content_mode
        self.asked: list[Asked] = []
        self.connections = 0
        self.answers: dict[str, list[Given | None]] = {}
        """By the last part of a message's id: what is answered, one after the other, before it is acknowledged."""
        self._received: list[Received] = []
        self._lock = threading.Lock()
        self.most_at_once = self._at_once = 0
        self.pause_seconds = 0.0
        self.port = 0
        self._server: LoopbackServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/lake"

    def start(self) -> None:
        self._server = LoopbackServer(self._answer, self.port)
        self.port = int(self._server.url.rpartition(":")[2])
        self._server.__enter__()

    def stop(self) -> None:
        assert self._server is not None
        self._server.__exit__()

    def make(self, **arguments: object) -> Webhook:
        defaults = {"secret": SECRET, "content_mode": self.content_mode, "allowed_addresses": ["127.0.0.1"]}
        return Webhook(**({"url": self.url} | defaults | arguments))  # type: ignore[arg-type]

    def receive(self, count: int) -> list[Received]:
        return list(self._received)

    def _answer(self, asked: Asked) -> Given | None:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            time.sleep(self.pause_seconds)
            return self._judge(asked)
        finally:
            with self._lock:
                self._at_once -= 1

    def _judge(self, asked: Asked) -> Given | None:
        if len(asked.body) < int(asked.headers.get("content-length", 1 << 40)):
            return None  # the connection was cut
        Verifier(SECRET).verify(asked.body, dict(asked.headers))
        with self._lock:
            self.asked.append(asked)
            planned = self.answers.get(asked.headers["webhook-id"].rpartition("/")[2])
            given = planned.pop(0) if planned else Given(204)
            if given is not None and 200 <= given.status < 300:
                self._received.append(_read(asked))
        return given


def _read(asked: Asked) -> Received:
    if asked.headers["content-type"].startswith("application/cloudevents+json"):
        return read_structured(asked.body)
    assert asked.headers["content-type"] == "application/json"
    return read_binary(asked.headers, asked.body, prefix="ce-", is_encoded=True)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.stop()


@pytest.mark.parametrize("content_mode", ["structured", "binary"])
class TestWebhook(PublisherContract):
    @pytest.fixture
    def destination(self, content_mode):  # type: ignore[override]
        endpoint = Endpoint(content_mode)
        yield endpoint
        endpoint.stop()


# ---- requests ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_mode", ["structured", "binary"])
def test_the_sdk_of_cloudevents_reads_it(endpoint, content_mode):
    (message,) = make_messages(1)
    with contextlib.closing(endpoint.make(content_mode=content_mode)) as publisher:
        publisher.publish([message])
    (asked,) = endpoint.asked
    event = cloudevents_http.from_http_event(cloudevents_http.HTTPMessage(headers=asked.headers, body=asked.body))
    assert event.get_id() == message.id
    assert event.get_type() == message.type
    assert event.get_subject() == message.key
    assert event.get_extension("provider") == "provider ü"
    assert event.get_data()["dataset"]["name"] == "Ünïcode – 日本 \U0001f3df “match”"


def test_each_secret_signs_while_one_is_replaced(endpoint):
    with contextlib.closing(endpoint.make(secret=[OTHER_SECRET, SECRET])) as publisher:
        publisher.publish(make_messages(1))
    (asked,) = endpoint.asked
    assert len(asked.headers["webhook-signature"].split(" ")) == 2
    for secret in (SECRET, OTHER_SECRET):
        Verifier(secret).verify(asked.body, dict(asked.headers))
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + base64.b64encode(bytes(32)).decode()).verify(asked.body, dict(asked.headers))
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(asked.body + b" ", dict(asked.headers))


def test_a_message_has_the_same_id_at_each_try(endpoint):
    endpoint.answers = {"1": [Given(503)]}
    messages = make_messages(1)
    with contextlib.closing(endpoint.make()) as publisher:
        with pytest.raises(PublishUnavailable):
            publisher.publish(messages)
        publisher.publish(messages)
    assert [asked.headers["webhook-id"] for asked in endpoint.asked] == [messages[0].id] * 2


def test_headers_of_the_settings_are_sent(endpoint):
    with contextlib.closing(endpoint.make(headers={"Authorization": "Bearer 0123456789"})) as publisher:
        publisher.publish(make_messages(1))
    assert endpoint.asked[0].headers["authorization"] == "Bearer 0123456789"


def test_requests_are_sent_side_by_side_over_kept_connections(endpoint, monkeypatch):
    made = []
    connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda sock, at: made.append(at) or connect(sock, at))
    endpoint.pause_seconds = 0.005
    with contextlib.closing(endpoint.make(parallelism=3)) as publisher:
        assert publisher.batch_size == 30
        publisher.publish(make_messages(30, datasets=30))
        assert endpoint.most_at_once == 3
        publisher.publish(make_messages(30, datasets=30, first=31))
    assert len(endpoint.asked) == 60
    assert len(made) <= 3


def test_masking_does_not_grow_with_the_messages(endpoint):
    with contextlib.closing(endpoint.make(headers={"Authorization": "Bearer 0123456789"})) as publisher:
        publisher.publish(make_messages(1))
        before = masking._hidden
        publisher.publish(make_messages(5, first=2))
    assert masking._hidden == before


# ---- what a status means -------------------------------------------------------------------------------


def test_410_switches_the_publisher_off(endpoint):
    endpoint.answers = {"1": [Given(410)]}
    with contextlib.closing(endpoint.make()) as publisher, pytest.raises(PublisherSwitchedOff, match="410 Gone"):
        publisher.publish(make_messages(1))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 599])
def test_the_message_is_sent_again_later(endpoint, status):
    endpoint.answers = {"1": [Given(status)]}
    with contextlib.closing(endpoint.make()) as publisher:
        with pytest.raises(PublishUnavailable, match=f"status {status}") as failed:
            publisher.publish(make_messages(1))
        assert failed.value.retry_after is None


@pytest.mark.parametrize("text", ["17", "Tue, 01 Dec 2026 00:00:17 GMT"])
def test_the_endpoint_says_when(endpoint, text, monkeypatch):
    given = Given(503, headers={"Retry-After": text, "Date": "Tue, 01 Dec 2026 00:00:00 GMT"})
    monkeypatch.setattr("ingestify.testing.loopback._http_date", lambda _: given.headers["Date"])
    endpoint.answers = {"1": [Given(503, headers={"Retry-After": text})]}
    with contextlib.closing(endpoint.make()) as publisher, pytest.raises(PublishUnavailable) as failed:
        publisher.publish(make_messages(1))
    assert failed.value.retry_after == 17


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_one_message_is_refused_and_the_others_are_acknowledged(endpoint, status):
    endpoint.answers = {"2": [Given(status, b"the body repeats the message")]}
    messages = make_messages(5)
    with contextlib.closing(endpoint.make()) as publisher, pytest.raises(MessagesRefused) as refused:
        publisher.publish(messages)
    assert list(refused.value.refused) == [messages[1].id]
    assert f"(status {status})" in refused.value.refused[messages[1].id]
    assert "repeats" not in refused.value.refused[messages[1].id]
    assert {one.id for one in endpoint.receive(4)} == {one.id for one in messages} - {messages[1].id}


@pytest.mark.parametrize("status", [301, 302, 307, 308, 304, 401, 403, 404, 405, 451])
def test_the_configuration_is_wrong(endpoint, status):
    endpoint.answers = {"1": [Given(status, headers={"Location": f"{endpoint.url}/elsewhere"})]}
    with (
        contextlib.closing(endpoint.make()) as publisher,
        pytest.raises(ConfigurationError, match=rf"/hooks/lake answers with the status {status}: .*check"),
    ):
        publisher.publish(make_messages(1))
    assert [asked.target for asked in endpoint.asked] == ["/hooks/lake"], "a redirect was followed"


def test_a_batch_that_fails_on_the_way_says_what_was_acknowledged(endpoint):
    messages = make_messages(20, datasets=20)
    endpoint.answers = {"3": [Given(500)], "4": [Given(503, headers={"Retry-After": "9"})], "2": [Given(400)]}
    with contextlib.closing(endpoint.make(parallelism=1)) as publisher:
        with pytest.raises(PublishUnavailable) as failed:
            publisher.publish(messages)
        assert failed.value.acknowledged == {messages[0].id}
        assert len(endpoint.asked) == 3, "after a failure no further request begins"
        remaining = [one for one in messages if one.id not in failed.value.acknowledged]
        with pytest.raises(PublishUnavailable) as failed:
            publisher.publish(remaining)
        assert failed.value.retry_after == 9
        assert failed.value.acknowledged == {messages[1].id, messages[2].id}


def test_a_connection_that_breaks_is_tried_again_later(endpoint):
    endpoint.answers = {"1": [None]}
    with contextlib.closing(endpoint.make()) as publisher:
        with pytest.raises(PublishUnavailable):
            publisher.publish(make_messages(1))
        publisher.publish(make_messages(1))


def test_an_endpoint_that_does_not_answer_is_given_up(endpoint):
    endpoint.pause_seconds = 1.0
    began = time.monotonic()
    with contextlib.closing(endpoint.make(timeout=0.1)) as publisher, pytest.raises(PublishUnavailable):
        publisher.publish(make_messages(10, datasets=10))
    assert time.monotonic() - began < 0.9


def test_an_answer_that_comes_byte_by_byte_is_given_up_and_no_setting_of_a_source_is_named(endpoint):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
                while True:
                    connection.sendall(b"a")
                    time.sleep(0.02)

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with contextlib.closing(endpoint.make(url=url, timeout=0.3)) as publisher:
            with pytest.raises(PublishUnavailable, match=r"not whole after 0\.3 s") as raised:
                publisher.publish(make_messages(1))
            assert "source" not in str(raised.value)
        thread.join(10)


# ---- where it sends to ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"])
def test_nothing_is_sent_to_an_address_that_is_not_public(endpoint, host):
    if host == "[::1]" and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    url = endpoint.url.replace("127.0.0.1", host)
    with (
        contextlib.closing(Webhook(url, SECRET)) as publisher,
        pytest.raises(ConfigurationError, match=r"a loopback address, .* add  allowed_addresses: \["),
    ):
        publisher.publish(make_messages(1))
    assert not endpoint.asked


@pytest.mark.parametrize("address", ["10.0.0.7", "169.254.169.254", "192.168.1.1", "[fd00::1]"])
def test_an_allowed_network_allows_no_other(endpoint, address):
    with (
        contextlib.closing(Webhook(f"http://{address}/", SECRET, allowed_addresses=["127.0.0.0/8"])) as publisher,
        pytest.raises(ConfigurationError, match="address, and nothing is sent to it"),
    ):
        publisher.publish(make_messages(1))


# ---- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "ftp://example.com"}, "is no http or https URL"),
        ({"url": ""}, "url is empty"),
        ({"url": 12}, "url is a int"),
        ({"secret": "whsec_short"}, "secret is none of Standard Webhooks"),
        ({"secret": "whsec_" + "a" * 31 + "%"}, "secret is none of Standard Webhooks"),
        ({"secret": []}, "secret is an empty list"),
        ({"secret": [SECRET, None]}, "secret is a NoneType"),
        ({"content_mode": "batched"}, "content_mode is 'batched'; it must be structured or binary"),
        ({"timeout": 0}, "timeout is 0; it must be a number of seconds"),
        ({"timeout": True}, "timeout is True"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"parallelism": 0}, "parallelism is 0; it must be a whole number from 1 to 64"),
        ({"parallelism": 2.0}, "parallelism is 2.0"),
        ({"headers": ["Authorization"]}, "headers is no mapping"),
        ({"headers": {"A": 1}}, "headers is no mapping"),
        ({"headers": {"Webhook-Id": "1"}}, "headers has Webhook-Id, which the publisher writes by itself"),
        ({"headers": {"ce-type": "1"}}, "headers has ce-type"),
        ({"headers": {"A B": "1"}}, "'A B' is not the name of a header"),
        ({"headers": {"A": "1\r\nB: 2"}}, "holds control characters"),
        ({"allowed_addresses": "10.0.0.0/8"}, "allowed_addresses is no list"),
        ({"allowed_addresses": ["hooks.internal"]}, "allowed_addresses has 'hooks.internal'; write an address"),
        ({"allowed_addresses": [7]}, "allowed_addresses has 7"),
    ],
)
def test_a_wrong_setting_is_named(arguments, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        Webhook(**({"url": "https://example.com/hooks", "secret": SECRET} | arguments))


def test_no_error_shows_a_secret(endpoint):
    url = f"{endpoint.url}?token=topsecret"
    endpoint.answers = {"1": [Given(404)]}
    with (
        contextlib.closing(Webhook(url, SECRET, allowed_addresses=["127.0.0.1"])) as publisher,
        pytest.raises(ConfigurationError) as failed,
    ):
        publisher.publish(make_messages(1))
    assert "topsecret" not in str(failed.value)
    assert SECRET.removeprefix("whsec_") not in mask_text(f"the secret is {SECRET}")
