"""`ingestify copy`: mirrors a bucket of a lake into another lake."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import click

from ingestify.cli.confirmation import confirm, yes_option
from ingestify.cli.console import Console
from ingestify.cli.dataset_lookup import explain_nothing
from ingestify.cli.exit_codes import EXIT_DAMAGED, EXIT_OK, EXIT_SOME_FAILED
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import (
    NamedLake,
    console_options,
    dataset_options,
    filter_arguments,
    json_option,
    lake_options,
)
from ingestify.cli.output import flush, write_json, write_line
from ingestify.documents.keeping import (
    CopiedLine,
    CopyDamageLine,
    CopyEndLine,
    copied_line,
    copy_damage_line,
    copy_end_line,
)
from ingestify.engine.keeping.mirroring import copy_lake
from ingestify.main.adapters import concurrency
from ingestify.main.opening import open_two_datastores
from ingestify.main.place import find_place
from ingestify.progress.formatting import counted
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance.copied import Copied, CopyOutcome
from ingestify.store.maintenance.copying import Copying
from ingestify.store.maintenance.verification import Verification

__all__ = ["copy_command"]

_NEEDS_A_PERSON = (CopyOutcome.CONFLICT, CopyOutcome.FAILED)


@click.command("copy")
@lake_options
@click.option(
    "--to",
    "target_named",
    required=True,
    metavar="FILE|FOLDER",
    help="The config.yaml, or the folder, of the lake to copy to. A lake that does not exist is created.",
)
@dataset_options
@click.option(
    "--delete", "deletes", is_flag=True, help="Remove datasets from the target that the source does not have."
)
@click.option("--verify", "verifies", is_flag=True, help="Then read every file of the target's bucket to verify it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be copied, and removed.")
@json_option("JSON Lines: one for each dataset, and one at the end.", CopiedLine, CopyDamageLine, CopyEndLine)
@yes_option
@console_options
@filter_arguments()
def copy_command(
    lake: NamedLake,
    target_named: str,
    filters: dict[str, Any],
    deletes: bool,
    verifies: bool,
    dry_run: bool,
    yes: bool,
    console: Console,
) -> int:
    """Mirror a bucket of the lake into another lake: all revisions, and what waits in quarantine.

    Files that the target has are not read again, so an interrupted copy can continue, and a second one is quick.
    KEY=VALUE narrows it, such as  competition_id=11 . The exit code is 3 if a dataset failed, or has another history in
    the target.
    """
    source, target = open_two_datastores(lake.place, find_place(target_named), lake.bucket, dry_run=dry_run)
    with contextlib.closing(source), contextlib.closing(target):
        wanted = source.dataset_filter(**filters)
        copying = Copying(source, target, wanted, workers=concurrency(), dry_run=dry_run)
        if not copying.has_any:
            console.tell(explain_nothing(source, wanted))
        report = copy_lake(
            copying,
            moving=console.show_progress,
            deletes=deletes,
            on_copied=lambda copied: _tell_copied(copied, console),
        )
        surplus = report.only_in_target
        if deletes and surplus and not dry_run:
            question = f"Remove {counted(len(surplus), 'dataset')} from the target?"
            confirm(question, [what for _, what in surplus], yes=yes)
            deleted = copying.delete(dataset_id for dataset_id, _ in surplus)
            report = dataclasses.replace(report, deleted=deleted)
        if verifies and not dry_run:
            report = dataclasses.replace(report, damages=_verify(target, console))
    code = EXIT_SOME_FAILED if report.progress.failed or report.progress.conflicts else EXIT_OK
    code = EXIT_DAMAGED if report.damages else code
    if report.created_lake:
        console.tell(f"Created the lake in {report.created_lake}.")
    if console.as_json:
        write_json(copy_end_line(report, code))
    elif not console.quiet:
        write_line(report.line)
        if surplus and not report.deleted:
            console.tell(_only_in_target(len(surplus), deletes=deletes))
    return code


def _tell_copied(copied: Copied, console: Console) -> None:
    if console.as_json:
        write_json(copied_line(copied))
        flush()
    elif copied.outcome in _NEEDS_A_PERSON:
        write_stderr(f"{copied.outcome.value}: {copied.what}: {copied.reason}")
    elif console.verbose:
        console.tell(f"{copied.outcome.value}: {copied.what}")


def _verify(target: DatasetStore, console: Console) -> int:
    """Read the target once more. Returns how much is damaged."""
    damages = 0
    for damage in Verification(target.catalogue, target.storage, bucket=target.bucket).iter_damages():
        if not damage.is_failure:
            continue
        damages += 1
        console.show(
            damage,
            copy_damage_line,
            lambda one: write_line(f"{one.kind.value}: {one.where}: {one.what}"),
        )
    return damages


def _only_in_target(count: int, *, deletes: bool) -> str:
    verb, stays, them = ("is", "stays", "it") if count == 1 else ("are", "stay", "them")
    would = "would be removed" if deletes else f"{stays}; --delete removes {them}"
    return f"{counted(count, 'dataset')} {verb} only in the target, and {would}."
