"""`ingestify events`: shows the event log and its readers, and moves a reader."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import click

from ingestify.cli.confirmation import confirm, yes_option
from ingestify.cli.console import Console
from ingestify.cli.options import LogPlace, NamedLake, console_options, json_option, lake_options
from ingestify.cli.output import time_text, write_line
from ingestify.documents.datasets import EventDocument, ReaderDocument, event_document, reader_document
from ingestify.domain.event_reader import EventReaderState, FailedEvent, StartAt
from ingestify.domain.events import DatasetEvent
from ingestify.errors import ConfigurationError
from ingestify.events.consumer import find_start
from ingestify.progress.formatting import counted
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore

__all__ = ["events_command"]

_AT_ONCE = 500

_reader = click.argument("reader_name", metavar="READER")


@click.group("events")
def events_command() -> None:
    """Show the event log and its readers, and move a reader.

    Each change of the lake is an event in its log. A reader (EventLogConsumer in Python) has a name and a position,
    which is that of the last event that it has processed.
    """


@events_command.command("list", short_help="List events.")
@lake_options
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="POSITION", help="Only events after it.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@json_option("One JSON object for each.", EventDocument)
@console_options
def list_command(lake: NamedLake, after: int, limit: int | None, console: Console) -> None:
    """List events in the order in which they happened."""
    with lake.open_store() as store:
        for event in itertools.islice(_iter_events(store, after), limit):
            console.show(event, event_document, _write_event)


def _write_event(event: DatasetEvent) -> None:
    what = f"{event.event_type:<20}  {event.dataset}  {event.dataset.name}"
    write_line(f"{event.position:>8}  {time_text(event.occurred_at)}  {what}")


def _iter_events(store: DatasetStore, after: int) -> Iterator[DatasetEvent]:
    while events := store.catalogue.event_log.read(after, _AT_ONCE):
        yield from events
        after = events[-1].position or 0


@events_command.command("readers", short_help="Show the readers, their positions, and the events on which they fail.")
@lake_options
@json_option("One JSON object for each.", ReaderDocument)
@console_options
def readers_command(lake: NamedLake, console: Console) -> None:
    """Show each reader: its position, how many events it has not read, and the events on which it failed."""
    with lake.open_store() as store:
        readers = store.catalogue.event_readers.list_readers()
    for reader in readers:
        console.show(reader, reader_document, _write_reader)
    if not readers:
        console.tell("Nobody has read the event log yet.")


def _write_reader(reader: EventReaderState) -> None:
    write_line(f"{reader.name}: at {reader.position}, {counted(reader.behind, 'event')} behind")
    for failed in reader.failed:
        write_line(f"  {_failed_text(failed)}")


def _failed_text(failed: FailedEvent) -> str:
    what = "is parked" if failed.is_parked else "fails"
    times = f"{counted(failed.failures, 'failure')}, the last {time_text(failed.failed_at)}"
    return f"event {failed.position} {what} ({times}): {failed.error}"


@events_command.command("reset", short_help="Move a reader in the log.")
@lake_options
@click.option(
    "--to",
    "start",
    type=LogPlace(),
    required=True,
    metavar="PLACE",
    help="beginning, now, the position after which it goes on, or a moment such as 2026-01-31T12:00Z.",
)
@yes_option
@console_options
@_reader
def reset_command(lake: NamedLake, start: StartAt, yes: bool, reader_name: str, console: Console) -> None:
    """Move a reader back or forward. A process that uses this reader at the moment ends with an error.

    It asks first; where it cannot, it needs --yes.
    """
    with lake.open_store() as store:
        reader = _find(store, reader_name)
        position = find_start(store.catalogue, start)
        what = "again" if position < reader.position else "not at all"
        between = abs(position - reader.position)
        confirm(
            f"Put '{reader_name}' from {reader.position} to {position}?",
            [f"up to {between:,} events come {what}"] if between else [],
            yes=yes,
        )
        store.catalogue.event_readers.set_position(reader_name, position)
    console.tell(f"'{reader_name}' goes on after {position}.")


@events_command.command("park", short_help="Skip the event on which a reader fails.")
@lake_options
@console_options
@_reader
def park_command(lake: NamedLake, reader_name: str, console: Console) -> None:
    """Let a reader go on after the event on which it fails. The event is kept: see 'events readers'.

    consumer.retry_parked(on_event) delivers it once more.
    """
    with lake.open_store() as store:
        reader = _find(store, reader_name)
        failing = next((one for one in reader.failed if not one.is_parked and one.position > reader.position), None)
        if failing is None:
            raise ConfigurationError(f"The reader '{reader_name}' fails on no event; see {remedy('events readers')}.")
        store.catalogue.event_readers.save_failure(reader_name, dataclasses.replace(failing, is_parked=True))
        if not store.catalogue.event_readers.advance(reader_name, reader.position, failing.position):
            raise ConfigurationError(f"The reader '{reader_name}' has gone on meanwhile; look at it again.")
    console.tell(f"The event {failing.position} is parked; '{reader_name}' goes on after it.")


@events_command.command("forget", short_help="Forget a reader.")
@lake_options
@yes_option
@console_options
@_reader
def forget_command(lake: NamedLake, yes: bool, reader_name: str, console: Console) -> None:
    """Forget a reader's position and failures. A reader with the same name is a new one then."""
    with lake.open_store() as store:
        reader = _find(store, reader_name)
        confirm(f"Forget the reader '{reader_name}'?", [f"it stands at {reader.position}"], yes=yes)
        store.catalogue.event_readers.forget(reader_name)
    console.tell(f"'{reader_name}' is forgotten.")


def _find(store: DatasetStore, reader_name: str) -> EventReaderState:
    readers = {one.name: one for one in store.catalogue.event_readers.list_readers()}
    if reader_name not in readers:
        there = ", ".join(readers) or "none"
        raise ConfigurationError(f"There is no reader '{reader_name}' of the event log; there is {there}.")
    return readers[reader_name]
