from __future__ import annotations

import json

import pytest

from ingestify.sources import statsbomb_github
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator

SEASON = Season(matches=3, seed=4, events_per_match=20, competition_id=43, season_id=106)


@pytest.fixture
def provider(monkeypatch):
    with Simulator(SEASON) as found:
        monkeypatch.setattr(statsbomb_github, "BASE_URL", found.base_url)
        yield found


def test_competitions_are_listed_without_a_configuration(command, provider, tmp_path):
    command.config.unlink()
    head, row = command("sources", "competitions", "statsbomb").splitlines()
    assert head.split() == ["competition_id", "season_id", "competition_name", "season_name"]
    assert row.split()[:2] == ["43", "106"]
    assert command.err.count("StatsBomb Public Data User Agreement") == 1
    assert list(tmp_path.iterdir()) == []


def test_matches_are_listed_as_json_too(command, provider):
    command.config.unlink()
    out = command("sources", "matches", "statsbomb", "competition_id=43", "season_id=106", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["match_id"] for row in rows] == sorted(match.match_id for match in SEASON.matches)
    assert rows[0]["metadata"]["match_date"] == rows[0]["date"]
    assert len(provider.requests) == 1
    assert len(command("sources", "matches", "statsbomb", "--quiet").splitlines()) == 4
    assert command.err == ""


def test_a_source_of_the_configuration_is_named_and_the_lake_is_told_of(command, provider):
    command.configure("{type: tests.unit.cli.small_source.SmallSource}", "{type: ingestify.statsbomb_github}")
    command("run", "--quiet")
    out = command("sources", "matches", "small", "season_id=106")
    assert "in_lake" in out
    assert out.count("COMPLETE") == 6
    assert command("sources", "competitions", "small", "--json").count('"in_lake": 3') == 1


def test_who_has_no_open_data_is_an_error(command):
    command("sources", "matches", "statsbom", code=1)
    assert "did you mean 'statsbomb'" in command.err
    assert "the configured sources are small" in command.err
