"""One cold ingest of a season, in a process of its own: `ingest_once.py URL [--unchecked]`."""

from __future__ import annotations

import argparse
import time

from setting import report, season_config, work_folder

from ingestify import get_engine
from ingestify.sources.statsbomb_github import StatsBombGithub


def main() -> None:
    """Ingest and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--unchecked", action="store_true")
    options = parser.parse_args()
    if options.unchecked:
        StatsBombGithub.bundle_checks = ()
    with work_folder() as folder:
        with get_engine(season_config(folder, options.url, checked=not options.unchecked)) as engine:
            cpu, started = time.process_time(), time.perf_counter()
            totals = engine.load().totals
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        assert totals.new == totals.discovered > 0, totals
    report(wall, cpu, datasets=totals.new)


if __name__ == "__main__":
    main()
