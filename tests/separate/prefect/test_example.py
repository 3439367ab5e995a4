"""The flows of ingestify and the example in examples/prefect: what Prefect shows after their runs."""

from __future__ import annotations

import json
import time
import uuid

import pytest

pytest.importorskip("prefect", reason="make test-separate EXTRA=prefect")

from ingestify.orchestrators import find_log_end, run_lake
from ingestify.testing.simulator import Fault
from tests.separate.conftest import SEASON_3, SEASON_106

pytestmark = [pytest.mark.usefixtures("server"), pytest.mark.timeout(400)]

URI = "ingestify://club/statsbomb/match"


def artifact(key):
    from prefect.artifacts import Artifact

    found = Artifact.get(key)
    return None if found is None else (json.loads(found.data), found.description)


def events(name, wanted):
    """The events of a name that the server got, once there are as many."""
    from prefect.client.orchestration import get_client

    end = time.monotonic() + 60
    while True:
        with get_client(sync_client=True) as client:
            answer = client.request(
                "POST", "/events/filter", json={"filter": {"event": {"name": [name]}, "order": "ASC"}, "limit": 50}
            )
        found = [one for one in answer.json()["events"] if one["event"] == name]
        if len(found) >= wanted or time.monotonic() > end:
            return found
        time.sleep(0.2)


def test_nothing_is_opened_by_the_module(example_module, config, provider):
    assert example_module.morning.name == "morning"
    assert not provider.requests
    assert not (config.parent / "database").exists()


def test_the_example_counts_the_seasons_that_changed_and_a_second_run_counts_none(example_module, provider):
    first = example_module.morning()
    assert set(first) == {SEASON_3, SEASON_106}
    assert example_module.morning() == {}
    provider.correct(provider.match_ids[0])
    assert set(example_module.morning()) == {SEASON_3}


def test_a_run_leaves_a_table_and_events_that_automations_can_use(config, provider):
    from ingestify.orchestrators.prefect import ingestify_flow

    state = ingestify_flow(str(config), return_state=True)
    assert (state.type.value, state.name) == ("COMPLETED", "Completed")
    table, description = artifact("ingestify-run")
    assert {(row["asset"], row["partition"], row["changed"]) for row in table} == {
        ("statsbomb/match", SEASON_3, 3),
        ("statsbomb/match", SEASON_106, 3),
    }
    assert "new=6" in description
    assert "StatsBomb Public Data User Agreement" in description
    match_id = provider.match_ids[0]
    provider.correct(match_id)
    before = len(events("ingestify.changed", 2))
    (outcome,) = ingestify_flow(str(config), partitions=[SEASON_3])
    assert outcome.counters["revised"] == 1
    last = events("ingestify.changed", before + 1)[-1]
    assert last["resource"]["prefect.resource.id"] == URI
    assert last["resource"]["ingestify.partition"] == SEASON_3
    assert last["payload"]["position"] == str(find_log_end(config))
    (dataset,) = last["payload"]["datasets"]
    assert dataset["identifier"].endswith(f"match_id={match_id}")
    assert (dataset["event_type"], dataset["revision_id"]) == ("revision_added", 1)


def test_failing_and_quarantined_matches_complete_with_warnings_that_name_them(config, provider):
    from ingestify.orchestrators.prefect import WITH_WARNINGS, ingestify_flow

    failing, rejected, _ = provider.match_ids[:3]
    provider.add_fault(Fault(f"events/{failing}.json"))
    provider.add_fault(Fault(f"events/{rejected}.json", "empty"))
    before = len(events("ingestify.quarantined", 0))
    state = ingestify_flow(str(config), return_state=True)
    assert (state.type.value, state.name) == ("COMPLETED", WITH_WARNINGS)
    (outcome,) = state.result()
    assert outcome.counters["new"] == 4
    table, _ = artifact("ingestify-problems")
    assert {row["what"] for row in table} == {"failed", "quarantined"}
    assert any(f"events/{failing}" in row["why"] for row in table)
    last = events("ingestify.quarantined", before + 1)[-1]
    assert last["resource"]["prefect.resource.id"] == URI
    assert last["payload"]["datasets"] == [one.name for one in outcome.quarantined]


@pytest.mark.parametrize(("status", "asked"), [(503, 3), (401, 1)])
def test_a_failed_run_fails_and_is_tried_again_if_that_can_help(config, provider, status, asked):
    from ingestify.orchestrators.prefect import ingestify_flow

    provider.add_fault(Fault("matches/43/3.json", status=status))
    state = ingestify_flow(
        str(config), partitions=[SEASON_3, SEASON_106], retries=2, retry_delay_seconds=0, return_state=True
    )
    assert state.is_failed()
    assert provider.paths().count("matches/43/3.json") == asked
    assert run_lake(config, selector=SEASON_106).counters["unchanged"] == 3  # it was run all the same


def test_a_retry_does_not_repeat_what_finished(config, provider):
    from ingestify.orchestrators.prefect import ingestify_flow

    provider.add_fault(Fault("matches/43/106.json", times=1))
    (outcome,) = ingestify_flow(str(config), retries=1, retry_delay_seconds=0)
    assert (outcome.counters["new"], outcome.counters["unchanged"]) == (3, 3)


def test_what_others_changed_becomes_events_once_and_from_where_the_flow_was(config):
    from ingestify.orchestrators.prefect import ingestify_events_flow

    reader = f"position_{uuid.uuid4().hex}"
    before = len(events("ingestify.changed", 0))
    assert ingestify_events_flow(str(config), reader) == 0
    run_lake(config, selector=SEASON_106)  # as `ingestify run`
    assert ingestify_events_flow(str(config), reader) == 1
    assert ingestify_events_flow(str(config), reader) == 0
    last = events("ingestify.changed", before + 1)[-1]
    assert (last["resource"]["prefect.resource.id"], last["payload"]["partition_key"]) == (URI, SEASON_106)
