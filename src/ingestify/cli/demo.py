"""`ingestify demo`: a simulated season, a correction, and what became of it. No network, no configuration."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import click

from ingestify.cli.app import exit_with
from ingestify.cli.options import logging_options, set_up_logging
from ingestify.cli.progress import RunView
from ingestify.cli.run import execute, exit_code
from ingestify.cli.texts import size, summary_line
from ingestify.domain.run import RunReport
from ingestify.engine.engine import IngestionEngine
from ingestify.errors import ConfigurationError
from ingestify.main import get_engine
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

__all__ = ["demo_command"]

MARKER = ".made-by-ingestify-demo"

CONFIG = """\
# Made by  ingestify demo . The provider was a simulation that is gone now, so `ingestify run` cannot reach it;
# `ingestify list`, `show` and `status` read the lake.
main:
  metadata_url: sqlite:///catalog.db
  file_url: file://files/
sources:
  statsbomb:
    type: ingestify.statsbomb_github
    configuration: {{base_url: "{base_url}"}}
ingestion_plans:
  - source: statsbomb
    dataset_type: match
"""


@click.command("demo")
@click.option("--matches", type=click.IntRange(4, 380), default=20, show_default=True, help="How long the season is.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("ingestify-demo"),
    show_default=True,
    help="Where the lake is made. A lake of an earlier demo there is replaced.",
)
@logging_options
def demo_command(matches: int, folder: Path, quiet: bool, verbose: bool, debug: bool) -> None:
    """See it work: ingest a simulated season, let the provider correct a match, and run again."""
    set_up_logging(quiet=quiet, verbose=verbose, debug=debug)
    _make_folder(folder)
    view = RunView(quiet=quiet, verbose=verbose)
    season = Season(matches=matches, seed=1)
    with Simulator(season, latency_seconds=0.02) as provider:
        (folder / "config.yaml").write_text(CONFIG.format(base_url=provider.base_url), encoding="utf-8")
        with get_engine(folder / "config.yaml") as engine:
            _demonstrate(engine, provider, view, folder)


def _make_folder(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise ConfigurationError(
                f"{folder} is there already, and was not made by a demo; name another place with --folder."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def _demonstrate(engine: IngestionEngine, provider: Simulator, view: RunView, folder: Path) -> None:
    _title("A provider, simulated on this machine")
    click.echo(f"  {provider.base_url}: a StatsBomb-shaped season, made up, answering after 20 ms")

    _title("First run: everything is new")
    _run(engine, view)

    _title("Second run: nothing changed, so only the indexes are asked for")
    _run(engine, view)

    corrected, completed = _choose(engine)
    provider.correct(corrected["match_id"], "events")
    provider.publish_360(completed["match_id"])
    _title("The provider corrects the events of one match, and adds 360 data to another")
    _run(engine, view)
    for identifier in (corrected, completed):
        dataset = engine.store.get_dataset_collection(**identifier).first()
        assert dataset is not None, "it was ingested above"
        click.echo(f"  {dataset.name}")
        for revision in dataset.revisions:
            click.echo(f"    revision {revision.revision_id}: {', '.join(sorted(revision.files))}")

    _title("The lake")
    totals = engine.store.totals()
    click.echo(
        f"  {totals['datasets']} matches, {totals['revisions']} revisions, {totals['files']} files · "
        f"{size(totals['size_bytes'])} of the provider's bytes, stored in {size(totals['storage_bytes'])}"
    )
    _load(engine, corrected)
    _say_what_next(folder)


def _run(engine: IngestionEngine, view: RunView) -> RunReport:
    report = execute(engine, view)
    click.echo(f"  {summary_line(report)}")
    for task in report.failed_tasks:
        click.echo(f"  failed: {task.name}: {task.error}", err=True)
    if code := exit_code(report):
        exit_with(code)
    return report


def _choose(engine: IngestionEngine) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the identifiers of a match with 360 data, and of one without."""
    datasets = sorted(engine.list_datasets(), key=lambda dataset: dataset.name)
    without = next(dataset for dataset in datasets if "360-frames__v1" not in dataset.files)
    other = next(dataset for dataset in datasets if dataset is not without)
    return dict(other.identifier), dict(without.identifier)


def _load(engine: IngestionEngine, identifier: dict[str, Any]) -> None:
    _title("Ready to analyse")
    if importlib.util.find_spec("kloppy") is None:
        click.echo(
            "  kloppy is not installed; with  pip install 'ingestify[kloppy]'  a match becomes its event dataset."
        )
        return
    dataset = engine.store.get_dataset_collection(**identifier).first()
    assert dataset is not None, "it was ingested above"
    match = engine.load_dataset_with_kloppy(dataset)
    shots = [event for event in match.events if event.event_name == "shot"]
    goals = sum(shot.result is not None and shot.result.is_success for shot in shots)
    click.echo("  match = engine.load_dataset_with_kloppy(dataset)")
    click.echo(f"  {dataset.name}: {len(match.events)} events, {len(shots)} shots, {goals} goals")


def _say_what_next(folder: Path) -> None:
    _title("What to type next")
    for command, why in (
        (f"ingestify list --config {folder / 'config.yaml'}", "what is in the lake"),
        (f"ingestify status --config {folder / 'config.yaml'}", "the three runs"),
        ("ingestify init", "your own lake: writes a commented config.yaml with StatsBomb's open data"),
        ("ingestify plan", "what a run would fetch, and why"),
        ("ingestify run", "fetch it; again tonight, and every night"),
    ):
        click.echo(f"  {command:<{len(str(folder)) + 36}}  {why}")


def _title(text: str) -> None:
    click.echo()
    click.secho(text, bold="NO_COLOR" not in os.environ)
