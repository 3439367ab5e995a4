"""What changed since a position of the event log."""

from __future__ import annotations

import pytest

from ingestify import get_engine
from ingestify.errors import ConfigurationError
from ingestify.orchestrators import LogPosition, find_log_end, read_changes, run_lake
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.unit.orchestrators.conftest import CONFIG

SEASON_27 = "competition_id=811/season_id=27"
SEASON_28 = "competition_id=811/season_id=28"


def test_a_new_reader_begins_at_the_end_also_of_a_lake_that_does_not_exist(config):
    reading = read_changes(config)
    assert (reading.position, reading.changes, reading.is_at_end) == (LogPosition("", 0, 0), (), True)
    run_lake(config)
    assert read_changes(config).changes == ()
    reading = read_changes(config, reading.position)
    assert {(one.partition_key, one.count) for one in reading.changes} == {(SEASON_27, 3), (SEASON_28, 3)}
    assert reading.position == find_log_end(config)


def test_a_change_is_told_once_and_by_partition(config, provider):
    run_lake(config)
    before = find_log_end(config)
    corrected = provider.match_ids[4]
    provider.correct(corrected)
    outcome = run_lake(config)
    reading = read_changes(config, str(before))
    (change,) = reading.changes
    assert (change.provider, change.partition_key) == ("statsbomb", SEASON_28)
    (dataset,) = change.datasets
    assert dataset.identifier.endswith(f"match_id={corrected}")
    assert (dataset.event_type, dataset.revision_id, dataset.run_id) == ("revision_added", 1, outcome.run_id)
    assert change.run_key == f"statsbomb/match/{SEASON_28}@{find_log_end(config)}"
    assert change.last_modified_at == dataset.last_modified_at is not None
    assert read_changes(config, reading.position).changes == ()


def test_a_tick_reads_so_many_events_and_the_next_one_goes_on(config):
    begin = find_log_end(config)
    run_lake(config)
    position, seen = begin, []
    while not (reading := read_changes(config, position, limit=5)).is_at_end or reading.changes:
        assert reading.position.position <= position.position + 5
        position = reading.position
        seen += [dataset.identifier for change in reading.changes for dataset in change.datasets]
    assert position == find_log_end(config)
    assert len(set(seen)) == 6


def test_filters_leave_events_out_and_the_position_moves_all_the_same(config):
    begin = find_log_end(config)
    run_lake(config)
    reading = read_changes(config, begin, selector={"season_id": "28"})
    assert [one.partition_key for one in reading.changes] == [SEASON_28]
    for wanted in ({"provider": "opta"}, {"dataset_type": "lineup"}, {"event_types": {"dataset_deleted"}}):
        reading = read_changes(config, begin, **wanted)
        assert (reading.changes, reading.position) == ((), find_log_end(config))


def test_a_change_counts_all_datasets_and_names_the_last_ones(tmp_path):
    with Simulator(Season(matches=60, events_per_match=1, matches_with_360=0)) as provider:
        config = tmp_path / "config.yaml"
        config.write_text(CONFIG.format(url=provider.base_url, selectors='["*"]'))
        (change,) = run_lake(config).changes
    assert (change.count, len(change.datasets), change.datasets[-1].position) == (60, 50, change.position)


def test_a_deletion_is_a_change(config):
    run_lake(config)
    before = find_log_end(config)
    with get_engine(config) as engine:
        engine.destroy_dataset(season_id=27)
    (change,) = read_changes(config, before).changes
    assert (change.partition_key, change.count) == (SEASON_27, 3)
    assert {one.event_type for one in change.datasets} == {"dataset_deleted"}


def test_after_a_backup_was_restored_the_positions_that_come_again_are_read(config, provider):
    run_lake(config, selector=SEASON_27)
    restored = find_log_end(config)
    catalogue = config.parent / "lake" / "catalog.db"
    backup = catalogue.read_bytes()
    run_lake(config, selector=SEASON_28)
    lost = find_log_end(config)
    catalogue.write_bytes(backup)
    with get_engine(config) as engine:
        engine.store.identity.restore()
    provider.correct(provider.match_ids[0])
    run_lake(config, selector=SEASON_27)
    assert find_log_end(config).position < lost.position
    (change,) = read_changes(config, lost).changes
    assert (change.partition_key, change.position) == (SEASON_27, restored.position + 1)


def test_a_change_after_a_restore_has_another_run_key_than_the_lost_one_with_its_number(config):
    run_lake(config, selector=SEASON_27)
    catalogue = config.parent / "lake" / "catalog.db"
    backup = catalogue.read_bytes()
    (lost,) = run_lake(config, selector=SEASON_28).changes
    catalogue.write_bytes(backup)
    with get_engine(config) as engine:
        engine.store.identity.restore()
    (change,) = run_lake(config, selector=SEASON_28).changes
    assert (change.name, change.partition_key, change.position) == (lost.name, lost.partition_key, lost.position)
    assert change.log_position == find_log_end(config)
    assert change.run_key != lost.run_key


def test_a_position_of_another_lake_means_that_all_of_this_one_is_new(config):
    run_lake(config)
    reading = read_changes(config, LogPosition("another", 1, 1000))
    assert sum(one.count for one in reading.changes) == 6


@pytest.mark.parametrize("text", ["", "12", "lake/1", "lake/x/1", "lake/1/-1"])
def test_what_is_no_position_is_refused(config, text):
    with pytest.raises(ConfigurationError, match="is no position"):
        read_changes(config, text)


def test_a_limit_of_nothing_is_refused(config):
    with pytest.raises(ConfigurationError, match="limit"):
        read_changes(config, limit=0)
