"""How many round trips it takes: one match of four files, and the first dataset of a stream."""

from __future__ import annotations

import argparse
import time

from setting import Taken, in_turns, provider, season_config, table, work_folder

from ingestify import get_engine


def first_dataset(url: str, latency_ms: int) -> Taken:
    """Stream a season and stop at the first dataset; what is counted begins with the call."""
    with work_folder() as folder, get_engine(season_config(folder, url)) as engine:
        started = time.perf_counter()
        stream = engine.iter_datasets(
            auto_ingest={"streaming": True},
            provider="statsbomb",
            dataset_type="match",
        )
        next(iter(stream))
        wall = time.perf_counter() - started
        stream.close()
    return Taken(wall, more={"round_trips": wall * 1000 / latency_ms})


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    with work_folder():
        for title, matches, with_360, latency, limit in (
            ("one match of 4 files, from call to yield", 1, 1, 200, "≤ 3 after the 2 of discovery"),
            ("first dataset of a 380-match stream", 380, 0, 50, "≤ 5"),
        ):
            with provider(matches=matches, events_per_match=25, latency_ms=latency, matches_with_360=with_360) as url:
                taken = in_turns({title: lambda url=url, latency=latency: first_dataset(url, latency)}, options.rounds)
            one = taken[title]
            rows.append([title, f"{latency} ms", f"{one.wall:.3f} s", f"{one.more['round_trips']:.1f}", limit])
    table("Round trips", ["case", "latency", "wall", "round trips", "aim"], rows)


if __name__ == "__main__":
    main()
