"""Tells subscribers that a run began, and what it came to."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ingestify.clock import now
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.run import RunReport, RunState, TaskSummary
from ingestify.domain.run_notice import RunFinished, RunOutcome, RunPlan, RunStarted, StaleSelector
from ingestify.engine.ingest.bundle_validation import has_shrunk
from ingestify.engine.report.health import watch
from ingestify.engine.run.options import RunOptions
from ingestify.engine.workers import ReaderLeft, RunThread, StopToken
from ingestify.errors import StopProcessing
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["RunNotices", "with_error"]

logger = PrintableLogger(__name__)

T = TypeVar("T")

_STOPS = (KeyboardInterrupt, StopProcessing, ReaderLeft)


class RunNotices:
    """The two notices of one run. It costs nothing if no subscriber listens, and for a dry run.

    A thread of its own calls the subscribers, so that Ctrl-C is that of the run and never comes out of a subscriber.

    Args:
        store: The lake.
        plans: What the run ingests.
        options: How the run works.
        run_id: Its id.
    """

    def __init__(self, store: DatasetStore, plans: Sequence[IngestionPlan], options: RunOptions, run_id: str) -> None:
        self._store = store
        self._plans = plans
        self._options = options
        self._run_id = run_id
        self._began_at = now()
        self._is_wanted = not options.dry_run and store.publisher.tells_of_runs
        self._started: RunStarted | None = None

    def started(self, stop: StopToken) -> None:
        """Tell that the run begins. Ctrl-C stops the run, and a second one is raised. The caller's thread."""
        if self._is_wanted:
            thread = self._call(self._tell_started)
            try:
                _wait(thread)
            except KeyboardInterrupt as interrupt:
                stop.stop(interrupt)
                _wait(thread)

    def finished(self, report: RunReport) -> None:
        """Tell, once, what the run came to. The thread that executed the run.

        Args:
            report: Its report.

        Raises:
            KeyboardInterrupt: Ctrl-C, while a subscriber works.
        """
        if self._is_wanted:
            self._is_wanted = False
            _wait(self._call(lambda: self._tell_finished(report)))

    def _tell_started(self) -> None:
        if self._started is None:
            self._started = self._begin()
            self._store.publisher.run_started(self._started)

    def _tell_finished(self, report: RunReport) -> None:
        self._tell_started()  # a run that could not begin is told of, too
        assert self._started is not None
        began = {field.name: getattr(self._started, field.name) for field in dataclasses.fields(self._started)}
        stale, shrunk = list(self._find_stale()), [one for one in report.quarantined_tasks if has_shrunk(one.error)]
        notice = RunFinished(
            **{**began, **self._lake()},
            ended_at=now(),
            report=report,
            outcomes=frozenset(_outcomes(report, stale, shrunk)),
            stale=stale,
            shrunk=shrunk,
            position=self._position(),
        )
        self._store.publisher.run_finished(notice)

    def _begin(self) -> RunStarted:
        return RunStarted(
            run_id=self._run_id,
            **self._lake(),
            lake_name=self._store.name,
            bucket=self._store.bucket,
            began_at=self._began_at,
            plans=[
                RunPlan(one.source.name, one.source.provider, one.dataset_type, one.source.origin)
                for one in self._plans
            ],
            narrowed_to=self._options.narrowed_to,
            position_before=self._position(),
        )

    def _lake(self) -> Mapping[str, Any]:
        lake = _if_readable(self._store.catalogue.lake.find)
        return {"lake_id": "" if lake is None else lake.lake_id, "epoch": 0 if lake is None else lake.epoch}

    def _position(self) -> int | None:
        return _if_readable(self._store.catalogue.event_log.get_last_position)

    def _find_stale(self) -> Iterator[StaleSelector]:
        age, parse = self._options.stale_after, self._options.parse_expression
        if age is None or parse is None:
            return
        moment = now()
        jobs = self._store.catalogue.jobs
        watched = _if_readable(
            lambda: watch(lambda limit: jobs.load(limit, with_tasks=False), self._options.watched, parse, moment - age)
        )
        for one in watched or ():
            if one.is_stale(age, moment):
                yield StaleSelector(one.source, one.dataset_type, one.name, one.last_done_at)

    def _call(self, tell: Callable[[], None]) -> threading.Thread:
        thread = RunThread(tell, "ingestify-notices")
        thread.start()
        return thread


def _wait(thread: threading.Thread) -> None:
    while thread.is_alive():
        thread.join(0.5)  # without a timeout, it could not be interrupted by Ctrl-C on Windows


def _if_readable(read: Callable[[], T]) -> T | None:
    """Return what the catalogue says; None: it cannot be read, which may be what the run failed on."""
    try:
        return read()
    except Exception as error:
        logger.debug("A notice of the run lacks what the catalogue says", exc_info=error)
        return None


def with_error(report: RunReport, raised: BaseException) -> RunReport:
    """Return the report of a run that raised an error instead of returning it."""
    state = RunState.ABORTED if isinstance(raised, _STOPS) else RunState.FAILED
    return dataclasses.replace(report, state=state, error=raised)


def _outcomes(report: RunReport, stale: Sequence[StaleSelector], shrunk: Sequence[TaskSummary]) -> Iterator[RunOutcome]:
    is_interrupted = isinstance(report.error, _STOPS)
    if is_interrupted:
        yield RunOutcome.INTERRUPTED
    has_failed = report.state is RunState.FAILED or report.has_failures
    if has_failed or any(job.state is RunState.FAILED for job in report.jobs):
        yield RunOutcome.FAILED
    elif not is_interrupted:
        yield RunOutcome.FINISHED
    if stale:
        yield RunOutcome.STALE
    if shrunk or report.totals.missing or report.totals.unlisted:
        yield RunOutcome.SHRUNK
