"""Verifying a lake, and mending it if wanted; what it comes to, as data. The command and `engine.verify` do this."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from ingestify.domain.damage import Damage
from ingestify.domain.html_table import html_table
from ingestify.domain.run import RunReport
from ingestify.engine.report.report import one_line
from ingestify.errors import ConfigurationError, FatalError, StopProcessing, StoreError
from ingestify.progress.formatting import counted, size, summary_line
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.maintenance.repair import Mended, Refetch, Wanted, confirm, repair
from ingestify.store.maintenance.verification import Verification

__all__ = ["Moving", "VerifyReport", "fetch_anew", "verify"]

Moving = Callable[[Callable[[], str | None]], AbstractContextManager[None]]
"""Shows a text again and again while a block runs."""

_ENDS_ALL = (KeyboardInterrupt, StopProcessing, FatalError, StoreError)
"""What the next dataset would meet too, or what is not to be asked again."""


@dataclasses.dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found, and what a repair did about it.

    Attributes:
        damages: What is wrong; what nothing names is none.
        left: What of it is still so after the repair; without one, all of it.
        mended: What the repair did.
        orphans: Files in the storage that no dataset has; `store.collect_garbage()` removes them.
        objects: How many files were read; `size`: the bytes of the providers in them.
        skipped: How many are not in the sample.
        share: How much of the lake was to be read, up to 1.
        seed: That of the sample, to look at the same files again.
    """

    damages: Sequence[Damage]
    left: Sequence[Damage]
    mended: Sequence[Mended]
    orphans: int
    objects: int
    size: int
    skipped: int
    share: float
    seed: int
    duration_seconds: float

    @property
    def line(self) -> str:
        """What it came to: `1,267 files read (84 MB): 2 damages, 1 repaired, 1 left`."""
        files, sample = counted(self.objects, "file"), ""
        if self.share < 1:
            files = f"{self.objects:,} of {counted(self.objects + self.skipped, 'file')}"
            sample = f", a sample of {self.share:.4g} with the seed {self.seed}"
        found, left = len(self.damages), len(self.left)
        damage = counted(found, "damage") if found else "no damage"
        if left < found:
            damage += f", {found - left:,} repaired, {left:,} left"
        return f"{files} read ({size(self.size)}){sample}: {damage}"

    def __repr__(self) -> str:
        first = next((f"; the first: {one.kind.value}: {one.where}: {one.what}" for one in self.left), "")
        return f"VerifyReport({self.line}{first})"

    def _repr_html_(self) -> str:
        rows = ((one.kind.value, one.where, one.what, one.remedy) for one in self.left)
        table = html_table(self.line, ("damage", "where", "what", "remedy"), rows, len(self.left))
        if not self.mended:
            return table
        done = ((one.where, one.what) for one in self.mended)
        return table + html_table("What was repaired", ("where", "what"), done, len(self.mended))


def verify(
    store: DatasetStore,
    verification: Verification,
    *,
    refetch: Refetch | None,
    moving: Moving,
    on_damage: Callable[[Damage], object] = lambda _: None,
    on_mended: Callable[[Mended], object] = lambda _: None,
) -> VerifyReport:
    """Look at a lake, and mend it if wanted.

    Args:
        refetch: Fetches anew what has no other copy; None: only look.
        on_damage: Hears of each as it is found, of what nothing names too.
        on_mended: Hears of what was done, as it is done.

    Raises:
        LakeIdentityError: The storage is not the catalogue's.
        StoreError: The catalogue or the storage cannot be read, or, for a repair, written.
    """
    began = time.monotonic()
    progress = verification.progress
    damages, orphans = [], 0
    store.identity.check()
    with moving(lambda: f"{counted(progress.objects, 'file')} read · {size(progress.size)}"):
        for damage in verification.iter_damages():
            if damage.is_failure:
                damages.append(damage)
            else:
                orphans += 1
            on_damage(damage)
    left, mended = damages, []
    if refetch is not None and damages:
        for one in repair(store, damages, refetch):
            mended.append(one)
            on_mended(one)
        left = [damage for damage in verification.iter_row_damages() if damage.is_failure]
        left += verification.look_again(damage.path for damage in damages if damage.record and damage.path)
        confirm(store, mended, left)
    return VerifyReport(
        damages=damages,
        left=left,
        mended=mended,
        orphans=orphans,
        objects=progress.objects,
        size=progress.size,
        skipped=progress.skipped,
        share=verification.share,
        seed=verification.seed,
        duration_seconds=time.monotonic() - began,
    )


def fetch_anew(run_report: Callable[..., RunReport], wanted: Wanted) -> str:
    """Fetch a dataset anew for a repair, and say what came of it.

    Args:
        run_report: That of the engine of its bucket.
    """
    try:
        report = run_report(provider=wanted.provider, dataset_type=wanted.dataset_type, **dict(wanted.identifier))
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
