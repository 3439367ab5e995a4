"""The publisher to NATS without a NATS: its settings, and what it does not send."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from ingestify.errors import ConfigurationError, MissingExtraError, PublishUnavailable
from ingestify.publishers.nats import Nats
from ingestify.testing.publisher_contract import make_messages

URL = "nats://127.0.0.1:4222"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"servers": ""}, "servers is empty"),
        ({"servers": []}, "servers is a list"),
        ({"servers": [URL, "http://me:secret@host"]}, r"servers: http://\*\*\*@host is no server"),
        ({"servers": "nats://host:port"}, "is no server"),
        ({"subject": "a b"}, "subject: 'a b' has ' '"),
        ({"subject": "football.>"}, "subject: .* has '>'"),
        ({"subject": "football..{provider}"}, "has an empty part"),
        ({"subject": ".football"}, "has an empty part"),
        ({"content_mode": "both"}, "content_mode is 'both'; it must be binary or structured"),
        ({"user": "lake"}, "Write user and password, or token, or credentials"),
        ({"password": "a"}, "Write user and password, or token, or credentials"),
        ({"token": "a", "credentials": "b"}, "Write user and password, or token, or credentials"),
        ({"token": 12}, "token is a int"),
        ({"timeout": -1}, "timeout is -1"),
        ({"client_key": "key.pem"}, "client_key is the key of client_certificate"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        Nats(**{"servers": URL, "subject": "football"} | settings)


def test_a_value_with_a_dot_is_one_part_of_the_subject():
    publisher = Nats(URL, "football.{provider}.{match_id}")
    assert publisher._subject_of(make_messages(1)[0]) == "football.provider__.1"
    (message,) = make_messages(1)
    message.fields["provider"] = "a.b*c>"  # type: ignore[index]
    assert publisher._subject_of(message) == "football.a_b_c_.1"


@pytest.fixture
def greeting():
    """A function that starts a server which greets and keeps what it gets. Returns its port and what it got."""
    listeners = []

    def start(info):
        got = bytearray()

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"INFO " + info + b"\r\n")
                while data := connection.recv(65536):
                    got.extend(data)

        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=answer, daemon=True).start()
        return listener.getsockname()[1], got

    yield start
    for one in listeners:
        one.close()


def test_no_password_is_sent_to_a_server_without_tls(greeting):
    port, got = greeting(b'{"server_id": "a", "version": "2.9.0", "max_payload": 1000}')
    publisher = Nats(f"tls://127.0.0.1:{port}", "football", user="lake", password="the right one", timeout=5)
    with pytest.raises(ConfigurationError, match="does not offer TLS, so nothing was sent"):
        publisher.publish(make_messages(1))
    publisher.close()
    assert bytes(got) == b""


def test_what_is_no_nats_is_transient(greeting):
    port, _ = greeting(b"HTTP/1.1 400 Bad Request")
    publisher = Nats(f"nats://127.0.0.1:{port}", "football", timeout=5)
    with pytest.raises(PublishUnavailable, match="json parse error"):
        publisher.publish(make_messages(1))
    publisher.close()


def test_a_server_that_says_nothing_is_transient(greeting):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        publisher = Nats(f"nats://127.0.0.1:{listener.getsockname()[1]}", "football", timeout=0.2)
        with pytest.raises(PublishUnavailable):
            publisher.publish(make_messages(1))
        publisher.close()


def test_files_that_are_not_there_are_named(tmp_path):
    for settings in ({"ca_file": "none.pem"}, {"client_certificate": "none.pem"}):
        publisher = Nats(URL, "football", **settings)
        with pytest.raises(ConfigurationError, match=r"none\.pem.*No such file"):
            publisher.publish(make_messages(1))
        publisher.close()


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nats", None)
    with pytest.raises(MissingExtraError, match="extra 'nats'"):
        Nats(URL, "football").publish(make_messages(1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"lake\.creds cannot be read: No such file"),
        ("", r"lake\.creds has no token and seed"),
        ("-----BEGIN USER NKEY SEED-----\nSUA\n", r"lake\.creds has no token and seed"),
        ("-----BEGIN NATS USER JWT-----\na\n", r"lake\.creds has no token and seed"),
    ],
)
def test_a_file_without_credentials_is_named(content, message, tmp_path):
    file = tmp_path / "lake.creds"
    if content is not None:
        file.write_text(content)
    publisher = Nats(URL, "football", credentials=str(file))
    with pytest.raises(ConfigurationError, match=message):
        publisher.publish(make_messages(1))
    publisher.close()


def test_without_its_part_for_credentials_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "nkeys", None)
    file = tmp_path / "lake.creds"
    file.write_text("-----BEGIN NATS USER JWT-----\na\n-----BEGIN USER NKEY SEED-----\nSUA\n")
    publisher = Nats(URL, "football", credentials=str(file))
    with pytest.raises(MissingExtraError, match=r"credentials of ingestify\.nats needs the extra 'nats'"):
        publisher.publish(make_messages(1))
    publisher.close()
