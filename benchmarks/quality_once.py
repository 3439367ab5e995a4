"""One cold ingest under a check, in a process of its own: `quality_once.py URL [--check pandera] [--real]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from setting import report, season_config, work_folder

from ingestify import BundleCheck, IngestionPlan, get_engine
from ingestify.quality import GreatExpectationsSuite, PanderaSchema
from ingestify.sources.statsbomb_github import StatsBombGithub

EXAMPLE = Path(__file__).parent.parent / "examples" / "statsbomb_quality"
REAL = [(11, 4, 15946), (16, 22, 18236), (43, 106, 3869685), (53, 106, 3847567), (55, 43, 3788741)]
"""Competition, season and match of the open data."""


class Frames(BundleCheck):
    """Only makes the frame that the schema of pandera validates."""

    def find_problems(self, bundle) -> Iterable[str]:
        bundle.require_file("events").to_polars()
        return ()


def make_check(kind: str) -> BundleCheck:
    if kind == "frames":
        return Frames()
    if kind == "pandera":
        return PanderaSchema("events", "statsbomb_schemas:EVENTS")
    suites = "statsbomb_suites"
    return GreatExpectationsSuite("events", f"{suites}:EVENTS", transform=f"{suites}:with_coordinates")


def main() -> None:
    """Ingest and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--check", choices=("frames", "pandera", "great_expectations"))
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    sys.path.append(str(EXAMPLE))
    checks = [] if options.check is None else [make_check(options.check)]
    StatsBombGithub.bundle_checks = (*StatsBombGithub.bundle_checks, *checks)
    imported = time.process_time()
    for check in checks:
        check.prepare()
    if options.check == "frames":
        import polars  # noqa: F401
    imported = time.process_time() - imported
    with work_folder() as folder:
        config = season_config(folder, options.url)
        if options.real:
            selectors = [{"competition_id": one, "season_id": two, "match_id": three} for one, two, three in REAL]
            made = get_engine(metadata_url=f"sqlite:///{folder}/catalog.db", file_url=f"file://{folder}/files")
            source = StatsBombGithub("statsbomb", base_url=options.url)
            made.add_ingestion_plan(IngestionPlan(source, "match", selectors=selectors))
        else:
            made = get_engine(config)
        with made as engine:
            cpu, started = time.process_time(), time.perf_counter()
            totals = engine.load(progress=False).totals
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        assert totals.new == totals.discovered > 0, totals
    report(wall, cpu, matches=totals.new, imported=imported)


if __name__ == "__main__":
    main()
