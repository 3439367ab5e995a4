"""The folders of tables, in a folder or in an object store, and how deltalake opens the latter."""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestify.disk_remedies import find_disk_remedy
from ingestify.errors import ConfigurationError, StoreError
from ingestify.locked_file import LockedFile
from ingestify.masking import hide, mask_text
from ingestify.storage.cloud_address import CloudAddress, CloudOptions
from ingestify.storage.cloud_clients import make_client

if TYPE_CHECKING:
    from ingestify.storage.cloud_clients import Client

__all__ = ["CloudTableFolders", "LocalTableFolders"]

_LOG = "_delta_log"
_CLAIM = ".claim"
"""A file that the process locks that writes to the folder."""

_BUCKET = ("bucket", "container_name")
_CREDENTIALS = ("access_key_id", "secret_access_key", "token")
_NAMES = {"endpoint_url_s3": "endpoint_url", "token": "session_token"}
"""Options that deltalake has under other names."""

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where deltalake and polars look for the certificates of authorities."""

_GOOGLE_ACCOUNTS = (
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "SERVICE_ACCOUNT",
)
_GOOGLE_NOBODY = json.dumps({"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""})
"""An account that needs no token. Without it, deltalake would request one from a metadata service when it writes."""


_OF_A_TABLE = re.compile(
    rf"{_LOG}/.+|(dataset_id=[^/]+/)?(part-\d+-[0-9a-f-]{{36}}-?[^/]*\.parquet(#\d+)?|\..*\.crc|\.DS_Store|{re.escape(_CLAIM)})"
)
"""The path of each file below the folder of a table; `#` is in the names of files that were not finished."""


class LocalTableFolders:
    """The tables below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        """Return the names of the folders, sorted."""
        try:
            return sorted(one.name for one in self._root.iterdir() if (one / _LOG).is_dir() or (one / _CLAIM).is_file())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"The tables in {self._root} cannot be listed: {error.strerror or error}.") from error

    def find_stranger(self, name: str) -> str | None:
        """Return a file in a folder that is of no table; None: there is none."""
        return next((one for one in self._paths(name) if not _OF_A_TABLE.fullmatch(one)), None)

    def read_log(self, name: str) -> Iterator[bytes]:
        """Yield the commits of a table as they are."""
        for path in (self._root / name / _LOG).glob("*.json"):
            with _translated("read", path):
                content = path.read_bytes()
            yield content

    def remove(self, name: str) -> None:
        """Remove the files of a table; the log first, without which the others are no table."""
        folder = self._root / name
        with _translated("removed", folder, is_writing=True):
            for path in sorted(self._paths(name), key=lambda one: not one.startswith(_LOG)):
                if _OF_A_TABLE.fullmatch(path):
                    (folder / path).unlink(missing_ok=True)
            for inside, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):  # a file of somebody else is in it
                    Path(inside).rmdir()

    def claim(self, name: str) -> LockedFile | None:
        """Say that this process writes to a folder, until it closes what this returns, or ends."""
        folder = self._root / name
        with _translated("written", folder, is_writing=True):
            folder.mkdir(parents=True, exist_ok=True)
            return LockedFile.take(folder / _CLAIM, create=True)

    def is_claimed(self, name: str) -> bool | None:
        """Whether a process writes to a folder; None: that is unknown."""
        path = self._root / name / _CLAIM
        if not path.exists():
            return None
        with _translated("read", path):
            claim = LockedFile.take(path, create=False)
        if claim is not None:
            claim.close()
        return claim is None

    def check(self) -> None:
        """Do nothing: a folder has what Delta Lake needs."""

    def _paths(self, name: str) -> Iterator[str]:
        for folder, _, files in os.walk(self._root / name):
            inside = Path(folder).relative_to(self._root / name)
            yield from ((inside / file).as_posix() for file in files)


@contextlib.contextmanager
def _translated(done: str, path: Path, *, is_writing: bool = False) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = find_disk_remedy(error.errno, "url below tables") if is_writing else ""
        told = "; ".join(filter(None, (error.strerror or str(error), remedy)))
        raise StoreError(f"{path} cannot be {done}: {told}.") from error


