"""`ingestify verify`: checks every file of the lake against the catalogue."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import click

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_DAMAGED, EXIT_OK
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import NamedLake, console_options, json_option, lake_options, name_of_bucket
from ingestify.cli.output import flush, write_json, write_line
from ingestify.documents.keeping import DamageLine, RepairLine, VerifyEndLine, damage_line, repair_line, verify_end_line
from ingestify.domain.damage import Damage
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.keeping.verifying import VerifyReport, fetch_anew, verify
from ingestify.main.opening import open_engine
from ingestify.main.place import Place
from ingestify.remedies import remedy
from ingestify.store.maintenance.repair import DatasetToFetch, Repaired
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
@click.option(
    "--seed", type=int, metavar="N", help="Read the same share as an earlier command, which printed this number."
)
@click.option(
    "--repair", "repairs", is_flag=True, help="Restore damaged files, or fetch them again; then verify once more."
)
@json_option("JSON Lines: one for each damage, and one at the end.", DamageLine, RepairLine, VerifyEndLine)
@console_options
def verify_command(lake: NamedLake, share: float, seed: int | None, repairs: bool, console: Console) -> int:
    """Read every file of the lake, and compare it with the catalogue.

    It prints each damage with its remedy. It may run beside an ingest. The exit code is 4 if damage is left.
    """
    with lake.open_store() as store, contextlib.ExitStack() as engines:
        report = verify(
            store,
            Verification(store.catalogue, store.storage, bucket=lake.bucket, share=share, seed=seed),
            refetch=_Fetching(lake.place, engines) if repairs else None,
            moving=console.show_progress,
            on_damage=lambda damage: _tell_damage(damage, console),
            on_mended=lambda mended: _tell_mended(mended, console),
        )
    if repairs and report.left and not console.as_json:
        write_stderr("What is left:")
    for damage in report.left if repairs else ():
        console.show(damage, lambda one: damage_line("left", one), _write_damage)
    code = EXIT_DAMAGED if report.left else EXIT_OK
    console.show(report, lambda one: verify_end_line(one, code), lambda one: _summarize(one, console))
    return code


def _tell_damage(damage: Damage, console: Console) -> None:
    if console.as_json:
        write_json(damage_line("damage", damage))
    elif damage.is_failure or (console.verbose and not console.quiet):
        _write_damage(damage)
    flush()


def _tell_mended(mended: Repaired, console: Console) -> None:
    if console.as_json:
        write_json(repair_line(mended))
    else:
        console.tell(f"{mended.where}: {mended.what}.")


def _write_damage(damage: Damage) -> None:
    write_line(f"{damage.kind.value}: {damage.where}")
    write_line(f"    {damage.what}")
    write_line(f"    {damage.remedy}")


class _Fetching:
    """Fetches damaged datasets again by the plans of the configuration, with an engine for each bucket."""

    def __init__(self, place: Place, engines: contextlib.ExitStack) -> None:
        self._place = place
        self._stack = engines
        self._engines: dict[str, IngestionEngine] = {}

    def __call__(self, wanted: DatasetToFetch) -> str:
        if wanted.bucket not in self._engines:
            self._engines[wanted.bucket] = self._stack.enter_context(open_engine(self._place, wanted.bucket))
        return fetch_anew(self._engines[wanted.bucket].run_report, wanted)


def _summarize(report: VerifyReport, console: Console) -> None:
    if console.quiet:
        return
    write_line(report.line)
    if report.orphans:
        are, them = ("file is", "it") if report.orphans == 1 else ("files are", "them")
        console.tell(f"{report.orphans:,} {are} in the storage that no dataset has; {remedy('gc')} removes {them}.")
