"""Deliveries in an object store: S3 and compatible servers, Google Cloud Storage, Azure."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from ingestify.domain.delivery import DeliveredFile, SkippedEntry
from ingestify.errors import IntegrityError, SourceError, StoreError
from ingestify.storage.cloud_address import CloudAddress, CloudOptions
from ingestify.storage.cloud_clients import make_client
from ingestify.storage.cloud_errors import Action, translate
from ingestify.storage.cloud_reader import CloudReader
from ingestify.storage.deliveries.stream import DeliveredStream

if TYPE_CHECKING:
    from obstore import ObjectMeta

    from ingestify.storage.cloud_clients import Client

__all__ = ["BucketDelivery"]

_BUFFER_BYTES = 1 << 20
_PAGE = 1_000

T = TypeVar("T")


class BucketDelivery:
    """Reads objects below a prefix.

    Raises:
        ConfigurationError: The options make no sense, or there are no credentials. No request was sent.
        MissingExtraError: obstore is not installed.
    """

    def __init__(self, address: CloudAddress, options: CloudOptions | None = None) -> None:
        self._address = address
        self._client = make_client(address, options or CloudOptions())

    def iter_files(self, folder: str = "") -> Iterator[DeliveredFile | SkippedEntry]:
        """Yield objects in the order of their names, page by page; see `Delivery.iter_files`."""
        import obstore  # an extra

        pages = iter(obstore.list(self._client, folder.rstrip("/") or None, chunk_size=_PAGE))
        while (page := _try(self._address, "list", folder, lambda: next(pages, None))) is not None:
            for found in page:
                # An empty object with a / at its end is what consoles show as a folder.
                if not found["path"].endswith("/"):
                    yield _delivered(found)

    def open(self, file: DeliveredFile) -> BinaryIO:
        """Open an object; see `Delivery.open`."""
        stream = DeliveredStream(file, _RawObject(self._client, self._address, file), _translate)
        return cast(BinaryIO, io.BufferedReader(stream, _BUFFER_BYTES))

    def close(self) -> None:
        """Do nothing: no connection is open."""


class _RawObject:
    def __init__(self, client: Client, address: CloudAddress, file: DeliveredFile) -> None:
        self._client = client
        self._address = address
        self._file = file
        self._reader: CloudReader | None = None

    def read_at(self, position: int, size: int) -> bytes:
        if self._reader is None:
            self._reader = CloudReader(self._client, self._address, self._file.path)
        if self._reader.tell() != position:
            self._reader.seek(position)
        return self._reader.read(size) or b""

    def read_version(self) -> str:
        import obstore  # an extra

        found = _try(self._address, "read", self._file.path, lambda: obstore.head(self._client, self._file.path))
        return _delivered(found).version

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


def _delivered(found: ObjectMeta) -> DeliveredFile:
    etag = found["e_tag"] or f"{found['last_modified'].timestamp()}"
    return DeliveredFile(found["path"], found["size"], found["last_modified"], f"{etag}-{found['size']}")


def _try(address: CloudAddress, action: Action, path: str, request: Callable[[], T]) -> T:
    from obstore.exceptions import BaseError  # an extra

    try:
        return request()
    except (BaseError, OSError, ValueError) as error:
        failure: Any = _translate(translate(action, path, error, address))
    # Outside of the handler: obstore's error may quote a secret, which the traceback would show.
    raise failure


def _translate(error: BaseException) -> SourceError | None:
    """Return an error of a lake's storage as one of a source, with the source's settings in its remedy."""
    if not isinstance(error, (StoreError, IntegrityError)):
        return None
    if isinstance(error, IntegrityError):
        return SourceError("the object was removed or changed while it was read; the next run reads what is there then")
    said = str(error).replace("main.file_options.", "options.").replace("file_url", "location")
    translated = SourceError(said)
    translated.__cause__ = error.__cause__
    return translated
