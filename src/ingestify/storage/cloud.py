"""Objects in S3 and what speaks its protocol, Google Cloud Storage and Azure, through obstore.

An object store shows an object when it is complete, and not before: publishing is a put under the final name. A put is
durable when it is acknowledged. Objects are written over, never created only if absent: see
docs/decisions/0012-object-storage.md.
"""

from __future__ import annotations

import datetime as dt
import io
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from ingestify.clock import now
from ingestify.domain.ports import Leftovers, PartialObject, StoredObject, TemporaryObject
from ingestify.errors import IntegrityError, LakeUnwritable, StoreError
from ingestify.failpoints import failpoint
from ingestify.masking import mask_url
from ingestify.storage.cloud_address import CloudAddress, CloudOptions
from ingestify.storage.cloud_clients import make_client
from ingestify.storage.cloud_errors import Action, is_lost_connection, is_missing_object, translate
from ingestify.storage.cloud_reader import CloudReader
from ingestify.storage.cloud_temporary import CloudTemporary

if TYPE_CHECKING:
    from obstore import ObjectMeta

__all__ = ["CloudStorage"]

STAGING_FOLDER = ".staging"
"""What is no object of the lake lies here."""

_REQUESTS = 32
"""Requests of publishing and deleting that are under way at once."""
_LARGE_UPLOADS = 2
_PARTS_AT_ONCE = 4
_PART_BYTES = 8 << 20
_MOST_PARTS = 9_000  # S3 takes 10,000
_READ_BUFFER_BYTES = 1 << 18
_PAGE = 1_000
_DELETED_AT_ONCE = 1_000
_DELETED_AT_ONCE_IF_OLD = 100
"""Fewer, so that little time passes between looking at an object and removing it."""

_CLOCK_GRAIN = dt.timedelta(seconds=2)
"""Times of objects are whole seconds, and a service's machines do not agree to the millisecond."""

_T = TypeVar("_T")


