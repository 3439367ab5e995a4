"""`ingestify sources check`: does a source of the configuration bring what it should?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ingestify.cli.app import exit_with
from ingestify.cli.exit_codes import EXIT_FAILED
from ingestify.cli.logs import set_up_logging, write_stderr
from ingestify.cli.options import filter_arguments, lake_options, logging_options, parse_filters
from ingestify.cli.output import write_json, write_line
from ingestify.masking import mask_text

if TYPE_CHECKING:
    from ingestify.main.place import Place
    from ingestify.main.trial import SourceTrial, TriedFile

__all__ = ["check_command"]

_SHOWN_CHARACTERS = 70
_SHOWN_KEYS = 12


@click.command("check", short_help="Fetch one dataset of a source, and show what it is.")
@lake_options
@click.option("--dataset-type", metavar="TYPE", help="Which of its plans. Default: the first.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@logging_options
@click.argument("name", metavar="NAME")
@filter_arguments
def check_command(
    place: Place,
    dataset_type: str | None,
    as_json: bool,
    name: str,
    filters: tuple[str, ...],
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """Fetch one dataset of a source, into a lake in memory, and show what was found.

    NAME is one under sources in the config.yaml. Filters such as match_id=12 say which dataset. Nothing of the
    configured lake is read or written. The exit code is 1 if something is wrong.
    """
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    from ingestify.main.trial import try_source  # heavy, and `sources list` needs none of it: pydantic

    config = place.config_for("what sources there are")
    trial = try_source(config, name, dataset_type=dataset_type, filters=parse_filters(filters))
    if as_json:
        write_json(_as_json(trial))
    else:
        _show(trial)
    for problem in trial.problems:
        write_stderr(mask_text(f"wrong: {problem}"))
    if trial.problems:
        exit_with(EXIT_FAILED)


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


def _as_json(trial: SourceTrial) -> dict[str, Any]:
    dataset = trial.dataset
    return {
        "source": trial.source,
        "provider": trial.provider,
        "dataset_type": trial.dataset_type,
        "requests": trial.report.totals.requests,
        "received_bytes": trial.report.totals.received_bytes,
        "announced": list(trial.announced),
        "dataset": None
        if dataset is None
        else {
            "identifier": dict(dataset.identifier),
            "name": dataset.name,
            "state": dataset.state.value,
            "metadata": dataset.metadata,
        },
        "files": [
            {
                "file_id": file.file_id,
                "data_serialization_format": file.format,
                "size": file.size,
                "content_type": file.content_type,
                "begins": file.beginning[:_SHOWN_CHARACTERS].decode("utf-8", "replace"),
                "keys": None if file.keys is None else list(file.keys),
                "items": file.items,
            }
            for file in trial.files
        ],
        "notes": list(trial.notes),
        "problems": [mask_text(problem) for problem in trial.problems],
    }
