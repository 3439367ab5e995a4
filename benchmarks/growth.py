"""What the size of the lake costs: nothing changed, a large index, reading, and a cold ingest of many datasets."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from setting import Taken, child, in_turns, medians, table, work_folder


def nothing_changed(folder: Path, rounds: int) -> list[list[str]]:
    """A cold ingest of many, and then runs over datasets that are all as they were.

    The index is in the source and costs next to nothing.
    """
    cold, rows = [], []
    rate_before = 0.0
    for number in (1000, 20_000, 100_000):
        lake = folder / f"unchanged-{number}"
        lake.mkdir()
        new = child("lake_once.py", "new", lake, number)
        rate = number / new.wall
        share = f", {rate / rate_before:.2f} × (≥ 0.8)" if rate_before else ""
        rate_before = rate_before or rate
        cold.append([f"cold ingest of {number:,}", *_figures(new), f"{rate:,.0f}/s{share}"])
        taken = medians([child("lake_once.py", "again", lake, number) for _ in range(rounds)])
        rows.append(
            [f"{number:,} datasets, nothing changed", *_figures(taken), f"{taken.wall / number * 1e6:.0f} µs each"]
        )
    return cold + rows


INDEX_CONFIG = """
main:
  metadata_url: sqlite:///catalog.db
  file_url: file://files/
sources:
  statsbomb: {{type: ingestify.statsbomb_github, max_index_size: 400 MB, configuration: {{base_url: "{url}"}}}}
ingestion_plans:
  - source: statsbomb
    dataset_type: match
    data_spec_versions: {{match: v1}}
    selectors: [{{competition_id: 11, season_id: 1}}]
"""


def large_index(folder: Path, rounds: int) -> list[list[str]]:
    """A season of 20,000 matches with an index of 35 MB through a built-in source, nothing changed."""
    lake = folder / "index"
    lake.mkdir()
    command = [sys.executable, str(Path(__file__).with_name("index_provider.py")), "20000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider:
        try:
            assert provider.stdout is not None
            config = lake / "config.yaml"
            config.write_text(INDEX_CONFIG.format(url=provider.stdout.readline().strip()))
            child("teams_once.py", config)
            taken = medians([child("teams_once.py", config) for _ in range(rounds)])
        finally:
            provider.terminate()
    what = "20,000 matches of StatsBomb, an index of 35 MB, nothing changed"
    return [[what, *_figures(taken), f"{taken.wall / 20_000 * 1e6:.0f} µs each"]]


def one_selector(folder: Path, rounds: int) -> list[list[str]]:
    """The same selector of 1,000 datasets, in a small lake and in a large one."""
    lakes = {}
    for number in (10_000, 1_000_000):
        lakes[number] = folder / f"selector-{number}"
        lakes[number].mkdir()
        child("lake_once.py", "new", lakes[number], 1000)
        child("lake_once.py", "multiply", lakes[number], number)
    taken = in_turns(
        {str(number): lambda lake=lake: child("lake_once.py", "again", lake, 1000) for number, lake in lakes.items()},
        rounds,
    )
    small, large = taken["10000"], taken["1000000"]
    return [
        ["1,000 of 10,000 datasets, nothing changed", *_figures(small), ""],
        ["1,000 of 1,000,000 datasets, nothing changed", *_figures(large), f"{large.wall / small.wall:.2f} × (≤ 1.2)"],
    ]


def reading(folder: Path, rounds: int) -> list[list[str]]:
    """`iter_datasets` over everything."""
    rows = []
    for number in (20_000, 200_000):
        lake = folder / f"read-{number}"
        lake.mkdir()
        child("lake_once.py", "new", lake, 1000)
        child("lake_once.py", "multiply", lake, number)
        taken = medians([child("lake_once.py", "read", lake, 1000) for _ in range(rounds)])
        rows.append([f"iter_datasets over {number:,}", *_figures(taken), f"{number / taken.wall:,.0f}/s (≥ 20,000)"])
    return rows


def _figures(taken: Taken) -> list[str]:
    return [f"{taken.wall:.2f} s", f"{taken.cpu:.2f} s", f"{taken.peak_mb:.0f} MB"]


CASES = {"unchanged": nothing_changed, "index": large_index, "selector": one_selector, "reading": reading}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=CASES)
    options = parser.parse_args()
    rows = []
    with work_folder() as folder:
        for name, measure in CASES.items():
            if options.only in (None, name):
                rows += measure(folder, options.rounds)
    table("The size of the lake", ["case", "wall", "CPU", "peak memory", ""], rows)


if __name__ == "__main__":
    main()
