"""Loads one file of a dataset: fetches it, stages it, checks it, and sees whether its bytes are new."""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ingestify.checks.error_response import find_error
from ingestify.checks.files import check_bytes, check_stream
from ingestify.domain import formats
from ingestify.domain.content_id import git_blob_of, is_git_blob, json_text, sha256
from ingestify.domain.dataset import Dataset
from ingestify.domain.error_response import refuse_error
from ingestify.domain.file import NO_VALIDATORS, DraftFile, NewFile, NotModifiedFile, Validators
from ingestify.domain.ports import Fetcher, FetchRequest, FetchResult, FetchStatus
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.resource import FileResource
from ingestify.domain.text import is_storable
from ingestify.domain.told_once import warn_once
from ingestify.engine.bundle.broken_files import is_known_to_be_bad
from ingestify.engine.bundle.loaded_file import NOTHING_FOUND, FileKind, LoadedResource
from ingestify.engine.bundle.volatile import Differences, differences_between, differs_each_time_alike
from ingestify.engine.ingest.consistency_rules import MOST_BYTES_IN_FULL
from ingestify.engine.ingest.known_files import KnownFiles
from ingestify.errors import IntegrityError, SourceError, StoreError
from ingestify.masking import mask_url
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.objects.staging import StagedFile

__all__ = ["FileLoading"]

logger = PrintableLogger(__name__)

MOST_LEVELS = 200

MOST_BYTES_OF_JSON = 64 << 20
"""Larger files of the lake are not read to compare their JSON with that of a source; then the bytes decide."""


class _Arrival(msgspec.Struct, frozen=True):
    """What came with the bytes of a file.

    Attributes:
        modified_at: When the file changed, by its loader. None: as it was announced.
        date: The Date of the response.
        serialization_format: As the loader of the file says.
        is_checked: Whether the content is checked, if checks are on.
    """

    content_type: str | None
    validators: Validators = NO_VALIDATORS
    modified_at: dt.datetime | None = None
    date: str | None = None
    serialization_format: str | None = None
    is_checked: bool = True


