"""Connections that break, and servers that stumble, at each request: made good by trying again, or nothing is seen."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator

import pytest

from ingestify.clock import now
from ingestify.errors import IntegrityError, StoreError
from ingestify.storage.cloud import CloudStorage
from ingestify.testing.storage_contract import put, read

from .conftest import open_lake
from .relay import Exchange, Fault, Relay

CONTENT = random.Random(2).randbytes(1 << 20) * 9 + b"and a little"
"""In memory it is too large to be kept, so it goes out in two parts."""

STUMBLES: dict[str, Callable[[Exchange], bool]] = {
    "a reset": Exchange.cut,
    "a 500": lambda exchange: exchange.fail(500, "InternalError"),
    "a 503": lambda exchange: exchange.fail(503, "SlowDown"),
}
_UPLOAD_REQUESTS = 5  # begin, two parts, complete, head


@pytest.fixture(scope="module")
def relay(moto: str) -> Iterator[Relay]:
    with Relay(moto) as made:
        yield made


@pytest.fixture
def storage(relay: Relay) -> CloudStorage:
    return open_lake("s3", relay.url)


def once(number: int, stumble: Callable[[Exchange], bool]) -> Fault:
    return lambda exchange, count: count == number and stumble(exchange)


def from_then_on(number: int, stumble: Callable[[Exchange], bool]) -> Fault:
    return lambda exchange, count: count >= number and stumble(exchange)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("stumble", STUMBLES)
def test_one_stumble_at_any_request_of_an_upload_is_made_good(relay, storage, stumble):
    for number in range(_UPLOAD_REQUESTS):
        with relay.going_wrong(once(number, STUMBLES[stumble])):
            put(storage, f"main/large-{number}", CONTENT)
        assert len(relay.log) == _UPLOAD_REQUESTS + 1
        assert read(storage, f"main/large-{number}") == CONTENT
    with relay.going_wrong(once(0, STUMBLES[stumble])):
        put(storage, "main/small", b"small")
    assert read(storage, "main/small") == b"small"


@pytest.mark.sampled(3)
@pytest.mark.parametrize("stumble", STUMBLES)
def test_a_server_that_stays_down_from_any_request_on_fails_the_upload_and_shows_nothing_half(relay, storage, stumble):
    for number in range(_UPLOAD_REQUESTS):
        with relay.going_wrong(from_then_on(number, STUMBLES[stumble])), pytest.raises(StoreError, match="main/large"):
            put(storage, f"main/large-{number}", CONTENT)
    visible = {stored.path: stored.size for stored in storage.iter_objects()}
    # Only what was complete before the last request, which looks whether it is.
    assert visible == {f"main/large-{_UPLOAD_REQUESTS - 1}": len(CONTENT)}


def test_an_error_inside_of_a_good_answer_is_an_error(relay, storage):
    """S3 may answer 200 to the completion of an upload, and then say that it failed."""
    error = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>no</Message></Error>"

    def fault(exchange: Exchange, _: int) -> bool:
        if exchange.command == "POST" and "uploadId=" in exchange.path:
            exchange.respond(200, {"Content-Type": "application/xml"}, error)
            return True
        return False

    with relay.going_wrong(fault), pytest.raises(StoreError):
        put(storage, "main/large", CONTENT)
    assert storage.get_size("main/large") is None


def test_an_upload_of_which_bytes_were_lost_on_the_way_is_noticed(relay, storage):
    def lose(exchange: Exchange, _: int) -> bool:
        if "partNumber=2" in exchange.path:
            exchange.body = exchange.body[:-5]
            exchange.headers.replace_header("Content-Length", str(len(exchange.body)))
        return False

    with (
        relay.going_wrong(lose),
        pytest.raises(StoreError, match=rf"{len(CONTENT)} bytes were sent, and the server has"),
    ):
        put(storage, "main/large", CONTENT)


def test_every_body_goes_out_with_its_sha256_signed_which_s3_checks(relay, storage):
    """No emulator checks it; Amazon's does: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
    announced = []

    def look(exchange: Exchange, _: int) -> bool:
        if exchange.command == "PUT":
            sha256 = hashlib.sha256(exchange.body).hexdigest()
            announced.append((exchange.headers["x-amz-content-sha256"] == sha256, len(exchange.body)))
            assert "x-amz-content-sha256" in exchange.headers["Authorization"]
        return False

    with relay.going_wrong(look):
        put(storage, "main/small", b"small")
        put(storage, "main/large", CONTENT)
    assert [is_right for is_right, _ in announced] == [True, True, True]
    assert sum(size for _, size in announced) == len(b"small") + len(CONTENT)


