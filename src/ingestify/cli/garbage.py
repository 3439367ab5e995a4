"""`ingestify gc`: removes files of the storage that no dataset has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import click

from ingestify.cli.console import Console
from ingestify.cli.options import Age, NamedLake, console_options, json_option, lake_options
from ingestify.cli.output import write_json, write_line
from ingestify.documents.keeping import GarbageDocument, garbage_document
from ingestify.domain.ports import StoredObject
from ingestify.domain.retention import Retention
from ingestify.domain.wording import counted_datasets
from ingestify.progress.formatting import counted, size
from ingestify.remedies import quoted, remedy
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
    help="Only files that were written, and deleted, so long ago: 24h, 7d, 0h.",
)
@click.option("-y", "--yes", is_flag=True, help="Remove the files. Without this they are only listed.")
@json_option("The totals as one JSON object.", GarbageDocument)
@console_options
def gc_command(lake: NamedLake, older_than: dt.timedelta, yes: bool, console: Console) -> None:
    """Remove the files that no dataset has any more, of all buckets, and the leftovers of broken runs.

    The files of a deleted dataset stay until they are this old, for readers that have them open. The command may run
    beside an ingest, but not with an age of less than an hour. It also removes what `retention` in the config file does
    not keep: old jobs and events, and revisions that a match got while it was played.
    """
    shows_each = not console.as_json and not console.quiet and (console.verbose or not yes)
    with lake.open_store() as store:
        garbage = collect_garbage(
            store, older_than=older_than, dry_run=not yes, on_object=_show_object if shows_each else lambda _: None
        )
    if console.as_json:
        write_json(garbage_document(garbage, older_than))
        return
    write_line(_summary(garbage))
    if store.retention is not None and store.retention != Retention():
        write_line(_history(garbage))
    if store.retention is not None and store.retention.live_revisions is not None:
        for one in garbage.thinned if shows_each else ():
            write_line(f"{size(one.size):>10}  {one.dataset}: revision {_numbers(one.revisions)}")
        write_line(_thinned(garbage))
    forgotten = garbage.forgotten
    if not yes and (garbage.total_count or forgotten.jobs or forgotten.events or garbage.thinned):
        console.tell("Nothing was removed; --yes removes it.")


def _show_object(stored: StoredObject) -> None:
    write_line(f"{size(stored.size):>10}  {stored.path}")


def _summary(garbage: Garbage) -> str:
    return (
        f"{counted(garbage.objects, 'file')} that no dataset has and {counted(garbage.leftovers.count, 'leftover')} of "
        f"broken runs{' removed' if garbage.is_removed else ''}: {size(garbage.total_bytes)}"
    )


def _history(garbage: Garbage) -> str:
    forgotten = garbage.forgotten
    text = (
        f"{counted(forgotten.jobs, 'job')} and {counted(forgotten.events, 'event')} that are older than the retention"
        f"{' removed' if garbage.is_removed else ''}"
    )
    if forgotten.slowest_reader is not None:
        text += (
            f"; {forgotten.unread_events:,} old events stay for the reader '{forgotten.slowest_reader}', who has not "
            f"read them: {remedy('events forget', quoted(forgotten.slowest_reader))} if it never will"
        )
    return text


def _thinned(garbage: Garbage) -> str:
    revisions = sum(len(one.revisions) for one in garbage.thinned)
    files, total = sum(len(one.files) for one in garbage.thinned), sum(one.size for one in garbage.thinned)
    return (
        f"{counted(revisions, 'provisional revision')} of {counted_datasets({'match'}, len(garbage.thinned))} with "
        f"{counted(files, 'file')}: {size(total)}"
        f"{' thinned; their files go as those of a deleted dataset do' if garbage.is_removed else ''}"
    )


def _numbers(numbers: Sequence[int]) -> str:
    """Return `3-7, 9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