class FileLoading:
    """Loads files of one dataset. Worker threads call it side by side.

    Args:
        existing: The dataset as the lake has it, or None.
        entry: Its entry in the quarantine, or None.
        store: The lake.
        fetcher: The HTTP client of its source.
        unconditional: Whether everything is asked for without conditions.
        stages_unchanged: Whether the bytes that the lake has already are staged too, to be written over an object that
            may be damaged.
        shapes: Feed to the msgspec types that its JSON is decoded into while it is checked.
        checked: Whether new files are checked.
        index_date: The Date of the index's response that announced the files, or None.
    """

    def __init__(
        self,
        existing: Dataset | None,
        entry: QuarantineEntry | None,
        *,
        store: DatasetStore,
        fetcher: Fetcher,
        unconditional: bool,
        stages_unchanged: bool,
        shapes: Mapping[str, Sequence[Any]],
        checked: bool,
        index_date: str | None,
    ) -> None:
        self._known = KnownFiles(existing, entry, index_date)
        self._store = store
        self._fetcher = fetcher
        self._unconditional = unconditional
        self._stages_unchanged = stages_unchanged
        self._shapes = shapes
        self._checked = checked

    def load(self, file: FileResource, *, may_skip: bool = False) -> LoadedResource:
        """Load one file. The caller discards what was staged in the end.

        Args:
            file: The file.
            may_skip: Whether a file of a bundle in quarantine is skipped if nothing says that it changed.

        Raises:
            SourceError: What the source says of the file makes no sense.
            Exception: Whatever fetching, staging or a file loader raises.
        """
        known = None if self._unconditional else self._known.feeds.get(file.file_id)
        if known is not None and is_known_to_be_bad(file, known):
            return self._known.unchanged(file, NO_VALIDATORS)
        if known is not None and self._known.holds(file, known, self._store):
            return self._known.unchanged(file, known.validators)
        if file.url is not None:
            return self._load_url(file, unconditional=self._unconditional, may_skip=may_skip)
        if file.json_content is not None:
            return self._load_json(file)
        if file.file_loader is not None:
            return self._load_by_loader(file)
        raise SourceError(f"the file '{file.file_id}' has no url, no json_content and no file_loader")

    def skip(self, file: FileResource) -> LoadedResource:
        """Return a file of the lake without a request."""
        return self._known.skipped(file)

    def load_unconditionally(self, file: FileResource) -> LoadedResource:
        """Load, without conditions, a file of a bundle in quarantine whose bytes are not there any more."""
        self._known.forget_held(file)
        return self._load_url(file, unconditional=True) if file.url is not None else self.load(file)

    def ask_again(self, file: FileResource, loaded: LoadedResource, *, is_strict: bool) -> LoadedResource | None:
        """Ask the provider once more for a file with a URL that was just loaded.

        The request names the version that came, if each change shows in that. Otherwise the file is asked for in full,
        and the bytes decide.

        Args:
            file: The file.
            loaded: What came of it.
            is_strict: Whether a date is not believed: files that are unpacked or mirrored keep old ones.

        Returns:
            What it is by now; None if it is as it was.
        """
        validators = loaded.feed.validators
        if is_strict and loaded.size <= MOST_BYTES_IN_FULL:
            validators = Validators(validators.etag)
        staged = self._stage(file, file.serialization_format)
        with _DiscardedOnError(staged):
            result = self._fetcher.fetch(self._request(file, validators), staged)
            if result.status is FetchStatus.FETCHED:
                again = self._complete(file, staged, _arrival_of(result), loaded)
                if again is not loaded:
                    return again
        staged.discard()
        if result.status in (FetchStatus.FETCHED, FetchStatus.NOT_MODIFIED) or not loaded.is_there:
            return None
        return self._known.absent(file, result)

    def as_announced(self, file: FileResource, loaded: LoadedResource) -> LoadedResource:
        """Return what came of a file that is announced otherwise by now."""
        feed = self._known.feed_of(
            file,
            present=loaded.feed.present,
            validators=loaded.feed.validators,
            date=loaded.date,
            content_id=loaded.feed.content_id,
        )
        return msgspec.structs.replace(loaded, feed=feed)

    # ---- where the bytes come from ---------------------------------------------------------------------

    def _load_json(self, file: FileResource) -> LoadedResource:
        try:
            content = _content_of(file).encode()
        except (TypeError, ValueError) as error:
            raise SourceError(f"the json_content of '{file.file_id}' is not JSON: {error}") from error
        # Just written as JSON, so that need not be checked; but a bundle check may want to have it decoded.
        arrival = _Arrival("application/json", is_checked=bool(self._shapes.get(file.data_feed_key)))
        staged = self._stage(file, file.serialization_format)
        with _DiscardedOnError(staged):
            staged.write(self._as_in_lake(file, content))
            return self._complete(file, staged, arrival)

    def _as_in_lake(self, file: FileResource, content: bytes) -> bytes:
        """Return the lake's bytes, if they have the same JSON and are only spelled otherwise; else `content`.

        The published package wrote JSON with an indent of 4. The order of keys and the numbers have to be the same.
        """
        current = self._known.current.get(file.file_id)
        if current is None or current.size > MOST_BYTES_OF_JSON or current.tag == hashlib.sha256(content).hexdigest():
            return content
        try:
            stored = self._store.opener(current).read()
            is_same = json_text(json.loads(stored, parse_constant=lambda _: None)).encode() == content
        except (ValueError, RecursionError, StoreError, IntegrityError):  # no JSON, or its object is damaged
            return content
        return stored if is_same else content

    def _load_url(self, file: FileResource, *, unconditional: bool, may_skip: bool = False) -> LoadedResource:
        validators = NO_VALIDATORS if unconditional else self._known.validators_of(file)
        if may_skip and not unconditional and not validators and self._known.is_known_from_quarantine(file):
            skipped = self._known.unchanged(file, self._known.feeds[file.file_id].validators)
            skipped.skipped = True
            return skipped
        # In full, what an earlier run left half fetched is not taken up: somebody may have found it wrong.
        staged = self._stage(file, file.serialization_format, None if unconditional else lambda: file.identity)
        try:
            result = self._fetcher.fetch(self._request(file, validators), staged)
        except StoreError:
            staged.discard()  # of a full disk it would take what others need
            raise
        except BaseException:
            staged.keep_partial()
            raise
        if result.status is FetchStatus.FETCHED:
            with _DiscardedOnError(staged):
                return self._complete(file, staged, _arrival_of(result))
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
            url=file.pinned_url or file.url,
            headers=options.get("headers") or {},
            params=options.get("params") or {},
            auth=options.get("auth"),
            # What the provider lists is there: a 404 means that the URL does not fit.
            ignore_not_found=bool(options.get("ignore_not_found")) and file.content_id is None,
            ignore_not_ready=bool(options.get("ignore_not_ready")),
            validators=validators,
            data_serialization_format=file.serialization_format,
            pager=options.get("pager"),
            cookies=options.get("cookies"),
            timeout=options.get("timeout"),
            verify=options.get("verify", True),
            # In a single body, the checks find it.
            find_error=options.get("find_error") or (find_error if self._checked else None),
        )

    def _load_by_loader(self, file: FileResource) -> LoadedResource:
        assert file.file_loader is not None
        current = self._known.current.get(file.file_id)
        arguments: dict[str, Any] = dict(file.loader_kwargs)
        file.dataset_resource = file.dataset_resource  # a loader that keeps its file keeps the dataset, too
        if _takes(file.file_loader, "dataset_resource"):
            arguments["dataset_resource"] = file.dataset_resource
        # Validators of a file in quarantine do not belong to the bytes of the lake.
        conditional = current is not None and not self._unconditional and file.file_id not in self._known.held
        validators = self._known.validators_of(file) if conditional else NO_VALIDATORS
        if _takes(file.file_loader, "validators"):
            arguments["validators"] = validators
        # A current file that may be damaged must not keep the loader from fetching it.
        draft = file.file_loader(file, None if self._stages_unchanged else current, **arguments)
        if draft is None:
            return self._known.absent(file)
        if isinstance(draft, NotModifiedFile):
            if current is None:
                raise SourceError(
                    f"the loader of '{file.file_id}' returned a NotModifiedFile, and the lake has no such file"
                )
            feed = self._known.feed_of(
                file,
                modified_at=draft.modified_at,
                validators=draft.validators or validators,
                content_id=file.content_id or "",
            )
            return LoadedResource(FileKind.UNCHANGED, feed, tag=current.tag, size=current.size)
        if not isinstance(draft, DraftFile):
            raise SourceError(
                f"the loader of '{file.file_id}' returned a {type(draft).__name__}; "
                f"it must return a DraftFile or a NotModifiedFile"
            )
        form = draft.data_serialization_format
        if len(form) > formats.LONGEST or not is_storable(form):
            raise SourceError(
                f"the loader of '{file.file_id}' returned {form[:80]!r} as the format; it must be a name such as json"
            )
        arrival = _Arrival(
            draft.content_type,
            draft.validators,
            draft.modified_at,
            serialization_format=file.data_serialization_format or form,
        )
        with draft.stream:
            staged = self._stage(file, arrival.serialization_format)
            with _DiscardedOnError(staged):
                staged.copy_from(draft.stream)
                return self._complete(file, staged, arrival)

    # ---- what the bytes are ----------------------------------------------------------------------------

    def _stage(
        self, file: FileResource, serialization_format: str | None, key: Callable[[], str] | None = None
    ) -> StagedFile:
        return self._store.objects.stage(serialization_format, key, method=self._method(file))

    def _complete(
        self, file: FileResource, staged: StagedFile, arrival: _Arrival, seen: LoadedResource | None = None
    ) -> LoadedResource:
        """Return what arrived. Bytes that are there already are no change; others become a durable temporary object.

        Args:
            file: The file.
            staged: Its bytes.
            arrival: What came with them.
            seen: What came of it before in this run. If it had the same bytes, it is returned.
        """
        chosen = (
            arrival.serialization_format or file.serialization_format or formats.of_content_type(arrival.content_type)
        )
        body = staged.complete()
        _verify_content(file, staged, body)
        if body is not None and file.url is not None:
            refuse_error(file.http_options.get("find_error"), body, file.url)
        if seen is not None and seen.tag == staged.tag:
            return seen
        kind = self._known.kind_of(file, staged.tag) or FileKind.NEW
        findings = NOTHING_FOUND
        if kind is FileKind.NEW and arrival.is_checked and self._checked:
            shapes = self._shapes.get(file.data_feed_key, ())
            if body is None:
                findings = check_stream(staged.open, staged.size, chosen, shapes)
            else:
                findings = check_bytes(body, chosen, shapes)
        del body  # it may have 4 MB, and the disk may be slow
        feed = self._known.feed_of(
            file,
            modified_at=arrival.modified_at,
            validators=arrival.validators,
            date=arrival.date,
            content_id=file.content_id or "",
        )
        loaded = LoadedResource(kind, feed, tag=staged.tag, size=staged.size, date=arrival.date)
        if seen is not None:
            self._compare(file, staged, loaded, seen)
        if kind is FileKind.HELD or (kind is FileKind.UNCHANGED and not self._can_restore(file, staged)):
            staged.discard()
            loaded.draft = self._known.held.get(file.file_id) if kind is FileKind.HELD else None
            return loaded
        staged.persist()
        loaded.staged = staged
        loaded.findings = findings
        if kind is FileKind.NEW:
            loaded.draft = _draft_of(file, staged, chosen, arrival.content_type, feed.modified_at)
        return loaded

    def _compare(self, file: FileResource, staged: StagedFile, loaded: LoadedResource, seen: LoadedResource) -> None:
        """Note in what a file differs from what came of it before in this run."""
        loaded.changes = seen.changes + 1
        if loaded.kind is FileKind.NEW:
            loaded.differs_in = self._differences(file, seen, staged)
            loaded.differs_alike = loaded.changes > 1 and differs_each_time_alike(seen.differs_in, loaded.differs_in)

    def _differences(self, file: FileResource, seen: LoadedResource, staged: StagedFile) -> Differences | None:
        """Return in what a response differs from the one before it. None: that is not known."""
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
        """Return how a file is compressed: as the object that it may have to restore. None: as new objects."""
        current = self._known.current.get(file.file_id) if self._stages_unchanged else None
        return None if current is None else current.storage_compression_method

    def _can_restore(self, file: FileResource, staged: StagedFile) -> bool:
        """Whether a staged file can restore the object of the lake, as it is compressed in the same way."""
        return self._stages_unchanged and staged.compression_method == self._method(file)


