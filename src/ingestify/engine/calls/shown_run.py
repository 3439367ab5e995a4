"""A run in Python as a person sees it: the progress line, the last line, and the licence notice."""

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
"""Licence notices that this process has shown: each is shown once."""


class ShownRun:
    """Executes one run and shows it.

    Args:
        run: The run.
        plans: The plans of the run.
        progress: None: show it where a person looks; True or False: always or never.
        consequence: See `warn_of_shortfall`.
        read: Returns how many datasets a stream's reader got; None: this is no stream.
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
        """Show the progress line while a block runs."""
        return self._display.moving(self._text)

    def _text(self) -> str:
        text = progress_text(self.run.report())
        if self._read is not None:
            text += f" · {self._read():,} read"
        return f"stopping, what is complete is kept · {text}" if self.run.stop.is_set else text

    def execute(self) -> RunReport:
        """Execute the run in the caller's thread and show it. Failed datasets are logged before an error is raised."""
        try:
            with self.moving():
                return self.run.execute()
        except BaseException as error:
            self.run.tell_failures(error)
            raise

    def tell(self, report: RunReport) -> None:
        """Show the last line, where a lake was created, and the licence notice of sources that are used the first time.

        Args:
            report: The run's report.
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

    def warn(self, report: RunReport, *, with_failed_jobs: bool = False) -> None:
        """Log one warning about what the run did not bring. `with_failed_jobs`: also of discoveries that failed."""
        warn_of_shortfall(report, self._consequence, with_failed_jobs=with_failed_jobs)

    def _say(self, line: str) -> None:
        if self._display.is_on:
            self._display.tell(line)
        else:
            logger.info("%s", line)
