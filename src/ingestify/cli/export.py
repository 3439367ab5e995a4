"""`ingestify export`: files in a folder, where readers of the provider's own files look for them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from ingestify.cli.console import Console
from ingestify.cli.dataset_lookup import explain_nothing, read_lock
from ingestify.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import (
    NamedLake,
    as_of_option,
    console_options,
    dataset_options,
    filter_arguments,
    json_option,
    lake_options,
    state_option,
    where_option,
)
from ingestify.cli.output import flush, write_json, write_line
from ingestify.documents.keeping import ExportedLine, ExportEndLine, export_end_line, exported_line
from ingestify.main.adapters import concurrency
from ingestify.store.export.exporting import FORMATS, export_datasets
from ingestify.store.export.report import Exported, ExportOutcome
from ingestify.store.reading.locked import refuse_other_filters

__all__ = ["export_command"]


@click.command("export")
@lake_options
@dataset_options
@state_option
@where_option
@as_of_option("The files of then")
@click.option(
    "--lock",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Exactly the files of this lock; - is stdin.",
)
@click.option(
    "--format",
    "export_format",
    type=click.Choice(FORMATS),
    default="files",
    show_default=True,
    help="files: the provider's bytes. parquet: a table of each feed; needs polars.",
)
@click.option("--overwrite", is_flag=True, help="Replace files of the folder that have other bytes.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@json_option("JSON Lines: one for each file, and one at the end.", ExportedLine, ExportEndLine)
@console_options
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@filter_arguments()
def export_command(
    lake: NamedLake,
    folder: Path,
    filters: dict[str, Any],
    states: tuple[str, ...],
    where: str | None,
    as_of: dt.datetime | None,
    lock: Path | None,
    export_format: str,
    overwrite: bool,
    dry_run: bool,
    console: Console,
) -> int:
    """Write files into a folder as the provider lays them out, for readers of its own files.

    KEY=VALUE narrows the datasets, such as  competition_id=11 match_id=12,13 . The lists of a provider, such as
    competitions.json, are written anew, and LICENCE-PROVIDER.txt has its terms. Files that are there with the same
    bytes are left alone; if one has others, nothing is written without --overwrite. The exit code is 3 if a file of the
    lake is damaged.
    """
    with lake.open_store() as store:
        wanted = store.dataset_filter(state=list(states) or None, where=where, as_of=as_of, **filters)
        if lock is not None:
            refuse_other_filters(wanted)
        report = export_datasets(
            store,
            store.iter_to_export(wanted, None if lock is None else read_lock(lock)),
            folder,
            moving=console.show_progress,
            export_format=export_format,
            overwrite=overwrite,
            dry_run=dry_run,
            workers=concurrency(),
            on_exported=lambda one: _tell(one, console),
        )
        if not report.progress.datasets:
            console.tell(explain_nothing(store, wanted))
    code = EXIT_SOME_FAILED if report.progress.failed else EXIT_OK
    if console.as_json:
        write_json(export_end_line(report, code))
    elif not console.quiet:
        write_line(report.line)
    return code


def _tell(one: Exported, console: Console) -> None:
    if console.as_json:
        write_json(exported_line(one))
        flush()
    elif one.outcome is ExportOutcome.FAILED:
        write_stderr(f"failed: {one.path}: {one.reason}")
    elif console.verbose:
        console.tell(f"{one.outcome.value}: {one.path}" + (f": {one.reason}" if one.reason else ""))
