"""The sections of a config.yaml, with types.

lake               main and retention
sources            sources, and how their providers are requested
ingestion_plans    ingestion_plans and fetch policies
schedules          their schedules
dataset_types      dataset_types
checks             checks and quarantine
subscribers        event_subscribers
publishers         event_publishers
freshness          freshness
run_hooks          run_hooks
tables             tables
metrics            metrics
class_settings     the class and configuration that several sections have
contradictions     contradictions between sections

The descriptions of the fields are also those of the JSON schema that `ingestify config schema` prints, and part of
error messages. Reading a file, with its environment variables and line numbers, is `ingestify.config.reader`.
"""

from __future__ import annotations

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from ingestify.config.settings.checks import CheckSettings, QuarantineSettings
from ingestify.config.settings.contradictions import Contradiction, find_contradictions
from ingestify.config.settings.dataset_types import DatasetTypeSettings, IdentifierKeySettings, TransformationSettings
from ingestify.config.settings.freshness import FreshnessSettings
from ingestify.config.settings.ingestion_plans import FetchPolicySettings, IngestionPlanSettings
from ingestify.config.settings.lake import (
    FileOptions,
    FileTimeoutSettings,
    MainSettings,
    MetadataOptions,
    RetentionSettings,
)
from ingestify.config.settings.metrics import MetricsSettings, PushGatewaySettings
from ingestify.config.settings.publishers import PublisherSettings
from ingestify.config.settings.run_hooks import RunHookSettings
from ingestify.config.settings.schedules import ScheduleSettings
from ingestify.config.settings.sources import RateLimitSettings, RetrySettings, SourceSettings, TimeoutSettings
from ingestify.config.settings.subscribers import SubscriberSettings
from ingestify.config.settings.tables import OwnTableSettings, TableSettings
from ingestify.typed_section import Section, wrong

__all__ = [
    "CheckSettings",
    "Contradiction",
    "DatasetTypeSettings",
    "FetchPolicySettings",
    "FileOptions",
    "FileTimeoutSettings",
    "FreshnessSettings",
    "IdentifierKeySettings",
    "IngestionPlanSettings",
    "MainSettings",
    "MetadataOptions",
    "MetricsSettings",
    "OwnTableSettings",
    "PublisherSettings",
    "PushGatewaySettings",
    "QuarantineSettings",
    "RateLimitSettings",
    "RetentionSettings",
    "RetrySettings",
    "RunHookSettings",
    "ScheduleSettings",
    "Settings",
    "SourceSettings",
    "SubscriberSettings",
    "TableSettings",
    "TimeoutSettings",
    "TransformationSettings",
    "find_contradictions",
]


class Settings(Section):
    """A config.yaml of ingestify."""

    main: MainSettings = Field(description="Where the lake is.")
    sources: dict[str, SourceSettings] = Field(
        default_factory=dict, description="The name of a source to its settings. A lake that is only read needs none."
    )
    dataset_types: tuple[DatasetTypeSettings, ...] = Field(
        default=(), description="The contents and the storage of dataset types that differ from the defaults."
    )
    ingestion_plans: tuple[IngestionPlanSettings, ...] = Field(
        default=(), description="The ingestion plans, in the order in which runs ingest them."
    )
    quarantine: QuarantineSettings = Field(
        default=QuarantineSettings(), description="The rules for bundles that failed a check."
    )
    retention: RetentionSettings = Field(
        default=RetentionSettings(), description="How much history of jobs, events and live matches is kept."
    )
    freshness: FreshnessSettings = Field(
        default=FreshnessSettings(), description="How old the last ingest of a selector may become."
    )
    event_subscribers: tuple[SubscriberSettings, ...] = Field(
        default=(), description="The classes that are told of events."
    )
    event_publishers: tuple[PublisherSettings, ...] = Field(
        default=(), description="The publishers, which pass events on to other systems."
    )
    run_hooks: tuple[RunHookSettings, ...] = Field(
        default=(), description="The classes that are told what runs come to."
    )
    tables: TableSettings = Field(default=TableSettings(), description="The columnar tables of the lake.")
    metrics: MetricsSettings = Field(
        default=MetricsSettings(), description="Where the metrics of runs and of the lake go."
    )

    @model_validator(mode="after")
    def _check_contradictions(self) -> Settings:
        found = find_contradictions(self.model_dump())
        if found:
            raise ValidationError.from_exception_data(
                "Settings",
                [InitErrorDetails(type=wrong(problem), loc=path, input=None) for path, problem in found],
            )
        return self
