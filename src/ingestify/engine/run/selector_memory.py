"""What a run remembers of selectors for the next one: their hints, what they listed, and what was missing."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence

import msgspec

from ingestify.clock import now
from ingestify.domain.announcement import is_settled, read_http_date
from ingestify.domain.plan import Job
from ingestify.domain.ports import DiscoveredSelector, SelectorSync
from ingestify.domain.run import RunState
from ingestify.domain.source import Source
from ingestify.engine.report.report import JobProgress
from ingestify.engine.run.job_locks import JobLocks
from ingestify.engine.run.missing_detection import MissingDatasets, MissingLimits, describe_unlisted, find_missing
from ingestify.errors import StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore

__all__ = ["SelectorMemory", "find_unchanged"]

logger = PrintableLogger(__name__)

MOST_TOLD = 5
"""A run tells what is not listed any more for so many selectors of a source. It counts the others."""


def find_unchanged(progress: JobProgress) -> str | None:
    """Return why nothing can have changed in a selector since all of it was ingested. None: something can have changed.

    Nothing can have changed if its hint is the same as then, and was read late enough to exclude a later change under
    the same hint.
    """
    announced, sync = progress.job.selector.announced, progress.sync_before
    if announced is None or sync is None or not progress.job.is_whole_selector:
        return None
    if not sync.complete or not sync.is_settled or sync.missing_digest is not None or sync.hint != announced:
        return None
    return f"nothing changed since {sync.last_modified or sync.finished_at:%Y-%m-%d %H:%M:%S}"


class _Conclusion(msgspec.Struct, frozen=True):
    """What follows from a job's listing.

    Attributes:
        listing: The digest of the listing, if the lake has nothing of the selector that is not listed.
        missing: What is not listed any more; None: nothing, or it is not known.
        is_believed: Whether that is marked MISSING.
    """

    listing: str | None = None
    missing: MissingDatasets | None = None
    is_believed: bool = False


_UNKNOWN = _Conclusion()


class SelectorMemory:
    """Concludes at the end of a run what only all of its jobs together show. The caller's thread uses it.

    Args:
        store: The lake.
        locks: The job locks of the run.
        limits_of: How much of a source may be missing at once.
        accepts_missing: Whether a person says that whatever is not listed is gone.
        level_of: Returns the log level at which a database error is told.
    """

    def __init__(
        self,
        store: DatasetStore,
        locks: JobLocks,
        *,
        limits_of: Callable[[Source], MissingLimits],
        accepts_missing: bool,
        level_of: Callable[[int], int],
    ) -> None:
        self._store = store
        self._locks = locks
        self._limits_of = limits_of
        self._accepts_missing = accepts_missing
        self._level_of = level_of
        self._told: collections.Counter[str] = collections.Counter()
        self._has_failed = False

    def find(self, job: Job) -> SelectorSync | None:
        """Return what is remembered of a job's selector."""
        return self._store.catalogue.selector_syncs.find(job.identity(self._store.bucket))

    def begin(self, job: Job) -> SelectorSync | None:
        """Return what is remembered of a job's selector, and remember that its source discovers it.

        A selector can leave the provider's index only if a run remembers that it was there. So this is remembered
        before anything of it comes to the lake, whatever the run is narrowed to, and however it ends.
        """
        sync = self.find(job)
        if not job.is_discovered or job.has_departed or not job.lists_everything:
            return sync
        whole = dataclasses.replace(job, filters={})
        known = sync if job.is_whole_selector else self.find(whole)
        if known is None or known.discovered is None:
            known = dataclasses.replace(known or SelectorSync(None, False, now()), discovered=self._discovered(job))
            self._store.catalogue.selector_syncs.save(whole.identity(self._store.bucket), known)
        return known if job.is_whole_selector else sync

    @staticmethod
    def may_find_missing(progress: JobProgress) -> bool:
        """Whether `conclude` may still find that something is not listed any more."""
        before = progress.sync_before
        is_as_before = before is not None and progress.listing.holds_all_of(before.listing)
        return progress.lists_all and progress.began_after is not None and not is_as_before

    def conclude(self, progresses: Sequence[JobProgress]) -> bool:
        """Mark what is missing, and remember the selectors of which all was ingested.

        Returns:
            Whether all of it was written. If not, what is remembered may contradict the lake.
        """
        with self._locks.retaken([*_whole(progresses), *_in_part(progresses)]) as ours:
            # Where another run is or was at the same job, its listing is newer: that run concludes.
            ours = [one for one in ours if not self._was_overtaken(one)]
            concluded = [one for one in ours if one.was_gone_through]
            others = [one for one in progresses if one not in concluded and one.state is not RunState.SKIPPED]
            syncs = self._store.catalogue.selector_syncs
            with self._logged("forget listings"):
                # They brought datasets that no whole listing has seen, so the next one has to search for missing ones.
                if any(one.came for one in others):
                    syncs.forget_listings()
            with self._logged("forget hints"):
                if any(one.took_out for one in progresses):
                    syncs.forget_hints()
            self._conclude_each(concluded, progresses)
            with self._logged("forget hints that were taken back"):
                self._forget_hints(concluded, progresses)
            self._tell_how_many_more()
            for progress in ours:
                if progress not in concluded:
                    self._forget_what_is_listed_again(progress)
        return not self._has_failed

    def _forget_hints(self, concluded: Sequence[JobProgress], progresses: Sequence[JobProgress]) -> None:
        """Believe no hint of a selector of which the lake has datasets from another moment of the provider by now.

        A hint may be as it was before, if the provider takes a change back. What the same source listed in this run, or
        did not need to list, is of the same moment.
        """
        syncs, bucket = self._store.catalogue.selector_syncs, self._store.bucket
        as_hinted = [one for one in progresses if one in concluded or one.was_skipped_by_hint]
        kept = {one.job.identity(bucket): one.job.source_name for one in as_hinted}
        changed = [one.job for one in progresses if one.has_changes]
        if changed:
            syncs.forget_hints(
                lambda identity: any(
                    job.source_name != kept.get(identity) and job.may_share(identity, bucket) for job in changed
                )
            )

    def _conclude_each(self, concluded: Sequence[JobProgress], progresses: Sequence[JobProgress]) -> None:
        reported: set[tuple[str, ...]] = set()
        is_other = False
        complete: list[Job] = []
        for progress in concluded:
            conclusion = self._find_conclusion(progress, progresses)
            if self._is_first(progress, conclusion, reported):
                conclusion = self._mark_missing(progress, conclusion)
            self._remember(progress, conclusion)
            before = progress.sync_before
            if conclusion.listing is not None and conclusion.missing is None:
                complete.append(progress.job)
            is_other |= bool(progress.came) or conclusion.listing != (None if before is None else before.listing)
        syncs, bucket = self._store.catalogue.selector_syncs, self._store.bucket
        with self._logged("forget listings"):
            # Plans that list the same datasets have to search for missing ones: they may not have seen what came now.
            if is_other:
                syncs.forget_listings(self._without_other_plan(concluded))
        with self._logged("forget what was not listed"):
            # What other plans found missing of selectors of which all is listed here needs two listings again.
            syncs.forget_missing(lambda identity: any(job.is_of_another_plan(identity, bucket) for job in complete))

    def _without_other_plan(self, concluded: Sequence[JobProgress]) -> list[str]:
        """Return the jobs of which no other plan of this run lists the same; it may have been listed earlier."""
        plans: dict[tuple[str, ...], set[int]] = {}
        for one in concluded:
            plans.setdefault(_kind(one.job), set()).add(id(one.job.plan))
        return [one.job.identity(self._store.bucket) for one in concluded if len(plans[_kind(one.job)]) == 1]

    @contextlib.contextmanager
    def _logged(self, what: str) -> Iterator[None]:
        """Log a database error, instead of raising it; `conclude` returns that there was one."""
        try:
            yield
        except StoreError as error:
            self._has_failed = True
            logger.log(self._level_of(logging.ERROR), "Cannot %s: %s", what, error)

    def preview(self, progresses: Sequence[JobProgress]) -> None:
        """Count what `conclude` would mark or report. A dry run."""
        reported: set[tuple[str, ...]] = set()
        for progress in _whole(progresses):
            conclusion = self._find_conclusion(progress, progresses)
            if conclusion.missing is None or not self._is_first(progress, conclusion, reported):
                continue
            if conclusion.is_believed:
                progress.count("missing", len(conclusion.missing.dataset_ids))
            else:
                self._report(progress, conclusion.missing)
        self._tell_how_many_more()

    # ---- what is missing -------------------------------------------------------------------------------

    def _find_conclusion(self, progress: JobProgress, progresses: Sequence[JobProgress]) -> _Conclusion:
        job, listing = progress.job, progress.listing
        if progress.index.gaps and listing.is_of_everything:
            logger.info(
                "%s: %s: nothing is marked MISSING, as its listing has gaps: %s",
                job.source_name,
                job.selector.name,
                "; ".join(progress.index.gaps),
            )
        if not progress.lists_all or progress.began_after is None:
            return _UNKNOWN
        try:
            before = progress.sync_before  # a listing is confirmed by one of the same plan only
            if not self.may_find_missing(progress):
                return _Conclusion(listing.digest)
            same = [one for one in progresses if one is not progress and _may_share(one.job, job)]
            if not all(one.lists_all and one.was_gone_through for one in same):
                return _UNKNOWN  # they may list what this one does not list any more
            missing = find_missing(self._store, progress, [one.listing for one in same])
        except StoreError as error:
            logger.error("Cannot look for what %s no longer lists: %s", job.selector.name, error)
            return _UNKNOWN
        if not missing.dataset_ids:
            return _UNKNOWN if missing.has_left else _Conclusion(listing.digest)
        is_confirmed = before is not None and before.missing_digest == missing.digest
        is_believed = self._accepts_missing or is_confirmed or self._limits_of(job.plan.source).believe(missing)
        return _Conclusion(
            listing.digest if is_believed and not missing.has_left else None, missing, is_believed=is_believed
        )

    @staticmethod
    def _is_first(progress: JobProgress, conclusion: _Conclusion, reported: set[tuple[str, ...]]) -> bool:
        """Whether no other job of the run found the same missing: two plans may want the same selector."""
        job, missing = progress.job, conclusion.missing
        what = (job.source_name, job.provider, job.plan.dataset_type, "" if missing is None else missing.digest)
        is_first = missing is None or what not in reported
        reported.add(what)
        return is_first

    def _still_missing(self, progress: JobProgress) -> str | None:
        """Return what an earlier listing lacked, unless a listing that came only in part has some of it."""
        before = progress.sync_before
        if before is None or before.missing_digest is None or progress.listing.is_empty:
            return None if before is None else before.missing_digest
        lacks = None
        with self._logged(f"look for what {progress.job.selector.name} no longer lists"):
            lacks = find_missing(self._store, progress, []).digest
        return before.missing_digest if lacks == before.missing_digest else None

    def _mark_missing(self, progress: JobProgress, conclusion: _Conclusion) -> _Conclusion:
        """Mark what is believed to be missing, and report what is not."""
        missing = conclusion.missing
        if missing is None:
            return conclusion
        if not conclusion.is_believed:
            self._report(progress, missing)
            return conclusion
        count = len(missing.dataset_ids)
        self._tell(
            progress,
            "%s: %s: %s no longer listed; %s kept, and marked MISSING: %s.",
            progress.job.source_name,
            progress.job.selector.name,
            "1 dataset of the lake is" if count == 1 else f"{count:,} datasets of the lake are",
            "it is" if count == 1 else "they are",
            missing.some_names,
        )
        is_marked = False
        with self._logged(f"mark what {progress.job.selector.name} no longer lists"):
            progress.count("missing", self._store.commits.mark_missing(missing.dataset_ids))
            is_marked = True
        return conclusion if is_marked else _UNKNOWN

    def _report(self, progress: JobProgress, missing: MissingDatasets) -> None:
        progress.note = describe_unlisted(progress, missing)
        progress.count("unlisted", len(missing.dataset_ids))
        self._tell(
            progress,
            "%s: %s: %s. The next run that finds the same marks them, or %s at once.",
            progress.job.source_name,
            progress.job.selector.name,
            progress.note,
            remedy("run --accept-missing"),
        )

    def _tell(self, progress: JobProgress, message: str, *arguments: object) -> None:
        """Tell it for the first selectors of a source. If an index is empty, it holds for all of them."""
        source = progress.job.source_name
        self._told[source] += 1
        logger.log(logging.WARNING if self._told[source] <= MOST_TOLD else logging.DEBUG, message, *arguments)

    def _tell_how_many_more(self) -> None:
        for source, count in self._told.items():
            if count > MOST_TOLD:
                logger.warning(
                    "%s: the same for %d more selectors; %s shows them.", source, count - MOST_TOLD, remedy("status")
                )

    # ---- what is remembered ----------------------------------------------------------------------------

    def _was_overtaken(self, progress: JobProgress) -> bool:
        """Whether another run of a job has ended since it began, because locks are not kept or were released."""
        sync = progress.sync_before
        with self._logged(f"see when {progress.job.selector.name} was ingested"):
            sync = self.find(progress.job)
        return sync != progress.sync_before  # clocks may jump

    def _discovered(self, job: Job) -> DiscoveredSelector:
        return DiscoveredSelector(
            self._store.bucket, job.source_name, job.provider, job.plan.dataset_type, job.selector
        )

    def _remember(self, progress: JobProgress, conclusion: _Conclusion) -> None:
        job, discovered = progress.job, self._discovered(progress.job)
        syncs, identity = self._store.catalogue.selector_syncs, job.identity(self._store.bucket)
        with self._logged(f"remember that {job.selector.name} is ingested"):
            if not job.has_departed:
                syncs.save(identity, self._sync(progress, conclusion))
            elif conclusion.listing is not None:
                syncs.forget(discovered)
            elif conclusion.missing is not None:
                missing_digest = None if conclusion.is_believed else conclusion.missing.digest
                syncs.save(
                    identity, SelectorSync(None, False, now(), missing_digest=missing_digest, discovered=discovered)
                )

    def _forget_what_is_listed_again(self, progress: JobProgress) -> None:
        """Forget what was missing before a job that failed, if the job listed some of it."""
        before = progress.sync_before
        if before is None or self._still_missing(progress) is not None:
            return
        with self._logged(f"remember what {progress.job.selector.name} lists again"):
            self._store.catalogue.selector_syncs.save(
                progress.job.identity(self._store.bucket), dataclasses.replace(before, missing_digest=None)
            )

    def _sync(self, progress: JobProgress, conclusion: _Conclusion) -> SelectorSync:
        selector, index = progress.job.selector, progress.index
        # The next run asks for a bundle in quarantine, or a failed one, again. So the whole selector is not skipped.
        is_bad = (
            progress.failed or progress.quarantined or progress.left_out or progress.is_in_doubt or progress.took_out
        )
        is_complete = not is_bad and not index.gaps
        if conclusion is _UNKNOWN:
            missing_digest = self._still_missing(progress)
        else:
            missing = None if conclusion.is_believed else conclusion.missing
            missing_digest = None if missing is None else missing.digest
        return SelectorSync(
            selector.last_modified,
            is_complete,
            now(),
            conclusion.listing,
            hint=selector.announced,
            is_settled=is_settled(
                selector.last_modified,
                selector.grain,
                # If the listing took no request, the response with the hint is the latest one before it.
                answered_at=read_http_date(index.first_date or progress.hint_date),
                asked_at=progress.started_at,
            ),
            followed_until=_followed_until(progress) if progress.job.plan.source.follows_changes else None,
            duplicates=progress.listing.duplicates,
            missing_digest=missing_digest,
            discovered=None if progress.sync_before is None else progress.sync_before.discovered,
        )


