"""Tables: a build grows with the lake and its memory does not, and one correction costs little in a large table.

`python benchmarks/tables.py` builds a table of 400 and of 10,000 small matches, each in a process of its own.
`--matches 10000` does one of them in this process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from ingestify import DatasetResource, IngestionEngine, IngestionPlan, Source, get_engine

ROWS = 100
CONFIG = {
    "main": {"metadata_url": "sqlite:///catalog.db", "file_url": "file://files/"},
    "tables": {"build": ["rows"], "own": [{"name": "rows", "function": "benchmark_rows:rows"}]},
}
FUNCTION = f"""
import polars as pl


def rows(files, dataset):
    number = files["numbers"].json()
    texts = [str(one) * 5 for one in range({ROWS})]
    return pl.DataFrame({{"number": [number] * {ROWS}, "index": range({ROWS}), "text": texts}})
"""


class Numbers(Source):
    """So many matches, each a number; some have another one."""

    provider = "numbers"
    lists_everything = True

    def __init__(self, name: str, matches: int) -> None:
        super().__init__(name)
        self.matches = matches
        self.others: dict[int, int] = {}

    def discover_selectors(self, *_: Any) -> list[dict[str, Any]]:
        return [{"competition_id": 1}]

    def find_datasets(self, dataset_type: str, *_: Any, competition_id: int, **__: Any) -> Iterator[DatasetResource]:
        for number in range(self.matches):
            keys = {"competition_id": competition_id, "match_id": number}
            content = self.others.get(number, number)
            yield DatasetResource(keys, dataset_type, name=str(number)).add_file(None, "numbers", json_content=content)


def measure(matches: int) -> dict[str, float]:
    """Build a table of so many matches, and correct one."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.yaml").write_text(json.dumps(CONFIG))
        Path(folder, "benchmark_rows.py").write_text(FUNCTION)
        source = Numbers("numbers", matches)
        with get_engine(Path(folder, "config.yaml")) as engine:
            engine.add_ingestion_plan(IngestionPlan(source, "match"))
            engine.load()
            before = _peak()
            found = {"matches": matches, "before MB": before, **_build(engine, "build"), "build MB": _peak()}
            assert pl.read_delta(f"{folder}/files/tables/main/rows").height == matches * ROWS
            found |= _build(engine, "nothing")
            source.others[matches // 2] = -1
            engine.load()
            found |= _build(engine, "one")
            found["peak MB"] = _peak()
            return found


def _build(engine: IngestionEngine, name: str) -> dict[str, float]:
    began, cpu = time.monotonic(), _cpu()
    engine.build_tables(progress=False)
    return {f"{name} s": round(time.monotonic() - began, 2), f"{name} CPU s": round(_cpu() - cpu, 2)}


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matches", type=int)
    options = parser.parse_args()
    if options.matches:
        sys.stdout.write(json.dumps(measure(options.matches)) + "\n")
        return
    for matches in (400, 2000, 10_000):
        subprocess.run([sys.executable, __file__, "--matches", str(matches)], check=True)


if __name__ == "__main__":
    main()
