"""The storages that need no server, in the suite that every storage passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestify.errors import StoreError
from ingestify.storage.local import STAGING_FOLDER, LocalStorage
from ingestify.storage.memory import MemoryStorage
from ingestify.testing.storage_contract import StorageContract, put


class TestLocalStorage(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> LocalStorage:
        return LocalStorage(tmp_path / "lake")


class TestMemoryStorage(StorageContract):
    @pytest.fixture
    def storage(self) -> MemoryStorage:
        return MemoryStorage()


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", "a/\0"])
def test_local_storage_refuses_a_path_that_leaves_the_lake(tmp_path, path):
    with pytest.raises(StoreError, match="no path inside the lake"):
        LocalStorage(tmp_path).open(path)


def test_local_storage_leaves_no_temporary_file_and_no_empty_folder(tmp_path):
    storage = LocalStorage(tmp_path)
    put(storage, "main/a=1/b=2/x", b"1")
    storage.delete(["main/a=1/b=2/x"])
    assert [path.name for path in tmp_path.rglob("*")] == [STAGING_FOLDER]


def test_a_folder_that_cannot_be_written_to_is_named_with_a_remedy(tmp_path):
    (tmp_path / "lake").write_text("a file, no folder")
    with pytest.raises(StoreError, match="lake"):
        LocalStorage(tmp_path / "lake").create_temporary()
