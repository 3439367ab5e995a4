"""Events through every fault at once: the real command is killed, the broker is killed, and connections are cut.

`python -m tests.integration.publishers.storm --events 100000 --seed 1` does it for each system and prints a line for
each; `tests/integration/publishers/test_storm.py` does it with few events.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingestify import DatasetResource, Source, get_engine
from ingestify.domain.events import RevisionAdded
from tests.integration.publishers.rabbitmq_server import RabbitNode
from tests.integration.publishers.test_kafka import TOPIC, KafkaDestination
from tests.integration.publishers.test_nats import NatsDestination, stream
from tests.integration.publishers.test_rabbitmq import RabbitDestination
from tests.integration.publishers.test_redis import RedisDestination
from tests.support.command_line import CommandLine
from tests.support.kafka_mock import KafkaMock
from tests.support.relay_points import RELAY_POINTS
from tests.support.tcp_relay import TcpRelay

SYSTEMS = ("kafka", "nats", "rabbitmq", "redis")

_DATASETS = 200
_CONFIG = """
main: {{metadata_url: "sqlite:///catalog.db", file_url: "file://files/"}}
sources: {{matches: {{type: tests.integration.publishers.storm.Matches}}}}
ingestion_plans: [{{source: matches, dataset_type: match, data_spec_versions: {{match: v1}}}}]
event_publishers:
  - {{name: bus, type: ingestify.{kind}, configuration: {configuration}}}
