"""`ingestify follow`."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def corrected(command):
    """The command line with a match of two revisions."""
    command.configure("SmallSource}", "Corrected, configuration: {version: 1}}")
    command("run", "-q")
    command.configure("version: 1", "version: 2")
    command("run", "-q")
    return command


def followed(command, *arguments):
    return [json.loads(line) for line in command("follow", "match_id=10", *arguments).splitlines()]


def test_what_there_is_comes_first_and_without_a_kick_off_it_ends(corrected):
    lines = followed(corrected)
    assert [(one["kind"], one["position"], one["cursor"]) for one in lines] == [
        ("added", 0, ":1:1"),
        ("added", 1, "1"),
    ]
    assert lines[0]["event"]["type"] == "Shot"
    assert (lines[0]["revision"], lines[0]["previous_revision"]) == (1, None)
    assert "has no kick-off in its metadata, so nobody knows whether the match goes on" in corrected.err
    assert corrected.err.endswith("Málaga 10: 2 lines, up to 1.\n")


def test_a_reader_that_was_killed_goes_on_behind_its_last_line(corrected):
    whole = followed(corrected, "--after", "0")
    assert [one["kind"] for one in whole] == ["changed", "added"]
    assert (whole[0]["event"]["xg"], whole[0]["previous"]["xg"]) == (0.2, 0.1)
    assert followed(corrected, "--after", whole[0]["cursor"]) == whole[1:]
    assert followed(corrected, "--after", whole[1]["cursor"]) == []


def test_one_match_is_followed(corrected):
    corrected("follow", "provider=small", code=1)
    assert "'provider=small' names 2 datasets, such as small/match/" in corrected.err
    assert "one is followed. Name more of its identifier" in corrected.err


def test_a_timeout_ends_it(corrected):
    assert len(followed(corrected, "--forever", "--timeout", "0s", "-q")) == 2
    assert corrected.err == ""
