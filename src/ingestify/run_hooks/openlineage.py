"""Tells a lineage service of runs, by OpenLineage: https://openlineage.io/docs/spec/object-model.

A run of ingestify is a run of the job `run`. Each of its plans, a source and a dataset type, is a run of a job of its
own below it, with the provider's data as input and what the lake has of it as output.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import queue
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ingestify._version import __version__
from ingestify.domain.asset_uri import asset_name, asset_namespace
from ingestify.domain.events import RevisionAdded
from ingestify.domain.ports import DatasetStorePort
from ingestify.domain.run import JobSummary, RunState
from ingestify.domain.run_notice import RunFinished, RunOutcome, RunPlan, RunStarted
from ingestify.domain.subscriber import Subscriber
from ingestify.engine.report.report import one_line
from ingestify.errors import ConfigurationError, MissingExtraError, PublishUnavailable
from ingestify.publishers.arguments import check_optional_text, check_seconds

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent

__all__ = ["OpenLineage"]

_PRODUCER = f"urn:ingestify:{__version__}"
_RUN_JOB = "run"

PARENT_VARIABLE = "OPENLINEAGE_PARENT_ID"
"""The variable by which orchestrators pass on the run of their task, as for dbt and Spark."""
_PARENT_FORM = "namespace/job/run id"

_CHILDREN = uuid.UUID("0b1f5a9e-5f7e-4f3a-9d0c-6f2f6f1b6a53")
"""The namespace of the ids of the runs of plans, which are made of the run's id and the plan."""


@dataclasses.dataclass(slots=True)
class _Written:
    """What a source brought of one dataset type in a run."""

    files: int = 0
    size_bytes: int = 0


class OpenLineage(Subscriber):
    """Emits START, and COMPLETE, FAIL or ABORT, of each run and of each of its plans.

    Args:
        store: The lake.
        transport: Where the events go, as OpenLineage's own configuration says it: `{type: http, url: …}` or
            `{type: file, log_file_path: …}`. None: as `OPENLINEAGE_URL`, the other variables, or `openlineage.yml` say.
        namespace: The namespace of the jobs; None: that of the lake's data, such as `ingestify://club`.
        patience: For how many seconds the end of a run waits for the transport at most. Its beginning does not wait.
        parent: The run that started this one, as `namespace/job/run id`, such as the task of an orchestrator. None:
            what `OPENLINEAGE_PARENT_ID` says, if it is set.

    Raises:
        ConfigurationError: An argument is wrong.
        MissingExtraError: The extra `openlineage` is not installed.
    """

    def __init__(
        self,
        store: DatasetStorePort,
        transport: Mapping[str, Any] | None = None,
        namespace: str | None = None,
        patience: float = 30.0,
        parent: str | None = None,
    ) -> None:
        super().__init__(store)
        if transport is not None and not (isinstance(transport, Mapping) and isinstance(transport.get("type"), str)):
            raise ConfigurationError(
                "transport is no mapping with a type; write one such as {type: http, url: https://example.com}."
            )
        self._transport = transport
        self._namespace = check_optional_text(namespace, "namespace", "football")
        self._patience = check_seconds(patience, "patience", most=600.0)
        self._parent = _parsed(check_optional_text(parent or os.environ.get(PARENT_VARIABLE), "parent", _PARENT_FORM))
        self._client: OpenLineageClient | None = None
        self._lock = threading.Lock()
        self._written: dict[str, dict[tuple[str, str], _Written]] = {}
        """By the run that goes on, and by source and dataset type."""
        self._emissions: dict[str, _Emission] = {}
        """Those of the runs that go on and whose START was emitted."""
        try:
            import openlineage.client.event_v2  # noqa: F401 - before a run begins, rather than after it
        except ImportError as error:
            raise MissingExtraError("openlineage", "The run hook ingestify.openlineage") from error
        if transport is not None:
            _check_transport(transport)

    # ---- what happens ----------------------------------------------------------------------------------

    def on_run_started(self, run: RunStarted) -> None:
        """Emit the START events. If the lake has no id and no name yet, they are emitted with the last ones."""
        with self._lock:
            self._written[run.run_id] = {}
        if self._namespace or run.lake:
            emission = self._emissions[run.run_id] = _Emission(self._open)
            emission.emit(self._events(run).started())

    def on_revision_added(self, event: RevisionAdded) -> None:
        """Count the files of a revision."""
        revision = event.dataset.revisions[-1]
        key = (revision.source.get("source", ""), event.dataset.dataset_type)
        with self._lock:
            for written in self._written.values():
                one = written.setdefault(key, _Written())
                one.files += len(revision.modified_files)
                one.size_bytes += sum(file.size for file in revision.modified_files)

    def on_run_finished(self, run: RunFinished) -> None:
        """Emit the last events."""
        with self._lock:
            written = self._written.pop(run.run_id, {})
        events, emission = self._events(run), self._emissions.pop(run.run_id, None)
        if emission is None:
            emission = _Emission(self._open)
            emission.emit(events.started())
        emission.emit(events.finished(run, written))
        emission.end(self._patience)

    def _events(self, run: RunStarted) -> _Events:
        return _Events(run, self._namespace, self._parent)

    # ---- emitting --------------------------------------------------------------------------------------

    def _open(self) -> OpenLineageClient:
        if self._client is None:
            from openlineage.client import OpenLineageClient
            from openlineage.client.transport import get_default_factory

            transport = None if self._transport is None else get_default_factory().create({**self._transport})
            client = OpenLineageClient(transport=transport)
            if self._transport is None and client.transport.kind == "console":
                raise ConfigurationError(
                    "Nothing says where OpenLineage's events go: write a transport into the configuration of "
                    "ingestify.openlineage, set OPENLINEAGE_URL, or write an openlineage.yml."
                )
            self._client = client
        return self._client


