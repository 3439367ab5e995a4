"""Objects in S3 and compatible servers, Google Cloud Storage and Azure, through obstore.

An object store shows an object only when it is complete, so publishing is a put under the final name. A put is durable
when it is acknowledged. A put overwrites an object, and is never conditional:
see docs/decisions/0012-object-storage.md.
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
from ingestify.storage.cloud_process import refuse_forked
from ingestify.storage.cloud_reader import CloudReader
from ingestify.storage.cloud_temporary import CloudTemporary
from ingestify.storage.object_path import check_object_path

if TYPE_CHECKING:
    from obstore import ObjectMeta

__all__ = ["CloudStorage"]

STAGING_FOLDER = ".staging"
"""The folder for objects that are not the lake's."""

_REQUESTS = 32
"""How many requests to publish or delete are sent at once."""
_LARGE_UPLOADS = 2
_PARTS_AT_ONCE = 4
_PART_BYTES = 8 << 20
_MOST_PARTS = 9_000  # S3 takes 10,000
_READ_BUFFER_BYTES = 1 << 18
_PAGE = 1_000
_DELETED_AT_ONCE = 1_000
_DELETED_AT_ONCE_IF_OLD = 100
"""Fewer, so that little time passes between reading an object's time and removing it."""

_CLOCK_GRAIN = dt.timedelta(seconds=2)
"""Times of objects are whole seconds, and the clocks of a service's machines differ by milliseconds."""

_T = TypeVar("_T")


class CloudStorage:
    """Implements `domain.ports.Storage` on an object store.

    Raises:
        ConfigurationError: The options make no sense, or there are no credentials. No request was sent.
        MissingExtraError: obstore is not installed.
    """

    def __init__(self, address: CloudAddress, options: CloudOptions | None = None) -> None:
        self.address = address
        self.options = options or CloudOptions()
        self._client = make_client(address, self.options)
        self._requests = ThreadPoolExecutor(_REQUESTS, "storage")  # has no threads before the first request
        self._large = threading.BoundedSemaphore(_LARGE_UPLOADS)

    def __repr__(self) -> str:
        return mask_url(str(self.address))

    def create_temporary(self) -> TemporaryObject:
        """Begin an object, in memory or on the local disk."""
        return CloudTemporary(self.options.spool_folder)

    def take_partial(self, key: str, *, create: bool) -> PartialObject | None:  # noqa: ARG002 - the port's
        """Return None: no object store keeps a partial object for another process."""
        return None

    def publish(self, objects: Sequence[tuple[TemporaryObject, str]]) -> None:
        """Write objects under their names, several at once; returns when the server has acknowledged all of them."""
        for _, path in objects:
            check_object_path(path)
        if len(objects) == 1:
            self._upload(*objects[0])
        else:
            uploads = [self._requests.submit(self._upload, temporary, path) for temporary, path in objects]
            wait(uploads)
            _raise_the_worst(uploads)
        failpoint("publish.synced")

    def settle(self) -> None:
        """Do nothing: what a server has acknowledged is durable."""

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
        # The server puts the object together from parts; one more request makes sure that none is missing.
        stored = self.get_size(path)
        if stored != size:
            raise StoreError(
                f"Cannot write {self.address}/{path}: {size} bytes were sent, and the server has {stored or 0}; "
                "run again."
            )

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading: streamed and buffered; it can seek."""
        check_object_path(path)
        return cast(BinaryIO, io.BufferedReader(CloudReader(self._client, self.address, path), _READ_BUFFER_BYTES))

    def get_size(self, path: str) -> int | None:
        """Return an object's size in bytes, or None if it is not there."""
        found = self._find(path)
        return None if found is None else found["size"]

    def _find(self, path: str) -> ObjectMeta | None:
        check_object_path(path)
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

        No object store removes an object on condition of its time, so its time is read just before. If somebody
        publishes the same bytes under the same name in the milliseconds between, they are lost; docs/storage.md says
        what repairs that.
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
                # Somebody else has just removed one of them, and the rest may still be there.
                if len(paths) > 1:
                    for path in paths:
                        self._remove([path])
            except StoreError as error:
                # The request is a POST, which obstore does not repeat.
                if last or not is_lost_connection(error):
                    raise
                continue
            return

    def _newest_to_delete(self, since: dt.datetime) -> dt.datetime:
        """Return the time `since` by the server's clock: objects that are not newer were written before it.

        An object is written for this, because a client only sees the server's clock in the time of an object.
        """
        import obstore  # an extra

        path = f"{STAGING_FOLDER}/clock"
        self._try("write", path, lambda: obstore.put(self._client, path, b"the server's clock", use_multipart=False))
        written = self._find(path)
        # Somebody else may have written it since: then the clock is at least so late. Or removed it: then all stay.
        server = written["last_modified"] if written is not None else since - dt.timedelta(days=36_500)
        return since + (server - now()) - _CLOCK_GRAIN

    def iter_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object below the folder `prefix`, page by page."""
        import obstore  # an extra

        if prefix:
            check_object_path(prefix)
        pages = iter(obstore.list(self._client, prefix or None, chunk_size=_PAGE))
        while (page := self._try("list", prefix, lambda: next(pages, None))) is not None:
            for found in page:
                if not found["path"].startswith("."):
                    yield StoredObject(found["path"], found["size"], found["last_modified"])

    def remove_leftovers(self, written_before: dt.datetime, *, dry_run: bool = False) -> Leftovers:  # noqa: ARG002
        """Return none: temporary objects end with their process.

        Only the server can remove the parts of an upload that was not completed: docs/storage.md has the rule for it.
        """
        return Leftovers()

    def _try(self, action: Action, path: str, request: Callable[[], _T]) -> _T:
        """Send a request.

        Raises:
            FileNotFoundError: The object to delete is not there.
            IntegrityError: The object to read is not there.
            StoreError: The server refuses.
        """
        from obstore.exceptions import BaseError  # an extra

        refuse_forked(self.address)
        try:
            return request()
        except (BaseError, OSError, ValueError) as error:
            if action == "delete" and is_missing_object(error):
                raise
            failure = translate(action, path, error, self.address)
        # Outside of the handler: obstore's error may quote a secret, which the traceback would show.
        raise failure


def _raise_the_worst(uploads: Sequence[Future[None]]) -> None:
    """Raise an error of the uploads; one that ends the run before one that only ends a dataset."""
    errors = [error for upload in uploads if (error := upload.exception()) is not None]
    for error in errors:
        if not isinstance(error, (StoreError, IntegrityError)) or isinstance(error, LakeUnwritable):
            raise error
    if errors:
        raise errors[0]
