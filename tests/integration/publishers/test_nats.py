"""NATS JetStream, on a server of the test's own."""

from __future__ import annotations

import asyncio
import importlib.util
import json

import nats
import pytest
from nats.js.api import StorageType, StreamConfig

from ingestify.errors import ConfigurationError, MessagesRefused, PublishUnavailable
from ingestify.publishers.nats import Nats
from ingestify.testing.publisher_contract import (
    PublisherContract,
    _publish,
    make_messages,
    read_binary,
    read_structured,
)
from tests.integration.publishers.faults import check_cut_connections, check_killed_server
from tests.integration.publishers.nats_accounts import make_account
from tests.integration.publishers.own_server import OwnServer
from tests.integration.storage.servers import skip
from tests.support.tcp_relay import TcpRelay
from tests.unit.fetch.certificate import CERTIFICATE, PRIVATE_KEY

SUBJECT = "football.{dataset_type}"
MAX_PAYLOAD = 500_000


def has_jetstream(port):
    async def ask():
        client = await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False)
        try:
            await client.jetstream().account_info()
        finally:
            await client.close()
        return True

    return asyncio.run(ask())


class NatsDestination:
    too_large = MAX_PAYLOAD

    def __init__(self, folder, settings="", is_ready=has_jetstream, stream=None, **publisher):
        folder.mkdir()
        config = folder / "nats.conf"
        config.write_text(f"max_payload: {MAX_PAYLOAD}\njetstream {{ store_dir: '{folder}/store' }}\n{settings}\n")
        self.server = OwnServer(
            folder, "nats-server", lambda port: ["-a", "127.0.0.1", "-p", str(port), "-c", str(config)], is_ready
        )
        self.server.start()
        self._publisher = publisher
        if stream is not None:
            self.ask(lambda js: js.add_stream(stream))

    def make(self, port=None, **settings):
        url = f"nats://127.0.0.1:{port or self.server.port}"
        return Nats(url, SUBJECT, **{"timeout": 10} | self._publisher | settings)

    def ask(self, question, **login):
        """Return the answer of JetStream to a question, a function of its context."""

        async def ask():
            client = await nats.connect(f"nats://127.0.0.1:{self.server.port}", **login)
            try:
                return await question(client.jetstream(timeout=20))
            finally:
                await client.close()

        return asyncio.run(ask())

    def messages(self):
        async def read(js):
            last = (await js.stream_info("FOOTBALL")).state.last_seq
            return [await js.get_msg("FOOTBALL", seq) for seq in range(1, last + 1)]

        return self.ask(read)

    def receive(self, count):
        return [
            read_structured(one.data)
            if one.headers.get("Content-Type")
            else read_binary(one.headers, one.data, prefix="ce-", is_encoded=True)
            for one in self.messages()
        ]

    def ids(self):
        return [one.headers["Nats-Msg-Id"] for one in self.messages()]

    def stop(self):
        self.server.stop()

    def start(self):
        self.server.start()


def stream(**settings):
    return StreamConfig(name="FOOTBALL", subjects=["football.>"], storage=StorageType.FILE, **settings)


@pytest.fixture
def make_destination(tmp_path):
    made = []

    def make(*arguments, **settings):
        made.append(NatsDestination(tmp_path / f"nats-{len(made)}", *arguments, **settings))
        return made[-1]

    yield make
    for one in made:
        one.server.kill()


class TestNats(PublisherContract):
    @pytest.fixture
    def destination(self, make_destination):
        return make_destination(stream=stream())


class TestNatsStructured(PublisherContract):
    @pytest.fixture
    def destination(self, make_destination):
        return make_destination(stream=stream(), content_mode="structured")


def test_a_connection_that_is_cut_in_mid_batch_loses_and_repeats_nothing(make_destination):
    check_cut_connections(make_destination(stream=stream()), answer_bytes=3000, seed=2)


def test_a_server_that_is_killed_in_mid_stream_loses_nothing(make_destination):
    assert check_killed_server(make_destination(stream=stream()), kills=3) > 0


