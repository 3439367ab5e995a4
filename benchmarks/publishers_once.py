"""One action on the event log of a lake, in a process of its own.

Arguments: the action, the folder of the lake, `kafka` or `rabbitmq`, the address, and the number of events.

`fill` writes a log, `publish` passes it on with `Publishing`, and `bare` sends the same bytes, made beforehand, with
the client library alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from setting import report

from ingestify import DatasetResource, Source, get_engine
from ingestify.domain.events import DatasetCreated, RevisionAdded
from ingestify.domain.message import JSON_TYPE, Message
from ingestify.events.payload import make_message
from ingestify.main.publishing import Publishing

NAME = "football.match"
"""Of the topic, and of the queue."""

BATCH = 500
CONFIG = """
main:
  metadata_url: sqlite:///catalog.db
  file_url: file://files/
sources:
  matches: {{type: publishers_once.Matches}}
ingestion_plans:
  - {{source: matches, dataset_type: match, data_spec_versions: {{match: v1}}}}
event_publishers:
  - {{name: bus, type: ingestify.{type}, configuration: {configuration}}}
"""
FEEDS = ("match", "lineups", "events", "360-frames", "statistics")


class Matches(Source):
    """A hundred matches of five files each, with metadata as a provider of matches has it."""

    provider = "matches"

    def find_datasets(self, dataset_type: str, *_: Any, **__: Any) -> Iterator[DatasetResource]:
        """Yield them."""
        for number in range(100):
            metadata = {
                "home_team": {"id": number, "name": f"Home Team {number}"},
                "away_team": {"id": number + 1, "name": f"Away Team {number}"},
                "competition": {"id": 43, "name": "World Championship", "stage": "Group Stage"},
                "score": {"home": 2, "away": 1},
                "kick_off": "2024-05-01T18:30:00Z",
                "stadium": "Städtisches Stadion",
            }
            resource = DatasetResource(
                {"competition_id": 43, "season_id": 3, "match_id": number},
                dataset_type,
                name=f"Home Team {number} – Away Team {number}",
                metadata=metadata,
            )
            for feed in FEEDS:
                resource.add_file(
                    dt.datetime(2024, 5, 1, tzinfo=dt.UTC), feed, "v1", json_content={"match": number, "feed": feed}
                )
            yield resource


def configure(folder: Path, kind: str, address: str) -> Path:
    """Write the settings, and return their path."""
    config = folder / "config.yaml"
    configuration = (
        f"{{bootstrap_servers: '{address}', topic: '{NAME}'}}"
        if kind == "kafka"
        else f"{{url: '{address}', queue: '{NAME}'}}"
    )
    config.write_text(CONFIG.format(type=kind, configuration=configuration))
    return config


def fill(config: Path, number: int) -> None:
    """Write a log of so many events: two for each new dataset. The datasets are only in the log."""
    with get_engine(config) as engine:
        engine.load()
        catalogue: Any = engine.store.catalogue
        originals = [event.dataset for event in catalogue.event_log.read(0, 200, has_history=False)[::2]]
        written = 2 * len(originals)
        while written < number:
            events: list[DatasetCreated | RevisionAdded] = []
            for dataset in originals * 10:
                new = dataclasses.replace(dataset, dataset_id=str(uuid.uuid4()))
                events += [kind(dataset=new, occurred_at=new.created_at) for kind in (DatasetCreated, RevisionAdded)]
            events = events[: number - written]
            with catalogue._database.write("write a log") as connection:
                catalogue.event_log.append(connection, events)
            written += len(events)


def publish(config: Path) -> None:
    """Pass the log on."""
    with Publishing.from_config(config) as publishing:
        before, cpu = time.perf_counter(), time.process_time()
        (result,) = publishing.publish()
        wall, cpu = time.perf_counter() - before, time.process_time() - cpu
    if result.error is not None:
        raise result.error
    report(wall, cpu, events=result.published)


def messages_of(config: Path, number: int) -> list[Message]:
    """Return the messages of the first events of the log."""
    messages: list[Message] = []
    with get_engine(config) as engine:
        while len(messages) < number:
            messages += map(make_message, engine.store.catalogue.event_log.read(len(messages), 1000, has_history=False))
    return messages


def bare_kafka(messages: Sequence[Message], address: str) -> None:
    """Send all with an idempotent producer that is never waited for before the end."""
    import confluent_kafka

    ready = [(one.data, one.key, {"content-type": JSON_TYPE, **one.headers("ce_")}) for one in messages]
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": address, "enable.idempotence": True, "acks": "all", "partitioner": "murmur2_random"}
    )
    acknowledged: list[bool] = []

    def note(error: Any, _: object) -> None:
        if error is not None:
            raise SystemExit(f"the bare producer: {error}")
        acknowledged.append(True)

    before, cpu = time.perf_counter(), time.process_time()
    for value, key, headers in ready:
        while True:
            try:
                producer.produce(NAME, value, key, headers=headers, on_delivery=note)
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    producer.flush()
    report(time.perf_counter() - before, time.process_time() - cpu, events=len(acknowledged))


def bare_rabbitmq(messages: Sequence[Message], address: str) -> None:
    """Send batches, each followed by the wait for its confirms: with less, memory would not be bounded."""
    import pika

    ready = [
        (
            one.data,
            pika.BasicProperties(
                content_type=JSON_TYPE,
                headers=one.headers("cloudEvents:"),
                delivery_mode=2,
                message_id=one.id,
                type=one.type,
            ),
        )
        for one in messages
    ]
    begun: list[float] = []
    sent = 0
    unconfirmed: set[int] = set()
    connection: Any = None
    channel: Any = None

    def send(*_: object) -> None:
        nonlocal sent
        if not begun:
            begun.extend((time.perf_counter(), time.process_time()))
        for data, properties in ready[sent : sent + BATCH]:
            channel.basic_publish("", NAME, data, properties, mandatory=True)
            sent += 1
            unconfirmed.add(sent)

    def note(frame: Any) -> None:
        last = frame.method.delivery_tag
        unconfirmed.difference_update([one for one in unconfirmed if one <= last] if frame.method.multiple else [last])
        if not unconfirmed and sent == len(ready):
            connection.close()
        elif not unconfirmed:
            send()

    def confirm(opened: Any) -> None:
        nonlocal channel
        channel = opened
        channel.confirm_delivery(note, send)

    connection = pika.SelectConnection(
        pika.URLParameters(address),
        on_open_callback=lambda one: one.channel(on_open_callback=confirm),
        on_close_callback=lambda one, _: one.ioloop.stop(),
    )
    connection.ioloop.start()
    report(time.perf_counter() - begun[0], time.process_time() - begun[1], events=sent)


def main() -> None:
    """Do the action."""
    action, folder, kind, address, number = sys.argv[1:]
    config = configure(Path(folder), kind, address)
    if action == "fill":
        fill(config, int(number))
    elif action == "publish":
        publish(config)
    else:
        messages = messages_of(config, int(number))
        {"kafka": bare_kafka, "rabbitmq": bare_rabbitmq}[kind](messages, address)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
