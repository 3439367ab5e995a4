"""`ingestify quarantine`: lists bundles that failed their checks, and lets a person decide about them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import click

from ingestify.cli.confirmation import confirm, yes_option
from ingestify.cli.console import Console
from ingestify.cli.dataset_lookup import the_one_that_begins
from ingestify.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_SOME_FAILED
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import (
    NamedLake,
    bucket_option,
    console_options,
    dataset_options,
    filter_arguments,
    json_option,
    lake_options,
)
from ingestify.cli.output import time_text, write_fields, write_line
from ingestify.cli.person import user_name
from ingestify.cli.progress import RunView
from ingestify.cli.run import execute
from ingestify.documents.datasets import EntryDocument, entry_document
from ingestify.domain.dataset import Dataset
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.engine.engine import IngestionEngine
from ingestify.errors import ConfigurationError
from ingestify.progress.formatting import counted, size
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore

__all__ = ["quarantine_command"]

_note = click.option("--note", default="", metavar="TEXT", help="The reason; it is kept.")
_by = click.option(
    "--by",
    "decided_by",
    default=None,
    metavar="NAME",
    help="The person who decides; it is kept. Default: the user's name.",
)
_AT_ONCE = 1000
"""The most entries in memory: there may be as many as datasets."""

_entries = click.argument("entry_ids", nargs=-1, required=True, metavar="ENTRY...")


@click.group("quarantine")
def quarantine_command() -> None:
    """Show bundles that failed their checks, and decide about them.

    A bundle that a check rejected is kept here with the reasons, and readers see the dataset as it was before. The next
    runs publish a new bundle by themselves, if the provider serves one that passes.
    """


@quarantine_command.command("list", short_help="List the bundles that wait, and why.")
@lake_options
@dataset_options
@click.option(
    "--all", "show_all", is_flag=True, help="Also bundles that were accepted, discarded, or settled by a later run."
)
@json_option("One JSON object for each entry.", EntryDocument)
@console_options
@filter_arguments()
def list_command(lake: NamedLake, filters: dict[str, Any], show_all: bool, console: Console) -> None:
    """List what is in quarantine, newest first, with the reasons."""
    states = () if show_all else (QuarantineState.OPEN,)
    has_any = has_open = False
    with lake.open_store() as store:
        for entry in store.quarantine.iter_entries(states, **filters):
            has_any, has_open = True, has_open or entry.is_open
            console.show(entry, entry_document, _write_entry)
    if has_open and not console.as_json:
        console.tell(
            f"{remedy('quarantine show', 'ENTRY')} says more; retry fetches it anew, accept publishes it as it is, "
            "discard throws it away."
        )
    if not has_any and not any(filters.values()):  # of filters that find nothing, the store has told
        console.tell("Nothing is in quarantine.")


@quarantine_command.command("show", short_help="Show one entry: its files, and what readers see instead.")
@lake_options
@bucket_option
@json_option("As JSON.", EntryDocument)
@console_options
@click.argument("entry_id", metavar="ENTRY")
def show_command(lake: NamedLake, entry_id: str, console: Console) -> None:
    """Show one entry: what was served, why it was rejected, where it came from."""
    with lake.open_store() as store:
        console.show(_find(store, entry_id), entry_document, _show)


@quarantine_command.command("retry", short_help="Fetch bundles anew, and check them again.")
@lake_options
@bucket_option
@click.option("--later", is_flag=True, help="Only mark them; the next run fetches them.")
@console_options
@click.argument("entry_ids", nargs=-1, metavar="[ENTRY]...")
def retry_command(lake: NamedLake, later: bool, entry_ids: tuple[str, ...], console: Console) -> int:
    """Fetch bundles again and check them, even if the provider says that nothing changed. No ENTRY: all that wait."""
    with lake.open_engine() as engine:
        quarantine = engine.store.quarantine
        named = [_find(engine.store, one) for one in entry_ids]

        def entries() -> Iterator[QuarantineEntry]:
            return iter(named) if entry_ids else quarantine.iter_entries()

        marked = sum(quarantine.request_retry([entry.entry_id for entry in some]) for some in _lists(entries()))
        if not marked:
            write_stderr("None of them waits any more." if named else "Nothing waits in quarantine.")
            return EXIT_OK
        if later:
            console.tell(f"The next run fetches {marked:,} anew.")
            return EXIT_OK
        codes = []
        view = RunView(console)
        for entry in entries():
            codes.append(_retry(engine, view, entry))
            if codes[-1] == EXIT_INTERRUPTED:
                break
    if view.lost is not None and not view.lost.reader_left:
        raise view.lost
    # A failure comes before a bundle that stays in quarantine, as it is more serious.
    return next((code for code in codes if code not in (EXIT_OK, EXIT_SOME_FAILED)), max(codes))


def _retry(engine: IngestionEngine, view: RunView, entry: QuarantineEntry) -> int:
    """Fetch one bundle anew, and say what came of it. Returns its exit code."""
    named = {"provider": entry.provider, "source": _source_of(entry, engine), "dataset_type": entry.dataset_type}
    try:
        report = execute(engine, view, **named, **dict(entry.identifier))
    except ConfigurationError as error:
        write_stderr(
            f"{entry.name}: it cannot be fetched anew now: {error} It is marked: the next run, or loop with "
            "auto_ingest, that covers it fetches it."
        )
        return EXIT_FAILED
    if not report.totals.discovered and report.error is None:
        write_stderr(f"{entry.name}: the provider does not list it any more, so it stays in quarantine.")
        return EXIT_SOME_FAILED
    view.summarize(report, f"{entry.name}: ")
    for task in report.failed_tasks + report.quarantined_tasks + report.left_out_tasks:
        write_stderr(f"  {task.error}")
    return report.exit_code


def _source_of(entry: QuarantineEntry, engine: IngestionEngine) -> str | None:
    """Return the source of an entry; None if the configuration has it no more, which means any of the provider."""
    name = entry.source.get("source")
    return name if any(plan.source.name == name for plan in engine.ingestion_plans) else None


@quarantine_command.command("accept", short_help="Publish bundles although a check rejected them.")
@lake_options
@bucket_option
@click.option(
    "--without",
    multiple=True,
    metavar="FEED",
    help="Leave the files of this feed out; the next runs request them again. May be given several times.",
)
@_note
@_by
@console_options
@_entries
def accept_command(
    lake: NamedLake,
    without: tuple[str, ...],
    note: str,
    decided_by: str | None,
    entry_ids: tuple[str, ...],
    console: Console,
) -> None:
    """Publish bundles although a check rejected them. The person and the reason are kept with the revision.

    A dataset with a broken file, or without a feed that it needs, is PARTIAL then.
    """
    # The engine is needed for its subscribers, which hear of the acceptance.
    with lake.open_engine() as engine:
        store = engine.store
        for entry_id in entry_ids:
            entry = _find(store, entry_id)
            dataset = store.quarantine.accept(entry.entry_id, _person(decided_by), note, without=without)
            console.tell(_accepted(entry, dataset))


@quarantine_command.command("discard", short_help="Throw the files of bundles away.")
@lake_options
@bucket_option
@_note
@_by
@yes_option
@console_options
@_entries
def discard_command(
    lake: NamedLake, note: str, decided_by: str | None, yes: bool, entry_ids: tuple[str, ...], console: Console
) -> None:
    """Throw the files of bundles away. It asks first; without a terminal it needs --yes.

    The same bundle is not fetched again, but a new one is.
    """
    with lake.open_store() as store:
        entries = [_find(store, entry_id) for entry_id in entry_ids]
        for entry in entries:
            if not entry.is_open:
                raise ConfigurationError(f"The quarantine entry {entry.entry_id} does not wait: it is {entry.state}.")
        confirm("Throw their files away?", [f"{entry.entry_id}  {entry.name}" for entry in entries], yes=yes)
        removed = store.quarantine.discard([entry.entry_id for entry in entries], _person(decided_by), note)
    console.tell(f"Discarded; {counted(removed, 'file')} removed.")


def _find(store: DatasetStore, beginning: str) -> QuarantineEntry:
    """Return the entry that an id, or the beginning of one, names."""
    beginning = beginning.strip().lower()
    ids = store.quarantine.find_ids(beginning) if beginning else []
    return store.quarantine.get_entry(
        the_one_that_begins(beginning, ids, "quarantine entries", remedy("quarantine list"))
    )


def _lists(entries: Iterator[QuarantineEntry]) -> Iterator[list[QuarantineEntry]]:
    while some := list(itertools.islice(entries, _AT_ONCE)):
        yield some


def _person(name: str | None) -> str:
    if found := name or user_name():
        return found
    raise ConfigurationError("This system does not say who you are; name yourself with --by NAME.")


def _accepted(entry: QuarantineEntry, dataset: Dataset) -> str:
    """Return the result of accepting an entry, for people."""
    revision = dataset.revisions[-1].revision_id
    if revision == entry.base_revision_id:
        said = [f"it has no file left, so revision {revision} stays as it is"]
    else:
        said = [f"published as revision {revision}"]
    if left_out := [file_id for file_id in dataset.left_out_files if file_id in entry.feeds]:
        said.append(f"without {', '.join(left_out)}, which the next runs ask for again")
    if broken := dataset.broken_files:
        said.append(f"with {', '.join(broken)} broken as it is")
    if dataset.missing_feeds:
        said.append(f"it is {dataset.state.value}, as a complete one needs {', '.join(dataset.missing_feeds)}")
    return f"{dataset.name}: {'; '.join(said)}."


def _write_entry(entry: QuarantineEntry) -> None:
    state = "" if entry.is_open else f"  {entry.state.value}"
    write_line(f"{entry.entry_id}  {time_text(entry.created_at)}{state}  {entry}  {entry.name}")
    for reason in entry.reasons:
        write_line(f"    {reason}")


def _show(entry: QuarantineEntry) -> None:
    write_line(entry.name)
    write_fields(
        ("entry", entry.entry_id),
        ("what", str(entry)),
        ("state", entry.state.value),
        ("in quarantine since", time_text(entry.created_at)),
        ("provider last asked", time_text(entry.checked_at)),
        *([("readers see", _seen_instead(entry))] if entry.is_open else []),
        *([("if it is accepted", _if_accepted(entry))] if entry.is_open and entry.missing_feeds else []),
        ("fetched by", f"source {entry.source.get('source', '?')}, run {entry.source.get('run_id', '?')}"),
    )
    if entry.decided_by:
        said = f": {entry.note}" if entry.note else ""
        write_fields(("decided by", f"{entry.decided_by}, {time_text(entry.decided_at)}{said}"))
    write_line("  why")
    for reason in entry.reasons:
        write_line(f"    {reason}")
    for file in entry.files:
        where = file.storage_path or "(discarded)"
        write_line(f"  {file.file_id:<20} {size(file.size):>8}  sha256 {file.tag[:12]}…  {where}")
    for file_id in entry.removed_file_ids:
        write_line(f"  {file_id:<20} the provider does not have it any more; accept removes it from the current files")


def _seen_instead(entry: QuarantineEntry) -> str:
    base = entry.base_revision_id
    return "nothing: the dataset was never published" if base is None else f"revision {base}"


def _if_accepted(entry: QuarantineEntry) -> str:
    return f"{entry.dataset_state.value}, lacks {', '.join(entry.missing_feeds)}, or has it broken"
