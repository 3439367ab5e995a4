"""Which datasets are meant, and what is said when there are none."""

from __future__ import annotations

import json

import click
import pytest

from ingestify import DatasetResource, Source, get_dev_engine
from ingestify.cli.dataset_lookup import find_datasets, the_one_that_begins
from ingestify.errors import ConfigurationError


@pytest.fixture
def dataset_id(lake) -> str:
    return json.loads(lake("list", "--json", "match_id=12"))["dataset_id"]


def test_the_beginning_of_an_id_is_enough(lake, dataset_id):
    for what in (dataset_id, dataset_id[:8], dataset_id.upper(), f"  {dataset_id[:12].title()} "):
        assert "match_id=12" in lake("show", what)
    lake("delete", f" {dataset_id[:8].upper()}", "-y")
    assert lake("list", "--count", "match_id=12") == "0\n"


def test_several_ids_that_begin_so_are_an_error(lake):
    ids = [json.loads(line)["dataset_id"] for line in lake("list", "--json").splitlines()]
    with pytest.raises(ConfigurationError, match="6 datasets have an id that begins 'x'; give more of it"):
        the_one_that_begins("x", ids, "datasets", "ingestify list")
    lake("show", " ", code=2)
    assert "The id is empty" in lake.err


def test_what_might_be_the_number_of_a_match_removes_nothing(lake, dataset_id):
    lake("delete", dataset_id[:4], "-y", code=2)
    assert "give 8 characters or more" in lake.err
    assert lake("list", "--count") == "6\n"


def test_the_options_count_for_an_id_too(lake, dataset_id):
    lake("show", dataset_id, "--provider", "other", code=1)
    assert "'ingestify list'" in lake.err


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["matchid=5"], "identifier key 'matchid'; did you mean 'match_id'? The keys are match_id, season_id."),
        (
            ["match_id=5", "season_id=1,2"],
            "season_id=1,2 is there with 6 matches, none with match_id=5. There is match_id=10,11,12,20,21,22.",
        ),
        (["--provider", "smal"], "The lake has no provider 'smal'; did you mean 'small'? It has small."),
        (["--dataset-type", "nope"], "There is no dataset type 'nope' of the lake. There is match."),
        (["--state", "missing", "--provider", "small"], "None of the 6 matches is MISSING; there are 6 COMPLETE."),
        (["--where", "metadata.nme == 1"], "None of the 6 matches has metadata.nme"),
        (["--bucket", "nope"], "The bucket 'nope' is empty;"),
    ],
)
def test_what_did_not_match_is_said(lake, arguments, message):
    assert lake("list", *arguments) == ""
    assert message in lake.err
    assert lake("list", "--count", *arguments) == "0\n"
    assert message in lake.err
    lake("list", "-q", *arguments)
    assert lake.err == ""


def test_showing_what_is_not_there_says_what_is(lake):
    lake("show", "matchid=5", code=1)
    assert "did you mean 'match_id'? The keys are match_id, season_id. See 'ingestify list'." in lake.err


def test_the_number_of_a_match_is_told_of_its_key(lake):
    lake("show", "99999", code=1)
    assert "with its key, such as match_id=99999" in lake.err


def test_a_lake_with_all_in_quarantine_says_so(command):
    command.configure(
        "ingestion_plans:",
        "dataset_types:\n  - {provider: small, dataset_type: match, checks: [tests.unit.cli.small_source.NotTen]}\n"
        "ingestion_plans:",
    )
    command("run", "-q", "match_id=10", code=3)
    assert command("list") == ""
    assert "is empty; 'ingestify quarantine list' shows what failed its checks" in command.err


def test_an_empty_lake_says_how_to_fill_it(command):
    command.make_lake()
    assert command("list") == ""
    assert "The bucket 'main' is empty; 'ingestify run' fetches" in command.err


def test_provider_type_and_state_may_stand_beside_identifier_keys(lake):
    assert "match_id=12" in lake("show", "provider=small/dataset_type=match/match_id=12")
    assert "match_id=12" in lake("show", "state=complete/match_id=12")
    lake("show", "provider=smal/match_id=12", code=1)
    assert "The lake has no provider 'smal'; did you mean 'small'?" in lake.err
    lake("show", "provider=small/match_id=12", "--provider", "other", code=2)
    assert "provider is small in 'provider=small/match_id=12', and another one in the option" in lake.err
    lake("delete", "state=complet", "-y", code=2)
    assert "'complet' is not a dataset state; did you mean 'COMPLETE'?" in lake.err
    lake("delete", "limit=5", "-y", code=2)
    assert "'limit' is an option, which 'ingestify delete' does not have" in lake.err


def test_what_the_list_calls_a_dataset_can_be_typed(lake):
    for line in lake("list", "--limit", "2").splitlines():
        what = next(word for word in line.split() if "match_id=" in word)
        assert what.startswith("small/match/")
        assert f"  what                     {what}\n" in lake("show", what)
        lake("delete", what, "-y")
    assert lake("list", "--count") == "4\n"
    lake("show", "smal/match/match_id=12", code=1)
    assert "The lake has no provider 'smal'; did you mean 'small'?" in lake.err
    lake("show", "small/match/match_id=12", "--provider", "other", code=2)
    assert "and another one in the option" in lake.err
    lake("show", "match/match_id=12", code=2)
    assert "is no identifier" in lake.err


def test_what_is_not_in_quarantine_says_what_is(command):
    command.configure(
        "ingestion_plans:",
        "dataset_types:\n  - {provider: small, dataset_type: match, checks: [tests.unit.cli.small_source.NotTen]}\n"
        "ingestion_plans:",
    )
    command("run", "-q", "match_id=10", code=3)
    for arguments, message in (
        (
            ["--provider", "smal"],
            "Nothing in quarantine is of the provider 'smal'; did you mean 'small'? There is small.",
        ),
        (
            ["matchid=10"],
            "Nothing in quarantine has the identifier key 'matchid'; did you mean 'match_id'? The keys are",
        ),
        (["match_id=99"], "Nothing in quarantine matches match_id=99."),
    ):
        assert command("quarantine", "list", *arguments) == ""
        assert message in command.err


class Paged(Source):
    """Its datasets have a key that is called like an option."""

    provider = "paged"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield DatasetResource({"page": 1, "limit": 5}, dataset_type).add_file(None, "table", json_content=[])


def test_a_key_that_a_dataset_has_is_one_though_it_is_called_like_an_option():
    with get_dev_engine(Paged("paged"), "table") as engine:
        engine.load()
        for what in ("limit=5", "page=1/limit=5", "paged/table/page=1/limit=5"):
            assert len(find_datasets(engine.store, what)) == 1
        with pytest.raises(click.UsageError, match="'batch_size' is an option"):
            find_datasets(engine.store, "batch_size=5")


class Backwards(Source):
    provider = "backwards"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for number in (3, 1, 2):
            yield DatasetResource({"match_id": number}, dataset_type).add_file(None, "events", json_content=[])


def test_several_datasets_come_in_the_order_of_list():
    with get_dev_engine(Backwards("backwards"), "match") as engine:
        engine.load()
        found = find_datasets(engine.store, "provider=backwards")
        assert [one.dataset_id for one in found] == [one.dataset_id for one in engine.list_datasets()]
        assert [one.identifier["match_id"] for one in found] == [1, 2, 3]
