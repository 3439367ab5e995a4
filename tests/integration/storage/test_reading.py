"""Reading a lake whose files are in S3: frames of many matches, the lake as it was, locks and exports."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionEngine, IngestionPlan, get_engine
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

from . import servers

_numbers = itertools.count(1)


@pytest.fixture(params=["moto", "rclone"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Where the lake is, with its files in S3."""
    return {
        "metadata_url": f"sqlite:///{tmp_path}/catalog.db",
        "file_url": f"s3://{servers.BUCKET}/reading-{next(_numbers)}",
        "file_options": {"endpoint": request.getfixturevalue(request.param), "attempts": 2},
    }


@pytest.fixture
def engine(lake: dict[str, Any]) -> Iterator[IngestionEngine]:
    """A lake in which the provider corrected the events of one match."""
    season = Season(matches=3, seed=7, events_per_match=120)
    with Simulator(season) as provider, get_engine(**lake) as engine:
        engine.add_ingestion_plan(IngestionPlan(StatsBombGithub("statsbomb", base_url=provider.base_url), "match"))
        assert engine.load().totals.new == 3
        provider.correct(season.matches[0].match_id, "events")
        assert engine.load().totals.revised == 1
        yield engine


def test_frames_exports_and_locks_of_today_and_of_then(engine: IngestionEngine, tmp_path: Path) -> None:
    (corrected,) = [one for one in engine.list_datasets() if len(one.revisions) == 2]
    match_id, first = corrected.identifier["match_id"], corrected.at(revision=0)
    moment = corrected.revisions[1].created_at - dt.timedelta(microseconds=1)
    assert corrected.at(moment) == first
    today, then = corrected.require_file("events").read(), first.require_file("events").read()
    assert today != then

    now_lock = engine.lock(tmp_path / "now.lock")
    engine.lock(tmp_path / "then.lock", as_of=moment)
    ways: list[tuple[dict[str, Any], bytes, int]] = [
        ({}, today, 1),
        ({"as_of": moment}, then, 0),
        ({"lock": now_lock}, today, 1),
        ({"lock": tmp_path / "then.lock"}, then, 0),
    ]
    for number, (way, events, revision) in enumerate(ways):
        frame = engine.to_polars("events", **way)
        assert frame["match_id"].n_unique() == 3
        of_match = frame.filter(match_id=match_id)
        assert set(of_match["revision"]) == {revision}
        assert of_match["id"].to_list() == [one["id"] for one in json.loads(events)]
        folder = tmp_path / f"export-{number}"
        assert engine.export(folder, **way).progress.written > 6
        assert (folder / "events" / f"{match_id}.json").read_bytes() == events

    assert sorted(str(one.status) for one in engine.check_lock(tmp_path / "then.lock")) == [
        "other revision",
        "same",
        "same",
    ]
    assert {str(one.status) for one in engine.check_lock(now_lock)} == {"same"}


@pytest.mark.sampled(2)
@pytest.mark.slow
def test_kloppys_frames_are_made_by_processes_that_know_no_lake(engine: IngestionEngine) -> None:
    frame = engine.to_polars(kloppy={"event_types": ["shot"]})
    assert set(frame["event_type"]) == {"SHOT"}
    for dataset in engine.list_datasets():
        shots = engine.load_dataset_with_kloppy(dataset, event_types=["shot"])
        of_match = frame.filter(match_id=dataset.identifier["match_id"])
        assert of_match["event_id"].to_list() == [one.event_id for one in shots]
