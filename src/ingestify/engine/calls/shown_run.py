"""A run in Python, as who looks is shown it: how far it is, its last line, and under which terms the data is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from ingestify.domain.plan import IngestionPlan
from ingestify.domain.run import RunReport
from ingestify.engine.calls.remarks import warn_of_shortfall
from ingestify.engine.run.run import IngestionRun
from ingestify.progress.display import Display
from ingestify.progress.formatting import progress_text, summary_line

__all__ = ["ShownRun"]

logger = logging.getLogger(__name__)

_told_terms: set[tuple[str, ...]] = set()
"""Of sources that this process has used: their terms are said once."""


class ShownRun:
    """One run.

    Args:
        plans: What it ingests.
        progress: None: shown where a person looks; True, False: whether it is.
        consequence: See `warn_of_shortfall`.
        read: How many datasets its reader has got; None: it is no stream.
    """

    def __init__(
        self,
        run: IngestionRun,
        plans: Iterable[IngestionPlan],
        progress: bool | None,
        consequence: str = "",
        *,
        read: Callable[[], int] | None = None,
    ) -> None:
        self.run = run
        self._read = read
        self._sources = {plan.source.name: plan.source for plan in plans}
        self._consequence = consequence
        self._display = Display(progress)

    def moving(self) -> AbstractContextManager[None]:
        """Show how far it is while a block runs."""
        return self._display.moving(self._text)

    def _text(self) -> str:
        text = progress_text(self.run.report())
        if self._read is not None:
            text += f" · {self._read():,} read"
        return f"stopping, what is complete is kept · {text}" if self.run.stop.is_set else text

    def execute(self) -> RunReport:
        """Execute it in the caller's thread, and show it. What it raises instead of a report is not all that failed."""
        try:
            with self.moving():
                return self.run.execute()
        except BaseException as error:
            self.run.tell_failures(error)
            raise

    def tell(self, report: RunReport) -> None:
        """Say what it came to, where it made a lake, and under which terms new sources' data is.

        Those are sources that this process had not used.
        """
        self._display.tell(summary_line(report))
        if report.created_lake:
            self._say(f"Created the lake in {report.created_lake}.")
        for name in () if report.dry_run else dict.fromkeys(job.source for job in report.jobs):
            source = self._sources.get(name)
            terms = () if source is None else (name, *source.terms.values())
            if len(terms) > 1 and terms not in _told_terms:
                _told_terms.add(terms)
                self._say(f"{name}: {' · '.join(terms[1:])}")

    def warn(self, report: RunReport) -> None:
        """Say, in one warning, what it did not bring."""
        warn_of_shortfall(report, self._consequence)

    def _say(self, line: str) -> None:
        if self._display.is_on:
            self._display.tell(line)
        else:
            logger.info("%s", line)
