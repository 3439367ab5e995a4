"""What a picture of a match takes, cold and warm, as CPU time and as a ratio to `json.loads` of its events.

The match is an invented one of 3,600 events. Cold: the first picture of a process that has opened the lake.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingestify import DatasetResource, Source, get_engine
from ingestify.testing.season import Season

CONFIG = """
main: {metadata_url: "sqlite:///catalog.db", file_url: file://files/}
sources: {season: {type: pictures.OneMatch}}
ingestion_plans: [{source: season, dataset_type: match}]
"""
ROUNDS = 7
CASES = ("json.loads of the events", "shots", "xg", "frame", "lineups", "in a notebook", "shots as PNG")


class OneMatch(Source):
    """Brings one invented match along."""

    provider = "statsbomb"

    def find_datasets(self, dataset_type: str, *_: Any, **__: Any) -> Iterator[DatasetResource]:
        """Yield the match."""
        season = Season(1, events_per_match=3600)
        match_id = season.matches[0].match_id
        resource = DatasetResource({"match_id": match_id}, dataset_type, name="a match")
        resource.add_file(None, "events", json_content=json.loads(season.events(match_id)))
        yield resource.add_file(None, "lineups", json_content=json.loads(season.lineups(match_id)))


def main() -> None:
    """Print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(CONFIG)
        with get_engine(config) as engine:
            engine.load()
        taken: dict[str, list[list[float]]] = {case: [] for case in CASES}
        for _ in range(ROUNDS):
            for case in CASES:
                with multiprocessing.get_context("spawn").Pool(1) as process:
                    taken[case].append(process.apply(measure, (case, config)))
    medians = {
        case: [statistics.median(times) for times in zip(*rounds, strict=True)] for case, rounds in taken.items()
    }
    once = medians[CASES[0]][0]
    for case, (cold, warm) in medians.items():
        print(f"{case:<26} cold {cold * 1000:5.0f} ms  warm {warm * 1000:5.1f} ms  {warm / once:4.1f} x")


def measure(case: str, config: Path) -> list[float]:
    """Return the CPU seconds of the first time, and the least of the others."""
    with get_engine(config) as engine:
        dataset = engine.list_datasets()[0]
        content = dataset.require_file("events").read()
        calls: dict[str, Callable[[], object]] = {
            "json.loads of the events": lambda: json.loads(content),
            "in a notebook": dataset._repr_html_,
            "shots as PNG": lambda: dataset.plot().png(),
        }
        call = calls.get(case, lambda: dataset.plot(case))
        times = []
        for _ in range(5):
            started = time.process_time()
            call()
            times.append(time.process_time() - started)
        return [times[0], min(times[1:])]


if __name__ == "__main__":
    main()
