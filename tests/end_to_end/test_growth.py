"""What a lake's catalogue costs for ever: runs in which nothing changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ingestify import DatasetResource, DraftFile, Source, get_dev_engine

SEASONS = 40


class Seasons(Source):
    """One match a season, which never changes; and one whose file is broken."""

    provider = "acme"

    def discover_selectors(self, dataset_type: str) -> list[dict[str, object]]:
        return [{"season": season} for season in range(SEASONS)]

    def find_datasets(self, dataset_type: str, *_: object, season: int, **__: object) -> list[DatasetResource]:
        text = "[1, 2" if season == 7 else "[1, 2]"
        resource = DatasetResource({"match_id": season}, dataset_type, name=f"match {season}")
        return [resource.add_file(None, "events", file_loader=lambda *_: _draft(text))]


def _draft(text: str) -> DraftFile:
    return DraftFile.from_input(text, "events", data_serialization_format="json")


def _sizes(path: Path) -> tuple[int, int, int]:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        jobs, tasks = (connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("job", "task"))
    return path.stat().st_size, jobs, tasks


def test_a_run_in_which_nothing_changes_takes_no_room_and_is_seen_all_the_same(tmp_path: Path) -> None:
    with get_dev_engine(Seasons("one"), "match", dev_dir=str(tmp_path)) as engine:
        for _ in range(2):
            engine.load()
        before = _sizes(tmp_path / "catalog.db")
        for _ in range(4):
            engine.load()
        size, jobs, tasks = _sizes(tmp_path / "catalog.db")
        assert (jobs, tasks) == before[1:]
        assert size - before[0] < 4 * SEASONS * 50
        newest = engine.store.load_ingestion_job_summaries(limit=SEASONS)
        assert len({job.run_id for job in newest}) == 1
        assert {job.runs for job in newest} <= {4, 5}
        assert sum(job.counters.quarantined for job in newest) == 1
        assert [task.error != "" for job in newest for task in job.tasks] == [True]
