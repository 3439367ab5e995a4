"""Run every benchmark, one after the other, and print their tables: about half an hour on two cores."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ALL = (
    "startup.py",
    "ingest.py",
    "side_by_side.py",
    "round_trips.py",
    "growth.py",
    "teams.py",
    "lake_size.py",
    "large_file.py",
    "adaptive.py",
    "checks.py",
    "quality.py",
    "frames.py",
    "clients.py",
    "commit.py",
    "tables.py",
    "publishers.py",
    "live.py",
    "follow.py",
    "pages.py",
    "pictures.py",
)


def main() -> None:
    """Run them; the exit code is that of the worst."""
    worst = 0
    for name in ALL:
        started = time.perf_counter()
        print(f"\n## {name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, str(HERE / name)]).returncode)
        print(f"\n({name}: {time.perf_counter() - started:.0f} s)", flush=True)
    raise SystemExit(worst)


if __name__ == "__main__":
    main()
