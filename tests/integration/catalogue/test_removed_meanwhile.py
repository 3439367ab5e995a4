"""On servers too: no commit names an object that was removed before it."""

from __future__ import annotations

from pathlib import Path

from tests.contracts.removed_meanwhile import Lake, check_that_nothing_is_lost


def test_a_run_writes_again_what_was_removed_before_its_commit(lake_url: str, tmp_path: Path) -> None:
    lake = Lake(lake_url, tmp_path)
    check_that_nothing_is_lost(lake)
    lake.close()
