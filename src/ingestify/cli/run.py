"""`ingestify run` and `ingestify plan`."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict, Unpack

import click

from ingestify.cli.console import Console
from ingestify.cli.dataset_lookup import count_datasets
from ingestify.cli.exit_codes import EXIT_INTERRUPTED
from ingestify.cli.interrupts import two_stage_interrupt
from ingestify.cli.licence_notice import LicenceNotice
from ingestify.cli.logs import collapsed_repeats
from ingestify.cli.options import (
    Age,
    NamedLake,
    console_options,
    dataset_options,
    filter_arguments,
    json_option,
    lake_options,
    metrics_options,
    parse_filters,
)
from ingestify.cli.progress import RunView
from ingestify.cli.published import publish_after
from ingestify.cli.run_outcome import tell_outcome
from ingestify.documents.publishing import PublishedLine
from ingestify.documents.runs import JobLine, LeftOutLine, PlannedLine, RefetchLine, RunEndLine, TaskLine, run_end_line
from ingestify.domain.run import RunReport
from ingestify.engine.engine import IngestionEngine
from ingestify.telemetry.otel import exported

if TYPE_CHECKING:
    from ingestify.main.metrics import LakeMetrics

__all__ = ["execute", "plan_command", "run_command", "sparing_memory"]


class RunArguments(TypedDict, total=False):
    """Arguments of `IngestionEngine.run_report` beside the filters."""

    dry_run: bool
    accept_missing: bool
    deadline: dt.timedelta | None
    ignore_waits: bool
    refetch: bool


_source_option = click.option("--source", metavar="NAME", help="Only this source of the configuration.")

_NEW_OBJECTS = 1000
"""After how many new objects the garbage collector looks at them during a run; by itself, Python takes 700 or 2000."""

_ARENAS_VARIABLE = "MALLOC_ARENA_MAX"
_M_ARENA_MAX = -8
"""The number of this option in glibc's `malloc.h`."""

_KEYS = ("state",)
"""Options that only reading commands have, so that a source may have identifier keys of these names."""


@click.command("run")
@lake_options
@dataset_options
@_source_option
@click.option("--dry-run", is_flag=True, help="The same as 'ingestify plan'.")
@click.option("--disable-events", is_flag=True, help="Do not tell the event subscribers.")
@click.option(
    "--accept-missing",
    is_flag=True,
    help="Mark datasets that sources no longer list as MISSING at once, however many they are.",
)
@click.option(
    "--refetch",
    "refetched",
    multiple=True,
    metavar="KEY=VALUE",
    help="Fetch only these datasets of the lake, in full, although nothing changed. May be repeated.",
)
@click.option(
    "--deadline",
    type=Age(),
    metavar="TIME",
    help="How long it may take, such as 2h. Then it begins nothing new, and keeps what is complete: exit code 6.",
)
@click.option(
    "--ignore-waits",
    is_flag=True,
    help="Also request hosts that asked to be left alone until later, and forget that they asked.",
)
@click.option(
    "--publish",
    is_flag=True,
    help="Afterwards, pass the events of the lake on to the event_publishers, as 'ingestify publish' does.",
)
@metrics_options
@json_option("JSON Lines on stdout.", LeftOutLine, RefetchLine, JobLine, TaskLine, PublishedLine, RunEndLine)
@console_options
@filter_arguments(*_KEYS)
def run_command(
    lake: NamedLake,
    filters: dict[str, Any],
    source: str | None,
    refetched: tuple[str, ...],
    disable_events: bool,
    publish: bool,
    metrics: LakeMetrics,
    console: Console,
    **options: Unpack[RunArguments],
) -> int:
    """Bring the lake up to date with what the ingestion plans name.

    A selector that another run holds is skipped.

    KEY=VALUE narrows the run, such as  competition_id=11 match_id=12,13 .
    """
    filters = _with_refetch(filters, parse_filters(refetched, _KEYS))
    options["refetch"] = bool(refetched)
    if publish and options["dry_run"]:
        raise click.UsageError("--publish and --dry-run do not go together: a dry run causes no event.")
    publishes = publish_after(lake, console) if publish else None
    if options["dry_run"]:
        return _run(lake, filters, console, None, source=source, disable_events=disable_events, **options)
    with exported(), metrics.of_run():
        code = _run(lake, filters, console, metrics, publishes, source=source, disable_events=disable_events, **options)
        if publish and metrics.are_wanted:  # how far the publishers are by now
            with lake.open_store() as store:
                metrics.deliver(store)
    return code


