"""Observes the runs of an engine: counts what they do, and traces it if that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ingestify.clock import now
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import ObservedDataset, ObservedJob, ObservedRun, SentRequest
from ingestify.domain.run import JobSummary, RunReport, RunState, TaskSummary
from ingestify.telemetry import table
from ingestify.telemetry.measures import Measures
from ingestify.telemetry.table import Scope

if TYPE_CHECKING:
    from ingestify.telemetry.tracing import Trace

__all__ = ["Recorder", "record_end"]

_OUTCOMES = ("new", "revised", "metadata", "unchanged", "skipped", "failed", "quarantined", "missing")
"""The counters of a job in which no dataset counts twice."""

_PROBLEMS = ("left_out", "warned", "unlisted")
"""Those of datasets that count elsewhere, too, or nowhere."""

_SHORTEST_WAIT_SECONDS = 0.001
"""What is less than this is the time that it takes not to wait."""

_STATES = (RunState.FINISHED, RunState.FAILED, RunState.ABORTED)


class Recorder:
    """Implements `domain.ports.Observer`.

    Args:
        measures: Keeps the counts.
        begin_trace: Returns the trace of a run, from the run's id; None: the run is not traced.
        ended: Called when a run has ended and is counted. It raises nothing.
    """

    def __init__(
        self,
        measures: Measures,
        begin_trace: Callable[[str], Trace | None],
        ended: Callable[[], None],
    ) -> None:
        self.measures = measures
        self._begin_trace = begin_trace
        self._ended = ended

    def begin_run(self, run_id: str) -> ObservedRun:
        """Begin to observe a run. What the gauges of the last run say is forgotten."""
        self.measures.forget(Scope.LAST_RUN)
        return _Run(self.measures, self._begin_trace(run_id), self._ended)


class _Work:
    """A run, a job or a dataset that is observed."""

    __slots__ = ("_measures", "_trace")

    def __init__(self, measures: Measures, trace: Trace | None) -> None:
        self._measures = measures
        self._trace = trace

    def sent(self, request: SentRequest) -> None:
        """Count a request that was sent."""
        add, host = self._measures.add, request.host
        add(table.REQUESTS, 1, host, "none" if request.status is None else str(request.status))
        add(table.REQUEST_TIME, request.seconds, host)
        add(table.RECEIVED, request.received_bytes, host)
        if request.tries > 1:
            add(table.RETRIES, 1, host)
        if request.waited_seconds >= _SHORTEST_WAIT_SECONDS:
            add(table.WAIT_TIME, request.waited_seconds, host, "limit")
        if request.paused_seconds:
            add(table.WAIT_TIME, request.paused_seconds, host, "retry")
        self._measures.lower(table.LAST_TRIES_LEFT, max(0, request.tries_left), host)
        if request.quota_left is not None:
            self._measures.set(table.LAST_QUOTA_LEFT, request.quota_left, host)
        if self._trace is not None:
            self._trace.sent(request)

    def left_alone(self, host: str) -> None:
        """Count a request that was not sent."""
        self._measures.add(table.LEFT_ALONE, 1, host)

    def attach(self) -> object:
        """Make the work the current one of this thread, for tracing."""
        return None if self._trace is None else self._trace.attach()

    def detach(self, token: object) -> None:
        """End that."""
        if self._trace is not None:
            self._trace.detach(token)


class _Dataset(_Work):
    __slots__ = ()

    def end(self, task: TaskSummary | None, dataset_id: str | None, *, is_current: bool) -> None:
        if self._trace is not None:
            self._trace.end_dataset(task, dataset_id, is_current=is_current)


class _Job(_Work):
    __slots__ = ()

    def begin_dataset(self, provider: str, dataset_type: str, identifier: Identifier) -> ObservedDataset:
        trace = None if self._trace is None else self._trace.begin_dataset(provider, dataset_type, identifier)
        return _Dataset(self._measures, trace)

    def end(self, job: JobSummary) -> None:
        if self._trace is not None:
            self._trace.end_job(job)


class _Run(_Work):
    __slots__ = ("_ended",)

    def __init__(self, measures: Measures, trace: Trace | None, ended: Callable[[], None]) -> None:
        super().__init__(measures, trace)
        self._ended = ended

    def begin_job(self, job: JobSummary) -> ObservedJob:
        return _Job(self._measures, None if self._trace is None else self._trace.begin_job(job))

    def end(self, report: RunReport) -> None:
        record_end(self._measures, report)
        if self._trace is not None:
            self._trace.end_run(report)
        self._ended()


def record_end(measures: Measures, report: RunReport) -> None:
    """Count a run that ended, and set the gauges of the last run."""
    measures.add(table.RUNS, 1, report.state.value)
    for one in _STATES:
        measures.set(table.LAST_STATE, int(one is report.state), one.value)
    measures.set(table.LAST_EXIT_CODE, report.exit_code)
    measures.set(table.LAST_TIMESTAMP, now().timestamp())
    measures.set(table.LAST_DURATION, report.duration_seconds)
    measures.set(table.LAST_REQUESTS, report.totals.requests)
    measures.set(table.LAST_RECEIVED, report.totals.received_bytes)
    # An outcome that no dataset has is a 0, so that a query has its past.
    for job in report.jobs:
        kind = (job.source, job.provider, job.dataset_type)
        measures.add(table.JOBS, 1, *kind, job.state.value)
        for outcome in _OUTCOMES:
            number = getattr(job.counters, outcome)
            measures.add(table.LAST_DATASETS, number, *kind, outcome)
            measures.add(table.DATASETS, number, *kind, outcome)
        for problem in _PROBLEMS:
            measures.add(table.LAST_PROBLEMS, getattr(job.counters, problem), *kind, problem)
        measures.add(table.LAST_PROBLEMS, job.not_asked, *kind, "not_asked")
