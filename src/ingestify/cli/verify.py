"""`ingestify verify`: is everything in the lake what the catalogue says?"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import click

from ingestify.cli.app import exit_with
from ingestify.cli.exit_codes import EXIT_DAMAGED
from ingestify.cli.logs import set_up_logging, write_progress, write_stderr
from ingestify.cli.options import config_option, logging_options, name_of_bucket
from ingestify.cli.output import flush, write_json, write_line
from ingestify.domain.damage import Damage, DamageKind
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.report import one_line
from ingestify.errors import ConfigurationError, FatalError, StopProcessing, StoreError
from ingestify.main import config_path, get_datastore, get_engine
from ingestify.progress.line import ProgressLine
from ingestify.progress.texts import counted, size, summary_line
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.repair import Wanted, confirm, repair
from ingestify.store.verification import Verification

__all__ = ["verify_command"]


_ENDS_ALL = (KeyboardInterrupt, StopProcessing, FatalError, StoreError)
"""What the next dataset would meet too, or what is not to be asked again."""


class _Share(click.ParamType[float]):
    """`5%` or `0.05`."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip()
        found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})(%?)", text)
        share = float(found[1]) / (100 if found[2] else 1) if found else 0.0
        if not 0 < share <= 1:
            self.fail(f"'{value}' is no share: write one such as 5% or 0.05, up to 100%.", param, ctx)
        return share


@dataclasses.dataclass(slots=True)
class _Told:
    """What was found and told."""

    damages: list[Damage] = dataclasses.field(default_factory=list)
    orphans: int = 0


