"""The progress of a run's jobs, as data."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
import uuid
from collections.abc import Callable
from typing import Protocol

import msgspec

from ingestify.clock import now
from ingestify.domain.identifier import Identifier, canonical_value
from ingestify.domain.plan import Job
from ingestify.domain.ports import NOT_OBSERVED, IndexReading, ObservedJob, SelectorSync, UnreachableHosts, Usage
from ingestify.domain.run import (
    COUNTER_NAMES,
    Counters,
    JobEnd,
    JobSummary,
    ProcessIdentity,
    RunReport,
    RunState,
    TaskOutcome,
    TaskSummary,
)
from ingestify.domain.text import storable
from ingestify.engine.report.left_alone import find_unreached
from ingestify.engine.report.listing import Listing
from ingestify.errors import HostLeftAlone
from ingestify.masking import mask_text
from ingestify.progress.printable import PrintableLogger

__all__ = ["GuardedListener", "JobProgress", "PlannedDataset", "RunListener", "one_line"]

logger = PrintableLogger(__name__)


_COUNTERS = {"fetch": "new", "refetch": "revised", "skip": "skipped"}
"""The counter of a planned action, where its name differs."""

_MOST_READ = 100_000
"""Of the text of an error: secrets are looked for in all that is read."""


class PlannedDataset(msgspec.Struct, frozen=True):
    """What a run that is not dry would do with one dataset.

    Attributes:
        source: The source's name.
        provider: The provider's name.
        dataset_type: The dataset type.
        identifier: The identifier as text.
        name: The dataset's name.
        action: `fetch` (not in the lake), `refetch`, `metadata` (only name, state or metadata changed), `unchanged`,
            `skip` (the fetch policy refuses it), `quarantined` (the provider's files failed their checks, and stay in
            quarantine), or `failed` (the run could not decide).
        reasons: Why, for people.
        files: The ids of the announced files.
    """

    source: str
    provider: str
    dataset_type: str
    identifier: str
    name: str
    action: str
    reasons: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def counter(self) -> str:
        """The job's counter that a dry run increases."""
        return _COUNTERS.get(self.action, self.action)


class RunListener(Protocol):
    """Hears of a run while it runs. Called by the run's threads; its methods must be quick."""

    def run_started(self, snapshot: Callable[[], RunReport]) -> None:
        """The run began; `snapshot` returns its state at any time, from any thread."""

    def job_started(self, job: JobSummary) -> None:
        """The discovery of a selector began."""

    def job_ended(self, job: JobSummary) -> None:
        """A selector ended."""

    def task_ended(self, job: JobSummary, task: TaskSummary) -> None:
        """A dataset changed or failed."""

    def planned(self, dataset: PlannedDataset) -> None:
        """A dry run decided about a dataset."""


class GuardedListener:
    """Calls a listener, if there is one. Its first error is logged, and the run goes on."""

    def __init__(self, listener: RunListener | None) -> None:
        self._listener = listener
        self._failed = False

    def tell(self, what: str, *arguments: object) -> None:
        """Call the listener's method `what`."""
        if self._listener is None:
            return
        try:
            getattr(self._listener, what)(*arguments)
        except BaseException as error:  # the edge to user code
            if not self._failed:
                logger.error("The run's listener failed in %s: %s; the run goes on.", what, one_line(error))
                logger.debug("the listener's traceback", exc_info=error)
            self._failed = True

    @property
    def is_there(self) -> bool:
        """Whether there is a listener."""
        return self._listener is not None


