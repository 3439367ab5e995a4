"""The events of a season as one frame, in a process of its own: `frames_once.py ACTION FOLDER [MATCHES]`.

`fill` makes the lake. `many` is `engine.to_polars`, and `loop` makes a frame of each match. `polars` is `pl.read_json`
over the same bytes, in as many threads, and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars
from setting import report

from ingestify import DatasetResource, Source, get_engine
from ingestify.testing.season import Season

CONFIG = """
main: {metadata_url: "sqlite:///catalog.db", file_url: file://files/}
sources: {season: {type: frames_once.OneSeason, configuration: {matches: %s}}}
ingestion_plans: [{source: season, dataset_type: match}]
"""


class OneSeason(Source):
    """Brings the events of an invented season along."""

    provider = "invented"

    def find_datasets(self, dataset_type: str, *_: Any, **__: Any) -> Iterator[DatasetResource]:
        """Yield the matches."""
        season = Season(self.configuration["matches"])
        for match in season.matches:
            resource = DatasetResource({"match_id": match.match_id}, dataset_type, name=str(match.match_id))
            yield resource.add_file(None, "events", "v8", json_content=json.loads(season.events(match.match_id)))


def main() -> None:
    """Do one of them and report."""
    action, folder = sys.argv[1], Path(sys.argv[2])
    config, plain = folder / "config.yaml", folder / "plain"
    if action == "fill":
        config.write_text(CONFIG % sys.argv[3])
        plain.mkdir()
        with get_engine(config) as engine:
            engine.load()
            for number, dataset in enumerate(engine.iter_datasets()):
                (plain / f"{number:05}.json").write_bytes(dataset.require_file("events").read())
        return
    cpu, started = time.process_time(), time.perf_counter()
    if action == "polars":
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            frames = list(pool.map(_read, sorted(plain.iterdir())))
    else:
        with get_engine(config) as engine:
            if action == "many":
                frames = [engine.to_polars("events")]
            else:
                frames = [dataset.to_polars("events") for dataset in engine.iter_datasets()]
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    report(wall, cpu, rows=sum(frame.height for frame in frames))


def _read(path: Path) -> polars.DataFrame:
    return polars.read_json(path.read_bytes(), infer_schema_length=None)


if __name__ == "__main__":
    main()
