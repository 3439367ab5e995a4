"""Reading without a network: datasets of the lake are served where a provider cannot be reached, with a warning."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

from ingestify.domain.dataset import Dataset
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.ports import DatasetFilter, UnreachableHosts
from ingestify.domain.run import Counters, JobSummary, RunReport, RunState, TaskOutcome, TaskSummary
from ingestify.domain.selector import Selector
from ingestify.domain.wording import in_short
from ingestify.engine.report.health import LOOKED_AT, is_done
from ingestify.engine.report.left_alone import find_unreached
from ingestify.engine.run.run import IngestionRun
from ingestify.errors import FetchError
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["OfflineReader"]

logger = PrintableLogger(__name__)

_BATCH = 1000

_TO_RAISE = 'auto_ingest={"if_offline": "error"} makes this an error'


class OfflineReader:
    """Serves a reader from the lake where the run could not reach a provider.

    Args:
        store: The lake.
        wanted: The reader's filter.
        plans: The plans of the run.

    Attributes:
        unreachable_hosts: Given to the run, which notes unreachable hosts there.
    """

    def __init__(self, store: DatasetStore, wanted: DatasetFilter, plans: Sequence[IngestionPlan]) -> None:
        self.unreachable_hosts = UnreachableHosts()
        self._store = store
        self._wanted = wanted
        self._plans = plans
        self._taken: set[str] = set()

    def took(self, dataset: Dataset) -> None:
        """Note a dataset that the stream yielded."""
        self._taken.add(dataset.dataset_id)

    def iter_others(self, served: Sequence[DatasetFilter]) -> Iterator[Dataset]:
        """Yield the datasets of the lake that the stream did not yield.

        Args:
            served: What `serve` returned.
        """
        for one in served:
            for dataset in chain.from_iterable(self._store.catalogue.datasets.iter_batches(one, _BATCH)):
                if dataset.dataset_id not in self._taken:
                    yield dataset

    def serve(self, run: IngestionRun, report: RunReport) -> tuple[list[DatasetFilter], RunReport]:
        """Warn once. Returns which datasets the lake serves, and the report of the rest. Called by the caller's thread.

        Args:
            run: The run that ended.
            report: Its report.

        Returns:
            A filter for each provider and dataset type that is served from the lake, and the report without the errors
            of unreachable hosts. No filters if every provider was reached, or if the run ended by another error.

        Raises:
            FetchError: A provider was not reached, and the lake has none of the wanted datasets.
        """
        unreached = run.unreached
        if not unreached or (report.error is not None and not find_unreached(report.error)):
            return [], report
        kinds = dict.fromkeys(
            (plan.source.provider, plan.dataset_type) for plan in self._plans if plan.source.name in unreached
        )
        served = [
            dataclasses.replace(self._wanted, provider=provider, dataset_type=dataset_type)
            for provider, dataset_type in kinds
        ]
        reasons = {host: self.unreachable_hosts.find(host) or why for host, why in unreached.values()}
        hosts = " and ".join(f"{host} cannot be reached ({why})" for host, why in reasons.items())
        catalogue = self._store.catalogue
        count = sum(catalogue.datasets.read_metadata(one).row_count for one in served)
        if not count and not self._has_any():
            raise FetchError(
                f"{hosts}, and the lake has no dataset of what was asked for ({self._asked()}), so there is nothing to "
                f"serve. Try again when there is a network.",
                unreached=next(iter(reasons)),
            )
        logger.warning(
            "%s, so the lake's %s served, as of %s%s. %s.",
            hosts,
            "1 dataset is" if count == 1 else f"{count:,} datasets are",
            self._last_look(list(kinds)),
            _lacking([task for job in report.jobs if job.source in unreached for task in job.tasks]),
            _TO_RAISE,
        )
        jobs = [_without(job, reasons) if job.source in unreached else job for job in report.jobs]
        totals = sum((job.counters for job in jobs), Counters())
        return served, dataclasses.replace(report, jobs=jobs, totals=totals, error=None)

    def _has_any(self) -> bool:
        """Whether the lake has a wanted dataset in any state, with any metadata."""
        anything = dataclasses.replace(self._wanted, states=(), where=None)
        return self._store.catalogue.datasets.read_metadata(anything).row_count > 0

    def _asked(self) -> str:
        ids = self._wanted.dataset_ids
        wanted: Mapping[str, object] = {
            "provider": self._wanted.provider,
            "dataset_type": self._wanted.dataset_type,
            "dataset_id": None if ids is None else ",".join(ids),
            **self._wanted.selector,
        }
        return " ".join(f"{key}={value}" for key, value in wanted.items() if value is not None) or "anything"

    def _last_look(self, kinds: Sequence[tuple[str, str]]) -> str:
        """Return when the wanted selectors were last ingested, for people."""
        moments: dict[tuple[str, str], dt.datetime] = {}
        for job in self._store.catalogue.jobs.load(LOOKED_AT, with_tasks=False):
            kind = (job.provider, job.dataset_type)
            if kind in kinds and is_done(job) and Selector(job.selector).matches(self._wanted.selector):
                moment = job.ended_at or job.updated_at
                moments[kind] = max(moments.get(kind, moment), moment)
        looks = [
            f"the last look at {provider} on {moments[provider, dataset_type]:%Y-%m-%d %H:%M} UTC"
            for provider, dataset_type in kinds
            if (provider, dataset_type) in moments
        ]
        return " and ".join(looks) or "a run that the lake no longer remembers"


def _lacking(tasks: Sequence[TaskSummary]) -> str:
    """Return how many listed datasets the lake has never had; empty if none."""
    new = [task for task in tasks if task.outcome is TaskOutcome.FAILED and task.dataset_id is None]
    if not new:
        return ""
    which = "1 that is listed" if len(new) == 1 else f"{len(new):,} that are listed"
    return f"; {which} could not be fetched, and the lake has no earlier version (the first: {in_short(new[0].name)})"


def _without(job: JobSummary, hosts: Collection[str]) -> JobSummary:
    """Return a job without the errors of unreachable hosts: only its other errors remain."""
    tasks = [task for task in job.tasks if task.error and not any(host in task.error for host in hosts)]
    counted = collections.Counter(task.outcome for task in tasks)
    counters = Counters(
        discovered=job.counters.discovered,
        failed=counted[TaskOutcome.FAILED],
        quarantined=counted[TaskOutcome.QUARANTINED],
        left_out=sum(task.is_left_out for task in tasks),
    )
    return dataclasses.replace(job, state=RunState.FINISHED, counters=counters, tasks=tasks, error="")