def test_a_download_that_breaks_off_goes_on_where_it_was(relay, storage):
    put(storage, "main/large", CONTENT)
    with relay.going_wrong(lambda exchange, number: number < 2 and exchange.cut_the_answer(2_500_000)):
        assert read(storage, "main/large") == CONTENT
    with relay.going_wrong(lambda exchange, number: number == 1 and exchange.fail(503, "SlowDown")):
        stream = storage.open("main/large")
        stream.seek(7_000_000)
        assert stream.read() == CONTENT[7_000_000:]


def test_a_download_that_breaks_off_again_and_again_is_given_up(relay, storage):
    put(storage, "main/large", CONTENT)
    with (
        relay.going_wrong(lambda exchange, _: exchange.cut_the_answer(10)),
        storage.open("main/large") as stream,
        pytest.raises(StoreError, match=r"Cannot read .*main/large"),
    ):
        stream.read()


def test_an_object_that_changes_its_length_while_it_is_read_is_no_mix_of_both(relay, storage):
    put(storage, "main/large", CONTENT)
    with storage.open("main/large") as stream:
        stream.read(10)
        put(storage, "main/large", CONTENT + b"longer")
        stream.seek(9_000_000)
        with pytest.raises(IntegrityError, match="somebody wrote to it while it was read"):
            stream.read()


@pytest.mark.parametrize("stumble", STUMBLES)
def test_one_stumble_at_any_request_of_a_deletion_is_made_good(relay, storage, stumble):
    for number in range(3):
        for name in ("a", "b"):
            put(storage, f"main/{name}", b"x")
        with relay.going_wrong(once(number, STUMBLES[stumble])):
            assert storage.delete(["main/a", "main/b"]) == 2
        assert list(storage.iter_objects()) == []


def test_an_object_that_may_not_be_deleted_is_an_error_though_the_others_are(relay, storage):
    def fault(exchange: Exchange, _: int) -> bool:
        if exchange.command == "POST":
            key = exchange.body.partition(b"<Key>")[2].partition(b"</Key>")[0]
            refused = b"<Error><Key>" + key + b"</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
            headers = {"Content-Type": "application/xml"}
            exchange.respond(200, headers, b"<DeleteResult>" + refused + b"</DeleteResult>")
        return exchange.command == "POST"

    put(storage, "main/a", b"x")
    with relay.going_wrong(fault), pytest.raises(StoreError, match="Cannot delete"):
        storage.delete(["main/a"])


def test_a_clock_that_is_not_the_servers_deletes_nothing_that_was_just_written(relay, storage, monkeypatch):
    """This computer is an hour ahead, so that what was written a moment ago seems to be older than it is."""
    from datetime import timedelta

    from ingestify.storage import cloud

    ahead = timedelta(hours=1)
    monkeypatch.setattr(cloud, "now", lambda: now() + ahead)
    begun = now() + ahead
    put(storage, "main/new", b"new")
    assert storage.delete(["main/new"], unless_written_since=begun) == 0
    assert storage.delete(["main/new"], unless_written_since=begun + timedelta(minutes=1)) == 1


def test_deleting_what_somebody_else_deletes_is_no_error(azurite):
    """Of Azure and Google, removing what is not there is an error; the others of the same request are removed."""
    with Relay(azurite.rpartition("/")[0]) as front:
        storage = open_lake("az", f"{front.url}/{azurite.rpartition('/')[2]}")
        other = CloudStorage(storage.address, storage.options)
        for name in ("a", "b", "c"):
            put(storage, f"main/{name}", b"x")

        def meanwhile(exchange: Exchange, _: int) -> bool:
            if exchange.command == "POST":
                front.fault = None
                other.changes.delete(["main/b"])
            return False

        with front.going_wrong(meanwhile):
            storage.delete(["main/a", "main/b", "main/c"])
        assert list(storage.iter_objects()) == []
