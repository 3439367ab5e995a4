"""Ingestion plans and fetch policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from ingestify.config.field_types import Name, Selector, Versions, or_text, type_or_text
from ingestify.config.settings.class_settings import ClassSettings
from ingestify.config.settings.schedules import ScheduleSettings
from ingestify.typed_section import Section, wrong

__all__ = ["FetchPolicySettings", "IngestionPlanSettings"]


def _selectors(value: object) -> object:
    if isinstance(value, (Mapping, str)):
        raise wrong("must be a list: put a - before each selector.")
    # As without any: everything that the source discovers.
    return None if isinstance(value, (list, tuple)) and not value else value


def _default_versions() -> dict[str, tuple[str, ...]]:
    return {"default": ("v1",)}


class FetchPolicySettings(ClassSettings):
    """When a dataset is fetched again."""

    type: Name = Field(description="The dotted path of a FetchPolicy, such as my_package.Cadence.")


class IngestionPlanSettings(Section):
    """What runs ingest: one source, one dataset type, and which part of it."""

    source: Name = Field(description="A name under sources.")
    dataset_type: Name = Field(description="The dataset type, such as match.")
    enabled: bool = Field(default=True, description="Whether runs ingest it. false: they leave it out, and say so.")
    data_spec_versions: Versions = Field(
        default_factory=_default_versions,
        description="A feed to its version, or to a list of versions; `default` is for all other feeds.",
    )
    fetch_policy: Annotated[FetchPolicySettings | None, BeforeValidator(type_or_text)] = Field(
        default=None,
        description="When a dataset is fetched again: a dotted path, or a type with its configuration. Left out: "
        "when a file is new, or announced with another time.",
        json_schema_extra=or_text,
    )
    selectors: Annotated[tuple[Selector, ...] | None, BeforeValidator(_selectors)] = Field(
        default=None,
        description='Which part: mappings (lists in them multiply), "*" for everything discovered, or expressions '
        "over discovered selectors such as competition_id == 11 and season_id > 42. Left out: everything discovered.",
    )
    schedule: ScheduleSettings = Field(
        default=ScheduleSettings(), description="When ingestify watch looks at it; a run ingests it at once."
    )
