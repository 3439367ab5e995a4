"""Redis Streams, on a server of the test's own."""

from __future__ import annotations

import json

import pytest
import redis

from ingestify.errors import ConfigurationError, PublishUnavailable
from ingestify.publishers.redis import Redis
from ingestify.testing.publisher_contract import PublisherContract, Received, _publish, make_messages
from tests.integration.publishers.faults import check_cut_connections, check_killed_server
from tests.integration.publishers.own_server import OwnServer
from tests.integration.storage.servers import free_port
from tests.unit.fetch.certificate import CERTIFICATE, PRIVATE_KEY

STREAM = "football.match"


def options(folder, *more):
    def arguments(port):
        return [
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "always", *more),
        ]

    return arguments


def answers(port):
    with redis.Redis(port=port, protocol=2) as client:
        try:
            return client.ping()
        except (redis.exceptions.AuthenticationError, redis.exceptions.ClusterDownError):
            return True


class RedisDestination:
    def __init__(self, folder, *more, too_large=None):
        self.too_large = too_large
        self._settings = {"timeout": 10} if too_large is None else {"timeout": 10, "max_request_bytes": too_large}
        self.server = OwnServer(folder, "redis-server", options(folder, *more), answers)
        self.server.start()

    def make(self, port=None, **settings):
        url = f"redis://127.0.0.1:{port or self.server.port}/0"
        return Redis(url, "football.{dataset_type}", **self._settings | settings)

    def client(self, **settings):
        return redis.Redis(port=self.server.port, decode_responses=True, **settings)

    def entries(self, stream=STREAM):
        with self.client() as client:
            return [fields for _, fields in client.xrange(stream)]

    def receive(self, count):
        return [
            Received({name: value for name, value in one.items() if name != "data"}, json.loads(one["data"]))
            for one in self.entries()
        ]

    def ids(self):
        return [one["id"] for one in self.entries()]

    def stop(self):
        self.server.stop()

    def start(self):
        self.server.start()


@pytest.fixture
def redis_server(tmp_path):
    made = RedisDestination(tmp_path / "redis")
    yield made
    made.server.kill()


class TestRedis(PublisherContract):
    @pytest.fixture
    def destination(self, redis_server):
        return redis_server


class TestRedisWithALimit(PublisherContract):
    """A server that takes no request above a megabyte, as some services do."""

    @pytest.fixture
    def destination(self, tmp_path):
        made = RedisDestination(tmp_path / "redis", "--proto-max-bulk-len", "1mb", too_large=1 << 20)
        yield made
        made.server.kill()


def test_a_batch_above_the_limit_of_a_request_is_sent_in_parts_and_in_order(redis_server):
    publisher = redis_server.make(max_request_bytes=20_000)
    messages = make_messages(300, datasets=3)
    publisher.publish(messages)
    publisher.close()
    assert redis_server.ids() == [one.id for one in messages]
    with redis_server.client() as client:
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] > 10


def test_a_connection_that_is_cut_in_mid_batch_loses_and_repeats_nothing(redis_server):
    check_cut_connections(redis_server, answer_bytes=4, seed=1)


def test_a_server_that_is_killed_in_mid_stream_loses_nothing(redis_server):
    assert check_killed_server(redis_server, kills=4) > 0


def test_two_publishers_that_send_the_same_messages_append_each_once(redis_server):
    messages = make_messages(200)
    for number in range(0, 200, 20):
        for _ in range(2):
            publisher = redis_server.make()
            publisher.publish(messages[number : number + 20])
            publisher.close()
    assert redis_server.ids() == [one.id for one in messages]


def test_ids_that_do_not_rise_are_appended_too(redis_server):
    """As those of a dead letter that is sent later, of a restored lake, and of a second lake in the same stream."""
    publisher = redis_server.make()
    one, two, three = make_messages(3)
    publisher.publish([three])
    publisher.publish([two, one])
    publisher.publish([one, three])
    publisher.close()
    assert redis_server.ids() == [three.id, two.id, one.id]


