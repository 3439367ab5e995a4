"""What the use cases need of the outside world. Adapters implement these; nothing here does anything."""

from __future__ import annotations

from ingestify.domain.ports.catalogue import (
    Catalogue,
    DatasetFilter,
    DatasetsPort,
    DiscoveredSelector,
    EventLogPort,
    FileRecordsPort,
    HeadMoved,
    HistoriesPort,
    JobLock,
    JobsPort,
    KnownDataset,
    LeasesPort,
    ObjectsInDoubt,
    QuarantinePort,
    SelectorSync,
)
from ingestify.domain.ports.events import DatasetStorePort, EventPublisher
from ingestify.domain.ports.fetcher import (
    ByteSink,
    FetchContext,
    Fetcher,
    FetchRequest,
    FetchResult,
    FetchStatus,
    FileVersion,
    IndexLook,
    Usage,
)
from ingestify.domain.ports.http_client import Auth, Authorization, HttpAnswer, HttpClientPort
from ingestify.domain.ports.storage import Leftovers, PartialObject, Storage, StoredObject, TemporaryObject

__all__ = [
    "Auth",
    "Authorization",
    "ByteSink",
    "Catalogue",
    "DatasetFilter",
    "DatasetStorePort",
    "DatasetsPort",
    "DiscoveredSelector",
    "EventLogPort",
    "EventPublisher",
    "FetchContext",
    "FetchRequest",
    "FetchResult",
    "FetchStatus",
    "Fetcher",
    "FileRecordsPort",
    "FileVersion",
    "HeadMoved",
    "HistoriesPort",
    "HttpAnswer",
    "HttpClientPort",
    "IndexLook",
    "JobLock",
    "JobsPort",
    "KnownDataset",
    "LeasesPort",
    "Leftovers",
    "ObjectsInDoubt",
    "PartialObject",
    "QuarantinePort",
    "SelectorSync",
    "Storage",
    "StoredObject",
    "TemporaryObject",
    "Usage",
]
