"""Filters of a run: what cannot be right is refused before anything is asked; what is not listed is told once."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from ingestify import IngestionEngine, IngestionPlan, debug_source, get_dev_engine, get_engine
from ingestify.errors import ConfigurationError
from ingestify.sources.metrica_github import MetricaGithub
from ingestify.sources.statsbomb_github import StatsBombGithub
from ingestify.testing.season import Season
from ingestify.testing.simulator import Simulator
from tests.support.lake_in_memory import FunctionSource, Lake, match


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    """Four seasons, so that what is told for each of them would be told four times."""
    seasons = [Season(matches=1, seed=number, season_id=number) for number in range(1, 5)]
    with Simulator(seasons) as simulator:
        yield simulator


@pytest.fixture
def engine(provider: Simulator) -> Iterator[IngestionEngine]:
    provider.clear_requests()
    with get_dev_engine(StatsBombGithub("open", base_url=provider.base_url), "match") as made:
        yield made


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"matchid": 1}, "No dataset of statsbomb/match has the identifier key 'matchid'; did you mean 'match_id'?"),
        ({"team": "Ajax"}, "the identifier key 'team'. The keys are competition_id, match_id, season_id."),
        ({"limit": 5}, "there is none; take the first"),
        ({"streaming": True}, r"auto_ingest=\{\"streaming\": True\}"),
        ({"steaming": True}, "There is no filter 'steaming'; did you mean the option 'streaming'?"),
        ({"base_url": "http://x"}, r"\"configuration\": \{\"base_url\": …\}"),
        ({"recheck_missing_360_after_seconds": 1}, "is an option of the source 'open' and no filter"),
    ],
)
def test_what_no_dataset_can_have_is_refused_before_anything_is_asked(engine, provider, caplog, filters, message):
    with pytest.raises(ConfigurationError, match=message):
        engine.load(**filters)
    with pytest.raises(ConfigurationError, match=message):
        engine.run_report(dry_run=True, **filters)
    for auto_ingest in (True, {"streaming": True}):
        with pytest.raises(ConfigurationError):
            engine.iter_datasets(auto_ingest=auto_ingest, **filters)  # by the call itself
    with pytest.raises(ConfigurationError, match=message):
        debug_source(StatsBombGithub("open", base_url=provider.base_url), dataset_type="match", **filters)
    assert (provider.requests, caplog.messages) == ([], [])


def test_who_filters_by_a_name_is_told_where_the_numbers_are(engine, provider):
    provider.clear_requests()
    for wrong in ({"season": "2024/2025"}, {"home_team": "Ajax"}):
        with pytest.raises(ConfigurationError) as raised:
            engine.load(**wrong)
        assert str(raised.value).endswith(
            ' engine.competitions("statsbomb") shows which competitions and seasons there are.'
        )
    assert len(engine.competitions("statsbomb")) == 4
    with pytest.raises(ConfigurationError) as raised:
        engine.load(competiton_id=1)
    assert str(raised.value).endswith("The keys are competition_id, match_id, season_id."), "that is a slip of the pen"


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"match_id": 99}, "The provider statsbomb lists no match_id=99."),
        ({"season_id": [1, 2], "match_id": "99"}, "The provider statsbomb lists no match_id=99 in season_id=1,2."),
        ({"season_id": 99}, "The provider statsbomb lists no season_id=99. There is season_id=1,2,3,4."),
        ({"season_id": [1, 99]}, "The provider statsbomb lists no season_id=99. There is season_id=1,2,3,4."),
    ],
)
def test_what_the_provider_does_not_list_is_told_once(engine, caplog, filters, message):
    assert engine.run_report(**filters).not_listed == message
    assert caplog.messages == []
    engine.load(**filters)
    assert caplog.messages == [message]
    for auto_ingest in (True, {"streaming": True}):
        caplog.clear()
        list(engine.iter_datasets(auto_ingest=auto_ingest, **filters))
        assert caplog.messages == [message]


def test_what_is_listed_is_not_told(engine, provider, caplog):
    wanted = [str(provider.match_ids[0]), provider.match_ids[1]]
    with caplog.at_level(logging.WARNING):
        assert engine.load(match_id=wanted).not_listed == ""
        assert engine.load(match_id=[*wanted, 99]).not_listed == "The provider statsbomb lists no match_id=99."
    assert caplog.messages == ["The provider statsbomb lists no match_id=99."]


def test_what_a_reader_leaves_out_after_an_ingest_is_explained_once(engine, caplog):
    for auto_ingest in (True, {"streaming": True}):
        caplog.clear()
        assert list(engine.iter_datasets(auto_ingest=auto_ingest, season_id=1, where="metadata.home_scor > 2")) == []
        (message,) = caplog.messages
        assert message.startswith("None of the 1 match with season_id=1 has metadata.home_scor; did you mean")


def test_a_plan_says_which_selectors_there_are(caplog):
    source = FunctionSource(lambda **_: [match(1)])
    engine = get_dev_engine(source, "match", selectors=[{"competition_id": 11, "season_id": [1, 2]}])
    assert engine.load(season_id=9).not_listed == (
        "No selector of the ingestion plans has season_id=9. There is season_id=1,2."
    )
    assert engine.load(season_id=1, competition_id=11).not_listed == ""
    source.selectors = [{"competition_id": one, "season_id": one} for one in (1, 2)]
    discovering = Lake(source, selectors=["season_id == 1"]).engine
    assert discovering.load(season_id=2).not_listed == (
        "No ingestion plan names season_id=2, which its provider has. There is season_id=1."
    )
    both = Lake(source).engine
    assert (
        both.load(season_id=1, competition_id=2).not_listed
        == "No selector has season_id=1 and competition_id=2 together."
    )
    assert len(caplog.messages) == 3


def test_a_source_that_declares_nothing_takes_any_key(make_lake, caplog):
    lake = make_lake(lambda **selector: [match(1), match(2)], [{"competition_id": one} for one in range(5)])
    assert lake.engine.load(match_id=1).totals.discovered == 5
    assert lake.source.calls[0]["match_id"] == 1
    assert caplog.messages == []
    lake.engine.load(colour="red")
    assert caplog.messages == [
        "No dataset that is listed has the identifier key 'colour'. The keys are competition_id, match_id."
    ]


def test_a_key_that_is_like_a_known_one_is_warned_of_before(caplog):
    def find(**_):
        assert caplog.messages, "it is told before"
        yield match(1)

    lake = Lake(FunctionSource(find), selectors=[{"competition_id": [1, 2]}])
    lake.engine.load(competitionid=1)
    assert caplog.messages[0] == (
        "No dataset of fake/match is known to have the identifier key 'competitionid'; did you mean 'competition_id'?"
    )


def test_an_option_is_a_filter_where_a_source_has_such_a_key():
    found = []

    def find(state, **filters):
        found.append((state, filters))
        yield match(1)

    lake = Lake(FunctionSource(find), selectors=[{"state": ["CA", "NY"]}])
    assert lake.engine.load(state="CA").totals.discovered == 1
    assert found == [("CA", {})]
    assert len(lake.engine.list_datasets(where="identifier['state'] == 'CA'")) == 1
    with pytest.raises(ValueError, match="'CA' is not a dataset state"):
        lake.engine.list_datasets(state="CA")
    with pytest.raises(ConfigurationError, match=r"'limit' is an option .* such a key, name it in its identifier_keys"):
        lake.engine.load(limit=1)
    lake.source.identifier_keys = ("state", "match_id", "limit")
    lake.engine.load(limit=1)


def test_plans_whose_datasets_lack_a_key_are_not_asked(engine, provider):
    engine.add_ingestion_plan(IngestionPlan(MetricaGithub("metrica", base_url=provider.base_url, api_url=""), "match"))
    report = engine.load(season_id=1, dry_run=True)
    assert {job.source for job in report.jobs} == {"open"}
    with pytest.raises(ConfigurationError, match="the identifier key 'seasonid'; did you mean 'season_id'"):
        engine.load(seasonid=1)


def test_names_of_plans_are_suggested(engine, provider, caplog):
    for name, wanted, meant in (("provider", "statsbom", "statsbomb"), ("dataset_type", "matches", "match")):
        assert engine.load(**{name: wanted}).jobs == ()
        assert f"'{wanted}'; did you mean '{meant}'" in caplog.text
    engine.load(provider="wyscout")
    assert re.search(r'There is statsbomb\. Open data needs no plan: .*provider="wyscout"', caplog.text)
    with pytest.raises(ConfigurationError, match="There is no open data of 'statsbom'; did you mean 'statsbomb'"):
        engine.iter_datasets(auto_ingest={"use_open_data": True}, provider="statsbom", dataset_type="match")
    with pytest.raises(ConfigurationError, match="the unknown option 'use_opendata'; did you mean 'use_open_data'"):
        engine.iter_datasets(auto_ingest={"use_opendata": True}, provider="statsbomb", dataset_type="match")
    with pytest.raises(ConfigurationError, match="has no dataset type 'matches'; did you mean 'match'"):
        engine.iter_datasets(auto_ingest={"use_open_data": True}, provider="statsbomb", dataset_type="matches")
    assert provider.requests == []


def test_options_are_refused_also_where_there_is_no_lake_yet(tmp_path, provider):
    provider.clear_requests()
    with get_engine(metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files") as engine:
        open_data = {"use_open_data": True, "configuration": {"base_url": provider.base_url}}
        for filters in ({"limit": 5}, {"streaming": True}, {"matchid": 1}):
            with pytest.raises(ConfigurationError, match=r"option|did you mean 'match_id'"):
                engine.iter_datasets(auto_ingest=open_data, provider="statsbomb", dataset_type="match", **filters)
        with pytest.raises(ConfigurationError, match="'limit' is an option"):
            engine.list_datasets(limit=5)
    assert list(tmp_path.iterdir()) == []
    assert provider.requests == []


def test_what_a_provider_does_not_have_is_told_without_an_ingest_too(engine, provider, caplog):
    open_data = {"base_url": provider.base_url}
    assert list(engine.matches("statsbomb", configuration=open_data, season_id=1, match_id=99)) == []
    assert len(engine.matches("statsbomb", configuration=open_data, season_id=[1, 99])) == 1
    assert caplog.messages == [
        "The provider statsbomb lists no match_id=99 in season_id=1.",
        "The provider statsbomb lists no season_id=99. There is season_id=1,2,3,4.",
    ]
    provider.clear_requests()
    with pytest.raises(ConfigurationError, match="did you mean 'season_id'"):
        engine.matches("statsbomb", configuration=open_data, seasonid=1)
    assert provider.requests == []


def test_a_plan_that_cannot_be_read_fails_alone_whatever_the_filters_are():
    lake = Lake(FunctionSource(lambda **_: [match(1)]), selectors=["competition_id = 1"])
    lake.add_plan(FunctionSource(lambda **_: [match(2)]))
    for filters in ({}, {"match_id": 2}):
        report = lake.engine.run_report(**filters)
        assert report.totals.discovered == 1
        assert isinstance(report.error, ConfigurationError)
        assert report.not_listed == ""


@pytest.mark.parametrize("value", [float("nan"), b"1", {"a": 1}, [1, b"1"], ["\0"], object()])
def test_a_value_that_no_identifier_has_is_refused_by_each_call(make_lake, value):
    lake = make_lake(lambda **_: [match(1)])
    engine = lake.engine
    engine.load()
    calls = (engine.load, engine.iter_datasets, engine.list_datasets, engine.destroy_dataset)
    for call in (*calls, engine.store.get_dataset_collection):
        with pytest.raises(ConfigurationError, match=r"The filter match_id=.* can match nothing"):
            call(match_id=value)
    assert len(engine.store.load_ingestion_job_summaries()) == 1  # no job was begun


def test_what_can_be_iterated_over_once_is_read_once(make_lake):
    engine = make_lake(lambda **_: [match(1), match(2), match(3)]).engine
    assert engine.load(match_id=(number for number in (1, 2))).totals.new == 2
    assert len(engine.list_datasets(match_id=iter([2]))) == 1
    found = engine.iter_datasets(auto_ingest={"streaming": True}, match_id=iter([3]))
    assert [one.identifier["match_id"] for one in found] == [3]


@pytest.mark.parametrize("states", [[], (), set()])
def test_no_state_is_not_all_states(make_lake, states):
    engine = make_lake(lambda **_: [match(1)]).engine
    engine.load()
    with pytest.raises(ValueError, match="names no state; leave it out for all of them: SCHEDULED"):
        engine.destroy_dataset(match_id=1, state=states)
    assert len(engine.list_datasets()) == 1