class CloudStorage:
    """Implements `domain.ports.Storage` on an object store.

    Args:
        address: Where the lake is.
        options: How its server is spoken to.

    Raises:
        ConfigurationError: The options make no sense, or there are no credentials. Nothing was asked over the network.
        MissingExtraError: obstore is not installed.
    """

    def __init__(self, address: CloudAddress, options: CloudOptions | None = None) -> None:
        self.address = address
        self._options = options or CloudOptions()
        self._client = make_client(address, self._options)
        self._requests = ThreadPoolExecutor(_REQUESTS, "storage")  # has no threads before the first request
        self._large = threading.BoundedSemaphore(_LARGE_UPLOADS)

    def __repr__(self) -> str:
        return mask_url(str(self.address))

    def create_temporary(self) -> TemporaryObject:
        """Begin an object, in memory or on the local disk."""
        return CloudTemporary(self._options.spool_folder)

    def take_partial(self, key: str, *, create: bool) -> PartialObject | None:  # noqa: ARG002 - the port's
        """Return None: what is on its way is not kept for another process."""
        return None

    def publish(self, objects: Sequence[tuple[TemporaryObject, str]]) -> None:
        """Write objects under their names, side by side; returns when the server has acknowledged all of them."""
        for _, path in objects:
            self._check(path)
        if len(objects) == 1:
            self._upload(*objects[0])
        else:
            uploads = [self._requests.submit(self._upload, temporary, path) for temporary, path in objects]
            wait(uploads)
            _raise_the_worst(uploads)
        failpoint("publish.synced")

    def _upload(self, temporary: TemporaryObject, path: str) -> None:
        assert isinstance(temporary, CloudTemporary)
        import obstore  # an extra

        content = temporary.content
        if content is not None:
            self._try("write", path, lambda: obstore.put(self._client, path, content, use_multipart=False))
        else:
            self._upload_in_parts(temporary, path)
        self._try("write", path, lambda: failpoint("publish.renamed"))

    def _upload_in_parts(self, temporary: CloudTemporary, path: str) -> None:
        import obstore  # an extra

        size = temporary.size
        part_bytes = max(_PART_BYTES, -(-size // _MOST_PARTS))
        with self._large:
            self._try(
                "write",
                path,
                lambda: obstore.put(
                    self._client,
                    path,
                    temporary.open(),
                    use_multipart=True,
                    chunk_size=part_bytes,
                    max_concurrency=_PARTS_AT_ONCE,
                ),
            )
        # Put together by the server from parts: that none is missing is worth one more request.
        stored = self.get_size(path)
        if stored != size:
            raise StoreError(
                f"Cannot write {self.address}/{path}: {size} bytes were sent, and the server has {stored or 0}; "
                "run again."
            )

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading: streamed and buffered; it can seek."""
        self._check(path)
        return cast(BinaryIO, io.BufferedReader(CloudReader(self._client, self.address, path), _READ_BUFFER_BYTES))

    def get_size(self, path: str) -> int | None:
        """Return an object's size in bytes, or None if it is not there."""
        found = self._find(path)
        return None if found is None else found["size"]

    def _find(self, path: str) -> ObjectMeta | None:
        self._check(path)
        import obstore  # an extra

        def head() -> ObjectMeta | None:
            try:
                return obstore.head(self._client, path)
            except FileNotFoundError as error:
                if is_missing_object(error):
                    return None
                raise

        return self._try("read", path, head)

    def delete(self, paths: Iterable[str], unless_written_since: dt.datetime | None = None) -> int:
        """Remove objects, many by one request.

        No object store removes an object on condition of its time: it is looked at just before. Whoever publishes the
        same bytes under the same name in the milliseconds between loses them; docs/storage.md says what mends that.
        """
        remaining = iter(paths)
        first = list(itertools.islice(remaining, 1))
        if not first:
            return 0
        newest, at_once = None, _DELETED_AT_ONCE
        if unless_written_since is not None:
            newest, at_once = self._newest_to_delete(unless_written_since), _DELETED_AT_ONCE_IF_OLD
        remaining = itertools.chain(first, remaining)
        count = 0
        while batch := list(dict.fromkeys(itertools.islice(remaining, at_once))):
            found = list(self._requests.map(self._find, batch))
            doomed = [
                path
                for path, meta in zip(batch, found, strict=True)
                if meta is not None and (newest is None or meta["last_modified"] <= newest)
            ]
            self._remove(doomed)
            failpoint("delete.object_gone")
            count += len(doomed)
        return count

    def _remove(self, paths: list[str]) -> None:
        import obstore  # an extra

        if not paths:
            return
        for last in (False, False, True):
            try:
                self._try("delete", paths[0], lambda: obstore.delete(self._client, paths))
            except FileNotFoundError:
                # Somebody else removed one of them at this moment, and the rest may be there yet.
                if len(paths) > 1:
                    for path in paths:
                        self._remove([path])
            except StoreError as error:
                # It is a POST, which obstore does not send again on its own.
                if last or not is_lost_connection(error):
                    raise
                continue
            return

    def _newest_to_delete(self, since: dt.datetime) -> dt.datetime:
        """Return the time, of the server's clock, from which on an object may have been written after `since` of ours.

        An object is written for this, as its time is the only one that a client gets to see of the server's clock.
        """
        import obstore  # an extra

        path = f"{STAGING_FOLDER}/clock"
        self._try("write", path, lambda: obstore.put(self._client, path, b"the server's clock", use_multipart=False))
        written = self._find(path)
        # Somebody else may have written or removed it since: then the server's clock is this late, or we leave all.
        server = written["last_modified"] if written is not None else since - dt.timedelta(days=36_500)
        return since + (server - now()) - _CLOCK_GRAIN

    def iter_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object below the folder `prefix`, page by page."""
        import obstore  # an extra

        if prefix:
            self._check(prefix)
        pages = iter(obstore.list(self._client, prefix or None, chunk_size=_PAGE))
        while (page := self._try("list", prefix, lambda: next(pages, None))) is not None:
            for found in page:
                if not found["path"].startswith("."):
                    yield StoredObject(found["path"], found["size"], found["last_modified"])

    def remove_leftovers(self, written_before: dt.datetime, *, dry_run: bool = False) -> Leftovers:  # noqa: ARG002
        """Return nothing: what never arrived is gone with its process.

        But for parts of uploads that were broken off, which only the server clears away: docs/storage.md has the rule.
        """
        return Leftovers()

    def _check(self, path: str) -> None:
        """The layout encodes every part; this is the second lock."""
        if not path or "\0" in path or "\\" in path or any(part in ("", ".", "..") for part in path.split("/")):
            raise StoreError(f"'{path}' is no path inside the lake.")

    def _try(self, action: Action, path: str, request: Callable[[], _T]) -> _T:
        """Send a request.

        Raises:
            FileNotFoundError: What was to be deleted is not there.
            IntegrityError: What was to be read is not there.
            StoreError: The server refuses.
        """
        from obstore.exceptions import BaseError  # an extra

        try:
            return request()
        except (BaseError, OSError, ValueError) as error:
            if action == "delete" and is_missing_object(error):
                raise
            failure = translate(action, path, error, self.address)
        # Outside of the handler: what obstore said may quote a secret, and would be shown with the traceback.
        raise failure


def _raise_the_worst(uploads: Sequence[Future[None]]) -> None:
    """Raise what ends a run before what ends one dataset."""
    errors = [error for upload in uploads if (error := upload.exception()) is not None]
    for error in errors:
        if not isinstance(error, (StoreError, IntegrityError)) or isinstance(error, LakeUnwritable):
            raise error
    if errors:
        raise errors[0]
