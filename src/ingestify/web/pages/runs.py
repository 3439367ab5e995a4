"""The runs of the lake, and one of them, which is followed while it goes on."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypedDict

from markupsafe import Markup

from ingestify.documents.runs import RunStatus, run_document
from ingestify.domain.run import JobSummary, RunState, TaskOutcome, TaskSummary, look_of_jobs, state_of_jobs
from ingestify.masking import mask_text
from ingestify.pictures.run_history import LOOKS, run_history
from ingestify.progress.formatting import clock, size, what_was_done
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.leases import runs_that_are_gone
from ingestify.store.reading.overview import kind_of_reason
from ingestify.web.page import Asked, NotShown, Page, Shown

__all__ = ["ROUTES"]

_AT_ONCE = 20
_MOST_PAGES = 20
"""So many pages of runs are looked through for those that a filter names."""

_MOST_TASKS = 300


class RunsDocument(TypedDict):
    """Runs without their tasks, newest first.

    Attributes:
        after: What the next page is asked for with; null: this is the last one.
    """

    runs: Sequence[RunStatus]
    after: str | None


class RunLine(NamedTuple):
    """What a list shows of a run.

    Attributes:
        state: A word for people.
        look: The class of its chip.
        before: Such as `as in the 3 runs before it`; empty: it is like none.
    """

    run_id: str
    started_at: dt.datetime
    state: str
    look: str
    done: str
    received: str
    took: str
    before: str
    sources: str


class TaskGroup(NamedTuple):
    """Tasks with the same outcome and kind of reason."""

    outcome: str
    reason: str
    tasks: Sequence[TaskSummary]


def read_list(asked: Asked) -> Shown:
    """Return the last runs, and a bar for each of their jobs."""
    store = asked.lake.store
    source, wanted, after = asked.first("source"), asked.first("state"), asked.first("after")
    shown: dict[str, list[JobSummary]] = {}
    lines: list[RunLine] = []
    gone: set[str] = set()
    for _ in range(_MOST_PAGES):
        page = store.overview.jobs_by_run(_AT_ONCE, after)
        gone |= runs_that_are_gone(store.catalogue.leases, itertools.chain.from_iterable(page.items))
        for jobs in page.items:
            if source and source not in {job.source for job in jobs}:
                continue
            run_id = jobs[0].run_id
            line = _line(run_id, jobs, gone)
            if wanted in ("", line.state, line.look):
                shown[run_id] = jobs
                lines.append(line)
        after = page.after
        if len(lines) >= _AT_ONCE or not after:
            break
    document: RunsDocument = {
        "runs": [run_document(run_id, jobs, gone) for run_id, jobs in shown.items()],
        "after": after or None,
    }
    view = {
        "lines": lines,
        "picture": _picture(itertools.chain.from_iterable(shown.values()), gone),
        "sources": sorted({job.source for jobs in shown.values() for job in jobs} | ({source} - {""})),
        "source": source,
        "wanted": wanted,
        "states": LOOKS,
        "is_empty": not lines and not (source or wanted),
    }
    return Shown("Runs", document, view)


def _look(jobs: Sequence[JobSummary], gone: set[str]) -> tuple[str, str]:
    """Return the state of a run, or of a job, in words; and how it looks."""
    if state_of_jobs(jobs) is RunState.RUNNING and jobs[0].run_id in gone:
        return "its process is gone", "stopped"
    look = look_of_jobs(jobs)
    return look, look


def _line(run_id: str, jobs: Sequence[JobSummary], gone: set[str]) -> RunLine:
    started = min(job.started_at for job in jobs)
    state, look = _look(jobs, gone)
    repeats = min(job.runs for job in jobs) - 1
    before = f"as in the {'run' if repeats == 1 else f'{repeats:,} runs'} before it" if repeats else ""
    took = max(job.ended_at or job.updated_at for job in jobs) - started
    return RunLine(
        run_id,
        started,
        state,
        look,
        what_was_done(jobs),
        size(sum(job.counters.received_bytes for job in jobs)),
        clock(took.total_seconds()),
        before,
        ", ".join(sorted({job.source for job in jobs})),
    )


def _picture(jobs: Iterable[JobSummary], gone: set[str]) -> Markup:
    bars = [dataclasses.replace(job.bar, state=_look([job], gone)[1]) for job in jobs]
    return Markup(run_history(bars).svg)  # noqa: S704 - our own


def read_run(asked: Asked) -> Shown:
    """Return one run: its jobs, and what became of the datasets that changed or failed."""
    store = asked.lake.store
    run_id = asked.parts["run_id"]
    jobs = _find_jobs(store, run_id)
    gone = runs_that_are_gone(store.catalogue.leases, jobs)
    line = _line(run_id, jobs, gone)
    tasks = [task for job in jobs for task in job.tasks]
    troubled = [task for task in tasks if task.state is RunState.FAILED or task.is_left_out]
    changed = [task for task in tasks if task.state is not RunState.FAILED]
    view = {
        "line": line,
        "jobs": [(job, *_look([job], gone), clock(job.duration.total_seconds())) for job in jobs],
        "picture": _picture(jobs, gone) if len(jobs) > 1 else None,
        "groups": _groups(troubled),
        "changed": changed[:_MOST_TASKS],
        "changed_count": len(changed),
        "is_running": line.look == "running",
        "is_gone": run_id in gone,
        "command": _command(jobs),
        "most": _MOST_TASKS,
    }
    return Shown(f"Run of {line.started_at:%Y-%m-%d %H:%M}", run_document(run_id, jobs, gone), view)


def _find_jobs(store: DatasetStore, run_id: str) -> list[JobSummary]:
    jobs = store.overview.jobs_of(run_id)
    if not jobs:
        raise NotShown(
            404,
            f"There is no run {run_id}. A later run with the same result takes the place of one that changed nothing; "
            "old runs are removed by the setting 'retention'.",
        )
    return jobs


def _groups(tasks: Iterable[TaskSummary]) -> list[TaskGroup]:
    """Return the tasks with an error by outcome and reason, those of the most first."""
    groups: dict[tuple[str, str], list[TaskSummary]] = {}
    for task in tasks:
        what = "in quarantine" if task.outcome is TaskOutcome.QUARANTINED else "failed"
        what = "without a broken file" if task.is_left_out else what
        groups.setdefault((what, kind_of_reason(mask_text(task.error))), []).append(task)
    found = [
        TaskGroup(what, reason if len(tasks) > 1 else mask_text(tasks[0].error), tasks)
        for (what, reason), tasks in groups.items()
    ]
    return sorted(found, key=lambda group: -len(group.tasks))


def _command(jobs: Sequence[JobSummary]) -> str:
    """Return what to type to run the same again: its source, and what its selectors have in common."""
    sources = {job.source for job in jobs}
    words = [f"--source {source}" for source in sources] if len(sources) == 1 else []
    words += [
        f"{key}={value}"
        for key, value in jobs[0].selector.items()
        if isinstance(value, str | int) and all(job.selector.get(key) == value for job in jobs)
    ]
    command = remedy("run")
    return " ".join([command[1:-1] if command.startswith("'") and command.endswith("'") else "ingestify run", *words])


ROUTES = (
    Page("/runs", "runs.html", read_list, menu="Runs", is_live=True),
    Page("/runs/{run_id}", "run.html", read_run, is_live=True),
)
