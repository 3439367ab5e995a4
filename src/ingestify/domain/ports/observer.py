"""The port of who observes the runs of an engine, to measure and to trace them."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from ingestify.domain.identifier import Identifier
from ingestify.domain.run import JobSummary, RunReport, TaskSummary

__all__ = [
    "NOT_OBSERVED",
    "ObservedDataset",
    "ObservedJob",
    "ObservedRequests",
    "ObservedRun",
    "Observer",
    "SentRequest",
]


@dataclasses.dataclass(frozen=True, slots=True)
class SentRequest:
    """A request that was sent once: each try and each redirect is one.

    Attributes:
        method: The HTTP method.
        url: The URL as it was requested, with its secrets.
        host: Name and port, as in the messages about the host; the usual port is left out.
        status: Of the response; None: there was none.
        tries: Which try it was, from 1.
        tries_left: How many more tries the call had after it, if each of them fails.
        waited_seconds: How long it waited for its turn before, as the host or the settings limit the requests.
        paused_seconds: How long the client paused before this try, as the one before failed.
        seconds: From the sending to the end of the body.
        received_bytes: The bytes of the body on the wire.
        error: The name of what was raised, as the body was read or without a response; empty: nothing.
        quota_left: How many more requests the host announced to accept; None: nothing.
    """

    method: str
    url: str = dataclasses.field(repr=False)
    host: str
    status: int | None
    tries: int
    tries_left: int
    waited_seconds: float
    paused_seconds: float
    seconds: float
    received_bytes: int
    error: str
    quota_left: int | None


class ObservedRequests(Protocol):
    """Work that sends requests. Any thread calls the methods; they are quick and raise nothing."""

    def sent(self, request: SentRequest) -> None:
        """A request ended."""

    def left_alone(self, host: str) -> None:
        """A request was not sent, as the host has to be left alone."""

    def attach(self) -> object:
        """The current thread begins to work on it. Returns what `detach` takes."""

    def detach(self, token: object) -> None:
        """The current thread ends that."""


class ObservedDataset(ObservedRequests, Protocol):
    """A dataset of which files are requested, or which is committed. Unchanged ones without a request are none."""

    def end(self, task: TaskSummary | None, dataset_id: str | None, *, is_current: bool) -> None:
        """The dataset ended.

        Args:
            task: Its line in the job's summary; None: it is unchanged, or a stop dropped it.
            dataset_id: None: the lake does not have it.
            is_current: Whether it is as current as readers may see it.
        """


class ObservedJob(ObservedRequests, Protocol):
    """A job."""

    def begin_dataset(self, provider: str, dataset_type: str, identifier: Identifier) -> ObservedDataset:
        """Work on a dataset begins."""

    def end(self, job: JobSummary) -> None:
        """The job ended."""


class ObservedRun(ObservedRequests, Protocol):
    """A run."""

    def begin_job(self, job: JobSummary) -> ObservedJob:
        """A job begins."""

    def end(self, report: RunReport) -> None:
        """The run ended, in whatever way. This may take seconds, and raises nothing."""


class Observer(Protocol):
    """Observes the runs of an engine."""

    def begin_run(self, run_id: str) -> ObservedRun:
        """A run begins, in the thread of the caller."""


class _NotObserved:
    """Observes nothing."""

    def begin_run(self, *_: object) -> ObservedRun:
        return self

    def begin_job(self, *_: object) -> ObservedJob:
        return self

    def begin_dataset(self, *_: object) -> ObservedDataset:
        return self

    def sent(self, *_: object) -> None:
        pass

    left_alone = detach = sent

    def attach(self) -> object:
        return None

    def end(self, *_: object, **__: object) -> None:
        pass


NOT_OBSERVED = _NotObserved()
