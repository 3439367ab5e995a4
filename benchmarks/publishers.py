"""The event log to Kafka and to RabbitMQ, against a bare producer of the same client that sends the same bytes.

Kafka is librdkafka's mock cluster, in the process of this script; RabbitMQ is the node of the machine, or that of
`INGESTIFY_TEST_RABBITMQ_URL`, with a durable queue that is removed afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
from publishers_once import NAME
from setting import HERE, Taken, child, in_turns, table, work_folder

sys.path.insert(0, str(HERE.parent))

from tests.support.kafka_mock import KafkaMock

RABBITMQ = os.environ.get("INGESTIFY_TEST_RABBITMQ_URL") or "amqp://guest:guest@127.0.0.1:5672/"
FEWER = 10
"""The memory is compared with that of a log with this part of the events."""


@contextlib.contextmanager
def durable_queue() -> Iterator[None]:
    """Make the queue, and remove it."""
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(RABBITMQ))) as connection:
        channel = connection.channel()
        channel.queue_declare(NAME, durable=True)
        channel.queue_purge(NAME)
        try:
            yield
        finally:
            channel.queue_delete(NAME)


def run(action: str, kind: str, log: Path, address: str, number: int) -> Taken:
    """Run an action on a copy of the log, as `publish` moves a cursor in it."""
    with work_folder() as folder, contextlib.ExitStack() as stack:
        if kind == "rabbitmq":
            stack.enter_context(durable_queue())
        lake = folder / "lake"
        shutil.copytree(log, lake)
        taken = child("publishers_once.py", action, lake, kind, address, number)
        assert taken.more["events"] == number, f"{taken.more['events']} of {number} events"
        return taken


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=100_000)
    options = parser.parse_args()
    with work_folder() as folder, KafkaMock() as mock:
        mock.create_topic(NAME)
        addresses = {"kafka": mock.bootstrap_servers, "rabbitmq": RABBITMQ}
        logs = {}
        for number in (options.events, options.events // FEWER):
            logs[number] = folder / str(number)
            logs[number].mkdir()
            script = str(HERE / "publishers_once.py")
            subprocess.run([sys.executable, script, "fill", logs[number], "kafka", "none", str(number)], check=True)
        cases = {
            (kind, action, number): lambda kind=kind, action=action, number=number: run(
                action, kind, logs[number], addresses[kind], number
            )
            for kind in addresses
            for action, number in (
                ("publish", options.events),
                ("bare", options.events),
                ("publish", options.events // FEWER),
            )
        }
        taken = in_turns(cases, options.rounds)
    rows = []
    for kind in addresses:
        published, bare, fewer = (taken[one] for one in cases if one[0] == kind)
        rates = [options.events / one.wall for one in (published, bare)]
        rows.append(
            [
                kind,
                f"{rates[0]:,.0f}/s (≥ 5,000)",
                f"{rates[1]:,.0f}/s",
                f"{rates[0] / rates[1]:.2f} × (≥ 0.5)",
                f"{published.cpu / options.events * 1e6:.0f} µs, {bare.cpu / options.events * 1e6:.0f} µs",
                f"{fewer.peak_mb:.0f} MB, {published.peak_mb:.0f} MB",
            ]
        )
    head = ["to", "published", "bare producer", "published / bare", "CPU an event", "peak memory, a tenth and all"]
    table(f"{options.events:,} events", head, rows)


if __name__ == "__main__":
    main()
