"""The assets of a config.yaml: what is known of them without opening anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestify.errors import ConfigurationError
from ingestify.orchestrators import lake_assets


def test_an_asset_of_discovered_selectors_has_keys_and_no_list_and_nothing_is_opened(config, provider):
    (asset,) = lake_assets(config)
    assert (asset.provider, asset.dataset_type, asset.sources) == ("statsbomb", "match", ("open",))
    assert asset.keys == ("competition_id", "season_id")
    assert asset.partition_keys is None
    assert asset.uri == "ingestify://club/statsbomb/match"
    assert "licence" in asset.terms
    assert not provider.requests
    assert [one.name for one in config.parent.iterdir()] == ["config.yaml"]


def test_named_selectors_are_a_list_of_partitions(make_config):
    (asset,) = lake_assets(make_config("[{competition_id: 811, season_id: [27, 28]}]"))
    assert asset.partition_keys == ("competition_id=811/season_id=27", "competition_id=811/season_id=28")


def test_keys_below_the_selector_are_no_partitions(make_config):
    (asset,) = lake_assets(make_config("[{competition_id: 811, season_id: 27, match_id: [1, 2]}]"))
    assert asset.partition_keys == ("competition_id=811/season_id=27",)


@pytest.mark.parametrize("selectors", ["[{competition_id: 811}]", '["season_id > 27"]', "[{competition_id: 811}, '*']"])
def test_selectors_that_have_to_be_discovered_are_no_list(make_config, selectors):
    (asset,) = lake_assets(make_config(selectors))
    assert asset.partition_keys is None


def test_a_dataset_without_a_key_is_in_no_partition(config):
    (asset,) = lake_assets(config)
    assert (
        asset.partition_of({"competition_id": 11, "season_id": 90, "match_id": 1}) == "competition_id=11/season_id=90"
    )
    assert asset.partition_of({"competition_id": 11}) == ""


def test_a_source_with_a_secret_needs_none_for_its_assets(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text(
        """\
main: {metadata_url: "vault+aws://lake/catalogue", file_url: "vault+aws://lake/files"}
sources:
  paid: {type: ingestify.statsbomb, configuration: "vault+aws://statsbomb"}
  left: {type: ingestify.statsbomb, configuration: "vault+aws://statsbomb", enabled: false}
ingestion_plans:
  - {source: paid, dataset_type: match}
  - {source: left, dataset_type: lineup}
"""
    )
    (asset,) = lake_assets(path)
    assert (asset.name, asset.keys) == ("statsbomb/match", ("competition_id", "season_id"))
    with pytest.raises(ConfigurationError, match="no name: write  name: club"):
        _ = asset.uri


def test_a_source_whose_whole_configuration_is_a_secret_may_have_to_be_split(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text(
        """\
main: {metadata_url: "sqlite:///lake/catalog.db", file_url: "file://lake/files"}
sources:
  own: {type: ingestify.rest, configuration: "vault+aws://own"}
ingestion_plans:
  - {source: own, dataset_type: match}
"""
    )
    with pytest.raises(ConfigurationError, match=r"sources\.own: its provider .* token: vault\+aws://own"):
        lake_assets(path)


def test_wrong_settings_are_told_when_the_definitions_are_loaded(config):
    config.write_text(config.read_text().replace("dataset_type", "dataset_typ"))
    with pytest.raises(ConfigurationError, match="dataset_typ"):
        lake_assets(config)
