"""StatsBomb's API: versions, rights, seasons that are skipped whole, and what is not available yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import DatasetState, IngestionEngine
from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.statsbomb import StatsBomb
from ingestify.testing.simulator import Fault
from tests.end_to_end.apis.lakes import by_match, feeds_of, make_engine, small_season
from tests.support.provider_apis.statsbomb import StatsBombApi

VERSIONS = {"match": "v6", "events": ["v8", "v9"], "lineups": "v5", "360-frames": "v2"}


@pytest.fixture
def provider() -> Iterator[StatsBombApi]:
    with StatsBombApi([small_season(), small_season(3, season_id=28)]) as simulator:
        yield simulator


def engine_of(folder: Path, provider: StatsBombApi, password: str | None = None, **plan: Any) -> IngestionEngine:
    source = StatsBomb("statsbomb", provider.username, password or provider.password, base_url=provider.base_url)
    return make_engine(folder, source, **{"data_spec_versions": VERSIONS, **plan})


def test_each_feed_comes_in_the_versions_that_are_named(tmp_path: Path, provider: StatsBombApi):
    with engine_of(tmp_path, provider) as engine:
        report = engine.load()
        assert (report.totals.new, report.totals.failed) == (9, 0)
        match_id = provider.match_ids[0]
        dataset = by_match(engine)[match_id]
        assert set(dataset.files) == {"match__v6", "lineups__v5", "events__v8", "events__v9", "360-frames__v2"}
        assert dataset.state is DatasetState.COMPLETE
        assert engine.store.load_files(dataset).get_file("events", "v9").read() == provider.seasons[0].events(match_id)
    assert {f"v9/events/{match_id}", f"v2/360-frames/{match_id}"} <= set(provider.paths())
    assert all("authorization" in request.headers for request in provider.requests)


def test_without_versions_the_current_ones_are_asked_for(tmp_path: Path, provider: StatsBombApi):
    with engine_of(tmp_path, provider, data_spec_versions=None) as engine:
        assert engine.load(match_id=provider.match_ids[0]).totals.new == 1
        (dataset,) = engine.list_datasets()
        assert set(dataset.files) == {"match__v6", "lineups__v5", "events__v9", "360-frames__v2"}


def test_seasons_in_which_nothing_changed_cost_one_request_for_all(tmp_path: Path, provider: StatsBombApi):
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        provider.clear_requests()
        engine.load()
        assert provider.paths() == ["v4/competitions"]


def test_a_correction_costs_its_season_s_index_and_its_own_match(tmp_path: Path, provider: StatsBombApi):
    match_id = provider.match_ids[0]
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        provider.clear_requests()
        provider.correct(match_id)
        assert engine.load().totals.revised == 1
    indexes = [path for path in provider.paths() if str(match_id) not in path]
    season = provider.seasons[0]
    # The index once more, to see whether the match moved meanwhile, is of the same season.
    assert set(indexes) == {
        "v4/competitions",
        f"v6/competitions/{season.competition_id}/seasons/{season.season_id}/matches",
    }


def test_one_match_costs_one_match_s_requests(tmp_path: Path, provider: StatsBombApi):
    season = provider.seasons[0]
    match_id = season.matches[0].match_id
    selector = {"competition_id": season.competition_id, "season_id": season.season_id}
    with engine_of(tmp_path, provider, selectors=[selector], data_spec_versions={"match": "v6"}) as engine:
        assert engine.load(match_id=match_id).totals.new == 1
    index, *files = provider.paths()
    assert index.endswith("/matches")
    assert files.pop() == index, "once more, as the files have no dates: is the entry as it was?"
    assert {path.partition("/")[2] for path in files} == {f"events/{match_id}", f"lineups/{match_id}"}


def test_a_match_that_is_not_available_is_scheduled_until_it_is(tmp_path: Path, provider: StatsBombApi):
    match_id = provider.match_ids[1]
    provider.set_status(match_id, "collecting")
    with engine_of(tmp_path, provider) as engine:
        assert engine.load().totals.failed == 0
        assert by_match(engine)[match_id].state is DatasetState.SCHEDULED
        provider.set_status(match_id, "available")
        engine.load()
        assert by_match(engine)[match_id].state is DatasetState.COMPLETE
        assert feeds_of(by_match(engine)[match_id]) >= {"match", "lineups", "events"}


def test_wrong_credentials_are_one_clear_error_that_names_the_settings(tmp_path: Path, provider: StatsBombApi):
    season = provider.seasons[0]
    selectors = [{"competition_id": season.competition_id, "season_id": number} for number in range(20, 40)]
    with (
        engine_of(tmp_path, provider, password="another-password", selectors=selectors) as engine,
        pytest.raises(ConfigurationError, match=r"sources\.statsbomb\.configuration") as caught,
    ):
        engine.load(raise_errors=True)
    assert "another-password" not in str(caught.value)
    # Some were under way side by side; the others were not tried.
    assert len(provider.requests) <= 8
    assert {request.status for request in provider.requests} == {401}


def test_a_season_that_the_account_may_not_have_fails_alone(tmp_path: Path, provider: StatsBombApi):
    forbidden = provider.seasons[1]
    provider.forbidden.add((forbidden.competition_id, forbidden.season_id))
    with engine_of(tmp_path, provider) as engine:
        with pytest.raises(SourceError, match=r"does not give season 28 of competition 811 .* \(403"):
            engine.load(raise_errors=True)
        assert set(by_match(engine)) == {match.match_id for match in provider.seasons[0].matches}


def test_a_version_that_is_not_served_says_so(tmp_path: Path, provider: StatsBombApi):
    with engine_of(tmp_path, provider, data_spec_versions={"match": "v6", "events": "v99"}) as engine:
        report = engine.load(match_id=provider.match_ids[0])
        assert report.totals.failed == 1
        (task,) = report.failed_tasks
        assert "v99/events" in task.error
        assert "404" in task.error


def test_a_correction_that_cannot_be_fetched_costs_nothing_of_the_lake(tmp_path: Path, provider: StatsBombApi):
    match_id = provider.match_ids[0]
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        before = by_match(engine)
        provider.correct(match_id)
        provider.add_fault(Fault(path=f"v8/events/{match_id}", kind="status", status=403))
        assert engine.load().totals.failed == 1
        assert by_match(engine) == before
        provider.clear_faults()
        assert engine.load().totals.revised == 1, "what failed is fetched by the next run"


def test_kloppy_reads_what_is_stored(tmp_path: Path, provider: StatsBombApi):
    with engine_of(tmp_path, provider) as engine:
        engine.load(match_id=provider.match_ids[0])
        (dataset,) = engine.list_datasets()
        loaded = engine.load_dataset_with_kloppy(dataset)
    assert len(loaded.records) > 10
    assert loaded.metadata.game_id == str(provider.match_ids[0])
