"""Why filters find nothing, and what there is instead."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestify import BundleCheck, DatasetResource, IngestionPlan, Source, debug_source, get_dev_engine
from ingestify.errors import ConfigurationError
from ingestify.store.reading.nothing_found import NamesOfSources


class Small(Source):
    """Three matches of each of two competitions, and a video."""

    provider = "small"

    def discover_selectors(self, dataset_type):
        return [{"competition_id": 1}, {"competition_id": 2}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, competition_id, **_):
        for number in range(3):
            yield DatasetResource(
                {"match_id": 10 * competition_id + number},
                dataset_type,
                state="PARTIAL" if number == 0 else "COMPLETE",
                metadata={"home_score": number, "home_team": {"name": "Ajax"}, "referees": [{"name": "A"}]},
            ).add_file(None, "events", json_content={})
        if competition_id == 2:
            yield DatasetResource({"page": 7, "city": "Delft"}, "video").add_file(None, "video", json_content={})


@pytest.fixture(scope="module")
def engine() -> Any:
    with debug_source(Small("small"), dataset_type="match") as made:
        made.store.names_of_sources = NamesOfSources(providers=lambda: ("small", "smaller", "wyscout"))
        yield made


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"provider": "smal"}, "The lake has no provider 'smal'; did you mean 'small'? It has small."),
        ({"provider": "wyscuot"}, "The lake has no provider 'wyscuot'; did you mean 'wyscout'? It has small."),
        ({"provider": "wyscout"}, "The lake has nothing of the provider 'wyscout' yet; it has small."),
        ({"provider": "x", "match_id": 10}, "The lake has no provider 'x'. It has small."),
        (
            {"provider": "small", "dataset_type": "matches"},
            "There is no dataset type 'matches' of small; did you mean 'match'? There is match, video.",
        ),
        ({"dataset_id": "abc"}, "None of the 7 datasets has the id 'abc'."),
        (
            {"dataset_type": "match", "matchid": 10},
            "None of the 6 matches has the identifier key 'matchid'; did you mean 'match_id'? The keys are",
        ),
        (
            {"provdier": "small", "dataset_type": "match"},
            "None of the 6 matches has the identifier key 'provdier'; did you mean 'provider'? The keys are",
        ),
        (
            {"dataset_type": "match", "match_id": 99, "competition_id": 1},
            "competition_id=1 is there with 3 matches, none with match_id=99. There is match_id=10,11,12.",
        ),
        ({"competition_id": 1, "dataset_type": "video"}, "None of the 1 video has competition_id=1. There is"),
        (
            {"match_id": 10, "competition_id": 2},
            "match_id=10 is there with 1 match, none with competition_id=2. There is competition_id=1.",
        ),
        ({"city": "Delt"}, "None of the 7 datasets has city=Delt; did you mean 'Delft'? There is city=Delft."),
        ({"match_id": range(90, 99)}, "None of the 7 datasets has match_id=90,91,92,93,94 and 4 more. There is"),
        (
            {"state": "missing", "competition_id": 1},
            "None of the 3 matches with competition_id=1 is MISSING; there are 2 COMPLETE, 1 PARTIAL.",
        ),
        (
            {"where": "metadata.home_scor > 1", "dataset_type": "match"},
            "None of the 6 matches has metadata.home_scor; did you mean 'home_score'? There is home_score,",
        ),
        (
            {"where": "metadata.home_score == 1 and metadata.home_team.nam == 'Ajax'", "competition_id": 1},
            "None of the 3 matches with competition_id=1 has metadata.home_team.nam; did you mean 'name'? There is",
        ),
        (
            {"where": "metadata.referees[0]['nme'] == 'A'"},
            "None of the 7 datasets has metadata.referees[0].nme; did you mean 'name'? There is name.",
        ),
        (
            {"dataset_type": "match", "home_team": "Ajax"},
            (
                "None of the 6 matches has the identifier key 'home_team'. The keys are competition_id, match_id. "
                "Metadata is filtered with where=\"metadata.home_team.name == 'Ajax'\" ."
            ),
        ),
        (
            {"dataset_type": "match", "home_score": [1, 2]},
            (
                "None of the 6 matches has the identifier key 'home_score'. The keys are competition_id, match_id. "
                'Metadata is filtered with where="metadata.home_score in [1, 2]" .'
            ),
        ),
        (
            {"dataset_type": "match", "name": "match_id=10"},
            (
                "None of the 6 matches has the identifier key 'name'. The keys are competition_id, match_id. "
                "Metadata is filtered with where=\"'match_id=10' in name\" ."
            ),
        ),
        ({"dataset_type": "match", "match_id": []}, "None of the 6 matches has match_id=[]."),
        ({"where": "metadata.home_score > 5"}, "None of the 7 datasets meets the condition metadata.home_score > 5."),
    ],
)
def test_one_warning_says_what_there_is_instead(engine, caplog, filters, message):
    reads = {
        "datasets": lambda: list(engine.iter_datasets(**filters)),
        "collections": lambda: list(engine.iter_datasets(yield_dataset_collection=True, **filters)),
        "a list": lambda: engine.list_datasets(**filters),
        "a collection": lambda: list(engine.store.get_dataset_collection(**filters)),
        "a count": lambda: list(engine.store.get_dataset_collection(metadata_only=True, **filters)),
    }
    for what, read in reads.items():
        caplog.clear()
        assert list(read()) == [], what
        assert len(caplog.messages) == 1, what
        assert caplog.messages[0].startswith(message), what


def test_the_where_that_a_message_names_finds_what_was_meant(engine, caplog):
    for filters in ({"home_team": "Ajax"}, {"home_score": [1, 2]}, {"name": "match_id=10"}):
        caplog.clear()
        engine.list_datasets(dataset_type="match", **filters)
        (where,) = re.findall('where="(.*)" ', caplog.messages[0])
        assert engine.list_datasets(dataset_type="match", where=where), where


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)  # others are refused
values = st.one_of(st.integers(-1, 30), texts, st.lists(st.integers(8, 22), min_size=1, max_size=3), st.booleans())
conditions = st.sampled_from(
    [
        "competition_id > 10",  # each type has this key; a condition on a key of no dataset is refused
        "metadata.home_score == 1",
        "metadata.x.y[0] == 1",
        "metadata['a b'] != None",
        "state == 'partial'",
    ]
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    filters=st.fixed_dictionaries(
        {},
        optional={
            "provider": st.sampled_from(["small", "smal"]),
            "dataset_type": st.sampled_from(["match", "video", "x"]),
            "state": st.sampled_from(["missing", "complete", ["partial", "scheduled"]]),
            "where": conditions,
            "match_id": values,
            "competition_id": values,
            "city": values,
            "colour": values,
        },
    )
)
def test_who_gets_nothing_is_told_once_and_who_gets_something_is_not(engine, caplog, filters):
    caplog.clear()
    found = engine.list_datasets(**filters)
    assert len(caplog.messages) == (0 if found else 1)
    assert all(message.endswith((".", "?", str(filters.get("where")) + ".")) for message in caplog.messages)


def test_an_empty_lake_says_so(caplog):
    with get_dev_engine(Small("small"), "match") as engine:
        assert engine.list_datasets(match_id=1) == []
        assert engine.list_datasets(matchid=1, provider="smal") == []
        engine.add_ingestion_plan(IngestionPlan(Small("other"), "match", selectors=[{"competition_id": 1}]))
        assert engine.list_datasets(competitionid=1) == []
    empty = "The bucket 'main' of the lake is empty; engine.load(), or iter_datasets with auto_ingest, fills it."
    assert caplog.messages == [
        empty,
        f"{empty} There is no provider 'smal'; did you mean 'small'?",
        f"{empty} There is no identifier key 'competitionid'; did you mean 'competition_id'?",
    ]


def test_what_finds_something_asks_the_database_for_nothing_more(engine, caplog, monkeypatch):
    asked = []
    real = engine.store.catalogue.datasets.count_by_kind
    monkeypatch.setattr(
        engine.store.catalogue.datasets, "count_by_kind", lambda *given: asked.append(1) or real(*given)
    )
    assert len(engine.list_datasets(match_id="10", state="partial", where="metadata.home_score == 0")) == 1
    assert len(engine.store.get_dataset_collection(competition_id=[1, 9])) == 3
    assert (asked, caplog.messages) == ([], [])
    assert engine.list_datasets(match_id=99) == []
    assert asked


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"streaming": True}, r"'streaming' is an option .*auto_ingest=\{\"streaming\": True\}"),
        ({"base_url": "http://x"}, r"'base_url' is an option .*\"configuration\": \{\"base_url\": …\}"),
        ({"limit": 5}, "'limit' is an option .*there is none; .*itertools.islice"),
        ({"dry_run": True, "match_id": 1}, "'dry_run' is an option .*give it to engine.load"),
    ],
)
def test_options_are_no_filters(engine, filters, message):
    reads = (
        engine.iter_datasets,
        engine.list_datasets,
        engine.store.get_dataset_collection,
        engine.destroy_dataset,
        engine.store.dataset_filter,
    )
    for read in reads:
        with pytest.raises(ConfigurationError, match=message):
            read(**filters)  # by the call itself: nothing is iterated


def test_an_identifier_key_that_is_called_like_an_option_is_a_filter(engine, monkeypatch):
    assert [one.name for one in engine.iter_datasets(page=7)] == ["competition_id=2/page=7/city=Delft"]
    monkeypatch.setattr(engine.store, "names_of_sources", NamesOfSources(identifier_keys=lambda *_: ("limit",)))
    assert engine.list_datasets(limit=5) == []


def test_state_has_one_name(engine):
    found = [len(engine.list_datasets(**{name: "partial"})) for name in ("state", "dataset_state")]
    assert found == [2, 2]
    assert len(list(engine.iter_datasets(state=["partial", "complete"]))) == 7
    assert engine.store.get_dataset_collection(state="PARTIAL").metadata.row_count == 2
    with pytest.raises(ConfigurationError, match="state and dataset_state are the same; give only state"):
        engine.iter_datasets(state="partial", dataset_state="complete")
    with pytest.raises(ValueError, match="'complet' is not a dataset state; did you mean 'COMPLETE'"):
        engine.iter_datasets(state="complet")
    with pytest.raises(ConfigurationError, match="the state of a dataset is called state"):
        engine.list_datasets(where="dataset_state == 'COMPLETE'")


class NotTen(BundleCheck):
    def find_problems(self, bundle):
        if bundle.identifier["match_id"] == 10:
            yield "it is match 10"


def test_what_filters_find_nothing_of_in_quarantine_is_explained(caplog):
    source = Small("small")
    source.bundle_checks = (NotTen(),)
    with debug_source(source, dataset_type="match", competition_id=1) as engine:
        caplog.clear()
        assert [one.name for one in engine.quarantine.list_entries(match_id="10")] == ["competition_id=1/match_id=10"]
        assert caplog.messages == []
        for filters, message in (
            (
                {"provider": "smal"},
                "Nothing in quarantine is of the provider 'smal'; did you mean 'small'? There is small.",
            ),
            ({"matchid": 10}, "Nothing in quarantine has the identifier key 'matchid'; did you mean 'match_id'?"),
            ({"provider": "small", "match_id": 11}, "Nothing in quarantine matches provider=small match_id=11."),
        ):
            caplog.clear()
            assert engine.quarantine.list_entries(**filters) == []
            assert [one.startswith(message) for one in caplog.messages] == [True]
        for wrong in ({"state": "partial"}, {"where": "match_id == 10"}):
            with pytest.raises(ConfigurationError, match="Quarantine entries have the filters provider"):
                engine.quarantine.list_entries(**wrong)