def _whole(progresses: Sequence[JobProgress]) -> list[JobProgress]:
    # A job that never began to list only reports selectors that cannot be read.
    return [
        one for one in progresses if one.was_gone_through and one.job.is_whole_selector and one.began_after is not None
    ]


def _in_part(progresses: Sequence[JobProgress]) -> list[JobProgress]:
    """Return the jobs that broke off after they had listed something, and before which something was missing."""
    return [
        one
        for one in progresses
        if one.state in (RunState.FAILED, RunState.ABORTED)
        and not one.was_gone_through
        and one.job.is_whole_selector
        and one.began_after is not None
        and one.sync_before is not None
        and one.sync_before.missing_digest is not None
        and not one.listing.is_empty
    ]


def _may_share(one: Job, other: Job) -> bool:
    """Whether two jobs of a run may list the same datasets."""
    mine, theirs = one.selector.attributes, other.selector
    return _kind(one) == _kind(other) and theirs.matches(mine)


def _kind(job: Job) -> tuple[str, str, str]:
    return job.source_name, job.provider, job.plan.dataset_type


def _followed_until(progress: JobProgress) -> dt.datetime | None:
    """Return until when all changes are in the lake, for a source that follows changes.

    That is the time when the discovery began, by the provider's clock: the provider compares its changes with it. If
    something failed, or was not listed, the time stays as it was, so that the next run asks for these changes again.
    """
    if progress.failed == 0 and not progress.index.gaps:
        return read_http_date(progress.index.first_date) or progress.started_at
    before = progress.sync_before
    return None if before is None else before.followed_until
