"""The SQL side of the lake: one object, with a port for each thing that it keeps."""

from __future__ import annotations

from typing import Protocol

from ingestify.domain.ports.catalogue.adoption import AdoptionPort, PublishedCatalogue
from ingestify.domain.ports.catalogue.changes import ChangesPort, HeadMoved, OnEvents
from ingestify.domain.ports.catalogue.datasets import (
    DatasetDescription,
    DatasetFilter,
    DatasetIndexesPort,
    DatasetsPort,
    KnownDataset,
)
from ingestify.domain.ports.catalogue.event_log import EventLogPort, EventReadersPort
from ingestify.domain.ports.catalogue.history_import import HistoryImportPort
from ingestify.domain.ports.catalogue.host_waits import HostWait, HostWaitsPort
from ingestify.domain.ports.catalogue.integrity import DeletionsPort, IntegrityCheckPort, RowRepairPort
from ingestify.domain.ports.catalogue.jobs import (
    DiscoveredSelector,
    JobLock,
    JobLocksPort,
    JobsPort,
    SelectorSync,
    SelectorSyncsPort,
)
from ingestify.domain.ports.catalogue.kept_revisions import KeptRevisionsPort
from ingestify.domain.ports.catalogue.lake import LakePort
from ingestify.domain.ports.catalogue.leases import LeasesPort, ObjectsInDoubt, RemovalsPort
from ingestify.domain.ports.catalogue.overview import CompetitionCount, CoveragePort, OverviewPort, StorageTotals
from ingestify.domain.ports.catalogue.quarantine import QuarantinePort
from ingestify.domain.ports.catalogue.request_budgets import RequestBudgetsPort
from ingestify.domain.ports.catalogue.retention import RetentionPort
from ingestify.domain.ports.catalogue.watch_marks import HEARTBEAT, WatchMarksPort

__all__ = [
    "HEARTBEAT",
    "Catalogue",
    "CompetitionCount",
    "DatasetDescription",
    "DatasetFilter",
    "DiscoveredSelector",
    "HeadMoved",
    "HostWait",
    "HostWaitsPort",
    "JobLock",
    "KnownDataset",
    "LeasesPort",
    "ObjectsInDoubt",
    "OnEvents",
    "PublishedCatalogue",
    "RemovalsPort",
    "RequestBudgetsPort",
    "SelectorSync",
    "StorageTotals",
]


class Catalogue(Protocol):
    """The SQL side of the lake. Every method may be called from any thread; StoreError when the database refuses.

    Attributes:
        datasets: Which datasets there are.
        overview: Whether something changed, and how much there is.
        coverage: What there is of what the providers listed, and how old it is.
        changes: How they change.
        indexes: The indexes on keys of their identifiers.
        quarantine: The bundles that failed a check.
        history_import: Whole histories of another lake's datasets.
        adoption: The adoption of a lake of the published package.
        integrity_check: Whether the rows agree, and which objects they name.
        row_repair: Repairs of rows.
        deletions: The objects that no row names any more.
        jobs: What runs did.
        job_locks: Which run has which job.
        selector_syncs: What runs remember of selectors.
        leases: Who writes to the lake now.
        removals: Which objects are being removed.
        host_waits: The hosts that asked to be left alone.
        request_budgets: How many requests were reserved of each source that has a budget.
        watch_marks: When a `watch` looked last, and showed that it goes on.
        event_log: What was committed, in order.
        event_readers: How far each reader of the event log is.
        lake: The lake's identity.
        retention: How old jobs and events are forgotten.
        kept_revisions: Which revisions are never thinned.
        is_adopted: Whether it was a lake of the published package, which was adopted in place: objects of its layout
            are the lake's too.
    """

    datasets: DatasetsPort
    overview: OverviewPort
    coverage: CoveragePort
    changes: ChangesPort
    indexes: DatasetIndexesPort
    quarantine: QuarantinePort
    history_import: HistoryImportPort
    adoption: AdoptionPort
    integrity_check: IntegrityCheckPort
    row_repair: RowRepairPort
    deletions: DeletionsPort
    jobs: JobsPort
    job_locks: JobLocksPort
    selector_syncs: SelectorSyncsPort
    leases: LeasesPort
    removals: RemovalsPort
    host_waits: HostWaitsPort
    request_budgets: RequestBudgetsPort
    watch_marks: WatchMarksPort
    event_log: EventLogPort
    event_readers: EventReadersPort
    lake: LakePort
    retention: RetentionPort
    kept_revisions: KeptRevisionsPort
    is_adopted: bool

    @property
    def where(self) -> str:
        """Where it is, without a password, for messages."""

    def create(self) -> bool:
        """Make the catalogue, unless it exists. Returns whether it was made.

        Raises:
            StoreError: It cannot be made.
        """

    def maintain(self) -> None:
        """Update the database's statistics, if the lake grew much, and give free space back.

        Cheap when there is nothing to do. Called before a run, and after a run, a copy or a removal.
        """

    def limit_lock_waits(self) -> None:
        """End waits for locks of others after a second at the most, until `restore_lock_waits`."""

    def restore_lock_waits(self) -> None:
        """Wait for locks as usual again."""

    def close(self) -> None:
        """Close its connections, and release the job locks that were taken here."""