@click.command("plan")
@lake_options
@dataset_options
@_source_option
@json_option("JSON Lines on stdout.", LeftOutLine, JobLine, TaskLine, PlannedLine, RunEndLine)
@console_options
@filter_arguments(*_KEYS)
def plan_command(lake: NamedLake, filters: dict[str, Any], source: str | None, console: Console) -> int:
    """Show what a run would fetch, change and skip, and why. It only reads indexes, and writes nothing.

    Unchanged datasets are counted; -v shows them too.
    """
    return _run(lake, filters, console, None, source=source, dry_run=True, disable_events=True)


def _run(
    lake: NamedLake,
    filters: dict[str, Any],
    console: Console,
    metrics: LakeMetrics | None,
    publishes: Callable[[int], int] | None = None,
    *,
    source: str | None,
    disable_events: bool,
    **options: Unpack[RunArguments],
) -> int:
    dry_run = options["dry_run"]
    view = RunView(console, shows_skipped=dry_run)
    lake.place.config_for("what is to be fetched")
    with lake.open_engine(disable_events=disable_events, metrics=metrics) as engine:
        licence_notice = LicenceNotice(engine)
        view.tell_left_out(engine.find_left_out(source, filters["dataset_type"]))
        if options.get("refetch"):
            view.tell_refetch(count_datasets(engine.store, engine.store.dataset_filter(**filters)))
        report = execute(engine, view, source=source, **options, **filters)
    code = report.exit_code
    if publishes is not None and code != EXIT_INTERRUPTED:
        code = publishes(code)
    if report.created_lake and not console.as_json:
        console.tell(f"Created the lake in {report.created_lake}.")
    if console.as_json:
        view.write_json(run_end_line(report, code))
    else:
        tell_outcome(report)
        view.summarize(report)
    if report.not_listed:
        console.tell(report.not_listed)
    if not dry_run:
        licence_notice.tell(report, console)
    # The reader of a plan may close the pipe, as `head` does. A run has done its work, so only its result matters.
    if view.lost is not None and (dry_run or not view.lost.reader_left):
        raise view.lost
    return code


def _with_refetch(filters: Mapping[str, Any], refetch: Mapping[str, Any]) -> dict[str, Any]:
    """Return both kinds of filters together."""
    if twice := sorted(filters.keys() & refetch.keys()):
        raise click.UsageError(f"'{twice[0]}' is given as a filter and to --refetch; give it once.")
    return {**filters, **refetch}


def execute(engine: IngestionEngine, view: RunView, **arguments: Any) -> RunReport:
    """Run with progress shown. Ctrl-C and SIGTERM stop the run cleanly."""
    interrupts = two_stage_interrupt("Stopping: complete datasets are kept.", _interrupt, view.restore_terminal)
    with interrupts, collapsed_repeats(), view.shown(), sparing_memory():
        return engine.run_report(listener=view, **arguments)


@contextlib.contextmanager
def sparing_memory() -> Iterator[None]:
    """Let this process take little memory while the block runs, in which runs begin and end."""
    _share_memory()
    with _frozen_imports():
        yield


def _share_memory() -> None:
    """Let all threads of this process take memory from one place.

    By itself, glibc gives up to 16 threads on two cores a place of their own, each of which keeps what was freed in it:
    8 MB with small files, 30 MB with large ones. Other C libraries have one place for all.
    """
    if _ARENAS_VARIABLE not in os.environ:  # else the user has decided
        import ctypes

        with contextlib.suppress(OSError, AttributeError, TypeError):  # there is no such call
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


@contextlib.contextmanager
def _frozen_imports() -> Iterator[None]:
    """Exclude the objects from before the run, which are mostly modules, from garbage collection.

    Checking them repeatedly would take a third of a run over many unchanged datasets. Garbage of the run itself may
    hold the bytes of files, so it is looked for often.
    """
    if gc.get_freeze_count():  # another caller has frozen objects
        yield
        return
    before = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt
