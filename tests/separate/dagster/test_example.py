"""The example in examples/dagster: what Dagster shows after its runs."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import pytest

from ingestify import get_datastore, get_engine
from ingestify.orchestrators import find_log_end, lake_assets, run_lake
from ingestify.testing.simulator import Fault
from tests.separate.conftest import SEASON_3, SEASON_106

MATCH = dg.AssetKey(["statsbomb", "match"])
ALL_PASSED = {"quarantine": True, "complete": True, "checks": True}


@pytest.fixture
def materialize(definitions, instance):
    """Materializes assets of the example."""

    def run(selection=MATCH, partition=SEASON_3, raise_on_error=True):
        return dg.materialize(
            definitions.defs.assets,
            selection=[selection],
            partition_key=partition,
            instance=instance,
            raise_on_error=raise_on_error,
        )

    return run


def materialized(result, key=MATCH):
    """The materializations of an asset in a run."""
    return [one for one in result.get_asset_materialization_events() if one.asset_key == key]


def metadata_of(event):
    return {name: one.value for name, one in event.materialization.metadata.items()}


def checks_of(result):
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


def test_nothing_is_opened_by_the_definitions(definitions, config, provider):
    definitions.defs.get_repository_def().load_all_definitions()
    assert not provider.requests
    assert not (config.parent / "database").exists()
    (spec,) = (spec for spec in definitions.defs.resolve_all_asset_specs() if spec.key == MATCH)
    assert spec.partitions_def.get_partition_keys() == [SEASON_3, SEASON_106]
    assert spec.metadata["ingestify/uri"] == "ingestify://club/statsbomb/match"
    assert spec.skippable


def test_a_run_materializes_its_partition_with_what_came(materialize, config, provider):
    result = materialize()
    (event,) = materialized(result)
    assert event.partition == SEASON_3
    metadata = metadata_of(event)
    assert (metadata["ingestify/new"], metadata["ingestify/changed"], metadata["ingestify/failed"]) == (3, 3, 0)
    assert metadata["ingestify/requests"] == len(provider.requests)
    assert "StatsBomb" in metadata["ingestify/licence"]
    end = find_log_end(config)
    assert metadata["ingestify/position"] == str(end)
    assert event.materialization.tags["dagster/data_version"] == str(end)
    assert str(provider.match_ids[0]) in metadata["ingestify/datasets"]
    assert metadata["ingestify/provider_time"] > 0
    assert {name: one.passed for name, one in checks_of(result).items()} == ALL_PASSED


def test_an_unchanged_run_materializes_nothing_and_succeeds(materialize):
    materialize()
    result = materialize()
    assert result.success
    assert materialized(result) == []
    assert {name: one.passed for name, one in checks_of(result).items()} == ALL_PASSED


def test_a_corrected_match_is_materialized_again_and_read_by_the_asset_below(materialize, provider):
    materialize()
    first = materialize(dg.AssetKey("shots"))
    match_id = provider.match_ids[0]
    provider.correct(match_id)
    (event,) = materialized(materialize())
    metadata = metadata_of(event)
    assert (metadata["ingestify/revised"], metadata["ingestify/unchanged"]) == (1, 2)
    assert str(match_id) in metadata["ingestify/datasets"]
    shown = metadata_of(*materialized(first, dg.AssetKey("shots")))
    assert shown["matches"] == 3


def test_failing_and_quarantined_matches_warn_with_their_names_and_the_run_succeeds(materialize, provider):
    failing, rejected, _ = provider.match_ids[:3]
    provider.add_fault(Fault(f"events/{failing}.json"))
    provider.add_fault(Fault(f"events/{rejected}.json", "empty"))
    result = materialize()
    assert result.success
    (event,) = materialized(result)
    assert metadata_of(event)["ingestify/new"] == 1
    checks = checks_of(result)
    assert {name: (one.passed, one.severity) for name, one in checks.items()} == {
        "quarantine": (False, dg.AssetCheckSeverity.WARN),
        "complete": (False, dg.AssetCheckSeverity.WARN),
        "checks": (True, dg.AssetCheckSeverity.WARN),
    }
    quarantine, complete = checks["quarantine"], checks["complete"]
    assert quarantine.metadata["ingestify/waiting"].value == 1
    assert complete.metadata["ingestify/problems"].value == 1
    assert f"events/{failing}" in complete.metadata["ingestify/datasets"].value
    assert f"events/{failing}" in complete.description
    assert {one.metadata["ingestify/partition"].value for one in checks.values()} == {SEASON_3}


def test_what_a_check_warns_of_is_shown_and_the_match_is_published(materialize, config):
    rule = "{provider: statsbomb, dataset_type: match, checks: [{type: own_checks.Odd, mode: warn}]}"
    config.write_text(f"{config.read_text()}\ndataset_types: [{rule}]\n")
    (config.parent / "own_checks.py").write_text(
        "from ingestify import BundleCheck\n\n\n"
        "class Odd(BundleCheck):\n"
        "    def find_problems(self, bundle):\n"
        "        return ['it has no VAR']\n"
    )
    result = materialize()
    (event,) = materialized(result)
    assert metadata_of(event)["ingestify/warned"] == 3
    check = checks_of(result)["checks"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "it has no VAR" in check.metadata["ingestify/datasets"].value


def test_a_failed_run_says_why_and_shows_what_came_all_the_same(materialize, provider):
    provider.add_fault(Fault("matches/43/3.json", status=401))
    result = materialize(raise_on_error=False)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    data = failure.step_failure_data.user_failure_data
    assert "matches/43/3.json" in data.description
    assert data.metadata["ingestify/retry_may_help"].value is False
    assert materialized(result) == []


@pytest.mark.parametrize(("status", "retries"), [(503, 2), (401, 0)])
def test_a_failed_run_is_tried_again_if_that_can_help(config, instance, provider, status, retries):
    from ingestify.orchestrators.dagster import ingestify_assets

    provider.add_fault(Fault("matches/43/3.json", status=status))
    assets = ingestify_assets(config, retry_policy=dg.RetryPolicy(max_retries=2))
    result = dg.materialize(assets, partition_key=SEASON_3, instance=instance, raise_on_error=False)
    assert not result.success
    assert len([one for one in result.all_events if one.event_type_value == "STEP_UP_FOR_RETRY"]) == retries


@pytest.mark.parametrize(("retry_after", "succeeds"), [(2, True), (7200, False)])
def test_a_host_that_wants_to_be_left_alone_is_asked_again_then_if_that_is_soon(
    config, instance, provider, retry_after, succeeds
):
    from ingestify.orchestrators.dagster import ingestify_assets

    limit = "retries: {attempts: 1, max_retry_after_seconds: 1}"
    config.write_text(config.read_text().replace("retries: {attempts: 1}", limit))
    provider.add_fault(Fault("matches/43/3.json", status=429, retry_after=retry_after, times=1))
    assets = ingestify_assets(config, retry_policy=dg.RetryPolicy(max_retries=2, delay=0))
    result = dg.materialize(assets, partition_key=SEASON_3, instance=instance, raise_on_error=False)
    assert result.success is succeeds
    assert provider.paths().count("matches/43/3.json") == 1 + succeeds
    if not succeeds:
        (failure,) = result.get_step_failure_events()
        assert "ingestify/retry_at" in failure.step_failure_data.user_failure_data.metadata


def test_a_retry_goes_on_and_does_not_repeat_what_finished(config, instance, provider):
    from ingestify.orchestrators.dagster import ingestify_assets

    provider.add_fault(Fault("matches/43/106.json", times=1))
    assets = ingestify_assets(config, partitioned=False, retry_policy=dg.RetryPolicy(max_retries=1))
    result = dg.materialize(assets, instance=instance)
    assert result.success
    asked = [one for one in provider.paths() if one.startswith("events/")]
    assert all(asked.count(one) <= 2 for one in asked)  # the second time to make sure that all files are of one moment
    assert sum(metadata_of(one)["ingestify/new"] for one in materialized(result)) == 6


# ---- sensors ---------------------------------------------------------------------------------------------------


def tick(definitions, instance, name, cursor=None):
    sensor = definitions.defs.get_sensor_def(name)
    context = dg.build_sensor_context(instance=instance, cursor=cursor, definitions=definitions.defs, sensor_name=name)
    return sensor.evaluate_tick(context)


def test_the_sensor_tells_of_what_others_changed_and_requests_a_run_for_each_partition(
    definitions, config, instance, materialize, provider
):
    first = tick(definitions, instance, "ingestify_events")
    assert (first.run_requests, first.asset_events) == ([], [])
    run_lake(config, selector=SEASON_106)  # as `ingestify run`
    second = tick(definitions, instance, "ingestify_events", first.cursor)
    (told,) = second.asset_events
    assert (told.asset_key, told.partition) == (MATCH, SEASON_106)
    assert told.metadata["ingestify/changed"].value == 3
    (request,) = second.run_requests
    end = find_log_end(config)
    assert (request.run_key, request.partition_key) == (f"statsbomb/match/{SEASON_106}@{end}", SEASON_106)
    assert second.cursor == str(end) == told.tags["dagster/data_version"]
    third = tick(definitions, instance, "ingestify_events", second.cursor)
    assert (third.run_requests, third.asset_events, third.cursor) == ([], [], second.cursor)
    materialize()  # Dagster knows of what it has done itself
    fourth = tick(definitions, instance, "ingestify_events", third.cursor)
    assert fourth.asset_events == []
    assert [one.partition_key for one in fourth.run_requests] == [SEASON_3]


def test_the_sensor_tells_of_changes_after_a_restore_whose_numbers_were_of_other_changes(
    definitions, config, instance, materialize, provider
):
    materialize(partition=SEASON_106)
    catalogue = config.parent / "database" / "catalog.db"
    backup = catalogue.read_bytes()
    provider.correct(provider.match_ids[3])
    materialize(partition=SEASON_106)
    lost = find_log_end(config)
    before = tick(definitions, instance, "ingestify_events", "/0/0")
    catalogue.write_bytes(backup)
    with get_engine(config) as engine:
        engine.store.identity.restore()
    run_lake(config, selector=SEASON_106)  # as `ingestify run`
    after = tick(definitions, instance, "ingestify_events", str(lost))
    assert find_log_end(config).position == lost.position
    assert [one.partition for one in after.asset_events] == [SEASON_106]
    assert {one.run_key for one in before.run_requests}.isdisjoint(one.run_key for one in after.run_requests)


def test_a_change_of_a_selector_that_no_plan_names_any_longer_does_not_stop_the_sensor(config, instance):
    from ingestify.orchestrators.dagster import ingestify_assets, ingestify_sensor, partitions_of

    run_lake(config)
    config.write_text(config.read_text().replace("[3, 106]", "[106]"))
    (lake,) = ingestify_assets(config)

    @dg.asset(deps=[MATCH], partitions_def=partitions_of(lake_assets(config)[0]))
    def below() -> None: ...

    sensor = ingestify_sensor(config, target=dg.AssetSelection.assets(below))
    repository = dg.Definitions(assets=[lake, below], sensors=[sensor]).get_repository_def()
    context = dg.build_sensor_context(instance=instance, cursor="/0/0", repository_def=repository)
    data = sensor.evaluate_tick(context)
    assert [one.partition for one in data.asset_events] == [SEASON_106]
    assert [one.partition_key for one in data.run_requests] == [SEASON_106]
    assert data.cursor == str(find_log_end(config))

    asked = []
    sensor = ingestify_sensor(config, target=dg.AssetSelection.assets(below), make_request=asked.append)
    sensor.evaluate_tick(context)
    assert {one.partition_key for one in asked} == {SEASON_3, SEASON_106}


def test_a_tick_of_the_sensor_is_bounded(config, instance):
    from ingestify.orchestrators.dagster import ingestify_sensor

    sensor = ingestify_sensor(config, limit=5)
    cursor = str(find_log_end(config))
    run_lake(config)
    positions = []
    for _ in range(3):
        data = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))
        assert data.run_requests == []  # it has no target
        cursor = data.cursor
        positions.append(int(cursor.rpartition("/")[2]))
    assert positions == [5, 10, 12]


def test_discovered_selectors_become_partitions(config, instance, provider):
    from ingestify.orchestrators.dagster import ingestify_assets, ingestify_partition_sensor

    config.write_text(config.read_text().replace("season_id: [3, 106]", ""))
    sensor = ingestify_partition_sensor(config)
    data = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
    (request,) = data.dynamic_partitions_requests
    assert set(request.partition_keys) == {SEASON_3, SEASON_106}
    assert provider.paths() == ["competitions.json"]
    instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    assert not sensor.evaluate_tick(dg.build_sensor_context(instance=instance)).dynamic_partitions_requests
    result = dg.materialize(ingestify_assets(config), partition_key=SEASON_106, instance=instance)
    assert [one.partition for one in materialized(result)] == [SEASON_106]


def test_the_sensor_adds_a_partition_that_dagster_does_not_have(config, instance):
    from ingestify.orchestrators.dagster import ingestify_sensor

    config.write_text(config.read_text().replace("season_id: [3, 106]", ""))
    cursor = str(find_log_end(config))
    run_lake(config, selector=SEASON_3)
    data = ingestify_sensor(config).evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))
    assert [one.partition_keys for one in data.dynamic_partitions_requests] == [[SEASON_3]]
    assert [one.partition for one in data.asset_events] == [SEASON_3]


def requested(schedule, **given):
    moment = dt.datetime(2026, 5, 1, 5, tzinfo=dt.UTC)
    data = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=moment, **given))
    assert len({one.run_key for one in data.run_requests}) == len(data.run_requests)
    return [(one.asset_selection, one.partition_key) for one in data.run_requests]


def test_the_schedule_requests_a_run_of_each_partition(definitions):
    schedule = definitions.defs.get_schedule_def("ingestify_schedule")
    repository = definitions.defs.get_repository_def()
    assert requested(schedule, repository_def=repository) == [([MATCH], SEASON_3), ([MATCH], SEASON_106)]


def test_the_schedule_requests_one_run_without_partitions_and_those_that_dagster_has_of_dynamic_ones(config):
    from ingestify.orchestrators.dagster import ingestify_assets, ingestify_schedule

    config.write_text(config.read_text().replace("season_id: [3, 106]", ""))
    assert requested(ingestify_schedule(config, partitioned=False)) == [([MATCH], None)]
    schedule = ingestify_schedule(config)
    repository = dg.Definitions(assets=ingestify_assets(config), schedules=[schedule]).get_repository_def()
    with dg.instance_for_test() as instance:
        given = {"instance": instance, "repository_def": repository}
        assert requested(schedule, **given) == []
        instance.add_dynamic_partitions("ingestify/statsbomb/match", [SEASON_106])
        assert requested(schedule, **given) == [([MATCH], SEASON_106)]


# ---- tables ----------------------------------------------------------------------------------------------------


def test_tables_are_assets_below_the_lake_and_need_their_extra(config, instance):
    from ingestify.orchestrators.dagster import ingestify_table_assets

    run_lake(config)
    tables = ingestify_table_assets(config)
    assert {key.path[-1] for key in tables.keys} >= {"matches", "events"}
    assert {dep.asset_key for spec in tables.specs for dep in spec.deps} == {MATCH}
    result = dg.materialize([tables], instance=instance, raise_on_error=False)
    (failure,) = result.get_step_failure_events()
    assert "[tables]" in failure.step_failure_data.user_failure_data.description


def test_only_tables_that_changed_are_materialized_and_failed_datasets_warn(config, instance, monkeypatch):
    from ingestify.orchestrators.dagster import ingestify_table_assets
    from ingestify.orchestrators.dagster import tables as module
    from ingestify.tables.problems import TableProblem
    from ingestify.tables.report import BuiltTable, TablesBuilt

    run_lake(config)
    asked = []

    def build(path, names):  # the packages of the extra `tables` are not in this environment
        asked.append((path, names))
        (match, *_) = get_datastore(config).get_dataset_collection()
        problem = TableProblem.of("events", match, "no events", dt.datetime.now(dt.UTC))
        return TablesBuilt([BuiltTable("matches"), BuiltTable("events", added=2, rows=60, failed=[problem])], 0.1)

    monkeypatch.setattr(module, "build_tables", build)
    tables = ingestify_table_assets(config, tables=["matches", "events", "lineups"])
    keys = [dg.AssetKey(["tables", name]) for name in ("matches", "events")]
    result = dg.materialize([tables], selection=keys, instance=instance)
    assert asked == [(config, ["matches", "events"])]
    (event,) = result.get_asset_materialization_events()
    assert (event.asset_key, metadata_of(event)["ingestify/written_rows"]) == (keys[1], 60)
    checks = {one.asset_key: one for one in result.get_asset_check_evaluations()}
    assert {key: one.passed for key, one in checks.items()} == {keys[0]: True, keys[1]: False}
    assert checks[keys[1]].severity is dg.AssetCheckSeverity.WARN
    assert "no events" in checks[keys[1]].metadata["ingestify/problem_0"].value


# ---- the component ---------------------------------------------------------------------------------------------


def test_a_key_prefix_may_be_one_text(config):
    from ingestify.orchestrators.dagster import ingestify_assets, ingestify_table_assets

    (lake,) = ingestify_assets(config, key_prefix="raw")
    assert lake.keys == {dg.AssetKey(["raw", "statsbomb", "match"])}
    assert dg.AssetKey(["raw", "tables", "matches"]) in ingestify_table_assets(config, key_prefix="raw").keys


def test_the_component_makes_the_same_of_its_yaml(config):
    from dagster.components.testing import create_defs_folder_sandbox

    from ingestify.orchestrators.dagster import IngestifyComponent

    attributes = {"config": str(config), "max_retries": 2, "schedule": "0 5 * * *", "group_name": "lake"}
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=IngestifyComponent,
            defs_yaml_contents={
                "type": "ingestify.orchestrators.dagster.IngestifyComponent",
                "attributes": attributes,
            },
        )
        with sandbox.load_component_and_build_defs(defs_path=path) as (component, made):
            assert component.max_retries == 2
            assert {spec.key for spec in made.resolve_all_asset_specs()} == {MATCH}
            assert [one.name for one in made.schedules] == ["ingestify_schedule"]
            assert {one.name for one in made.sensors} == {"ingestify_events", "ingestify_partitions"}


def test_two_lakes_are_two_components_of_one_project(config, tmp_path):
    from dagster.components.testing import create_defs_folder_sandbox

    from ingestify.orchestrators.dagster import IngestifyComponent

    other = tmp_path / "other.yaml"
    other.write_text(config.read_text().replace("name: club", "name: other"))
    with create_defs_folder_sandbox() as sandbox:
        for prefix, path in (("men", config), ("women", other)):
            sandbox.scaffold_component(
                component_cls=IngestifyComponent,
                defs_path=prefix,
                defs_yaml_contents={
                    "type": "ingestify.orchestrators.dagster.IngestifyComponent",
                    "attributes": {"config": str(path), "key_prefix": [prefix], "schedule": "0 5 * * *"},
                },
            )
        with sandbox.build_all_defs() as made:
            made.get_repository_def().load_all_definitions()
            assert {one.name for one in made.schedules} == {"men_ingestify_schedule", "women_ingestify_schedule"}
            assert len({one.name for one in made.sensors}) == 4


def test_wrong_settings_are_told_when_the_definitions_are_loaded(config):
    from ingestify import ConfigurationError
    from ingestify.orchestrators.dagster import ingestify_assets

    config.write_text(config.read_text().replace("dataset_type", "dataset_typ"))
    with pytest.raises(ConfigurationError, match="dataset_typ"):
        ingestify_assets(config)
