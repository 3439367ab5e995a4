"""One process of `processes.py`: it is ready, waits for a line, and ingests: `share_once.py URL SEASON …`."""

from __future__ import annotations

import gc
import sys
import time

from setting import report, season_config, work_folder

from ingestify import get_engine


def main() -> None:
    """Ingest and report, with the moment of the end by the clock that all processes share."""
    with work_folder() as folder, get_engine(season_config(folder, sys.argv[1])) as engine:
        gc.freeze()  # as `ingestify run` does
        print("ready", flush=True)
        sys.stdin.readline()
        cpu, started = time.process_time(), time.perf_counter()
        totals = engine.load(season_id=[int(season) for season in sys.argv[2:]]).totals
        ended, cpu = time.perf_counter(), time.process_time() - cpu
        assert totals.new == totals.discovered > 0, totals
        report(ended - started, cpu, ended=ended)


if __name__ == "__main__":
    main()
