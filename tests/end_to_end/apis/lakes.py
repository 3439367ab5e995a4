"""A lake for one source over a provider's API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ingestify import Dataset, IngestionEngine, IngestionPlan, Source, get_engine
from ingestify.testing.season import Season


def small_season(matches: int = 6, **options: Any) -> Season:
    return Season(matches=matches, seed=5, events_per_match=40, matches_with_360=2, **options)


def make_engine(folder: Path, source: Source, dataset_type: str = "match", **plan: Any) -> IngestionEngine:
    """Open the lake of a folder, as each run of the command line does."""
    engine = get_engine(metadata_url=f"sqlite:///{folder}/catalog.db", file_url=f"file://{folder}/files")
    engine.add_ingestion_plan(IngestionPlan(source, dataset_type, **plan))
    return engine


def by_match(engine: IngestionEngine) -> dict[int, Dataset]:
    return {dataset.identifier["match_id"]: dataset for dataset in engine.list_datasets()}


def feeds_of(dataset: Dataset) -> set[str]:
    return {file.data_feed_key for file in dataset.files.values()}
