"""Object stores for the tests beside this, each started once, and an empty lake in them for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from ingestify.storage.cloud import CloudStorage
from ingestify.storage.cloud_address import CloudAddress, CloudOptions

from . import servers

_numbers = itertools.count(1)

NOWHERE = "http://127.0.0.1:9"
"""Nobody listens on the port for discarding."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Those of the servers on loopback; no file, role or metadata service of the machine is asked."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AZURE_STORAGE_SAS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    empty = tmp_path_factory.getbasetemp() / "no-such-file"
    for name, value in {
        "AWS_ACCESS_KEY_ID": servers.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": servers.SECRET_KEY,
        "AWS_SHARED_CREDENTIALS_FILE": str(empty),
        "AWS_CONFIG_FILE": str(empty),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_METADATA_ENDPOINT": NOWHERE,
        "GOOGLE_BEARER_TOKEN": "a-token-of-the-tests",
        "AZURE_STORAGE_ACCOUNT_NAME": servers.AZURE_ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": servers.AZURE_KEY,
        "AZURE_MSI_ENDPOINT": NOWHERE,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with servers.moto() as url:
        yield url


@pytest.fixture(scope="session")
def rclone() -> Iterator[str]:
    with servers.rclone() as url:
        yield url


@pytest.fixture(scope="session")
def gcs() -> Iterator[str]:
    with servers.fake_gcs() as url:
        yield url


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    with servers.azurite() as url:
        yield url


def open_lake(scheme: str, endpoint: str, bucket: str = servers.BUCKET, **options: object) -> CloudStorage:
    """Open an empty lake of its own, with little patience."""
    address = CloudAddress.parse(f"{scheme}://{bucket}/test-{next(_numbers)}/lake")
    patience = {"attempts": 3, "backoff_seconds": 0.02, "connect_timeout_seconds": 5.0, "read_timeout_seconds": 20.0}
    return CloudStorage(address, CloudOptions(endpoint=endpoint, **(patience | options)))  # type: ignore[arg-type]
