"""`ingestify status` with limits: what monitoring asks."""

from __future__ import annotations

import contextlib
import datetime as dt
import json

import pytest

from ingestify import get_datastore
from ingestify.clock import now

CHECKED = """
dataset_types:
  - {provider: small, dataset_type: match, checks: [tests.unit.cli.small_source.NotTen]}
"""


def in_two_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestify.cli.limits.now", lambda: now() + dt.timedelta(days=2))


def test_what_is_current_and_whole_is_within_all_limits(lake):
    shown = lake("status", "--stale", "26h", "--max-failed", "0", "--max-quarantined", "0")
    assert shown.endswith("everything is within the limits\n")
    found = json.loads(lake("status", "--stale", "26h", "--max-failed", "0", "--max-quarantined", "0", "--json"))
    assert found["limits"] == {
        "ok": True,
        "exit_code": 0,
        "stale": [],
        "failed": [],
        "quarantined": {},
        "silent_since": None,
    }
    assert "limits" not in json.loads(lake("status", "--json"))


def test_what_no_run_was_through_with_for_too_long_is_named(lake, monkeypatch):
    in_two_days(monkeypatch)
    shown = lake("status", "--stale", "26h", code=5)
    assert "stale: small: season_id=1: last done 20" in shown
    assert "stale: small: season_id=2: last done 20" in shown
    lake("status", "--stale", "49h")
    found = json.loads(lake("status", "--stale", "26h", "--json", code=5))["limits"]
    assert (found["ok"], found["exit_code"], found["failed"]) == (False, 5, None)
    names = sorted((one["source"], one["selector_name"]) for one in found["stale"])
    assert names == [("small", "season_id=1"), ("small", "season_id=2")]


def test_a_selector_that_fails_in_each_run_is_stale_though_others_are_done(lake, monkeypatch):
    lake.configure("SmallSource}", "SmallSource, configuration: {matches: 4, broken: [10, 11, 12, 13]}}")
    lake("delete", "--yes", "season_id=1")
    in_two_days(monkeypatch)
    monkeypatch.setattr("ingestify.engine.report.report.now", lambda: now() + dt.timedelta(days=2))
    lake("run", code=1)
    shown = lake("status", "--stale", "26h", "--max-failed", "3", code=5)
    assert "stale: small: season_id=1: last done" in shown
    assert "stale: small: season_id=2" not in shown
    assert "failed: small: season_id=1: 4 datasets\n" in shown
    lake("status", "--max-failed", "4")


def test_a_plan_that_no_run_was_at_is_stale(command):
    command.make_lake()
    assert "stale: small: match: no run has completed it" in command("status", "--stale", "26h", code=5)


def test_what_is_narrowed_or_not_wanted_any_more_counts_for_nothing(lake, monkeypatch):
    in_two_days(monkeypatch)
    monkeypatch.setattr("ingestify.engine.report.report.now", lambda: now() + dt.timedelta(days=2))
    lake("run", "match_id=10")
    assert "stale: small: season_id=1: last done" in lake("status", "--stale", "26h", code=5)
    lake("run", "season_id=2")
    lake.configure("dataset_type: match}", "dataset_type: match, selectors: ['season_id > 1']}")
    lake("status", "--stale", "26h")
    lake.configure("SmallSource}", "SmallSource, enabled: false}")
    lake("status", "--stale", "1s")


def test_what_waits_in_quarantine_is_counted_by_source(command):
    command.config.write_text(command.config.read_text() + CHECKED)
    command("run", code=3)
    assert "in quarantine: small: 1 bundle\n" in command("status", "--max-quarantined", "0", code=5)
    command("status", "--max-quarantined", "1", "--max-failed", "0")


def test_where_the_lake_is_watched_it_is_stale_if_the_watch_is_silent(lake, monkeypatch):
    with contextlib.closing(get_datastore(lake.config)) as store:
        store.catalogue.watch_marks.save("heartbeat", now())
    # The selectors may rest for as long as their schedule says: a day.
    monkeypatch.setattr("ingestify.cli.limits.now", lambda: now() + dt.timedelta(minutes=14))
    lake("status", "--stale", "15m")
    monkeypatch.setattr("ingestify.cli.limits.now", lambda: now() + dt.timedelta(minutes=16))
    shown = lake("status", "--stale", "15m", code=5)
    assert "stale: watch: no sign of life since 20" in shown
    assert "stale: small" not in shown
    found = json.loads(lake("status", "--stale", "15m", "--json", code=5))["limits"]
    assert (found["ok"], found["stale"]) == (False, [])
    assert found["silent_since"].startswith("20")


def test_a_watched_selector_is_stale_if_it_rests_for_longer_than_its_schedule(lake, monkeypatch):
    monkeypatch.setattr("ingestify.cli.limits.now", lambda: now() + dt.timedelta(hours=25))
    with contextlib.closing(get_datastore(lake.config)) as store:
        store.catalogue.watch_marks.save("heartbeat", now() + dt.timedelta(hours=25))
    assert "stale: small: season_id=1" in lake("status", "--stale", "15m", code=5)
    lake("status", "--stale", "2h")