class _DiscardedOnError:
    """A context manager that discards a staged file if its block fails."""

    __slots__ = ("_staged",)

    def __init__(self, staged: StagedFile) -> None:
        self._staged = staged

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._staged.discard()


def _verify_content(file: FileResource, staged: StagedFile, body: bytes | None) -> None:
    """Compare the bytes of a file with the content id under which it is announced.

    Args:
        file: The file.
        staged: Its bytes, with their tag and size.
        body: The same bytes, if they are in memory.

    Raises:
        IntegrityError: Other bytes came.
    """
    wanted = file.content_id
    # A loader compares what it asks for itself, and a content that is at hand need not come.
    if wanted is None or file.file_loader is not None or file.json_content is not None:
        return
    if is_git_blob(wanted):
        with staged.open() if body is None else io.BytesIO(body) as stream:
            came = git_blob_of(stream, staged.size)
    else:
        came = sha256(staged.tag)
    if came != wanted:
        raise IntegrityError(
            f"{mask_url(file.pinned_url or file.url or file.file_id)} has {staged.size:,} bytes with the content id "
            f"{came}, and the provider's list names {wanted}: a cache or a mirror serves another version, or something "
            f"on the way changed it; the next run asks again."
        )


def _arrival_of(result: FetchResult) -> _Arrival:
    return _Arrival(result.content_type, result.validators, date=result.date)


