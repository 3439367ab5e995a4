"""`ingestify list`, `show`, `delete` and `sync-indexes`: what is in the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from ingestify.cli.confirmation import confirm, yes_option
from ingestify.cli.console import Console
from ingestify.cli.dataset_lookup import explain_nothing, find_datasets
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
from ingestify.cli.output import time_text, write_fields, write_json, write_line
from ingestify.documents.datasets import ListedDataset, ShownDataset, listed_dataset, shown_dataset
from ingestify.domain.dataset import Dataset
from ingestify.domain.quarantine import WaitingBundle
from ingestify.domain.wording import noun
from ingestify.progress.formatting import counted, size
from ingestify.remedies import remedy

__all__ = ["delete_command", "list_command", "show_command", "sync_indexes_command"]

SURE_OF_AN_ID = 8
"""How many characters of an id are enough to remove what it names: match_id's values look like short beginnings."""


@click.command("list")
@lake_options
@dataset_options
@state_option
@where_option
@as_of_option("The lake as it was then, with the names and states of today")
@click.option("--warnings", "has_warnings", is_flag=True, help="Only those in which a check found something.")
@click.option("--count", is_flag=True, help="Only print how many there are.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@json_option("One JSON object for each dataset.", ListedDataset)
@console_options
@filter_arguments()
def list_command(
    lake: NamedLake,
    filters: dict[str, Any],
    states: tuple[str, ...],
    where: str | None,
    as_of: dt.datetime | None,
    has_warnings: bool,
    count: bool,
    limit: int | None,
    console: Console,
) -> None:
    """List the datasets in the lake, by competition, season, date and name.

    KEY=VALUE narrows them, such as  competition_id=11 match_id=12,13 .
    """
    with lake.open_store() as store:
        meant = store.dataset_filter(
            state=list(states) or None, where=where, as_of=as_of, has_warnings=has_warnings, **filters
        )
        waiting = {} if as_of or has_warnings else _by_dataset(store.quarantine.find_waiting(meant))
        if count:
            found = store.catalogue.datasets.read_metadata(meant).row_count
            write_line(str(found))
            store.warn_of_deleted(meant)
        else:
            found = 0
            for dataset in store.iter_in_order(meant, limit):
                found += 1
                if console.as_json:
                    write_json(listed_dataset(dataset, waiting.get(dataset.dataset_id, ())))
                else:
                    _write_row(dataset, is_waited_for=dataset.dataset_id in waiting)
        if not found:
            console.tell(explain_nothing(store, meant))
        if waiting:
            console.tell(_count_waiting(waiting))


def _by_dataset(bundles: Iterable[WaitingBundle]) -> dict[str, list[WaitingBundle]]:
    found: dict[str, list[WaitingBundle]] = {}
    for one in bundles:
        found.setdefault(one.dataset_id, []).append(one)
    return found


def _count_waiting(waiting: Mapping[str, Sequence[WaitingBundle]]) -> str:
    """Return what is not listed as the provider serves it, and where to look."""
    newer = sum(bundles[0].is_published for bundles in waiting.values())
    only = len(waiting) - newer
    parts = []
    if newer:
        parts.append(f"{counted(newer, 'dataset')} {'has' if newer == 1 else 'have'} a newer version in quarantine")
    if only:
        are = "is" if only == 1 else "are"
        parts.append(
            f"{only:,} more {are} only there" if newer else f"{counted(only, 'dataset')} {are} only in quarantine"
        )
    return f"{', and '.join(parts)}: {remedy('quarantine list')} says why."


def _write_row(dataset: Dataset, *, is_waited_for: bool) -> None:
    revision = dataset.current_revision
    number = "-" if revision is None else str(revision.revision_id)
    write_line(
        f"{dataset.dataset_id}  {dataset.state.value:<9}  r{number:<3}  "
        f"{dataset.provider}/{dataset.dataset_type}/{dataset.identifier}  {dataset.name}"
        + (f"  ({'; '.join(gaps)})" if (gaps := _gaps(dataset, is_waited_for=is_waited_for)) else "")
    )


def _gaps(dataset: Dataset, *, is_waited_for: bool) -> list[str]:
    gaps = [f"lacks {', '.join(dataset.missing_feeds)}"] if dataset.missing_feeds else []
    for files, what in ((dataset.broken_files, "broken"), (dataset.left_out_files, "left out")):
        if files:
            gaps.append(f"{what}: {', '.join(files)}")
    if dataset.warnings:
        gaps.append(counted(len(dataset.warnings), "warning"))
    return [*gaps, "newer in quarantine"] if is_waited_for else gaps


@click.command("show")
@lake_options
@dataset_options
@json_option("As JSON.", ShownDataset)
@console_options
@click.argument("dataset", metavar="ID|[PROVIDER/TYPE/]KEY=VALUE/…")
def show_command(lake: NamedLake, filters: dict[str, Any], dataset: str, console: Console) -> None:
    """Show a dataset: what it is, its revisions and its files."""
    with lake.open_store() as store:
        for found in find_datasets(store, dataset, **filters):
            waiting = store.quarantine.find_waiting(store.dataset_filter(dataset_id=found.dataset_id))
            if console.as_json:
                write_json(shown_dataset(found, waiting))
            else:
                _show(found, waiting)


def _show(dataset: Dataset, waiting: Sequence[WaitingBundle]) -> None:
    write_line(f"{dataset.name}")
    source = dataset.revisions[-1].source if dataset.revisions else {}
    lacks = f", lacks {', '.join(dataset.missing_feeds)}" if dataset.missing_feeds else ""
    write_fields(
        ("dataset id", dataset.dataset_id),
        ("what", f"{dataset.provider}/{dataset.dataset_type}/{dataset.identifier}"),
        ("state", dataset.state.value + lacks),
        ("in the lake since", time_text(dataset.created_at)),
        ("changed by the provider", time_text(dataset.last_modified_at)),
        *((name, source[name]) for name in ("loader", "snapshot", "licence", "attribution") if source.get(name)),
    )
    for revision in dataset.revisions:
        changed = ", ".join(
            [file.file_id for file in revision.modified_files] + [f"-{gone}" for gone in revision.removed_file_ids]
        )
        state = "" if revision.state.value == "VALID" else f"  {revision.state.value}"
        why = f"  ({revision.description})" if revision.description else ""
        write_line(f"  revision {revision.revision_id}  {time_text(revision.created_at)}{state}  {changed}{why}")
        for warning in revision.warnings:
            write_line(f"    warning: {warning}")
    for file in dataset.files.values():
        write_line(
            f"  {file.file_id:<20} r{file.revision_id}  {size(file.size):>8}, stored as {size(file.storage_size)}"
            f"  sha256 {file.tag[:12]}…  {file.storage_path}"
        )
    for file_id, problem in dataset.broken_files.items():
        by = dataset.feeds[file_id].decided_by
        write_line(f"  {file_id:<20} broken: {problem}" + (f" (accepted by {by})" if by else ""))
    for file_id, problem in dataset.left_out_files.items():
        kept = dataset.files.get(file_id)
        now_there = "" if kept is None else f"; the one of revision {kept.revision_id} is kept, as nothing else changed"
        what = problem if dataset.feeds[file_id].decided_by else f"left out: {problem}"  # by whom, it says itself
        write_line(f"  {file_id:<20} {what}{now_there}")
    for entry in waiting:
        since, why = time_text(entry.created_at), "; ".join(entry.reasons)
        write_line(f"  the provider's version is in quarantine since {since}: {why}")
        write_line(f"    {remedy('quarantine show', entry.entry_id)} says more")


@click.command("delete")
@lake_options
@dataset_options
@click.option("--now", "with_objects", is_flag=True, help="Remove the files at once too; readers of them get an error.")
@yes_option
@console_options
@click.argument("dataset", metavar="ID|[PROVIDER/TYPE/]KEY=VALUE/…")
def delete_command(
    lake: NamedLake, filters: dict[str, Any], with_objects: bool, yes: bool, dataset: str, console: Console
) -> None:
    """Remove datasets from the lake. It asks first; where it cannot, it needs --yes.

    The datasets are gone at once. Their files stay for a day, for readers that have them open; then 'ingestify gc'
    removes the files.
    """
    with lake.open_store() as store:
        found = find_datasets(store, dataset, least=SURE_OF_AN_ID, **filters)
        what = noun((one.dataset_type for one in found), len(found))
        confirm(f"Remove {len(found):,} {what} with all revisions?", [f"{one}  {one.name}" for one in found], yes=yes)
        removed = store.delete_datasets(found, with_objects=with_objects)
        whose = "Its" if removed == 1 else "Their"
        left = "" if with_objects else f" {whose} files stay for a day; then {remedy('gc')} removes them."
        console.tell(f"Removed {removed:,} {what}.{left}")


@click.command("sync-indexes")
@lake_options
@console_options
def sync_indexes_command(lake: NamedLake, console: Console) -> None:
    """Create the database indexes for `identifier_index: true`, and drop those that are not configured any more."""
    lake.place.config_for("which indexes are wanted")
    with lake.open_store() as store:
        if store.create():
            console.tell(f"Created the lake in {store.where}.")
        made, dropped = store.create_indexes()
        for name in made:
            write_line(f"made {name}")
        for name in dropped:
            write_line(f"dropped {name}")
        keyless = [kind for kind, keys in store.find_keys_to_index().items() if not keys]
        for provider, dataset_type in keyless:
            write_stderr(
                f"{provider}/{dataset_type}: identifier_index makes no index yet: the lake has no such dataset yet, "
                "so its keys are not known. Run this again after the first run, or name the keys, such as  "
                f"identifier_keys: {{match_id: {{}}}} ."
            )
        if not made and not dropped and not keyless:
            console.tell("The indexes are as the configuration asks.")
