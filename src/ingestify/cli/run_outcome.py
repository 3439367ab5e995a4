"""What a run came to, in sentences on stderr."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ingestify.cli.logs import write_stderr
from ingestify.domain.run import JobSummary, RunReport, RunState, TaskSummary
from ingestify.engine.report.left_alone import describe_left_alone
from ingestify.engine.report.report import one_line
from ingestify.errors import DeadlineReached, FatalError, SourceError, StopProcessing
from ingestify.remedies import remedy

__all__ = ["tell_outcome"]

SHOWN_FAILURES = 5


def tell_outcome(report: RunReport) -> None:
    """Say on stderr what went wrong in a run, what stopped it, and what can be done about it."""
    _tell_jobs("skipped", report.jobs_left_to_others, "skipped, as other runs hold them.")
    for reason, (datasets, selectors) in report.left_alone.items():
        write_stderr(f"{describe_left_alone(reason, datasets, selectors)}; what has arrived is kept.", logging.WARNING)
    _tell_tasks("failed", report.failed_tasks, f"failed; {remedy('status --failed')} lists them.")
    if quarantined := report.quarantined_tasks:
        _tell_tasks("in quarantine", quarantined)
        write_stderr(
            f"Readers see the datasets as they were; {remedy('quarantine list')} shows what waits, and why.",
            logging.WARNING,
        )
    if left_out := report.left_out_tasks:
        _tell_tasks("broken", left_out, f"lack a broken file; {remedy('status --failed')} lists them.")
        write_stderr(
            "Their other files are in the lake, and the next run requests the broken ones again.", logging.WARNING
        )
    if warned := report.warned_tasks:
        lines = [f"warning: {task.name or task.identifier}: {'; '.join(task.warnings)}" for task in warned]
        _tell_first(lines, f"have warnings; {remedy('list --warnings')} lists them.")
    # Why a host is left alone is told above.
    _tell_jobs("failed as a whole", [job for job in report.jobs_without_success if not job.left_alone])
    _tell_first([f"not begun: {one}" for one in report.not_begun], "selectors not begun.")
    if report.totals.unlisted:
        write_stderr(
            f"The datasets that are not listed any more are not marked MISSING yet; {remedy('run --accept-missing')} "
            "marks them, and so does the next run if it finds the same.",
            logging.WARNING,
        )
    if report.error is not None:
        write_stderr(_end_text(report, report.error), _level_of(report.error))


def _tell_tasks(what: str, tasks: Sequence[TaskSummary], more: str = "") -> None:
    _tell_first([f"{what}: {task.name or task.identifier}: {task.error}" for task in tasks], more)


def _tell_jobs(what: str, jobs: Sequence[JobSummary], more: str = "") -> None:
    _tell_first([f"{what}: {job.source}: {job.selector_name}: {job.error}" for job in jobs], more)


def _tell_first(lines: Sequence[str], more: str) -> None:
    """Write the first lines, and how many more there are; without `more`, those are said elsewhere."""
    for line in lines[:SHOWN_FAILURES]:
        write_stderr(line, logging.WARNING)
    if more and len(lines) > SHOWN_FAILURES:
        write_stderr(f"… and {len(lines) - SHOWN_FAILURES:,} more {more}", logging.WARNING)


def _level_of(error: BaseException) -> int:
    is_asked_for = isinstance(error, (KeyboardInterrupt, DeadlineReached))
    return logging.WARNING if is_asked_for else logging.ERROR


def _end_text(report: RunReport, error: BaseException) -> str:
    failed = sum(job.state is RunState.FAILED for job in report.jobs)
    match error:
        case KeyboardInterrupt():
            why = f" ({one_line(SourceError(str(error)))})" if str(error) else ""  # what a source raised
            return f"Interrupted{why}: what had finished is kept; run again to go on."
        case DeadlineReached():
            return f"{one_line(error)}: what had finished is kept; run again to go on."
        case StopProcessing():
            return f"Stopped by the source: {one_line(error)}"
        case FatalError():
            return f"Error: {one_line(error)}"
    if not failed:
        return f"Error: {one_line(error)}"
    # What each of them raised was logged when it happened.
    return f"{failed} of {len(report.jobs)} selectors failed; the next run tries them again."
