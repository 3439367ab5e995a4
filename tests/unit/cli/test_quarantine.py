"""What the commands of a quarantine share with the others; the quarantine itself is tested where it is made."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def entry(command) -> str:
    """The id of match 10, which waits in quarantine."""
    command.configure(
        "ingestion_plans:",
        "dataset_types:\n  - {provider: small, dataset_type: match, checks: [tests.unit.cli.small_source.NotTen]}\n"
        "ingestion_plans:",
    )
    command("run", "-q", code=3)
    (listed,) = command("quarantine", "list", "--json").splitlines()
    return json.loads(listed)["entry_id"]


def test_a_bundle_is_discarded_only_after_a_yes(command, entry):
    command("quarantine", "discard", entry, code=2)
    assert "nothing was done; --yes answers it" in command.err
    assert "Throw their files away?" in command.err
    assert command("quarantine", "list") != ""
    command("quarantine", "discard", entry, "-y", "--by", "me")
    assert command("quarantine", "list") == ""
    assert "Nothing is in quarantine" in command.err


def test_an_entry_is_found_by_the_beginning_of_its_id(command, entry):
    assert "it is match 10" in command("quarantine", "show", f" {entry[:8].upper()} ")
    command("quarantine", "show", "nope", code=1)
    assert "ingestify quarantine list" in command.err
    command("quarantine", "show", " ", code=2)
    assert "is empty" in command.err


def test_the_list_says_what_can_be_done(command, entry):
    command("quarantine", "list")
    assert "'ingestify quarantine show ENTRY' says more; retry" in command.err
    command("quarantine", "list", "--json")
    assert "says more" not in command.err
    command("quarantine", "discard", entry, "-y")
    command("quarantine", "list", "--all")
    assert "says more" not in command.err, "nothing waits any more"


def test_what_no_plan_fetches_stays_marked_for_who_does(command, entry):
    command("quarantine", "retry", entry, "--lake", ".", code=1)
    assert "it cannot be fetched anew now: There is no ingestion plan" in command.err
    assert "It is marked: the next run, or loop with auto_ingest, that covers it fetches it." in command.err


def test_the_status_counts_what_waits(command, entry):
    assert "in quarantine: 1 bundle; 'ingestify quarantine list' says why\n" in command("status")
    assert json.loads(command("status", "--json"))["waiting_in_quarantine"] == 1
    command("quarantine", "discard", entry, "-y")
    assert "in quarantine:" not in command("status")
    assert json.loads(command("status", "--json"))["waiting_in_quarantine"] == 0


def test_what_readers_see_instead_is_told_while_an_entry_waits(command, entry):
    assert "readers see              nothing: the dataset was never published" in command("quarantine", "show", entry)
    command("quarantine", "accept", entry, "--note", "it is right")
    shown = command("quarantine", "show", entry)
    assert "readers see" not in shown
    assert "it is right" in shown


def test_show_says_of_a_dataset_what_waits_beside_it(command):
    source = "{type: tests.unit.cli.small_source.WithHeatmap, configuration: {broken: %s}}"
    command.configure("{type: tests.unit.cli.small_source.SmallSource}", source % "nothing")
    command("run", "-q")
    assert "quarantine" not in command("show", "match_id=1")
    assert json.loads(command("show", "match_id=1", "--json"))["in_quarantine"] == []
    command.configure(source % "nothing", source % "events")
    command("run", "-q", code=3)
    (entry,) = map(json.loads, command("quarantine", "list", "--json").splitlines())
    shown = command("show", "match_id=1")
    assert "the provider's version is in quarantine since " in shown
    assert ": events__v1: the JSON breaks off" in shown
    assert f"'ingestify quarantine show {entry['entry_id']}' says more" in shown
    (waiting,) = json.loads(command("show", "match_id=1", "--json"))["in_quarantine"]
    assert (waiting["entry_id"], waiting["reasons"]) == (entry["entry_id"], entry["reasons"])


def test_a_list_says_what_waits_beside_it(command):
    source = "{type: tests.unit.cli.small_source.WithHeatmap, configuration: {broken: %s}}"
    command.configure("{type: tests.unit.cli.small_source.SmallSource}", source % "nothing")
    command("run", "-q")
    assert "quarantine" not in command("list")
    assert command.err == ""
    command.configure(source % "nothing", source % "events")
    command("run", "-q", code=3)
    assert "newer in quarantine" in command("list")
    said = "1 dataset has a newer version in quarantine: 'ingestify quarantine list' says why."
    assert said in command.err
    assert command("list", "--count") == "1\n"
    assert said in command.err
    (listed,) = map(json.loads, command("list", "--json").splitlines())
    assert said in command.err
    (shown,) = json.loads(command("show", "match_id=1", "--json"))["in_quarantine"]
    assert listed["in_quarantine"] == [shown]
    assert shown["command"] == f"ingestify quarantine show {shown['entry_id']}"
    command("list", "match_id=2")
    assert "newer" not in command.err, "it is of another match"


def test_a_list_counts_what_was_never_published(command, entry):
    listed = command("list")
    assert "match 10" not in listed
    assert "newer in quarantine" not in listed
    assert "1 dataset is only in quarantine: 'ingestify quarantine list' says why." in command.err
    command("list", "-q")
    assert command.err == ""
    command("list", "--state", "COMPLETE")
    assert "1 dataset is only in quarantine" in command.err, "what was never published may become that"
    command("list", "--state", "MISSING")
    assert "only in quarantine" not in command.err
    command("list", "--where", "match_id == 10")
    assert "1 dataset is only in quarantine" in command.err
    command("list", "--where", "match_id == 11")
    assert "quarantine" not in command.err


@pytest.mark.parametrize("by", ["match_id=10", "id"])
def test_show_says_that_a_dataset_is_only_in_quarantine(command, entry, by):
    dataset_id = json.loads(command("quarantine", "show", entry, "--json"))["dataset_id"]
    command("show", dataset_id[:8] if by == "id" else by, code=1)
    assert "Málaga 10 is not in the lake: its files failed a check and are in quarantine: " in command.err
    assert f"See 'ingestify quarantine show {entry}'." in command.err


def test_filters_that_match_nothing_are_named(command, entry):
    command("quarantine", "list", "match_id=11")
    assert "Nothing in quarantine matches match_id=11." in command.err
    command("quarantine", "list", "--bucket", "", code=2)