class _Emission:
    """Emits the events of one run, in a thread of its own.

    The client tries again by itself for as long as it likes. So nobody waits for it but the end of the run, which
    leaves the thread alone after a while.

    Args:
        open_client: Returns the client.
    """

    def __init__(self, open_client: Callable[[], OpenLineageClient]) -> None:
        self._open_client = open_client
        self._waiting: queue.SimpleQueue[Sequence[RunEvent] | None] = queue.SimpleQueue()
        self._is_left = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="ingestify-openlineage", daemon=True)
        self._thread.start()

    def emit(self, events: Sequence[RunEvent]) -> None:
        """Emit events, one after the other, until one of them fails."""
        self._waiting.put(events)

    def end(self, seconds: float) -> None:
        """Wait until all is emitted, for so long at most.

        Raises:
            PublishUnavailable: It was not.
            Exception: What the client raised first.
        """
        self._waiting.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._is_left = True
            raise PublishUnavailable(f"OpenLineage's transport did not take the events within {seconds:g} seconds.")
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (events := self._waiting.get()) is not None:
            try:
                client = self._open_client()
                for event in events:
                    if not self._is_left:
                        client.emit(event)
            except BaseException as error:  # noqa: BLE001 - the edge to the client; `end` raises it
                self._error = self._error or error


class _Events:
    """The events of one run.

    Args:
        run: The run.
        namespace: That of its jobs; None: that of the lake's data.
        parent: Namespace, job and run id of what started it; None: unknown.
    """

    def __init__(self, run: RunStarted, namespace: str | None, parent: tuple[str, str, str] | None) -> None:
        self._run = run
        self._parent = parent
        self._data = asset_namespace(run.lake) if run.lake else "ingestify"
        self._jobs = namespace or self._data

    def started(self) -> list[RunEvent]:
        """Return START of the run, and of each plan."""
        return [
            self._of_run("START", self._run.began_at),
            *(self._of_plan("START", self._run.began_at, plan) for plan in self._run.plans),
        ]

    def finished(self, run: RunFinished, written: Mapping[tuple[str, str], _Written]) -> list[RunEvent]:
        """Return COMPLETE, FAIL or ABORT of each plan, and then of the run."""
        from openlineage.client.facet_v2 import output_statistics_output_dataset

        events = []
        for plan in run.plans:
            jobs = [
                job for job in run.report.jobs if (job.source, job.dataset_type) == (plan.source, plan.dataset_type)
            ]
            files = written.get((plan.source, plan.dataset_type), _Written())
            statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=sum(job.successful_tasks for job in jobs), size=files.size_bytes, fileCount=files.files
            )
            kind, error = _state_of_plan(run, jobs)
            events.append(
                self._of_plan(
                    kind, run.ended_at, plan, error, {"outputStatistics": statistics}, _version(run.epoch, run.position)
                )
            )
        kind, error = _state_of_run(run)
        return [*events, self._of_run(kind, run.ended_at, error)]

    def _of_run(self, kind: str, moment: dt.datetime, error: str = "") -> RunEvent:
        facets = {} if self._parent is None else {"parent": _parent_facet(*self._parent)}
        return self._event(kind, moment, self._run.run_id, self._run_job(), error, facets)

    def _of_plan(
        self,
        kind: str,
        moment: dt.datetime,
        plan: RunPlan,
        error: str = "",
        output_facets: Mapping[str, Any] | None = None,
        facets: Mapping[str, Any] | None = None,
    ) -> RunEvent:
        from openlineage.client.event_v2 import InputDataset, OutputDataset

        name = f"{plan.source}/{plan.dataset_type}"
        return self._event(
            kind,
            moment,
            str(uuid.uuid5(_CHILDREN, f"{self._run.run_id}/{name}")),
            self._job(name, "PLAN", f"Ingests what the source {plan.source} has of the type {plan.dataset_type}."),
            error,
            {"parent": _parent_facet(self._jobs, _RUN_JOB, self._run.run_id)},
            inputs=[InputDataset(plan.origin or plan.provider, asset_name(plan.provider, plan.dataset_type))],
            outputs=[
                OutputDataset(
                    self._data,
                    asset_name(plan.provider, plan.dataset_type, self._run.bucket),
                    facets=dict(facets or {}),
                    outputFacets=dict(output_facets or {}),
                )
            ],
        )

    def _event(
        self,
        kind: str,
        moment: dt.datetime,
        run_id: str,
        job: Job,
        error: str = "",
        facets: Mapping[str, Any] | None = None,
        *,
        inputs: Sequence[InputDataset] = (),
        outputs: Sequence[OutputDataset] = (),
    ) -> RunEvent:
        from openlineage.client.event_v2 import Run, RunEvent, RunState
        from openlineage.client.facet_v2 import error_message_run, processing_engine_run

        of_run: dict[str, Any] = {
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                version=__version__, name="ingestify", openlineageAdapterVersion=__version__
            ),
            **(facets or {}),
        }
        if error:
            of_run["errorMessage"] = error_message_run.ErrorMessageRunFacet(error, "PYTHON")
        return RunEvent(
            eventTime=moment.isoformat(),
            producer=_PRODUCER,
            run=Run(run_id, of_run),
            job=job,
            eventType=RunState[kind],
            inputs=list(inputs),
            outputs=list(outputs),
        )

    def _run_job(self) -> Job:
        return self._job(_RUN_JOB, "RUN", "Brings the lake up to date with what its ingestion plans name.")

    def _job(self, name: str, kind: str, text: str) -> Job:
        from openlineage.client.event_v2 import Job
        from openlineage.client.facet_v2 import documentation_job, job_type_job

        return Job(
            self._jobs,
            name,
            {
                "jobType": job_type_job.JobTypeJobFacet("BATCH", "INGESTIFY", kind),
                "documentation": documentation_job.DocumentationJobFacet(text),
            },
        )


