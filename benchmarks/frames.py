"""The events of a season as one frame, against polars' reader of the same bytes, and against a frame for each match."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from setting import child, in_turns, table, work_folder

ACTIONS = {
    "many": '`engine.to_polars("events")`',
    "polars": "`pl.read_json` of each file, in as many threads",
    "loop": '`dataset.to_polars("events")` of each match',
}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--matches", type=int, default=380)
    options = parser.parse_args()
    with work_folder() as folder:
        script = str(Path(__file__).parent / "frames_once.py")
        subprocess.run([sys.executable, script, "fill", str(folder), str(options.matches)], check=True)
        taken = in_turns(
            {name: lambda name=name: child("frames_once.py", name, folder) for name in ACTIONS}, options.rounds
        )
    rows = [
        [
            what,
            f"{taken[name].wall:.1f} s",
            f"{taken[name].cpu:.1f} s",
            f"{taken[name].cpu / taken['polars'].cpu:.2f} ×" + (" (≤ 1.3)" if name == "many" else ""),
            f"{taken[name].peak_mb:.0f} MB",
        ]
        for name, what in ACTIONS.items()
    ]
    table(f"{options.matches} matches", ["with", "wall", "CPU", "CPU × polars", "peak memory"], rows)


if __name__ == "__main__":
    main()
