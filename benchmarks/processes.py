"""What more processes could bring at the most: two seasons by one process, and by two at once, each into its own lake.

Both ways have 32 requests in flight. A run that used two processes would be slower than the two of this benchmark: its
processes would share rate limits, the catalogue and the report.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from setting import Taken, in_turns, provider, table, work_folder

FIRST_SEASON = 27
IN_FLIGHT = 32
CASES = {
    # matches of a season, events of each match
    "2 × 190 small": (190, 25),
    "2 × 2,000 small": (2000, 25),
    "2 × 50 of 2.5 MB": (50, 4200),
}


def main() -> None:
    """Print the medians of each case and latency."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=CASES, help="one size")
    parser.add_argument("--latencies-ms", type=int, nargs="+", default=[0, 20, 50])
    options = parser.parse_args()
    rows = []
    with work_folder():
        for name, (matches, events) in CASES.items():
            if options.only not in (None, name):
                continue
            for latency in options.latencies_ms:
                size = {"matches": matches, "events_per_match": events, "matches_with_360": 0}
                with provider(**size, seasons=2, latency_ms=latency) as url:
                    taken = in_turns(
                        {"one": lambda url=url: ingest(url, [[0, 1]]), "two": lambda url=url: ingest(url, [[0], [1]])},
                        options.rounds,
                    )
                one, two = taken["one"], taken["two"]
                rows.append(
                    [
                        name,
                        f"{latency} ms",
                        *(f"{each.wall:.2f} s, {each.cpu:.2f} s CPU, {each.peak_mb:.0f} MB" for each in (one, two)),
                        f"{two.wall / one.wall:.2f} ×",
                    ]
                )
    table("One process and two", ["case", "latency", "one process", "two processes", "wall"], rows)


def ingest(url: str, shares: list[list[int]]) -> Taken:
    """Ingest the seasons, each share by a process of its own, from the moment in which all processes are ready."""
    script = Path(__file__).with_name("share_once.py")
    environment = {**os.environ, "INGESTIFY_CONCURRENCY": str(IN_FLIGHT // len(shares))}
    children = [
        subprocess.Popen(
            [sys.executable, str(script), url, *(str(FIRST_SEASON + number) for number in share)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for share in shares
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    started = time.perf_counter()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    reports = [json.loads(child.communicate()[0].splitlines()[-1]) for child in children]
    wall = max(report["ended"] for report in reports) - started
    return Taken(wall, sum(report["cpu"] for report in reports), sum(report["peak_mb"] for report in reports))


if __name__ == "__main__":
    main()
