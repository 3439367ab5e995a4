"""What is remembered of selectors from run to run: what their hints said, what they listed, and what is absent."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import logging
from collections.abc import Callable, Sequence

from ingestify.clock import now
from ingestify.domain.announcement import is_settled, read_http_date
from ingestify.domain.plan import Job
from ingestify.domain.ports import DiscoveredSelector, SelectorSync
from ingestify.domain.run import RunState
from ingestify.domain.source import Source
from ingestify.engine.report.report import JobProgress
from ingestify.engine.run.missing_detection import Absence, AbsenceLimits, describe_unlisted, find_absence
from ingestify.engine.run.run_locks import RunLocks
from ingestify.errors import StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore

__all__ = ["SelectorMemory", "find_unchanged"]

logger = PrintableLogger(__name__)

MOST_TOLD = 5
"""Of so many selectors of a source a run says what is not listed any more, and of the others how many they are."""


def find_unchanged(progress: JobProgress) -> str | None:
    """Return why nothing can have changed in a selector since it was last ingested whole; None: something can have.

    Its hint says now what the same hint said then, and that was confirmed too late for a second change under it.
    """
    announced, sync = progress.job.selector.announced, progress.sync_before
    if announced is None or sync is None or not progress.job.is_whole_selector:
        return None
    if not sync.complete or not sync.is_settled or sync.absent is not None or sync.hint != announced:
        return None
    return f"nothing changed since {sync.last_modified or sync.finished_at:%Y-%m-%d %H:%M:%S}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Conclusion:
    """What a job's listing says.

    Attributes:
        listing: Its digest, if it is known that the lake has nothing of the selector that is not listed.
        absence: What is not listed any more; None: nothing, or that cannot be said.
        is_believed: Whether that is MISSING now.
    """

    listing: str | None = None
    absence: Absence | None = None
    is_believed: bool = False


_NOTHING_SAID = _Conclusion()


class SelectorMemory:
    """Settles, when a run ends, what only all of its jobs together tell. The caller's thread.

    Args:
        limits_of: How much of a source may be missing at once.
        accepts_missing: Whether a person says that what is not listed is gone.
        level_of: How loudly a refusal of the catalogue's is told.
    """

    def __init__(
        self,
        store: DatasetStore,
        locks: RunLocks,
        *,
        limits_of: Callable[[Source], AbsenceLimits],
        accepts_missing: bool,
        level_of: Callable[[int], int],
    ) -> None:
        self._store = store
        self._locks = locks
        self._limits_of = limits_of
        self._accepts_missing = accepts_missing
        self._level_of = level_of
        self._told: collections.Counter[str] = collections.Counter()

    def find(self, job: Job) -> SelectorSync | None:
        """Return what is remembered of a job's selector."""
        return self._store.catalogue.selector_syncs.find(job.identity(self._store.bucket))

    @staticmethod
    def may_lack(progress: JobProgress) -> bool:
        """Whether `settle` may find that something is not listed any more; False is sure. Asked before that."""
        before = progress.sync_before
        is_as_before = before is not None and progress.listing.holds_all_of(before.listing)
        return progress.lists_all and progress.began_after is not None and not is_as_before

    def settle(self, progresses: Sequence[JobProgress]) -> None:
        """Mark what is missing, and remember what was ingested whole."""
        with self._locks.taken_again([*_whole(progresses), *_in_part(progresses)]) as ours:
            # Where another run is at the same by now, or was, its listing is newer than ours: it settles that.
            ours = [one for one in ours if not self._was_overtaken(one)]
            settled = [one for one in ours if one.was_gone_through]
            others = [one for one in progresses if one not in settled and one.state is not RunState.SKIPPED]
            if any(one.came for one in others):
                # They brought datasets that no whole listing has seen, so the next one is to search for what it lacks.
                try:
                    self._store.catalogue.selector_syncs.forget_listings()
                except StoreError as error:
                    logger.log(self._level_of(logging.ERROR), "Cannot forget listings: %s", error)
            if any(one.took_out for one in progresses):
                try:
                    self._store.catalogue.selector_syncs.forget_hints()
                except StoreError as error:
                    logger.log(self._level_of(logging.ERROR), "Cannot forget hints: %s", error)
            said: set[tuple[str, ...]] = set()
            is_other = False
            listing: list[Job] = []
            for progress in settled:
                conclusion = self._conclude(progress, progresses)
                if self._says_first(progress, conclusion, said):
                    conclusion = self._mark_missing(progress, conclusion)
                self._remember(progress, conclusion)
                before = progress.sync_before
                if conclusion.listing is not None and conclusion.absence is None:
                    listing.append(progress.job)
                is_other |= bool(progress.came) or conclusion.listing != (None if before is None else before.listing)
            if is_other:
                self._forget_what_others_listed(settled)
            self._speak_against(listing)
            self._tell_how_many_more()
            for progress in ours:
                if progress not in settled:
                    self._forget_witness(progress)

    def _forget_what_others_listed(self, settled: Sequence[JobProgress]) -> None:
        """Let plans that list the same datasets search for what they lack: what is there now they may not have seen."""
        plans: dict[tuple[str, ...], set[int]] = {}
        for one in settled:
            plans.setdefault(_kind(one.job), set()).add(id(one.job.plan))
        # Of two plans in this run, one may have been listed before the other.
        alone = [one.job.identity(self._store.bucket) for one in settled if len(plans[_kind(one.job)]) == 1]
        try:
            self._store.catalogue.selector_syncs.forget_listings(alone)
        except StoreError as error:
            logger.log(self._level_of(logging.ERROR), "Cannot forget listings: %s", error)

    def _speak_against(self, jobs: Sequence[Job]) -> None:
        """Forget what other plans lacked of selectors whose listing is there: the next one is a first witness again."""

        def is_spoken_against(identity: str) -> bool:
            return any(job.is_of_another_plan(identity, self._store.bucket) for job in jobs)

        try:
            self._store.catalogue.selector_syncs.forget_absences(is_spoken_against)
        except StoreError as error:
            logger.log(self._level_of(logging.ERROR), "Cannot forget what was not listed: %s", error)

    def foresee(self, progresses: Sequence[JobProgress]) -> None:
        """Count what `settle` would mark or report. A dry run."""
        said: set[tuple[str, ...]] = set()
        for progress in _whole(progresses):
            conclusion = self._conclude(progress, progresses)
            if conclusion.absence is None or not self._says_first(progress, conclusion, said):
                continue
            if conclusion.is_believed:
                progress.count("missing", len(conclusion.absence.dataset_ids))
            else:
                self._report(progress, conclusion.absence)
        self._tell_how_many_more()

    # ---- what is absent --------------------------------------------------------------------------------

    def _conclude(self, progress: JobProgress, progresses: Sequence[JobProgress]) -> _Conclusion:
        job, listing = progress.job, progress.listing
        if progress.index.gaps and listing.is_of_everything:
            logger.info(
                "%s: %s: nothing is marked MISSING, as its listing has gaps: %s",
                job.source_name,
                job.selector.name,
                "; ".join(progress.index.gaps),
            )
        if not progress.lists_all or progress.began_after is None:
            return _NOTHING_SAID
        try:
            before = progress.sync_before  # of two plans for the same, neither confirms what the other one finds
            if not self.may_lack(progress):
                return _Conclusion(listing.digest)
            same = [one for one in progresses if one is not progress and _may_share(one.job, job)]
            if not all(one.lists_all and one.was_gone_through for one in same):
                return _NOTHING_SAID  # what this one lists no more, those may
            absence = find_absence(self._store, progress, [one.listing for one in same])
        except StoreError as error:
            logger.error("Cannot look for what %s lists no more: %s", job.selector.name, error)
            return _NOTHING_SAID
        if not absence.dataset_ids:
            return _NOTHING_SAID if absence.has_left else _Conclusion(listing.digest)
        is_confirmed = before is not None and before.absent == absence.digest
        is_believed = self._accepts_missing or is_confirmed or self._limits_of(job.plan.source).believe(absence)
        return _Conclusion(
            listing.digest if is_believed and not absence.has_left else None, absence, is_believed=is_believed
        )

    @staticmethod
    def _says_first(progress: JobProgress, conclusion: _Conclusion, said: set[tuple[str, ...]]) -> bool:
        """Whether no other job of the run said the same: two plans may want the same selector."""
        job, absence = progress.job, conclusion.absence
        what = (job.source_name, job.provider, job.plan.dataset_type, "" if absence is None else absence.digest)
        is_first = absence is None or what not in said
        said.add(what)
        return is_first

    def _still_absent(self, progress: JobProgress) -> str | None:
        """Return what an earlier listing lacked, if one that came only in part does not speak against it."""
        before = progress.sync_before
        if before is None or before.absent is None or progress.listing.is_empty:
            return None if before is None else before.absent
        try:
            lacks = find_absence(self._store, progress, []).digest
        except StoreError as error:
            logger.error("Cannot look for what %s lists no more: %s", progress.job.selector.name, error)
            return None
        return before.absent if lacks == before.absent else None

    def _mark_missing(self, progress: JobProgress, conclusion: _Conclusion) -> _Conclusion:
        """Mark what is believed to be missing, and report what is not."""
        absence = conclusion.absence
        if absence is None:
            return conclusion
        if not conclusion.is_believed:
            self._report(progress, absence)
            return conclusion
        count = len(absence.dataset_ids)
        self._tell(
            progress,
            "%s: %s: %s no longer listed; %s kept, and marked MISSING: %s.",
            progress.job.source_name,
            progress.job.selector.name,
            "1 dataset of the lake is" if count == 1 else f"{count:,} datasets of the lake are",
            "it is" if count == 1 else "they are",
            absence.some_names,
        )
        try:
            progress.count("missing", self._store.commits.mark_missing(absence.dataset_ids))
        except StoreError as error:
            logger.error("Cannot mark what %s lists no more: %s", progress.job.selector.name, error)
            return _NOTHING_SAID
        return conclusion

    def _report(self, progress: JobProgress, absence: Absence) -> None:
        progress.note = describe_unlisted(progress, absence)
        progress.count("unlisted", len(absence.dataset_ids))
        self._tell(
            progress,
            "%s: %s: %s. The next run that finds the same does, or %s at once.",
            progress.job.source_name,
            progress.job.selector.name,
            progress.note,
            remedy("run --accept-missing"),
        )

    def _tell(self, progress: JobProgress, message: str, *arguments: object) -> None:
        """Say it of the first selectors of a source; an index that is empty would say it of all of them."""
        source = progress.job.source_name
        self._told[source] += 1
        logger.log(logging.WARNING if self._told[source] <= MOST_TOLD else logging.DEBUG, message, *arguments)

    def _tell_how_many_more(self) -> None:
        for source, count in self._told.items():
            if count > MOST_TOLD:
                logger.warning(
                    "%s: so it is with %d more selectors; %s shows them.", source, count - MOST_TOLD, remedy("status")
                )

    # ---- what is remembered ----------------------------------------------------------------------------

    def _was_overtaken(self, progress: JobProgress) -> bool:
        """Whether another run of a job has ended since it began: where locks are not kept, or were let go of."""
        try:
            sync = self.find(progress.job)
        except StoreError as error:
            logger.error("Cannot see when %s was ingested: %s", progress.job.selector.name, error)
            return False
        return sync != progress.sync_before  # clocks may jump

    def _remember(self, progress: JobProgress, conclusion: _Conclusion) -> None:
        job = progress.job
        discovered = DiscoveredSelector(
            self._store.bucket, job.source_name, job.provider, job.plan.dataset_type, job.selector
        )
        catalogue = self._store.catalogue
        try:
            if not job.has_departed:
                catalogue.selector_syncs.save(
                    job.identity(self._store.bucket), self._sync(progress, conclusion, discovered)
                )
            elif conclusion.listing is not None:
                catalogue.selector_syncs.forget(discovered)
            elif conclusion.absence is not None:
                absent = None if conclusion.is_believed else conclusion.absence.digest
                waiting = SelectorSync(None, False, now(), absent=absent, discovered=discovered)
                catalogue.selector_syncs.save(job.identity(self._store.bucket), waiting)
        except StoreError as error:
            logger.error("Cannot remember that %s is ingested: %s", job.selector.name, error)

    def _forget_witness(self, progress: JobProgress) -> None:
        """Of a job that failed: what was absent before, and is listed by now, is not absent any more."""
        before = progress.sync_before
        if before is None or self._still_absent(progress) is not None:
            return
        try:
            self._store.catalogue.selector_syncs.save(
                progress.job.identity(self._store.bucket), dataclasses.replace(before, absent=None)
            )
        except StoreError as error:
            logger.error("Cannot remember what %s lists again: %s", progress.job.selector.name, error)

    def _sync(self, progress: JobProgress, conclusion: _Conclusion, discovered: DiscoveredSelector) -> SelectorSync:
        selector, index = progress.job.selector, progress.index
        # A bundle that is in quarantine, or failed, is to be looked at again: such a selector is never skipped whole.
        is_bad = (
            progress.failed or progress.quarantined or progress.left_out or progress.is_in_doubt or progress.took_out
        )
        is_complete = not is_bad and not index.gaps
        if conclusion is _NOTHING_SAID:
            absent = self._still_absent(progress)
        else:
            waits = conclusion.absence is not None and not conclusion.is_believed
            absent = conclusion.absence.digest if conclusion.absence is not None and waits else None
        return SelectorSync(
            selector.last_modified,
            is_complete,
            now(),
            conclusion.listing,
            hint=selector.announced,
            is_settled=is_settled(
                selector.last_modified,
                selector.grain,
                # Where listing it took no request, what told its hint was asked for before that too.
                answered_at=read_http_date(index.first_date or progress.hint_date),
                asked_at=progress.started_at,
            ),
            followed_until=_followed_until(progress) if progress.job.plan.source.follows_changes else None,
            duplicates=progress.listing.duplicates,
            absent=absent,
            discovered=discovered if progress.job.is_discovered and progress.listing.is_of_everything else None,
        )


