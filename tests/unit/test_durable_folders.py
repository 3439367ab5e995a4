"""Folders that are created while others remove them."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingestify.durable_folders import DurableFolders


def test_a_folder_that_is_removed_while_it_is_made_is_told_as_removed(tmp_path, monkeypatch):
    """`mkdir` finds it there, and it is gone when `mkdir` looks whether it is a folder."""

    def found_and_gone(folder: str) -> None:
        raise FileExistsError(17, "File exists", folder)

    (tmp_path / "bucket").mkdir()
    monkeypatch.setattr(os, "mkdir", found_and_gone)
    with pytest.raises(FileNotFoundError, match="removed meanwhile"):
        DurableFolders().make(str(tmp_path / "bucket" / "match_id=1"))


def test_a_file_in_the_place_of_a_folder_is_told_as_that(tmp_path):
    (tmp_path / "bucket").write_text("no folder")
    with pytest.raises(FileExistsError):
        DurableFolders().make(str(tmp_path / "bucket"))


def test_threads_that_make_the_same_folders_all_succeed(tmp_path):
    folders = DurableFolders()
    for round_ in range(20):
        start = threading.Barrier(8)

        def make(number: int, round_=round_, start=start) -> None:
            start.wait()
            folders.make(str(tmp_path / f"{round_}" / "bucket" / "season=1" / f"match_id={number}"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make, range(8)))
