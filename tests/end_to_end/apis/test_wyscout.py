"""Wyscout's API: its rate limit, its feed of changes, deletions, and a pause of more than a week."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import DatasetState, IngestionEngine
from ingestify.clock import now
from ingestify.errors import ConfigurationError
from ingestify.sources import wyscout_changes
from ingestify.sources.wyscout import Wyscout
from ingestify.testing.simulator import Fault
from tests.end_to_end.apis.lakes import by_match, feeds_of, make_engine, small_season
from tests.support.provider_apis.wyscout import WyscoutApi


@pytest.fixture
def provider() -> Iterator[WyscoutApi]:
    with WyscoutApi([small_season(), small_season(3, season_id=28)], requests_per_second=None) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _each_run_looks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    # Runs follow each other here faster than anybody's.
    monkeypatch.setattr(wyscout_changes, "KEPT_SECONDS", 0.0)


def engine_of(folder: Path, provider: WyscoutApi, limited: bool = False, **plan: Any) -> IngestionEngine:
    source = Wyscout("wyscout", provider.username, provider.password, competitions=[811], base_url=provider.base_url)
    if not limited:
        source.requests_per_second = None
    return make_engine(folder, source, **plan)


def files_asked_for(provider: WyscoutApi) -> list[str]:
    return sorted(path.partition("?")[0] for path in provider.paths() if path.startswith("matches/"))


def test_a_season_with_everything_that_kloppy_needs(tmp_path: Path, provider: WyscoutApi):
    with engine_of(tmp_path, provider) as engine:
        report = engine.load()
        assert (report.totals.new, report.totals.failed) == (9, 0)
        dataset = by_match(engine)[provider.match_ids[0]]
        assert (dataset.state, feeds_of(dataset)) == (DatasetState.COMPLETE, {"match", "events", "formations"})
        assert dataset.name == provider_name(provider, 0)
        loaded = engine.load_dataset_with_kloppy(dataset)
        assert loaded.metadata.teams[0].starting_formation is not None
        assert len(engine.load_dataset_with_kloppy(dataset, data_version="V3").records) == len(loaded.records) > 5


def provider_name(provider: WyscoutApi, place: int) -> str:
    match = provider.seasons[0].matches[place]
    return f"{match.home.name} {match.home_score}-{match.away_score} {match.away.name}, {match.kick_off:%Y-%m-%d}"


@pytest.mark.parametrize("feed", ["split", "single"])
def test_a_second_run_asks_for_the_lists_and_the_feed_of_changes(tmp_path: Path, provider: WyscoutApi, feed: str):
    provider.feed = feed
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        provider.clear_requests()
        assert engine.load().totals.unchanged == 9
        assert files_asked_for(provider) == []
        assert any(path.startswith("updatedobjects") for path in provider.paths())


@pytest.mark.parametrize("feed", ["split", "single"])
def test_a_correction_is_found_by_the_feed_and_costs_its_own_match(tmp_path: Path, provider: WyscoutApi, feed: str):
    provider.feed = feed
    match_id = provider.match_ids[2]
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        provider.correct(match_id)
        provider.clear_requests()
        assert engine.load().totals.revised == 1
        assert {path.split("/")[1] for path in files_asked_for(provider)} == {str(match_id)}
        revised = by_match(engine)[match_id].revisions[1]
        assert {file.data_feed_key for file in revised.modified_files} == {"events"}
        provider.clear_requests()
        engine.load()
        # The feed goes back an hour further than it must: what is in it is asked for once more, conditionally.
        asked = {request.status for request in provider.requests if request.path.startswith("matches/")}
        assert asked <= {304}


def test_the_feed_is_read_to_its_last_page(tmp_path: Path, provider: WyscoutApi):
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        for player in range(250):
            provider.touch("matchevents", 5_000_000 + player)
        provider.correct(provider.match_ids[1])
        provider.clear_requests()
        assert engine.load().totals.revised == 1
        pages = [path for path in provider.paths() if path.startswith("updatedobjects/updated?type=matchevents")]
        assert len({path.rpartition("page=")[2] for path in pages}) == 3


def test_after_a_week_each_match_is_asked_for(tmp_path: Path, provider: WyscoutApi, monkeypatch: pytest.MonkeyPatch):
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        # A correction that the feed has forgotten by then.
        provider.correct(provider.match_ids[0])
        later = now() + dt.timedelta(hours=169)
        provider.utc_now = lambda: later
        monkeypatch.setattr("ingestify.sources.wyscout_changes.now", lambda: later)
        monkeypatch.setattr("ingestify.sources.wyscout.now", lambda: later)
        provider.clear_requests()
        assert engine.load().totals.revised == 1
        assert {path.split("/")[1] for path in files_asked_for(provider)} == set(map(str, provider.match_ids))
        statuses = [request.status for request in provider.requests if request.path.startswith("matches/")]
        assert statuses.count(304) >= 2 * 8, "conditionally"
        assert not any(path.startswith("updatedobjects") for path in provider.paths())


def test_a_match_that_failed_is_in_the_next_run_s_changes(tmp_path: Path, provider: WyscoutApi):
    match_id = provider.match_ids[0]
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        provider.correct(match_id)
        provider.add_fault(Fault(path=f"matches/{match_id}/events*", kind="status", status=403))
        assert engine.load().totals.failed == 1
        provider.clear_faults()
        assert engine.load().totals.revised == 1


def test_a_fixture_is_scheduled_until_it_is_played(tmp_path: Path, provider: WyscoutApi):
    match_id = provider.match_ids[0]
    provider.set_status(match_id, "Fixture")
    with engine_of(tmp_path, provider) as engine:
        assert engine.load().totals.failed == 0
        assert by_match(engine)[match_id].state is DatasetState.SCHEDULED
        assert not any(str(match_id) in path for path in files_asked_for(provider))
        provider.set_status(match_id, "Played")
        engine.load()
        assert by_match(engine)[match_id].state is DatasetState.COMPLETE


def test_what_wyscout_deletes_is_missing_or_warned_of_and_kept(
    tmp_path: Path, provider: WyscoutApi, caplog: pytest.LogCaptureFixture
):
    first, second = provider.match_ids[:2]
    with engine_of(tmp_path, provider) as engine:
        engine.load()
        provider.delete(first)
        provider.delete(second, "matchevents")
        with caplog.at_level("WARNING"):
            assert engine.load().totals.failed == 0
        assert f"match_id={second}: the provider no longer has 'events__v1'" in caplog.text
        datasets = by_match(engine)
        assert [datasets[match_id].state for match_id in (first, second)] == [
            DatasetState.MISSING,
            DatasetState.COMPLETE,
        ]
        assert all("events" in feeds_of(datasets[match_id]) for match_id in (first, second))


def test_one_match_costs_one_match_s_requests(tmp_path: Path, provider: WyscoutApi):
    match_id = provider.match_ids[0]
    selector = {"competition_id": 811, "season_id": provider.seasons[0].season_id}
    with engine_of(tmp_path, provider, selectors=[selector]) as engine:
        assert engine.load(match_id=match_id).totals.new == 1
    index, *files = (path.partition("?")[0] for path in provider.paths())
    assert index == f"seasons/{provider.seasons[0].season_id}/matches"
    assert files.pop() == index, "once more, as the files have no dates: is the entry as it was?"
    assert set(files) == {f"matches/{match_id}/events", f"matches/{match_id}/formations"}


def test_twelve_requests_a_second_are_kept_without_any_setting(tmp_path: Path):
    season = small_season(matches=6)
    with (
        WyscoutApi(season, requests_per_second=None) as provider,
        engine_of(tmp_path, provider, limited=True) as engine,
    ):
        assert engine.load().totals.new == 6
        moments = sorted(request.at_seconds for request in provider.requests)
        # As they arrive, which on a busy machine is not as evenly as they are sent; without a limit it is hundreds.
        assert (len(moments) - 1) / (moments[-1] - moments[0]) <= 16


def test_a_429_with_its_json_body_is_waited_for(tmp_path: Path, provider: WyscoutApi, passing_time: object):
    provider.add_fault(Fault(path="matches/*", kind="status", status=429, times=1))
    match = provider.seasons[1].matches[0]
    with engine_of(tmp_path, provider, selectors=[{"competition_id": 811, "season_id": 28}]) as engine:
        assert engine.load(match_id=match.match_id).totals.new == 1


def test_wrong_credentials_and_nothing_to_discover_are_named(tmp_path: Path, provider: WyscoutApi):
    provider.password = "changed-meanwhile"
    source = Wyscout("wyscout", provider.username, "a-long-password", areas=["VAL"], base_url=provider.base_url)
    with (
        make_engine(tmp_path, source) as engine,
        pytest.raises(ConfigurationError, match=r"sources\.wyscout\.configuration"),
    ):
        engine.load(raise_errors=True)
    provider.password = "a-long-password"
    with (
        make_engine(tmp_path, Wyscout("w", "u", "w-key-0815", base_url=provider.base_url)) as engine,
        pytest.raises(ConfigurationError, match=r"competitions or \.areas"),
    ):
        engine.load(raise_errors=True)


def test_the_competitions_of_an_area_are_discovered(tmp_path: Path, provider: WyscoutApi):
    source = Wyscout("wyscout", provider.username, provider.password, areas=["VAL"], base_url=provider.base_url)
    source.requests_per_second = None
    with make_engine(tmp_path, source) as engine:
        assert engine.load().totals.new == 9


def test_nothing_is_lost_in_the_hour_that_comes_twice(
    tmp_path: Path, provider: WyscoutApi, monkeypatch: pytest.MonkeyPatch
):
    # In Rome the clocks go back at 01:00 UTC: 00:30 and 01:30 UTC are both 02:30 there.
    moment = dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)
    provider.utc_now = lambda: moment
    for module in ("engine.report.report", "sources.wyscout", "sources.wyscout_changes"):
        monkeypatch.setattr(f"ingestify.{module}.now", lambda: moment)
    with engine_of(tmp_path, provider) as engine:
        assert engine.load().totals.new == 9
        for match_id, minutes in zip(provider.match_ids, (1, 29, 31, 59, 89, 91), strict=False):
            provider.correct(
                match_id, at=dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC) + dt.timedelta(minutes=minutes)
            )
        moment = dt.datetime(2026, 10, 25, 2, 5, tzinfo=dt.UTC)
        assert engine.load().totals.revised == 6