def test_ids_are_remembered_for_a_window(redis_server):
    publisher = redis_server.make(repeats_window=500)
    messages = make_messages(1200)
    publisher.publish(messages)
    publisher.publish(messages[-500:])
    assert len(redis_server.ids()) == 1200
    publisher.publish(messages[:700])
    publisher.close()
    assert redis_server.ids() == [one.id for one in [*messages, *messages[:700]]]
    with redis_server.client() as client:
        assert client.zcard(f"{{{STREAM}}}:ids") == 500


def test_a_stream_is_trimmed_only_by_setting(redis_server):
    publisher = redis_server.make(max_length=100)
    for number in range(10):
        publisher.publish(make_messages(500, first=number * 500 + 1))
    publisher.close()
    with redis_server.client() as client:
        length = client.xlen(STREAM)
        last = client.xrevrange(STREAM, count=1)[0][1]["id"]
    assert 100 <= length < 400, "about 100: Redis removes whole nodes"
    assert last == make_messages(1, first=5000)[0].id


# ---- which error is which ------------------------------------------------------------------------------


def check_unavailable_then_fine(destination, publisher, change, undo):
    """The publisher is unavailable while the server is changed, keeps its connection or not, and loses nothing."""
    before, after = make_messages(3), make_messages(3, first=4)
    publisher.publish(before)
    with destination.client() as client:
        change(client)
        with pytest.raises(PublishUnavailable) as raised:
            publisher.publish(after)
        undo(client)
    publisher.publish(after)
    publisher.close()
    assert sorted(destination.ids()) == sorted(one.id for one in [*before, *after])
    return str(raised.value)


def test_a_full_memory_is_transient_and_nothing_of_the_batch_is_there(redis_server):
    def fill(client):
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")

    text = check_unavailable_then_fine(
        redis_server, redis_server.make(), fill, lambda client: client.config_set("maxmemory", "0")
    )
    assert "maxmemory" in text


def test_a_read_only_replica_is_transient(redis_server):
    with pytest.raises(PublishUnavailable, match="read-only replica"):
        # Nobody listens at the master's port: the replica keeps what it has.
        check_unavailable_then_fine(
            redis_server,
            redis_server.make(),
            lambda client: client.replicaof("127.0.0.1", "1"),
            lambda client: client.ping(),
        )
    with redis_server.client() as client:
        client.replicaof("NO", "ONE")
    publisher = redis_server.make()
    publisher.publish(make_messages(6))
    publisher.close()
    assert len(redis_server.ids()) == 6


def test_too_few_replicas_are_transient(redis_server):
    text = check_unavailable_then_fine(
        redis_server,
        redis_server.make(),
        lambda client: client.config_set("min-replicas-to-write", "1"),
        lambda client: client.config_set("min-replicas-to-write", "0"),
    )
    assert "replicas" in text


@pytest.mark.parametrize("key", [STREAM, f"{{{STREAM}}}:ids"])
def test_a_key_of_another_type_is_an_error_of_the_configuration_and_nothing_is_appended(key, redis_server):
    with redis_server.client() as client:
        client.set(key, "text")
        publisher = redis_server.make()
        with pytest.raises(ConfigurationError, match=r"stream 'football\.match'.*WRONGTYPE"):
            publisher.publish(make_messages(2))
        publisher.close()
        assert client.keys() == [key]


def test_a_wrong_password_is_an_error_of_the_configuration_that_does_not_show_it(redis_server):
    with redis_server.client() as client:
        client.config_set("requirepass", "the right one")
    for settings in ({}, {"password": "the wrong one"}, {"username": "nobody", "password": "the wrong one"}):
        publisher = redis_server.make(**settings)
        with pytest.raises(ConfigurationError, match="username and password") as raised:
            publisher.publish(make_messages(1))
        assert "the wrong one" not in str(raised.value)
        publisher.close()
    publisher = redis_server.make(password="the right one")
    publisher.publish(make_messages(1))
    publisher.close()


