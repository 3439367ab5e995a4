"""Progress as data: what a run's jobs have done so far."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
import uuid
from collections.abc import Callable
from typing import Protocol

from ingestify.clock import now
from ingestify.domain.identifier import Identifier, canonical_value
from ingestify.domain.plan import Job
from ingestify.domain.ports import IndexLook, OutOfReach, SelectorSync, Usage
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
"""The counters of planned actions that go by another name."""


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedDataset:
    """What a dry run would do with one dataset.

    Attributes:
        action: `fetch` (not in the lake), `refetch`, `metadata` (only its description changed), `unchanged`,
            `skip` (the fetch policy does not want it), `quarantined` (what the provider serves failed its checks, and
            stays in quarantine), or `failed` (it could not be decided).
        reasons: Why, for people.
        files: The ids of the files that it announces.
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
        """The counter of its job that a dry run adds it to."""
        return _COUNTERS.get(self.action, self.action)


class RunListener(Protocol):
    """Hears of a run while it goes on. Called by the run's threads; it must be quick."""

    def run_started(self, snapshot: Callable[[], RunReport]) -> None:
        """A run began; `snapshot` tells at any time, from any thread, how far it is."""

    def job_started(self, job: JobSummary) -> None:
        """A selector is being discovered."""

    def job_ended(self, job: JobSummary) -> None:
        """A selector is done."""

    def task_ended(self, job: JobSummary, task: TaskSummary) -> None:
        """A dataset changed or failed."""

    def planned(self, dataset: PlannedDataset) -> None:
        """A dry run decided about a dataset."""


class GuardedListener:
    """Stands before a listener, or before none: what it raises is logged once and ends nothing."""

    def __init__(self, listener: RunListener | None) -> None:
        self._listener = listener
        self._failed = False

    def tell(self, what: str, *arguments: object) -> None:
        """Call one of the listener's methods."""
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
        """Whether anybody listens."""
        return self._listener is not None


