"""A worker: writes the events of each new match to Parquet, as the messages of Kafka topics tell of it.

    python kafka_to_parquet.py --lake config.yaml --topic football.statsbomb.match --out parquet

The publisher is `type: ingestify.kafka`. Several workers of one group share the partitions; give each a file of its own
for what it has seen (`--seen`). Needs the extras kafka, kloppy and polars.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from confluent_kafka import Consumer, KafkaException
from match_parquet import MatchParquet, arguments_of, when_asked_to_stop

from ingestify.consume import EventError, Seen, open_lake, parse
from ingestify.errors import LoadError

logger = logging.getLogger("kafka_to_parquet")


def main() -> None:
    """Work until SIGTERM or Ctrl-C. If the lake or the disk fails, end: a supervisor starts it again."""
    parser = argparse.ArgumentParser(description="Writes each new match to Parquet, as Kafka tells of it.")
    parser.add_argument("--topic", required=True, action="append", help="a topic; several times for several")
    parser.add_argument("--group", default="match-parquet", help="the consumer group")
    parser.add_argument("--servers", default=os.environ.get("KAFKA_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--seen", type=Path, help="the file with what it has seen; left out: seen.db below --out")
    options = arguments_of(parser)
    asked_to_stop = when_asked_to_stop()
    consumer = Consumer(
        {
            "bootstrap.servers": options.servers,
            "group.id": options.group,
            "auto.offset.reset": "earliest",
            # After so long, another worker takes the place of one that was killed.
            "session.timeout.ms": 10_000,
            # The client commits offsets each five seconds, and at the end: of messages whose offset was stored, below.
            "enable.auto.offset.store": False,
        }
    )
    with open_lake(options.lake) as lake, Seen(options.seen or options.out / "seen.db", by="dataset") as seen:
        matches = MatchParquet(lake, options.out, seen, is_raw=options.raw)
        consumer.subscribe(options.topic)
        try:
            while not asked_to_stop.is_set():
                message = consumer.poll(0.5)
                if message is None:
                    continue
                if message.error() is not None:
                    if message.error().fatal():
                        raise KafkaException(message.error())
                    logger.warning("%s", message.error())  # the client tries again
                    continue
                try:
                    matches.handle(parse(message.value(), message.headers()))
                except (EventError, LoadError) as error:
                    logger.error("%s", error)  # It would fail again, and Kafka has no place for such messages.
                consumer.store_offsets(message)
        finally:
            consumer.close()


if __name__ == "__main__":
    main()
