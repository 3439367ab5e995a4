"""The DAGs of examples/airflow, over some nights of a simulated provider."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestify.testing.season import Season
from ingestify.testing.simulator import Fault, Simulator
from tests.separate.airflow.conftest import EXAMPLE
from tests.separate.airflow.running import asset_events, dags_of, forget_queue, queued, returned, run, task_states

URI = "ingestify://club/statsbomb/match"


@pytest.fixture(scope="module")
def provider():
    with Simulator(Season(matches=6, events_per_match=300, competition_id=43, season_id=106)) as provider:
        config = Path(os.environ["INGESTIFY_CONFIG_FILE"])
        config.parent.mkdir()
        text = (EXAMPLE / "config.yaml").read_text()
        settings = f'github\n    configuration: {{base_url: "{provider.base_url}"}}\n'
        config.write_text(text.replace("github\n", settings))
        yield provider


@pytest.fixture(scope="module")
def dags(provider):
    return dags_of("football")


def fill(dags):
    run_id = run(dags["fill_lake"])
    assert task_states("fill_lake", run_id) == {"statsbomb_matches": ("success", 1)}
    return returned("fill_lake", run_id), asset_events(run_id)


def count(dags):
    forget_queue()
    run_id = run(dags["count_shots"])
    assert task_states("count_shots", run_id) == {"shots": ("success", 1)}
    return returned("count_shots", run_id)


def test_some_nights(provider, dags, capsys):
    failing, broken, corrected, *others = provider.match_ids
    provider.withhold(failing, "events")
    provider.add_fault(Fault(f"events/{broken}.json", "corrupt"))

    # The first night: four matches, one that fails, and one in quarantine.
    result, events = fill(dags)
    assert result["state"] == "WARNING"
    assert result["counters"]["new"] == 4
    assert sorted(problem.partition(":")[0] for problem in result["problems"]) == ["failed", "quarantined"]
    assert f"events/{failing}.json: status 404" in str(result["problems"])
    assert result["quarantined"] == 1
    ((uri, partition, extra),) = events
    assert (uri, partition) == (URI, None)
    assert extra["changed"] == 4
    assert extra["changes"][0]["partition"] == "competition_id=43/season_id=106"
    assert extra["position"] == result["position"]
    assert extra["last_modified_at"].startswith("2024-")
    assert "StatsBomb" in extra["terms"]["statsbomb/match"]["attribution"]
    assert queued() == ["count_shots"]
    log = capsys.readouterr().out
    assert "failed: statsbomb/match" in log
    assert "quarantined: statsbomb/match" in log

    counted = count(dags)
    assert len(counted) == 4
    assert all(counted.values())

    # The second night: nothing has changed, so no DAG is woken. The two are still named.
    result, events = fill(dags)
    assert (result["state"], result["changed"], result["problem_count"]) == ("WARNING", 0, 2)
    assert events == []
    assert queued() == []
    assert count(dags) == {}

    # The third night: a corrected match, while Airflow loses the asset event, as where the other DAG is paused.
    provider.correct(corrected)
    _, ((_, _, extra),) = fill(dags)
    assert extra["changed"] == 1
    forget_queue()

    # The fourth night: another one. The task reads both.
    provider.correct(others[0])
    _, ((_, _, extra),) = fill(dags)
    assert extra["changed"] == 1
    assert queued() == ["count_shots"]
    assert len(count(dags)) == 2
    assert count(dags) == {}
