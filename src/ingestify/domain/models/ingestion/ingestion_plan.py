"""See `ingestify.domain.plan`."""

from ingestify.domain.plan import IngestionPlan as IngestionPlan