class JobProgress:
    """The progress of one job. Safe to use from any thread."""

    def __init__(
        self,
        job: Job,
        run_id: str,
        process: ProcessIdentity,
        unreachable_hosts: UnreachableHosts | None = None,
        place: tuple[int, int] = (0, 0),
    ) -> None:
        self.job = job
        self.place = place  # the number of its plan, and its own number there
        self.unreachable_hosts = unreachable_hosts
        self.job_id = str(uuid.uuid4())
        self.usage = Usage()
        self.observed: ObservedJob = NOT_OBSERVED
        self.index = IndexReading()  # how the source read the index of this listing
        self.listing = Listing()
        self.collection_metadata: object = None  # what the source may ask about the lake
        self.hint_date: str | None = None  # the Date header of the first response of the selector's discovery
        self.state = RunState.RUNNING
        self.error: BaseException | None = None
        self.note = ""
        self.began_after: int | None = None  # the newest event when the discovery began; None: it has not begun
        self.sync_before: SelectorSync | None = None  # what the lake remembered of the selector then
        self.left_to_another = False
        self.took_out = False  # a file left a current set; another plan or other settings may want it
        self.is_in_doubt = False  # a file was gone for the first time, or believed: the next run has to look again
        self.is_discovered = False  # completely
        self.listed_all = False  # the listing was read to its end, and every entry was readable
        self.passed_over: Identifier | None = None  # a dataset that the filters leave out
        self.matched: dict[str, set[str]] = {}  # {filter key: values of the datasets that passed}
        self.dropped = False  # a stop dropped some of its datasets
        self.left_alone: HostLeftAlone | None = None  # why some of its datasets were not looked at
        self.unreached: tuple[str, str] | None = None  # (host that could not be reached, why)
        self.not_asked = 0  # datasets
        self.is_written = False  # whether the last write of its row succeeded
        self.is_final = False  # its row changes no more
        self._saving = threading.Lock()  # one write of its row at a time, so that an older one never comes last
        self._run_id = run_id
        self._process = process
        self.started_at = now()
        self._started = time.monotonic()
        self._ended_at: dt.datetime | None = None
        self._timings: dict[str, float] = {}
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(COUNTER_NAMES, 0)
        self._bad_tasks: list[TaskSummary] = []  # and those with warnings
        self._unwritten: list[TaskSummary] = []
        self._written = 0  # tasks in the catalogue; they are not kept here, as there may be a hundred thousand
        self._pending = 1  # the discovery counts as one

    @property
    def log_fields(self) -> dict[str, object]:
        """What a log line about the job says of it."""
        return {
            "job": self.job_id,
            "source": self.job.source_name,
            "selector": self.job.selector.name,
            "dataset_type": self.job.plan.dataset_type,
        }

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += number

    def add_task(self, task: TaskSummary) -> None:
        """Keep the result of a dataset, and count it."""
        with self._lock:
            self._unwritten.append(task)
            if task.state is RunState.FAILED or task.is_left_out or task.warnings:
                self._bad_tasks.append(task)
            if task.warnings:
                self._counts["warned"] += 1
            if task.is_left_out:
                self._counts["left_out"] += 1
            self._counts[task.outcome.value] += 1

    def begin_datasets(self, number: int) -> None:
        """Count `number` more discovered datasets, which are now pending."""
        with self._lock:
            self._pending += number
            self._counts["discovered"] += number

    def end_parts(self, number: int = 1) -> bool:
        """Count `number` ended datasets, or the ended discovery. Returns True if nothing is pending now."""
        with self._lock:
            self._pending -= number
            return self._pending == 0

    @property
    def pending(self) -> int:
        """How many datasets began and have not ended; the discovery counts as one."""
        with self._lock:
            return self._pending

    @property
    def failed(self) -> int:
        """How many datasets failed."""
        with self._lock:
            return self._counts["failed"]

    @property
    def only_failed(self) -> bool:
        """Whether datasets failed, and every other dataset was not touched."""
        with self._lock:
            counters = Counters(**self._counts)
        return self.began_after is not None and counters.only_failed

    @property
    def first_failure(self) -> str:
        """The error of the first dataset that failed; empty if none did."""
        with self._lock:
            return next((task.error for task in self._bad_tasks if task.outcome is TaskOutcome.FAILED), "")

    @property
    def was_gone_through(self) -> bool:
        """Whether the listing came to its end and every listed dataset was looked at, with any result."""
        if self.left_alone is not None:
            return False
        return self.state is RunState.FINISHED or (self.state is RunState.FAILED and self.error is None)

    @property
    def was_skipped_by_hint(self) -> bool:
        """Whether the hint of its selector said that the lake has all of it."""
        return self.state is RunState.SKIPPED and not self.left_to_another

    @property
    def has_changes(self) -> bool:
        """Whether datasets of the lake changed."""
        with self._lock:
            return any(self._counts[name] for name in ("new", "revised", "metadata"))

    @property
    def came(self) -> int:
        """How many datasets are new in the lake."""
        with self._lock:
            return self._counts["new"]

    @property
    def missing(self) -> int:
        """How many datasets were marked MISSING."""
        with self._lock:
            return self._counts["missing"]

    @property
    def unlisted(self) -> int:
        """How many datasets are no longer listed, and were not marked MISSING."""
        with self._lock:
            return self._counts["unlisted"]

    @property
    def lists_all(self) -> bool:
        """Whether the listing named all datasets of the selector."""
        return self.listing.is_whole and not self.index.gaps

    @property
    def quarantined(self) -> int:
        """How many datasets have a bundle in quarantine."""
        with self._lock:
            return self._counts["quarantined"]

    @property
    def left_out(self) -> int:
        """How many datasets were published without a broken file."""
        with self._lock:
            return self._counts["left_out"]

    def leave_alone(self, error: HostLeftAlone, *, datasets: int = 0) -> None:
        """Note that `datasets` datasets, or the rest of the listing, were not looked at: their host is left alone."""
        with self._lock:
            self.not_asked += datasets
            self.left_alone = self.left_alone or error
            if error.is_refusal and self.error is None:
                self.error = error

    def note_unreached(self, error: BaseException) -> bool:
        """Note the unreachable host of an error, if the caller continues without it. Returns whether there is one."""
        host = find_unreached(error)
        if not host or self.unreachable_hosts is None or self.unreachable_hosts.has_answered(host):
            return False
        self.unreached = self.unreached or (host, one_line(error))
        return True

    def mark_phase(self, name: str) -> None:
        """Store the seconds since the job's start as the timing `name`."""
        with self._lock:
            self._timings[name] = round(time.monotonic() - self._started, 3)

    def end(self, state: RunState) -> None:
        """Note that the job ended in `state`."""
        self.mark_phase("total")
        with self._lock:
            self.state = state
            self._ended_at = now()

    def write(self, save: Callable[[JobSummary, int], None], bucket: str) -> None:
        """Write the job's row, and its tasks that were not written before.

        If `save` raises, the tasks are written the next time.

        Args:
            save: Called with the summary and the number of its first task.
            bucket: The lake's bucket.
        """
        with self._saving:
            self.is_written = False
            with self._lock:
                unwritten, first = tuple(self._unwritten), self._written
            summary = self.summary()
            end = JobEnd.of(summary, self.job.identity(bucket)) if self.is_final else None
            # Should the process die before the run has remembered what the job brought, its row has to tell.
            state = RunState.RUNNING if self.has_changes and not self.is_final else summary.state
            save(dataclasses.replace(summary, tasks=unwritten, end=end, state=state), first)
            with self._lock:
                del self._unwritten[: len(unwritten)]
                self._written += len(unwritten)
            self.is_written = True

    def match(self, identifier: Identifier) -> None:
        """Note a dataset that was chosen. Called by the discovery thread."""
        for key in self.job.chosen:
            self.matched.setdefault(key, set()).add(canonical_value(identifier[key]))

    def summary(self, *, with_tasks: bool = True) -> JobSummary:
        """Return the state now, with the tasks that have an error or warnings.

        Args:
            with_tasks: False: without tasks.
        """
        job = self.job
        with self._lock:
            counts = {
                **self._counts,
                "requests": self.usage.requests,
                "received_bytes": self.usage.received_bytes,
            }
            return JobSummary(
                job_id=self.job_id,
                run_id=self._run_id,
                source=job.source_name,
                provider=job.provider,
                dataset_type=job.plan.dataset_type,
                data_spec_versions=job.plan.data_spec_versions.as_dict(),
                selector={**job.selector.attributes, **job.filters},
                selector_name=storable(job.selector.name),
                state=self.state,
                process=self._process,
                started_at=self.started_at,
                updated_at=now(),
                ended_at=self._ended_at,
                counters=Counters(**counts),
                timings=dict(self._timings),
                error=self.note or ("" if self.error is None else one_line(self.error)),
                tasks=tuple(self._bad_tasks) if with_tasks else (),
                left_to_another=self.left_to_another,
                left_alone="" if self.left_alone is None else mask_text(self.left_alone.reason),
                not_asked=self.not_asked,
                goes_on_at=None if self.left_alone is None else self.left_alone.goes_on_at,
            )


def one_line(error: BaseException) -> str:
    """Return an error as one line without secrets. The type of an error that is not ingestify's is named."""
    try:
        said = str(error)[:_MOST_READ]
    except Exception:  # noqa: BLE001 - an error of user code may have no text
        said = ""
    text = storable(mask_text(" ".join(said.split())))
    name = type(error).__name__
    if type(error).__module__.startswith("ingestify.") and text:
        return text
    return f"{name}: {text}" if text else name
