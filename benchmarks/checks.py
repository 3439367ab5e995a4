"""What the checks cost: 100 matches with 3 MB of events each, ingested with and without them, in turns.

The provider is the simulator, in a process of its own; its documents are made before the first round.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

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


def ingest(url: str, *, checked: bool) -> tuple[float, float]:
    """Return wall seconds and CPU seconds of one cold ingest."""
    StatsBombGithub.bundle_checks = CHECKS if checked else ()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(CONFIG.format(url=url, checked=str(checked).lower()))
        with get_engine(config) as engine:
            cpu, started = time.process_time(), time.perf_counter()
            report = engine.load()
            taken = time.perf_counter() - started, time.process_time() - cpu
    assert report.totals.new == report.totals.discovered, report.totals
    return taken


CHECKS = StatsBombGithub.bundle_checks


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--matches", type=int, default=100)
    parser.add_argument("--events-per-match", type=int, default=4200, help="4,200 are 3 MB")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    command = [sys.executable, "-m", "ingestify.testing.simulator", "--matches", str(options.matches)]
    command += ["--events-per-match", str(options.events_per_match), "--latency-ms", str(options.latency_ms)]
    provider = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert provider.stdout is not None
        url = provider.stdout.readline().strip()
        ingest(url, checked=True)  # makes the documents
        with urllib.request.urlopen(f"{url}/competitions.json") as answer:
            assert answer.status == 200
        taken: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for _ in range(options.rounds):
            for checked in (False, True):
                taken[checked].append(ingest(url, checked=checked))
    finally:
        provider.terminate()
    walls = {checked: statistics.median(wall for wall, _ in taken[checked]) for checked in taken}
    cpus = {checked: statistics.median(cpu for _, cpu in taken[checked]) for checked in taken}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for checked in (False, True):
        name = "with checks" if checked else "without"
        print(f"{name:<12} {walls[checked]:6.2f} s wall  {cpus[checked]:6.2f} s CPU")
    print(f"{'ratio':<12} {walls[True] / walls[False]:6.2f}         {cpus[True] / cpus[False]:6.2f}")
    print(f"peak memory {peak:.0f} MB, {options.matches} matches, {options.latency_ms:.0f} ms latency")


if __name__ == "__main__":
    main()
