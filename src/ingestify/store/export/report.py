"""What an export did, file by file and in total."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

import msgspec

from ingestify.domain.html_table import html_table
from ingestify.progress.formatting import counted, size

__all__ = ["ExportOutcome", "ExportProgress", "ExportReport", "Exported"]


class ExportOutcome(enum.StrEnum):
    """The outcome for a file."""

    WRITTEN = "written"
    REPLACED = "replaced"
    """Another file was there, and the export was to overwrite it."""
    UNCHANGED = "unchanged"
    """The same bytes were there; they were left alone."""
    LEFT_OUT = "left out"
    """It is no table, so there is no Parquet of it."""
    FAILED = "failed"
    """The lake's object is missing or damaged."""


@dataclasses.dataclass(frozen=True, slots=True)
class Exported:
    """The outcome for one file.

    Attributes:
        outcome: The outcome.
        path: Where it is, below the folder of the export.
        what: The dataset and the feed, for people; or what kind of list or note it is.
        dataset_id: The dataset; empty: it is of several.
        size: How many bytes were written; of an unchanged file, or in a dry run, 0.
        reason: Why it failed or was left out; empty otherwise.
    """

    outcome: ExportOutcome
    path: str
    what: str
    dataset_id: str = ""
    size: int = 0
    reason: str = ""


class ExportProgress(msgspec.Struct):
    """The progress of an export. One thread counts, any thread may read."""

    datasets: int = 0
    files: int = 0
    written: int = 0
    replaced: int = 0
    unchanged: int = 0
    left_out: int = 0
    failed: int = 0
    size: int = 0

    def add(self, one: Exported) -> None:
        """Count the outcome of a file."""
        name = one.outcome.name.lower()
        setattr(self, name, getattr(self, name) + 1)
        self.size += one.size

    @property
    def text(self) -> str:
        """How far it is, for people."""
        done = self.written + self.replaced + self.unchanged + self.left_out + self.failed
        if not done:
            return f"looking: {counted(self.datasets, 'dataset')}, {counted(self.files, 'file')}"
        return f"{done:,} of {counted(self.files, 'file')} · {size(self.size)}"


@dataclasses.dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export did, or what a dry run would do.

    Attributes:
        folder: Where the files are.
        progress: The counts: `datasets`, `files`, `written`, `replaced`, `unchanged`, `left_out`, `failed`, `size`.
        problems: The files that failed, or that were left out.
        dry_run: Whether nothing was written.
    """

    folder: str
    progress: ExportProgress
    problems: Sequence[Exported] = dataclasses.field(default=())
    dry_run: bool = False

    @property
    def line(self) -> str:
        """One line: `exported: 64 matches, 257 files: 257 written, 0 unchanged · 84 MB`."""
        done = self.progress
        parts = [f"{done.written:,} {'to write' if self.dry_run else 'written'}", f"{done.unchanged:,} unchanged"]
        parts += [
            f"{count:,} {text}"
            for count, text in (
                (done.replaced, "to replace" if self.dry_run else "replaced"),
                (done.left_out, "left out, as they are no tables"),
                (done.failed, "failed"),
            )
            if count
        ]
        begin = "to export" if self.dry_run else "exported"
        what = f"{counted(done.datasets, 'dataset')}, {counted(done.files, 'file')}"
        return f"{begin}: {what}: {', '.join(parts)}" + ("" if self.dry_run else f" · {size(done.size)}")

    def __repr__(self) -> str:
        first = next((f"; the first: {one.outcome.value}: {one.path}: {one.reason}" for one in self.problems), "")
        return f"ExportReport({self.line}{first})"

    def _repr_html_(self) -> str:
        rows = ((one.outcome.value, one.path, one.reason) for one in self.problems)
        return html_table(self.line, ("outcome", "path", "why"), rows, len(self.problems))
