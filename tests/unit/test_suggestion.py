from __future__ import annotations

from ingestify.suggestion import did_you_mean


def test_the_most_similar_name_is_suggested_whatever_its_case() -> None:
    assert did_you_mean("Seson_ID", ["season_id", "match_id"]) == "; did you mean 'season_id'?"


def test_nothing_is_suggested_where_nothing_is_similar() -> None:
    assert did_you_mean("xyz", ["season_id"]) == ""
    assert did_you_mean("season_id" * 50, ["season_id"]) == ""
