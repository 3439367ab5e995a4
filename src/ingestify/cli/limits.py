"""The limits of `ingestify status`: what is stale, failed, or in quarantine, for monitoring."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
from collections.abc import Sequence

from ingestify.cli.output import time_text, write_line
from ingestify.clock import now
from ingestify.documents.runs import LimitsDocument, limits_document
from ingestify.domain.expression import Expression
from ingestify.domain.ports import HEARTBEAT
from ingestify.engine.report.health import WatchedPlan, WatchedSelector, watch
from ingestify.progress.formatting import counted
from ingestify.store.dataset_store import DatasetStore

__all__ = ["LimitReport", "Limits"]


@dataclasses.dataclass(frozen=True, slots=True)
class LimitReport:
    """What exceeds the limits. None: there is no such limit.

    Attributes:
        stale: The selectors that no run has completed for too long.
        silent_since: The last sign of life of `ingestify watch`, if that is too old; None: it is not, or there is none.
        failed: The selectors with datasets that failed in the last run, if those are too many.
        quarantined: Source to how many bundles wait, if those are too many.
    """

    stale: Sequence[WatchedSelector] | None
    failed: Sequence[WatchedSelector] | None
    quarantined: dict[str, int] | None
    silent_since: dt.datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether a limit is exceeded."""
        return bool(self.stale or self.failed or self.quarantined or self.silent_since)

    def as_document(self, code: int) -> LimitsDocument:
        """Return its JSON document, with the exit code of the command."""
        return limits_document(self.stale, self.failed, self.quarantined, self.silent_since, code)

    def write_lines(self) -> None:
        """Write a line for each thing that exceeds a limit, and one line if nothing does."""
        if self.silent_since is not None:
            write_line(f"stale: watch: no sign of life since {time_text(self.silent_since)}")
        for one in self.stale or ():
            is_known = one.last_done_at is not None
            last = f"last done {time_text(one.last_done_at)}" if is_known else "no run has completed it"
            write_line(f"stale: {_title(one)}: {last}")
        for one in self.failed or ():
            write_line(f"failed: {_title(one)}: {counted(one.failed, 'dataset')}")
        for source, count in (self.quarantined or {}).items():
            write_line(f"in quarantine: {source}: {counted(count, 'bundle')}")
        if not self.is_over:
            write_line("everything is within the limits")


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """The limits; None: there is no such limit."""

    stale: dt.timedelta | None = None
    max_failed: int | None = None
    max_quarantined: int | None = None

    @property
    def are_given(self) -> bool:
        """Whether there is any limit."""
        return any(getattr(self, field.name) is not None for field in dataclasses.fields(self))

    def check(self, store: DatasetStore, plans: Sequence[WatchedPlan]) -> LimitReport:
        """Compare a lake with the limits; only the quarantine of the store's bucket counts.

        Where a `watch` keeps the lake up to date, a selector may rest for as long as its schedule says, and no longer
        than the limit besides.
        """
        moment = now()
        alive_at = None if self.stale is None else store.catalogue.watch_marks.find().get(HEARTBEAT)
        watched = watch(
            lambda limit: store.catalogue.jobs.load(limit, with_tasks=False),
            plans,
            Expression.parse,
            moment - (self.stale or dt.timedelta()) - max((plan.rests for plan in plans), default=dt.timedelta()),
        )
        failed = [one for one in watched if one.failed]
        entries = [] if self.max_quarantined is None else store.quarantine.list_entries()
        waiting = collections.Counter(entry.source.get("source", "") for entry in entries)
        return LimitReport(
            stale=None if self.stale is None else [one for one in watched if self._is_stale(one, moment, alive_at)],
            failed=None if self.max_failed is None else failed if _sum(failed) > self.max_failed else [],
            quarantined=(
                None
                if self.max_quarantined is None
                else dict(sorted(waiting.items()))
                if len(entries) > self.max_quarantined
                else {}
            ),
            silent_since=(
                alive_at if self.stale is not None and alive_at is not None and moment - alive_at > self.stale else None
            ),
        )

    def _is_stale(self, one: WatchedSelector, moment: dt.datetime, alive_at: dt.datetime | None) -> bool:
        assert self.stale is not None
        return one.is_stale(self.stale + (dt.timedelta() if alive_at is None else one.rests), moment)


def _sum(selectors: Sequence[WatchedSelector]) -> int:
    return sum(one.failed for one in selectors)


def _title(one: WatchedSelector) -> str:
    return f"{one.source}: {one.name or one.dataset_type}"
