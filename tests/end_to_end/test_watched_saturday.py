"""A Saturday of ten matches, and the week after it, in simulated time: what the lake gets when, and what it costs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ingestify import Dataset, IngestionEngine, Schedule, get_engine
from ingestify.engine.watching import watching
from tests.support.saturday import ABANDONED, MADRID, POSTPONED, play_week
from tests.support.sizes import sizes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("live_minutes", sizes(15, 1))
def test_each_change_is_in_the_lake_within_the_interval_of_its_schedule(
    tmp_path: Path, live_minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Between two looks it does not wake each minute of the week, for clocks that jump: here none does.
    monkeypatch.setattr(watching, "_LONGEST_SLEEP", 900.0)
    schedule = Schedule(live=dt.timedelta(minutes=live_minutes), zone=MADRID)
    place = {"metadata_url": f"sqlite:///{tmp_path}/catalog.db", "file_url": f"file://{tmp_path}/files"}
    with get_engine(**place) as engine:
        week = play_week(engine, schedule)
        for change in week.changes:
            interval = getattr(schedule, change.spacing)
            assert change.delay is not None, f"{change.what} of {change.match} never came"
            assert change.delay <= interval + dt.timedelta(seconds=1), f"{change.what} of {change.match}"
        states = [dataset.metadata["match_status"] for dataset in matches_of(engine)]
        assert [states[POSTPONED], states[ABANDONED], states.count("available")] == ["available", "abandoned", 9]
        assert not engine.verify().damages
        assert week.requests <= week.requests_of_cron / 10
        assert 0 < week.requests_of_weekend <= week.requests_of_weekend_of_cron / 10


def matches_of(engine: IngestionEngine) -> list[Dataset]:
    found = engine.iter_datasets(provider="statsbomb", season_id=27)
    return sorted(found, key=lambda dataset: dataset.identifier["match_id"])
