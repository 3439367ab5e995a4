"""One cold ingest of a season, in a process of its own: `ingest_once.py URL [--concurrency N] [--unchecked]`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from setting import report, work_folder

from ingestify import get_engine
from ingestify.sources.statsbomb_github import StatsBombGithub

CONFIG = """
main:
  metadata_url: sqlite:///catalog.db
  file_url: file://files/
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}"}}}}
dataset_types:
  - {{provider: statsbomb, dataset_type: match, file_checks: {checked}}}
ingestion_plans:
  - {{source: statsbomb, dataset_type: match, data_spec_versions: {{match: v1}}}}
"""


def main() -> None:
    """Ingest and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--concurrency", type=int, default=None)
    parser.add_argument("--unchecked", action="store_true")
    options = parser.parse_args()
    if options.unchecked:
        StatsBombGithub.bundle_checks = ()
    with work_folder() as folder:
        config = Path(folder, "config.yaml")
        text = CONFIG.format(url=options.url, checked=str(not options.unchecked).lower())
        if options.concurrency:
            text = text.replace("  file_url", f"  max_concurrency: {options.concurrency}\n  file_url")
        config.write_text(text)
        with get_engine(config) as engine:
            cpu, started = time.process_time(), time.perf_counter()
            totals = engine.load().totals
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        assert totals.new == totals.discovered > 0, totals
    report(wall, cpu, datasets=totals.new)


if __name__ == "__main__":
    main()
