"""What a question about a season takes: by SQL over the table, as a lazy frame, and by a loop over the matches.

    python benchmarks/questions.py [MATCHES]

A simulated season is ingested and its events are built first, in a temporary folder.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

import ingestify
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

SHOTS = "select match_id, player_name, xg from events where event_type = 'SHOT'"


def main(matches: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text("main: {metadata_url: 'sqlite:///lake/catalog.db', file_url: 'file://lake/files/'}\n")
        season = Season(matches=matches, seed=3, competition_id=43, season_id=106)
        with Simulator(season) as provider, ingestify.get_engine(config) as engine:
            source = StatsBombGithub("statsbomb", base_url=provider.base_url)
            engine.add_ingestion_plan(ingestify.IngestionPlan(source, "match"))
            engine.load(progress=False)
            wall, cpu = taken(lambda: engine.build_tables("events", progress=False))
            print(f"build: {wall:.1f} s, {cpu:.1f} s of CPU")
            some = list(engine.iter_datasets())[:: max(1, matches // 40)]
            _, one = taken(lambda: [frame_of_kloppy(engine, dataset) for dataset in some])
            by_kloppy = one * matches / len(some)
            print(f"kloppy, from {len(some)} matches: {by_kloppy:.1f} s of CPU; the build is {cpu / by_kloppy:.2f} x")
            engine.sql(SHOTS)
            sql = statistics.median(taken(lambda: engine.sql(SHOTS))[0] for _ in range(5))
            lazy = statistics.median(taken(lambda: shots_of(engine.table("events")))[0] for _ in range(5))
            loop = taken(lambda: [dataset.to_polars("events") for dataset in some])[0] * matches / len(some)
            print(f"engine.sql {sql:.3f} s, engine.table {lazy:.3f} s; a loop over to_polars takes {loop / sql:.0f} x")
            provider.correct(season.matches[0].match_id)
            engine.load(progress=False)
            wall, cpu = taken(lambda: engine.build_tables("events", progress=False))
            print(f"build after one correction: {wall:.2f} s, {cpu:.2f} s of CPU")


def taken(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of CPU of this process and of those that it waited for."""
    begun, used = time.monotonic(), cpu_seconds()
    call()
    return time.monotonic() - begun, cpu_seconds() - used


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def frame_of_kloppy(engine: ingestify.IngestionEngine, dataset: ingestify.Dataset) -> object:
    return engine.load_dataset_with_kloppy(dataset, three_sixty=False).to_df(engine="polars")


def shots_of(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.filter(pl.col("event_type") == "SHOT").select("match_id", "player_name", "xg").collect()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 380)
