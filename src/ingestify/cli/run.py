"""`ingestify run` and `ingestify plan`."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import click

from ingestify.cli.app import exit_with
from ingestify.cli.dataset_lookup import count_datasets
from ingestify.cli.exit_codes import EXIT_INTERRUPTED, exit_code
from ingestify.cli.licence_notice import FirstUse
from ingestify.cli.logs import collapsed_repeats, set_up_logging, write_stderr
from ingestify.cli.options import (
    Age,
    dataset_filters,
    filter_arguments,
    lake_options,
    logging_options,
    parse_filters,
)
from ingestify.cli.progress import RunView
from ingestify.domain.run import RunReport, RunState
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.report.left_alone import describe_left_alone
from ingestify.engine.report.report import one_line
from ingestify.errors import DeadlineReached, FatalError, StopProcessing
from ingestify.main import open_engine
from ingestify.main.place import Place
from ingestify.progress.formatting import summary_line
from ingestify.remedies import remedy

__all__ = ["execute", "plan_command", "run_command"]

SHOWN_FAILURES = 5

_KEYS = ("state",)
"""What is an option of reading only, so that a source may have an identifier key that is called so."""


@click.command("run")
@lake_options
@dataset_filters
@click.option("--source", metavar="NAME", help="Only this source of the configuration.")
@click.option("--dry-run", is_flag=True, help="The same as 'ingestify plan'.")
@click.option("--disable-events", is_flag=True, help="Do not tell the event subscribers.")
@click.option(
    "--accept-missing",
    is_flag=True,
    help="Mark what sources list no more as MISSING at once, however much it is.",
)
@click.option(
    "--refetch",
    multiple=True,
    metavar="KEY=VALUE",
    help="Fetch these datasets of the lake, and look at no others, in full although nothing changed. May be repeated.",
)
@click.option(
    "--deadline",
    type=Age(),
    metavar="TIME",
    help="How long it may take, such as 2h or 90m: then nothing new is begun, what is complete is kept, exit code 6.",
)
@click.option(
    "--ignore-waits",
    is_flag=True,
    help="Ask hosts also that wanted to be left alone until later, and forget that they did.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@logging_options
@filter_arguments
def run_command(place: Place, dry_run: bool, disable_events: bool, filters: tuple[str, ...], **options: Any) -> None:
    """Bring the lake up to date with what the ingestion plans name.

    A selector that another run is at is skipped.

    KEY=VALUE narrows what is looked at, such as  competition_id=11 match_id=12,13 .
    """
    _run(place, dry_run=dry_run, disable_events=disable_events, filters=filters, **options)


@click.command("plan")
@lake_options
@dataset_filters
@click.option("--source", metavar="NAME", help="Only this source of the configuration.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@logging_options
@filter_arguments
def plan_command(place: Place, filters: tuple[str, ...], **options: Any) -> None:
    """Show what a run would fetch, change and skip, and why. Only indexes are asked for; nothing is written.

    Datasets that are unchanged are counted; -v shows them too.
    """
    _run(place, dry_run=True, disable_events=True, filters=filters, **options)


def _run(
    place: Place,
    *,
    dry_run: bool,
    disable_events: bool,
    accept_missing: bool = False,
    deadline: dt.timedelta | None = None,
    ignore_waits: bool = False,
    refetch: tuple[str, ...] = (),
    filters: tuple[str, ...],
    bucket: str | None,
    provider: str | None,
    source: str | None,
    dataset_type: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    selector = _with_refetch(parse_filters(filters, _KEYS), parse_filters(refetch, _KEYS))
    view = RunView(as_json=as_json, quiet=quiet, verbose=verbose, shows_skipped=dry_run)
    place.config_for("what is to be fetched")
    with open_engine(place, bucket, disable_events=disable_events) as engine:
        first_use = FirstUse(engine)
        view.tell_left_out(engine.find_left_out(source, dataset_type))
        if refetch:
            wanted = engine.store.dataset_filter(dataset_type, provider, **selector)
            view.tell_refetch(count_datasets(engine.store, wanted))
        report = execute(
            engine,
            view,
            dry_run=dry_run,
            accept_missing=accept_missing,
            deadline=deadline,
            ignore_waits=ignore_waits,
            refetch=bool(refetch),
            provider=provider,
            source=source,
            dataset_type=dataset_type,
            **selector,
        )
    code = exit_code(report)
    if report.created_lake and not quiet and not as_json:
        write_stderr(f"Created the lake in {report.created_lake}.")
    if as_json:
        view.write_json(
            {
                "event": "run_ended",
                "run_id": report.run_id,
                "state": report.state.value,
                "exit_code": code,
                "seconds": round(report.duration_seconds, 3),
                **report.totals.as_dict(),
                "not_begun": list(report.not_begun),
                "not_listed": report.not_listed,
                "created_lake": report.created_lake or None,
                "left_alone": [describe_left_alone(reason, *counts) for reason, counts in report.left_alone.items()],
                "error": None if report.error is None else one_line(report.error),
            }
        )
    else:
        _tell(report)
        if not quiet:
            view.write_line(summary_line(report))
    if not quiet:
        if report.not_listed:
            write_stderr(report.not_listed)
        if not dry_run:
            first_use.tell(report)
    # What reads a plan may have seen enough of it, as `head` has. A run's work is done, and its end is what counts.
    if view.lost is not None and (dry_run or not view.lost.reader_left):
        raise view.lost
    exit_with(code)


def _with_refetch(filters: Mapping[str, Any], refetch: Mapping[str, Any]) -> dict[str, Any]:
    """Return both: what is fetched in full is all that is looked at."""
    if twice := sorted(filters.keys() & refetch.keys()):
        raise click.UsageError(f"'{twice[0]}' is given as a filter and to --refetch; give it once.")
    return {**filters, **refetch}


def execute(engine: IngestionEngine, view: RunView, **arguments: Any) -> RunReport:
    """Run with progress shown, and with signals taken as a wish to stop cleanly."""
    with _two_stage_interrupt(view.restore_terminal), collapsed_repeats(), view.shown(), _frozen_imports():
        return engine.run_report(listener=view, **arguments)


def _tell(report: RunReport) -> None:
    _tell_of_other_runs(report)
    for reason, (datasets, selectors) in report.left_alone.items():
        write_stderr(f"{describe_left_alone(reason, datasets, selectors)}; what had come is kept.")
    failed = report.failed_tasks
    jobs = [job for job in report.jobs if job.state is RunState.FAILED]
    for task in failed[:SHOWN_FAILURES]:
        write_stderr(f"failed: {task.name or task.identifier}: {task.error}")
    if len(failed) > SHOWN_FAILURES:
        write_stderr(f"… and {len(failed) - SHOWN_FAILURES:,} more failed; {remedy('status --failed')} lists them.")
    quarantined = report.quarantined_tasks
    for task in quarantined[:SHOWN_FAILURES]:
        write_stderr(f"in quarantine: {task.name or task.identifier}: {task.error}")
    if quarantined:
        write_stderr(f"What readers see stayed as it was; {remedy('quarantine list')} shows what waits, and why.")
    _tell_of_left_out(report)
    # Why a host is left alone is told above.
    for job in [one for one in report.jobs_without_success if not one.left_alone][:SHOWN_FAILURES]:
        write_stderr(f"failed as a whole: {job.source}: {job.selector_name}: {job.error}")
    for one in report.not_begun[:SHOWN_FAILURES]:
        write_stderr(f"not begun: {one}")
    if len(report.not_begun) > SHOWN_FAILURES:
        write_stderr(f"… and {len(report.not_begun) - SHOWN_FAILURES:,} more selectors not begun.")
    if report.totals.unlisted:
        write_stderr(
            f"What is not listed any more is not marked MISSING yet; {remedy('run --accept-missing')} says that it is "
            "right, and so does the next run that finds the same."
        )
    if report.error is not None:
        if isinstance(report.error, KeyboardInterrupt):
            write_stderr("Interrupted: what had finished is kept; run again to go on.")
        elif isinstance(report.error, DeadlineReached):
            write_stderr(f"{one_line(report.error)}: what had finished is kept; run again to go on.")
        elif isinstance(report.error, StopProcessing):
            write_stderr(f"Stopped by the source: {one_line(report.error)}")
        elif isinstance(report.error, FatalError) or not jobs:
            write_stderr(f"Error: {one_line(report.error)}")
        else:
            # What each of them raised was logged when it happened.
            write_stderr(f"{len(jobs)} of {len(report.jobs)} selectors failed; the next run tries them again.")


def _tell_of_left_out(report: RunReport) -> None:
    left_out = report.left_out_tasks
    for task in left_out[:SHOWN_FAILURES]:
        write_stderr(f"broken: {task.name or task.identifier}: {task.error}")
    if len(left_out) > SHOWN_FAILURES:
        more = len(left_out) - SHOWN_FAILURES
        write_stderr(f"… and {more:,} more lack a broken file; {remedy('status --failed')} lists them.")
    if left_out:
        write_stderr("The rest of them is in the lake, and the next run asks for what is broken again.")


def _tell_of_other_runs(report: RunReport) -> None:
    left = report.jobs_left_to_others
    for job in left[:SHOWN_FAILURES]:
        write_stderr(f"skipped: {job.source}: {job.selector_name}: {job.error}")
    if len(left) > SHOWN_FAILURES:
        write_stderr(f"… and {len(left) - SHOWN_FAILURES:,} more skipped, as other runs are at them.")


@contextlib.contextmanager
def _frozen_imports() -> Iterator[None]:
    """Let the garbage collector leave alone what was there before the run: modules, mostly, which stay.

    To look through them again and again takes a third of a run over many datasets that are unchanged.
    """
    if gc.get_freeze_count():  # somebody else's
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def _two_stage_interrupt(restore_terminal: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM stops cleanly, the second leaves at once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread
        return
    stopping = False

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        nonlocal stopping
        if stopping:
            restore_terminal()
            os._exit(EXIT_INTERRUPTED)
        stopping = True
        write_stderr("Stopping: keeping what is complete. Once more to leave at once.")
        raise KeyboardInterrupt

    before = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
