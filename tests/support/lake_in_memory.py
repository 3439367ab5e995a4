"""A lake in memory, and sources made of a function."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from ingestify import DatasetResource, IngestionEngine, IngestionPlan, Source, get_dev_engine
from ingestify.domain.subscriber import Subscriber

T0 = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


def hours(number: float) -> dt.datetime:
    """A provider's time, that many hours after T0."""
    return T0 + dt.timedelta(hours=number)


class FunctionSource(Source):
    """A source whose `find_datasets` is a function that a test can change between runs."""

    concurrent_discovery = True
    lists_everything = True
    provider = "fake"

    def __init__(self, find: Callable[..., Any], selectors: list[dict[str, Any]] | None = None) -> None:
        super().__init__("fake")
        self.find = find
        self.selectors = selectors or [{"competition_id": 1}]
        self.calls: list[dict[str, Any]] = []

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        return self.selectors

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        self.calls.append(selector)
        return self.find(**selector)


class Recorder(Subscriber):
    """Remembers every event."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.events: list[Any] = []

    def handle(self, event: Any) -> None:
        self.events.append(event)

    @property
    def types(self) -> list[str]:
        return [event.event_type for event in self.events]


def match(match_id: object, content: Any = None, at: float = 0, **kwargs: Any) -> DatasetResource:
    """A match with one file, `events`, of JSON."""
    resource = DatasetResource({"match_id": match_id}, "match", name=f"match {match_id}", **kwargs)
    return resource.add_file(hours(at), "events", json_content={"n": 1} if content is None else content)


class Lake:
    """An engine over one source, in memory."""

    def __init__(self, source: Source, **plan: Any) -> None:
        self.source = source
        self.engine: IngestionEngine = get_dev_engine(source, "match", **plan)
        self.recorder = Recorder(self.engine.store)
        self.engine.store.publisher.add_subscriber(self.recorder)

    def add_plan(self, source: Source, **plan: Any) -> None:
        self.engine.add_ingestion_plan(IngestionPlan(source, "match", **plan))

    @property
    def datasets(self) -> list[Any]:
        return self.engine.list_datasets()

    def content(self, match_id: object, feed: str = "events") -> Any:
        dataset = self.engine.store.get_dataset_collection(match_id=match_id).first()
        return self.engine.store.load_files(dataset).get_file(feed).json()

    @property
    def jobs(self) -> list[Any]:
        return self.engine.store.load_ingestion_job_summaries()