def _whole(progresses: Sequence[JobProgress]) -> list[JobProgress]:
    # One that never began to list only told of selectors that cannot be read.
    return [
        one for one in progresses if one.was_gone_through and one.job.is_whole_selector and one.began_after is not None
    ]


def _in_part(progresses: Sequence[JobProgress]) -> list[JobProgress]:
    """Return the jobs that broke off after they had listed something, while something was absent."""
    return [
        one
        for one in progresses
        if one.state in (RunState.FAILED, RunState.ABORTED)
        and not one.was_gone_through
        and one.job.is_whole_selector
        and one.began_after is not None
        and one.sync_before is not None
        and one.sync_before.absent is not None
        and not one.listing.is_empty
    ]


def _may_share(one: Job, other: Job) -> bool:
    """Whether two jobs of a run may list the same datasets."""
    mine, theirs = one.selector.attributes, other.selector
    return _kind(one) == _kind(other) and theirs.matches(mine)


def _kind(job: Job) -> tuple[str, str, str]:
    return job.source_name, job.provider, job.plan.dataset_type


def _followed_until(progress: JobProgress) -> dt.datetime | None:
    """Return until when all changes are in the lake, of a source that follows them.

    That is when the discovery began, by the provider's clock, which it compares its changes with. Of a selector of
    which something failed, or was not listed, it is what it was, so that this is among the changes that the next run
    asks for.
    """
    if progress.failed == 0 and not progress.index.gaps:
        return read_http_date(progress.index.first_date) or progress.started_at
    before = progress.sync_before
    return None if before is None else before.followed_until
