"""`ingestify run --refetch`: in full, although nothing changed."""

from __future__ import annotations

import json


def test_it_says_how_many_and_looks_at_no_others(lake):
    shown = lake("run", "--refetch", "match_id=10,21")
    assert "2 datasets of the lake to be fetched in full." in lake.err
    assert shown.startswith("2 matches: 0 new, 0 revised, 2 unchanged")
    events = [json.loads(line) for line in lake("run", "--refetch", "match_id=10", "--json").splitlines()]
    assert events[0] == {"event": "refetch", "datasets": 1}
    assert "refetch    season_id=2/match_id=21  Málaga 21  (it is asked for in full)" in lake(
        "run", "--dry-run", "--refetch", "match_id=21", "season_id=2"
    )


def test_also_a_selector_that_says_that_nothing_changed_is_looked_at(command):
    command.configure("SmallSource}", "SmallSource, configuration: {has_hints: true}}")
    command("run")
    shown = command("run", "--dry-run", "--refetch", "season_id=2")
    assert shown.count("(it is asked for in full)") == 3


def test_what_names_nothing_is_refused(lake):
    lake("run", "--refetch", "matchid=10", code=1)
    assert "None of the 6 matches has the identifier key 'matchid'; did you mean 'match_id'? The keys are" in lake.err
    lake("run", "--refetch", "match_id", code=2)
    assert "'match_id' is no filter: write key=value" in lake.err
    lake("run", "match_id=10", "--refetch", "match_id=11", code=2)
    assert "'match_id' is given as a filter and to --refetch; give it once." in lake.err