"""


class Matches(Source):
    """Matches of one file."""

    provider = "matches"

    def find_datasets(self, dataset_type: str, *_: Any, **__: Any) -> Iterator[DatasetResource]:
        """Yield them."""
        for number in range(_DATASETS):
            resource = DatasetResource({"match_id": number}, dataset_type, name=f"Match {number}")
            yield resource.add_file(None, "match", json_content=number)


@dataclasses.dataclass
class Storm:
    """What happened.

    Attributes:
        events: In the log.
        received: Messages, with repeats.
        kills: How often the command was killed.
        broker_kills: How often the broker was killed, or taken down.
        cuts: How often connections were cut or refused.
    """

    system: str
    events: int = 0
    received: int = 0
    kills: int = 0
    broker_kills: int = 0
    cuts: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.system}: {self.events:,} events, each once after repeats are dropped, and each dataset's in order; "
            f"{self.received - self.events:,} repeats; the command was killed {self.kills} times, the broker "
            f"{self.broker_kills}, connections cut {self.cuts} times; {self.seconds:.0f} s"
        )


@contextlib.contextmanager
def _destination(system: str, folder: Path) -> Iterator[tuple[Any, TcpRelay | None, dict[str, Any]]]:
    """Return an empty destination, the relay before it, and the configuration of a publisher to that."""
    with contextlib.ExitStack() as stack:
        if system == "kafka":
            mock = stack.enter_context(KafkaMock(partitions=200))  # it keeps the last 5 MB of each
            mock.create_topic(TOPIC)
            kafka = KafkaDestination(mock)
            stack.callback(kafka.close)
            # Its clients learn the addresses of the brokers from the brokers, so nothing can stand between.
            yield kafka, None, {"bootstrap_servers": mock.bootstrap_servers, "topic": TOPIC, "timeout": 5}
            return
        made: Any
        if system == "rabbitmq":
            folder.mkdir()
            node = RabbitNode(folder)
            node.start()
            made = RabbitDestination(node)
        else:
            made = NatsDestination(folder, stream=stream()) if system == "nats" else RedisDestination(folder)
        stack.callback(made.server.kill)
        relay = stack.enter_context(TcpRelay(made.server.port))
        address = f"127.0.0.1:{relay.port}"
        configuration = {
            "rabbitmq": {"url": f"amqp://guest:guest@{address}/%2F", "exchange": made.name, "routing_key": "match"}
            if system == "rabbitmq"
            else {},
            "nats": {"servers": f"nats://{address}", "subject": TOPIC},
            "redis": {"url": f"redis://{address}/0", "stream": TOPIC},
        }[system]
        yield made, relay, {**configuration, "timeout": 5}


def fill(project: Path, number: int) -> list[tuple[int, str]]:
    """Write a log of so many new revisions. Returns position and dataset of each."""
    with get_engine(project / "config.yaml") as engine:
        engine.load()
        catalogue: Any = engine.store.catalogue
        datasets = [event.dataset for event in catalogue.event_log.read(0, 2 * _DATASETS)[1::2]]
        catalogue.event_readers.set_position("publisher bus", catalogue.event_log.get_last_position())
        logged: list[tuple[int, str]] = []
        while len(logged) < number:
            events = [RevisionAdded(dataset=one) for one in datasets][: number - len(logged)]
            with catalogue._database.write("write a log") as connection:
                written = catalogue.event_log.append(connection, events)
            logged += [(event.position, event.dataset.dataset_id) for event in written]
    return logged


def go_through(system: str, folder: Path, command_line: CommandLine, *, events: int, seed: int) -> Storm:
    """Publish so many events while everything breaks, and check what arrived.

    Raises:
        AssertionError: A message is lost, or a dataset's messages are not in order.
    """
    chance = random.Random(seed)
    storm = Storm(system, events)
    with _destination(system, folder / "server") as (destination, relay, configuration):
        project = folder / "lake"
        project.mkdir()
        text = _CONFIG.format(kind=system, configuration=json.dumps(configuration))
        (project / "config.yaml").write_text(text)
        logged = fill(project, events)
        began = time.monotonic()
        is_over = threading.Event()
        faults = threading.Thread(target=_break, args=(storm, destination, relay, is_over, random.Random(seed)))
        faults.start()
        try:
            for number in range(1, 1000):
                # Later ones live longer, so that it ends.
                life = chance.uniform(0.3, 2.0) * (1 + number / 5)
                failpoint = f"{chance.choice(RELAY_POINTS)}=kill@{chance.randint(1, 4 * number)}"
                is_at_point = chance.random() < 0.5
                ended = command_line.run(
                    project,
                    "publish",
                    failpoints=failpoint if is_at_point else "",
                    kill_after=None if is_at_point else life,
                )
                storm.kills += ended.code == -9
                assert ended.code in (0, 1, -9), ended.err
                assert "Traceback" not in ended.err
                assert "dead letter" not in ended.err
                if ended.code == 0:
                    break
            else:
                raise AssertionError(f"it does not get there: {ended.err}")
        finally:
            is_over.set()
            faults.join()
        storm.seconds = time.monotonic() - began
        received = destination.receive(events)
        end = time.monotonic() + 60
        while len({one.id for one in received}) < events and time.monotonic() < end:
            received = destination.receive(len(received) + 1)
    storm.received = len(received)
    check(logged, [(one.data["position"], one.attributes["subject"]) for one in received])
    return storm


def check(logged: list[tuple[int, str]], received: list[tuple[int, str]]) -> None:
    """Compare what a consumer that drops repeats has with the log."""
    first = list(dict.fromkeys(received))
    assert sorted(first) == logged, f"{len(first)} of {len(logged)} events came"
    orders = collections.defaultdict(list)
    for position, dataset_id in first:
        orders[dataset_id].append(position)
    assert all(order == sorted(order) for order in orders.values())


def _break(storm: Storm, destination: Any, relay: TcpRelay | None, is_over: threading.Event, chance: Any) -> None:
    """Cut connections, and kill the broker, until it is over; the broker runs then."""
    while not is_over.wait(chance.uniform(0.1, 0.8)):
        what = chance.random()
        if relay is None or what < 0.25:
            if relay is None:
                destination.stop()
            else:
                destination.server.kill()
            is_over.wait(chance.uniform(0, 0.3))
            destination.start()
            storm.broker_kills += 1
            is_over.wait(2)
        elif what < 0.5:
            relay.cut()
            storm.cuts += 1
        elif what < 0.75:
            relay.cut_after(chance.randrange(1, 200_000), answers=chance.random() < 0.5)
            storm.cuts += 1
        else:
            relay.refuse()
            is_over.wait(chance.uniform(0, 0.5))
            relay.accept()
            storm.cuts += 1


def main() -> None:
    """Go through a storm with each system that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("systems", nargs="*", default=SYSTEMS)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with CommandLine() as command_line:
        for system in given.systems:
            with tempfile.TemporaryDirectory() as folder:
                storm = go_through(system, Path(folder), command_line, events=given.events, seed=given.seed)
            sys.stdout.write(f"{storm}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
