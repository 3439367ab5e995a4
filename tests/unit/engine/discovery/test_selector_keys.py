"""The keys of selectors reach `find_datasets`, whatever their names."""

from __future__ import annotations

from typing import Any

import pytest

from ingestify import ConfigurationError
from ingestify.domain.run import RunState
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match


class Seasons(FunctionSource):
    def find_datasets(self, dataset_type, versions, metadata, competition_id, season_id, match_id=None):
        self.calls.append({"competition_id": competition_id, "season_id": season_id, "match_id": match_id})
        return []


def seasons(selector: dict[str, Any]) -> Seasons:
    source = Seasons(lambda **_: [], [{"competition_id": 1, "season_id": number} for number in (1, 2)])
    lake = Lake(source, selectors=[selector])
    try:
        lake.engine.load(raise_errors=True)
    finally:
        lake.engine.close()
    return source


def test_a_misspelt_key_does_not_select_more():
    with pytest.raises(ConfigurationError, match="the key 'seson_id', which no discovered selector has; did you mean"):
        seasons({"competition_id": 1, "seson_id": 2})


def test_a_key_that_find_datasets_takes_reaches_it():
    calls = seasons({"competition_id": 1, "match_id": 5}).calls
    assert {call["match_id"] for call in calls} == {5}
    assert {call["season_id"] for call in calls} == {1, 2}


def test_selector_keys_may_have_the_names_of_arguments(make_lake):
    def find(**_: Any) -> Any:
        return [match(1)]

    lake = make_lake(find, selectors=[{"page": 1, "provider": "x", "_last_modified": hours(1)}])

    class Looks(FunctionSource):
        def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
            assert dataset_collection_metadata.row_count in (0, 1)
            return self.find(**selector)

    lake.source.__class__ = Looks
    assert lake.engine.load().totals.new == 1
    assert lake.engine.load().jobs[0].state is RunState.SKIPPED
