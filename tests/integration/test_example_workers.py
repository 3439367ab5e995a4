"""The workers in examples/, with a real broker: each match becomes a Parquet file, whatever happens to the worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import confluent_kafka
import duckdb
import polars as pl
import pytest

from ingestify import Publishing, get_engine
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.integration.publishers.rabbitmq_server import RabbitNode
from tests.support.kafka_mock import KafkaMock
from tests.support.sizes import sample_and_rest
from tests.support.waiting import wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Broker(Protocol):
    worker: Sequence[str]
    """The command of the worker, with what it needs to reach the broker."""
    publisher: Mapping[str, Any]
    """What the settings say of the publisher."""
    kills: int
    """How often a worker is killed; Kafka notices it after ten seconds."""

    def send(self, body: bytes) -> None:
        """Send a message that no publisher makes."""

    def waiting(self) -> int:
        """How many messages no worker has acknowledged."""


class KafkaBroker:
    kills = 1
    topic = "football.statsbomb.match"

    def __init__(self, mock: KafkaMock) -> None:
        self.mock = mock
        self.publisher = {
            "type": "ingestify.kafka",
            "configuration": {
                "bootstrap_servers": mock.bootstrap_servers,
                "topic": "football.{provider}.{dataset_type}",
            },
        }
        self.worker = ["kafka_to_parquet.py", "--servers", mock.bootstrap_servers, "--topic", self.topic]

    def send(self, body: bytes) -> None:
        producer = confluent_kafka.Producer({"bootstrap.servers": self.mock.bootstrap_servers})
        producer.produce(self.topic, body)
        assert producer.flush(10) == 0

    def waiting(self) -> int:
        consumer = confluent_kafka.Consumer(
            {"bootstrap.servers": self.mock.bootstrap_servers, "group.id": "match-parquet", "log_level": 0}
        )
        try:
            numbers = consumer.list_topics(self.topic, 10).topics[self.topic].partitions
            parts = [confluent_kafka.TopicPartition(self.topic, number) for number in numbers]
            count = 0
            for part in consumer.committed(parts, 10):
                first, end = consumer.get_watermark_offsets(part, 10)
                count += end - (part.offset if part.offset >= 0 else first)
            return count
        finally:
            consumer.close()


class RabbitBroker:
    kills = 3

    def __init__(self, node: RabbitNode) -> None:
        self.node = node
        self.queue = f"matches-{uuid.uuid4().hex[:8]}"
        url = f"amqp://guest:guest@127.0.0.1:{node.port}/"
        self.publisher = {"type": "ingestify.rabbitmq", "configuration": {"url": url, "queue": self.queue}}
        self.worker = ["rabbitmq_to_parquet.py", "--url", url, "--queue", self.queue]

    def send(self, body: bytes) -> None:
        connection = self.node.connect()
        connection.channel().basic_publish("", self.queue, body)
        connection.close()

    def waiting(self) -> int:
        connection = self.node.connect()
        # A queue tells of the messages that nobody has; those that a worker has come back when its connection ends.
        count: int = connection.channel().queue_declare(self.queue, passive=True).method.message_count
        connection.close()
        return count


@pytest.fixture
def rabbitmq(node: RabbitNode) -> Iterator[RabbitBroker]:
    broker = RabbitBroker(node)
    connection = node.connect()
    channel = connection.channel()
    channel.queue_declare(broker.queue, durable=True, arguments={"x-queue-type": "quorum"})
    yield broker
    channel.queue_delete(broker.queue)
    connection.close()


@pytest.fixture(params=["kafka", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    return request.getfixturevalue(request.param)


@pytest.fixture
def kafka() -> Iterator[KafkaBroker]:
    with KafkaMock() as mock:
        mock.create_topic(KafkaBroker.topic)
        yield KafkaBroker(mock)


class Bench:
    """A lake with a season, whose events go to a broker, and a worker."""

    def __init__(self, folder: Path, provider: Simulator, broker: Broker) -> None:
        self.folder = folder
        self.provider = provider
        self.broker = broker
        self.config = folder / "config.yaml"
        self.out = folder / "parquet"
        self.log = folder / "worker.log"
        settings = {
            "main": {"metadata_url": "sqlite:///lake/catalog.db", "file_url": "file://lake/files/"},
            "sources": {
                "statsbomb": {
                    "type": "ingestify.statsbomb_github",
                    "configuration": {"base_url": provider.base_url},
                }
            },
            "ingestion_plans": [{"source": "statsbomb", "dataset_type": "match"}],
            "event_publishers": [{"name": "bus", **broker.publisher}],
        }
        self.config.write_text(json.dumps(settings))

    def publish(self, **options: Any) -> int:
        """Ingest, and pass the events on. Returns how many were."""
        with get_engine(self.config) as engine:
            engine.load()
        return self.pass_on()

    def pass_on(self) -> int:
        with Publishing.from_config(self.config) as publishing:
            (result,) = publishing.publish()
        assert result.error is None
        return result.published

    def replay(self) -> int:
        with Publishing.from_config(self.config) as publishing:
            publishing.replay("bus", 0)
            (result,) = publishing.publish()
        return result.published

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(EXAMPLES / self.broker.worker[0]), *self.broker.worker[1:], *options]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*command, "--lake", str(self.config), "--out", str(self.out)], stdout=log, stderr=log
            )

    @property
    def files(self) -> dict[int, Path]:
        return {int(path.parent.name.removeprefix("match_id=")): path for path in self.out.rglob("*/events.parquet")}

    def log_lines(self, words: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if words in line]

    def stop(self, worker: subprocess.Popen[bytes]) -> None:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0, self.log.read_text()


@pytest.fixture
def matches() -> int:
    return 6


@pytest.fixture
def bench(tmp_path: Path, broker: Broker, matches: int) -> Iterator[Bench]:
    with Simulator(Season(matches=matches, seed=5, competition_id=43, season_id=106, events_per_match=60)) as provider:
        yield Bench(tmp_path, provider, broker)


@pytest.fixture
def worker(bench: Bench) -> Iterator[subprocess.Popen[bytes]]:
    worker = bench.start("--raw")
    yield worker
    worker.kill()
    worker.wait()


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM is POSIX")
def test_each_match_becomes_a_file_that_follows_its_corrections(bench: Bench, worker: subprocess.Popen[bytes]) -> None:
    assert bench.publish() == 12  # each match is created, and has a revision
    wait_until(lambda: len(bench.files) == 6)
    with get_engine(bench.config) as engine:
        for dataset in engine.list_datasets():
            path = bench.files[dataset.identifier["match_id"]]
            assert pl.read_parquet(path, hive_partitioning=False).equals(dataset.to_polars("events"))
            assert path.parts[-5:-1] == (
                "provider=statsbomb",
                "competition_id=43",
                "season_id=106",
                f"match_id={dataset.identifier['match_id']}",
            )

    first, second = sorted(bench.files)[:2]
    before = {number: path.read_bytes() for number, path in bench.files.items()}
    bench.provider.correct(first)
    assert bench.publish() == 1
    wait_until(lambda: bench.files[first].read_bytes() != before[first])
    with get_engine(bench.config) as engine:
        engine.destroy_dataset(match_id=second)
    assert bench.pass_on() == 1
    wait_until(lambda: second not in bench.files)
    assert all(bench.files[one].read_bytes() == before[one] for one in bench.files if one != first)

    written = len(bench.log_lines("written: "))
    assert written == 7
    assert bench.replay() == 14
    wait_until(lambda: len(bench.log_lines("repeat: ")) == 14)
    assert len(bench.log_lines("written: ")) == written
    bench.stop(worker)
    assert bench.broker.waiting() == 0
    assert not list(bench.out.rglob(".events.parquet.*"))


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
@pytest.mark.parametrize("broker", sample_and_rest(["rabbitmq"], ["kafka"]), indirect=True)
@pytest.mark.parametrize("matches", [60])  # so many that no worker handles all of them before it is killed
def test_a_worker_that_is_killed_at_work_loses_no_match(bench: Bench, matches: int) -> None:
    bench.publish()
    for _ in range(bench.broker.kills):
        worker = bench.start("--raw")
        done = len(bench.files)
        wait_until(lambda: len(bench.files) > done)  # noqa: B023 - called before the next round
        worker.kill()
        worker.wait()
    wait_until(lambda: bench.broker.waiting() > 0)  # it was killed at work
    worker = bench.start("--raw")
    wait_until(lambda: len(bench.files) == matches and bench.broker.waiting() == 0)
    bench.stop(worker)
    with get_engine(bench.config) as engine:
        for dataset in engine.list_datasets():
            path = bench.files[dataset.identifier["match_id"]]
            assert pl.read_parquet(path, hive_partitioning=False).equals(dataset.to_polars("events"))


def test_a_message_that_cannot_be_read_does_not_stop_the_others(bench: Bench) -> None:
    bench.broker.send(b"nonsense")
    newer = {"specversion": "1.0", "id": "1", "source": "s", "type": "ingestify.revision_added.v9", "data": {}}
    bench.broker.send(json.dumps(newer).encode())
    bench.publish()
    worker = bench.start("--raw")
    wait_until(lambda: len(bench.files) == 6)
    bench.stop(worker)
    (unreadable,) = bench.log_lines("is no JSON")
    (unknown,) = bench.log_lines("does not know the type 'ingestify.revision_added.v9'")
    assert " ERROR " in unreadable
    assert " ERROR " in unknown
    assert bench.broker.waiting() == 0


@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
def test_kloppy_s_columns_of_all_matches_are_one_table(bench: Bench) -> None:
    bench.publish()
    worker = bench.start()
    wait_until(lambda: len(bench.files) == 6)
    bench.stop(worker)
    frame = duckdb.sql(f"select * from read_parquet('{bench.out}/**/events.parquet', union_by_name=true)").pl()
    assert frame["match_id"].unique().sort().to_list() == sorted(bench.files)
    assert {"event_id", "event_type", "period_id", "coordinates_x", "team_id", "player_id"} <= set(frame.columns)
