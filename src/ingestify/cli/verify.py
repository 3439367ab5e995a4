"""`ingestify verify`: is everything in the lake what the catalogue says?"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import Any

import click

from ingestify.cli.app import exit_with
from ingestify.cli.exit_codes import EXIT_DAMAGED
from ingestify.cli.logs import set_up_logging, write_progress, write_stderr
from ingestify.cli.options import lake_options, logging_options, name_of_bucket
from ingestify.cli.output import flush, write_json, write_line
from ingestify.domain.damage import Damage, DamageKind
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.verifying import VerifyReport, fetch_anew, verify
from ingestify.main import open_datastore, open_engine
from ingestify.main.place import Place
from ingestify.progress.line import ProgressLine, unshown
from ingestify.remedies import remedy
from ingestify.store.maintenance.repair import Mended, Wanted
from ingestify.store.maintenance.verification import Verification

__all__ = ["verify_command"]


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


@click.command("verify")
@lake_options
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
    place: Place,
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
    store = open_datastore(place, bucket)
    verification = Verification(store.catalogue, store.storage, bucket=bucket, share=share, seed=seed)

    def tell_damage(damage: Damage) -> None:
        if as_json:
            write_json({"event": "damage", **_as_dict(damage)})
        elif damage.is_failure or (verbose and not quiet):
            _write_damage(damage)
        flush()

    def tell_mended(mended: Mended) -> None:
        if as_json:
            write_json({"event": "repair", "where": mended.where, "what": mended.what})
        elif not quiet:
            write_stderr(f"{mended.where}: {mended.what}.")

    try:
        with contextlib.ExitStack() as engines:
            report = verify(
                store,
                verification,
                refetch=_Fetching(place, engines) if repairs else None,
                moving=unshown if quiet or as_json else ProgressLine(write_progress).shown,
                on_damage=tell_damage,
                on_mended=tell_mended,
            )
    finally:
        store.close()
    if repairs and report.damages:
        _tell_left(report.left, as_json=as_json)
    if as_json:
        write_json(_totals(report))
    else:
        _summarize(report, quiet=quiet)
    if report.left:
        exit_with(EXIT_DAMAGED)


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


def _tell_left(left: Sequence[Damage], *, as_json: bool) -> None:
    if left and not as_json:
        write_stderr("What is left:")
    for damage in left:
        if as_json:
            write_json({"event": "left", **_as_dict(damage)})
        else:
            _write_damage(damage)


class _Fetching:
    """Fetches datasets anew by the plans of the configuration; an engine for each bucket."""

    def __init__(self, place: Place, engines: contextlib.ExitStack) -> None:
        self._place = place
        self._stack = engines
        self._engines: dict[str, IngestionEngine] = {}

    def __call__(self, wanted: Wanted) -> str:
        if wanted.bucket not in self._engines:
            self._engines[wanted.bucket] = self._stack.enter_context(open_engine(self._place, wanted.bucket))
        return fetch_anew(self._engines[wanted.bucket].run_report, wanted)


# ---- what it came to -------------------------------------------------------------------------------------


def _totals(report: VerifyReport) -> dict[str, Any]:
    counts = {kind.value: sum(one.kind is kind for one in report.damages) for kind in DamageKind}
    return {
        "event": "verify_ended",
        "objects": report.objects,
        "bytes": report.size,
        "skipped": report.skipped,
        "share": report.share,
        "seed": report.seed if report.share < 1 else None,
        "damages": len(report.damages),
        "kinds": {kind: count for kind, count in counts.items() if count},
        "orphans": report.orphans,
        "left": len(report.left),
        "exit_code": EXIT_DAMAGED if report.left else 0,
    }


def _summarize(report: VerifyReport, *, quiet: bool) -> None:
    if quiet:
        return
    write_line(report.line)
    if report.orphans:
        are, them = ("file is", "it") if report.orphans == 1 else ("files are", "them")
        write_stderr(f"{report.orphans:,} {are} in the storage that no dataset has; {remedy('gc')} removes {them}.")