@pytest.mark.parametrize("denied", ["-xadd", "-zadd", "-evalsha -eval", "resetkeys ~football*"])
def test_a_user_without_the_rights_is_an_error_of_the_configuration_and_nothing_is_appended(denied, redis_server):
    rights = ("ACL", "SETUSER", "lake", "on", ">the right one", "~*", "+@all")
    with redis_server.client() as client:
        client.execute_command(*rights, *denied.split())
        publisher = redis_server.make(username="lake", password="the right one")
        with pytest.raises(ConfigurationError, match="refuses to append to the stream"):
            publisher.publish(make_messages(2))
        assert redis_server.ids() == []
        client.execute_command(*rights)
    publisher.publish(make_messages(2))
    publisher.close()
    assert redis_server.ids() == [one.id for one in make_messages(2)]


def test_a_connection_that_the_server_closed_meanwhile_is_opened_again_at_once(redis_server):
    publisher = redis_server.make()
    publisher.publish(make_messages(1))
    with redis_server.client() as client:
        assert client.client_kill_filter(_type="normal", skipme=True) >= 1
    publisher.publish(make_messages(1, first=2))
    publisher.close()
    assert len(redis_server.ids()) == 2


def test_tls_is_verified(tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(CERTIFICATE)
    key.write_text(PRIVATE_KEY)

    def arguments(port):
        files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no")
        return ["--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", "", *files]

    server = OwnServer(tmp_path / "redis", "redis-server", arguments)
    server.start()
    try:
        url = f"rediss://127.0.0.1:{server.port}/0"
        publisher = Redis(url, STREAM, ca_file=str(certificate))
        publisher.publish(make_messages(2))
        publisher.close()
        with redis.Redis.from_url(url, ssl_ca_certs=str(certificate)) as client:
            assert client.xlen(STREAM) == 2
        with pytest.raises(ConfigurationError, match="a certificate that is not trusted: self"):
            Redis(url, STREAM).publish(make_messages(1))
    finally:
        server.kill()


def test_a_server_that_does_not_answer_is_transient_within_the_timeout(redis_server):
    publisher = redis_server.make(timeout=0.5)
    _publish(publisher, make_messages(1))
    with redis_server.client() as client:
        client.execute_command("CLIENT", "PAUSE", "1500", "WRITE")
    with pytest.raises(PublishUnavailable):
        publisher.publish(make_messages(2))
    with redis_server.client() as client:
        client.execute_command("CLIENT", "UNPAUSE")
    _publish(publisher, make_messages(2))
    publisher.close()
    assert redis_server.ids() == [one.id for one in make_messages(2)]


def test_a_database_that_is_not_there_is_an_error_of_the_configuration(redis_server):
    publisher = Redis(f"redis://127.0.0.1:{redis_server.server.port}/99", "a")
    with pytest.raises(ConfigurationError, match="DB index"):
        publisher.publish(make_messages(1))


def test_a_cluster_needs_its_setting(tmp_path):
    # By itself, the second port is 10,000 above the first one, which may be too high.
    made = RedisDestination(tmp_path / "node", "--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    try:
        with made.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while "cluster_state:ok" not in str(client.execute_command("CLUSTER", "INFO")):
                pass
        publisher = made.make(cluster=True)
        publisher.publish(make_messages(20))
        publisher.publish(make_messages(20))
        publisher.close()
        assert made.ids() == [one.id for one in make_messages(20)]
        with made.client() as client:
            client.execute_command("CLUSTER", "DELSLOTSRANGE", 0, 16383)
        publisher = made.make(cluster=True)
        with pytest.raises(PublishUnavailable):
            publisher.publish(make_messages(1))
        publisher.close()
    finally:
        made.server.kill()
