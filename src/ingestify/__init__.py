"""Your own lake of untouched football data: versioned, validated, complete.

Everything that users rely on is importable from here; each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ingestify._version import __version__

if TYPE_CHECKING:
    from ingestify.domain.adoption import NotTaken, NotTakenKind
    from ingestify.domain.asset_uri import asset_uri
    from ingestify.domain.bundle import BundleType
    from ingestify.domain.bundle_check import Bundle, BundleCheck
    from ingestify.domain.damage import Damage, DamageKind
    from ingestify.domain.dataset import Dataset, DatasetCollection, DatasetState, DatasetSummary
    from ingestify.domain.events import (
        DatasetCreated,
        DatasetDeleted,
        DatasetSkipped,
        DomainEvent,
        MetadataUpdated,
        RevisionAccepted,
        RevisionAdded,
        RevisionDiscarded,
        RevisionInvalidated,
        RevisionRejected,
        RevisionsThinned,
        RevisionWarned,
        RevisionWithdrawn,
        SelectorSkipped,
    )
    from ingestify.domain.export_layout import ExportIndex, ExportLayout
    from ingestify.domain.feeds import DataSpecVersionCollection
    from ingestify.domain.fetch_policy import FetchPolicy
    from ingestify.domain.file import DraftFile, File, NotModifiedFile
    from ingestify.domain.identifier import Identifier
    from ingestify.domain.lock import Lock, LockStatus
    from ingestify.domain.message import Message
    from ingestify.domain.overview import CompetitionCoverage, SelectorFreshness
    from ingestify.domain.plan import IngestionPlan
    from ingestify.domain.profile import FileProfile
    from ingestify.domain.publisher import Publisher
    from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
    from ingestify.domain.record_key import RecordKey
    from ingestify.domain.resource import DatasetResource, FileHttpOptions, FileResource, UnreadableEntry
    from ingestify.domain.revision import Revision, RevisionState
    from ingestify.domain.run import Counters, JobSummary, RunReport, RunState, TaskOutcome, TaskSummary
    from ingestify.domain.run_notice import RunFinished, RunOutcome, RunPlan, RunStarted, StaleSelector
    from ingestify.domain.schedule import QuietHours, Schedule
    from ingestify.domain.selector import Selector
    from ingestify.domain.source import Source
    from ingestify.domain.subscriber import Subscriber
    from ingestify.engine.calls.reading import AutoIngestOptions
    from ingestify.engine.engine import IngestionEngine
    from ingestify.engine.keeping.adopting import AdoptionReport
    from ingestify.engine.keeping.mirroring import CopyReport
    from ingestify.engine.keeping.quality import CheckTotals, QualityFinding, QualityReport
    from ingestify.engine.keeping.verifying import VerifyReport
    from ingestify.engine.offer import OfferList
    from ingestify.errors import (
        ConfigurationError,
        DuplicateFile,
        ExportError,
        FatalError,
        FetchError,
        IngestifyError,
        IntegrityError,
        LoadError,
        LockError,
        MessagesRefused,
        PublishError,
        PublisherSwitchedOff,
        PublishUnavailable,
        SaveError,
        SourceError,
        StopProcessing,
        StoreError,
    )
    from ingestify.events.relay import RelayResult
    from ingestify.fetch.loader import retrieve_http
    from ingestify.logging_context import LogContextFilter, log_context
    from ingestify.main import EventLogConsumer, debug_source, get_datastore, get_dev_engine, get_engine
    from ingestify.main.adoption import adopt
    from ingestify.main.offer import competitions, matches
    from ingestify.main.publishing import DeadLetter, PublisherState, Publishing
    from ingestify.pictures.picture import Picture
    from ingestify.store.dataset_store import DatasetStore
    from ingestify.store.export.report import ExportReport
    from ingestify.store.maintenance.garbage import Garbage
    from ingestify.store.quarantine import Quarantine
    from ingestify.store.reading.coverage_list import CoverageList, FreshnessList
    from ingestify.store.reading.dataset_diff import DatasetDiff, RevisionLog
    from ingestify.store.reading.dataset_list import DatasetList
    from ingestify.store.reading.file_collection import FileCollection, LoadedFile
    from ingestify.store.reading.following import FollowedEvent
    from ingestify.store.reading.locked import LockCheck
    from ingestify.store.reading.mapping import MapResult
    from ingestify.tables.problems import TableProblem
    from ingestify.tables.report import BuiltTable, TableFault, TablesBuilt, TableState, TableStates, TablesVerified

_MODULES = {
    "domain.adoption": ("NotTaken", "NotTakenKind"),
    "domain.asset_uri": ("asset_uri",),
    "domain.bundle": ("BundleType",),
    "domain.bundle_check": ("Bundle", "BundleCheck"),
    "domain.damage": ("Damage", "DamageKind"),
    "domain.dataset": ("Dataset", "DatasetCollection", "DatasetState", "DatasetSummary"),
    "domain.events": (
        "DatasetCreated",
        "DatasetDeleted",
        "DatasetSkipped",
        "DomainEvent",
        "MetadataUpdated",
        "RevisionAccepted",
        "RevisionAdded",
        "RevisionDiscarded",
        "RevisionInvalidated",
        "RevisionRejected",
        "RevisionWarned",
        "RevisionWithdrawn",
        "RevisionsThinned",
        "SelectorSkipped",
    ),
    "domain.export_layout": ("ExportIndex", "ExportLayout"),
    "domain.feeds": ("DataSpecVersionCollection",),
    "domain.fetch_policy": ("FetchPolicy",),
    "domain.file": ("DraftFile", "File", "NotModifiedFile"),
    "domain.identifier": ("Identifier",),
    "domain.lock": ("Lock", "LockStatus"),
    "domain.message": ("Message",),
    "domain.overview": ("CompetitionCoverage", "SelectorFreshness"),
    "domain.plan": ("IngestionPlan",),
    "domain.profile": ("FileProfile",),
    "domain.publisher": ("Publisher",),
    "domain.quarantine": ("QuarantineEntry", "QuarantineState"),
    "domain.record_key": ("RecordKey",),
    "domain.resource": ("DatasetResource", "FileHttpOptions", "FileResource", "UnreadableEntry"),
    "domain.revision": ("Revision", "RevisionState"),
    "domain.run": ("Counters", "JobSummary", "RunReport", "RunState", "TaskOutcome", "TaskSummary"),
    "domain.run_notice": ("RunFinished", "RunOutcome", "RunPlan", "RunStarted", "StaleSelector"),
    "domain.schedule": ("QuietHours", "Schedule"),
    "domain.selector": ("Selector",),
    "domain.source": ("Source",),
    "domain.subscriber": ("Subscriber",),
    "engine.calls.reading": ("AutoIngestOptions",),
    "engine.engine": ("IngestionEngine",),
    "engine.keeping.adopting": ("AdoptionReport",),
    "engine.keeping.mirroring": ("CopyReport",),
    "engine.keeping.quality": ("CheckTotals", "QualityFinding", "QualityReport"),
    "engine.keeping.verifying": ("VerifyReport",),
    "engine.offer": ("OfferList",),
    "events.relay": ("RelayResult",),
    "errors": (
        "ConfigurationError",
        "DuplicateFile",
        "ExportError",
        "FatalError",
        "FetchError",
        "IngestifyError",
        "IntegrityError",
        "LoadError",
        "LockError",
        "MessagesRefused",
        "PublishError",
        "PublishUnavailable",
        "PublisherSwitchedOff",
        "SaveError",
        "SourceError",
        "StopProcessing",
        "StoreError",
    ),
    "fetch.loader": ("retrieve_http",),
    "logging_context": ("LogContextFilter", "log_context"),
    "main": ("EventLogConsumer", "debug_source", "get_datastore", "get_dev_engine", "get_engine"),
    "main.adoption": ("adopt",),
    "main.offer": ("competitions", "matches"),
    "main.publishing": ("DeadLetter", "PublisherState", "Publishing"),
    "pictures.picture": ("Picture",),
    "store.dataset_store": ("DatasetStore",),
    "store.export.report": ("ExportReport",),
    "store.maintenance.garbage": ("Garbage",),
    "store.quarantine": ("Quarantine",),
    "store.reading.dataset_diff": ("DatasetDiff", "RevisionLog"),
    "store.reading.coverage_list": ("CoverageList", "FreshnessList"),
    "store.reading.dataset_list": ("DatasetList",),
    "store.reading.following": ("FollowedEvent",),
    "store.reading.locked": ("LockCheck",),
    "store.reading.mapping": ("MapResult",),
    "tables.problems": ("TableProblem",),
    "tables.report": ("BuiltTable", "TableFault", "TableState", "TableStates", "TablesBuilt", "TablesVerified"),
    "store.reading.file_collection": ("FileCollection", "LoadedFile"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AdoptionReport",
    "AutoIngestOptions",
    "BuiltTable",
    "Bundle",
    "BundleCheck",
    "BundleType",
    "CheckTotals",
    "CompetitionCoverage",
    "ConfigurationError",
    "CopyReport",
    "Counters",
    "CoverageList",
    "Damage",
    "DamageKind",
    "DataSpecVersionCollection",
    "Dataset",
    "DatasetCollection",
    "DatasetCreated",
    "DatasetDeleted",
    "DatasetDiff",
    "DatasetList",
    "DatasetResource",
    "DatasetSkipped",
    "DatasetState",
    "DatasetStore",
    "DatasetSummary",
    "DeadLetter",
    "DomainEvent",
    "DraftFile",
    "DuplicateFile",
    "EventLogConsumer",
    "ExportError",
    "ExportIndex",
    "ExportLayout",
    "ExportReport",
    "FatalError",
    "FetchError",
    "FetchPolicy",
    "File",
    "FileCollection",
    "FileHttpOptions",
    "FileProfile",
    "FileResource",
    "FollowedEvent",
    "FreshnessList",
    "Garbage",
    "Identifier",
    "IngestifyError",
    "IngestionEngine",
    "IngestionPlan",
    "IntegrityError",
    "JobSummary",
    "LoadError",
    "LoadedFile",
    "Lock",
    "LockCheck",
    "LockError",
    "LockStatus",
    "LogContextFilter",
    "MapResult",
    "Message",
    "MessagesRefused",
    "MetadataUpdated",
    "NotModifiedFile",
    "NotTaken",
    "NotTakenKind",
    "OfferList",
    "Picture",
    "PublishError",
    "PublishUnavailable",
    "Publisher",
    "PublisherState",
    "PublisherSwitchedOff",
    "Publishing",
    "QualityFinding",
    "QualityReport",
    "Quarantine",
    "QuarantineEntry",
    "QuarantineState",
    "QuietHours",
    "RecordKey",
    "RelayResult",
    "Revision",
    "RevisionAccepted",
    "RevisionAdded",
    "RevisionDiscarded",
    "RevisionInvalidated",
    "RevisionLog",
    "RevisionRejected",
    "RevisionState",
    "RevisionWarned",
    "RevisionWithdrawn",
    "RevisionsThinned",
    "RunFinished",
    "RunOutcome",
    "RunPlan",
    "RunReport",
    "RunStarted",
    "RunState",
    "SaveError",
    "Schedule",
    "Selector",
    "SelectorFreshness",
    "SelectorSkipped",
    "Source",
    "SourceError",
    "StaleSelector",
    "StopProcessing",
    "StoreError",
    "Subscriber",
    "TableFault",
    "TableProblem",
    "TableState",
    "TableStates",
    "TablesBuilt",
    "TablesVerified",
    "TaskOutcome",
    "TaskSummary",
    "UnreadableEntry",
    "VerifyReport",
    "__version__",
    "adopt",
    "asset_uri",
    "competitions",
    "debug_source",
    "get_datastore",
    "get_dev_engine",
    "get_engine",
    "log_context",
    "matches",
    "retrieve_http",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'ingestify' has no attribute '{name}'")
    from ingestify.quick_imports import quick_imports  # `import ingestify` needs no module

    with quick_imports():
        value = getattr(importlib.import_module(f"ingestify.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
