"""What a page of the lake asks its catalogue, at 100,000 datasets, 360,000 files and 43,800 jobs."""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import sys
import time
from collections.abc import Callable

from setting import HERE, table, work_folder

sys.path.insert(0, str(HERE.parent))

from tests.support.large_catalogue import DATASETS, JOBS, fill_catalogue

from ingestify.catalogue import SqlCatalogue
from ingestify.clock import now
from ingestify.domain.dataset import DatasetState
from ingestify.domain.ports import DatasetFilter

EVERYTHING = DatasetFilter("main")


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=DATASETS)
    parser.add_argument("--jobs", type=int, default=JOBS)
    arguments = parser.parse_args()
    with work_folder() as folder:
        catalogue = SqlCatalogue.open(f"sqlite:///{folder}/catalog.db")
        fill_catalogue(catalogue, arguments.datasets, arguments.jobs)
        datasets, jobs = catalogue.datasets, catalogue.jobs
        runs = [run_id for _, run_id in jobs.find_newest_runs(20)]
        missing = DatasetFilter("main", states=(DatasetState.MISSING,))
        asked: dict[str, Callable[[], object]] = {
            "one look at each dataset: count by provider, type and state": lambda: datasets.count_by_kind(EVERYTHING),
            "change mark": catalogue.overview.read_mark,
            "totals": lambda: catalogue.overview.count_all("main"),
            "coverage": lambda: catalogue.coverage.read("main"),
            "freshness": lambda: catalogue.coverage.read_freshness("main"),
            "facets": lambda: catalogue.coverage.count(EVERYTHING),
            "storage": lambda: catalogue.overview.read_storage("main"),
            "requests of 30 days": lambda: catalogue.overview.read_requests(now() - dt.timedelta(days=30)),
            "50 datasets": lambda: datasets.find_newest(EVERYTHING, 50),
            "the last 50 datasets": lambda: datasets.find_newest(EVERYTHING, 50, 51),
            "50 datasets in a rare state": lambda: datasets.find_newest(missing, 50),
            "a word that no name has": lambda: datasets.find_newest(DatasetFilter("main", words=("zzz",)), 50),
            "20 runs of 240 jobs each": lambda: (jobs.find_newest_runs(20), jobs.load_runs(runs)),
            "the jobs of a run, with tasks": lambda: jobs.load_runs(runs[-1:], with_tasks=True),
            "50 events": lambda: catalogue.event_log.find_newest(50),
            "50 entries of the quarantine": lambda: catalogue.quarantine.find_newest(EVERYTHING, 50),
        }
        gc.collect()
        taken = {what: _cpu_ms(ask) for what, ask in asked.items()}
        catalogue.close()
    base = next(iter(taken.values()))
    rows = [[what, f"{ms:.1f} ms", f"{ms / base:.3g} x"] for what, ms in taken.items()]
    table("A page of a large lake", ["what is asked", "CPU", "ratio"], rows)


def _cpu_ms(ask: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(5):
        begun = time.process_time()
        ask()
        best = min(best, time.process_time() - begun)
    return 1000 * best


if __name__ == "__main__":
    main()
