"""One action on a lake of many small datasets, in a process of its own: `lake_once.py ACTION FOLDER NUMBER [URL]`.

The provider is a source in this process whose index costs nothing, so that what is measured is the lake.
"""

from __future__ import annotations

import datetime as dt
import gc
import sqlite3
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from setting import report

from ingestify import DatasetResource, Source, get_engine

CHANGED_AT = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
CONFIG = """
main:
  metadata_url: "{metadata_url}"
  file_url: file://files/
sources:
  many: {{type: lake_once.Many, configuration: {{first: {first}, number: {number}}}}}
ingestion_plans:
  - {{source: many, dataset_type: note, data_spec_versions: {{note: v1}}, selectors: [{{season_id: {season}}}]}}
"""
SEASON_SIZE = 1000


class Many(Source):
    """Announces numbered datasets, each with one small JSON document that it brings along."""

    provider = "many"
    concurrent_discovery = True
    lists_everything = True

    def find_datasets(self, dataset_type: str, *_: Any, **__: Any) -> Iterator[list[DatasetResource]]:
        """Yield them in batches of 1,000."""
        first, number = self.configuration["first"], self.configuration["number"]
        for start in range(first, first + number, 1000):
            batch = []
            for match_id in range(start, min(start + 1000, first + number)):
                resource = DatasetResource({"match_id": match_id}, dataset_type, name=f"match {match_id}")
                resource.add_file(CHANGED_AT, "note", "v1", json_content={"match_id": match_id, "text": "x" * 200})
                batch.append(resource)
            yield batch


def engine_of(folder: Path, first: int, number: int, season: int, metadata_url: str = "sqlite:///catalog.db") -> Any:
    """Open the lake in `folder`, whose catalogue may be elsewhere, with a plan for so many datasets."""
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(first=first, number=number, season=season, metadata_url=metadata_url))
    return get_engine(config)


def multiply(folder: Path, number: int) -> None:
    """Copy the rows of the lake's 1,000 datasets, each copy as a season of its own, until there are `number`."""
    with sqlite3.connect(folder / "catalog.db") as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for table, key in (("dataset", "dataset_id"), ("revision", "dataset_id"), ("file", "dataset_id")):
            found = connection.execute(f"SELECT * FROM {table}")
            names = [one[0] for one in found.description]
            rows = found.fetchall()
            for copy in range(2, number // SEASON_SIZE + 1):
                values = []
                for row in rows:
                    named = dict(zip(names, row, strict=True))
                    named.pop("position", None)
                    named[key] = _copy_of(named[key], copy)
                    if table == "dataset":
                        named["identifier"] = named["identifier"].replace('"season_id":1', f'"season_id":{copy}')
                        named["identifier_key"] = named["identifier_key"].replace(
                            '"season_id":"1"', f'"season_id":"{copy}"'
                        )
                    values.append(named)
                marks = ", ".join(f":{name}" for name in values[0])
                connection.executemany(f"INSERT INTO {table} ({', '.join(values[0])}) VALUES ({marks})", values)


def _copy_of(dataset_id: str, copy: int) -> str:
    """Return another id; ids are random."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{dataset_id}{copy}"))


def main() -> None:
    """Do it and report."""
    action, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if action == "multiply":
        multiply(folder, number)
        report(0, 0)
        return
    with engine_of(folder, 0, number, 1, *sys.argv[4:5]) as engine:
        gc.freeze()  # as `ingestify run` does
        cpu, started = time.process_time(), time.perf_counter()
        if action == "read":
            count = sum(1 for _ in engine.iter_datasets(provider="many", dataset_type="note"))
        else:
            totals = engine.load().totals
            count = totals.new if action == "new" else totals.unchanged
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    assert action == "read" or count == number, (count, number)
    report(wall, cpu, datasets=count)


if __name__ == "__main__":
    main()
