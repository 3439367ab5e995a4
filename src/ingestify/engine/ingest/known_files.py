"""What the lake and the quarantine know of a dataset's files, and what a response of the provider adds to that."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping

from ingestify.clock import now
from ingestify.domain.announcement import is_settled, read_http_date
from ingestify.domain.content_id import git_blob_of, is_git_blob, sha256
from ingestify.domain.dataset import Dataset
from ingestify.domain.fetch_policy import is_announced_anew
from ingestify.domain.file import NO_VALIDATORS, FeedState, File, NewFile, Validators
from ingestify.domain.ports import FetchResult
from ingestify.domain.quarantine import QuarantineEntry
from ingestify.domain.resource import DatasetResource, FileResource
from ingestify.engine.bundle.broken_files import still_left_out, validators_of_left_out
from ingestify.engine.bundle.loaded_file import FileKind, LoadedResource
from ingestify.errors import IntegrityError, StoreError
from ingestify.store.dataset_store import DatasetStore

__all__ = ["KnownFiles", "as_compared"]

SECOND = dt.timedelta(seconds=1)


class KnownFiles:
    """The files of one dataset that are there already. Worker threads use it side by side.

    Args:
        existing: The dataset as the lake has it, or None.
        entry: Its entry in the quarantine, or None.
        index_date: The Date of the index's response that announced the files, or None. All requests for files come
            after it.

    Attributes:
        current: File id to the file of the current revision.
        held: File id to the file in quarantine.
        feeds: File id to what was known of the file after the last run that asked for it.
    """

    def __init__(self, existing: Dataset | None, entry: QuarantineEntry | None, index_date: str | None = None) -> None:
        self.current: Mapping[str, File] = {} if existing is None else existing.files
        self.held: dict[str, NewFile] = {} if entry is None else {file.file_id: file for file in entry.files}
        self._feeds_of_lake: Mapping[str, FeedState] = {} if existing is None else existing.feeds
        self._feeds_with_held = {} if entry is None else {**self._feeds_of_lake, **entry.feeds}
        self.feeds = self._feeds_of_lake if entry is None else self._feeds_with_held
        self._is_held = entry is not None
        self._index_date = index_date
        self._begun_at = now()

    def forget_held(self, file: FileResource) -> None:
        """Forget a file in quarantine, as its bytes are lost: what was known of them is not true of the lake's."""
        self.held.pop(file.file_id, None)
        in_lake = self._feeds_of_lake.get(file.file_id)
        if in_lake is None:
            self._feeds_with_held.pop(file.file_id, None)
        else:
            self._feeds_with_held[file.file_id] = in_lake

    def validators_of(self, file: FileResource) -> Validators:
        """Return the validators for a conditional request: only those of bytes that the lake or the quarantine has."""
        known = self.feeds.get(file.file_id)
        if known is not None and known.is_left_out:
            return validators_of_left_out(file, known)
        if known is None or not (file.file_id in self.current or file.file_id in self.held):
            return NO_VALIDATORS
        if not known.present:
            return NO_VALIDATORS  # those of a response that it is absent are not those of the older bytes
        if not known.is_of(file.asked_for):
            return NO_VALIDATORS  # they belong to another URL
        if file.content_id is not None:
            return NO_VALIDATORS  # the lake has other bytes, and that is known without the provider's word
        if is_announced_anew(file, known):
            # The index says that it changed. A Last-Modified does not refute that: it may be set to any date.
            return Validators(known.validators.etag)
        return known.validators

    def holds(self, file: FileResource, known: FeedState, store: DatasetStore) -> bool:
        """Whether the lake or the quarantine has the bytes that the source announces by their content id."""
        return file.content_id is not None and self.content_id_of(file, known, store) == file.content_id

    def content_id_of(self, file: FileResource, known: FeedState, store: DatasetStore) -> str:
        """Return the content id of the bytes that are there; empty: none are, or only the file's loader knows.

        That of bytes that came without one is computed.
        """
        if known.content_id:
            is_there = known.is_left_out or (
                known.present and (file.file_id in self.current or file.file_id in self.held)
            )
            return known.content_id if is_there else ""
        stored = self.held.get(file.file_id) or self.current.get(file.file_id)
        if stored is None or not known.present or file.file_loader is not None:
            return ""
        if not (isinstance(stored, File) and is_git_blob(file.content_id or "")):
            return sha256(stored.tag)
        try:
            with store.opener(stored)() as stream:
                return git_blob_of(stream, stored.size)
        except (StoreError, IntegrityError):
            return ""  # its object is damaged

    def is_known_from_quarantine(self, file: FileResource) -> bool:
        """Whether there is no reason to ask again for a file of a bundle in quarantine."""
        known = self.feeds.get(file.file_id)
        return (
            self._is_held
            and known is not None
            and known.present
            and known.asked_for == file.asked_for
            and not is_announced_anew(file, known)
            and known.settled
        )

    def kind_of(self, file: FileResource, tag: str) -> FileKind | None:
        """Return UNCHANGED or HELD for bytes that the lake or the quarantine has; else None."""
        known_as = file.file_id
        current, held = self.current.get(known_as), self.held.get(known_as)
        if current is not None and current.tag == tag:
            return FileKind.UNCHANGED
        return FileKind.HELD if held is not None and held.tag == tag and held.storage_path else None

    def feed_of(
        self,
        file: FileResource,
        *,
        present: bool = True,
        modified_at: dt.datetime | None = None,
        validators: Validators = NO_VALIDATORS,
        date: str | None = None,
        content_id: str = "",
    ) -> FeedState:
        """Return what is known of a file after it was asked for now.

        Args:
            file: The file, as it is announced.
            present: Whether the provider has it.
            modified_at: When it changed, by its loader. None: as it was announced.
            validators: Those of the response.
            date: The Date of the response. None: the earlier one of the index counts.
            content_id: That of the bytes; empty: not known.
        """
        known_as = file.file_id
        known = self.feeds.get(known_as)
        if file.known_unchanged and known is not None and present:
            announced, settled = known.announced, known.settled
        else:
            announced = file.announced
            time = file.last_modified if file.content_version is None else None
            settled = self._is_settled(time, file.last_modified_grain, date)
        if file.content_version is not None and file.file_loader is not None:
            validators = Validators(file.content_version)  # they tell the loader what the lake has
        return FeedState(
            file_id=known_as,
            present=present,
            modified_at=modified_at or file.last_modified or (None if known is None else known.modified_at),
            validators=self._trusted(validators, date) if present else NO_VALIDATORS,
            checked_at=now(),
            asked_for=file.asked_for,
            announced=announced,
            settled=settled,
            content_id=content_id,
        )

    def _is_settled(self, announced: dt.datetime | None, grain: dt.timedelta | None, date: str | None) -> bool:
        answered_at = read_http_date(date) or read_http_date(self._index_date)
        return is_settled(announced, grain, answered_at=answered_at, asked_at=self._begun_at)

    def _trusted(self, validators: Validators, date: str | None) -> Validators:
        """Return validators without those that would not show a second change within the same second.

        A date has whole seconds, and a weak ETag may be made of it (RFC 9110, sections 8.8.1 and 8.8.2.2).
        """
        changed = read_http_date(validators.last_modified)
        if changed is None or self._is_settled(changed, SECOND, date):
            return validators
        return NO_VALIDATORS if (validators.etag or "W/").startswith("W/") else Validators(validators.etag)

    def unchanged(self, file: FileResource, validators: Validators, date: str | None = None) -> LoadedResource:
        """Return a file that is unchanged, as the provider says, or as is known without a request."""
        known = self.feeds.get(file.file_id)
        content_id = file.content_id or ("" if known is None else known.content_id)
        feed = self.feed_of(file, validators=validators, date=date, content_id=content_id)
        if known is not None and known.is_left_out:
            return still_left_out(known, feed, in_lake=file.file_id in self.current, date=date)
        held = self.held.get(file.file_id)
        if held is not None:
            return LoadedResource(FileKind.HELD, feed, draft=held, tag=held.tag, size=held.size, date=date)
        current = self.current[file.file_id]
        return LoadedResource(FileKind.UNCHANGED, feed, tag=current.tag, size=current.size, date=date)

    def skipped(self, file: FileResource) -> LoadedResource:
        """Return a file that is not asked for, because nothing says that it changed."""
        known, current = self.feeds[file.file_id], self.current.get(file.file_id)
        if current is None:
            return LoadedResource(FileKind.ABSENT, known, skipped=True)
        kind = FileKind.UNCHANGED if known.present else FileKind.GONE
        return LoadedResource(kind, known, tag=current.tag, size=current.size, skipped=True)

    def absent(self, file: FileResource, result: FetchResult | None = None) -> LoadedResource:
        """Return a file that the provider does not have. `result`: the response; None: its loader said it."""
        date = None if result is None else result.date
        kind = FileKind.GONE if file.file_id in self.current else FileKind.ABSENT
        return LoadedResource(kind, self.feed_of(file, present=False, date=date), date=date)

    def not_ready(self, file: FileResource, validators: Validators, result: FetchResult) -> LoadedResource:
        """Return a file that the provider is still making. What the lake has stays, and the next run asks again."""
        if file.file_id not in self.current and file.file_id not in self.held:
            return self.absent(file, result)
        kept = self.unchanged(file, validators, result.date)
        # The announced version is that of the file to come. Without one, the next run asks for it.
        kept.feed = dataclasses.replace(kept.feed, modified_at=None, announced=None, content_id="")
        return kept


def as_compared(existing: Dataset, resource: DatasetResource, store: DatasetStore) -> Dataset:
    """Return a dataset as a run knows it once it has compared the lake's bytes with the announced content ids."""
    files = KnownFiles(existing, None)
    feeds = {
        file_id: dataclasses.replace(known, content_id=files.content_id_of(resource.files[file_id], known, store))
        for file_id, known in existing.feeds.items()
        if file_id in resource.files and resource.files[file_id].content_id and not known.is_adopted
    }
    return dataclasses.replace(existing, feeds={**existing.feeds, **feeds})
