"""What the checks cost: 100 matches with 3 MB of events each, ingested with and without them, in turns."""

from __future__ import annotations

import argparse

from setting import child, in_turns, provider, work_folder


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matches", type=int, default=100)
    parser.add_argument("--events-per-match", type=int, default=4200, help="4,200 are 3 MB")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    season = {"matches": options.matches, "events_per_match": options.events_per_match}
    with work_folder(), provider(**season, latency_ms=options.latency_ms) as url:
        cases = {
            "without": lambda: child("ingest_once.py", url, "--unchecked"),
            "with checks": lambda: child("ingest_once.py", url),
            "and a limit": lambda: child("ingest_once.py", url, "--also", "limited"),
            "and drift": lambda: child("ingest_once.py", url, "--also", "drift"),
        }
        taken = in_turns(cases, options.rounds)
    for name, one in taken.items():
        print(f"{name:<12} {one.wall:6.2f} s wall  {one.cpu:6.2f} s CPU")
    without, checked = taken["without"], taken["with checks"]
    print(f"{'ratio':<12} {checked.wall / without.wall:6.2f}         {checked.cpu / without.cpu:6.2f}")
    for name in ("and a limit", "and drift"):
        more = taken[name]
        print(f"{name:<12} {more.wall / checked.wall:6.2f}         {more.cpu / checked.cpu:6.2f}  (to with checks)")
    print(f"peak memory {checked.peak_mb:.0f} MB, {options.matches} matches, {options.latency_ms:.0f} ms latency")


if __name__ == "__main__":
    main()