class CloudTableFolders:
    """The tables below a folder of a bucket.

    Attributes:
        storage_options: What deltalake and polars need to open the bucket. They may have secrets.
    """

    def __init__(self, address: CloudAddress, options: CloudOptions) -> None:
        self._address = address
        self._client = make_client(address, options)
        self._is_checked = False
        self.storage_options = _delta_options(self._client, address)

    def names(self) -> list[str]:
        """Return the names of the folders, sorted."""
        import obstore

        with self._translated("The tables in {} cannot be listed"):
            return sorted(prefix.strip("/") for prefix in obstore.list_with_delimiter(self._client)["common_prefixes"])

    def find_stranger(self, name: str) -> str | None:
        """Return an object in a folder that is of no table; None: there is none."""
        return next((one for one in self._paths(name) if not _OF_A_TABLE.fullmatch(one)), None)

    def read_log(self, name: str) -> Iterator[bytes]:
        """Yield the commits of a table as they are."""
        import obstore

        for path in self._paths(name):
            if path.startswith(f"{_LOG}/") and path.endswith(".json"):
                with self._translated(f"The table '{name}' in {{}} cannot be read"):
                    content = bytes(obstore.get(self._client, f"{name}/{path}").bytes())
                yield content

    def remove(self, name: str) -> None:
        """Remove the files of a table; the log first, without which the others are no table."""
        import obstore

        paths = list(filter(_OF_A_TABLE.fullmatch, self._paths(name)))
        with self._translated(f"The table '{name}' in {{}} cannot be removed"):
            for is_log in (True, False):
                some = [f"{name}/{path}" for path in paths if path.startswith(f"{_LOG}/") is is_log]
                if some:
                    obstore.delete(self._client, some)

    def claim(self, name: str) -> None:
        """Return None: an object store has no locks."""

    def is_claimed(self, name: str) -> None:
        """Return None: that is unknown."""

    def check(self) -> None:
        """Raise a StoreError if the store does not do what Delta Lake needs; it is tried with a small object.

        A commit is an object that must not exist yet. Where the store replaces it, a build removes the commit of
        another one, and nobody notices. Readers ask for parts of objects.
        """
        if self._is_checked:
            return
        import obstore

        name = f"_probe-{uuid.uuid4().hex}"
        with self._translated("The tables in {} cannot be written"):
            obstore.put(self._client, name, b"01")
            try:
                lacks = list(self._find_lacks(name))
            finally:
                obstore.delete(self._client, name)
        if lacks:
            raise StoreError(
                f"The object store of {self._address} cannot keep tables: {' and '.join(lacks)}. Give them another "
                f"place (url below tables), such as a folder."
            )
        self._is_checked = True

    def _find_lacks(self, name: str) -> Iterator[str]:
        import obstore

        try:
            obstore.put(self._client, name, b"01", mode="create")
        except obstore.exceptions.AlreadyExistsError:
            pass
        else:
            yield "it replaces an object also if it is asked not to (If-None-Match)"
        try:
            obstore.get_range(self._client, name, start=1, end=2)
        except obstore.exceptions.GenericError as error:
            if "non-partial response" not in str(error):
                raise
            yield "it does not answer a request for a part of an object with that part (206)"

    def _paths(self, name: str) -> Iterator[str]:
        import obstore

        with self._translated(f"The table '{name}' in {{}} cannot be listed"):
            for some in obstore.list(self._client, prefix=name):
                yield from (one["path"].removeprefix(f"{name}/") for one in some)

    @contextlib.contextmanager
    def _translated(self, problem: str) -> Iterator[None]:
        import obstore

        try:
            yield
            return
        except (obstore.exceptions.BaseError, OSError) as error:
            told = mask_text(str(error).partition("\n")[0])
        # Outside of the handler: the error may quote a key, which the traceback would show.
        raise StoreError(f"{problem.format(self._address)}: {told}")


def _delta_options(client: Client, address: CloudAddress) -> dict[str, str]:
    """Return the options of a client as deltalake and polars take them. What is in the environment, they read there."""
    prefix = {"s3": "aws", "gcs": "google", "azure": "azure"}[address.service]
    config: Mapping[str, Any] = client.config
    found = {f"{prefix}_{_NAMES.get(name, name)}": str(value) for name, value in config.items() if name not in _BUCKET}
    http: Mapping[str, Any] = client.client_options or {}
    if "root_certificate" in http and not any(map(os.environ.get, _CERTIFICATES)):
        raise ConfigurationError(
            "file_options.ca_certificate: deltalake has no option for it. Name the certificate in the environment "
            "variable SSL_CERT_FILE too, or give the tables another place (url below tables)."
        )
    if address.service == "gcs":
        if "skip_signature" in config:
            found["google_service_account_key"] = _GOOGLE_NOBODY
        elif os.environ.get("GOOGLE_BEARER_TOKEN") and not any(map(os.environ.get, _GOOGLE_ACCOUNTS)):
            raise ConfigurationError(
                "GOOGLE_BEARER_TOKEN: deltalake takes no token. Name the key of a service account in "
                "GOOGLE_APPLICATION_CREDENTIALS, or give the tables another place (url below tables)."
            )
    found.update({name: str(http[name]) for name in ("allow_http", "connect_timeout", "timeout") if name in http})
    provider: Any = client.credential_provider
    if provider is not None:
        given = provider()
        found.update({f"aws_{_NAMES.get(name, name)}": given[name] for name in _CREDENTIALS if given.get(name)})
    for name in ("aws_secret_access_key", "aws_session_token"):
        hide(found.get(name))
    return found
