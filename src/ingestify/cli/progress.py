"""Shows a run while it goes on: a moving line on a terminal, a line every few seconds elsewhere, or JSON."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from ingestify.cli.console import Console
from ingestify.cli.logs import set_run_id, write_progress, write_stderr
from ingestify.cli.output import OutputLost, flush, json_text, write_line
from ingestify.documents.runs import job_line, left_out_line, planned_line, refetch_line, task_line
from ingestify.domain.plan import LeftOutPlan
from ingestify.domain.run import JobSummary, RunReport, RunState, TaskOutcome, TaskSummary
from ingestify.engine.report.report import PlannedDataset
from ingestify.progress.formatting import counted, progress_text, summary_line
from ingestify.progress.line import ProgressLine

__all__ = ["RunView"]


class RunView:
    """Implements `engine.report.RunListener`. It never raises: a full disk or a closed pipe must not end a run.

    Args:
        console: With --json each event is a line of JSON on stdout. With -v each dataset that changed is a line; in a
            plan, each unchanged one too.
        shows_skipped: Whether each selector that is skipped is a line, as in a plan.

    Attributes:
        lost: The error of the first write to stdout that failed. After it nothing is written there.
    """

    def __init__(self, console: Console, *, shows_skipped: bool = False) -> None:
        self._console = console
        self._shows_skipped = shows_skipped
        self._snapshot: Callable[[], RunReport] | None = None
        self.lost: OutputLost | None = None
        self._output = threading.Lock()
        self._line = ProgressLine(write_progress)

    # ---- called by the run's threads -------------------------------------------------------------------

    def run_started(self, snapshot: Callable[[], RunReport]) -> None:
        """A run began."""
        self._snapshot = snapshot
        set_run_id(snapshot().run_id)

    def job_started(self, job: JobSummary) -> None:
        """A selector is being discovered."""
        if self._console.as_json:
            self.write_json(job_line("job_started", job))

    def job_ended(self, job: JobSummary) -> None:
        """A selector is done."""
        if self._console.as_json:
            self.write_json(job_line("job_ended", job))
        elif self._shows_skipped and job.state is RunState.SKIPPED and not self._console.quiet:
            self.write_line(f"skipped: {job.source}: {job.selector_name}: {job.error}")

    def task_ended(self, job: JobSummary, task: TaskSummary) -> None:
        """A dataset changed or failed."""
        if self._console.as_json:
            self.write_json(task_line(job, task))
        elif self._console.verbose and task.outcome not in (TaskOutcome.FAILED, TaskOutcome.QUARANTINED):
            lacks = f": {task.error}" if task.error else ""
            write_stderr(f"{task.outcome.value:<9} {task.name or task.identifier}{lacks}")
            for warning in task.warnings:
                write_stderr(f"          warning: {warning}")

    def planned(self, dataset: PlannedDataset) -> None:
        """A dry run has decided about a dataset."""
        if self._console.as_json:
            self.write_json(planned_line(dataset))
        elif not self._console.quiet and (self._console.verbose or dataset.action != "unchanged"):
            why = f"  ({'; '.join(dataset.reasons)})" if dataset.reasons else ""
            self.write_line(f"{dataset.action:<9}  {dataset.identifier}  {dataset.name}{why}")

    # ---- called by the command -------------------------------------------------------------------------

    def tell_refetch(self, count: int) -> None:
        """Say how many datasets the run fetches in full."""
        if self._console.as_json:
            self.write_json(refetch_line(count))
        else:
            self._console.tell(f"{counted(count, 'dataset')} of the lake to be fetched in full.")

    def tell_left_out(self, plans: Sequence[LeftOutPlan]) -> None:
        """Say which plans the run leaves out."""
        for plan in plans:
            if self._console.as_json:
                self.write_json(left_out_line(plan))
            else:
                self._console.tell(f"left out: {plan}")

    def summarize(self, report: RunReport, prefix: str = "") -> None:
        """Write what a run came to, in a line, unless the command is quiet."""
        if not self._console.quiet:
            self.write_line(f"{prefix}{summary_line(report)}")

    def write_json(self, document: object) -> None:
        """Write one line of JSON to stdout, unless stdout is lost."""
        self.write_line(json_text(document))

    def write_line(self, line: str) -> None:
        """Write one line to stdout and flush, unless stdout is lost."""
        with self._output:
            if self.lost is None:
                try:
                    write_line(line)
                    flush()
                except OutputLost as lost:
                    self.lost = lost

    def restore_terminal(self) -> None:
        """Undo the changes of the moving line to the terminal, for a process that exits at once."""
        self._line.restore_terminal()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress on stderr while the block runs."""
        if self._console.quiet or self._console.as_json:
            yield
            return
        self._snapshot = None
        with self._line.shown(self.text):
            yield

    def text(self) -> str | None:
        """Return how far the run is, in a line; None: there is none yet."""
        return None if self._snapshot is None else progress_text(self._snapshot())
