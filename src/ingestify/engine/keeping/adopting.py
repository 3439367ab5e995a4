"""The use case behind `ingestify adopt` and `ingestify.adopt`: take over a lake of the published package."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from ingestify.clock import now
from ingestify.domain.adoption import NotTaken, NotTakenKind
from ingestify.domain.html_table import html_table
from ingestify.errors import ConfigurationError
from ingestify.progress.formatting import counted, size
from ingestify.remedies import remedy
from ingestify.store.maintenance.adoption import Adoption, AdoptionProgress

__all__ = ["AdoptionReport", "adopt_lake"]


@dataclasses.dataclass(frozen=True, slots=True)
class AdoptionReport:
    """What an adoption took over, or what a dry run would take over.

    Attributes:
        progress: The counts: `datasets`, `already` (of an earlier, interrupted adoption), `revisions`, `files`,
            `objects`, `size`, `events`, `readers`.
        not_taken: What was not taken, each with the reason.
        zone_note: What is assumed of times without zone; empty: there are none.
        duration_seconds: How long it took.
        dry_run: Whether nothing was written.
        present: How many of the datasets our lake has, if it was adopted before; None: it was not.
        written_since: How many datasets the published package has written since then, or since the adoption began:
            they may not be taken as they are now.
        created_lake: Where the target lake was created; empty if it existed.
    """

    progress: AdoptionProgress
    not_taken: Sequence[NotTaken]
    zone_note: str
    duration_seconds: float
    dry_run: bool = True
    present: tuple[int, int] | None = None
    written_since: int = 0
    created_lake: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether all that the published package still had is in our lake."""
        return not self.written_since and not any(one.is_failure for one in self.not_taken)

    @property
    def line(self) -> str:
        """One line: `adopted: 16 datasets, 23 revisions, 41 files · 84 MB · 28 events, 2 readers · 4 replaced`."""
        if self.present is not None:
            there, count = self.present
            return f"nothing to do: the lake is in use, and has {there:,} of {counted(count, 'dataset')}{self._since}"
        done = self.progress
        begin = "to adopt" if self.dry_run else "adopted"
        taken = [(done.datasets, "dataset"), (done.revisions, "revision"), (done.files, "file")]
        parts = [f"{begin}: {', '.join(counted(*one) for one in taken)}", size(done.size)]
        if done.already:
            parts.append(f"{counted(done.already, 'dataset')} before")
        if done.events or done.readers:
            parts.append(f"{counted(done.events, 'event')}, {counted(done.readers, 'reader')}")
        parts += [
            f"{count:,} {kind.value}"
            for kind in NotTakenKind
            if (count := sum(one.kind is kind for one in self.not_taken))
        ]
        return f"{' · '.join(parts)}{self._since}"

    @property
    def _since(self) -> str:
        if not self.written_since:
            return ""
        written, begin = counted(self.written_since, "dataset"), "since" if self.present else "meanwhile"
        return f"; the published package has written {written} {begin}, and that may not be taken"

    def __repr__(self) -> str:
        first = next((f"; the first: {one.kind.value}: {one.what}: {one.reason}" for one in self.not_taken), "")
        return f"AdoptionReport({self.line}{first})"

    def _repr_html_(self) -> str:
        rows = ((one.kind.value, one.what, one.reason) for one in self.not_taken)
        return html_table(self.line, ("not taken", "what", "why"), rows, len(self.not_taken))


def adopt_lake(
    adoption: Adoption,
    *,
    moving: Callable[[Callable[[], str | None]], AbstractContextManager[None]],
    on_not_taken: Callable[[NotTaken], object] = lambda _: None,
) -> AdoptionReport:
    """Adopt a lake, unless that was done before.

    Args:
        adoption: The lake of the published package, and ours.
        moving: Shows a changing text while a block runs.
        on_not_taken: Called with each thing that is not taken.

    Raises:
        ConfigurationError: Our lake is in use, and none of its datasets is of that lake.
        LakeIdentityError: The storage has the mark of another lake, or none of the files.
        StoreError: A catalogue or a storage refused. Another call goes on.
    """
    began, began_at = time.monotonic(), now()
    progress, not_taken, present, written_since = adoption.progress, [], None, 0
    if adoption.is_finished:
        present, written_since = adoption.count_present(), adoption.count_written_since(None)
        if adoption.is_copy and present[1] and not present[0]:
            raise ConfigurationError(
                f"Somebody has written to the lake {adoption.where} before, so nothing was taken into it. Adopt into a "
                f"new lake; {remedy('copy')} brings it from there into this one."
            )
    else:
        with moving(lambda: _how_far(progress)):
            for one in adoption.iter_not_taken():
                not_taken.append(one)
                on_not_taken(one)
        written_since = adoption.count_written_since(began_at)
    return AdoptionReport(
        progress=progress,
        not_taken=not_taken,
        zone_note=adoption.zone_note,
        duration_seconds=time.monotonic() - began,
        dry_run=adoption.dry_run,
        present=present,
        written_since=written_since,
    )


def _how_far(progress: AdoptionProgress) -> str:
    taken = counted(progress.datasets + progress.already, "dataset")
    return f"{taken} · {counted(progress.objects, 'file')} read · {size(progress.size)}"
