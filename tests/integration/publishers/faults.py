"""Faults that every publisher has to survive: a connection that is cut in mid-batch, a server that is killed."""

from __future__ import annotations

import collections
import itertools
import random
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from ingestify.domain.message import Message
from ingestify.domain.publisher import Publisher
from ingestify.errors import PublishUnavailable
from ingestify.testing.publisher_contract import Destination, Received, _check_order, _publish, make_messages
from tests.integration.publishers.own_server import OwnServer
from tests.support.tcp_relay import TcpRelay

_BATCH = 100
_KILLED_BATCH = 20


class OwnDestination(Destination, Protocol):
    """A destination with a server of the test's own."""

    server: OwnServer

    def make(self, port: int | None = None) -> Publisher:
        """Return a publisher to the server, or to a relay before it."""


def check_cut_connections(destination: OwnDestination, *, answer_bytes: int, seed: int) -> None:
    """Cut the connection in each batch, on the way there and on the way back, and check what arrived.

    Args:
        destination: An empty one.
        answer_bytes: About how many bytes the server answers for a batch.
        seed: Of the places of the cuts.
    """
    places = random.Random(seed)
    messages = make_messages(_BATCH * 12, datasets=7)
    size = sum(len(one.data) for one in messages[:_BATCH])
    with TcpRelay(destination.server.port) as relay:
        publisher = destination.make(relay.port)
        try:
            _publish(publisher, messages[:_BATCH])
            for number in range(1, 12):
                is_answer = number % 2 == 0
                relay.cut_after(places.randrange(1, answer_bytes if is_answer else size), answers=is_answer)
                _publish(publisher, messages[number * _BATCH : (number + 1) * _BATCH])
                assert relay.is_cut, "nothing was cut"
        finally:
            publisher.close()
    assert relay.accepted >= 12
    received = _receive_each(destination, messages)
    _check_order(received, messages)
    if publisher.drops_repeats:
        assert [count for count in collections.Counter(one.id for one in received).values() if count > 1] == []


def check_killed_server(destination: OwnDestination, *, kills: int, is_saved: bool = True) -> int:
    """Kill the server while messages are published, and start it again; check that nothing acknowledged is lost.

    Args:
        destination: An empty one.
        kills: How often.
        is_saved: The server saves a message before it acknowledges it. If not, only those batches are looked for
            that were begun after its last start.

    Returns:
        How often a call of the publisher failed.
    """
    acknowledged = []
    failures = 0
    is_over = threading.Event()

    def publish() -> None:
        nonlocal failures
        publisher = destination.make()
        for number in itertools.count():
            if is_over.is_set():
                break
            waiting = make_messages(_KILLED_BATCH, datasets=_KILLED_BATCH, first=number * _KILLED_BATCH + 1)
            while waiting:
                try:
                    publisher.publish(waiting)
                    taken = {one.id for one in waiting}
                except PublishUnavailable as error:
                    failures += 1
                    taken = set(error.acknowledged)
                    time.sleep(0.02)
                acknowledged.extend(one for one in waiting if one.id in taken)
                waiting = [one for one in waiting if one.id not in taken]
        publisher.close()

    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    saved = 0
    for number in range(kills + 1):
        before = len(acknowledged)
        end = time.monotonic() + 30
        while len(acknowledged) < before + 100:
            assert thread.is_alive()
            assert time.monotonic() < end, f"the publisher stands still: {failures} failures"
            time.sleep(0.005)
        if number < kills:
            destination.server.kill()
            destination.start()
            saved = 0 if is_saved else len(acknowledged) + _KILLED_BATCH
    is_over.set()
    thread.join(60)
    assert not thread.is_alive()
    expected = acknowledged[saved:]
    ids = {one.id for one in expected}
    _check_order([one for one in _receive_each(destination, expected) if one.id in ids], expected)
    return failures


def _receive_each(destination: OwnDestination, messages: Sequence[Message]) -> Sequence[Received]:
    """Wait until each message came, and return all that came, with repeats."""
    missing = {one.id for one in messages}
    end = time.monotonic() + 20
    while True:
        received = destination.receive(len(messages))
        if missing <= {one.id for one in received} or time.monotonic() > end:
            return received
