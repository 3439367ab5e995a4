"""The partitions that a provider has."""

from __future__ import annotations

from ingestify import get_engine
from ingestify.orchestrators import lake_assets
from ingestify.orchestrators.selectors import find_partitions

SEASONS = {"competition_id=811/season_id=27", "competition_id=811/season_id=28"}


def test_a_source_is_asked_for_its_selectors_and_for_nothing_else(config, provider):
    assert {name: set(keys) for name, keys in find_partitions(config, lake_assets(config)).items()} == {
        "statsbomb/match": SEASONS
    }
    assert provider.paths() == ["competitions.json"]


def test_a_selector_is_named_or_fits_an_expression(make_config, provider):
    config = make_config("[{competition_id: 811, season_id: 27}]")
    assert find_partitions(config, lake_assets(config)) == {"statsbomb/match": ["competition_id=811/season_id=27"]}
    assert not provider.requests
    config = make_config('["season_id > 27"]')
    assert find_partitions(config, lake_assets(config)) == {"statsbomb/match": ["competition_id=811/season_id=28"]}


def test_a_key_below_the_partition_does_not_make_more_of_them(make_config):
    config = make_config("[{competition_id: 811, season_id: 27, match_id: [81127001, 81127002]}]")
    assert find_partitions(config, lake_assets(config)) == {"statsbomb/match": ["competition_id=811/season_id=27"]}


def test_an_engine_lists_the_selectors_of_a_plan(config):
    with get_engine(config) as engine:
        (plan,) = engine.ingestion_plans
        listed = engine.list_selectors(plan)
    assert [str(one) for one in listed] == sorted(SEASONS)
