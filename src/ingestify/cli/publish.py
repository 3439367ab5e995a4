"""`ingestify publish`: passes the events of the lake on to other systems, and shows how the publishers are."""

from __future__ import annotations

import datetime as dt

import click

from ingestify.cli.confirmation import confirm, yes_option
from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_SOME_FAILED
from ingestify.cli.interrupts import two_stage_interrupt
from ingestify.cli.options import Age, LogPlace, NamedLake, console_options, json_option, lake_options
from ingestify.cli.output import time_text, write_json, write_line
from ingestify.cli.published import open_publishing, tell_result
from ingestify.documents.publishing import (
    DeadLetterDocument,
    PublishedLine,
    PublishEndLine,
    PublisherDocument,
    dead_letter_document,
    publish_end_line,
    published_line,
    publisher_document,
)
from ingestify.domain.event_reader import StartAt
from ingestify.errors import ConfigurationError
from ingestify.events.relay import RelayResult, reader_name_of
from ingestify.main.publishing import DeadLetter, PublisherState
from ingestify.progress.formatting import clock, counted
from ingestify.remedies import quoted, remedy

__all__ = ["publish_command"]

_name = click.argument("name", metavar="PUBLISHER")
_positions = click.argument("positions", nargs=-1, type=click.IntRange(min=1), metavar="[POSITION]...")

_SEND = "send"
_STOPPING = "Stopping after the messages that are on their way."


