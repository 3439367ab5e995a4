"""The use case behind `ingestify export` and `engine.export`: files for readers that know the provider's layout."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from ingestify.domain.dataset import Dataset
from ingestify.errors import ConfigurationError, ExportError, IntegrityError, LoadError, SourceError
from ingestify.store.export.content import MadeContent
from ingestify.store.export.folder import ExportFolder
from ingestify.store.export.plan import ExportPlan, PlannedFile
from ingestify.store.export.report import Exported, ExportOutcome, ExportProgress, ExportReport
from ingestify.store.export.side_by_side import SideBySide
from ingestify.store.reading.dataset_reader import DatasetReader

__all__ = ["FORMATS", "ExportFormat", "export_datasets"]

ExportFormat = Literal["files", "parquet"]
FORMATS: tuple[ExportFormat, ...] = ("files", "parquet")

_TABLES = 2
"""How many tables are in memory at once."""

_NO_TABLE = (LoadError, SourceError)
"""What is raised if no table can be made of a file: it has another format, or is not of its own."""

_SHOWN = 5


def export_datasets(
    store: DatasetReader,
    datasets: Iterable[Dataset],
    folder: Path,
    *,
    moving: Callable[[Callable[[], str | None]], AbstractContextManager[None]],
    export_format: str = "files",
    overwrite: bool = False,
    dry_run: bool = False,
    workers: int,
    on_exported: Callable[[Exported], object] = lambda _: None,
) -> ExportReport:
    """Write the files of datasets into a folder: first all paths are looked at, then files are written.

    Args:
        store: The lake.
        datasets: The datasets.
        folder: The folder; it is made.
        moving: Shows a changing text while a block runs.
        export_format: `files`: the provider's bytes, in its own layout. `parquet`: tables.
        overwrite: Replace files that are there and have other bytes.
        dry_run: Write nothing.
        workers: How many files are read at once.
        on_exported: Called with the outcome of each file.

    Raises:
        ConfigurationError: There is no such format, or a layout has a path that is none.
        ExportError: A file that is there has other bytes, and `overwrite` is not set; or two files have one path, or a
            name is too long. Then nothing was written. Or the disk refused.
        MissingExtraError: Parquet needs polars.
        StoreError: The lake cannot be read.
    """
    if export_format not in FORMATS:
        raise ConfigurationError(f"'{export_format}' is no format of an export: write {' or '.join(FORMATS)}.")
    progress = ExportProgress()
    target = ExportFolder(folder)
    problems: list[Exported] = []

    def tell(one: Exported) -> None:
        progress.add(one)
        if one.reason:
            problems.append(one)
        on_exported(one)

    as_tables = export_format == "parquet"
    with moving(lambda: progress.text), SideBySide(min(workers, _TABLES) if as_tables else workers) as threads:
        plan = ExportPlan(store, as_tables=as_tables)
        for dataset, contents in threads.map(plan.read_listed, datasets):
            plan.add(dataset, contents)
            progress.datasets += 1
            progress.files = len(plan)
        _add_made_files(plan, target)
        progress.files = len(plan) + len(plan.problems)
        there = _find_existing(plan, target, threads, overwrite=overwrite)

        def write(one: PlannedFile) -> Exported:
            outcome = there.get(one.path, ExportOutcome.WRITTEN)
            if dry_run or outcome is ExportOutcome.UNCHANGED:
                return Exported(outcome, one.path, one.what, one.dataset_id)
            return _write(target, one, outcome, threads.stopping)

        for problem in plan.problems:
            tell(problem)
        for _, done in threads.map(write, plan):
            tell(done)
    return ExportReport(str(folder), progress, tuple(problems), dry_run)


def _add_made_files(plan: ExportPlan, target: ExportFolder) -> None:
    """Add the lists and the notes, and look whether all paths can stand side by side."""
    for path, _ in plan.indexes:
        plan.put(PlannedFile(path, MadeContent(plan.indexes.content_of(path, target.find(path))), "a list"))
    for path, note in plan.terms:
        plan.put(PlannedFile(path, MadeContent(note), "the provider's terms"))
    plan.check()


def _find_existing(
    plan: ExportPlan, target: ExportFolder, threads: SideBySide, *, overwrite: bool
) -> dict[str, ExportOutcome]:
    """Return the paths that are there, and whether they are the same or have to be replaced.

    Raises:
        ExportError: One would have to be replaced, and `overwrite` is not set.
    """

    def look(one: PlannedFile) -> ExportOutcome | None:
        if not target.exists(one.path):
            return None
        try:
            return ExportOutcome.UNCHANGED if target.has_same(one.path, one.content) else ExportOutcome.REPLACED
        except (IntegrityError, *_NO_TABLE):
            return None  # it is told when it would be written, and what is there stays

    found = {one.path: outcome for one, outcome in threads.map(look, plan) if outcome is not None}
    others = [path for path, outcome in found.items() if outcome is ExportOutcome.REPLACED]
    if others and not overwrite:
        more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
        raise ExportError(
            f"{target.folder} has other files of these names: {', '.join(others[:_SHOWN])}{more}. Export into another "
            f"folder, or replace them with --overwrite (overwrite=True). Nothing was written.",
            others,
        )
    return found


def _write(target: ExportFolder, one: PlannedFile, outcome: ExportOutcome, stopping: threading.Event) -> Exported:
    try:
        return Exported(outcome, one.path, one.what, one.dataset_id, target.write(one.path, one.content, stopping))
    except _NO_TABLE as error:
        outcome, reason = ExportOutcome.LEFT_OUT, str(error)
    except IntegrityError as error:
        outcome, reason = ExportOutcome.FAILED, str(error)
    return Exported(outcome, one.path, one.what, one.dataset_id, reason=reason)
