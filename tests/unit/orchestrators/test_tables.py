"""A build of the columnar tables in a worker."""

from __future__ import annotations

import pytest

from ingestify.orchestrators import RunFailed, run_lake
from ingestify.orchestrators.tables import build_tables, table_names


def test_the_tables_are_those_that_the_settings_name(config):
    assert table_names(config)[:2] == ["matches", "events"]
    config.write_text(f"{config.read_text()}\ntables: {{build: [lineups]}}\n")
    assert table_names(config) == ["lineups"]


def test_a_build_makes_what_changed(config):
    run_lake(config)
    assert [(one.name, one.added) for one in build_tables(config, ["matches"]).tables] == [("matches", 6)]
    assert not any(one.is_changed for one in build_tables(config, ["matches"]).tables)


def test_a_table_that_does_not_exist_cannot_be_helped_by_a_retry(config):
    run_lake(config)
    with pytest.raises(RunFailed, match="matchs") as failed:
        build_tables(config, ["matchs"])
    assert not failed.value.may_help
