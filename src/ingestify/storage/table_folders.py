"""The folders of tables, in a folder or in an object store, and how deltalake opens the latter."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestify.errors import ConfigurationError, StoreError
from ingestify.masking import hide, mask_text
from ingestify.storage.cloud_address import CloudAddress, CloudOptions
from ingestify.storage.cloud_clients import make_client

if TYPE_CHECKING:
    from ingestify.storage.cloud_clients import Client

__all__ = ["CloudTableFolders", "LocalTableFolders"]

_LOG = "_delta_log"
_BUCKET = ("bucket", "container_name")
_CREDENTIALS = ("access_key_id", "secret_access_key", "token")
_NAMES = {"endpoint_url_s3": "endpoint_url", "token": "session_token"}
"""Options that deltalake has under other names."""


class LocalTableFolders:
    """The tables below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        """Return the names of the folders, sorted."""
        try:
            return sorted(one.name for one in self._root.iterdir() if (one / _LOG).is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"The tables in {self._root} cannot be listed: {error.strerror}.") from error

    def remove(self, name: str) -> None:
        """Remove a folder with all its files; the log first, without which the others are no table."""
        try:
            for folder in (self._root / name / _LOG, self._root / name):
                if folder.exists():
                    shutil.rmtree(folder)
        except OSError as error:
            raise StoreError(f"The table in {self._root / name} cannot be removed: {error.strerror}.") from error


class CloudTableFolders:
    """The tables below a folder of a bucket.

    Attributes:
        storage_options: What deltalake and polars need to open the bucket. They may have secrets.
    """

    def __init__(self, address: CloudAddress, options: CloudOptions) -> None:
        self._address = address
        self._client = make_client(address, options)
        self.storage_options = _delta_options(self._client, address)

    def names(self) -> list[str]:
        """Return the names of the folders, sorted."""
        import obstore

        try:
            return sorted(prefix.strip("/") for prefix in obstore.list_with_delimiter(self._client)["common_prefixes"])
        except (obstore.exceptions.BaseError, OSError) as error:
            told = mask_text(str(error).partition("\n")[0])
        raise StoreError(f"The tables in {self._address} cannot be listed: {told}")

    def remove(self, name: str) -> None:
        """Remove a folder with all its files; the log first, without which the others are no table."""
        import obstore

        try:
            for folder in (f"{name}/{_LOG}", name):
                for some in obstore.list(self._client, prefix=folder):
                    obstore.delete(self._client, [one["path"] for one in some])
            return
        except (obstore.exceptions.BaseError, OSError) as error:
            told = mask_text(str(error).partition("\n")[0])
        raise StoreError(f"The table '{name}' in {self._address} cannot be removed: {told}")


def _delta_options(client: Client, address: CloudAddress) -> dict[str, str]:
    """Return the options of a client as deltalake and polars take them. What is in the environment, they read there."""
    prefix = {"s3": "aws", "gcs": "google", "azure": "azure"}[address.service]
    config: Mapping[str, Any] = client.config
    found = {f"{prefix}_{_NAMES.get(name, name)}": str(value) for name, value in config.items() if name not in _BUCKET}
    http: Mapping[str, Any] = client.client_options or {}
    if "root_certificate" in http:
        raise ConfigurationError(
            "file_options.ca_certificate: deltalake cannot take it, so there are no tables in such a lake. Give them "
            "another place (url below tables), or name the certificate in SSL_CERT_FILE, for all programs."
        )
    found.update({name: str(http[name]) for name in ("allow_http", "connect_timeout", "timeout") if name in http})
    provider: Any = client.credential_provider
    if provider is not None:
        given = provider()
        found.update({f"aws_{_NAMES.get(name, name)}": given[name] for name in _CREDENTIALS if given.get(name)})
    for name in ("aws_secret_access_key", "aws_session_token"):
        hide(found.get(name))
    return found
