"""Follows a match: what became of its events, from one look at the lake to the next."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from ingestify.clock import monotonic, now, wait_for
from ingestify.comparison.content import MOST_BYTES, TooLarge, Unreadable, can_be_compared, read_content
from ingestify.comparison.records import RecordChange, find_record_changes
from ingestify.comparison.values import find_value
from ingestify.domain.dataset import Dataset
from ingestify.domain.file import File
from ingestify.domain.identifier import Identifier
from ingestify.domain.json_value import JsonValue
from ingestify.domain.match_times import MatchTimes, read_match_times
from ingestify.domain.record_key import RecordKey, record_key_of
from ingestify.domain.revision import pick_file
from ingestify.domain.schedule import is_over
from ingestify.errors import ConfigurationError, DatasetNotFound, LoadError
from ingestify.progress.formatting import size
from ingestify.progress.printable import PrintableLogger

if TYPE_CHECKING:
    from ingestify.store.reading.dataset_reader import DatasetReader

__all__ = ["POLL_SECONDS", "FollowedEvent", "Following"]

logger = PrintableLogger(__name__)

POLL_SECONDS = 5.0
"""A watch looks at a live match once a minute, so what is new is told a few seconds after it came."""

FollowedKind: TypeAlias = Literal["added", "changed", "removed", "rekeyed"]

_CURSOR = re.compile(r"(?:(?P<base>\d{0,9}):(?P<revision>\d{1,9}):(?P<number>\d{1,9})|(?P<whole>\d{1,9}))", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class FollowedEvent:
    """What became of an event of a match.

    Attributes:
        kind: `added`, `changed`, or `removed`; or `rekeyed`: events have other keys, and are the same events.
        event: The event, as a JSON value; if it was removed, as it last was. None: `rekeyed`.
        previous: The event before the change; None: it is not `changed`.
        new_keys: The old and the new key of each event that has another one, if it is `rekeyed`; else nothing.
        position: The place of the event in the file, from 0; if it was removed, in the file before. None: `rekeyed`.
        dataset_id: The dataset.
        identifier: Its identifier.
        feed: The feed that is followed.
        revision: The revision that the event is in, or that it is no longer in.
        revision_at: When the revision was committed, in UTC.
        previous_revision: The revision that it was compared with; None: with nothing, as it is the first one.
        cursor: Give it as `after` to go on behind this event.
    """

    kind: FollowedKind
    event: JsonValue
    previous: JsonValue
    new_keys: tuple[tuple[JsonValue, JsonValue], ...]
    position: int | None
    dataset_id: str
    identifier: Identifier
    feed: str
    revision: int
    revision_at: dt.datetime
    previous_revision: int | None
    cursor: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Cursor:
    """How far a reader is.

    Attributes:
        base: The revision of which the reader has all events; None: it has none.
        revision: The revision that it has a part of; None: it has all of `base`, and no more.
        number: How many lines of the comparison of both it has.
    """

    base: int | None = None
    revision: int | None = None
    number: int = 0

    @classmethod
    def parse(cls, text: str | int | None) -> _Cursor:
        """Return the cursor of a text."""
        if text is None:
            return cls()
        found = _CURSOR.fullmatch(str(text).strip())
        if found is None:
            raise ConfigurationError(
                f"{str(text)!r:.80} is no place to go on from; give the number of a revision, or the `cursor` of an "
                f"event that was followed."
            )
        if found["whole"]:
            return cls(int(found["whole"]))
        return cls(int(found["base"]) if found["base"] else None, int(found["revision"]), int(found["number"]))

    def __str__(self) -> str:
        base = "" if self.base is None else str(self.base)
        return base if self.revision is None else f"{base}:{self.revision}:{self.number}"


class Following:
    """Gives what became of the events of a match, for as long as it goes on. Other processes may fill the lake.

    Each look compares the revision of the look before with the current one. Between two looks, it asks the catalogue
    for the position of the event log.

    Args:
        reader: The lake.
        dataset: The match.
        after: The number of a revision whose events the caller has, or the `cursor` of the last event that it has.
            None: it has none, and gets all events of the current revision as `added` first.
        feed: The feed with the events.
        forever: Go on after the match has settled, for later corrections.
        timeout: End after so long; None: when the match has settled.
        poll_interval: The seconds between two queries of the catalogue.

    Raises:
        ConfigurationError: `after` is no cursor, or `poll_interval` is not above 0.
    """

    def __init__(
        self,
        reader: DatasetReader,
        dataset: Dataset,
        *,
        after: str | int | None = None,
        feed: str = "events",
        forever: bool = False,
        timeout: dt.timedelta | None = None,
        poll_interval: float = POLL_SECONDS,
    ) -> None:
        if not 0 < poll_interval <= threading.TIMEOUT_MAX:
            raise ConfigurationError(f"poll_interval: {poll_interval} is no number of seconds above 0.")
        self._reader = reader
        self._dataset = dataset
        self._cursor = _Cursor.parse(after)
        self._feed = feed
        self._forever = forever
        self._timeout = timeout
        self._poll_interval = poll_interval
        self._stopped = threading.Event()
        self._has_told_of_absence = False

    @property
    def cursor(self) -> str:
        """The cursor behind the last event that was given; empty: there was none."""
        return str(self._cursor)

    def stop(self) -> None:
        """End it after the event that it gives now. Any thread may call it."""
        self._stopped.set()

    def iterate(self) -> Iterator[FollowedEvent]:
        """Yield what became of events, until the match has settled, the timeout, or `stop`.

        Raises:
            LoadError: The feed cannot be followed, the revision to go on from was thinned or never was, or the dataset
                was deleted.
            IntegrityError: An object is missing or damaged.
            StoreError: The lake cannot be read.
        """
        log = self._reader.catalogue.event_log
        until = None if self._timeout is None else monotonic() + self._timeout.total_seconds()
        seen: int | None = None
        while not self._stopped.is_set():
            position = log.get_last_position()
            if seen is None or (position != seen and log.find_touched([self._dataset.dataset_id], seen)):
                self._refresh()
                yield from self._look()
            seen = position
            left = self._poll_interval if until is None else min(self._poll_interval, until - monotonic())
            if left <= 0:
                return
            if not self._forever and self._is_over():
                self._end()
                return
            wait_for(self._stopped, left)

    def _refresh(self) -> None:
        found = self._reader.catalogue.datasets.get([self._dataset.dataset_id])
        if not found:
            raise DatasetNotFound(f"{self._dataset} was deleted from the lake, so there is nothing more to follow.")
        self._dataset = found[0]

    def _is_over(self) -> bool:
        times = self._read_times()
        return self._timeout is None if times is None else is_over(times, now())

    def _end(self) -> None:
        """Say why there was nothing to follow, or why this may not be all.

        Raises:
            LoadError: The match never had the feed.
        """
        if self._cursor.base is None and not self._stopped.is_set():
            raise LoadError(f"{self._dataset} has no feed '{self._feed}' to follow; {self._feeds()[1]}.")
        if self._read_times() is None:
            logger.warning(
                "%s has no kick-off in its metadata, so nobody knows whether the match goes on: this is what there is "
                "now. Give a timeout, or follow it for ever.",
                self._dataset,
            )

    def _read_times(self) -> MatchTimes | None:
        dataset = self._dataset
        times = read_match_times(dataset.name, dataset.metadata, self._reader.zone_of(dataset))
        return None if times is None else dataclasses.replace(times, changed_at=dataset.updated_at)

    # ---- a look ----------------------------------------------------------------------------------------

    def _look(self) -> Iterator[FollowedEvent]:
        if self._cursor.revision is not None:
            yield from self._compare(self._dataset.at(revision=self._cursor.revision))
        elif self._cursor.base is not None:
            self._dataset.at(revision=self._cursor.base)  # there is such a revision
        has_feed, has = self._feeds()
        if has_feed:
            self._has_told_of_absence = False
            if not self._stopped.is_set():
                yield from self._compare(self._dataset)
        elif self._cursor != _Cursor() and not self._has_told_of_absence:  # the next revision with the feed is compared
            logger.warning("%s has no feed '%s' at the moment; %s.", self._dataset, self._feed, has)
            self._has_told_of_absence = True

    def _feeds(self) -> tuple[bool, str]:
        """Return whether the current revision has the feed, and what it has, for people."""
        there = sorted({file.data_feed_key for file in self._dataset.files.values()})
        return self._feed in there, f"it has {', '.join(there)}" if there else "it has no files"

    def _compare(self, new: Dataset) -> Iterator[FollowedEvent]:
        """Yield what the reader does not have yet of what differs in a revision, and move the cursor."""
        base, revision, done = self._cursor.base, new.revisions[-1], self._cursor.number
        number = revision.revision_id
        if base != number:
            old = None if base is None else self._dataset.at(revision=base)
            what = list(self._find_changes(old, new))
            for count, (kind, change, new_keys) in enumerate(what, start=1):
                if count <= done:
                    continue
                self._cursor = _Cursor(number) if count == len(what) else _Cursor(base, number, count)
                yield FollowedEvent(
                    kind,
                    None if change is None else change.record,
                    None if change is None else change.previous,
                    new_keys,
                    None if change is None else change.place,
                    new.dataset_id,
                    new.identifier,
                    self._feed,
                    number,
                    revision.created_at,
                    base,
                    str(self._cursor),
                )
                if self._stopped.is_set():
                    return
        self._cursor = _Cursor(number)

    def _find_changes(
        self, old: Dataset | None, new: Dataset
    ) -> Iterator[tuple[FollowedKind, RecordChange | None, tuple[tuple[JsonValue, JsonValue], ...]]]:
        before, after = (None if one is None else self._file_of(one) for one in (old, new))
        if before is not None and after is not None and before.tag == after.tag:
            return
        key = record_key_of(self._reader.record_keys_of(new).get(self._feed))
        found = find_record_changes(self._read(old, before, key), self._read(new, after, key), key)
        if found.new_keys:
            yield "rekeyed", None, tuple(found.new_keys)
        for change in found.changes:
            yield change.kind.value, change, ()  # type: ignore[misc]  # of the three kinds that a record change has

    def _file_of(self, dataset: Dataset) -> File | None:
        files = tuple(dataset.files.values())
        return pick_file(files, self._feed) if any(file.data_feed_key == self._feed for file in files) else None

    def _read(self, dataset: Dataset | None, file: File | None, key: RecordKey) -> list[JsonValue]:
        if dataset is None or file is None:
            return []
        what = f"The feed '{self._feed}' of {dataset} cannot be followed"
        form = file.data_serialization_format
        if not can_be_compared(form):
            raise LoadError(f"{what}: it is {form}, which has no records; JSON, CSV and XML have.")
        with self._reader.open_files([file], lazy=True) as files:
            try:
                content = read_content(next(iter(files)).stream, form)
            except TooLarge:
                raise LoadError(f"{what}: it is larger than {size(MOST_BYTES)}.") from None
            except Unreadable as error:
                raise LoadError(f"{what}: {error}.") from error
        records = find_value(content, key.at) if key.at and isinstance(content, Mapping) else content
        if not isinstance(records, list):
            where = f"'{key.at}' of it" if key.at else "its content"
            raise LoadError(
                f"{what}: {where} is no list. Source.record_keys can say where its records are: "
                f'{{"{self._feed}": RecordKey("id", at="…")}}.'
            )
        return records
