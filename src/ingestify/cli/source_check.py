"""`ingestify sources check`: tries out a source of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_FAILED, EXIT_OK
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import (
    NamedLake,
    console_options,
    filter_arguments,
    json_option,
    lake_options,
    source_argument,
)
from ingestify.cli.output import write_line
from ingestify.documents.sources import TrialDocument, trial_document
from ingestify.masking import mask_text

if TYPE_CHECKING:
    from ingestify.main.trial import SourceTrial, TriedFile

__all__ = ["check_command"]

_SHOWN_CHARACTERS = 70
_SHOWN_KEYS = 12


@click.command("check", short_help="Fetch one dataset of a source, and show what it is.")
@lake_options
@click.option("--dataset-type", metavar="TYPE", help="Which of its plans. Default: the first.")
@json_option("As JSON.", TrialDocument)
@console_options
@source_argument
@filter_arguments()
def check_command(
    lake: NamedLake, dataset_type: str | None, name: str, filters: dict[str, Any], console: Console
) -> int:
    """Fetch one dataset of a source, into a lake in memory, and show what was found.

    NAME is a source in the config.yaml. Filters such as match_id=12 choose the dataset. The configured lake is neither
    read nor written. The exit code is 1 if something is wrong.
    """
    from ingestify.main.trial import try_source  # heavy, and `sources list` needs none of it: pydantic

    config = lake.place.config_for("what sources there are")
    trial = try_source(config, name, dataset_type=dataset_type, filters=filters)
    console.show(trial, trial_document, _show)
    for problem in trial.problems:
        write_stderr(mask_text(f"wrong: {problem}"))
    return EXIT_FAILED if trial.problems else EXIT_OK


def _show(trial: SourceTrial) -> None:
    totals = trial.report.totals
    write_line(f"source        {trial.source} ({trial.provider}, {trial.dataset_type})")
    write_line(f"asked         {totals.requests} requests, {totals.received_bytes:,} bytes")
    dataset = trial.dataset
    if dataset is not None:
        write_line(f"identity      {dataset.identifier}")
        write_line(f"name          {dataset.name}")
        write_line(f"state         {dataset.state}")
        for key, value in dataset.metadata.items():
            write_line(_cut(f"metadata      {key}: {value}"))
    for file in trial.files:
        write_line(f"file          {file.file_id}  {file.format}  {file.size:,} bytes")
        write_line(f"              {_content_text(file)}")
    for note in trial.notes:
        write_line(f"note          {note}")


def _content_text(file: TriedFile) -> str:
    parts = []
    if file.items is not None:
        parts.append(f"a list of {file.items:,}")
    if file.keys is not None:
        more = f" and {len(file.keys) - _SHOWN_KEYS} more" if len(file.keys) > _SHOWN_KEYS else ""
        parts.append(f"with the keys {', '.join(file.keys[:_SHOWN_KEYS])}{more}")
    return _cut(" ".join(parts) or f"begins {file.beginning[:_SHOWN_CHARACTERS]!r}", 100)


def _cut(text: str, most: int = 100) -> str:
    line = " ".join(mask_text(text).split("\n"))
    return line if len(line) <= most else f"{line[: most - 1]}…"
