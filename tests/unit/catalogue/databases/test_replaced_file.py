"""A file of SQLite that is removed or replaced while a process has it open."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from ingestify.catalogue import SqlCatalogue
from ingestify.errors import StoreError
from tests.support.catalogue_data import apply_one, read_all, with_file


def test_nothing_is_written_to_a_file_that_was_removed_or_replaced(tmp_path: Path) -> None:
    file, aside = tmp_path / "catalog.db", tmp_path / "aside.db"
    with contextlib.closing(SqlCatalogue.open(f"sqlite:///{file}")) as catalogue:
        apply_one(catalogue, with_file())
        file.rename(aside)
        for _ in range(2):  # also on a new connection
            with pytest.raises(StoreError, match=r"the file was removed or replaced .* or let it read its settings"):
                read_all(catalogue)
        with pytest.raises(StoreError, match="removed or replaced"):
            apply_one(catalogue, with_file())
        assert not file.exists(), "no empty file is made in its place"

        shutil.copy(aside, file)
        with pytest.raises(StoreError, match="removed or replaced"):
            read_all(catalogue)

        aside.replace(file)
        assert len(read_all(catalogue)) == 1, "the file is back"


def test_a_file_that_is_there_again_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    with contextlib.closing(SqlCatalogue.open(f"sqlite:///{file}")) as catalogue:
        apply_one(catalogue, with_file())
    backup = tmp_path / "backup.db"
    shutil.copy(file, backup)
    backup.replace(file)
    with contextlib.closing(SqlCatalogue.open(f"sqlite:///{file}")) as catalogue:
        assert len(read_all(catalogue)) == 1
