"""An engine against a simulated provider: over real HTTP, with corrections, missing files, faults and limits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionEngine, IngestionPlan, get_engine
from ingestify.clock import now
from ingestify.errors import ConfigurationError
from ingestify.sources import statsbomb_github
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Fault, Simulator


@pytest.fixture
def provider() -> Iterator[Simulator]:
    with Simulator(Season(matches=9, seed=5, events_per_match=120)) as simulator:
        yield simulator


@pytest.fixture
def engine(tmp_path: Path, provider: Simulator) -> Iterator[IngestionEngine]:
    with make_engine(tmp_path, provider) as made:
        yield made


def make_engine(folder: Path, provider: Simulator, **plan: Any) -> IngestionEngine:
    engine = get_engine(metadata_url=f"sqlite:///{folder}/catalog.db", file_url=f"file://{folder}/files")
    source = StatsBombGithub("statsbomb", base_url=provider.base_url)
    engine.add_ingestion_plan(IngestionPlan(source, "match", **plan))
    return engine


def by_match(engine: IngestionEngine) -> dict[int, Any]:
    return {dataset.identifier["match_id"]: dataset for dataset in engine.list_datasets()}


def files_asked_for(provider: Simulator) -> list[str]:
    return sorted(path for path in provider.paths() if "competitions" not in path and "matches/" not in path)


def test_every_byte_is_the_providers(engine: IngestionEngine, provider: Simulator):
    report = engine.load()
    assert (report.totals.new, report.totals.failed) == (9, 0)
    assert report.totals.requests == len(provider.requests) == 2 + 2 * 9 + 3
    (season,) = provider.seasons
    for match_id, dataset in by_match(engine).items():
        files = engine.store.load_files(dataset)
        assert files.get_file("events").read() == season.events(match_id)
        assert files.get_file("lineups").stream.read() == season.lineups(match_id)


def test_a_second_run_only_asks_for_the_indexes(engine: IngestionEngine, provider: Simulator):
    engine.load()
    provider.clear_requests()
    assert engine.load().totals.unchanged == 9
    assert files_asked_for(provider) == []


def test_a_correction_costs_its_own_match_and_the_rest_of_it_is_asked_for_conditionally(
    engine: IngestionEngine, provider: Simulator
):
    engine.load()
    provider.clear_requests()
    match_id = provider.match_ids[0]
    provider.correct(match_id, "events")
    assert engine.load().totals.revised == 1
    asked = sorted((request.path, request.status) for request in provider.requests if str(match_id) in request.path)
    # Once to fetch, and once more to make sure that they are of one moment.
    assert asked == [
        (f"events/{match_id}.json", 200),
        (f"events/{match_id}.json", 304),
        (f"lineups/{match_id}.json", 304),
        (f"lineups/{match_id}.json", 304),
        (f"three-sixty/{match_id}.json", 304),
        (f"three-sixty/{match_id}.json", 304),
    ]
    assert len(files_asked_for(provider)) == 6
    dataset = by_match(engine)[match_id]
    assert {file.data_feed_key for file in dataset.revisions[1].modified_files} == {"events", "match"}


def test_a_time_that_moves_without_other_bytes_is_asked_for_once(engine: IngestionEngine, provider: Simulator):
    engine.load()
    match_id = provider.match_ids[0]
    provider.touch(match_id)
    report = engine.load()
    # The index entry is the `match` feed, and it holds the time: that is what is new.
    assert report.totals.revised == 1
    assert [file.data_feed_key for file in by_match(engine)[match_id].revisions[1].modified_files] == ["match"]
    provider.clear_requests()
    assert engine.load().totals.unchanged == 9
    assert files_asked_for(provider) == []


def test_without_validators_the_bytes_decide(tmp_path: Path):
    season = Season(matches=3, seed=5, events_per_match=60, matches_with_360=0)
    with Simulator(season, etag=False, last_modified=False) as provider, make_engine(tmp_path, provider) as engine:
        engine.load()
        provider.touch(provider.match_ids[0])
        engine.load()
        assert [request.status for request in provider.requests[-2:]] == [200, 200]
        revision = by_match(engine)[provider.match_ids[0]].revisions[1]
        assert [file.data_feed_key for file in revision.modified_files] == ["match"]


def test_360_frames_that_appear_later_are_picked_up(engine: IngestionEngine, provider: Simulator):
    engine.load()
    match_id = provider.match_ids[-1]
    assert "360-frames__v1" not in by_match(engine)[match_id].files
    provider.publish_360(match_id)
    assert engine.load().totals.revised == 1
    assert "360-frames__v1" in by_match(engine)[match_id].files


def test_a_promised_360_file_that_is_not_there_is_left_out_and_asked_for_again_later(
    engine: IngestionEngine, provider: Simulator, monkeypatch: pytest.MonkeyPatch
):
    import datetime as dt

    match_id = provider.match_ids[0]
    provider.withhold(match_id, "360-frames")
    report = engine.load()
    assert (report.totals.new, report.totals.failed) == (9, 0)
    assert set(by_match(engine)[match_id].files) == {"match__v1", "lineups__v1", "events__v1"}
    provider.clear_requests()
    engine.load()
    assert files_asked_for(provider) == [], "a run right after it believes the 404"

    later = now() + dt.timedelta(minutes=2)
    monkeypatch.setattr("ingestify.domain.fetch_policy.now", lambda: later)
    engine.load()
    assert f"three-sixty/{match_id}.json" in files_asked_for(provider)
    provider.release(match_id, "360-frames")
    assert engine.load().totals.revised == 1
    assert "360-frames__v1" in by_match(engine)[match_id].files


def test_a_feed_that_is_added_to_the_plan_is_fetched_although_no_time_moved(tmp_path: Path, provider: Simulator):
    with make_engine(tmp_path, provider, data_spec_versions={"match": "v1"}) as engine:
        engine.load()
        assert all("360-frames__v2" not in dataset.files for dataset in engine.list_datasets())
    with make_engine(tmp_path, provider, data_spec_versions={"match": "v1", "360-frames": "v2"}) as engine:
        assert engine.load().totals.revised == 3
        assert sum("360-frames__v2" in dataset.files for dataset in engine.list_datasets()) == 3
        assert engine.load().totals.unchanged == 9


def test_a_match_whose_file_is_missing_fails_alone_and_comes_when_it_is_there(
    engine: IngestionEngine, provider: Simulator
):
    match_id = provider.match_ids[4]
    provider.withhold(match_id, "lineups")
    report = engine.load()
    assert (report.totals.new, report.totals.failed) == (8, 1)
    (task,) = report.failed_tasks
    assert "status 404" in task.error
    assert f"lineups/{match_id}.json" in task.error
    assert match_id not in by_match(engine)
    provider.release(match_id, "lineups")
    assert engine.load().totals.new == 1


def test_faults_that_pass_are_retried(engine: IngestionEngine, provider: Simulator):
    for kind in ("reset", "truncate", "status"):
        provider.add_fault(Fault(path="events/*", kind=kind, times=2, status=503, retry_after=0))
    report = engine.load()
    assert (report.totals.new, report.totals.failed) == (9, 0)
    assert report.totals.requests == len(provider.requests) > 23


def test_a_revision_is_never_half_of_a_correction(engine: IngestionEngine, provider: Simulator):
    engine.load()
    match_id = provider.match_ids[0]
    before = by_match(engine)[match_id]
    provider.correct(match_id, "events", "lineups")
    provider.add_fault(Fault(path=f"lineups/{match_id}.json", kind="status", status=403))
    assert engine.load().totals.failed == 1
    assert by_match(engine)[match_id] == before
    provider.clear_faults()
    assert engine.load().totals.revised == 1
    assert {file.data_feed_key for file in by_match(engine)[match_id].revisions[1].modified_files} >= {
        "events",
        "lineups",
    }


def test_files_are_fetched_side_by_side(tmp_path: Path):
    with Simulator(Season(matches=20, seed=2, events_per_match=40), latency_seconds=0.1) as provider:
        with make_engine(tmp_path, provider) as engine:
            report = engine.load()
        assert provider.peak_in_flight > 16
        assert report.duration_seconds < 0.1 * len(provider.requests) / 4


def test_a_rate_limit_holds_for_indexes_and_files(tmp_path: Path):
    (tmp_path / "config.yaml").write_text("""
