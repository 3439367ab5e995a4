"""Faults that every publisher has to survive: a connection that is cut in mid-batch, a server that is killed."""

from __future__ import annotations

import collections
import itertools
import random
import threading
import time
from typing import Protocol

from ingestify.domain.publisher import Publisher
from ingestify.errors import PublishUnavailable
from ingestify.testing.publisher_contract import Destination, _check_order, _publish, make_messages
from tests.integration.publishers.own_server import OwnServer
from tests.support.tcp_relay import TcpRelay

_BATCH = 100


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
    received = destination.receive(len(messages))
    _check_order(received, messages)
    if publisher.drops_repeats:
        assert [count for count in collections.Counter(one.id for one in received).values() if count > 1] == []


def check_killed_server(destination: OwnDestination, *, kills: int) -> int:
    """Kill the server while messages are published, and start it again; check that nothing acknowledged is lost.

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
            waiting = make_messages(20, datasets=20, first=number * 20 + 1)
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
    for _ in range(kills):
        before = len(acknowledged)
        end = time.monotonic() + 30
        while len(acknowledged) < before + 100:
            assert thread.is_alive()
            assert time.monotonic() < end, f"the publisher stands still: {failures} failures"
            time.sleep(0.005)
        destination.server.kill()
        destination.start()
    is_over.set()
    thread.join(60)
    assert not thread.is_alive()
    _check_order(destination.receive(len(acknowledged)), acknowledged)
    return failures
