"""What a provider has is listed without an ingest: with a lake, without one, and of each provider of open data."""

from __future__ import annotations

import logging
import traceback

import pytest

import ingestify
from ingestify import ConfigurationError, DatasetResource, FetchError, Source, UnreadableEntry, get_dev_engine
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.contracts import test_sources as contracts

SEASONS = [
    Season(matches=3, seed=4, events_per_match=20, competition_id=43, season_id=season_id) for season_id in (106, 27)
]


@pytest.fixture
def provider():
    with Simulator(SEASONS) as found:
        yield found


@pytest.fixture
def engine(provider):
    """One whose lake has a match of the one season, by a plan."""
    with get_dev_engine(StatsBombGithub("open", base_url=provider.base_url), "match") as made:
        made.load(season_id=106, match_id=SEASONS[0].matches[0].match_id)
        yield made


def test_competitions_have_names_and_what_the_lake_has_of_them(engine):
    found = engine.competitions("statsbomb")
    assert [(one["competition_id"], one["season_id"], one["in_lake"]) for one in found] == [(43, 27, 0), (43, 106, 1)]
    assert all(one["competition_name"] and one["season_name"] for one in found)
    assert found.to_polars().shape[0] == 2
    assert "StatsBomb Public Data User Agreement" in found.terms["licence"]
    for shown in (repr(found), found._repr_html_()):
        assert "statsbomb: 2 competitions" in shown
        assert shown.count("StatsBomb Public Data User Agreement") == 1


def test_matches_of_a_season_cost_one_request(engine, provider):
    before = len(provider.requests)
    found = engine.matches("open", competition_id=43, season_id=106)
    assert len(provider.requests) == before + 1
    assert [one["date"] for one in found] == sorted(one["date"] for one in found)
    states = {one["match_id"]: (one["at_provider"], one["in_lake"], one["revision_id"]) for one in found}
    assert list(states.values()).count(("COMPLETE", "COMPLETE", 0)) == 1
    assert states[SEASONS[0].matches[0].match_id][1] == "COMPLETE"
    first = found[0]
    assert first["name"].startswith(first["home_team"])
    assert first["metadata"]["home_score"] == first["home_score"]
    frame = found.to_pandas()
    assert len(frame) == 3
    assert {"competition_name", "season_name", "away_team", "away_score"} <= {*frame.columns}


def test_nothing_comes_into_the_lake(engine):
    before = engine.list_datasets()
    engine.matches("statsbomb")
    engine.competitions("statsbomb")
    assert engine.list_datasets() == before
    assert len(engine.store.load_ingestion_job_summaries()) == 1


def test_no_lake_is_needed(provider, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at = {"base_url": provider.base_url}
    assert len(ingestify.competitions("statsbomb", configuration=at)) == 2
    found = ingestify.matches("statsbomb", configuration=at, season_id=27)
    assert len(found) == 3
    assert not {"in_lake", "revision_id"} & {*found[0]}
    assert list(tmp_path.iterdir()) == []


OPEN_DATA = {
    "impect": ("TestImpectGithub", 2, 3),
    "metrica": ("TestMetricaGithub", 1, 3),
    "skillcorner": ("TestSkillCornerGithub", 2, 3),
    "sportec": ("TestSportecHuggingFace", 2, 7),
    "statsbomb": ("TestStatsBombGithub", 2, 6),
    "wyscout": ("TestWyscoutGithub", 2, 3),
}


@pytest.mark.parametrize("name", OPEN_DATA)
def test_each_provider_of_open_data_is_listed(name):
    contract, competitions, matches = OPEN_DATA[name]
    with getattr(contracts, contract)().make_provider() as provider:
        at = {"base_url": provider.base_url}
        assert len(ingestify.competitions(name, configuration=at)) == competitions
        found = ingestify.matches(name, configuration=at)
        assert len(found) == matches
        assert len({one["match_id"] for one in found}) == matches
        (one,) = ingestify.matches(name, configuration=at, match_id=found[0]["match_id"])
        assert one == found[0]


class Cups(Source):
    """A source of twelve cups, each of which is asked for by itself."""

    provider = "mine"
    licence = "CC BY 4.0"

    def __init__(self, name="cups"):
        super().__init__(name)
        self.asked = []

    def discover_selectors(self, dataset_type):
        return [{"cup": number, "_name": f"Cup {number}"} for number in range(12)]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, cup, **_):
        self.asked.append(cup)
        yield DatasetResource({"name": cup}, dataset_type, metadata={"match_date": f"2024-05-{30 - cup}"})
        yield UnreadableEntry(f"entry of cup {cup}", ValueError("no date"))


def test_many_competitions_are_not_asked_for_unless_that_is_meant():
    source = Cups()
    with get_dev_engine(source, "match") as engine:
        with pytest.raises(
            ConfigurationError, match=r"mine has 12 competitions and seasons.*such as cup=0.*everything=True"
        ):
            engine.matches("mine")
        assert source.asked == []
        assert len(engine.matches("mine", cup=[3, 4])) == 2
        assert len(engine.matches("mine", everything=True)) == 12


def test_what_cannot_be_read_is_told_and_a_key_that_is_called_as_a_column_is_there(caplog):
    with get_dev_engine(Cups(), "match") as engine:
        (found,) = engine.matches("mine", cup=3)
    assert (found["identifier.name"], found["name"], found["date"]) == (3, "cup=3/name=3", "2024-05-27")
    (warned,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert (
        warned == "cups: entries of the index that cannot be read and are left out: 1; "
        "the first: entry of cup 3: ValueError: no date"
    )


def test_of_several_sources_of_a_provider_one_is_named():
    with get_dev_engine(Cups("a"), "match") as engine:
        engine.add_ingestion_plan(ingestify.IngestionPlan(Cups("b"), "match"))
        with pytest.raises(ConfigurationError, match="Several sources are of the provider 'mine': a, b"):
            engine.competitions("mine")
        assert len(engine.competitions("b")) == 12


def test_who_there_is_is_told_where_nobody_is_called_so(engine):
    with pytest.raises(ConfigurationError, match=r"no open data of 'statsbom'.*the configured sources are open"):
        engine.matches("statsbom")


def test_a_misspelt_key_is_refused(engine):
    with pytest.raises(ConfigurationError, match="competition_id"):
        engine.matches("statsbomb", competitionid=43)


def test_without_a_network_it_is_said_within_seconds(monkeypatch):
    monkeypatch.setattr("ingestify.fetch.retries.backoff_seconds", lambda *_: 0.0)
    with pytest.raises(FetchError, match="tried 3 times") as raised:
        ingestify.matches("statsbomb", configuration={"base_url": "http://nobody-has-this-name.invalid"}, season_id=1)
    shown = "".join(traceback.format_exception(raised.value))
    assert (shown.count("Traceback"), shown.count("/src/ingestify/")) == (1, 2)  # that function, and the engine's


def test_a_lake_that_is_not_there_is_not_made(provider, tmp_path):
    at = {"base_url": provider.base_url}
    with ingestify.get_engine(tmp_path / "lake") as engine:
        assert [one["in_lake"] for one in engine.competitions("statsbomb", configuration=at)] == [0, 0]
        assert len(engine.matches("statsbomb", configuration=at, season_id=27)) == 3
    assert list(tmp_path.iterdir()) == []
