"""Object stores in the suite that every storage passes: Amazon's S3 and another, Google's and Microsoft's."""

from __future__ import annotations

import pytest

from ingestify.storage.cloud import CloudStorage
from ingestify.testing.storage_contract import StorageContract

from .conftest import open_lake


class ObjectStoreContract(StorageContract):
    clock_grain_seconds = 3.2
    writers_rounds = 20


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
