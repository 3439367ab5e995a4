"""What the answers of Pub/Sub mean, from a server of gRPC on loopback that gives them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.pubsub_v1 import types

from ingestify.errors import ConfigurationError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.publishers.pubsub import Pubsub
from ingestify.testing.publisher_contract import make_messages

_REQUEST, _ANSWER = types.PublishRequest.pb(), types.PublishResponse.pb()


class Server:
    """Takes requests as Pub/Sub does: all messages of a request have one ordering key.

    Attributes:
        refuses: Returns the status of a request; None: it is taken.
    """

    def __init__(self):
        self.refuses = lambda request: None
        self.requests = []
        self.taken = []
        self.most_at_once = self._at_once = 0
        self.pause_seconds = 0.0
        self._lock = threading.Lock()
        handler = grpc.unary_unary_rpc_method_handler(
            self._publish, _REQUEST.FromString, lambda answer: answer.SerializeToString()
        )
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 10_000_000)])
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": handler})]
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self):
        self._server.stop(None).wait()

    def _publish(self, request, context):
        with self._lock:
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self.pause_seconds)
        with self._lock:
            self._at_once -= 1
        assert len({one.ordering_key for one in request.messages}) == 1
        if (status := self.refuses(request)) is not None:
            context.abort(status, "it is said so, with the password=abcdef")
        self.taken += [dict(one.attributes).get("ce-id") for one in request.messages]
        return _ANSWER(message_ids=["1"] * len(request.messages))


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    yield server
    server.stop()


def publish(messages, **arguments):
    with contextlib.closing(Pubsub("club", "football", **arguments)) as publisher:
        publisher.publish(messages)


# ---- requests ------------------------------------------------------------------------------------------


def test_messages_of_a_dataset_are_in_one_request_in_order(server):
    messages = make_messages(30, datasets=3)
    publish(messages)
    assert len(server.requests) == 3
    for request in server.requests:
        key = request.messages[0].ordering_key
        expected = [one.id for one in messages if one.key == key]
        assert [one.attributes["ce-id"] for one in request.messages] == expected


def test_without_order_a_request_has_messages_of_all_datasets(server):
    publish(make_messages(30, datasets=3), ordered=False)
    (request,) = server.requests
    assert {one.ordering_key for one in request.messages} == {""}


def test_requests_are_sent_side_by_side(server):
    server.pause_seconds = 0.05
    publish(make_messages(12, datasets=12), parallelism=3)
    assert server.most_at_once == 3


def test_a_request_has_no_more_bytes_than_pubsub_takes(server):
    messages = make_messages(3, datasets=1, size=4_500_000)
    publish(messages)
    assert [len(one.messages) for one in server.requests] == [2, 1]
    assert server.taken == [one.id for one in messages]


def test_a_long_key_is_cut_between_two_characters(server):
    (message,) = make_messages(1)
    publish([dataclasses.replace(message, key="é" * 600)])
    assert server.requests[0].messages[0].ordering_key == "é" * 512


def test_structured_is_the_whole_event(server):
    (message,) = make_messages(1)
    publish([message], content_mode="structured")
    ((sent,),) = [one.messages for one in server.requests]
    assert json.loads(sent.data)["id"] == message.id
    assert dict(sent.attributes) == {"content-type": "application/cloudevents+json; charset=UTF-8"}


# ---- errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED"]
)
def test_it_is_tried_again_later(server, status):
    server.refuses = lambda _: grpc.StatusCode[status]
    with pytest.raises(PublishUnavailable, match=r"projects/club/topics/football: .*it is said so") as failed:
        publish(make_messages(1))
    assert "abcdef" not in str(failed.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("NOT_FOUND", "it does not exist; make it:  gcloud pubsub topics create projects/club/topics/football"),
        ("PERMISSION_DENIED", "grant them the role roles/pubsub.publisher"),
        ("UNAUTHENTICATED", "the credentials are not valid"),
        ("FAILED_PRECONDITION", "Google says: it is said so"),
    ],
)
def test_the_configuration_is_wrong(server, status, message):
    server.refuses = lambda _: grpc.StatusCode[status]
    with pytest.raises(ConfigurationError, match=message):
        publish(make_messages(1))


def test_a_message_that_is_not_valid_is_refused_alone(server):
    messages = make_messages(3, datasets=1)
    bad = messages[1].id
    server.refuses = lambda request: (
        grpc.StatusCode.INVALID_ARGUMENT if any(one.attributes["ce-id"] == bad for one in request.messages) else None
    )
    with pytest.raises(MessagesRefused, match="Pub/Sub says: it is said so") as refused:
        publish(messages)
    assert list(refused.value.refused) == [bad]
    assert server.taken == [messages[0].id, messages[2].id]


def test_what_was_acknowledged_before_a_failure_is_said(server):
    messages = make_messages(20, datasets=4)
    last = messages[3].key
    server.refuses = lambda request: grpc.StatusCode.UNAVAILABLE if request.messages[0].ordering_key == last else None
    with pytest.raises(PublishUnavailable) as failed:
        publish(messages, parallelism=1)
    assert failed.value.acknowledged == {one.id for one in messages if one.key != last} == set(server.taken)


def test_a_server_that_does_not_answer_is_given_up(server):
    server.pause_seconds = 2
    began = time.monotonic()
    with pytest.raises(PublishUnavailable):
        publish(make_messages(1), timeout=0.2)
    assert time.monotonic() - began < 1.9


def test_a_topic_that_fields_make_invalid_refuses_the_message(server):
    messages = make_messages(2, datasets=2)
    messages[1].fields["provider"] = "1"
    with (
        contextlib.closing(Pubsub("club", "{provider}-events")) as publisher,
        pytest.raises(MessagesRefused) as refused,
    ):
        publisher.publish(messages)
    assert refused.value.refused.keys() == {messages[1].id}
    assert "its topic would be '1-events', and a topic has 3 to 255 characters" in str(refused.value)
    assert server.taken == [messages[0].id]


# ---- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"project": ""}, "project is empty"),
        ({"project": "projects/club"}, "project is 'projects/club'"),
        ({"topic": "ab"}, "topic is 'ab'; a topic has 3 to 255 characters"),
        ({"topic": "google"}, "topic is 'google'"),
        ({"topic": "projects/club/topics/football"}, "has '/'"),
        ({"ordered": "yes"}, "ordered is 'yes'; it must be true or false"),
        ({"content_mode": "batched"}, "content_mode is 'batched'"),
        ({"endpoint": " "}, "endpoint is empty"),
        ({"timeout": 0}, "timeout is 0"),
        ({"parallelism": 65}, "parallelism is 65"),
    ],
)
def test_a_wrong_setting_is_named(arguments, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        Pubsub(**({"project": "club", "topic": "football"} | arguments))


def test_without_credentials_the_configuration_is_wrong(monkeypatch, tmp_path):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    (tmp_path / "key.json").write_text("{}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(ConfigurationError, match="There are no Google credentials"):
        publish(make_messages(1))


def test_with_credentials_it_connects_to_the_endpoint_by_tls(monkeypatch, tmp_path):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    login = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    (tmp_path / "key.json").write_text(json.dumps(login))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    hellos = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            hellos.append(connection.recv(1))
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(PublishUnavailable):
            publish(make_messages(1), endpoint=f"127.0.0.1:{listener.getsockname()[1]}", timeout=5)
        thread.join()
    assert hellos == [b"\x16"], "a handshake of TLS begins with this byte"


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.pubsub_v1.services.publisher", None)
    with pytest.raises(MissingExtraError, match="pubsub"):
        publish(make_messages(1))
