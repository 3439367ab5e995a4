"""`ingestify verify` as a person types it."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest


def path(lake: Any, match_id: int) -> Path:
    (found,) = (lake.folder / "files").rglob(f"match_id={match_id}/events__v1.*")
    return found


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_whole_lake_is_said_to_be_whole(lake):
    assert lake("verify") == "6 files read (12 bytes): no damage\n"
    assert lake("verify", "-q") == ""
    (ended,) = lines(lake("verify", "--json"))
    assert (ended["event"], ended["objects"], ended["damages"], ended["exit_code"]) == ("verify_ended", 6, 0, 0)


def test_damage_is_named_and_the_exit_code_is_4(lake):
    path(lake, 10).unlink()
    shown = lake("verify", code=4).splitlines()
    assert shown[0].startswith(
        "missing: small/match/season_id=1/match_id=10, revision 0, events__v1 (main/provider=small"
    )
    assert shown[1:3] == [
        "    it is not in the storage",
        "    'ingestify verify --repair' restores it from another copy, or fetches it anew",
    ]
    assert shown[3] == "6 files read (10 bytes): 1 damage"
    damage, ended = lines(lake("verify", "--json", code=4))
    assert (damage["event"], damage["kind"], damage["file_id"], damage["revision_id"]) == (
        "damage",
        "missing",
        "events__v1",
        0,
    )
    assert (ended["kinds"], ended["left"], ended["exit_code"]) == ({"missing": 1}, 1, 4)
    assert "missing: " in lake("verify", "--quiet", code=4)


def test_what_is_repaired_is_looked_at_again(lake):
    path(lake, 10).unlink()
    path(lake, 21).write_bytes(b"x")
    assert "6 files read (8 bytes): 2 damages, 2 repaired, 0 left" in lake("verify", "--repair")
    assert "small/match/season_id=1/match_id=10: fetched anew (1 match: " in lake.err
    assert lake("verify") == "6 files read (12 bytes): no damage\n"


def test_a_storage_that_holds_nothing_is_not_repaired(lake):
    (lake.folder / "files").rename(lake.folder / "not mounted")
    for arguments in (("verify",), ("verify", "--repair")):
        assert lake(*arguments, code=1) == "", "not six damages"
        assert "holds none of the files that the catalogue" in lake.err
        assert "mount its disk" in lake.err
    (lake.folder / "not mounted").rename(lake.folder / "files")
    assert lake("verify") == "6 files read (12 bytes): no damage\n"
    assert "0 new, 0 revised, 6 unchanged" in lake("run"), "no revision was marked"


def test_what_cannot_be_repaired_is_left_and_said(lake):
    path(lake, 10).unlink()
    lake.configure("\nsources:", "\nsources:\n  other: {type: tests.unit.cli.small_source.SmallSource}")
    lake.configure("{source: small, dataset_type: match}", "{source: other, dataset_type: other}")
    shown = lake("verify", "--repair", code=4)
    assert "it cannot be fetched anew now: " in lake.err
    assert shown.count("missing: ") == 2
    assert "1 damage\n" in shown
    told = lines(lake("verify", "--repair", "--json", code=4))
    assert [one["event"] for one in told] == ["damage", "repair", "left", "verify_ended"]


def test_a_provider_that_is_down_leaves_it_damaged(lake):
    path(lake, 10).unlink()
    lake.configure("SmallSource}", "SmallSource, configuration: {is_down: true}}")
    lake("verify", "--repair", code=4)
    assert "it could not be fetched anew: " in lake.err
    assert "the index is gone" in lake.err


def test_the_buckets_are_all_looked_at_or_one(lake):
    lake("run", "-q", "--bucket", "second")
    path_of_second = next((lake.folder / "files" / "second").rglob("events__v1.*"))
    path_of_second.write_bytes(b"")
    assert "truncated: " in lake("verify", code=4)
    assert "6 files read" in lake("verify", "--bucket", "main")
    assert "1 repaired" in lake("verify", "--repair")
    assert lake("verify", "--bucket", "second") == "6 files read (12 bytes): no damage\n"


def test_a_sample_says_what_it_is_a_sample_of(lake):
    shown = lake("verify", "--sample", "50%", "--seed", "1")
    assert " of 6 files read (" in shown
    assert "a sample of 0.5 with the seed 1: no damage" in shown
    assert lake("verify", "--sample", "0.5", "--seed", "1") == shown
    assert lines(lake("verify", "--sample", "100%", "--json"))[-1]["objects"] == 6
    for wrong in ("0", "0%", "101%", "1.5", "much", "-5%", ""):
        lake("verify", "--sample", wrong, code=2)
        assert "such as 5% or 0.05" in lake.err


def test_what_nothing_names_is_a_note_and_no_damage(lake, monkeypatch):
    orphan = path(lake, 10).with_name(f"old__v1.{7:032x}.json")
    orphan.write_bytes(b"123")
    assert lake("verify") == "6 files read (12 bytes): no damage\n"
    assert lake.err == "", "it may be on its way"
    two_days = time.time() - 2 * 86400
    os.utime(orphan, (two_days, two_days))
    monkeypatch.setattr("ingestify.store.maintenance.verification.now", in_two_days)
    assert "6 files read" in lake("verify")
    assert lake.err == "1 file is in the storage that no dataset has; 'ingestify gc' removes it.\n"
    damage, ended = lines(lake("verify", "--json"))
    assert (damage["kind"], damage["is_failure"], ended["orphans"], ended["exit_code"]) == ("orphan", False, 1, 0)


def in_two_days() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=2)


def test_the_help_says_what_4_means(command):
    assert "4 the lake is damaged" in " ".join(command("--help").split())


@pytest.mark.parametrize("name", ["verify", "gc"])
def test_an_empty_lake_is_fine(command, name):
    command.make_lake()
    assert command(name).startswith("0 files")
