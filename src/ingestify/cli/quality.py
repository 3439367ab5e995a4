"""`ingestify quality`: makes the checks of a run over what is in the lake now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_OK, EXIT_SOME_FAILED
from ingestify.cli.options import (
    NamedLake,
    console_options,
    dataset_options,
    filter_arguments,
    json_option,
    lake_options,
    state_option,
    where_option,
)
from ingestify.cli.output import flush, write_line
from ingestify.documents.quality import QualityEndLine, QualityLine, quality_end_line, quality_line
from ingestify.domain.bundle_check import BundleCheck
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.keeping.quality import QualityFinding, QualityReport

__all__ = ["quality_command"]


@click.command("quality")
@lake_options
@dataset_options
@state_option
@where_option
@click.option(
    "--docs",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Also write data docs, which are HTML pages, of the suites of Great Expectations. Those that are there are "
    "replaced.",
)
@json_option("JSON Lines: one for each check that found something, and one at the end.", QualityLine, QualityEndLine)
@console_options
@filter_arguments()
def quality_command(
    lake: NamedLake,
    filters: dict[str, Any],
    states: tuple[str, ...],
    where: str | None,
    folder: Path | None,
    console: Console,
) -> int:
    """Make the checks of a run over what is in the lake now. Nothing in the lake is changed.

    KEY=VALUE narrows the datasets, such as  competition_id=11 match_id=12,13 . The checks are those of the sources and
    of dataset_types in the config file. The exit code is 3 if a check that rejects finds something, or a check fails.
    """
    with lake.open_engine(disable_events=True) as engine:
        wanted = {"state": list(states) or None, "where": where, **filters}
        report = _check(engine, wanted, console) if folder is None else _document(engine, wanted, folder, console)
    code = EXIT_OK if report.is_good else EXIT_SOME_FAILED
    console.show(report, lambda one: quality_end_line(one, code), lambda one: _summarize(one, console))
    return code


def _check(
    engine: IngestionEngine,
    wanted: dict[str, Any],
    console: Console,
    check_with: Callable[[BundleCheck], BundleCheck] | None = None,
) -> QualityReport:
    return engine.run_checks(
        moving=console.show_progress, on_finding=lambda one: _tell(one, console), check_with=check_with, **wanted
    )


def _document(engine: IngestionEngine, wanted: dict[str, Any], folder: Path, console: Console) -> QualityReport:
    from ingestify.quality.data_docs import DataDocs  # only for this option

    with DataDocs(folder) as docs:
        report = _check(engine, wanted, console, docs.documented)
        docs.write()
    console.tell(f"The data docs are in {folder / 'index.html'} .")
    return report


def _tell(finding: QualityFinding, console: Console) -> None:
    console.show(finding, quality_line, _write_finding)
    flush()


def _write_finding(finding: QualityFinding) -> None:
    write_line(f"{finding.outcome}: {finding.dataset} · {finding.check}")
    for sentence in finding.sentences:
        write_line(f"    {sentence}")


def _summarize(report: QualityReport, console: Console) -> None:
    if console.quiet:
        return
    for one in report.checks:
        numbers = f"{one.passed:,} passed, {one.with_problems:,} with problems, {one.failed:,} failed"
        numbers += f", {one.without:,} without what it looks at" if one.without else ""
        write_line(f"{one.check:<36} {one.mode:<6}  {numbers}")
    write_line(report.line)