class _SendByDefault(click.Group):
    """A group whose first command is meant if none is named: `ingestify publish --follow`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command that is meant."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [_SEND, *args]
        return super().parse_args(ctx, args)


@click.group("publish", cls=_SendByDefault)
def publish_command() -> None:
    """Pass the events of the lake on to other systems.

    The config file names the publishers (event_publishers; docs/publishers.md). Each has a position in the event log.
    Without a command, 'ingestify publish' is 'ingestify publish send'.
    """


@publish_command.command(_SEND, short_help="Pass on all events up to the end of the log.")
@lake_options
@click.option("--publisher", "names", multiple=True, metavar="NAME", help="Only this publisher. May be repeated.")
@click.option("--follow", is_flag=True, help="Go on with new events, until Ctrl-C or SIGTERM.")
@click.option(
    "--poll",
    type=click.FloatRange(min=0.01),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="With --follow: the time between two queries for new events.",
)
@click.option(
    "--give-up-after",
    type=Age(),
    metavar="TIME",
    help="For how long a system that takes no messages is tried again, such as 10m. Default: 1m; with --follow, for "
    "ever.",
)
@click.option(
    "--replay-from",
    type=LogPlace(),
    metavar="PLACE",
    help="First move the one --publisher in the log: to beginning, now, the position of the last event that is not "
    "wanted, or a moment such as 2026-01-31T12:00Z.",
)
@json_option("JSON Lines: one for each publisher, and one at the end.", PublishedLine, PublishEndLine)
@console_options
def send_command(
    lake: NamedLake,
    names: tuple[str, ...],
    follow: bool,
    poll: float,
    give_up_after: dt.timedelta | None,
    replay_from: StartAt | None,
    console: Console,
) -> int:
    """Pass on the events that each publisher has not had. Its position moves when the other system has acknowledged.

    A system that is down delays its events and loses none: the next 'publish' goes on where this one ended. Then the
    exit code is 1, or 3 if other publishers delivered. It is 3, too, if messages became dead letters.

    With --replay-from beside a 'publish --follow', the latter sends the events again, and this command ends at once.
    """
    if replay_from is not None and len(names) != 1:
        raise click.UsageError("--replay-from moves one publisher: name it with --publisher.")
    with open_publishing(lake) as publishing, two_stage_interrupt(_STOPPING, publishing.stop) as stopping:
        if replay_from is not None:
            console.tell(f"'{names[0]}' goes on after {publishing.replay(names[0], replay_from)}.")
            if not follow and (holder := publishing.find_holder(names[0])):
                console.tell(f"It is sent by the one that goes on now: {holder}.")
                if console.as_json:
                    write_json(publish_end_line([], EXIT_OK))
                return EXIT_OK
        patience = None if give_up_after is None else give_up_after.total_seconds()
        results = publishing.publish(
            *names,
            poll_interval=poll if follow else None,
            patience=60.0 if patience is None and not follow else patience,
        )
    code = EXIT_INTERRUPTED if stopping.is_set() and not follow else _exit_code(results)
    for result in results:
        tell_result(result, console)
        if console.as_json:
            write_json(published_line(result))
    if console.as_json:
        write_json(publish_end_line(results, code))
    return code


def _exit_code(results: list[RelayResult]) -> int:
    failed = sum(one.error is not None for one in results)
    if failed and failed == len(results):
        return EXIT_FAILED
    return EXIT_SOME_FAILED if failed or any(one.refused for one in results) else EXIT_OK


@publish_command.command("status", short_help="Show the publishers: their positions, how far they are behind, errors.")
@lake_options
@json_option("One JSON object for each.", PublisherDocument)
@console_options
def status_command(lake: NamedLake, console: Console) -> None:
    """Show each publisher: its position, how far it is behind the log, its last error, and its dead letters."""
    with open_publishing(lake) as publishing:
        states = publishing.status()
    for state in states:
        console.show(state, publisher_document, _write_state)
    if not states:
        console.tell("The config file names no event_publishers.")


def _write_state(state: PublisherState) -> None:
    kind = state.type or "not in the config file any more"
    at = "has not begun" if state.position is None else f"at {state.position}"
    age = f" (the oldest is {clock(state.lag_seconds)} old)" if state.behind else ""
    parts = [at, f"{counted(state.behind, 'event')} behind{age}", counted(state.dead_letters, "dead letter")]
    if state.type and not state.is_enabled:
        parts.append("not enabled")
    if state.holder:
        parts.append(f"published by {state.holder}")
    write_line(f"{state.name} ({kind}): {', '.join(parts)}")
    if not state.type:
        forget = remedy("events forget", quoted(reader_name_of(state.name)))
        write_line(f"  'ingestify gc' keeps the events that it has not had; {forget} forgets it.")
    if state.switched_off:
        write_line(f"  switched off: {state.switched_off} {remedy('publish switch-on', state.name)} switches it on.")
    if state.error:
        write_line(f"  does not deliver ({counted(state.failures, 'failure')}): {state.error}")


@publish_command.command("dead-letters", short_help="List the messages that were refused.")
@lake_options
@click.option("--publisher", "names", multiple=True, metavar="NAME", help="Only of this publisher. May be repeated.")
@json_option("One JSON object for each.", DeadLetterDocument)
@console_options
def dead_letters_command(lake: NamedLake, names: tuple[str, ...], console: Console) -> None:
    """List the messages that the other system refused, and those that wait for such a message of their dataset."""
    is_empty = True
    with open_publishing(lake) as publishing:
        for letter in publishing.iter_dead_letters(*names):
            is_empty = False
            console.show(letter, dead_letter_document, _write_letter)
    if is_empty:
        console.tell("There are no dead letters.")


def _write_letter(letter: DeadLetter) -> None:
    event = letter.event
    what = "the event is not in the log any more" if event is None else f"{event.event_type}  {event.dataset}"
    again = "  (will be sent again)" if letter.is_requested else ""
    write_line(f"{letter.publisher}  {letter.position:>8}  {time_text(letter.failed_at)}  {what}{again}")
    write_line(f"  {letter.error}")


@publish_command.command("retry", short_help="Send dead letters again.")
@lake_options
@console_options
@_name
@_positions
def retry_command(lake: NamedLake, name: str, positions: tuple[int, ...], console: Console) -> None:
    """Ask for dead letters of a publisher to be sent again; no POSITION: all of them.

    The next 'ingestify publish' does it, or the one that follows the log at the moment.
    """
    with open_publishing(lake) as publishing:
        count = publishing.retry_dead_letters(name, positions)
    console.tell(
        f"{counted(count, 'dead letter')} will be sent again by the next {remedy('publish')}."
        if count
        else f"'{name}' has no dead letters."
    )


@publish_command.command("discard", short_help="Remove dead letters, which will not be sent.")
@lake_options
@yes_option
@console_options
@_name
@_positions
def discard_command(lake: NamedLake, yes: bool, name: str, positions: tuple[int, ...], console: Console) -> None:
    """Remove dead letters of a publisher; no POSITION: all of them. The events stay in the log.

    It asks first; where it cannot, it needs --yes.
    """
    with open_publishing(lake) as publishing:
        letters = [one for one in publishing.iter_dead_letters(name) if not positions or one.position in positions]
        if not letters and not positions:
            console.tell(f"'{name}' has no dead letters.")
            return
        if letters:
            described = [f"event {one.position}: {one.error}" for one in letters]
            confirm(f"Discard {counted(len(letters), 'dead letter')} of '{name}'?", described, yes=yes)
        count = publishing.discard_dead_letters(name, positions)
    console.tell(f"{counted(count, 'dead letter')} discarded.")


@publish_command.command("switch-on", short_help="Let a publisher send again that was switched off.")
@lake_options
@console_options
@_name
def switch_on_command(lake: NamedLake, name: str, console: Console) -> None:
    """Let a publisher send messages again, after the other system wanted no more, as a webhook does with 410 Gone."""
    with open_publishing(lake) as publishing:
        if not publishing.switch_on(name):
            raise ConfigurationError(f"The publisher '{name}' is not switched off; see {remedy('publish status')}.")
    console.tell(f"'{name}' gets messages again with the next {remedy('publish')}.")