class JobProgress:
    """One job while it runs. Safe to use from any thread."""

    def __init__(self, job: Job, run_id: str, process: ProcessIdentity, out_of_reach: OutOfReach | None = None) -> None:
        self.job = job
        self.out_of_reach = out_of_reach
        self.job_id = str(uuid.uuid4())
        self.usage = Usage()
        self.index = IndexLook()  # how the index of its listing was read
        self.listing = Listing()
        self.collection_metadata: object = None  # what its source was told that the lake has
        self.hint_date: str | None = None  # the Date of the first answer that its selector was discovered from
        self.state = RunState.RUNNING
        self.error: BaseException | None = None
        self.note = ""
        self.began_after: int | None = None  # the newest event when its discovery began; None: it has not
        self.sync_before: SelectorSync | None = None  # what was remembered of its selector then
        self.left_to_another = False
        self.took_out = False  # a file left a current set, which another plan, or other settings, may ask for
        self.is_in_doubt = False  # something was found gone for the first time: the next run is to look again
        self.is_discovered = False  # all of it
        self.listed_all = False  # its listing was read to its end, and each entry of it
        self.passed_over: Identifier | None = None  # one of those that the filters do not let through
        self.matched: dict[str, set[str]] = {}  # of each filter the values that datasets have
        self.dropped = False  # something of it, by a stop
        self.left_alone: HostLeftAlone | None = None  # why something of it was not looked at
        self.unreached: tuple[str, str] | None = None  # a host that could not be reached, and why
        self.not_asked = 0  # datasets
        self.is_written = False  # its row, the last time that this was tried
        self.is_final = False  # what it came to: nothing of its row changes any more
        self._saving = threading.Lock()  # one write of its row at a time, so that none overtakes another
        self._run_id = run_id
        self._process = process
        self.started_at = now()
        self._started = time.monotonic()
        self._ended_at: dt.datetime | None = None
        self._timings: dict[str, float] = {}
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(COUNTER_NAMES, 0)
        self._bad_tasks: list[TaskSummary] = []
        self._unwritten: list[TaskSummary] = []
        self._written = 0  # tasks that are in the catalogue, and not kept here: there may be a hundred thousand
        self._pending = 1  # the discovery itself

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += number

    def add_task(self, task: TaskSummary) -> None:
        """Keep what became of a dataset, and count it."""
        with self._lock:
            self._unwritten.append(task)
            if task.state is RunState.FAILED or task.is_left_out:
                self._bad_tasks.append(task)
            if task.is_left_out:
                self._counts["left_out"] += 1
            self._counts[task.outcome.value] += 1

    def begin_datasets(self, number: int) -> None:
        """So many more datasets were discovered, and are pending."""
        with self._lock:
            self._pending += number
            self._counts["discovered"] += number

    def end_parts(self, number: int = 1) -> bool:
        """The discovery, or so many datasets, have ended. Returns True for the last."""
        with self._lock:
            self._pending -= number
            return self._pending == 0

    @property
    def pending(self) -> int:
        """How many datasets have begun and not ended; its discovery counts as one."""
        with self._lock:
            return self._pending

    @property
    def failed(self) -> int:
        """How many datasets failed."""
        with self._lock:
            return self._counts["failed"]

    @property
    def only_failed(self) -> bool:
        """Whether datasets of its listing failed, and nothing else became of any."""
        with self._lock:
            counters = Counters(**self._counts)
        return self.began_after is not None and counters.only_failed

    @property
    def first_failure(self) -> str:
        """Why the first dataset failed that did."""
        with self._lock:
            return next((task.error for task in self._bad_tasks if task.outcome is TaskOutcome.FAILED), "")

    @property
    def was_gone_through(self) -> bool:
        """Whether its listing came to its end, and all that it lists was looked at, whatever became of that."""
        if self.left_alone is not None:
            return False
        return self.state is RunState.FINISHED or (self.state is RunState.FAILED and self.error is None)

    @property
    def came(self) -> int:
        """How many datasets came into the lake."""
        with self._lock:
            return self._counts["new"]

    @property
    def missing(self) -> int:
        """How many datasets were marked MISSING."""
        with self._lock:
            return self._counts["missing"]

    @property
    def unlisted(self) -> int:
        """How many datasets are not listed any more, and were not marked."""
        with self._lock:
            return self._counts["unlisted"]

    @property
    def lists_all(self) -> bool:
        """Whether all that the selector has was listed."""
        return self.listing.is_whole and not self.index.gaps

    @property
    def quarantined(self) -> int:
        """How many datasets have a bundle in quarantine."""
        with self._lock:
            return self._counts["quarantined"]

    @property
    def left_out(self) -> int:
        """How many datasets are without a broken file."""
        with self._lock:
            return self._counts["left_out"]

    def leave_alone(self, error: HostLeftAlone, *, datasets: int = 0) -> None:
        """Something of it, so many datasets or the rest of its listing, is not looked at: its host is left alone."""
        with self._lock:
            self.not_asked += datasets
            self.left_alone = self.left_alone or error
            if error.is_refusal and self.error is None:
                self.error = error

    def note_unreached(self, error: BaseException) -> bool:
        """Keep that a host could not be reached, if that is behind an error and somebody does without it."""
        host = find_unreached(error)
        if not host or self.out_of_reach is None or self.out_of_reach.may_be_there(host):
            return False
        self.unreached = self.unreached or (host, one_line(error))
        return True

    def mark_phase(self, name: str) -> None:
        """Note the seconds from the job's start until now."""
        with self._lock:
            self._timings[name] = round(time.monotonic() - self._started, 3)

    def end(self, state: RunState) -> None:
        """The job has ended in `state`."""
        self.mark_phase("total")
        with self._lock:
            self.state = state
            self._ended_at = now()

    def write(self, save: Callable[[JobSummary, int], None], bucket: str) -> None:
        """Let `save` write the job's row, with the tasks that are not written yet and the number of the first of them.

        What it raises is passed on; then they are still to be written.

        Args:
            bucket: The part of the lake that it is for.
        """
        with self._saving:
            self.is_written = False
            with self._lock:
                unwritten, first = tuple(self._unwritten), self._written
            summary = self.summary()
            end = JobEnd.of(summary, self.job.identity(bucket)) if self.is_final else None
            save(dataclasses.replace(summary, tasks=unwritten, end=end), first)
            with self._lock:
                del self._unwritten[: len(unwritten)]
                self._written += len(unwritten)
            self.is_written = True

    def match(self, identifier: Identifier) -> None:
        """The job's filters let a dataset through. The discovery thread."""
        for key in self.job.filters:
            self.matched.setdefault(key, set()).add(canonical_value(identifier[key]))

    def summary(self, *, with_tasks: bool = True) -> JobSummary:
        """Return how it stands, with the tasks that have an error."""
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
            )


def one_line(error: BaseException) -> str:
    """Return an error as one line: its message without secrets, with its type where it is not one of ours."""
    text = storable(mask_text(" ".join(str(error).split())))
    name = type(error).__name__
    if type(error).__module__.startswith("ingestify.") and text:
        return text
    return f"{name}: {text}" if text else name
