"""`ingestify status`: the last runs, and how large the lake is."""

from __future__ import annotations

import datetime as dt
import itertools

import click

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_OK, EXIT_OVER_LIMIT
from ingestify.cli.limits import Limits
from ingestify.cli.options import Age, NamedLake, bucket_option, console_options, json_option, lake_options
from ingestify.cli.output import time_text, write_json, write_line
from ingestify.documents.runs import StatusDocument, status_document
from ingestify.domain.request_budget import BudgetState
from ingestify.domain.run import JobSummary, RunState, TaskOutcome, state_of_jobs
from ingestify.main.configuration import budget_states, watched_plans
from ingestify.progress.formatting import clock, counted, size, what_was_done
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.leases import runs_that_are_gone

__all__ = ["status_command"]


@click.command("status")
@lake_options
@bucket_option
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True, help="How many runs to show.")
@click.option("--failed", is_flag=True, help="Show each dataset that failed, is in quarantine, or lacks a broken file.")
@click.option(
    "--stale",
    type=Age(),
    metavar="AGE",
    help="Exit code 5 if no run completed a selector of the ingestion plans for so long, such as 26h; or, where "
    "'ingestify watch' keeps the lake, if that gave no sign of life for so long, such as 15m.",
)
@click.option(
    "--max-failed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Exit code 5 if more datasets failed in their last run.",
)
@click.option(
    "--max-quarantined", type=click.IntRange(min=0), metavar="N", help="Exit code 5 if more bundles wait in quarantine."
)
@json_option("As JSON.", StatusDocument)
@console_options
def status_command(
    lake: NamedLake,
    runs: int,
    failed: bool,
    stale: dt.timedelta | None,
    max_failed: int | None,
    max_quarantined: int | None,
    console: Console,
) -> int:
    """Show the last runs, of all buckets, and how large one bucket of the lake is.

    --stale, --max-failed and --max-quarantined are for monitoring: the command prints what exceeds a limit, and ends
    with exit code 5 then.
    """
    limits = Limits(stale, max_failed, max_quarantined)
    needs_plans = stale is not None or max_failed is not None
    plans = watched_plans(lake.place.config_for("which plans are watched")) if needs_plans else []
    with lake.open_store() as store:
        report = limits.check(store, plans) if limits.are_given else None
        code = EXIT_OVER_LIMIT if report is not None and report.is_over else EXIT_OK
        config = lake.place.config
        budgets = [] if config is None else budget_states(config, store)
        grouped = store.overview.last_runs(runs, with_tasks=failed or console.as_json)
        gone = runs_that_are_gone(store.catalogue.leases, itertools.chain.from_iterable(grouped.values()))
        if console.as_json:
            exceeded = None if report is None else report.as_document(code)
            write_json(status_document(store, grouped, gone, budgets, exceeded))
            return code
        _show_lake(store)
        for budget in budgets:
            write_line(_budget_text(budget))
        if lake.bucket is not None and grouped:
            write_line("the last runs, of all buckets:")
        for jobs in grouped.values():
            _show_run(jobs, gone, failed=failed)
        if not grouped:
            write_line("no run yet")
        if report is not None:
            report.write_lines()
        return code


def _show_lake(store: DatasetStore) -> None:
    totals = store.totals()
    write_line(
        f"bucket {store.bucket}: {counted(totals['datasets'], 'dataset')}, "
        f"{counted(totals['revisions'], 'revision')}, {counted(totals['files'], 'file')} · "
        f"{size(totals['size_bytes'])} of the providers' bytes, stored in {size(totals['storage_bytes'])}"
    )
    if waiting := len(store.quarantine):
        write_line(f"in quarantine: {counted(waiting, 'bundle')}; {remedy('quarantine list')} says why")
    if warned := store.count_warned():
        write_line(f"with warnings: {counted(warned, 'dataset')}; {remedy('list --warnings')} lists them")
    lake = store.catalogue.lake.find()
    if lake is not None and lake.lake_id:
        write_line(str(lake))


def _budget_text(budget: BudgetState) -> str:
    left, limits = budget.left, budget.limits
    counts = ((left.per_minute, limits.per_minute, "minute"), (left.per_day, limits.per_day, "day"))
    said = ", ".join(f"{rest:,} of {most:,} requests a {period}" for rest, most, period in counts if most is not None)
    goes_on = "" if budget.goes_on_at is None else f"; goes on at {time_text(budget.goes_on_at)}"
    return f"budget of {budget.source}: left are {said}{goes_on}"


def _show_run(jobs: list[JobSummary], gone: set[str], *, failed: bool) -> None:
    started = min(job.started_at for job in jobs)
    ended = [job.ended_at for job in jobs if job.ended_at is not None]
    took = f" · {clock((max(ended) - started) / dt.timedelta(seconds=1))}" if len(ended) == len(jobs) else ""
    received = sum(job.counters.received_bytes for job in jobs)
    write_line(
        f"run {time_text(started)}  {_run_state(jobs, gone)}  {what_was_done(jobs)} · {size(received)}{took}"
        f"{_runs_before(jobs)}"
    )
    for job in jobs:
        # A job that was skipped because nothing changed has its datasets counted.
        is_done = job.state is RunState.FINISHED or (job.state is RunState.SKIPPED and job.counters.discovered)
        if not is_done:
            why = f": {job.error}" if job.error else ""
            write_line(f"  {_job_state(job, gone):<13} {job.source}: {job.selector_name}{why}")
        if job.counters.unlisted:
            write_line(f"  {'absent':<13} {job.source}: {job.selector_name}: {job.error}")
        tasks = [task for task in job.tasks if task.state is RunState.FAILED or task.is_left_out] if failed else []
        for task in tasks:
            what = "in quarantine" if task.outcome is TaskOutcome.QUARANTINED else "failed"
            what = "broken" if task.is_left_out else what
            write_line(f"  {what:<13} {task.name or task.identifier}: {task.error}")


def _runs_before(jobs: list[JobSummary]) -> str:
    """Return how many runs before this one had the same result in each job, if any did."""
    before = min(job.runs for job in jobs) - 1
    since = max((job.first_started_at for job in jobs if job.first_started_at is not None), default=None)
    if not before or since is None:
        return ""
    return f" · as in the {'run' if before == 1 else f'{before:,} runs'} before it, since {time_text(since)}"


def _run_state(jobs: list[JobSummary], gone: set[str]) -> str:
    running = [job for job in jobs if job.state is RunState.RUNNING]
    if running:
        # All jobs of a run are of one process.
        return _job_state(running[0], gone)
    return state_of_jobs(jobs).value


def _job_state(job: JobSummary, gone: set[str]) -> str:
    # The next run marks it ABORTED. `status` does not write.
    is_gone = job.state is RunState.RUNNING and job.run_id in gone
    return f"{job.state.value} (its process is gone)" if is_gone else job.state.value
