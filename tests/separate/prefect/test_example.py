"""The flows of ingestify and the example in examples/prefect: what Prefect shows after their runs."""

from __future__ import annotations

import json
import time
import uuid

import pytest

from ingestify.orchestrators import RunFailed, find_log_end, run_lake
from ingestify.testing.simulator import Fault
from tests.separate.conftest import SEASON_3, SEASON_106

pytestmark = [pytest.mark.usefixtures("server"), pytest.mark.timeout(400)]

URI = "ingestify://club/statsbomb/match"


def artifact(key):
    from prefect.artifacts import Artifact

    found = Artifact.get(key)
    return None if found is None else (json.loads(found.data), found.description)


def event_at(name, position):
    """The event of a name about a position in a log, once the server has it: events come in the background."""
    from prefect.client.orchestration import get_client

    end = time.monotonic() + 200
    wanted = {"filter": {"event": {"name": [name]}, "order": "DESC"}, "limit": 50}
    while time.monotonic() < end:
        with get_client(sync_client=True) as client:
            listed = client.request("POST", "/events/filter", json=wanted).json()["events"]
        found = [one for one in listed if one["payload"]["position"] == str(position)]
        if found:
            (only,) = found
            return only
        time.sleep(0.2)
    raise AssertionError(f"there is no event {name} at {position}")


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
    (outcome,) = ingestify_flow(str(config), partitions=[SEASON_3])
    assert outcome.counters["revised"] == 1
    last = event_at("ingestify.changed", find_log_end(config))
    assert last["resource"]["prefect.resource.id"] == URI
    assert last["resource"]["ingestify.partition"] == SEASON_3
    (dataset,) = last["payload"]["datasets"]
    assert dataset["identifier"].endswith(f"match_id={match_id}")
    assert (dataset["event_type"], dataset["revision_id"]) == ("revision_added", 1)


def test_failing_and_quarantined_matches_complete_with_warnings_that_name_them(config, provider):
    from ingestify.orchestrators.prefect import WITH_WARNINGS, ingestify_flow

    failing, rejected, _ = provider.match_ids[:3]
    provider.add_fault(Fault(f"events/{failing}.json"))
    provider.add_fault(Fault(f"events/{rejected}.json", "empty"))
    state = ingestify_flow(str(config), return_state=True)
    assert (state.type.value, state.name) == ("COMPLETED", WITH_WARNINGS)
    (outcome,) = state.result()
    assert outcome.counters["new"] == 4
    table, _ = artifact("ingestify-problems")
    assert {row["what"] for row in table} == {"failed", "quarantined"}
    assert any(f"events/{failing}" in row["why"] for row in table)
    last = event_at("ingestify.quarantined", outcome.position_after)
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
    with pytest.raises(RunFailed, match=f"status {status}"):
        state.result()
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
    assert ingestify_events_flow(str(config), reader) == 0
    run_lake(config, selector=SEASON_106)  # as `ingestify run`
    assert ingestify_events_flow(str(config), reader) == 1
    assert ingestify_events_flow(str(config), reader) == 0
    last = event_at("ingestify.changed", find_log_end(config))
    assert (last["resource"]["prefect.resource.id"], last["payload"]["partition_key"]) == (URI, SEASON_106)


def test_a_flow_that_calls_a_failed_one_fails_too(config):
    from prefect import flow

    from ingestify.orchestrators.prefect import ingestify_flow

    @flow
    def outer():
        ingestify_flow(str(config), partitions=["no key"])

    with pytest.raises(RunFailed, match="is no partition key"):
        outer()


def test_each_lake_has_a_position_of_its_own(config):
    from ingestify.orchestrators.prefect import ingestify_events_flow

    lakes = []
    for name in ("first.lake", "second"):
        folder = config.parent / name
        folder.mkdir()
        (folder / "config.yaml").write_text(config.read_text().replace("name: club", f"name: {name}"))
        run_lake(folder, selector=SEASON_3)
        lakes.append(str(folder))
    assert [ingestify_events_flow(lake) for lake in lakes * 2] == [0, 0, 0, 0]
