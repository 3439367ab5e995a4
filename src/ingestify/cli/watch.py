"""`ingestify watch`: keeps the lake up to date for ever."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_OK
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import (
    NamedLake,
    console_options,
    dataset_options,
    json_option,
    lake_options,
    metrics_options,
    read_address,
)
from ingestify.cli.output import time_text, write_line
from ingestify.cli.progress import RunView
from ingestify.cli.published import open_publishing
from ingestify.cli.run import sparing_memory
from ingestify.documents.runs import JobLine, LeftOutLine, TaskLine
from ingestify.documents.watching import LookedLine, LookLine, look_line, looked_line
from ingestify.engine.watching.agenda import Look
from ingestify.engine.watching.watching import Looked
from ingestify.progress.audience import is_terminal
from ingestify.progress.formatting import counted, counts
from ingestify.telemetry.otel import exported

if TYPE_CHECKING:
    from ingestify.cli.health import Health
    from ingestify.engine.engine import IngestionEngine
    from ingestify.main.metrics import LakeMetrics

__all__ = ["watch_command"]


@click.command("watch")
@lake_options
@dataset_options
@click.option("--source", metavar="NAME", help="Only this source of the configuration.")
@click.option(
    "--plan", "shows_plan", is_flag=True, help="Show what it would look at next, when and why. Look at nothing."
)
@click.option("--disable-events", is_flag=True, help="Do not tell the event subscribers.")
@click.option(
    "--publish",
    "publishes",
    is_flag=True,
    help="Meanwhile, pass the events of the lake on to the event_publishers, as 'ingestify publish --follow' does.",
)
@metrics_options
@click.option(
    "--listen",
    "address",
    metavar="[HOST:]PORT",
    callback=read_address,
    help="Answer /metrics, /healthz and /readyz over HTTP, as on 127.0.0.1:9464. Without a HOST: only on this machine.",
)
@json_option(
    "JSON Lines on stdout; with --plan, a JSON object for each look.",
    LeftOutLine,
    JobLine,
    TaskLine,
    LookedLine,
    LookLine,
)
@console_options
def watch_command(
    lake: NamedLake,
    filters: dict[str, Any],
    source: str | None,
    shows_plan: bool,
    disable_events: bool,
    publishes: bool,
    metrics: LakeMetrics,
    address: tuple[str, int] | None,
    console: Console,
) -> int:
    """Keep the lake up to date until Ctrl-C or SIGTERM.

    Each selector of the ingestion plans is looked at when its schedule says so: around its matches often, then less
    often. Each look is a line. SIGHUP reads the settings again; wrong ones are not taken over. docs/live.md has more.
    """
    lake.place.config_for("what is watched")
    if shows_plan:
        with lake.open_engine(disable_events=True) as engine:
            _show_plan(engine.watching(source=source, **filters).looks(), console)
        return EXIT_OK
    # The same metrics for each engine: their counters go on if the settings are read again.
    open_engine = functools.partial(lake.open_engine, disable_events=disable_events, metrics=metrics)
    with exported():
        return _watch(lake, console, open_engine, publishes=publishes, address=address, source=source, **filters)


def _watch(
    lake: NamedLake,
    console: Console,
    open_engine: Callable[[], IngestionEngine],
    *,
    publishes: bool,
    address: tuple[str, int] | None,
    **names: Any,
) -> int:
    from ingestify.cli.health import Health  # heavy, and not for --help
    from ingestify.cli.service import Service

    view = RunView(console)
    if publishes:
        from ingestify.main.configuration import check_publishers

        check_publishers(lake.place.config_for("who gets events"))
    health = Health()
    service = Service(
        open_engine,
        lambda engine: engine.watching(**names, listener=view),
        lambda looked: _tell(looked, view, console),
        (lambda: open_publishing(lake)) if publishes else None,
        view.restore_terminal,
        health,
    )
    shown = Console(console.quiet or not is_terminal(sys.stderr), console.verbose, console.as_json).show_progress
    listening = contextlib.nullcontext() if address is None else _listening(address, health, console)
    with listening, sparing_memory(), shown(lambda: service.next_text or view.text()):
        service.run()
    if view.lost is not None:
        raise view.lost
    return EXIT_OK


@contextlib.contextmanager
def _listening(address: tuple[str, int], health: Health, console: Console) -> Iterator[None]:
    """Answer over HTTP while the block runs."""
    from ingestify.cli.listener import Listener  # only where somebody asks

    with Listener(*address, health.answers) as listener:
        if not console.quiet:
            write_stderr(f"Listening on {listener.url}")
        yield


def _show_plan(looks: Iterable[Look], console: Console) -> None:
    for look in looks:
        console.show(look, look_line, _write_look)


def _write_look(look: Look) -> None:
    write_line(f"{time_text(look.due.at)}  {look.name}: {look.due.why}")


def _tell(looked: Looked, view: RunView, console: Console) -> None:
    """Write a line about a look."""
    if console.as_json:
        view.write_json(looked_line(looked))
    elif not console.quiet:
        first, *others = looked.looks
        names = first.name + (f" and {counted(len(others), 'other selector')}" if others else "")
        totals = looked.report.totals
        used_up = "".join(
            f" · the budget of {source} is used up until {moment:%H:%M} UTC"
            for source, moment in looked.report.goes_on_at.items()
        )
        left = " · left to another run" if looked.report.jobs_left_to_others else ""
        following = ""
        if looked.following is not None:
            at = looked.following.due.at
            following = f" · next {time_text(at) if at.date() != first.due.at.date() else at.strftime('%H:%M:%S')}"
        view.write_line(
            f"{time_text(first.due.at)}  {names} ({first.due.why}): {counts(totals)} · "
            f"{counted(totals.requests, 'request')}{left}{used_up}{following}"
        )
