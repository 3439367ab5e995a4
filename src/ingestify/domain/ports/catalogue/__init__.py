"""The SQL side of the lake: a port for each thing that it keeps, and all of them as one."""

from __future__ import annotations

from typing import Protocol

from ingestify.domain.ports.catalogue.datasets import (
    DatasetDescription,
    DatasetFilter,
    DatasetsPort,
    HeadMoved,
    KnownDataset,
    OnEvents,
    StorageTotals,
)
from ingestify.domain.ports.catalogue.event_log import EventLogPort
from ingestify.domain.ports.catalogue.file_records import FileRecordsPort
from ingestify.domain.ports.catalogue.histories import HistoriesPort
from ingestify.domain.ports.catalogue.host_waits import HostWait, HostWaitsPort
from ingestify.domain.ports.catalogue.jobs import DiscoveredSelector, JobLock, JobsPort, SelectorSync
from ingestify.domain.ports.catalogue.lake import LakePort
from ingestify.domain.ports.catalogue.leases import LeasesPort, ObjectsInDoubt
from ingestify.domain.ports.catalogue.quarantine import QuarantinePort
from ingestify.domain.ports.catalogue.retention import RetentionPort

__all__ = [
    "Catalogue",
    "DatasetDescription",
    "DatasetFilter",
    "DatasetsPort",
    "DiscoveredSelector",
    "EventLogPort",
    "FileRecordsPort",
    "HeadMoved",
    "HistoriesPort",
    "HostWait",
    "HostWaitsPort",
    "JobLock",
    "JobsPort",
    "KnownDataset",
    "LakePort",
    "LeasesPort",
    "ObjectsInDoubt",
    "OnEvents",
    "QuarantinePort",
    "RetentionPort",
    "SelectorSync",
    "StorageTotals",
]


class Catalogue(
    DatasetsPort,
    QuarantinePort,
    HistoriesPort,
    FileRecordsPort,
    JobsPort,
    HostWaitsPort,
    LeasesPort,
    EventLogPort,
    LakePort,
    RetentionPort,
    Protocol,
):
    """The SQL side of the lake. Every method may be called from any thread; StoreError when it refuses."""

    @property
    def where(self) -> str:
        """Where it is, without a password, for messages."""

    def maintain(self) -> None:
        """Let the database count what its planner wants to know, if the lake grew much since, and give free room back.

        Cheap when there is nothing to do. For before a run, and after a run, a copy or a removal.
        """

    def hurry(self) -> None:
        """Let all that wait for a lock of somebody else wait for a second more at the most, until `calm`."""

    def calm(self) -> None:
        """Wait for locks as usual again."""

    def close(self) -> None:
        """Close its connections, and let go of the locks of jobs that were taken here."""
