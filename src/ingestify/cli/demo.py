"""`ingestify demo`: ingests a simulated season and its correction, without network and configuration."""

from __future__ import annotations

import contextlib
import importlib.util
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ingestify.cli.console import Console
from ingestify.cli.exit_codes import EXIT_INTERRUPTED, EXIT_SOME_FAILED
from ingestify.cli.logs import write_stderr
from ingestify.cli.options import NamedLake, console_options
from ingestify.cli.output import flush, write_line
from ingestify.cli.pages import require_web, serve_pages
from ingestify.cli.progress import RunView
from ingestify.cli.run import execute
from ingestify.data_stdout import stdout
from ingestify.domain.run import RunReport
from ingestify.engine.engine import IngestionEngine
from ingestify.errors import ConfigurationError
from ingestify.main import get_engine
from ingestify.progress.audience import may_move_cursor
from ingestify.progress.formatting import size, summary_line
from ingestify.testing.invented.tracking import invent_tracking
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

__all__ = ["demo_command"]

MARKER = ".made-by-ingestify-demo"

MADE_BY_DEMO = ("config.yaml", "catalog.db", "catalog.db-wal", "catalog.db-shm", "files")
"""The files of a demo beside the marker, which the next demo replaces. Other files stay."""

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
    help="The folder of the lake. It replaces the lake of an earlier demo.",
)
@click.option(
    "--web",
    "shows_pages",
    is_flag=True,
    help="Then show the lake in a browser, with tracking, and with a match in quarantine to decide about. Needs the "
    "extra web.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="With --web: the port; 0: a free one.")
@console_options
def demo_command(matches: int, folder: Path, shows_pages: bool, port: int | None, console: Console) -> None:
    """See it work: ingest a simulated season, let the provider correct a match, and run again."""
    if shows_pages:
        require_web()
    with _writing_to(folder):
        _clear(folder)
    season = Season(matches=matches, seed=1)
    with Simulator(season, latency_seconds=0.02) as provider:
        with _writing_to(folder):
            (folder / "config.yaml").write_text(CONFIG.format(base_url=provider.base_url), encoding="utf-8")
        with get_engine(folder / "config.yaml") as engine:
            demonstration = _Demonstration(engine, provider, console)
            matches_shown = demonstration.show()
            if shows_pages:
                demonstration.add_for_pages(season, *matches_shown)
    if shows_pages:
        from ingestify.main.place import Place  # heavy, and not for --help

        if not console.quiet:
            _write_title("The lake in a browser")
        serve_pages(NamedLake(Place.of_config(folder / "config.yaml")), console, port=port)
        return
    if not console.quiet:
        _say_what_next(folder)


@contextlib.contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"The demo cannot write to the folder {folder}: {error.strerror or error}. Name another with --folder."
        ) from error


