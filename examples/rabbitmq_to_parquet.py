"""A worker: writes the events of each new match to Parquet, as the messages of a RabbitMQ queue tell of it.

    python rabbitmq_to_parquet.py --lake config.yaml --queue matches --out parquet

The publisher is `type: ingestify.rabbitmq`, and its messages come into the queue. If the worker is killed, RabbitMQ
gives the message in hand to the next one. Needs the extras rabbitmq, kloppy and polars.
"""

from __future__ import annotations

import argparse
import logging
import os

import pika
from match_parquet import MatchParquet, arguments_of, when_asked_to_stop

from ingestify.consume import EventError, Seen, open_lake, parse
from ingestify.errors import LoadError

logger = logging.getLogger("rabbitmq_to_parquet")


def main() -> None:
    """Work until SIGTERM or Ctrl-C. If RabbitMQ, the lake or the disk fails, end: a supervisor starts it again."""
    parser = argparse.ArgumentParser(description="Writes each new match to Parquet, as RabbitMQ tells of it.")
    parser.add_argument("--queue", required=True, help="the queue, which exists")
    parser.add_argument("--url", default=os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/"))
    options = arguments_of(parser)
    asked_to_stop = when_asked_to_stop()
    with (
        open_lake(options.lake) as lake,
        Seen(options.out / "seen.db", by="dataset") as seen,
        pika.BlockingConnection(pika.URLParameters(options.url)) as connection,
    ):
        matches = MatchParquet(lake, options.out, seen, is_raw=options.raw)
        channel = connection.channel()
        channel.basic_qos(prefetch_count=10)
        for method, properties, body in channel.consume(options.queue, inactivity_timeout=0.5):
            if asked_to_stop.is_set():
                break  # RabbitMQ gives what was not acknowledged to somebody else
            if method is None:
                continue  # nothing came for half a second
            try:
                matches.handle(parse(body, properties.headers))
            except (EventError, LoadError) as error:
                # It would fail again. It goes to the dead-letter exchange of the queue, if that has one.
                logger.error("%s", error)
                channel.basic_reject(method.delivery_tag, requeue=False)
            else:
                channel.basic_ack(method.delivery_tag)


if __name__ == "__main__":
    main()
