"""The use case behind `ingestify copy` and `engine.copy_to`: copy a lake into another one."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from ingestify.domain.html_table import html_table
from ingestify.domain.wording import noun
from ingestify.errors import ConfigurationError
from ingestify.progress.formatting import counted, size
from ingestify.remedies import remedy
from ingestify.store.maintenance.copied import Copied, CopyOutcome, CopyProgress
from ingestify.store.maintenance.copying import Copying

__all__ = ["CopyReport", "copy_lake"]

_NEEDS_A_PERSON = (CopyOutcome.CONFLICT, CopyOutcome.FAILED)


@dataclasses.dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy did, or what a dry run would do.

    Attributes:
        progress: The counts: `new`, `updated`, `unchanged`, `conflicts`, `failed`, `quarantined`, `objects`, `size`.
        problems: The datasets that failed, or that have another history in the target.
        only_in_target: (dataset id, name) of the datasets that only the target has.
        duration_seconds: How long it took.
        dry_run: Whether nothing was written.
        deleted: How many datasets were removed from the target.
        damages: How many files of the target are damaged; None: the target was not verified.
        created_lake: Where the target lake was created; empty if it existed.
    """

    progress: CopyProgress
    problems: Sequence[Copied]
    only_in_target: Sequence[tuple[str, str]]
    duration_seconds: float
    dry_run: bool = False
    deleted: int = 0
    damages: int | None = None
    created_lake: str = ""

    @property
    def line(self) -> str:
        """One line: `copied: 12 new, 3 updated, 365 unchanged · 45 files · 84 MB`."""
        done = self.progress
        parts = [f"{done.new:,} new", f"{done.updated:,} updated", f"{done.unchanged:,} unchanged"]
        parts += [
            f"{count:,} {text}"
            for count, text in (
                (done.conflicts, "in conflict"),
                (done.failed, "failed"),
                (done.quarantined, "in quarantine"),
                (self.deleted, "removed"),
            )
            if count
        ]
        verified = "" if self.damages is None else f" · verified, {self.damages:,} damaged"
        begin = "to copy" if self.dry_run else "copied"
        return f"{begin}: {', '.join(parts)} · {counted(done.objects, 'file')} · {size(done.size)}{verified}"

    def __repr__(self) -> str:
        first = next((f"; the first: {one.outcome.value}: {one.what}: {one.reason}" for one in self.problems), "")
        return f"CopyReport({self.line}{first})"

    def _repr_html_(self) -> str:
        rows = ((one.outcome.value, one.what, one.reason) for one in self.problems)
        table = html_table(self.line, ("outcome", "what", "why"), rows, len(self.problems))
        if not self.only_in_target:
            return table
        count = len(self.only_in_target)
        return table + html_table("Only in the target", ("dataset id", "what"), self.only_in_target, count)


def copy_lake(
    copying: Copying,
    *,
    moving: Callable[[Callable[[], str | None]], AbstractContextManager[None]],
    deletes: bool = False,
    on_copied: Callable[[Copied], object] = lambda _: None,
) -> CopyReport:
    """Copy the datasets that differ, and find those that only the target has.

    Args:
        copying: The two lakes and the filter.
        moving: Shows a changing text while a block runs.
        deletes: Whether the caller removes afterwards, with `Copying.delete`, what only the target has.
        on_copied: Called with the result of each dataset that differed.

    Raises:
        ConfigurationError: `deletes` is set and the source has no dataset of the filter.
        LakeUnwritable: The target cannot be written any more; see `Copying.iter_copied`.
    """
    if deletes and not copying.has_any:
        # An empty source is a wrong name or an unmounted disk far more often than a wish for an empty mirror.
        raise ConfigurationError(
            "The source has no such dataset, so deleting would remove all of them from the target: name the right "
            f"source, or remove the datasets with {remedy('delete')}."
        )
    began = time.monotonic()
    progress, problems = copying.progress, []
    with moving(lambda: _how_far(progress)):
        for copied in copying.iter_copied():
            on_copied(copied)
            if copied.outcome in _NEEDS_A_PERSON:
                problems.append(copied)
    return CopyReport(
        progress=progress,
        problems=problems,
        only_in_target=list(copying.iter_surplus()),
        duration_seconds=time.monotonic() - began,
        dry_run=copying.dry_run,
        created_lake=copying.created_lake,
    )


def _how_far(progress: CopyProgress) -> str:
    compared = f"{progress.datasets:,} {noun((), progress.datasets)} compared"
    return f"{compared} · {progress.objects:,} files copied · {size(progress.size)}"
