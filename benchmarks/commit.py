"""A season of 380 small matches from providers that show in three ways what changed, and then nothing changed.

`dates`: each response has a Last-Modified. `ETags`: it has none, as at GitHub's raw host, and the source is a mirror.
`commit`: the same, and the source reads one commit.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from setting import Taken, child, medians, report, table, work_folder

from ingestify import IngestionPlan, get_engine
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.github import GithubSimulator
from ingestify.testing.provider_state import ProviderState
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

MATCHES = 380
ROUNDS = 3
KINDS = ("dates", "ETags", "commit")


def serve(kind: str, latency_ms: float) -> None:
    """Serve a season until terminated, and print the URL of its data and that of an API, if there is one."""
    season = Season(matches=MATCHES, seed=1, events_per_match=20, matches_with_360=0)
    if kind == "commit":
        files = {f"data/{path}": body for path, body in ProviderState([season]).bodies().items()}
        with GithubSimulator(files, latency_seconds=latency_ms / 1000) as github:
            github.api_requests_left = 1_000_000
            print(f"{github.raw_url}/data {github.api_url}", flush=True)
            threading.Event().wait()
    with Simulator(season, latency_seconds=latency_ms / 1000, last_modified=kind == "dates") as simulator:
        simulator.prepare()
        print(simulator.base_url, flush=True)
        threading.Event().wait()


@contextlib.contextmanager
def served(kind: str, latency_ms: float) -> Iterator[list[str]]:
    """Serve in a process of its own. Yields the URLs."""
    command = [sys.executable, __file__, "serve", kind, str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()
        finally:
            process.terminate()


def ingest(folder: str, base_url: str, api_url: str | None = None) -> None:
    """Run over the season, and report."""
    engine = get_engine(metadata_url=f"sqlite:///{folder}/catalog.db", file_url=f"file://{folder}/files")
    with engine:
        source = StatsBombGithub("statsbomb", base_url=base_url, api_url=api_url)
        engine.add_ingestion_plan(IngestionPlan(source, "match"))
        cpu, started = time.process_time(), time.perf_counter()
        totals = engine.load().totals
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    assert totals.new + totals.unchanged == MATCHES, totals
    report(wall, cpu, requests=totals.requests)


def main() -> None:
    """Measure each kind in turns."""
    for latency_ms in (0, 50):
        taken: dict[str, list[Taken]] = {}
        with contextlib.ExitStack() as stack, work_folder() as folder:
            urls = {kind: stack.enter_context(served(kind, latency_ms)) for kind in KINDS}
            for number in range(ROUNDS):
                for kind in KINDS:
                    lake = Path(folder) / f"{kind}-{number}"
                    lake.mkdir()
                    for what in ("into an empty lake", "nothing changed"):
                        taken.setdefault(f"{kind}, {what}", []).append(child("commit.py", "ingest", lake, *urls[kind]))
        rows = [
            (name, f"{one.more['requests']:.0f}", f"{one.wall:.2f} s", f"{one.cpu:.2f} s")
            for name, one in ((name, medians(of)) for name, of in taken.items())
        ]
        table(f"{MATCHES} matches, {latency_ms} ms", ("provider", "requests", "wall", "CPU"), rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], float(sys.argv[3]))
    elif sys.argv[1:2] == ["ingest"]:
        ingest(*sys.argv[2:])
    else:
        main()