@click.command("verify")
@config_option
@click.option(
    "--bucket", metavar="NAME", callback=name_of_bucket, help="Only this bucket of the lake. Default: all of them."
)
@click.option(
    "--sample", "share", type=_Share(), default="100%", metavar="SHARE", help="Read only a random share: 5% or 0.05."
)
@click.option("--seed", type=int, metavar="N", help="Which share: that of an earlier run, which has told it.")
@click.option("--repair", "repairs", is_flag=True, help="Restore, or fetch anew, what is damaged; then look again.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one for each damage, and one at the end.")
@logging_options
def verify_command(
    config_file: str | None,
    bucket: str | None,
    share: float,
    seed: int | None,
    repairs: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """Read every file of the lake, and compare it with the catalogue.

    Each damage is named with its remedy. It may go on beside a run. The exit code is 4 when damage is left.
    """
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    path = config_path(config_file)
    store = get_datastore(path, bucket)
    verification = Verification(store.catalogue, store.storage, bucket=bucket, share=share, seed=seed)
    try:
        store.identity.check()
        with _progress(verification, shown=not quiet and not as_json):
            told = _tell(verification, as_json=as_json, quiet=quiet, verbose=verbose)
        left = told.damages
        if repairs and left:
            left = _repair(store, verification, left, str(path), as_json=as_json, quiet=quiet)
    finally:
        store.close()
    if as_json:
        write_json(_totals(verification, told, left, share))
    else:
        _summarize(verification, told, left, share, quiet=quiet)
    if left:
        exit_with(EXIT_DAMAGED)


@contextlib.contextmanager
def _progress(verification: Verification, *, shown: bool) -> Iterator[None]:
    if not shown:
        yield
        return
    progress = verification.progress
    with ProgressLine(write_progress).shown(
        lambda: f"{counted(progress.objects, 'file')} read · {size(progress.size)}"
    ):
        yield


def _tell(verification: Verification, *, as_json: bool, quiet: bool, verbose: bool) -> _Told:
    told = _Told()
    for damage in verification.iter_damages():
        if damage.is_failure:
            told.damages.append(damage)
        else:
            told.orphans += 1
        if as_json:
            write_json({"event": "damage", **_as_dict(damage)})
        elif damage.is_failure or (verbose and not quiet):
            _write_damage(damage)
        flush()
    return told


def _write_damage(damage: Damage) -> None:
    write_line(f"{damage.kind.value}: {damage.where}")
    write_line(f"    {damage.what}")
    write_line(f"    {damage.remedy}")


def _as_dict(damage: Damage) -> dict[str, Any]:
    return {
        "kind": damage.kind.value,
        "where": damage.where,
        "what": damage.what,
        "remedy": damage.remedy,
        "is_failure": damage.is_failure,
        "bucket": damage.bucket,
        "dataset_id": damage.dataset_id,
        "revision_id": damage.revision_id,
        "file_id": damage.file_id,
        "path": damage.path,
        "entry_id": damage.entry_id,
    }


# ---- repairing -------------------------------------------------------------------------------------------


def _repair(
    store: DatasetStore, verification: Verification, damages: list[Damage], config: str, *, as_json: bool, quiet: bool
) -> list[Damage]:
    """Mend what can be mended, and return what is left."""
    with contextlib.ExitStack() as engines:
        fetching = _Fetching(config, engines)
        done = []
        for mended in repair(store, damages, fetching):
            done.append(mended)
            if as_json:
                write_json({"event": "repair", "where": mended.where, "what": mended.what})
            elif not quiet:
                write_stderr(f"{mended.where}: {mended.what}.")
    left = [damage for damage in verification.iter_row_damages() if damage.is_failure]
    left += verification.look_again(damage.path for damage in damages if damage.record and damage.path)
    confirm(store, done, left)
    if not as_json and left:
        write_stderr("What is left:")
    for damage in left:
        if as_json:
            write_json({"event": "left", **_as_dict(damage)})
        else:
            _write_damage(damage)
    return left


class _Fetching:
    """Fetches datasets anew by the plans of the configuration; an engine for each bucket."""

    def __init__(self, config: str, engines: contextlib.ExitStack) -> None:
        self._config = config
        self._stack = engines
        self._engines: dict[str, IngestionEngine] = {}

    def __call__(self, wanted: Wanted) -> str:
        if wanted.bucket not in self._engines:
            self._engines[wanted.bucket] = self._stack.enter_context(get_engine(self._config, wanted.bucket))
        try:
            report = self._engines[wanted.bucket].run_report(
                provider=wanted.provider, dataset_type=wanted.dataset_type, **dict(wanted.identifier)
            )
        except ConfigurationError as error:
            return f"it cannot be fetched anew now: {error} It is marked, and the next run that covers it does so"
        if isinstance(report.error, _ENDS_ALL):
            raise report.error
        if report.error is not None:
            return f"it could not be fetched anew: {one_line(report.error)}"
        if not report.totals.discovered:
            return "nothing was fetched: no selector that was looked at lists it; if it is gone there, take a backup"
        failed = [task.error for task in report.failed_tasks + report.quarantined_tasks]
        if failed:
            return f"it could not be fetched anew: {'; '.join(failed)}"
        if report.totals.skipped:
            return "the fetch policy skipped it, so it was not fetched anew"
        if report.totals.revised:
            return (
                f"fetched anew, and the provider has other bytes by now, which are a new revision; those of the old "
                f"one are gone ({summary_line(report)})"
            )
        return f"fetched anew ({summary_line(report)})"


# ---- what it came to -------------------------------------------------------------------------------------


def _totals(verification: Verification, told: _Told, left: list[Damage], share: float) -> dict[str, Any]:
    progress = verification.progress
    counts = {kind.value: sum(one.kind is kind for one in told.damages) for kind in DamageKind}
    return {
        "event": "verify_ended",
        "objects": progress.objects,
        "bytes": progress.size,
        "skipped": progress.skipped,
        "share": share,
        "seed": verification.seed if share < 1 else None,
        "damages": len(told.damages),
        "kinds": {kind: count for kind, count in counts.items() if count},
        "orphans": told.orphans,
        "left": len(left),
        "exit_code": EXIT_DAMAGED if left else 0,
    }


def _summarize(verification: Verification, told: _Told, left: list[Damage], share: float, *, quiet: bool) -> None:
    progress = verification.progress
    files = counted(progress.objects, "file")
    if share < 1:
        files = f"{progress.objects:,} of {counted(progress.objects + progress.skipped, 'file')}"
    sample = f", a sample of {share:.4g} with the seed {verification.seed}" if share < 1 else ""
    found = len(told.damages)
    damage = "no damage" if not found else f"{found:,} {'damage' if found == 1 else 'damages'}"
    if found and len(left) < found:
        damage += f", {found - len(left):,} repaired, {len(left):,} left"
    if not quiet:
        write_line(f"{files} read ({size(progress.size)}){sample}: {damage}")
    if told.orphans and not quiet:
        write_stderr(
            f"{told.orphans:,} {'file is' if told.orphans == 1 else 'files are'} in the storage that no dataset has; "
            f"'ingestify gc' removes {'it' if told.orphans == 1 else 'them'}."
        )
