"""The licence notice: the terms of a provider's data, shown when its first data has come into a lake."""

from __future__ import annotations

from ingestify.cli.console import Console
from ingestify.domain.run import RunReport
from ingestify.domain.source import Source
from ingestify.engine.engine import IngestionEngine
from ingestify.errors import LakeNotFound

__all__ = ["LicenceNotice"]


class LicenceNotice:
    """The notice of a run's sources of whose providers the lake has no data before the run."""

    def __init__(self, engine: IngestionEngine) -> None:
        sources = {plan.source.name: plan.source for plan in engine.ingestion_plans if plan.source.terms}
        held = {provider: _is_held(engine, provider) for provider in {one.provider for one in sources.values()}}
        self._sources: dict[str, Source] = {name: one for name, one in sources.items() if not held[one.provider]}

    def tell(self, report: RunReport, console: Console) -> None:
        """Write the terms of each such source that brought data in the run to stderr."""
        for name in dict.fromkeys(job.source for job in report.jobs if job.counters.new):
            if name in self._sources:
                console.tell_terms(name, self._sources[name].terms)


def _is_held(engine: IngestionEngine, provider: str) -> bool:
    store = engine.store
    try:
        return next(store.catalogue.datasets.iter_identities(store.dataset_filter(provider=provider)), None) is not None
    except LakeNotFound:
        return False  # the run creates it
