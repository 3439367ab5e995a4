"""`ingestify gc`: what takes room in the storage and belongs to nobody."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from ingestify.cli.logs import set_up_logging, write_stderr
from ingestify.cli.options import Age, lake_options, logging_options
from ingestify.cli.output import write_json, write_line
from ingestify.domain.ports import StoredObject
from ingestify.domain.retention import Retention
from ingestify.main import open_datastore
from ingestify.main.place import Place
from ingestify.progress.formatting import size
from ingestify.remedies import remedy
from ingestify.store.maintenance.garbage import Garbage, collect_garbage

__all__ = ["gc_command"]


@click.command("gc")
@lake_options
@click.option(
    "--older-than",
    type=Age(),
    default="24h",
    show_default=True,
    metavar="AGE",
    help="Only what was written, and deleted, so long ago: 24h, 7d, 0h.",
)
@click.option("-y", "--yes", is_flag=True, help="Remove it. Without this it is only shown.")
@click.option("--json", "as_json", is_flag=True, help="The totals as one JSON object.")
@logging_options
def gc_command(
    place: Place,
    older_than: dt.timedelta,
    yes: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """Remove the files that no dataset has any more, of all buckets, and what broken runs left behind.

    A deleted dataset's files stay until they are this old, for who is reading them. It may go on beside a run, but
    not with an age of less than an hour. Jobs and events that are older than `retention` in the config file go, too.
    """
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    store = open_datastore(place)
    try:
        shows_each = not as_json and not quiet and (verbose or not yes)
        garbage = collect_garbage(
            store, older_than=older_than, dry_run=not yes, on_object=_show_object if shows_each else None
        )
    finally:
        store.close()
    if as_json:
        write_json(_as_dict(garbage, older_than))
        return
    write_line(_summary(garbage))
    if store.retention is not None and store.retention != Retention():
        write_line(_history(garbage))
    if not yes and not quiet and (garbage.total_count or garbage.forgotten.jobs or garbage.forgotten.events):
        write_stderr("Nothing was removed; with --yes it is.")


def _show_object(stored: StoredObject) -> None:
    write_line(f"{size(stored.size):>10}  {stored.path}")


def _summary(garbage: Garbage) -> str:
    objects, leftovers = garbage.objects, garbage.leftovers.count
    return (
        f"{objects:,} {'file' if objects == 1 else 'files'} that no dataset has and {leftovers:,} "
        f"{'leftover' if leftovers == 1 else 'leftovers'} of broken runs{' removed' if garbage.is_removed else ''}: "
        f"{size(garbage.total_bytes)}"
    )


def _history(garbage: Garbage) -> str:
    forgotten = garbage.forgotten
    text = (
        f"{forgotten.jobs:,} {'job' if forgotten.jobs == 1 else 'jobs'} and {forgotten.events:,} "
        f"{'event' if forgotten.events == 1 else 'events'} that are older than the retention"
        f"{' removed' if garbage.is_removed else ''}"
    )
    if forgotten.slowest_reader is not None:
        text += (
            f"; {forgotten.unread_events:,} old events stay for the reader '{forgotten.slowest_reader}', who has not "
            f"read them: {remedy('events forget', forgotten.slowest_reader)} if it never will"
        )
    return text


def _as_dict(garbage: Garbage, older_than: dt.timedelta) -> dict[str, Any]:
    return {
        "objects": garbage.objects,
        "object_bytes": garbage.object_bytes,
        "leftovers": garbage.leftovers.count,
        "leftover_bytes": garbage.leftovers.size,
        "jobs": garbage.forgotten.jobs,
        "events": garbage.forgotten.events,
        "unread_events": garbage.forgotten.unread_events,
        "slowest_reader": garbage.forgotten.slowest_reader,
        "older_than_seconds": int(older_than.total_seconds()),
        "removed": garbage.is_removed,
    }
