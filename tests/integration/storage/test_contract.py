"""Object stores in the suite that every storage passes: Amazon's S3 and another, Google's and Microsoft's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ingestify.storage.cloud import CloudStorage
from ingestify.testing.storage_contract import StorageContract

from .conftest import open_lake


class ObjectStoreContract(StorageContract):
    writers_rounds = 20
    test_what_was_written_since_is_not_deleted = None  # it waits for whole seconds: below, for all of them at once


class TestMoto(ObjectStoreContract):
    @pytest.fixture
    def storage(self, moto: str) -> CloudStorage:
        return open_lake("s3", moto)


class TestRclone(ObjectStoreContract):
    @pytest.fixture
    def storage(self, rclone: str) -> CloudStorage:
        return open_lake("s3", rclone)


class TestGoogle(ObjectStoreContract):
    @pytest.fixture
    def storage(self, gcs: str) -> CloudStorage:
        return open_lake("gs", gcs)


class TestAzurite(ObjectStoreContract):
    @pytest.fixture
    def storage(self, azurite: str) -> CloudStorage:
        return open_lake("az", azurite)


def test_what_was_written_since_is_not_deleted(moto, rclone, gcs, azurite):
    class Patient(StorageContract):
        clock_grain_seconds = 3.5  # seconds of HTTP, and the two that the storage leaves to clocks

    lakes = [open_lake("s3", moto), open_lake("s3", rclone), open_lake("gs", gcs), open_lake("az", azurite)]
    with ThreadPoolExecutor(len(lakes)) as pool:
        list(pool.map(Patient().test_what_was_written_since_is_not_deleted, lakes))
