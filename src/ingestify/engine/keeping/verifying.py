"""The use case behind `ingestify verify` and `engine.verify`: verify a lake, and repair it if wanted."""

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
from ingestify.store.maintenance.repair import DatasetToFetch, Refetch, Repaired, confirm, repair
from ingestify.store.maintenance.verification import Verification

__all__ = ["Moving", "VerifyReport", "fetch_anew", "verify"]

Moving = Callable[[Callable[[], str | None]], AbstractContextManager[None]]
"""Shows a changing text while a block runs."""

_ENDS_ALL = (KeyboardInterrupt, StopProcessing, FatalError, StoreError)
"""Errors that end a repair: the next dataset would meet them too."""


@dataclasses.dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found, and what a repair did about it.

    Attributes:
        damages: All damages; orphaned files are none.
        left: The damages that the repair did not remove; without a repair, all.
        mended: What the repair did.
        orphans: How many files of the storage no dataset names; garbage collection removes them.
        objects: How many files were read.
        size: How many bytes they have, uncompressed.
        skipped: How many files are not in the sample.
        share: The share of the files to read, above 0 and up to 1.
        seed: The seed of the sample; the same seed reads the same files again.
        duration_seconds: How long it took.
    """

    damages: Sequence[Damage]
    left: Sequence[Damage]
    mended: Sequence[Repaired]
    orphans: int
    objects: int
    size: int
    skipped: int
    share: float
    seed: int
    duration_seconds: float

    @property
    def line(self) -> str:
        """One line: `1,267 files read (84 MB): 2 damages, 1 repaired, 1 left`."""
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
    on_mended: Callable[[Repaired], object] = lambda _: None,
) -> VerifyReport:
    """Verify a lake, and repair it if wanted.

    Args:
        store: The lake.
        verification: Which files are read.
        refetch: Fetches a dataset again that has no other copy; None: do not repair.
        moving: Shows the progress.
        on_damage: Called with each damage and each orphaned file when it is found.
        on_mended: Called with each repair when it is done.

    Raises:
        LakeIdentityError: The storage does not belong to the catalogue.
        StoreError: The catalogue or the storage cannot be read or, for a repair, written.
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
        left += verification.verify_again(damage.path for damage in damages if damage.record and damage.path)
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


def fetch_anew(run_report: Callable[..., RunReport], wanted: DatasetToFetch) -> str:
    """Fetch a dataset again for a repair. Returns one line: the result.

    Args:
        run_report: The method of the engine of the dataset's bucket.
        wanted: The dataset.
    """
    try:
        report = run_report(provider=wanted.provider, dataset_type=wanted.dataset_type, **dict(wanted.identifier))
    except ConfigurationError as error:
        return f"it cannot be fetched anew now: {error} It is marked: the next run that covers it fetches it"
    if isinstance(report.error, _ENDS_ALL):
        raise report.error
    if report.error is not None:
        return f"it could not be fetched anew: {one_line(report.error)}"
    if not report.totals.discovered:
        return "nothing was fetched: no selector lists it; if the provider removed it, restore it from a backup"
    failed = [task.error for task in report.failed_tasks + report.quarantined_tasks]
    if failed:
        return f"it could not be fetched anew: {'; '.join(failed)}"
    if report.totals.skipped:
        return "the fetch policy skipped it, so it was not fetched anew"
    if report.totals.revised:
        return (
            "fetched again: the provider has other bytes now, and they are a new revision; the bytes of the old one "
            f"are lost ({summary_line(report)})"
        )
    return f"fetched anew ({summary_line(report)})"
