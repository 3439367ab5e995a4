"""What a schema of pandera and a suite of Great Expectations cost: matches ingested without, with one and with both.

The schema and the suite are those of examples/statsbomb_quality. With --data FOLDER the matches are those of a copy of
StatsBomb's open data (the folder with its `data`), else a simulated season.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator

from setting import Taken, child, in_turns, provider, table, work_folder

PACKAGES = {"frames": "polars", "pandera": "pandera", "great_expectations": "great_expectations"}


@contextlib.contextmanager
def served(folder: str) -> Iterator[str]:
    """Serve a folder in a process of its own. Yields the base URL."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"port (\d+)", process.stdout.readline())
            assert found is not None
            yield f"http://127.0.0.1:{found[1]}/data"
        finally:
            process.terminate()


def main() -> None:
    """Print the medians, and their ratio to the run without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", metavar="FOLDER")
    parser.add_argument("--matches", type=int, default=20, help="of the simulated season")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    kinds = [kind for kind, package in PACKAGES.items() if importlib.util.find_spec(package) is not None]
    season = provider(matches=options.matches, events_per_match=4200)
    with work_folder(), served(options.data) if options.data else season as url:
        given = ["--real"] if options.data else []
        cases = {"without": lambda: child("quality_once.py", url, *given)}
        for kind in kinds:
            cases[kind] = lambda kind=kind: child("quality_once.py", url, *given, "--check", kind)
        taken = in_turns(cases, options.rounds)
    without = taken["without"]
    rows = [(name, *_row(one, without)) for name, one in taken.items()]
    head = ("checks", "matches", "CPU a match", "ratio", "wall a match", "ratio", "import", "peak memory")
    table("What pandera and Great Expectations cost", head, rows)


def _row(one: Taken, without: Taken) -> tuple[str, ...]:
    matches = one.more["matches"]
    return (
        f"{matches:.0f}",
        f"{one.cpu / matches * 1000:.0f} ms",
        f"{one.cpu / without.cpu:.1f}",
        f"{one.wall / matches * 1000:.0f} ms",
        f"{one.wall / without.wall:.1f}",
        f"{one.more['imported']:.1f} s",
        f"{one.peak_mb:.0f} MB",
    )


if __name__ == "__main__":
    main()
