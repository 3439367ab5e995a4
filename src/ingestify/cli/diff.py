"""`ingestify diff` and `log`: what changed in a dataset."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from ingestify.cli.console import Console
from ingestify.cli.dataset_lookup import find_datasets
from ingestify.cli.options import NamedLake, console_options, dataset_options, json_option, lake_options
from ingestify.cli.output import time_text, write_line
from ingestify.documents.datasets import ComparedRevisions, RevisionSentences, compared_revisions, revision_sentences
from ingestify.domain.dataset import Dataset
from ingestify.domain.wording import counted_datasets
from ingestify.errors import LoadError

if TYPE_CHECKING:
    from ingestify.store.reading.dataset_diff import DatasetDiff, RevisionLog

__all__ = ["diff_command", "log_command"]

_BEFORE_THE_LAST, _LAST = -2, -1

_dataset_argument = click.argument("dataset", metavar="ID|[PROVIDER/TYPE/]KEY=VALUE/…")


@click.command("diff")
@lake_options
@dataset_options
@click.option("--feed", "feeds", multiple=True, metavar="NAME", help="Only this feed; may be given several times.")
@json_option("One JSON object for each dataset, with all differences.", ComparedRevisions)
@console_options
@_dataset_argument
@click.argument("from_revision", metavar="[FROM]", type=click.IntRange(min=0), required=False)
@click.argument("to_revision", metavar="[TO]", type=click.IntRange(min=0), required=False)
def diff_command(
    lake: NamedLake,
    filters: dict[str, Any],
    feeds: tuple[str, ...],
    dataset: str,
    from_revision: int | None,
    to_revision: int | None,
    console: Console,
) -> None:
    """Show what changed between two revisions of a dataset: a sentence, then record by record.

    FROM and TO are numbers of revisions, as  ingestify log  shows them. Default: the last one, and the one before it.
    """
    numbers = (
        _BEFORE_THE_LAST if from_revision is None else from_revision,
        _LAST if to_revision is None else to_revision,
    )
    with lake.open_store() as store:
        found = find_datasets(store, dataset, **filters)
        corrected = [one for one in found if from_revision is not None or len(one.revisions) > 1]
        for one in found if len(found) == 1 else corrected:
            try:
                diff = store.diff(one, *numbers, feed=feeds or None)
            except LoadError as error:
                if len(found) == 1:
                    raise
                console.tell(str(error))  # the others may have these revisions
                continue
            console.show(diff, functools.partial(compared_revisions, one), _write_diff)
        if len(corrected) < len(found) > 1:
            all_of_them = counted_datasets({one.dataset_type for one in found}, len(found))
            console.tell(
                f"{len(found) - len(corrected):,} of {all_of_them} have no other revision than their first one."
            )


def _write_diff(diff: DatasetDiff) -> None:
    caption, *table = repr(diff).splitlines()
    write_line(caption)
    if diff.has_more_clauses:
        for clause in diff.clauses:
            write_line(f"  · {clause}")
    for line in table:
        write_line(line)


@click.command("log")
@lake_options
@dataset_options
@json_option("One JSON object for each dataset.", RevisionSentences)
@console_options
@_dataset_argument
def log_command(lake: NamedLake, filters: dict[str, Any], dataset: str, console: Console) -> None:
    """List the revisions of a dataset, and what changed in each."""
    with lake.open_store() as store:
        for one in find_datasets(store, dataset, **filters):
            document, write = functools.partial(revision_sentences, one), functools.partial(_write_log, one)
            console.show(store.log(one), document, write)


def _write_log(dataset: Dataset, log: RevisionLog) -> None:
    write_line(dataset.name)
    for one in log:
        state = "" if one.state.value == "VALID" else f"  {one.state.value} ({one.description})"
        write_line(f"  {one.revision_id:>3}  {time_text(one.created_at)}{state}  {one.sentence}")
