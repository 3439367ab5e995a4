"""The competitions and matches of a provider, without a lake and a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.engine.engine import IngestionEngine
from ingestify.engine.offer import OfferList
from ingestify.main.adapters import make_engine, memory_store

__all__ = ["competitions", "matches"]


def competitions(
    provider: str, dataset_type: str | None = None, *, configuration: Mapping[str, Any] | None = None
) -> OfferList:
    """Return the competitions and seasons of a provider's open data; see `IngestionEngine.competitions`.

    Example::

        ingestify.competitions("statsbomb").to_polars()
    """
    with _engine_without_lake() as engine:
        return engine.competitions(provider, dataset_type, configuration=configuration or {}).without_lake()


def matches(
    provider: str,
    dataset_type: str | None = None,
    *,
    configuration: Mapping[str, Any] | None = None,
    everything: bool = False,
    **selector: Any,
) -> OfferList:
    """Return the matches of a provider's open data; see `IngestionEngine.matches`.

    Example::

        ingestify.matches("statsbomb", competition_id=43, season_id=106).to_polars()
    """
    with _engine_without_lake() as engine:
        found = engine.matches(
            provider, dataset_type, configuration=configuration or {}, everything=everything, **selector
        )
        return found.without_lake()


def _engine_without_lake() -> IngestionEngine:
    return make_engine(memory_store(), {})
