"""`ingestify lock`: which bytes a study uses, and whether a lake has them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from ingestify.cli.console import Console
from ingestify.cli.dataset_lookup import read_lock
from ingestify.cli.exit_codes import EXIT_FAILED
from ingestify.cli.options import (
    NamedLake,
    as_of_option,
    console_options,
    dataset_options,
    filter_arguments,
    json_option,
    lake_options,
)
from ingestify.cli.output import write_json, write_json_lines, write_line
from ingestify.documents.datasets import CheckedLock, checked_lock
from ingestify.progress.formatting import counted
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.locked import check_lock, refuse_other_filters

__all__ = ["lock_command"]


@click.command("lock")
@lake_options
@dataset_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="The file to write the lock to; - is stdout.",
)
@click.option(
    "--check",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Say what the lake has of this lock; - is stdin.",
)
@as_of_option("Lock the lake as it was then")
@json_option("With --check: one JSON object for each dataset.", CheckedLock)
@console_options
@filter_arguments()
def lock_command(
    lake: NamedLake,
    filters: dict[str, Any],
    output: Path | None,
    check: Path | None,
    as_of: dt.datetime | None,
    console: Console,
) -> None:
    """Write down which bytes a study uses (-o), or see whether this lake has those of a lock (--check).

    KEY=VALUE narrows the datasets, such as  competition_id=11 match_id=12,13 . A lock has the sha256 of each file and
    none of its bytes, so it may be published. Whoever has access to the data reads the same bytes with it:
    iter_datasets(lock="study.lock"). --check ends with exit code 1 if the lake lacks some of them.
    """
    if (output is None) == (check is None):
        raise click.UsageError("Give one of the two: -o study.lock writes a lock, --check study.lock compares one.")
    if check is not None and as_of is not None:
        raise click.UsageError("--as-of is for a lock that is written.")
    with lake.open_store() as store:
        if check is not None:
            _check(store, check, filters, console)
            return
        assert output is not None
        to_stdout = str(output) == "-"
        lock = store.lock(store.dataset_filter(as_of=as_of, **filters), None if to_stdout else output)
    if to_stdout:
        write_json_lines(lock.document("stdout"))
    files = sum(len(dataset.files) for dataset in lock)
    console.tell(f"{'stdout' if to_stdout else output}: {counted(len(lock), 'dataset')}, {counted(files, 'file')}")


def _check(store: DatasetStore, path: Path, filters: dict[str, Any], console: Console) -> None:
    wanted = store.dataset_filter(**filters)
    refuse_other_filters(wanted)
    checked = check_lock(store.catalogue, read_lock(path), wanted)
    for one in checked:
        if console.as_json:
            write_json(checked_lock(one))
        else:
            write_line(f"{one.status.value:<14}  {one.locked}" + (f": {one.why}" if one.why else ""))
    console.tell(checked.caption)
    if not checked or not checked.is_readable:
        raise click.exceptions.Exit(EXIT_FAILED)
