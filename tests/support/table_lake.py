"""A lake of small matches whose content a test chooses, and a table of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from ingestify import BundleCheck, DatasetResource, IngestionEngine, IngestionPlan, Source, get_engine

__all__ = ["TABLE", "MatchSource", "NoGhosts", "build_config", "open_lake", "shots"]

IS_FORGIVING = False
"""Whether a broken match has a row, too."""

TABLE = "tests.support.table_lake:shots"


class NoGhosts(BundleCheck):
    """Refuses a match with a ghost."""

    def find_problems(self, bundle: Any) -> Iterator[str]:
        if any("ghost" in str(file.json()) for file in bundle.files.values()):
            yield "there is a ghost"


class MatchSource(Source):
    """Serves `matches`: the id of each match to its shots, or to anything else."""

    provider = "mine"

    def __init__(self, name: str = "mine", matches: dict[Any, Any] | None = None) -> None:
        super().__init__(name)
        self.matches: dict[Any, Any] = matches or {}
        self.names: dict[Any, str] = {}

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        return [{"competition_id": 1}]

    def find_datasets(
        self, dataset_type: str, data_spec_versions: Any, dataset_collection_metadata: Any, competition_id: int
    ) -> Iterator[DatasetResource]:
        for match_id, content in self.matches.items():
            resource = DatasetResource(
                {"competition_id": competition_id, "match_id": match_id},
                dataset_type,
                name=self.names.get(match_id, f"match {match_id}"),
            )
            yield resource.add_file(
                last_modified=None, data_feed_key="shots", data_spec_version="v1", json_content=content
            )


def shots(files: Any, dataset: Any) -> pl.DataFrame:
    """A row for each shot; a match of `{"broken": …}` fails."""
    content = files["shots"].json()
    if isinstance(content, dict):
        if IS_FORGIVING:
            return pl.DataFrame({"minute": [0]})
        raise ValueError(content["broken"])
    return pl.DataFrame(content, infer_schema_length=None)


CONFIG = {
    "main": {"metadata_url": "sqlite:///catalog.db", "file_url": "file://files/"},
    "tables": {"build": ["shots"], "own": [{"name": "shots", "function": TABLE, "dataset_type": "match"}]},
}


def build_config(folder: Path, **changes: Any) -> Path:
    """Write a config.yaml and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(json.dumps({**CONFIG, **changes}))
    return path


def open_lake(path: Path, source: MatchSource) -> IngestionEngine:
    """Return the engine of a config.yaml, with a plan for the source."""
    engine = get_engine(path)
    engine.add_ingestion_plan(IngestionPlan(source, "match"))
    return engine
