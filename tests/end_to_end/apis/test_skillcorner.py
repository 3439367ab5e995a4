"""SkillCorner's API: pages, data that is not ready, and looks that become rarer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import DatasetState, IngestionEngine
from ingestify.clock import now
from ingestify.errors import ConfigurationError
from ingestify.sources.skillcorner import SkillCorner
from ingestify.testing.simulator import Fault
from tests.end_to_end.apis.lakes import by_match, feeds_of, make_engine, small_season
from tests.support.provider_apis.skillcorner import SkillCornerApi

MATCH_FEEDS = {"match", "dynamic_events", "phases_of_play", "physical"}


@pytest.fixture
def provider() -> Iterator[SkillCornerApi]:
    with SkillCornerApi(small_season(), page_size=4) as simulator:
        yield simulator


def engine_of(
    folder: Path, provider: SkillCornerApi, dataset_type: str = "match", token: str | None = None, **plan: Any
) -> IngestionEngine:
    credentials = {"username": provider.username, "password": provider.password} if token is None else {"token": token}
    source = SkillCorner("skillcorner", base_url=provider.base_url, **credentials)
    return make_engine(folder, source, dataset_type, **plan)


def test_all_pages_and_all_feeds_come(tmp_path: Path, provider: SkillCornerApi):
    with engine_of(tmp_path, provider) as engine:
        assert engine.load().totals.new == 6
        assert all(feeds_of(dataset) == MATCH_FEEDS for dataset in engine.list_datasets())
        dataset = by_match(engine)[provider.match_ids[0]]
        assert dataset.to_polars("dynamic_events").height > 3
    assert any("offset=4" in path for path in provider.paths())


def test_tracking_is_jsonl_that_kloppy_reads(tmp_path: Path, provider: SkillCornerApi):
    with engine_of(tmp_path, provider, "tracking", token=provider.token) as engine:
        assert engine.load(match_id=provider.match_ids[0]).totals.new == 1
        (dataset,) = engine.list_datasets()
        assert {file.data_serialization_format for file in dataset.files.values()} == {"json", "jsonl"}
        assert len(engine.load_dataset_with_kloppy(dataset).records) == 40
    asked = {path.partition("?")[0] for path in provider.paths() if str(provider.match_ids[0]) in path}
    assert asked == {f"match/{provider.match_ids[0]}", f"match/{provider.match_ids[0]}/tracking"}
    assert all(request.headers["authorization"] == f"Token {provider.token}" for request in provider.requests)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("status", [200, 202, 204])
def test_data_that_is_not_ready_is_left_out_and_asked_for_later(
    tmp_path: Path, provider: SkillCornerApi, status: int, monkeypatch: pytest.MonkeyPatch
):
    match_id = provider.match_ids[0]
    provider.hold_back(match_id, "tracking", status)
    with engine_of(tmp_path, provider, "tracking") as engine:
        assert engine.load().totals.failed == 0
        assert by_match(engine)[match_id].state is DatasetState.PARTIAL
        assert by_match(engine)[match_id].missing_feeds == ("frames",)
        provider.clear_requests()
        engine.load()
        assert not any("tracking" in path for path in provider.paths()), "not in the same minute"
        provider.release(match_id, "tracking")
        later = now() + dt.timedelta(days=365)
        monkeypatch.setattr("ingestify.domain.fetch_policy.now", lambda: later)
        engine.load()
        assert by_match(engine)[match_id].state is DatasetState.COMPLETE


def test_what_is_made_anew_stays_as_it_is_until_it_is_ready(
    tmp_path: Path, provider: SkillCornerApi, monkeypatch: pytest.MonkeyPatch
):
    match_id = provider.match_ids[0]
    with engine_of(tmp_path, provider, "tracking") as engine:
        engine.load()
        provider.hold_back(match_id, "tracking")
        provider.correct(match_id)
        later = now() + dt.timedelta(days=4000)
        monkeypatch.setattr("ingestify.sources.skillcorner.now", lambda: later)
        assert engine.load().totals.failed == 0
        assert len(by_match(engine)[match_id].revisions) == 1
        assert feeds_of(by_match(engine)[match_id]) == {"metadata", "frames"}
        provider.release(match_id, "tracking")
        engine.load()
        assert len(by_match(engine)[match_id].revisions) == 2, "and then it is asked for by the next run"


def test_a_second_run_costs_the_lists(tmp_path: Path, provider: SkillCornerApi):
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        provider.clear_requests()
        assert engine.load().totals.unchanged == 6
        assert {path.partition("?")[0] for path in provider.paths()} <= {"competition_editions", "matches"}


def test_a_match_is_looked_at_again_as_it_ages(
    tmp_path: Path, provider: SkillCornerApi, monkeypatch: pytest.MonkeyPatch
):
    with engine_of(tmp_path, provider, "tracking") as engine:
        engine.load()
        provider.correct(provider.match_ids[0])
        later = now() + dt.timedelta(days=4000)
        monkeypatch.setattr("ingestify.sources.skillcorner.now", lambda: later)
        assert engine.load().totals.revised == 1


def test_before_the_kick_off_there_is_nothing_to_ask_for(tmp_path: Path):
    season = small_season(2, first_day=now().date() + dt.timedelta(days=30))
    with SkillCornerApi(season) as provider, engine_of(tmp_path, provider) as engine:
        engine.load()
        assert {dataset.state for dataset in engine.list_datasets()} == {DatasetState.SCHEDULED}
        assert not any(path.startswith(("match/", "physical")) for path in provider.paths())


def test_wrong_credentials_are_named(tmp_path: Path, provider: SkillCornerApi):
    with (
        engine_of(tmp_path, provider, token="not-the-right-token") as engine,
        pytest.raises(ConfigurationError, match=r"refuses the token .*sources\.skillcorner") as caught,
    ):
        engine.load(raise_errors=True)
    assert "not-the-right-token" not in str(caught.value)


def test_a_page_that_is_missing_fails_the_season_and_marks_nothing_missing(tmp_path: Path, provider: SkillCornerApi):
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        provider.add_fault(Fault(path="matches?*offset=4*", kind="not_found"))
        with pytest.raises(Exception, match="offset=4"):
            engine.load(raise_errors=True)
        assert {dataset.state for dataset in engine.list_datasets()} == {DatasetState.COMPLETE}
