"""Warnings for a caller in Python: what a run did not bring, and what waits in quarantine."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ingestify.domain.quarantine import WaitingBundle
from ingestify.domain.run import RunReport, TaskSummary
from ingestify.domain.wording import in_short, noun
from ingestify.engine.report.left_alone import describe_left_alone
from ingestify.progress.printable import PrintableLogger

__all__ = ["falls_short", "warn_of_shortfall", "warn_of_waiting"]

logger = PrintableLogger(__name__)

_MOST_OF_A_REASON = 500


def falls_short(report: RunReport) -> bool:
    """Return whether a run did not bring everything that was asked for; `warn_of_shortfall` has said so."""
    totals = report.totals
    return bool(report.not_listed or report.left_alone or totals.failed or totals.quarantined)


def warn_of_shortfall(report: RunReport, consequence: str = "", *, with_failed_jobs: bool = False) -> None:
    """Log one warning: what failed, waits in quarantine, lacks a file, was not looked at or is not listed.

    Called by the caller's thread.

    Args:
        report: The run's report.
        consequence: What a failure means for the caller, such as ` and were not yielded`.
        with_failed_jobs: Whether the warning is of selectors whose discovery failed, too.
    """
    totals = report.totals
    parts = []
    if with_failed_jobs and (jobs := report.jobs_not_discovered):
        reason = textwrap.shorten(jobs[0].error, _MOST_OF_A_REASON, placeholder=" …")
        first = f"the first: {jobs[0].source}: {in_short(jobs[0].selector_name)}: {reason}"
        parts.append(f"{len(jobs):,} of {len(report.jobs):,} selectors failed ({first})")
    if totals.failed:
        parts.append(f"{totals.failed:,} failed{consequence}{_first(report.failed_tasks)}")
    if totals.quarantined:
        parts.append(
            f"{totals.quarantined:,} in quarantine, as what the provider serves failed a check, so readers see what "
            f"the lake had before, if anything{_first(report.quarantined_tasks)}"
        )
    if totals.left_out:
        parts.append(
            f"{totals.left_out:,} without a file that is broken at the provider, see dataset.left_out_files"
            f"{_first(report.left_out_tasks)}"
        )
    if warned := report.warned_tasks:
        first = textwrap.shorten("; ".join(warned[0].warnings), _MOST_OF_A_REASON, placeholder=" …")
        name = in_short(warned[0].name or warned[0].identifier)
        parts.append(f"{len(warned):,} with warnings of checks, see dataset.warnings (the first: {name}: {first})")
    for reason, (datasets, selectors) in report.left_alone.items():
        parts.append(describe_left_alone(reason, datasets, selectors))
    if left := report.jobs_left_to_others:
        skipped = f"{len(left):,} of {len(report.jobs):,} selectors skipped"
        parts.append(f"{skipped} (the first: {left[0].selector_name}: {left[0].error})")
    if not parts:
        if report.not_listed:
            logger.warning("%s", report.not_listed)
        return
    found = totals.discovered
    of_all = f"{found:,} {noun((job.dataset_type for job in report.jobs), found)}: " if found else ""
    waits = ", engine.quarantine what waits" if totals.quarantined else ""
    besides = f" {report.not_listed}" if report.not_listed else ""
    logger.warning("%s", f"{of_all}{'; '.join(parts)}. engine.last_report lists them{waits}.{besides}")


def warn_of_waiting(waiting: Sequence[WaitingBundle]) -> None:
    """Log one warning: of the datasets that are read, some have newer files in quarantine.

    Args:
        waiting: The bundles in quarantine, newest first; at least one.
    """
    of_each = {one.dataset_id: one.is_published for one in waiting}
    older = sum(of_each.values())
    withheld = len(of_each) - older
    parts = []
    if older:
        parts.append(f"{older:,} {'is' if older == 1 else 'are'} older than at the provider")
    if withheld:
        parts.append(f"{withheld:,} {'is' if withheld == 1 else 'are'} withheld")
    newest = waiting[0]
    logger.warning(
        "%s",
        f"Of these datasets {' and '.join(parts)}: what the provider serves failed a check and waits in quarantine "
        f"(the newest: {in_short(newest.name)}: {'; '.join(newest.reasons)}). engine.quarantine shows what waits.",
    )


def _first(tasks: Sequence[TaskSummary]) -> str:
    if not tasks:
        return ""
    reason = textwrap.shorten(tasks[0].error, _MOST_OF_A_REASON, placeholder=" …")
    return f" (the first: {in_short(tasks[0].name or tasks[0].identifier)}: {reason})"
