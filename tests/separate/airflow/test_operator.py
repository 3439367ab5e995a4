"""What the operator makes of a run: states, retries, asset events."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from ingestify import get_engine
from ingestify.testing.season import Season
from ingestify.testing.simulator import Fault, Simulator
from tests.separate.airflow.conftest import HOME, write_config
from tests.separate.airflow.running import asset_events, dags_of, returned, run, task_states
from tests.support.waiting import wait_until

CAMERA = """\
  camera:
    type: ingestify.files
    configuration:
      {provider: camera, location: delivered, pattern: "{match_id}_{data_feed_key}.json", settle_seconds: 0}
ingestion_plans:
"""
FIRST = "competition_id=811/season_id=27"
SECOND = "competition_id=811/season_id=28"


@pytest.fixture
def provider():
    seasons = [Season(matches=2, events_per_match=100, season_id=season) for season in (27, 28)]
    with Simulator(seasons) as provider:
        yield provider


@pytest.fixture
def config(provider, tmp_path):
    return write_config(tmp_path, "club", provider)


@pytest.fixture(scope="module")
def dags():
    return dags_of("operator_dags")


def stored(config):
    with get_engine(config) as engine:
        return len(engine.list_datasets())


def test_wrong_settings_are_not_retried(dags, config):
    config.write_text(config.read_text().replace("statsbomb_github", "statsbomb_gitlab"))
    run_id = run(dags["retried"], config)
    assert task_states("retried", run_id) == {"run": ("failed", 1)}


def test_a_lake_of_another_name_is_refused_as_its_assets_would_have_other_names(dags, config, capsys):
    config.write_text(config.read_text().replace("name: club", "name: another"))
    run_id = run(dags["retried"], config)
    assert task_states("retried", run_id) == {"run": ("failed", 1)}
    assert "by main.name and main.default_bucket" in capsys.readouterr().out


def test_an_asset_that_no_plan_brings_is_refused(dags, config, capsys):
    config.write_text(config.read_text().replace("match}", "competition}"))
    run_id = run(dags["retried"], config)
    assert task_states("retried", run_id) == {"run": ("failed", 1)}
    assert "no enabled ingestion plan" in capsys.readouterr().out


def test_a_retry_goes_on_where_the_first_try_failed_and_announces_what_both_changed(dags, provider, config):
    provider.add_fault(Fault("matches/811/28.json", "html", times=1))
    run_id = run(dags["retried"], config)
    assert task_states("retried", run_id) == {"run": ("success", 2)}
    result = returned("retried", run_id)
    assert result["counters"]["new"] == result["counters"]["unchanged"] == 2
    ((_, _, extra),) = asset_events(run_id)
    assert {one["partition"]: one["count"] for one in extra["changes"]} == {FIRST: 2, SECOND: 2}
    events = [one.path for one in provider.requests if one.path.startswith("events/")]
    assert len(events) == len(set(events)) == 4


def test_what_a_run_changed_that_failed_is_announced_by_the_next_one(dags, provider, config):
    provider.add_fault(Fault("matches/811/28.json", "html", times=1))
    first = run(dags["plain"], config)
    assert task_states("plain", first) == {"run": ("failed", 1)}
    assert asset_events(first) == []
    second = run(dags["plain"], config)
    ((_, _, extra),) = asset_events(second)
    assert extra["changed"] == 4


def test_what_a_try_announced_that_failed_at_its_end_is_announced_by_the_next_one(dags, config):
    run_id = run(dags["failing_at_its_end"], config)
    assert task_states("failing_at_its_end", run_id) == {"run": ("success", 2)}
    assert returned("failing_at_its_end", run_id)["counters"]["unchanged"] == 4
    ((_, _, extra),) = asset_events(run_id)
    assert extra["changed"] == 4
    assert asset_events(run(dags["failing_at_its_end"], config)) == []


def test_a_warning_can_be_a_failure(dags, provider, config):
    provider.withhold(provider.match_ids[0], "events")
    run_id = run(dags["strict"], config)
    assert task_states("strict", run_id) == {"run": ("failed", 1)}
    assert asset_events(run_id) == []
    assert stored(config) == 3


def test_each_partition_that_changed_has_an_asset_event(dags, provider, config):
    first = run(dags["partitioned"], config)
    assert sorted(partition for _, partition, _ in asset_events(first)) == [FIRST, SECOND]
    provider.correct(provider.match_ids[0])
    second = run(dags["partitioned"], config)
    assert [partition for _, partition, _ in asset_events(second)] == [FIRST]


def test_a_run_of_one_partition(dags, config):
    run_id = run(dags["one_partition"], config, partition=SECOND)
    assert returned("one_partition", run_id)["counters"]["discovered"] == 2
    ((_, _, extra),) = asset_events(run_id)
    assert [one["partition"] for one in extra["changes"]] == [SECOND]


def test_a_run_of_another_partition_does_not_take_over_what_a_failed_run_changed(dags, provider, config):
    provider.add_fault(Fault("matches/811/28.json", "html", times=1))
    failed = run(dags["one_partition"], config, partition="competition_id=811")
    assert task_states("one_partition", failed) == {"run": ("failed", 1)}
    assert [extra["changed"] for *_, extra in asset_events(run(dags["one_partition"], config, partition=SECOND))] == [2]
    ((_, _, extra),) = asset_events(run(dags["one_partition"], config, partition="competition_id=811"))
    assert {one["partition"] for one in extra["changes"]} == {FIRST, SECOND}


def test_only_the_asset_that_changed_has_an_asset_event(dags, provider, config):
    folder = config.parent / "delivered"
    folder.mkdir()
    (folder / "1_goals.json").write_text("{}")
    text = config.read_text().replace("ingestion_plans:\n", CAMERA)
    config.write_text(f"{text}  - {{source: camera, dataset_type: match}}\n")
    statsbomb, camera = "ingestify://club/statsbomb/match", "ingestify://club/camera/match"
    first = run(dags["two_assets"], config)
    assert {uri: extra["changed"] for uri, _, extra in asset_events(first)} == {statsbomb: 4, camera: 1}
    (folder / "2_goals.json").write_text("{}")
    second = run(dags["two_assets"], config)
    assert {uri: extra["changed"] for uri, _, extra in asset_events(second)} == {camera: 1}
    provider.correct(provider.match_ids[0])
    third = run(dags["two_assets"], config)
    assert {uri: extra["changed"] for uri, _, extra in asset_events(third)} == {statsbomb: 1}


def test_a_mapped_task(dags, config):
    run_id = run(dags["mapped"], config)
    assert task_states("mapped", run_id) == {"run[0]": ("success", 1), "run[1]": ("success", 1)}
    assert [extra["changed"] for _, _, extra in asset_events(run_id)] == [2, 2]


def test_a_task_that_is_killed_keeps_what_is_complete(dags, provider, config):
    last = f"events/{provider.match_ids[-1]}.json"
    provider.add_fault(Fault(last, "stall", seconds=60, times=1))

    def kill():
        wait_until(lambda: any(one.path == last for one in provider.requests) and stored(config) == 3)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=kill)
    thread.start()
    run_id = run(dags["plain"], config)
    thread.join()
    assert task_states("plain", run_id) == {"run": ("failed", 1)}
    assert stored(config) == 3
    assert returned("plain", run(dags["plain"], config))["counters"]["new"] == 1


def test_a_task_that_takes_too_long_keeps_what_is_complete(dags, provider, config):
    provider.add_fault(Fault(f"events/{provider.match_ids[-1]}.json", "stall", seconds=60, times=1))
    run_id = run(dags["timed_out"], config)
    assert task_states("timed_out", run_id) == {"run": ("failed", 1)}
    assert [one.name for one in threading.enumerate() if one.name.startswith("ingestify-")] == []
    kept = stored(config)
    assert kept < 4
    assert returned("plain", run(dags["plain"], config))["counters"]["new"] == 4 - kept


def test_parsing_dags_opens_nothing_and_imports_little():
    """In a process of its own, as Airflow parses DAGs, and without the config.yaml."""
    code = """
import runpy, socket, sys
import airflow.sdk, airflow.triggers.base
def refuse(*_): raise AssertionError("it connects")
socket.socket.connect = refuse
before = set(sys.modules)
for file in sys.argv[1:]: runpy.run_path(file)
print(*sorted(set(sys.modules) - before))
"""
    files = [str(file) for file in (HOME / "dags").glob("*.py")]
    assert len(files) == 3
    environment = {**os.environ, "WATCHED_CONFIG_FILE": "absent.yaml", "INGESTIFY_CONFIG_FILE": "absent.yaml"}
    command = [sys.executable, "-c", code, *files]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    imported = {one for one in ended.stdout.split() if one.startswith("ingestify.")}
    rooms = {one.split(".")[1] for one in imported}
    assert rooms == {"_version", "domain", "errors", "masking", "orchestrators", "tracebacks"}
    assert len(imported) < 20


def test_a_task_says_which_assets_it_has():
    from ingestify.orchestrators.airflow import IngestifyRunOperator

    with pytest.raises(ValueError, match="give provider and dataset_type, or assets"):
        IngestifyRunOperator(task_id="run", config="config.yaml", lake="club", provider="statsbomb")
