"""Runs of one source with a lake in memory against a relayed provider, with their results and requests."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingestify.catalogue.catalogue import SqlCatalogue
from ingestify.domain.identifier import Identifier
from ingestify.domain.plan import IngestionPlan, Job
from ingestify.domain.ports import FetchContext, Usage
from ingestify.domain.resource import DatasetResource, UnreadableEntry
from ingestify.domain.run import RunReport
from ingestify.domain.selector import Filters, Selector
from ingestify.domain.source import Source
from ingestify.engine.discovery.source_calls import discover_selectors, find_datasets
from ingestify.engine.engine import IngestionEngine
from ingestify.errors import SourceError
from ingestify.events.dispatcher import Dispatcher
from ingestify.fetch.http import HttpClient
from ingestify.main.adapters import http_options
from ingestify.main.deliveries import open_delivery
from ingestify.storage.memory import MemoryStorage
from ingestify.store.dataset_store import DatasetStore
from ingestify.testing.relay import Relay
from ingestify.testing.watched_provider import Request

__all__ = ["Discovery", "SourceTrial", "problems_of"]

_numbers = itertools.count(1)


@functools.cache
def _shared_lake() -> tuple[SqlCatalogue, MemoryStorage]:
    """Return the lake of all trials, each with its own bucket. Creating its tables takes longer than a run."""
    catalogue = SqlCatalogue.open("sqlite:///:memory:")
    atexit.register(catalogue.close)
    return catalogue, MemoryStorage()


@dataclasses.dataclass(frozen=True, slots=True)
class Discovery:
    """The result of a discovery of one selector.

    Attributes:
        resources: The announced datasets.
        identifiers: The identifiers of `resources`, in the same order.
        requests: The paths of the requests, in order.
        requests_before_first: How many of these were made before the first dataset.
    """

    resources: list[DatasetResource]
    identifiers: list[Identifier]
    requests: list[str]
    requests_before_first: int

    def announced(self) -> dict[str, dict[str, str | None]]:
        """Return identifier to file id to URL."""
        return {
            str(identifier): {name: file.url or file.loader_kwargs.get("url") for name, file in resource.files.items()}
            for identifier, resource in zip(self.identifiers, self.resources, strict=True)
        }


class SourceTrial:
    """Runs a source several times with one lake. Each discovery and run has a new source, like a new process. Close it.

    Args:
        make_source: Makes the source; its configuration names the relay.
        relay: The provider.
        dataset_type: The dataset type.
        versions: The feeds and versions.

    Attributes:
        store: The lake.
    """

    def __init__(self, make_source: Callable[[], Source], relay: Relay, dataset_type: str, versions: Any) -> None:
        self._make_source = make_source
        self._relay = relay
        self._dataset_type = dataset_type
        self._versions = versions
        self._clients: list[HttpClient] = []
        self.store = DatasetStore(*_shared_lake(), Dispatcher(), bucket=f"trial-{next(_numbers)}")

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()

    def new_source(self) -> Source:
        """Return a source with an HTTP client, which it has got from an engine."""
        source = self._make_source()
        self._new_engine(source, [])
        return source

    def _new_engine(self, source: Source, selectors: Sequence[Mapping[str, Any]]) -> IngestionEngine:
        """Return an engine with a plan of the source. The engine attaches its client to the source."""
        plan = IngestionPlan(source, self._dataset_type, self._versions, selectors)
        return IngestionEngine(
            self.store,
            make_fetcher=self._new_client,
            plans=[plan],
            concurrency=8,
            open_delivery=lambda location, options: open_delivery(location, options, Path.cwd()),
        )

    def _new_client(self, source: Source) -> HttpClient:
        # Retries come soon, because no other client uses this provider.
        options = msgspec.structs.replace(http_options(source, None), backoff_base_seconds=0.01)
        self._clients.append(HttpClient(source.name, options))
        return self._clients[-1]

    # ---- discovering -----------------------------------------------------------------------------------

    def discover(
        self,
        selector: Mapping[str, Any],
        filters: Filters | None = None,
        *,
        source: Source | None = None,
        versions: Any = None,
    ) -> Discovery:
        """Return the result of `find_datasets`; its errors are not caught.

        Args:
            selector: The selector.
            filters: The filters of the call.
            source: The source; None: a new one.
            versions: The feeds and versions; None: those of the trial.

        Raises:
            SourceError: The source cannot read an entry.
        """
        source = source or self.new_source()
        before = len(self._relay.requests)
        before_first: int | None = None
        resources: list[DatasetResource] = []
        with self._activated(source):
            for item in self.find(selector, source, filters, versions):
                if before_first is None:
                    before_first = len(self._relay.requests) - before
                resources += _readable(item if isinstance(item, (list, tuple)) else [item])
        paths = self._relay.paths()[before:]
        identifiers = [resource.identifier(Selector(selector)) for resource in resources]
        return Discovery(resources, identifiers, paths, len(paths) if before_first is None else before_first)

    def find(
        self, selector: Mapping[str, Any], source: Source, filters: Filters | None = None, versions: Any = None
    ) -> Iterable[DatasetResource | UnreadableEntry] | Iterable[Sequence[DatasetResource | UnreadableEntry]]:
        """Call `find_datasets` as the engine does, with the metadata of the lake, and return its result."""
        plan = IngestionPlan(source, self._dataset_type, self._versions if versions is None else versions)
        job = Job(plan, source.name, source.provider, Selector(selector), filters or {})
        held = self.store.catalogue.datasets.read_metadata(job.dataset_filter(self.store.bucket))
        found = find_datasets(job, held)
        return () if found is None else found

    def discover_selectors(self, source: Source | None = None) -> list[dict[str, Any]]:
        """Return the discovered selectors."""
        source = source or self.new_source()
        with self._activated(source):
            plan = IngestionPlan(source, self._dataset_type, self._versions)
            return [dict(one) for one in _readable(discover_selectors(plan))]

    def _activated(self, source: Source) -> Any:
        client = source.http
        assert isinstance(client, HttpClient), "new_source attached it"
        return client.activated(FetchContext(Usage(), threading.Event()))

    # ---- running ---------------------------------------------------------------------------------------

    def run(
        self, selector: Mapping[str, Any], filters: Mapping[str, Any] | None = None, *, dry: bool = False
    ) -> tuple[RunReport, list[Request]]:
        """Run the source. Returns the report and the requests; those of a dry run are requests for the index."""
        source = self._make_source()
        before = len(self._relay.requests)
        engine = self._new_engine(source, [dict(selector)])
        report = engine.run_report(dry_run=dry, **(filters or {}))
        return report, self._relay.requests[before:]

    def contents(self) -> dict[str, dict[str, str]]:
        """Return identifier to file id to content hash of the datasets in the lake."""
        found: dict[str, dict[str, str]] = {}
        for dataset in self.store.iter_dataset_collection_batches():
            found[str(dataset.identifier)] = {name: file.tag for name, file in dataset.files.items()}
        return found


def _readable(several: Iterable[Any]) -> list[Any]:
    several = list(several)
    for one in several:
        if isinstance(one, UnreadableEntry):
            raise SourceError(f"{one.where}: {one.error}")
    return several


def problems_of(report: RunReport) -> list[str]:
    """Return the problems of a run, one line each."""
    tasks = report.failed_tasks + report.quarantined_tasks + report.left_out_tasks
    errors = [] if report.error is None else [f"{type(report.error).__name__}: {report.error}"]
    return errors + [f"{task.name}: {task.error}" for task in tasks]
