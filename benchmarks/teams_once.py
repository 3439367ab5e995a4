"""One run of a config file, in a process of its own: `teams_once.py CONFIG`."""

from __future__ import annotations

import gc
import sys
import time

from setting import report

from ingestify import get_engine


def main() -> None:
    """Run and report; opening the lake, which makes its tables the first time, is not part of it."""
    with get_engine(sys.argv[1]) as engine:
        gc.freeze()  # as `ingestify run` does
        cpu, started = time.process_time(), time.perf_counter()
        totals = engine.load().totals
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    assert totals.failed == 0, totals
    assert totals.new == totals.discovered > 0 or totals.unchanged == totals.discovered > 0, totals
    report(wall, cpu, datasets=totals.discovered)


if __name__ == "__main__":
    main()