def test_headers_are_those_of_the_binding(make_destination):
    made = make_destination(stream=stream())
    publisher = made.make()
    (message,) = make_messages(1)
    publisher.publish([message])
    publisher.close()
    (stored,) = made.messages()
    assert stored.headers == {
        "Nats-Msg-Id": message.id,
        "ce-specversion": "1.0",
        "ce-id": message.id,
        "ce-source": message.source,
        "ce-type": message.type,
        "ce-subject": message.key,
        "ce-time": message.time,
        "ce-datacontenttype": "application/json",
        "ce-dataschema": message.dataschema,
        "ce-partitionkey": message.key,
        "ce-sequence": "00000000000000000001",
        "ce-lakeid": message.extensions["lakeid"],
        "ce-epoch": "1",
        "ce-provider": "provider%20%C3%BC",
        "ce-datasettype": "match",
    }
    assert json.loads(stored.data) == json.loads(message.data)


def test_a_message_of_exactly_max_payload_is_stored_and_one_byte_more_is_refused(make_destination):
    made = make_destination(stream=stream())
    publisher = made.make()
    (probe,) = make_messages(1, size=MAX_PAYLOAD - 5000)
    headers, body = publisher._contents(probe)
    head = sum(len(name) + len(value) + 4 for name, value in headers.items()) + 12
    room = MAX_PAYLOAD - head - len(body)
    (fits,) = make_messages(1, size=MAX_PAYLOAD - 5000 + room)
    (large,) = make_messages(1, size=MAX_PAYLOAD - 5000 + room + 1)
    with pytest.raises(MessagesRefused, match="it has 500,001 bytes, and max_payload of the server is 500,000"):
        publisher.publish([large])
    publisher.publish([fits])
    publisher.close()
    assert len(made.ids()) == 1


def test_a_message_above_the_limit_of_its_stream_is_refused_alone(make_destination):
    made = make_destination(stream=stream(max_msg_size=5000))
    publisher = made.make()
    small = make_messages(3)
    (large,) = make_messages(1, first=4, size=5000)
    with pytest.raises(MessagesRefused, match="larger than max_msg_size") as raised:
        publisher.publish([large, *small])
    publisher.close()
    assert list(raised.value.refused) == [large.id]
    assert made.ids() == [one.id for one in small]


def test_without_a_stream_the_error_says_how_to_make_one(make_destination):
    made = make_destination()
    publisher = made.make()
    with pytest.raises(
        ConfigurationError, match=r"'football\.match'.*nats stream add FOOTBALL --subjects 'football\.>'"
    ):
        publisher.publish(make_messages(2))
    made.ask(lambda js: js.add_stream(stream()))
    publisher.publish(make_messages(2))
    publisher.close()
    assert len(made.ids()) == 2


def test_without_jetstream_it_is_the_same_error(tmp_path):
    server = OwnServer(tmp_path, "nats-server", lambda port: ["-a", "127.0.0.1", "-p", str(port)])
    server.start()
    publisher = Nats(f"nats://127.0.0.1:{server.port}", SUBJECT, timeout=10)
    with pytest.raises(ConfigurationError, match="No stream of JetStream has the subject"):
        publisher.publish(make_messages(1))
    publisher.close()
    server.kill()


def test_a_full_stream_is_transient(make_destination):
    made = make_destination(stream=stream(max_msgs=3, discard="new"))
    publisher = made.make()
    publisher.publish(make_messages(2))
    with pytest.raises(PublishUnavailable, match="maximum messages exceeded") as raised:
        publisher.publish(make_messages(2, first=3))
    assert raised.value.acknowledged == {make_messages(1, first=3)[0].id}
    made.ask(lambda js: js.purge_stream("FOOTBALL", keep=0))
    publisher.publish(make_messages(1, first=4))
    publisher.close()


def test_a_server_that_does_not_answer_is_transient_within_the_timeout(make_destination):
    made = make_destination(stream=stream())
    with TcpRelay(made.server.port) as relay:
        publisher = made.make(relay.port, timeout=0.5)
        _publish(publisher, make_messages(1))
        relay.stall()
        with pytest.raises(PublishUnavailable, match=r"acknowledged 0 of 5 messages in 0\.5 seconds"):
            publisher.publish(make_messages(5))
        relay.resume()
        _publish(publisher, make_messages(5))
        publisher.close()
    assert made.ids() == [one.id for one in make_messages(5)]


