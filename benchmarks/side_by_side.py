"""How much is done at once: many small selectors against one large one, and 1 to 64 requests in flight."""

from __future__ import annotations

import argparse
import os

from setting import Taken, child, in_turns, provider, table, work_folder

LATENCY_MS = 50


def selectors(rounds: int) -> list[list[str]]:
    """40 selectors of 10 matches against one of 400."""
    size = {"events_per_match": 25, "latency_ms": LATENCY_MS, "matches_with_360": 0}
    with provider(matches=400, **size) as one, provider(matches=10, seasons=40, **size) as many:
        taken = in_turns(
            {"one": lambda: child("ingest_once.py", one), "many": lambda: child("ingest_once.py", many)}, rounds
        )
    ratio = taken["many"].wall / taken["one"].wall
    return [
        ["1 selector × 400 matches", *_figures(taken["one"]), ""],
        ["40 selectors × 10 matches", *_figures(taken["many"]), f"{ratio:.2f} × (≤ 1.5)"],
    ]


def speed_up(rounds: int) -> list[list[str]]:
    """One season with more and more requests in flight."""
    rows = []
    alone = 0.0

    def run(url: str, at_once: int) -> Taken:
        os.environ["INGESTIFY_CONCURRENCY"] = str(at_once)
        try:
            return child("ingest_once.py", url)
        finally:
            del os.environ["INGESTIFY_CONCURRENCY"]

    with provider(matches=100, events_per_match=25, latency_ms=LATENCY_MS, matches_with_360=0) as url:
        numbers = (1, 2, 4, 8, 16, 32, 64)
        taken = in_turns({str(number): lambda number=number: run(url, number) for number in numbers}, rounds)
        for number in numbers:
            one = taken[str(number)]
            alone = alone or one.wall
            rows.append([f"{number} in flight, 100 matches", *_figures(one), f"{alone / one.wall:.1f} × as fast as 1"])
    return rows


def _figures(taken: Taken) -> list[str]:
    return [f"{taken.wall:.2f} s", f"{taken.cpu:.2f} s", f"{taken.peak_mb:.0f} MB"]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with work_folder():
        rows = selectors(options.rounds) + speed_up(options.rounds)
    table(f"Side by side, {LATENCY_MS} ms latency", ["case", "wall", "CPU", "peak memory", ""], rows)


if __name__ == "__main__":
    main()
