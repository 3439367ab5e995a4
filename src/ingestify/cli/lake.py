"""`ingestify list`, `show`, `delete`, `status` and `sync-indexes`: what is in the lake."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import sys
from collections.abc import Iterator
from typing import Any

import click

from ingestify.cli.app import exit_with
from ingestify.cli.options import (
    config_option,
    dataset_filters,
    filter_arguments,
    logging_options,
    parse_filters,
    parse_identifier,
    set_up_logging,
    write_stderr,
)
from ingestify.cli.output import time_text, write_json, write_line
from ingestify.cli.progress import job_as_dict, task_as_dict
from ingestify.cli.texts import clock, counts, noun, size
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.run import Counters, JobSummary, RunState, TaskOutcome
from ingestify.errors import DatasetNotFound
from ingestify.main import config_path, get_datastore, wanted_indexes
from ingestify.store.dataset_store import DatasetStore

__all__ = ["delete_command", "list_command", "show_command", "status_command", "sync_indexes_command"]

_states = click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in DatasetState], case_sensitive=False),
    help="Only datasets in this state; may be given several times.",
)


def _as_dict(dataset: Dataset) -> dict[str, Any]:
    revision = dataset.current_revision
    return {
        "dataset_id": dataset.dataset_id,
        "bucket": dataset.bucket,
        "provider": dataset.provider,
        "dataset_type": dataset.dataset_type,
        "identifier": dict(dataset.identifier),
        "name": dataset.name,
        "state": dataset.state.value,
        "missing_feeds": list(dataset.missing_feeds),
        "metadata": dict(dataset.metadata),
        "created_at": dataset.created_at,
        "updated_at": dataset.updated_at,
        "last_modified_at": dataset.last_modified_at,
        "revision_id": None if revision is None else revision.revision_id,
        "revision_state": None if revision is None else revision.state.value,
        "files": [
            {
                "file_id": file.file_id,
                "data_serialization_format": file.data_serialization_format,
                "size": file.size,
                "tag": file.tag,
                "storage_path": file.storage_path,
                "revision_id": file.revision_id,
                "modified_at": file.modified_at,
            }
            for file in dataset.files.values()
        ],
    }


@click.command("list")
@config_option
@dataset_filters
@_states
@click.option("--count", is_flag=True, help="Only print how many there are.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each dataset.")
@logging_options
@filter_arguments
def list_command(
    config_file: str | None,
    bucket: str | None,
    provider: str | None,
    dataset_type: str | None,
    states: tuple[str, ...],
    count: bool,
    limit: int | None,
    as_json: bool,
    filters: tuple[str, ...],
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """List the datasets in the lake, in the order in which they came into it.

    KEY=VALUE narrows them, such as  competition_id=11 match_id=12,13 .
    """
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    store = get_datastore(config_path(config_file), bucket)
    try:
        wanted: dict[str, Any] = {
            "provider": provider,
            "dataset_type": dataset_type,
            "dataset_state": list(states) or None,
            **parse_filters(filters),
        }
        if count:
            write_line(str(store.get_dataset_collection(metadata_only=True, **wanted).metadata.row_count))
            return
        datasets: Iterator[Dataset] = store.iter_dataset_collection_batches(**wanted)
        shown = 0
        for dataset in itertools.islice(datasets, limit):
            shown += 1
            if as_json:
                write_json(_as_dict(dataset))
            else:
                _write_row(dataset)
        if not shown and not as_json and not quiet:
            write_stderr("No datasets. 'ingestify run' fetches what the ingestion plans name.")
    finally:
        store.close()


def _write_row(dataset: Dataset) -> None:
    revision = dataset.current_revision
    number = "-" if revision is None else str(revision.revision_id)
    write_line(
        f"{dataset.dataset_id}  {dataset.state.value:<9}  r{number:<3}  "
        f"{dataset.provider}/{dataset.dataset_type}/{dataset.identifier}  {dataset.name}"
        + (f"  (lacks {', '.join(dataset.missing_feeds)})" if dataset.missing_feeds else "")
    )


def _find(store: DatasetStore, what: str, **filters: Any) -> list[Dataset]:
    """Return the datasets that an id, the beginning of one, or `key=value/key=value` names; at least one."""
    if "=" in what:
        wanted = store.dataset_filter(**filters)
        identified = dataclasses.replace(wanted, selector=parse_identifier(what))
        found = [dataset for batch in store.catalogue.iter_batches(identified, 1000) for dataset in batch]
        if not found:
            raise DatasetNotFound(f"No dataset in the bucket '{store.bucket}' matches {what}; see 'ingestify list'.")
        return found
    return [store.get_dataset(what)]


@click.command("show")
@config_option
@dataset_filters
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@logging_options
@click.argument("dataset", metavar="ID|KEY=VALUE/KEY=VALUE")
def show_command(
    config_file: str | None,
    bucket: str | None,
    provider: str | None,
    dataset_type: str | None,
    as_json: bool,
    dataset: str,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """Show a dataset: what it is, its revisions and its files."""
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    store = get_datastore(config_path(config_file), bucket)
    try:
        for found in _find(store, dataset, provider=provider, dataset_type=dataset_type):
            if as_json:
                write_json({**_as_dict(found), "revisions": [_revision_as_dict(one) for one in found.revisions]})
            else:
                _show(found)
    finally:
        store.close()


def _revision_as_dict(revision: Any) -> dict[str, Any]:
    return {
        "revision_id": revision.revision_id,
        "created_at": revision.created_at,
        "state": revision.state.value,
        "description": revision.description,
        "source": dict(revision.source),
        "modified_files": [file.file_id for file in revision.modified_files],
        "removed_file_ids": list(revision.removed_file_ids),
    }


def _show(dataset: Dataset) -> None:
    write_line(f"{dataset.name}")
    for title, text in (
        ("dataset id", dataset.dataset_id),
        ("what", f"{dataset.provider}/{dataset.dataset_type}/{dataset.identifier}"),
        (
            "state",
            dataset.state.value + (f", lacks {', '.join(dataset.missing_feeds)}" if dataset.missing_feeds else ""),
        ),
        ("in the lake since", time_text(dataset.created_at)),
        ("changed by the provider", time_text(dataset.last_modified_at)),
    ):
        write_line(f"  {title:<24} {text}")
    for revision in dataset.revisions:
        changed = ", ".join(
            [file.file_id for file in revision.modified_files] + [f"-{gone}" for gone in revision.removed_file_ids]
        )
        state = "" if revision.state.value == "VALID" else f"  {revision.state.value}"
        why = f"  ({revision.description})" if revision.description else ""
        write_line(f"  revision {revision.revision_id}  {time_text(revision.created_at)}{state}  {changed}{why}")
    for file in dataset.files.values():
        write_line(
            f"  {file.file_id:<20} r{file.revision_id}  {size(file.size):>8}, stored as {size(file.storage_size)}"
            f"  sha256 {file.tag[:12]}…  {file.storage_path}"
        )


@click.command("delete")
@config_option
@dataset_filters
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@logging_options
@click.argument("dataset", metavar="ID|KEY=VALUE/KEY=VALUE")
def delete_command(
    config_file: str | None,
    bucket: str | None,
    provider: str | None,
    dataset_type: str | None,
    yes: bool,
    dataset: str,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """Remove datasets and their files from the lake. On a terminal it asks first."""
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    store = get_datastore(config_path(config_file), bucket)
    try:
        found = _find(store, dataset, provider=provider, dataset_type=dataset_type)
        if not yes and sys.stdin.isatty():
            for one in found[:10]:
                write_stderr(f"  {one}  {one.name}")
            if len(found) > 10:
                write_stderr(f"  … and {len(found) - 10:,} more")
            what = noun((one.dataset_type for one in found), len(found))
            click.confirm(f"Remove {len(found):,} {what} with all revisions?", abort=True, err=True)
        removed = store.delete_datasets(found)
        if not quiet:
            write_stderr(f"Removed {removed:,} {noun((one.dataset_type for one in found), removed)}.")
    finally:
        store.close()


@click.command("status")
@config_option
@click.option("--bucket", metavar="NAME", help="Which bucket of the lake. Default: the configuration's.")
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True, help="How many runs to show.")
@click.option("--failed", is_flag=True, help="Show each dataset that failed.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@logging_options
def status_command(
    config_file: str | None,
    bucket: str | None,
    runs: int,
    failed: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """Show the last runs, and how large the lake is."""
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    store = get_datastore(config_path(config_file), bucket)
    try:
        totals = dict(store.totals())
        grouped = _last_runs(store, runs, with_tasks=failed or as_json)
        if as_json:
            write_json(
                {
                    "bucket": store.bucket,
                    **totals,
                    "runs": [
                        {
                            "run_id": run_id,
                            "jobs": [
                                {**job_as_dict(job), "tasks": [task_as_dict(task) for task in job.tasks]}
                                for job in jobs
                            ],
                        }
                        for run_id, jobs in grouped.items()
                    ],
                }
            )
            return
        write_line(
            f"bucket {store.bucket}: {totals['datasets']:,} datasets, {totals['revisions']:,} revisions, "
            f"{totals['files']:,} files · {size(totals['size_bytes'])} of the providers' bytes, stored in "
            f"{size(totals['storage_bytes'])}"
        )
        for jobs in grouped.values():
            _show_run(jobs, failed=failed)
        if not grouped:
            write_line("no run yet")
    finally:
        store.close()


def _last_runs(store: DatasetStore, runs: int, *, with_tasks: bool) -> dict[str, list[JobSummary]]:
    """Return the jobs of the last runs by run, newest first, without reading years of them."""
    limit = 100
    while True:
        jobs = store.catalogue.load_jobs(limit, with_tasks=False)
        grouped: dict[str, list[JobSummary]] = {}
        for job in jobs:
            grouped.setdefault(job.run_id, []).append(job)
        # One run more than asked for has begun, so the last one that was asked for is whole.
        if len(grouped) > runs or len(jobs) < limit:
            break
        limit *= 4
    if with_tasks:
        wanted = list(grouped)[:runs]
        grouped = {run_id: [] for run_id in wanted}
        for job in store.catalogue.load_jobs(len(jobs), with_tasks=True):
            if job.run_id in grouped:
                grouped[job.run_id].append(job)
    return dict(list(grouped.items())[:runs])


def _show_run(jobs: list[JobSummary], *, failed: bool) -> None:
    started = min(job.started_at for job in jobs)
    ended = [job.ended_at for job in jobs if job.ended_at is not None]
    took = f" · {clock((max(ended) - started) / dt.timedelta(seconds=1))}" if len(ended) == len(jobs) else ""
    totals = sum((job.counters for job in jobs), Counters())
    what = noun((job.dataset_type for job in jobs), totals.discovered)
    write_line(
        f"run {time_text(started)}  {_run_state(jobs)}  {totals.discovered:,} {what}: {counts(totals)} · "
        f"{size(totals.received_bytes)}{took}"
    )
    for job in jobs:
        if job.state not in (RunState.FINISHED, RunState.SKIPPED):
            why = f": {job.error}" if job.error else ""
            write_line(f"  {job.state.value:<8} {job.source}: {job.selector_name}{why}")
        tasks = [task for task in job.tasks if task.state is RunState.FAILED] if failed else []
        for task in tasks:
            what = "in quarantine" if task.outcome is TaskOutcome.QUARANTINED else "failed"
            write_line(f"  {what:<8} {task.name or task.identifier}: {task.error}")


def _run_state(jobs: list[JobSummary]) -> str:
    states = {job.state for job in jobs}
    for state in (RunState.RUNNING, RunState.FAILED, RunState.ABORTED, RunState.FINISHED):
        if state in states:
            return state.value
    return RunState.SKIPPED.value


@click.command("sync-indexes")
@config_option
@logging_options
def sync_indexes_command(config_file: str | None, quiet: bool, verbose: bool, debug: bool) -> None:
    """Make the database indexes for `identifier_index: true`, and drop those that are no longer asked for."""
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    store = get_datastore(config_path(config_file))
    try:
        made, dropped = store.catalogue.sync_indexes(wanted_indexes(config_file))
        for name in made:
            write_line(f"made {name}")
        for name in dropped:
            write_line(f"dropped {name}")
        if not made and not dropped and not quiet:
            write_stderr("The indexes are as the configuration asks.")
    finally:
        store.close()
    exit_with(0)
