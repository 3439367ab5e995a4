"""What a caller in Python is told when a run ends: what it did not bring, in one line for each kind of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ingestify.domain.run import RunReport, TaskSummary
from ingestify.engine.left_alone import describe_left_alone

__all__ = ["warn_of_shortfall"]

logger = logging.getLogger(__name__)


def warn_of_shortfall(report: RunReport, consequence: str = "") -> None:
    """Warn of datasets that failed, were not looked at, are in quarantine, or without a file. The caller's thread.

    Args:
        consequence: What that means for the caller of what failed, such as ` and were not yielded`.
    """
    totals = report.totals
    for reason, (datasets, selectors) in report.left_alone.items():
        logger.warning("%s", describe_left_alone(reason, datasets, selectors))
    if totals.failed:
        of_all = f"{totals.failed:,} of {totals.discovered:,} {_noun(totals.discovered)} failed"
        logger.warning("%s%s%s", of_all, consequence, _first(report.failed_tasks))
    if totals.quarantined:
        logger.warning(
            "%d %s in quarantine: what the provider serves failed a check, so readers see what the lake had before, if "
            "anything; engine.store.quarantine.list_entries() and 'ingestify quarantine list' show what waits%s",
            totals.quarantined,
            _are(totals.quarantined),
            _first(report.quarantined_tasks),
        )
    if totals.left_out:
        logger.warning(
            "%d %s without a file that is broken at the provider, see dataset.left_out_files; each run asks again%s",
            totals.left_out,
            _are(totals.left_out),
            _first(report.left_out_tasks),
        )


def _noun(count: int) -> str:
    return "dataset" if count == 1 else "datasets"


def _are(count: int) -> str:
    return "dataset is" if count == 1 else "datasets are"


def _first(tasks: Sequence[TaskSummary]) -> str:
    return f"; the first: {tasks[0].name or tasks[0].identifier}: {tasks[0].error}" if tasks else ""