USERS = """
authorization {
  users = [
    {user: lake, password: "the right one"}
    {user: reader, password: "the right one", permissions: {publish: ["$JS.API.>"], subscribe: ">"}}
    {user: deaf, password: "the right one", permissions: {publish: ">", subscribe: {deny: "_INBOX.>"}}}
  ]
}
"""


def any_answer(port):
    return True


@pytest.mark.parametrize(
    ("login", "message"),
    [
        ({}, "does not accept the login"),
        ({"user": "lake", "password": "the wrong one"}, "does not accept the login"),
        ({"token": "the wrong one"}, "does not accept the login"),
        (
            {"user": "reader", "password": "the right one"},
            r'(?i)permissions violation for publish to "football\.match"',
        ),
        ({"user": "deaf", "password": "the right one"}, "(?i)permissions violation for subscription"),
    ],
)
def test_a_login_without_the_rights_is_an_error_of_the_configuration(login, message, make_destination):
    made = make_destination(USERS, is_ready=any_answer)
    made.ask(lambda js: js.add_stream(stream()), user="lake", password="the right one")
    publisher = made.make(**login)
    with pytest.raises(ConfigurationError, match=message) as raised:
        publisher.publish(make_messages(3))
    publisher.close()
    assert "the wrong one" not in str(raised.value)
    right = made.make(user="lake", password="the right one")
    right.publish(make_messages(3))
    right.close()


def test_a_file_of_credentials_is_a_login(tmp_path, make_destination):
    if importlib.util.find_spec("nkeys") is None:
        skip("there is no nkeys, which the extra 'nats' brings")
    settings, credentials = make_account()
    file = tmp_path / "lake.creds"
    file.write_text(credentials)
    made = make_destination(settings, is_ready=any_answer)
    made.ask(lambda js: js.add_stream(stream()), user_credentials=str(file))
    publisher = made.make(credentials=str(file))
    publisher.publish(make_messages(3))
    publisher.close()
    _, others = make_account()
    for content, message in (
        (others, "does not accept the login"),
        (credentials.replace("-----\nSU", "-----\nXX"), "has no login that NATS knows"),
    ):
        file.write_text(content)
        publisher = made.make(credentials=str(file))
        with pytest.raises(ConfigurationError, match=message):
            publisher.publish(make_messages(1))
        publisher.close()


def test_tls_is_verified_and_nothing_is_sent_without_it(tmp_path, make_destination):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(PRIVATE_KEY)
    tls = f"tls {{ cert_file: '{certificate}', key_file: '{key}' }}"
    made = make_destination(tls, is_ready=any_answer)
    url = f"tls://127.0.0.1:{made.server.port}"
    trusting = Nats(url, SUBJECT, ca_file=str(certificate))
    with pytest.raises(ConfigurationError, match="No stream"):
        trusting.publish(make_messages(1))
    trusting.close()
    for server in (url, url.replace("tls", "nats")):
        publisher = Nats(server, SUBJECT)
        with pytest.raises(ConfigurationError, match="a certificate that is not trusted"):
            publisher.publish(make_messages(1))
        publisher.close()
    plain = make_destination(stream=stream())
    for settings in ({}, {"ca_file": str(certificate)}):
        publisher = Nats(f"{'nats' if settings else 'tls'}://127.0.0.1:{plain.server.port}", SUBJECT, **settings)
        with pytest.raises(ConfigurationError, match="does not offer TLS, so nothing was sent"):
            publisher.publish(make_messages(1))
        publisher.close()
    assert plain.ids() == []


def test_the_next_server_of_a_cluster_is_tried(make_destination):
    made = make_destination(stream=stream())
    publisher = Nats(["nats://127.0.0.1:1", "nats://127.0.0.1:1"], SUBJECT)
    with pytest.raises(PublishUnavailable, match=r"nats://127\.0\.0\.1:1: .*Connect call failed"):
        publisher.publish(make_messages(1))
    publisher.close()
    publisher = Nats(["nats://127.0.0.1:1", f"nats://127.0.0.1:{made.server.port}"], SUBJECT)
    publisher.publish(make_messages(1))
    publisher.close()
    assert len(made.ids()) == 1
