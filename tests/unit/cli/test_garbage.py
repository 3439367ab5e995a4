"""`ingestify gc`, and what `delete` leaves for it."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionPlan, get_engine
from ingestify.main import get_datastore
from tests.support.growing_match import KICK_OFF, GrowingMatch
from tests.support.simulated_time import simulated_time


def objects(lake: Any) -> list[Path]:
    return sorted(path for path in (lake.folder / "files" / "main").rglob("*") if path.is_file())


def test_what_is_deleted_stays_for_a_day_and_goes_with_gc(lake):
    lake("delete", "season_id=1", "--yes")
    assert "Removed 3 matches. Their files stay for a day; then 'ingestify gc' removes them." in lake.err
    assert lake("list", "--count") == "3\n"
    assert len(objects(lake)) == 6
    assert lake("gc", "--yes").startswith("0 files that no dataset has and 0 leftovers of broken runs removed")
    shown = lake("gc", "--older-than", "0h").splitlines()
    assert len(shown) == 4
    assert all("match_id=1" in line for line in shown[:3])
    assert shown[3].startswith("3 files that no dataset has and 0 leftovers of broken runs: ")
    assert lake.err == "Nothing was removed; --yes removes it.\n"
    assert len(objects(lake)) == 6
    totals = json.loads(lake("gc", "--older-than", "0h", "--yes", "--json"))
    assert (totals["objects"], totals["leftovers"], totals["removed"]) == (3, 0, True)
    assert totals["object_bytes"] > 0
    assert len(objects(lake)) == 3
    assert lake("run").startswith("6 matches: 3 new, 0 revised, 3 unchanged")


def test_deleting_now_frees_the_space_now(lake):
    lake("delete", "season_id=1", "--now", "--yes")
    assert lake.err == "Removed 3 matches.\n"
    assert len(objects(lake)) == 3


def test_leftovers_of_broken_runs_are_removed(lake):
    leftover = lake.folder / "files" / ".staging" / f"{7:032x}"
    leftover.write_bytes(bytes(1_500_000))
    assert "1 leftover of broken runs: 1.5 MB" in lake("gc", "--older-than", "0s")
    assert "0 leftovers of broken runs removed: 0 bytes" in lake("gc", "-y")
    assert "1 leftover of broken runs removed: 1.5 MB" in lake("gc", "--older-than", "0s", "-y")
    assert not leftover.exists()


def test_no_short_age_beside_whoever_writes(lake):
    lake("delete", "season_id=1", "-y")
    store = get_datastore(lake.folder / "config.yaml")
    with store.commits.writer_lease("run"):
        lake("gc", "--older-than", "59m", "--yes", code=1)
        assert f"Somebody writes to the lake (run: process {os.getpid()} on host" in lake.err
        assert "Wait for its end, or give an age of 1h or more" in lake.err
        lake("gc", "--older-than", "59m")
        lake("gc", "--older-than", "1h", "--yes")
    assert len(objects(lake)) == 6
    with store.commits.writer_lease("copy"):
        lake("gc", "--older-than", "0s", "--yes", code=1)
        assert "(copy: process" in lake.err
    lake("gc", "--older-than", "0s", "--yes")
    assert len(objects(lake)) == 3
    store.close()


def test_of_a_run_only_its_lease_says_that_it_goes_on(lake):
    """Whatever the rows of its jobs say, how many there are, and which time they have."""
    with sqlite3.connect(lake.folder / "catalog.db") as connection:
        connection.execute(
            "UPDATE job SET state = 'RUNNING', ended_at = NULL, updated_at = '2999-01-01T00:00:00.000000Z'"
        )
    connection.close()
    assert "RUNNING (its process is gone)" in lake("status")
    lake("gc", "--older-than", "0s", "--yes")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("age", ["1", "h", "-1h", "1w", "", "1.5h", "9999999d"])
def test_an_age_that_is_none_says_how_one_is_written(lake, age):
    lake("gc", "--older-than", age, code=2)
    assert "such as 24h or 7d" in lake.err


def test_history_that_is_older_than_the_retention_goes_but_not_what_a_reader_has_not_read(lake):
    config = lake.folder / "config.yaml"
    assert "older than the retention" not in lake("gc")
    config.write_text(config.read_text() + "\nretention: {jobs: 30d, events: 60d}\n")
    assert "0 jobs and 0 events that are older than the retention" in lake("gc")
    lake("run")
    long_ago = "2020-01-01T00:00:00.000000Z"
    with sqlite3.connect(lake.folder / "catalog.db") as database:
        count = database.execute("SELECT count(*) FROM event_log").fetchone()[0]
        database.execute("UPDATE event_log SET occurred_at = ? WHERE position < ?", (long_ago, count))
        database.execute("INSERT INTO event_reader (reader_name, position) VALUES ('mine', 2)")
    shown = lake("gc")
    assert "0 jobs and 2 events that are older than the retention; " in shown
    assert f"{count - 3} old events stay for the reader 'mine'" in shown
    assert lake.err == "Nothing was removed; --yes removes it.\n"
    assert "0 jobs and 2 events that are older than the retention removed; " in lake("gc", "--yes")
    lake("events", "forget", "mine", "--yes")
    totals = json.loads(lake("gc", "--yes", "--json"))
    # The new one shows what the event before it holds, so that one stays with it.
    assert (totals["events"], totals["unread_events"], totals["slowest_reader"]) == (count - 4, 0, None)


def test_a_retention_is_a_length_of_time(lake):
    config = lake.folder / "config.yaml"
    text = config.read_text()
    for wrong in ("12h", "ninety days", "90", "0d"):
        config.write_text(text + f"\nretention: {{jobs: {wrong}}}\n")
        lake("gc", code=1)
        assert "must be a length of time of at least 1d, such as 90d" in lake.err


def test_provisional_revisions_of_a_live_match_are_thinned_as_the_settings_say(command):
    command.configure("sources:", "retention: {live_revisions: 15m}\nsources:")
    provider = GrowingMatch()
    with simulated_time(KICK_OFF) as time:
        with get_engine(command.config) as engine:
            engine.add_ingestion_plan(IngestionPlan(provider, "match"))
            for number in range(8):
                provider.change([{"id": "e", "minute": number}], "live")
                engine.load(provider="statsbomb")
                time.sleep(300)
        assert "0 provisional revisions of 0 matches with 0 files: 0 bytes" in command("gc")
        time.sleep(3 * 24 * 3600)
        shown = command("gc").splitlines()
        assert shown[-2].endswith("statsbomb/match/match_id=1: revision 1-2, 4-5")
        assert shown[-1].startswith("4 provisional revisions of 1 match with 8 files: ")
        assert command.err == "Nothing was removed; --yes removes it.\n"
        totals = json.loads(command("gc", "--yes", "--json"))
        assert (totals["thinned_revisions"], totals["thinned_files"], totals["removed"]) == (4, 8, True)
        assert command("gc", "--yes").endswith("0 bytes thinned; their files go as those of a deleted dataset do\n")
        assert command("log", "match_id=1").count("THINNED") == 4
        command("diff", "match_id=1", "1", "3", code=1)
        assert "The nearest ones are 0 and 3." in command.err
