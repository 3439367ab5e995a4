"""The publisher to Redis without a Redis: its settings, and what the errors of a server mean."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

import pytest

from ingestify.errors import ConfigurationError, MissingExtraError, PublishUnavailable
from ingestify.publishers.redis import Redis
from ingestify.testing.publisher_contract import make_messages

URL = "redis://127.0.0.1:6379"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": ""}, "url is empty"),
        ({"url": 12}, "url is a int"),
        ({"url": "http://me:secret@host"}, r"url is http://\*\*\*@host; it begins with redis://"),
        ({"stream": "a b"}, "stream: 'a b' has ' '"),
        ({"stream": "a{"}, "stream: .* a brace alone"),
        ({"repeats_window": 499}, "repeats_window is 499; it must be a whole number from 500"),
        ({"repeats_window": True}, "repeats_window is True"),
        ({"max_length": 0}, "max_length is 0"),
        ({"max_request_bytes": 0}, "max_request_bytes is 0; it must be a whole number from 1 to 536,870,912"),
        ({"cluster": "yes"}, "cluster is 'yes'; it must be true or false"),
        ({"timeout": 0}, "timeout is 0; it must be a number of seconds"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"username": ""}, "username is empty"),
        ({"password": 1234}, "password is a int"),
        ({"ca_file": "ca.pem"}, "with files of TLS it begins with rediss"),
        ({"url": "rediss://host", "client_key": "key.pem"}, "client_key is the key of client_certificate"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        Redis(**{"url": URL, "stream": "football"} | settings)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ("LOADING Redis is loading the dataset in memory", PublishUnavailable, "is loading"),
        ("BUSY Redis is busy running a script.", PublishUnavailable, "is busy running a script"),
        ("MISCONF Redis is configured to save RDB snapshots, but it cannot", PublishUnavailable, "MISCONF"),
        ("MASTERDOWN Link with MASTER is down", PublishUnavailable, "MASTER is down"),
        ("CLUSTERDOWN The cluster is down", PublishUnavailable, "cluster is down"),
        ("ERR max number of clients reached", PublishUnavailable, "max number of clients"),
        ("READONLY You can't write against a read only replica.", PublishUnavailable, "it is a read-only replica"),
        ("OOM command not allowed when used memory > 'maxmemory'.", PublishUnavailable, "maxmemory"),
        ("ERR Error running script (call to f_1): @user_script:7: -OOM not allowed", PublishUnavailable, "OOM"),
        ("ERR something that nobody knows yet", PublishUnavailable, "nobody knows"),
        ("MOVED 3999 127.0.0.1:6381", ConfigurationError, "part of a Redis Cluster; write cluster: true"),
        ("NOAUTH Authentication required.", ConfigurationError, "username and password"),
        ("WRONGPASS invalid username-password pair", ConfigurationError, "username and password"),
        ("NOPERM this user has no permissions", ConfigurationError, "refuses to append to the stream 'football'"),
        ("ERR unknown command 'EVALSHA'", ConfigurationError, "unknown command"),
        (
            "ERR Error running script (call to f_1): @user_script:7: WRONGTYPE Operation",
            ConfigurationError,
            "WRONGTYPE",
        ),
    ],
)
def test_what_an_error_of_the_server_means(answer, error, message):
    with answering(answer) as port:
        publisher = Redis(f"redis://127.0.0.1:{port}/0", "football", timeout=5)
        with pytest.raises(error, match=message) as raised:
            publisher.publish(make_messages(1))
        publisher.close()
    assert type(raised.value) is error


def test_what_earlier_streams_took_is_said():
    """The second stream of a batch fails: the messages of the first are acknowledged."""
    one, two = make_messages(2)
    with answering("OK", "LOADING later") as port:
        publisher = Redis(f"redis://127.0.0.1:{port}/0", "football.{match_id}", timeout=5)
        with pytest.raises(PublishUnavailable) as raised:
            publisher.publish([one, two])
        publisher.close()
    assert raised.value.acknowledged == {one.id}


def test_files_of_tls_that_are_not_there_are_named(tmp_path):
    publisher = Redis("rediss://127.0.0.1:1", "football", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match=r"none\.pem.*No such file"):
        publisher.publish(make_messages(1))


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingExtraError, match="extra 'redis'"):
        Redis(URL, "football").publish(make_messages(1))


@contextlib.contextmanager
def answering(*scripts):
    """A server that greets, and answers the scripts in turn: `OK`, or an error, which the last one repeats."""
    waiting = list(scripts)

    def answer(connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as asked:
            while head := asked.readline():
                words = [asked.read(int(asked.readline()[1:]) + 2).rstrip() for _ in range(int(head[1:]))]
                text = "OK"
                if words[0] in (b"EVALSHA", b"EVAL"):
                    text = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                connection.sendall(f"{'+' if text == 'OK' else '-'}{text}\r\n".encode())

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
