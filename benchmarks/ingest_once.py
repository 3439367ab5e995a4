"""One cold ingest of a season, in a process of its own: `ingest_once.py URL [--unchecked] [--also limited|drift]`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable

from setting import report, season_config, work_folder

from ingestify import Bundle, BundleCheck, get_engine
from ingestify.checks.drift import Drift
from ingestify.sources.statsbomb_github import StatsBombGithub


class Limited(BundleCheck):
    """Finds nothing, and has the usual time limit: what is measured is its thread."""

    def find_problems(self, bundle: Bundle) -> Iterable[str]:  # noqa: ARG002 - as BundleCheck has it
        return ()


ALSO = {"limited": Limited, "drift": Drift}


def main() -> None:
    """Ingest and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--unchecked", action="store_true")
    parser.add_argument("--also", choices=sorted(ALSO), help="one check more")
    options = parser.parse_args()
    if options.unchecked:
        StatsBombGithub.bundle_checks = ()
    if options.also:
        StatsBombGithub.bundle_checks = (*StatsBombGithub.bundle_checks, ALSO[options.also]())
    with work_folder() as folder:
        with get_engine(season_config(folder, options.url, checked=not options.unchecked)) as engine:
            cpu, started = time.process_time(), time.perf_counter()
            totals = engine.load().totals
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        assert totals.new == totals.discovered > 0, totals
    report(wall, cpu, datasets=totals.new)


if __name__ == "__main__":
    main()