def _check_transport(transport: Mapping[str, Any]) -> None:
    """Refuse a transport that the client does not know, or whose settings it refuses, before a run begins."""
    from openlineage.client.transport import Config, get_default_factory
    from openlineage.client.utils import import_from_string

    kind, known = transport["type"], get_default_factory().transports
    if kind not in known and "." not in kind:
        raise ConfigurationError(f"transport has the type {kind!r:.100}; there are {', '.join(sorted(known))}.")
    try:
        found: Any = known.get(kind, kind)
        found = import_from_string(found) if isinstance(found, str) else found
        config = found.config_class
        config = import_from_string(config) if isinstance(config, str) else config
        if issubclass(config, Config):
            config.from_dict({**transport})
    except Exception as error:  # the client raises errors of any type
        raise ConfigurationError(f"transport is not accepted by OpenLineage's client: {one_line(error)}.") from error


def _parsed(parent: str | None) -> tuple[str, str, str] | None:
    """Return namespace, job and run id. The name of a job may have slashes, a namespace has none."""
    if parent is None:
        return None
    namespace, _, rest = parent.partition("/")
    job, _, run_id = rest.rpartition("/")
    try:
        uuid.UUID(run_id)
    except ValueError:
        job = ""
    if not namespace or not job:
        raise ConfigurationError(f"parent, or {PARENT_VARIABLE}, is {parent!r:.200}; write it as {_PARENT_FORM}.")
    return namespace, job, run_id


def _parent_facet(namespace: str, job: str, run_id: str) -> Any:
    from openlineage.client.facet_v2 import parent_run

    return parent_run.ParentRunFacet(
        run=parent_run.Run(runId=run_id), job=parent_run.Job(namespace=namespace, name=job)
    )


def _version(epoch: int, position: int | None) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset

    if position is None:
        return {}
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(f"{epoch}/{position}")}


def _state_of_run(run: RunFinished) -> tuple[str, str]:
    """Return the type of the last event of a run, and what went wrong; empty: nothing."""
    report = run.report
    error = "" if report.error is None else one_line(report.error)
    if RunOutcome.INTERRUPTED in run.outcomes:
        return "ABORT", error
    if report.state is RunState.FAILED:
        return "FAIL", error or _problems(report.jobs)
    return "COMPLETE", _problems(report.jobs)


def _state_of_plan(run: RunFinished, jobs: Sequence[JobSummary]) -> tuple[str, str]:
    """Return the same of a plan. A run that was stopped has not begun all of its jobs, or has ended none of them."""
    failed = [job for job in jobs if job.state is RunState.FAILED]
    if failed:
        return "FAIL", failed[0].error or _problems(failed)
    aborted = [job for job in jobs if job.state in (RunState.ABORTED, RunState.RUNNING)]
    if aborted:
        return "ABORT", aborted[0].error
    if not jobs and run.report.error is not None:
        return _state_of_run(run)
    return "COMPLETE", _problems(jobs)


def _problems(jobs: Sequence[JobSummary]) -> str:
    """Return which datasets have problems, with the first one's; empty: none has."""
    tasks = [task for job in jobs for task in job.tasks if task.error]
    if not tasks:
        return next((job.error for job in jobs if job.state is RunState.FAILED and job.error), "")
    first = f"{tasks[0].name or tasks[0].identifier}: {tasks[0].error}"
    return first if len(tasks) == 1 else f"{len(tasks):,} datasets have problems; the first: {first}"