def _content_of(file: FileResource) -> str:
    """Return a file's `json_content` as text. JSON has no NaN and no infinity: null is stored, with one warning."""
    try:
        return json_text(file.json_content)
    except ValueError:
        text = json_text(_finite(file.json_content))
    warn_once(logger, "The json_content of '%s' has NaN, and JSON has none: null is stored.", file.file_id, frames=0)
    return text


def _finite(value: Any, depth: int = 0) -> Any:
    """Return JSON values with None in place of NaN and infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > MOST_LEVELS:
        raise ValueError(f"it has more than {MOST_LEVELS} levels")
    if isinstance(value, Mapping):
        return {key: _finite(one, depth + 1) for key, one in value.items()}
    return [_finite(one, depth + 1) for one in value] if isinstance(value, (list, tuple)) else value


def _draft_of(
    file: FileResource, staged: StagedFile, chosen: str, content_type: str | None, modified_at: dt.datetime | None
) -> NewFile:
    return NewFile(
        data_feed_key=file.data_feed_key,
        data_spec_version=file.data_spec_version,
        data_serialization_format=chosen,
        size=staged.size,
        tag=staged.tag,
        content_type=content_type,
        storage_size=staged.storage_size,
        storage_compression_method=staged.compression_method,
        storage_path="",
        modified_at=modified_at,
    )


def _takes(loader: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(loader).parameters
    except (TypeError, ValueError):
        return False  # a callable written in C
