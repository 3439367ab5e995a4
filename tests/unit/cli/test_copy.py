"""`ingestify copy` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def other(lake) -> str:
    """The settings of an empty lake beside the first one."""
    folder = lake.folder / "other"
    folder.mkdir()
    (folder / "config.yaml").write_text("main: {metadata_url: sqlite:///catalog.db, file_url: file://files/}\n")
    return str(folder / "config.yaml")


def path(lake: Any, match_id: int) -> Path:
    (found,) = (lake.folder / "files").rglob(f"match_id={match_id}/events__v1.*")
    return found


def test_a_copy_ends_with_one_line_and_a_second_one_has_nothing_to_do(lake, other):
    assert lake("copy", "--to", other, "--dry-run").startswith("to copy: 6 new, 0 updated, 0 unchanged · 6 files · ")
    lake("list", "--config", other, "--count", code=1)
    assert "There is no lake in " in lake.err
    assert lake("copy", "--to", other, "--verify").endswith(" · verified, 0 damaged\n")
    assert "Created the lake in " in lake.err
    assert lake("copy", "--to", other) == "copied: 0 new, 0 updated, 6 unchanged · 0 files · 0 bytes\n"
    assert lake("copy", "--to", other, "-q") == ""
    shown = json.loads(lake("show", "--json", "match_id=10"))
    assert json.loads(lake("show", "--json", "--config", other, "match_id=10")) == shown


def test_filters_narrow_and_what_they_leave_nothing_of_is_explained(lake, other):
    assert "1 new" in lake("copy", "--to", other, "match_id=10")
    assert "2 new, 0 updated, 1 unchanged" in lake("copy", "--to", other, "season_id=1")
    assert "0 new" in lake("copy", "--to", other, "--provider", "nobody")
    assert "The lake has no provider 'nobody'. It has small." in lake.err


def test_another_bucket_is_copied_to_the_bucket_of_that_name(lake, other):
    lake("run", "-q", "--bucket", "second")
    lake("copy", "--to", other, "--bucket", "second")
    assert lake("list", "--config", other, "--count") == "0\n"
    assert lake("list", "--config", other, "--bucket", "second", "--count") == "6\n"


def test_each_dataset_is_told_when_asked_for_and_as_json(lake, other):
    lake("copy", "--to", other, "-v", "match_id=10")
    assert "new: small/match/season_id=1/match_id=10\n" in lake.err
    told = [json.loads(line) for line in lake("copy", "--to", other, "--json").splitlines()]
    assert [one["outcome"] for one in told[:-1]] == ["new"] * 5
    assert (told[-1]["event"], told[-1]["new"], told[-1]["unchanged"], told[-1]["exit_code"]) == ("copy_ended", 5, 1, 0)


def test_what_cannot_be_copied_is_named_with_exit_code_3(lake, other):
    path(lake, 10).write_bytes(b"x")
    assert "5 new, 0 updated, 0 unchanged, 1 failed" in lake("copy", "--to", other, code=3)
    assert lake.err.count("failed: small/match/season_id=1/match_id=10: The object ") == 1
    assert "'ingestify verify --repair' restores it" in lake.err


def test_damage_in_the_target_is_found_by_verify_with_exit_code_4(lake, other):
    lake("copy", "--to", other)
    for one in (lake.folder / "other" / "files").rglob("match_id=10/events__v1.*"):
        one.write_bytes(b"x")
    assert "6 unchanged" in lake("copy", "--to", other)
    shown = lake("copy", "--to", other, "--verify", code=4)
    assert "match_id=10" in shown
    assert shown.endswith("verified, 1 damaged\n")
    damage, ended = map(json.loads, lake("copy", "--to", other, "--verify", "--json", code=4).splitlines())
    assert (damage["event"], ended["damages"]) == ("damage", 1)


def test_what_only_the_target_has_is_counted(lake, other):
    lake("copy", "--to", other)
    lake("delete", "--yes", "match_id=10")
    lake("copy", "--to", other)
    assert "1 dataset is only in the target, and stays; --delete removes it." in lake.err
    lake("copy", "--to", other, "--delete", code=2)
    assert "  small/match/match_id=10/season_id=1\n" in lake.err
    assert "Remove 1 dataset from the target?" in lake.err
    assert "1 removed" in lake("copy", "--to", other, "--delete", "--yes")
    assert lake("list", "--config", other, "--count") == "5\n"


def test_a_lake_is_not_copied_into_itself(lake):
    lake("copy", "--to", "config.yaml", code=1)
    assert "have the same catalogue (metadata_url)" in lake.err


def test_what_is_wrong_with_the_target_is_not_to_be_mended_in_the_source(lake, other):
    lake("copy", "--to", other)
    mark = Path(other).parent / "files" / ".lake.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "lake_id": "another"}))
    lake("copy", "--to", other, code=1)
    assert "belongs to another lake" in lake.err
    assert "'ingestify restored --lake …'" in lake.err