def _clear(folder: Path) -> None:
    """Create the folder, or remove an earlier demo's lake from it. The folder stays, as it may be the current one."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / MARKER).exists():
        raise ConfigurationError(
            f"{folder} exists already, and was not made by a demo; name another place with --folder."
        )
    (folder / MARKER).touch()
    for name in MADE_BY_DEMO:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class _Demonstration:
    """The five runs, with what a person should notice about them."""

    def __init__(self, engine: IngestionEngine, provider: Simulator, console: Console) -> None:
        self._engine = engine
        self._provider = provider
        self._quiet = console.quiet
        self._view = RunView(console)

    def show(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run it from beginning to end. Returns the match that was corrected, and the one that got 360 data."""
        self._title("A provider, simulated on this machine")
        self._say(f"  {self._provider.base_url}: a StatsBomb-shaped season, made up, answering after 20 ms")

        self._title("First run: everything is new")
        self._run()

        self._title("Second run: nothing changed, so only the indexes are asked for")
        self._run()

        corrected, completed = self._choose()
        self._provider.correct(corrected["match_id"], "events")
        self._provider.publish_360(completed["match_id"])
        self._title("The provider corrects the events of one match, and adds 360 data to another")
        self._run()
        for identifier in (corrected, completed):
            dataset = self._engine.store.get_dataset_collection(**identifier).first()
            assert dataset is not None, "it was ingested above"
            self._say(f"  {dataset.name}")
            for revision in dataset.revisions:
                self._say(f"    revision {revision.revision_id}: {', '.join(sorted(revision.files))}")

        self._show_quarantine(completed)

        self._title("The lake")
        totals = self._engine.store.totals()
        self._say(
            f"  {totals['datasets']} matches, {totals['revisions']} revisions, {totals['files']} files · "
            f"{size(totals['size_bytes'])} of the provider's bytes, stored in {size(totals['storage_bytes'])}"
        )
        self._title("Ready to analyse")
        self._load(corrected)
        return corrected, completed

    def _show_quarantine(self, identifier: dict[str, Any]) -> None:
        """Simulate what happened to StatsBomb's match 3788741."""
        match_id = identifier["match_id"]
        self._provider.correct(match_id, rekey=True)
        self._title("The provider gives that match's events new ids, and forgets its 360 data, which names them")
        report = self._run(quarantined=1)
        for task in report.quarantined_tasks:
            self._say(f"  in quarantine: {task.error}")
        self._say(f"  readers still see revision {self._newest_revision(identifier)}, whose files agree")

        self._provider.correct(match_id, "360-frames")
        self._title("An hour later the 360 data follows: the next run publishes both together")
        self._run()
        self._say(f"  readers see revision {self._newest_revision(identifier)}")

    def add_for_pages(self, season: Season, corrected: dict[str, Any], completed: dict[str, Any]) -> None:
        """Leave the match with 360 data in quarantine, and add tracking of the other one."""
        self._provider.correct(completed["match_id"], rekey=True)
        self._title("The provider gives the events new ids once more: this time you decide, in the browser")
        self._run(quarantined=1)
        match = season.match(corrected["match_id"])
        self._engine.store.create_dataset(
            "tracking",
            "skillcorner",
            corrected,
            f"{match.home.name} – {match.away.name}, tracking",
            files=invent_tracking(match.home, match.away, (match.home_score, match.away_score), seed=1),
            description="made up by ingestify demo",
        )
        self._say("  and three minutes of tracking in SkillCorner's format, made up too")

    def _newest_revision(self, identifier: dict[str, Any]) -> int:
        dataset = self._engine.store.get_dataset_collection(**identifier).first()
        assert dataset is not None, "it was ingested above"
        return dataset.revisions[-1].revision_id

    def _run(self, quarantined: int = 0) -> RunReport:
        report = execute(self._engine, self._view)
        self._say(f"  {summary_line(report)}")
        for task in report.failed_tasks:
            write_stderr(f"  failed: {task.name}: {task.error}")
        code = report.exit_code
        if code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
        as_shown = code == EXIT_SOME_FAILED and not report.totals.failed and report.totals.quarantined == quarantined
        if code and not as_shown:
            raise click.exceptions.Exit(code)
        return report

    def _choose(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the identifiers of a match with 360 data, and of one without."""
        datasets = sorted(self._engine.list_datasets(), key=lambda dataset: dataset.name)
        without = next(dataset for dataset in datasets if "360-frames__v1" not in dataset.files)
        other = next(dataset for dataset in datasets if dataset is not without)
        return dict(other.identifier), dict(without.identifier)

    def _load(self, identifier: dict[str, Any]) -> None:
        if importlib.util.find_spec("kloppy") is None:
            self._say(
                "  kloppy is not installed; after  pip install -e '.[kloppy]'  in ingestify's folder a match becomes "
                "its event dataset."
            )
            return
        dataset = self._engine.store.get_dataset_collection(**identifier).first()
        assert dataset is not None, "it was ingested above"
        match = self._engine.load_dataset_with_kloppy(dataset)
        shots = [event for event in match.events if event.event_name == "shot"]
        goals = sum(shot.result is not None and shot.result.is_success for shot in shots)
        self._say("  match = engine.load_dataset_with_kloppy(dataset)")
        self._say(f"  {dataset.name}: {len(match.events):,} events, {len(shots)} shots, {goals} goals")

    def _say(self, line: str) -> None:
        if not self._quiet:
            write_line(line)
            flush()  # people watch it, also through a pipe

    def _title(self, text: str) -> None:
        if not self._quiet:
            _write_title(text)


def _say_what_next(folder: Path) -> None:
    config = shlex.quote(str(folder / "config.yaml"))
    commands = (
        (f"ingestify list --config {config}", "what is in the lake"),
        (f"ingestify status --config {config}", "the five runs"),
        ("ingestify init", "your own lake: writes a commented config.yaml with StatsBomb's open data"),
        ("ingestify plan", "what a run would fetch, and why"),
        ("ingestify run", "fetch it; again tonight, and every night"),
    )
    width = max(len(command) for command, _ in commands)
    _write_title("What to type next")
    for command, why in commands:
        write_line(f"  {command:<{width}}  {why}")


def _write_title(text: str) -> None:
    write_line("")
    if may_move_cursor(stdout()):
        click.secho(text, stdout(), bold=True)
    else:
        write_line(text)  # click writes an escape code even where nothing is to be bold
