"""Which datasets are meant, and what is said when there are none."""

from __future__ import annotations

import json

import pytest

from ingestify.cli.dataset_lookup import the_one_that_begins
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["matchid=5"],
            "No dataset of the 6 in the bucket 'main' matches matchid=5; the identifier keys are match_id, season_id.",
        ),
        (["match_id=5", "season_id=1,2"], "matches match_id=5 season_id=1,2; the identifier keys are"),
        (["--provider", "nope"], "matches provider nope; the provider is small."),
        (["--dataset-type", "nope"], "matches dataset type nope; the dataset type is match."),
        (["--state", "missing", "--provider", "small"], "matches provider small, state MISSING."),
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
    assert "matches matchid=5; the identifier keys are match_id, season_id. See 'ingestify list'." in lake.err


def test_the_number_of_a_match_is_told_of_its_key(lake):
    lake("show", "99999", code=1)
    assert "is written with its key, such as match_id=99999" in lake.err


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
    assert command("list") == ""
    assert "The bucket 'main' is empty; 'ingestify run' fetches" in command.err
