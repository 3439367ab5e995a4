"""How a run is shown while it goes on: a moving line on a terminal, a line every few seconds elsewhere, or JSON."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ingestify.cli.logs import set_run_id, write_progress, write_stderr
from ingestify.cli.output import OutputLost, flush, json_text, write_line
from ingestify.domain.plan import LeftOutPlan
from ingestify.domain.run import JobSummary, RunReport, RunState, TaskOutcome, TaskSummary
from ingestify.engine.report.report import PlannedDataset
from ingestify.progress.formatting import counted, progress_text
from ingestify.progress.line import ProgressLine

__all__ = ["RunView", "job_as_dict", "task_as_dict"]


def task_as_dict(task: TaskSummary) -> dict[str, Any]:
    """Return a task as JSON values."""
    return {
        "outcome": task.outcome.value,
        "identifier": task.identifier,
        "name": task.name,
        "dataset_id": task.dataset_id,
        "revision_id": task.revision_id,
        "seconds": round((task.ended_at - task.started_at) / dt.timedelta(seconds=1), 3),
        "error": task.error or None,
    }


def job_as_dict(job: JobSummary) -> dict[str, Any]:
    """Return a job as JSON values, without its tasks."""
    return {
        "job_id": job.job_id,
        "run_id": job.run_id,
        "source": job.source,
        "provider": job.provider,
        "dataset_type": job.dataset_type,
        "selector": dict(job.selector),
        "selector_name": job.selector_name,
        "state": job.state.value,
        "started_at": job.started_at.isoformat(),
        "ended_at": None if job.ended_at is None else job.ended_at.isoformat(),
        **job.counters.as_dict(),
        "timings": dict(job.timings),
        "error": job.error or None,
        "runs": job.runs,
        "first_started_at": None if job.first_started_at is None else job.first_started_at.isoformat(),
    }


class RunView:
    """Implements `engine.report.RunListener`. It never raises: a full disk or a reader who left must not end a run.

    Args:
        as_json: JSON Lines on stdout, one for each event.
        quiet: Nothing.
        verbose: A line for each dataset that changed; in a plan, also for the unchanged ones.
        shows_skipped: A line for each selector that is skipped: a plan.

    Attributes:
        lost: What the first write to stdout that failed raised; since then nothing is written there.
    """

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, verbose: bool = False, shows_skipped: bool = False
    ) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._verbose = verbose
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
        if self._as_json:
            self.write_json({"event": "job_started", **job_as_dict(job)})

    def job_ended(self, job: JobSummary) -> None:
        """A selector is done."""
        if self._as_json:
            self.write_json({"event": "job_ended", **job_as_dict(job)})
        elif self._shows_skipped and job.state is RunState.SKIPPED and not self._quiet:
            self.write_line(f"skipped: {job.source}: {job.selector_name}: {job.error}")

    def task_ended(self, job: JobSummary, task: TaskSummary) -> None:
        """A dataset changed or failed."""
        if self._as_json:
            self.write_json(
                {"event": "dataset", "source": job.source, "dataset_type": job.dataset_type, **task_as_dict(task)}
            )
        elif self._verbose and task.outcome not in (TaskOutcome.FAILED, TaskOutcome.QUARANTINED):
            lacks = f": {task.error}" if task.error else ""
            write_stderr(f"{task.outcome.value:<9} {task.name or task.identifier}{lacks}")

    def planned(self, dataset: PlannedDataset) -> None:
        """A dry run decided about a dataset."""
        if self._as_json:
            self.write_json(
                {
                    "event": "planned",
                    "action": dataset.action,
                    "source": dataset.source,
                    "provider": dataset.provider,
                    "dataset_type": dataset.dataset_type,
                    "identifier": dataset.identifier,
                    "name": dataset.name,
                    "reasons": list(dataset.reasons),
                    "files": list(dataset.files),
                }
            )
        elif not self._quiet and (self._verbose or dataset.action != "unchanged"):
            why = f"  ({'; '.join(dataset.reasons)})" if dataset.reasons else ""
            self.write_line(f"{dataset.action:<9}  {dataset.identifier}  {dataset.name}{why}")

    # ---- called by the command -------------------------------------------------------------------------

    def tell_refetch(self, count: int) -> None:
        """Say how many datasets a run was asked to fetch in full."""
        if self._as_json:
            self.write_json({"event": "refetch", "datasets": count})
        elif not self._quiet:
            write_stderr(f"{counted(count, 'dataset')} of the lake to be fetched in full.")

    def tell_left_out(self, plans: Sequence[LeftOutPlan]) -> None:
        """Say which plans a run leaves out."""
        for plan in plans:
            if self._as_json:
                what = {"source": plan.source_name, "dataset_type": plan.dataset_type, "reason": plan.why}
                self.write_json({"event": "left_out", **what})
            elif not self._quiet:
                write_stderr(f"left out: {plan}")

    def write_json(self, value: Any) -> None:
        """Write one line of JSON to stdout, unless that is lost."""
        self.write_line(json_text(value))

    def write_line(self, line: str) -> None:
        """Write one line to stdout at once, unless that is lost."""
        with self._output:
            if self.lost is None:
                try:
                    write_line(line)
                    flush()
                except OutputLost as lost:
                    self.lost = lost

    def restore_terminal(self) -> None:
        """Undo what the moving line does to the terminal, for a process that leaves at once."""
        self._line.restore_terminal()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress on stderr while the block runs."""
        if self._quiet or self._as_json:
            yield
            return
        self._snapshot = None
        with self._line.shown(self._text):
            yield

    def _text(self) -> str | None:
        return None if self._snapshot is None else progress_text(self._snapshot())
