"""The first page: newest matches, last changes, the last run, and what wants a look."""

from __future__ import annotations

import collections
import datetime as dt
from collections.abc import Mapping, Sequence

from ingestify.clock import now
from ingestify.documents.datasets import event_document
from ingestify.documents.runs import status_document
from ingestify.domain.events import DatasetEvent
from ingestify.domain.overview import SelectorFreshness
from ingestify.domain.run import Counters, JobSummary, TaskOutcome
from ingestify.masking import mask_text
from ingestify.progress.formatting import clock, what_was_done
from ingestify.store.leases import runs_that_are_gone
from ingestify.store.reading.overview import kind_of_reason
from ingestify.web.change_words import change_in_words, revision_of
from ingestify.web.listing import newest_datasets
from ingestify.web.match_line import match_line
from ingestify.web.page import Asked, Page, Shown

__all__ = ["PAGE"]

_CHANGES = 20

_NEWEST = 12

_STALE_AFTER = dt.timedelta(days=3)

_MOST_STALE = 5

_MOST_TASKS = 2_000
"""Of a run with more, its own page says why datasets failed."""


def read(asked: Asked) -> Shown:
    """Return the state of the lake."""
    overview = asked.lake.store.overview
    runs = overview.last_runs(1)
    jobs = next(iter(runs.values()), [])
    gone = runs_that_are_gone(asked.lake.store.catalogue.leases, jobs)
    stale = _stale(overview.freshness())
    changes = overview.changes(_CHANGES).items
    status = status_document(asked.lake.store, runs, gone)
    document = {
        "status": status,
        "changes": [event_document(event) for event in changes],
        "stale": [{"source": one.source, "name": one.name, "complete_at": one.complete_at} for one in stale],
        "reasons": [
            {"provider": one.provider, "reason": one.kind, "count": one.entries}
            for one in overview.reasons()[:_MOST_STALE]
        ],
    }
    newest = newest_datasets(asked.lake.store, status["datasets"], _NEWEST).datasets
    view = {
        "newest": [match_line(one) for one in newest],
        "run": _run_in_words(jobs, gone, _failures(asked, jobs)) if jobs else {},
        "changes": _changes_in_words(changes),
    }
    return Shown("Home", document, view)


def _changes_in_words(changes: Sequence[DatasetEvent]) -> list[tuple[DatasetEvent, str]]:
    """Return each change with what it is; a dataset that came with its first revision is one change."""
    first = {one.dataset.dataset_id for one in changes if revision_of(one) == 0}
    shown = (one for one in changes if one.event_type != "dataset_created" or one.dataset.dataset_id not in first)
    return [(one, change_in_words(one)) for one in shown]


def _run_in_words(
    jobs: Sequence[JobSummary], gone: set[str], failures: Sequence[tuple[str, int]]
) -> Mapping[str, object]:
    ended = [job.ended_at for job in jobs if job.ended_at is not None]
    began = min(job.started_at for job in jobs)
    is_running = len(ended) < len(jobs)
    state = "killed" if jobs[0].run_id in gone else "running" if is_running else ""
    return {
        "run_id": jobs[0].run_id,
        "began": began,
        "took": "" if is_running else _length(max(ended) - began),
        "state": state,
        "done": what_was_done(jobs),
        "failures": failures,
    }


def _failures(asked: Asked, jobs: Sequence[JobSummary]) -> list[tuple[str, int]]:
    """Return why selectors and datasets failed in a run, and how many did, most first."""
    counts = collections.Counter(kind_of_reason(mask_text(job.error)) for job in jobs if job.error)
    totals = sum((job.counters for job in jobs), Counters())
    if totals.failed and totals.new + totals.revised + totals.failed <= _MOST_TASKS:
        tasks = (task for job in asked.lake.store.overview.jobs_of(jobs[0].run_id) for task in job.tasks)
        failed = (task for task in tasks if task.outcome is TaskOutcome.FAILED)
        counts.update(kind_of_reason(mask_text(task.error)) for task in failed)
    return counts.most_common(_MOST_STALE)


def _length(time: dt.timedelta) -> str:
    return "under a second" if time < dt.timedelta(seconds=1) else clock(time / dt.timedelta(seconds=1))


def _stale(selectors: Sequence[SelectorFreshness]) -> list[SelectorFreshness]:
    """Return the selectors that no run completed for long, the oldest first."""
    border = now() - _STALE_AFTER
    late = [one for one in selectors if one.complete_at is None or one.complete_at < border]
    return sorted(late, key=lambda one: one.complete_at or border.min.replace(tzinfo=dt.UTC))[:_MOST_STALE]


PAGE = Page("/", "home.html", read, menu="Home", is_live=True, json_path="/home.json")
