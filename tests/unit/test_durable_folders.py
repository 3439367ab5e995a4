"""Folders that are created while others remove them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestify.durable_folders import DurableFolders


def test_a_folder_that_is_removed_while_it_is_made_is_told_as_removed(tmp_path, monkeypatch):
    """`mkdir` finds it there, and it is gone when `mkdir` looks whether it is a folder."""

    def found_and_gone(self: Path, *_: object, **__: object) -> None:
        raise FileExistsError(17, "File exists", str(self))

    monkeypatch.setattr(Path, "mkdir", found_and_gone)
    with pytest.raises(FileNotFoundError, match="removed meanwhile"):
        DurableFolders().make(tmp_path / "bucket" / "match_id=1")


def test_a_file_in_the_place_of_a_folder_is_told_as_that(tmp_path):
    (tmp_path / "bucket").write_text("no folder")
    with pytest.raises(FileExistsError):
        DurableFolders().make(tmp_path / "bucket")
