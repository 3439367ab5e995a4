"""A folder into which files are delivered, and a lake that reads it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ingestify import IngestionPlan, get_engine
from ingestify.domain.run import RunReport
from ingestify.sources.files.source import FilesSource

PATTERN = "{competition_id}/{season_id}/{match_id}_{data_feed_key}.{data_serialization_format}"
AN_HOUR_AGO = 3600.0


class Drop:
    """Delivers files, and lets a lake read them."""

    def __init__(self, folder: Path, location: str | None = None, **configuration: Any) -> None:
        self.folder = folder / "in"
        self.folder.mkdir(exist_ok=True)
        if not {"pattern", "patterns"} & configuration.keys():
            configuration = {"pattern": PATTERN, "types": {"match_id": "int"}, **configuration}
        self.source = FilesSource("drop", provider="example", location=location or str(self.folder), **configuration)
        self.engine = get_engine(metadata_url="sqlite:///:memory:", file_url="memory://")
        self._is_planned = False

    def __enter__(self) -> Drop:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    def put(self, path: str, content: bytes | str = "[1]", age_seconds: float = AN_HOUR_AGO) -> Path:
        """Deliver a file that was written a while ago."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        written = time.time() - age_seconds
        os.utime(target, (written, written))
        return target

    def load(self, versions: Any = None, dataset_type: str = "match", **filters: Any) -> RunReport:
        if not self._is_planned:
            self.engine.add_ingestion_plan(IngestionPlan(self.source, dataset_type, versions))
            self._is_planned = True
        return self.engine.load(**filters)

    def read(self) -> dict[str, dict[str, bytes]]:
        """Return what is in the lake: identity to feed to bytes."""
        return {
            str(dataset.identifier): {
                file_id: self.engine.store.load_files(dataset).get_file(file.data_feed_key).read()
                for file_id, file in sorted(dataset.files.items())
            }
            for dataset in self.engine.list_datasets()
        }

    def states(self) -> dict[str, str]:
        return {str(dataset.identifier): str(dataset.state) for dataset in self.engine.list_datasets()}
