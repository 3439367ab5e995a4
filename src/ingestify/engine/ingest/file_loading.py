"""One file, from wherever its bytes come: fetch it, stage it, check it, and see whether it is new."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ingestify.checks.error_response import find_error
from ingestify.checks.files import check_bytes, check_stream
from ingestify.domain import formats
from ingestify.domain.dataset import Dataset
from ingestify.domain.error_response import refuse_error
from ingestify.domain.file import NO_VALIDATORS, DraftFile, NotModifiedFile, Validators
from ingestify.domain.ports import Fetcher, FetchRequest, FetchStatus
from ingestify.domain.quarantine import NewFile, QuarantineEntry
from ingestify.domain.resource import FileResource
from ingestify.domain.text import is_storable
from ingestify.engine.bundle.bad_parts import is_known_to_be_bad
from ingestify.engine.bundle.loaded_file import NOTHING_FOUND, FileKind, LoadedResource
from ingestify.engine.bundle.volatile import Differences, differences_between, differs_each_time_alike
from ingestify.engine.ingest.known_files import KnownFiles
from ingestify.engine.ingest.moment import MOST_BYTES_IN_FULL
from ingestify.errors import SourceError, StoreError
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.objects.staging import StagedFile

__all__ = ["FileLoading"]


class FileLoading:
    """Loads files of one dataset; worker threads call it side by side.

    Args:
        existing: The dataset as the lake has it, or None.
        entry: What the quarantine has of it, or None.
        in_full: Whether everything is asked for without conditions.
        asks_all: Whether each file is asked for, also one of a bundle in quarantine that nothing speaks for.
        restores: Whether the bytes that the lake has already are staged too, to be written over an object that
            somebody may have found damaged.
        fetcher: The HTTP client of its source.
        shapes: Feed to the msgspec types that its JSON is decoded into while it is checked.
        checked: Whether new files are checked.
        index_date: The Date of the index's answer that announced the files, or None.
    """

    def __init__(
        self,
        existing: Dataset | None,
        entry: QuarantineEntry | None = None,
        *,
        store: DatasetStore,
        fetcher: Fetcher,
        in_full: bool = False,
        asks_all: bool = True,
        restores: bool = False,
        shapes: Mapping[str, Sequence[Any]] | None = None,
        checked: bool = True,
        index_date: str | None = None,
    ) -> None:
        self._known = KnownFiles(existing, entry, index_date)
        self._store = store
        self._fetcher = fetcher
        self._in_full = in_full
        self._asks_all = asks_all
        self._restores = restores
        self._shapes = shapes or {}
        self._checked = checked

    def load(self, file: FileResource) -> LoadedResource:
        """Load one file. The caller discards what was staged in the end.

        Raises:
            SourceError: What the source says of the file makes no sense.
            Exception: Whatever fetching, staging or a file loader raises.
        """
        if not self._in_full and is_known_to_be_bad(file, self._known.feeds.get(file.file_id)):
            return self._known.unchanged(file, NO_VALIDATORS)
        if file.url is not None:
            return self._load_url(file, in_full=self._in_full)
        if file.json_content is not None:
            return self._load_json(file)
        if file.file_loader is not None:
            return self._load_by_loader(file)
        raise SourceError(f"the file '{file.file_id}' has no url, no json_content and no file_loader")

    def load_in_full(self, file: FileResource) -> LoadedResource:
        """Load a file of a bundle in quarantine whose bytes are not there any more: without conditions."""
        self._known.forget_held(file)
        return self._load_url(file, in_full=True) if file.url is not None else self.load(file)

    def load_asking(self, file: FileResource) -> LoadedResource:
        """Load a file that was skipped, now that another one of its bundle has changed."""
        self._asks_all = True
        return self.load(file)

    def look_again(self, file: FileResource, loaded: LoadedResource, *, strictly: bool) -> LoadedResource | None:
        """Ask the provider once more for a file with a URL that was just loaded.

        It is asked for by what names the version that came, if that shows each change; otherwise in full, and the bytes
        decide.

        Args:
            strictly: Whether a date is not believed: files that are unpacked or mirrored keep old ones.

        Returns:
            What it is by now; None if it is as it was.
        """
        validators = loaded.feed.validators
        if strictly and loaded.size <= MOST_BYTES_IN_FULL:
            validators = Validators(validators.etag)
        staged = self._store.objects.stage(file.serialization_format, method=self._method(file))
        try:
            result = self._fetcher.fetch(self._request(file, validators), staged)
            if result.status is FetchStatus.FETCHED:
                again = self._complete(
                    file, staged, result.content_type, result.validators, date=result.date, seen=loaded
                )
                if loaded.is_there and again.tag == loaded.tag:
                    staged.discard()
                    return None
                return again
        except BaseException:
            staged.discard()
            raise
        staged.discard()
        if result.status is FetchStatus.NOT_MODIFIED or not loaded.is_there:
            return None
        return self._known.absent(file, result)

    def as_announced(self, file: FileResource, loaded: LoadedResource) -> LoadedResource:
        """Return what came of a file, which is announced otherwise by now."""
        feed = self._known.feed_of(
            file, present=loaded.feed.present, validators=loaded.feed.validators, date=loaded.date
        )
        return dataclasses.replace(loaded, feed=feed)

    # ---- where the bytes come from ---------------------------------------------------------------------

    def _load_json(self, file: FileResource) -> LoadedResource:
        try:
            content = json.dumps(file.json_content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SourceError(f"the json_content of '{file.file_id}' is not JSON: {error}") from error
        # Just written as JSON, so that need not be checked; but a bundle check may want to have it decoded.
        return self._stage(
            file,
            lambda staged: staged.write(content.encode()),
            "application/json",
            checked=bool(self._shapes.get(file.data_feed_key)),
        )

    def _load_url(self, file: FileResource, *, in_full: bool) -> LoadedResource:
        validators = NO_VALIDATORS if in_full else self._known.validators_of(file)
        if not in_full and not validators and not self._asks_all and self._known.is_known_from_quarantine(file):
            skipped = self._known.unchanged(file, self._known.feeds[file.file_id].validators)
            skipped.skipped = True
            return skipped
        # In full is in full: not behind something that was fetched before somebody found it wrong.
        staged = self._store.objects.stage(
            file.serialization_format, None if in_full else lambda: file.identity, method=self._method(file)
        )
        try:
            result = self._fetcher.fetch(self._request(file, validators), staged)
        except StoreError:
            staged.discard()  # of a full disk it would take what others need
            raise
        except BaseException:
            staged.set_aside()
            raise
        try:
            if result.status is FetchStatus.FETCHED:
                return self._complete(file, staged, result.content_type, result.validators, date=result.date)
        except BaseException:
            staged.discard()
            raise
        staged.discard()
        if result.status is FetchStatus.NOT_FOUND:
            return self._known.absent(file, result)
        if result.status is FetchStatus.NOT_READY:
            return self._known.not_ready(file, validators, result)
        return self._known.unchanged(file, result.validators or validators, result.date)

    def _request(self, file: FileResource, validators: Validators) -> FetchRequest:
        assert file.url is not None
        options = file.http_options
        return FetchRequest(
            url=file.url,
            headers=options.get("headers") or {},
            params=options.get("params") or {},
            auth=options.get("auth"),
            ignore_not_found=bool(options.get("ignore_not_found")),
            ignore_not_ready=bool(options.get("ignore_not_ready")),
            validators=validators,
            data_serialization_format=file.serialization_format,
            pager=options.get("pager"),
            # Of a single body the checks see it.
            find_error=options.get("find_error") or (find_error if self._checked else None),
        )

    def _load_by_loader(self, file: FileResource) -> LoadedResource:
        assert file.file_loader is not None
        current = self._known.current.get(file.file_id)
        arguments: dict[str, Any] = dict(file.loader_kwargs)
        if _takes(file.file_loader, "dataset_resource"):
            arguments["dataset_resource"] = file.dataset_resource
        # Those of what the quarantine has are of other bytes than the lake's.
        conditional = current is not None and not self._in_full and file.file_id not in self._known.held
        validators = self._known.validators_of(file) if conditional else NO_VALIDATORS
        if _takes(file.file_loader, "validators"):
            arguments["validators"] = validators
        # What may be damaged is no reason not to fetch it.
        draft = file.file_loader(file, None if self._restores else current, **arguments)
        if draft is None:
            return self._known.absent(file)
        if isinstance(draft, NotModifiedFile):
            if current is None:
                raise SourceError(
                    f"the loader of '{file.file_id}' returned a NotModifiedFile, and the lake has no such file"
                )
            feed = self._known.feed_of(file, modified_at=draft.modified_at, validators=draft.validators or validators)
            return LoadedResource(FileKind.UNCHANGED, feed, tag=current.tag, size=current.size)
        if not isinstance(draft, DraftFile):
            raise SourceError(
                f"the loader of '{file.file_id}' returned a {type(draft).__name__}; "
                f"it must return a DraftFile or a NotModifiedFile"
            )
        form = draft.data_serialization_format
        if len(form) > formats.LONGEST or not is_storable(form):
            raise SourceError(f"the loader of '{file.file_id}' returned the format {form[:80]!r}, which is none")
        with draft.stream:
            return self._stage(
                file,
                lambda staged: staged.copy_from(draft.stream),
                draft.content_type,
                draft.validators,
                modified_at=draft.modified_at,
                serialization_format=file.data_serialization_format or form,
            )

    # ---- what the bytes are ----------------------------------------------------------------------------

    def _stage(
        self,
        file: FileResource,
        fill: Callable[[StagedFile], object],
        content_type: str | None,
        validators: Validators = NO_VALIDATORS,
        *,
        modified_at: dt.datetime | None = None,
        serialization_format: str | None = None,
        checked: bool = True,
    ) -> LoadedResource:
        staged = self._store.objects.stage(serialization_format or file.serialization_format, method=self._method(file))
        try:
            fill(staged)
            return self._complete(
                file,
                staged,
                content_type,
                validators,
                modified_at=modified_at,
                serialization_format=serialization_format,
                checked=checked,
            )
        except BaseException:
            staged.discard()
            raise

    def _complete(
        self,
        file: FileResource,
        staged: StagedFile,
        content_type: str | None,
        validators: Validators,
        *,
        modified_at: dt.datetime | None = None,
        serialization_format: str | None = None,
        date: str | None = None,
        checked: bool = True,
        seen: LoadedResource | None = None,
    ) -> LoadedResource:
        """The bytes have arrived: equal bytes are no change, other bytes become a durable temporary object.

        Args:
            seen: What came of it before in this run; if that has the same bytes, nothing more is done with them.
        """
        chosen = serialization_format or file.serialization_format or formats.of_content_type(content_type)
        findings = NOTHING_FOUND
        shapes = self._shapes.get(file.data_feed_key, ())
        checked = checked and self._checked

        def look(body: bytes) -> None:
            nonlocal findings
            if file.url is not None:
                refuse_error(file.http_options.get("find_error"), body, file.url)
            is_seen = seen is not None and seen.tag == staged.tag
            if checked and not is_seen and self._known.kind_of(file, staged.tag) is None:
                findings = check_bytes(body, chosen, shapes)

        was_looked_at = staged.complete(look)
        feed = self._known.feed_of(file, modified_at=modified_at, validators=validators, date=date)
        if seen is not None and seen.tag == staged.tag:
            return seen
        differs_in = None if seen is None else self._differences(file, seen, staged)
        looks = 0 if seen is None else seen.looks + 1
        is_alike = seen is not None and looks > 1 and differs_each_time_alike(seen.differs_in, differs_in)
        kind = self._known.kind_of(file, staged.tag)
        if kind is not None:
            if kind is FileKind.UNCHANGED and self._can_restore(file, staged):
                staged.persist()
                return LoadedResource(kind, feed, staged, tag=staged.tag, size=staged.size, date=date)
            tag, size = staged.tag, staged.size
            staged.discard()
            held = self._known.held.get(file.file_id) if kind is FileKind.HELD else None
            return LoadedResource(kind, feed, draft=held, tag=tag, size=size, date=date, looks=looks)
        if checked and not was_looked_at:
            findings = check_stream(staged.open, staged.size, chosen, shapes)
        staged.persist()
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
        return LoadedResource(
            FileKind.NEW,
            feed,
            staged,
            draft,
            findings,
            staged.tag,
            staged.size,
            date,
            looks=looks,
            differs_in=differs_in,
            is_alike=is_alike,
        )

    def _differences(self, file: FileResource, seen: LoadedResource, staged: StagedFile) -> Differences | None:
        """Return in what an answer differs from the one before it; None if that cannot be told."""
        if not seen.is_there or max(seen.size, staged.size) > MOST_BYTES_IN_FULL:
            return None
        if seen.staged is not None:
            opened = seen.staged.open()
        elif seen.kind is FileKind.UNCHANGED:
            opened = self._store.opener(self._known.current[file.file_id])()
        else:
            return None
        with opened as before, staged.open() as after:
            return differences_between(before.read(), after.read())

    def _method(self, file: FileResource) -> str | None:
        """How it is to be compressed: as the object that it may have to restore; None: as new ones are."""
        current = self._known.current.get(file.file_id) if self._restores else None
        return None if current is None else current.storage_compression_method

    def _can_restore(self, file: FileResource, staged: StagedFile) -> bool:
        """Whether the object would be the same, byte for byte."""
        return self._restores and staged.compression_method == self._method(file)


def _takes(loader: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(loader).parameters
    except (TypeError, ValueError):
        return False  # a callable written in C
