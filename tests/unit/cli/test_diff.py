"""`ingestify diff` and `log`."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def corrected(command):
    """The command line with a match of three revisions, and one of a single revision."""
    command.configure("SmallSource}", "Corrected, configuration: {version: 1}}")
    command("run", "-q")
    for version in (2, 3):
        command.configure(f"version: {version - 1}", f"version: {version}")
        command("run", "-q")
    return command


def test_the_sentence_is_the_first_line_and_the_table_is_below(corrected):
    first, *table = corrected("diff", "match_id=10", "0", "1").splitlines()
    assert first == (
        "Málaga 10, revision 0 → 1: 1 shot's xg changed in minute 63 (Málaga: 0.1 → 0.2); 1 pass added in minute 64 "
        "(Málaga)."
    )
    assert [line.split()[:4] for line in table] == [
        ["feed", "what", "record", "minute"],
        ["events", "changed", "Shot", "63"],
        ["events", "added", "Pass", "64"],
    ]


def test_without_numbers_the_last_two_revisions_are_compared(corrected):
    assert "revision 1 → 2: 1 shot's xg changed in minute 63 (Málaga: 0.2 → 0.3)." in corrected("diff", "match_id=10")
    assert "revision 0 → 2: " in corrected("diff", "match_id=10", "0")


def test_json_has_the_differences_with_their_values(corrected):
    document = json.loads(corrected("diff", "match_id=10", "0", "1", "--json", "--feed", "events"))
    assert document["sentence"].startswith("1 shot's xg changed")
    assert len(document["clauses"]) == 2
    changed, added = document["differences"]
    assert (changed["kind"], changed["key"], changed["field"], changed["old"], changed["new"]) == (
        *("changed", [1], "xg", 0.1, 0.2),
    )
    assert (added["kind"], added["position"], added["new"]["type"]) == ("added", 1, "Pass")


def test_of_several_datasets_those_without_these_revisions_are_named(corrected):
    out = corrected("diff", "provider=small")
    assert "Málaga 10, revision 1 → 2" in out
    assert corrected.err == "1 of 2 matches have no other revision than their first one.\n"
    corrected("diff", "provider=small", "2")
    assert "match_id=11 has no revision 2; its only revision is 0" in corrected.err
    corrected("diff", "match_id=11", code=1)
    assert "match_id=11 does not have 2 revisions; its only revision is 0" in corrected.err
    corrected("diff", "match_id=10", "7", code=1)
    assert "has no revision 7; it has the revisions 0 to 2" in corrected.err
    corrected("diff", "match_id=10", "--feed", "tracking", code=1)
    assert "has no feed 'tracking' in these revisions; it has events." in corrected.err
    corrected("diff", "match_id=10", "--", "-1", code=2)


def test_a_revision_was_there_at_the_time_that_the_log_shows(corrected):
    lines = corrected("log", "match_id=10").splitlines()[1:]
    shown = lines[-1].split()
    (dataset,) = corrected("list", "match_id=10", "--as-of", f"{shown[1]}T{shown[2]}").splitlines()
    assert " r2 " in dataset


def test_the_log_has_a_line_for_each_revision(corrected):
    name, *lines = corrected("log", "match_id=10").splitlines()
    assert name == "Málaga 10"
    assert [line.split()[0] for line in lines] == ["0", "1", "2"]
    assert lines[0].endswith("First seen, with events.")
    assert lines[2].endswith("1 shot's xg changed in minute 63 (Málaga: 0.2 → 0.3).")
    documents = [json.loads(line) for line in corrected("log", "provider=small", "--json").splitlines()]
    assert {one["identifier"]["match_id"]: len(one["revisions"]) for one in documents} == {10: 3, 11: 1}
