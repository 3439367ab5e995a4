"""How old the last ingest of a selector may become."""

from __future__ import annotations

from pydantic import Field

from ingestify.config.field_types import Age
from ingestify.typed_section import Section

__all__ = ["FreshnessSettings"]


class FreshnessSettings(Section):
    """When a selector of a plan counts as stale for those who are told what a run came to."""

    stale_after: Age | None = Field(
        default=None,
        description="The age of a selector's last ingest from which on it is stale: 36h. A job that finished counts as "
        "an ingest, also if single datasets failed. Left out: nothing is stale.",
    )
