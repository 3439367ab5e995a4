from __future__ import annotations

import click
import pytest

from ingestify.cli.options import parse_filters, parse_identifier
from ingestify.domain.wording import filter_text


@pytest.mark.parametrize(
    "arguments",
    [["match_id=1", "match_id=2"], ["match_id=1/match_id=2"], ["match_id=1,2"], ["match_id=1,2", "match_id=2"]],
)
def test_a_key_that_is_given_twice_means_both_values(arguments):
    assert parse_filters(arguments) == {"match_id": ["1", "2"]}


def test_an_identifier_with_a_key_twice_means_both_too():
    assert parse_identifier("season_id=1/match_id=2/match_id=3") == {"season_id": "1", "match_id": ["2", "3"]}


@pytest.mark.parametrize(
    ("argument", "filters"),
    [
        ("season=2023/2024", {"season": "2023/2024"}),
        ("season=2022/2023,2023/2024", {"season": ["2022/2023", "2023/2024"]}),
        ("season=2023/2024/match_id=1", {"season": "2023/2024", "match_id": "1"}),
        ("competition_id=11/season=2023/2024", {"competition_id": "11", "season": "2023/2024"}),
        ("season=1/2/season=3/4", {"season": ["1/2", "3/4"]}),
        ("path=/a//b", {"path": "/a//b"}),
        ("token=a=b", {"token": "a=b"}),
    ],
)
def test_a_value_may_hold_slashes_as_seasons_do(argument, filters):
    assert parse_filters([argument]) == filters
    if "," not in argument:
        assert parse_identifier(argument) == filters


@pytest.mark.parametrize(
    "argument", ["match_id=,", "match_id=1,", "match_id=,1", "match_id=", "match_id=1, ", "x", "=1"]
)
def test_an_empty_part_is_no_filter(argument):
    with pytest.raises(click.UsageError, match="is no filter: write key=value"):
        parse_filters([argument])


def test_filters_are_shown_as_they_are_written():
    assert filter_text({"season_id": "1", "match_id": ["2", "3"]}) == "season_id=1 match_id=2,3"


@pytest.mark.parametrize("command_name", ["run", "list", "status", "plan"])
@pytest.mark.parametrize("bucket", ["", " "])
def test_a_bucket_without_a_name_is_wrong_usage(command, command_name, bucket):
    command(command_name, "--bucket", bucket, code=2)
    assert "a bucket needs a name" in command.err


def test_a_shell_is_offered_files_for_the_configuration(command, monkeypatch):
    monkeypatch.setenv("_INGESTIFY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "ingestify list --config con")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert command() == "file,con\n"


def test_a_configuration_that_is_a_folder_is_told_in_our_words(command):
    command("list", "--config", str(command.folder), code=1)
    assert "is a folder; name a file in it" in command.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "limit=5"], "'limit=5' is no filter of an identifier: write --limit 5 ."),
        (["list", "dataset_state=partial"], "write --state partial ."),
        (["list", "provider=small"], "write --provider small ."),
        (["list", "state=mising"], "write --state mising ."),
        (["list", "state=CA"], """write --where "identifier['state'] == 'CA'" ."""),
        (["run", "dry_run=1"], "write --dry-run ."),
        (["run", "limit=5"], "'limit=5' is no filter: 'limit' is an option, which 'ingestify run' does not have."),
        (["quarantine", "list", "state=open"], "'state' is an option, which 'ingestify quarantine list' does not have"),
    ],
)
def test_an_option_that_is_given_as_a_filter_is_told_how_it_is_written(command, arguments, message):
    command(*arguments, code=2)
    assert message in command.err
