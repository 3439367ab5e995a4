"""`ingestify copy`: one lake into another."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import click

from ingestify.cli.app import exit_with
from ingestify.cli.confirmation import confirm, yes_option
from ingestify.cli.dataset_lookup import explain_nothing
from ingestify.cli.exit_codes import EXIT_DAMAGED, EXIT_OK, EXIT_SOME_FAILED
from ingestify.cli.logs import set_up_logging, write_progress, write_stderr
from ingestify.cli.options import dataset_filters, filter_arguments, lake_options, logging_options, parse_filters
from ingestify.cli.output import flush, write_json, write_line
from ingestify.engine.mirroring import CopyReport, copy_lake
from ingestify.main import concurrency, open_two_datastores
from ingestify.main.place import Place, find_place
from ingestify.progress.line import ProgressLine, unshown
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
    help="The config.yaml, or the folder, of the lake to copy to. It is made if it is not there.",
)
@dataset_filters
@click.option("--delete", "deletes", is_flag=True, help="Remove from the target what the source has not.")
@click.option("--verify", "verifies", is_flag=True, help="Then read every file of the target's bucket once more.")
@click.option("--dry-run", is_flag=True, help="Only say what would be copied, and removed.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one for each dataset, and one at the end.")
@yes_option
@logging_options
@filter_arguments
def copy_command(
    place: Place,
    target_named: str,
    bucket: str | None,
    provider: str | None,
    dataset_type: str | None,
    deletes: bool,
    verifies: bool,
    dry_run: bool,
    as_json: bool,
    yes: bool,
    filters: tuple[str, ...],
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """Mirror a bucket of the lake into another lake: all revisions, and what waits in quarantine.

    What is there already is not read again, so a copy that was cut off goes on, and a repeated one is quick. KEY=VALUE
    narrows it, such as  competition_id=11 . The exit code is 3 when something failed, or is another one in the target.
    """
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    source, target = open_two_datastores(place, find_place(target_named), bucket, dry_run=dry_run)
    with contextlib.closing(source), contextlib.closing(target):
        wanted = source.dataset_filter(dataset_type, provider, **parse_filters(filters))
        copying = Copying(source, target, wanted, workers=concurrency(), dry_run=dry_run)
        if not copying.has_any and not quiet:
            write_stderr(explain_nothing(source, wanted))

        def tell(copied: Copied) -> None:
            _tell(copied, as_json=as_json, quiet=quiet, verbose=verbose)

        moving = unshown if quiet or as_json else ProgressLine(write_progress).shown
        report = copy_lake(copying, moving=moving, deletes=deletes, on_copied=tell)
        surplus = report.only_in_target
        if deletes and surplus and not dry_run:
            confirm(
                f"Remove {len(surplus):,} {_datasets(len(surplus))} from the target?",
                [what for _, what in surplus],
                yes=yes,
            )
            deleted = copying.delete(dataset_id for dataset_id, _ in surplus)
            report = dataclasses.replace(report, deleted=deleted)
        if verifies and not dry_run:
            report = dataclasses.replace(report, damages=_verify(target, as_json=as_json))
    code = EXIT_SOME_FAILED if report.progress.failed or report.progress.conflicts else EXIT_OK
    code = EXIT_DAMAGED if report.damages else code
    if report.created_lake and not quiet:
        write_stderr(f"Created the lake in {report.created_lake}.")
    if as_json:
        write_json({**_totals(report), "exit_code": code})
    elif not quiet:
        write_line(report.line)
        if surplus and not report.deleted:
            write_stderr(_only_in_target(len(surplus), deletes=deletes))
    exit_with(code)


def _tell(copied: Copied, *, as_json: bool, quiet: bool, verbose: bool) -> None:
    if as_json:
        write_json(
            {
                "event": "copied",
                "outcome": copied.outcome.value,
                "what": copied.what,
                "dataset_id": copied.dataset_id,
                "is_quarantined": copied.is_quarantined,
                "reason": copied.reason or None,
            }
        )
        flush()
    elif copied.outcome in _NEEDS_A_PERSON:
        write_stderr(f"{copied.outcome.value}: {copied.what}: {copied.reason}")
    elif verbose and not quiet:
        write_stderr(f"{copied.outcome.value}: {copied.what}")


def _verify(target: DatasetStore, *, as_json: bool) -> int:
    """Read the target once more. Returns how much is damaged."""
    damages = 0
    for damage in Verification(target.catalogue, target.storage, bucket=target.bucket).iter_damages():
        if not damage.is_failure:
            continue
        damages += 1
        if as_json:
            write_json({"event": "damage", "kind": damage.kind.value, "where": damage.where, "what": damage.what})
        else:
            write_line(f"{damage.kind.value}: {damage.where}: {damage.what}")
    return damages


def _totals(report: CopyReport) -> dict[str, Any]:
    progress = report.progress
    return {
        "event": "copy_ended",
        "dry_run": report.dry_run,
        "new": progress.new,
        "updated": progress.updated,
        "unchanged": progress.unchanged,
        "conflicts": progress.conflicts,
        "failed": progress.failed,
        "quarantined": progress.quarantined,
        "only_in_target": len(report.only_in_target),
        "deleted": report.deleted,
        "objects": progress.objects,
        "bytes": progress.size,
        "damages": report.damages,
    }


def _only_in_target(count: int, *, deletes: bool) -> str:
    verb, stays, them = ("is", "stays", "it") if count == 1 else ("are", "stay", "them")
    would = "would be removed" if deletes else f"{stays}; --delete removes {them}"
    return f"{count:,} {_datasets(count)} {verb} only in the target, and {would}."


def _datasets(count: int) -> str:
    return "dataset" if count == 1 else "datasets"
