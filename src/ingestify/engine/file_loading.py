"""One file, from wherever its bytes come: fetch it, stage it, and see whether it is new."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
import json
import logging
from collections.abc import Callable
from typing import Any

from ingestify.clock import now
from ingestify.domain.change import NewFile
from ingestify.domain.dataset import Dataset
from ingestify.domain.file import NO_VALIDATORS, DraftFile, FeedState, File, NotModifiedFile, Validators
from ingestify.domain.ports import Fetcher, FetchRequest, FetchStatus
from ingestify.domain.resource import FileResource
from ingestify.errors import FetchError, IngestifyError, SourceError
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.staging import StagedFile

__all__ = ["FileKind", "FileLoading", "LoadedResource", "located"]

logger = logging.getLogger(__name__)

_FORMAT_BY_CONTENT_TYPE = {
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/xml": "xml",
    "application/zip": "zip",
    "application/gzip": "gz",
    "text/csv": "csv",
    "text/plain": "txt",
    "text/xml": "xml",
    "video/mp4": "mp4",
}


class FileKind(enum.Enum):
    NEW = enum.auto()
    UNCHANGED = enum.auto()
    ABSENT = enum.auto()


@dataclasses.dataclass(slots=True)
class LoadedResource:
    """What became of one file."""

    kind: FileKind
    feed: FeedState
    staged: StagedFile | None = None
    draft: NewFile | None = None


class FileLoading:
    """Loads files of one dataset; worker threads call it side by side.

    Args:
        existing: The dataset as the lake has it, or None.
        fetcher: The HTTP client of its source.
    """

    def __init__(self, existing: Dataset | None, *, store: DatasetStore, fetcher: Fetcher) -> None:
        self._existing = existing
        self._current = {} if existing is None else existing.files
        self._store = store
        self._fetcher = fetcher

    def load(self, file: FileResource) -> LoadedResource:
        """Load one file. The caller discards what was staged in the end.

        Raises:
            SourceError: What the source says of the file makes no sense.
            Exception: Whatever fetching, staging or a file loader raises.
        """
        current = self._current.get(file.file_id)
        if file.url is not None:
            return self._load_url(file, file.url, current)
        if file.json_content is not None:
            return self._load_json(file, current)
        if file.file_loader is not None:
            return self._load_by_loader(file, current)
        raise SourceError(f"the file '{file.file_id}' has no url, no json_content and no file_loader")

    def _load_json(self, file: FileResource, current: File | None) -> LoadedResource:
        try:
            content = json.dumps(file.json_content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SourceError(f"the json_content of '{file.file_id}' is not JSON: {error}") from error
        return self._stage(file, current, lambda staged: staged.write(content.encode()), "application/json")

    def _load_url(self, file: FileResource, url: str, current: File | None) -> LoadedResource:
        known = None if self._existing is None else self._existing.feeds.get(file.file_id)
        options = file.http_options
        request = FetchRequest(
            url=url,
            headers=options.get("headers") or {},
            params=options.get("params") or {},
            auth=options.get("auth"),
            ignore_not_found=bool(options.get("ignore_not_found")),
            # Only what the lake really has may be asked for conditionally.
            validators=known.validators if known is not None and current is not None else NO_VALIDATORS,
            data_serialization_format=file.serialization_format,
            pager=options.get("pager"),
        )
        staged = self._store.stage(file.serialization_format)
        try:
            result = self._fetcher.fetch(request, staged)
            if result.status is FetchStatus.FETCHED:
                return self._complete(file, current, staged, result.content_type, result.validators)
        except BaseException:
            staged.discard()
            raise
        staged.discard()
        if result.status is FetchStatus.NOT_FOUND:
            return self._absent(file, current)
        return LoadedResource(FileKind.UNCHANGED, self._feed(file, validators=result.validators or request.validators))

    def _load_by_loader(self, file: FileResource, current: File | None) -> LoadedResource:
        assert file.file_loader is not None
        arguments: dict[str, Any] = dict(file.loader_kwargs)
        if _takes_dataset_resource(file.file_loader):
            arguments["dataset_resource"] = file.dataset_resource
        draft = file.file_loader(file, current, **arguments)
        if draft is None:
            return self._absent(file, current)
        if isinstance(draft, NotModifiedFile):
            if current is None:
                raise SourceError(
                    f"the loader of '{file.file_id}' returned a NotModifiedFile, and the lake has no such file"
                )
            return LoadedResource(FileKind.UNCHANGED, self._feed(file, modified_at=draft.modified_at))
        if not isinstance(draft, DraftFile):
            raise SourceError(
                f"the loader of '{file.file_id}' returned a {type(draft).__name__}; "
                f"it must return a DraftFile or a NotModifiedFile"
            )
        with draft.stream:
            return self._stage(
                file,
                current,
                lambda staged: staged.copy_from(draft.stream),
                draft.content_type,
                draft.validators,
                modified_at=draft.modified_at,
                serialization_format=file.data_serialization_format or draft.data_serialization_format,
            )

    def _stage(
        self,
        file: FileResource,
        current: File | None,
        fill: Callable[[StagedFile], object],
        content_type: str | None,
        validators: Validators = NO_VALIDATORS,
        *,
        modified_at: dt.datetime | None = None,
        serialization_format: str | None = None,
    ) -> LoadedResource:
        staged = self._store.stage(serialization_format or file.serialization_format)
        try:
            fill(staged)
            return self._complete(
                file,
                current,
                staged,
                content_type,
                validators,
                modified_at=modified_at,
                serialization_format=serialization_format,
            )
        except BaseException:
            staged.discard()
            raise

    def _complete(
        self,
        file: FileResource,
        current: File | None,
        staged: StagedFile,
        content_type: str | None,
        validators: Validators,
        *,
        modified_at: dt.datetime | None = None,
        serialization_format: str | None = None,
    ) -> LoadedResource:
        """The bytes have arrived: equal bytes are no change, other bytes become a durable temporary object."""
        staged.complete()
        feed = self._feed(file, modified_at=modified_at, validators=validators)
        if current is not None and current.tag == staged.tag:
            staged.discard()
            return LoadedResource(FileKind.UNCHANGED, feed)
        staged.persist()
        chosen = (
            serialization_format
            or file.serialization_format
            or _FORMAT_BY_CONTENT_TYPE.get((content_type or "").lower())
            or "bin"
        )
        draft = NewFile(
            data_feed_key=file.data_feed_key,
            data_spec_version=file.data_spec_version,
            data_serialization_format=chosen,
            size=staged.size,
            tag=staged.tag,
            content_type=content_type,
            storage_size=staged.storage_size,
            storage_compression_method=staged.compression_method,
            storage_path="",
            modified_at=feed.modified_at,
        )
        return LoadedResource(FileKind.NEW, feed, staged, draft)

    def _absent(self, file: FileResource, current: File | None) -> LoadedResource:
        if current is not None:
            # It was there once: the lake keeps what it has, and asks again when the provider's time moves.
            logger.warning(
                "%s: the provider no longer has '%s'; the lake keeps the copy of revision %d.",
                file.dataset_resource,
                file.file_id,
                current.revision_id,
            )
            return LoadedResource(FileKind.UNCHANGED, self._feed(file))
        return LoadedResource(FileKind.ABSENT, self._feed(file, present=False))

    def _feed(
        self,
        file: FileResource,
        *,
        present: bool = True,
        modified_at: dt.datetime | None = None,
        validators: Validators = NO_VALIDATORS,
    ) -> FeedState:
        known = None if self._existing is None else self._existing.feeds.get(file.file_id)
        before = None if known is None else known.modified_at
        times = [moment for moment in (before, file.last_modified, modified_at) if moment is not None]
        return FeedState(file.file_id, present, max(times, default=None), validators, now())


def _takes_dataset_resource(loader: Callable[..., Any]) -> bool:
    try:
        return "dataset_resource" in inspect.signature(loader).parameters
    except (TypeError, ValueError):
        return False  # a callable written in C


def located(error: Exception, file: FileResource) -> Exception:
    """Return an error that names the file; one of ours that names its URL says enough."""
    if isinstance(error, FetchError) and error.url:
        return error
    text = " ".join(str(error).split())
    name = "" if isinstance(error, IngestifyError) else f"{type(error).__name__}: "
    kind = type(error) if type(error) in (FetchError, SourceError) else SourceError
    located = kind(f"The file '{file.file_id}' could not be loaded: {name}{text}")
    located.__cause__ = error
    return located