main: {metadata_url: "sqlite:///catalog.db", file_url: "file://files"}
sources:
  statsbomb:
    type: ingestify.statsbomb_github
    configuration: {base_url: !ENV "${SIMULATOR}"}
    rate_limit: {requests_per_second: 20}
    max_concurrency: 3
ingestion_plans: [{source: statsbomb, dataset_type: match}]
""")
    with Simulator(Season(matches=9, seed=2, events_per_match=40), latency_seconds=0.02) as provider:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SIMULATOR", provider.base_url)
            with get_engine(tmp_path / "config.yaml") as engine:
                assert engine.load().totals.new == 9
        moments = sorted(request.at_seconds for request in provider.requests)
        assert provider.peak_in_flight <= 3
        for first, last in zip(moments, moments[20:], strict=False):
            assert last - first > 0.95


def test_streaming_open_data_needs_no_plan(tmp_path: Path, provider: Simulator, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statsbomb_github, "BASE_URL", provider.base_url)
    engine = get_engine(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files")
    options = {"use_open_data": True, "streaming": True}
    for _ in range(2):
        stream = engine.iter_datasets(auto_ingest=options, provider="statsbomb", dataset_type="match")
        assert sorted(dataset.identifier["match_id"] for dataset in stream) == sorted(provider.match_ids)
    engine.close()


def test_two_engines_on_one_lake_make_one_dataset_for_each_match(tmp_path: Path, provider: Simulator):
    engines = [make_engine(tmp_path, provider) for _ in range(2)]
    reports: list[Any] = []
    threads = [threading.Thread(target=lambda one=engine: reports.append(one.load())) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.totals.failed for report in reports] == [0, 0]
    datasets = engines[0].list_datasets()
    assert len(datasets) == len({dataset.identifier for dataset in datasets}) == 9
    assert all([revision.revision_id for revision in dataset.revisions] == [0] for dataset in datasets)
    for engine in engines:
        engine.close()


@pytest.mark.parametrize(("method", "suffix"), [("zstd", ".zst"), ("gzip", ".gz"), ("none", ".json")])
def test_compression_is_a_setting_for_new_files_and_old_ones_stay_readable(
    tmp_path: Path, provider: Simulator, method: str, suffix: str
):
    config = tmp_path / "config.yaml"
    text = (
        "main: {metadata_url: sqlite:///catalog.db, file_url: file://files, compression: METHOD}\n"
        "sources:\n"
        f"  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: {provider.base_url}}}}}\n"
        "ingestion_plans: [{source: statsbomb, dataset_type: match, data_spec_versions: {match: v1}}]\n"
    )
    config.write_text(text.replace("METHOD", method))
    with get_engine(config) as engine:
        engine.load()
        files = [file for dataset in engine.list_datasets() for file in dataset.files.values()]
    assert {file.storage_compression_method for file in files} == {method}
    assert all(file.storage_path.endswith(suffix) for file in files)
    first = provider.match_ids[0]
    provider.correct(first, "events")
    config.write_text(text.replace("METHOD", "zstd"))
    with get_engine(config) as engine:
        assert engine.load().totals.revised == 1
        datasets = by_match(engine)
        revised = {file.storage_compression_method for file in datasets.pop(first).files.values()}
        assert revised == {method, "zstd"}
        (season,) = provider.seasons
        for match_id, dataset in datasets.items():
            assert engine.store.load_files(dataset).get_file("events").read() == season.events(match_id)


def test_an_unknown_compression_is_a_clear_error(tmp_path: Path):
    config = tmp_path / "config.yaml"
    config.write_text("main: {metadata_url: sqlite:///catalog.db, file_url: file://files, compression: lz4}\n")
    with pytest.raises(ConfigurationError, match=r"compression.*'zstd', 'gzip' or 'none'"):
        get_engine(config)
