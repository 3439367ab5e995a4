"""What the use cases need of the outside world. Adapters implement these; nothing here does anything."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeAlias

from ingestify.domain.change import AppliedChange, DatasetChange
from ingestify.domain.condition import DatasetCondition
from ingestify.domain.damage import Damage, FileRecord
from ingestify.domain.dataset import CollectionMetadata, Dataset, DatasetState, DatasetSummary
from ingestify.domain.events import DatasetEvent, DomainEvent
from ingestify.domain.file import NO_VALIDATORS, Validators
from ingestify.domain.history import DatasetHead, DatasetHistory
from ingestify.domain.identifier import Identifier
from ingestify.domain.quarantine import QuarantineEntry, QuarantineState
from ingestify.domain.run import JobHolder, JobSummary, ProcessIdentity
from ingestify.domain.selector import Filters

__all__ = [
    "Auth",
    "Authorization",
    "ByteSink",
    "Catalogue",
    "DatasetFilter",
    "DatasetStorePort",
    "EventPublisher",
    "FetchContext",
    "FetchRequest",
    "FetchResult",
    "FetchStatus",
    "Fetcher",
    "FileVersion",
    "HeadMoved",
    "HttpAnswer",
    "HttpClientPort",
    "JobLock",
    "KnownDataset",
    "Leftovers",
    "PartialObject",
    "SelectorSync",
    "Storage",
    "StoredObject",
    "TemporaryObject",
    "Usage",
]


# ---- the network ---------------------------------------------------------------------------------------


class Usage:
    """Counts requests and received bytes; safe to share between threads."""

    __slots__ = ("_lock", "received_bytes", "requests")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.received_bytes = 0

    def add(self, *, requests: int = 0, received_bytes: int = 0) -> None:
        """Count more of them."""
        with self._lock:
            self.requests += requests
            self.received_bytes += received_bytes


@dataclasses.dataclass(frozen=True, slots=True)
class FetchContext:
    """What a thread works for while it fetches.

    Attributes:
        usage: Counts what this work costs, beside the client's own total.
        stop: When set, waiting (for a retry, for the rate limit) ends at once with a FetchError.
    """

    usage: Usage
    stop: threading.Event


class FetchStatus(enum.StrEnum):
    """How the provider answered for a file."""

    FETCHED = "fetched"
    NOT_MODIFIED = "not modified"
    NOT_FOUND = "not found"
    NOT_READY = "not ready"
    """The provider is still making it, and says so by a 202, a 204 or an empty answer."""


class Authorization(Protocol):
    """Credentials that change while they are used, such as a token that expires. Any thread calls it."""

    def header(self) -> str:
        """Return the Authorization header of a request that is about to be sent. May ask the provider for it.

        Raises:
            IngestifyError: There is none to be had.
        """

    def renew(self, refused: str) -> bool:
        """A request with that header was answered 401. Return whether it is worth another try with `header()`."""


Auth: TypeAlias = tuple[str, str] | Authorization | None
"""User and password for Basic authentication, or what knows the Authorization header of each moment."""


@dataclasses.dataclass(frozen=True, slots=True)
class FetchRequest:
    """One file to fetch.

    Attributes:
        url: `http://` or `https://`.
        headers: Sent to this URL's host only, never on to another one after a redirect; `auth` neither.
        params: Added to the URL's query; None values are left out, lists repeat the key.
        auth: User and password for Basic authentication, or an `Authorization`; None: neither.
        ignore_not_found: Whether a 404 or 410 is an answer (NOT_FOUND) instead of an error.
        ignore_not_ready: Whether a 202, a 204 or an empty body is one (NOT_READY).
        validators: Of the bytes that the lake has: asked for conditionally. Empty: in full.
        data_serialization_format: The declared format. Where it is a compressed one (`gz`, `zip`, `mp4`, …) the
            bytes are the provider's own, and a Content-Encoding that only says so is not undone.
        pager: How to go on to further pages, or None; see `ingestify.fetch.pages`.
    """

    url: str
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    auth: Auth = dataclasses.field(default=None, repr=False)
    ignore_not_found: bool = False
    ignore_not_ready: bool = False
    validators: Validators = NO_VALIDATORS
    data_serialization_format: str | None = None
    pager: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class FetchResult:
    """What came of a fetch.

    Attributes:
        validators: Of the answer; empty if the provider sends none.
        content_type: The Content-Type header without parameters, lower case, or None.
        url: Where the bytes came from after redirects, with secrets masked.
        attempts: How many times it was tried.
        date: The Date header as it was sent: the moment of the answer by the provider's clock; None if there was none.
    """

    status: FetchStatus
    validators: Validators = NO_VALIDATORS
    content_type: str | None = None
    url: str = ""
    attempts: int = 1
    date: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class FileVersion:
    """Which version of a file a body is of, so that the rest of it can be asked for.

    Attributes:
        etag: A strong ETag: equal ones mean equal bytes (RFC 9110, section 8.8.1).
        last_modified: The Last-Modified header as it was sent with the first part; that of the rest may lack it.
        content_type: The Content-Type of the first part, likewise; None if there was none.
        size: Bytes of the whole file; None if that was not announced.
    """

    etag: str
    last_modified: str | None = None
    content_type: str | None = None
    size: int | None = None


class ByteSink(Protocol):
    """Where the bytes of one file go."""

    def take_up(self) -> tuple[FileVersion, int] | None:
        """Go on with what an earlier fetch of this file left behind, if there is something.

        Asked once, before the first request. It may take a while: what is there is read and verified.

        Returns:
            The version that it is of, and how many bytes of it the sink holds now, as if they had been written.
        """

    def begin(self, version: FileVersion) -> None:
        """All that is written from here on, up to a restart, is of this version, from its first byte.

        Called before the first bytes of a body whose rest can be asked for later, and for no other body: such a sink
        may keep what it got when the fetch fails.
        """

    def write(self, data: bytes) -> object:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget what was written: the file begins anew, with bytes of whichever version."""


class HttpAnswer(Protocol):
    """A whole answer in memory, for indexes and other small things."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def url(self) -> str:
        """Where it came from after redirects."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in any case."""

    @property
    def content(self) -> bytes:
        """The body, Content-Encoding undone."""

    @property
    def text(self) -> str:
        """The body as text."""

    def json(self) -> Any:
        """The body as JSON values; a SourceError that names the URL if it is none."""


class HttpClientPort(Protocol):
    """The HTTP client of one source: retries, its rate limit, its concurrency. Safe to use from any thread."""

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
        ignore_not_found: bool = False,
    ) -> HttpAnswer:
        """Return the answer. With `ignore_not_found` a 404 is one too. Raises FetchError after retries."""

    def get_json(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> Any:
        """Return the answer's JSON values. Raises FetchError after retries, SourceError if it is not JSON."""

    def iter_pages(
        self,
        url: str,
        pager: Any,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> Iterator[HttpAnswer]:
        """Yield page after page, each fetched when it is asked for; see `ingestify.fetch.pages`."""

    def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> HttpAnswer:
        """Send a form, again if it fails, and return the answer. Raises FetchError after retries."""


class Fetcher(HttpClientPort, Protocol):
    """The same client, as the engine uses it for files."""

    @property
    def usage(self) -> Usage:
        """All that this client has sent and received."""

    @property
    def max_concurrency(self) -> int | None:
        """The most requests it lets be in flight; None: no limit of its own."""

    def fetch(self, request: FetchRequest, sink: ByteSink) -> FetchResult:
        """Stream a file into `sink`, with retries; a retry that cannot resume restarts the sink.

        Raises:
            FetchError: It could not be had. What was written to the sink is worth nothing but to a later fetch that
                takes it up.
        """

    def activated(self, context: FetchContext) -> AbstractContextManager[None]:
        """Make this the client that `retrieve_http` uses in this thread, working for `context`."""

    def abort(self) -> None:
        """Break off what is on the wire; who waits for it gets a FetchError. It can be used again afterwards."""

    def close(self) -> None:
        """Close its connections."""


# ---- storage -------------------------------------------------------------------------------------------


class TemporaryObject(Protocol):
    """Bytes on their way into the lake, visible to nobody."""

    def write(self, data: bytes) -> object:
        """Append bytes."""

    def restart(self) -> None:
        """Forget what was written."""

    def finish(self) -> None:
        """Make what was written durable; nothing is written after that."""

    def open(self) -> BinaryIO:
        """Read back what was written so far."""

    def discard(self) -> None:
        """Remove it. Harmless when it was published or discarded already."""


class PartialObject(TemporaryObject, Protocol):
    """A temporary object that may outlive its process, with notes beside it that say what it is.

    Whoever has it has it alone; with the process that ends. Nothing of it is durable before `finish`: after a power
    loss any part of it, and of its notes, may be missing or zeros. `restart` forgets the notes too.
    """

    def read_notes(self) -> bytes:
        """Return what was noted so far."""

    def add_note(self, note: bytes) -> None:
        """Append to the notes."""

    def cut(self, size: int, notes_size: int) -> None:
        """Forget the object's bytes behind the first `size`, and the notes behind the first `notes_size`."""

    def keep(self) -> None:
        """Let go of it, for whoever takes it by its key. Of a published one, nothing is left to be kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that storage lists."""

    path: str
    size: int
    modified_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Leftovers:
    """What was on its way into the lake and never arrived.

    Attributes:
        count: How many objects.
        size: Their bytes.
    """

    count: int = 0
    size: int = 0


class Storage(Protocol):
    """Immutable objects by path. Paths are relative, with `/`. Every method may be called from any thread.

    All raise StoreError, which names the path, when the storage refuses.
    """

    def create_temporary(self) -> TemporaryObject:
        """Begin an object."""

    def take_partial(self, key: str, *, create: bool) -> PartialObject | None:
        """Take the unfinished object that goes by `key`, to the exclusion of every other thread and process.

        Args:
            key: Up to 64 letters and digits.
            create: Whether to begin one if there is none.

        Returns:
            None: somebody else has it, or there is none, or this storage keeps none, which any may do.
        """

    def publish(self, objects: Sequence[tuple[TemporaryObject, str]]) -> None:
        """Move finished objects to their paths, durably: when this returns they survive a power loss.

        A path names its content, so one that exists already holds the same bytes, and writing it again
        is harmless.
        """

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading. Raises IntegrityError if it is not there."""

    def get_size(self, path: str) -> int | None:
        """Return an object's size in bytes, or None if it is not there."""

    def delete(self, paths: Iterable[str], unless_written_since: dt.datetime | None = None) -> int:
        """Remove objects; those that are not there count as removed. Returns how many were there.

        Those written after `unless_written_since` are left: somebody may be about to name them again.
        """

    def iter_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object below `prefix`, lazily; temporary ones are not among them."""

    def remove_leftovers(self, written_before: dt.datetime, *, dry_run: bool = False) -> Leftovers:
        """Remove temporary objects that nobody has written to since, and that nobody holds.

        Args:
            dry_run: Only look.

        Returns:
            What was removed, or would be.
        """


# ---- the catalogue -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetFilter:
    """Which datasets are meant.

    Attributes:
        states: Empty: any.
        dataset_id: A whole id.
        selector: Identifier key to value, or to a list of which any may match; compared by value.
        where: What else must hold of a dataset; None: nothing. A quarantine's entries have no such condition.
    """

    bucket: str
    dataset_type: str | None = None
    provider: str | None = None
    dataset_id: str | None = None
    states: tuple[DatasetState, ...] = ()
    selector: Filters = dataclasses.field(default_factory=dict)
    where: DatasetCondition | None = None


class KnownDataset(NamedTuple):  # made for each dataset of a run, and a third as expensive as a frozen dataclass
    """What the catalogue tells, in one set query, of a dataset that was just discovered.

    Attributes:
        metadata: The stored JSON text.
        summary: For the fetch policy's cheap check.
        missing_feeds: As those of `Dataset`.
    """

    dataset_id: str
    name: str
    state: DatasetState
    metadata: str
    summary: DatasetSummary
    missing_feeds: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class SelectorSync:
    """When a selector was last ingested whole, and how new what it had was then.

    Attributes:
        last_modified: The selector's `_last_modified` at that time, or the newest time that was announced for a file,
            whichever is later, in UTC; None if there was neither.
        complete: Whether all of it was discovered and nothing failed.
        listing: A digest of the datasets that were listed and are in the lake; None if that is not known.
    """

    last_modified: dt.datetime | None
    complete: bool
    finished_at: dt.datetime
    listing: str | None = None


class JobLock(Protocol):
    """The right to be at a job; it ends with the process, however that ends."""

    def release(self) -> None:
        """Let others have it. Harmless when that has happened."""


class HeadMoved(Exception):
    """Another writer changed a dataset after a change to it was worked out; work it out again.

    Not an IngestifyError: nobody outside the engine sees it.
    """

    def __init__(self, changes: Sequence[DatasetChange]) -> None:
        super().__init__(", ".join(str(change.identifier) for change in changes))
        self.changes = tuple(changes)


class Catalogue(Protocol):
    """The SQL side of the lake. Every method may be called from any thread; StoreError when it refuses."""

    def find_known(
        self, bucket: str, provider: str, dataset_type: str, identifiers: Sequence[Identifier]
    ) -> dict[Identifier, KnownDataset]:
        """Return those of `identifiers` that the lake has, by one set query; at most 1,000 at a time."""

    def get_datasets(self, dataset_ids: Sequence[str]) -> list[Dataset]:
        """Return datasets in full, in the order of the ids; those that are gone are left out."""

    def find_dataset(self, bucket: str, provider: str, dataset_type: str, identifier: Identifier) -> Dataset | None:
        """Return one dataset in full, or None."""

    def iter_batches(
        self, dataset_filter: DatasetFilter, batch_size: int, offset: int = 0, limit: int | None = None
    ) -> Iterator[list[Dataset]]:
        """Yield datasets in full, in the order in which they came into the lake. Memory stays flat."""

    def read_metadata(self, dataset_filter: DatasetFilter) -> CollectionMetadata:
        """Count what the filter names, and find its newest provider time, without loading it."""

    def apply(self, changes: Sequence[DatasetChange]) -> list[AppliedChange]:
        """Commit changes with their event-log rows, in one transaction: all or none.

        Raises:
            HeadMoved: Some were worked out on a dataset that has moved on; nothing was written.
            SaveError: The catalogue refused; nothing was written.
            OutcomeUnknown: The connection was lost at the commit, and it could not be found out either whether they
                are there. Nothing that they name may be removed.
        """

    def invalidate(self, dataset_ids: Sequence[str], reason: str) -> list[DatasetEvent]:
        """Mark current revisions VALIDATION_FAILED, in one transaction. Returns the events."""

    def delete(self, dataset_ids: Sequence[str]) -> list[str]:
        """Remove datasets with all their rows. Returns the paths of objects that no row names any more.

        With each path the moment is remembered, for `find_unnamed`.
        No selector counts as ingested whole any more; likewise after `invalidate`.
        """

    def find_unnamed(self, paths: Sequence[str], since: dt.datetime) -> set[str]:
        """Return those of `paths` that no row names, nor did at `since` or later: a reader may still be at those.

        Rows of the quarantine count, whatever state their entry is in.
        """

    def forget_deleted_objects(self, until: dt.datetime) -> int:
        """Forget which objects lost their last row up to a moment. Returns how many there were."""

    def iter_identities(self, dataset_filter: DatasetFilter) -> Iterator[tuple[str, str, DatasetState]]:
        """Yield (dataset id, canonical identifier, state) of what the filter names, in batches of one moment each."""

    def mark_missing(self, dataset_ids: Sequence[str]) -> list[DatasetEvent]:
        """Set the state of datasets to MISSING, in one transaction. Returns the events."""

    # ---- quarantine

    def has_quarantined(self, bucket: str, provider: str, dataset_type: str) -> bool:
        """Whether there is any entry that is OPEN or DISCARDED."""

    def find_quarantined(
        self, bucket: str, provider: str, dataset_type: str, identifiers: Sequence[Identifier]
    ) -> list[QuarantineEntry]:
        """Return the entries of datasets that are OPEN or DISCARDED, oldest first, by one set query."""

    def list_quarantine(
        self, dataset_filter: DatasetFilter, states: Sequence[QuarantineState] = ()
    ) -> list[QuarantineEntry]:
        """Return entries, newest first. No states: any."""

    def find_quarantine_entry(self, entry_id: str) -> QuarantineEntry | None:
        """Return one entry, or None."""

    def save_quarantine_look(self, entry: QuarantineEntry) -> None:
        """Remember that the provider was asked and still serves that bundle: its `feeds`, now; a retry is done."""

    def request_quarantine_retry(self, entry_ids: Sequence[str]) -> int:
        """Let open or discarded entries be fetched anew by the next run. Returns how many there were."""

    def discard_quarantine(self, entry_ids: Sequence[str], decided_by: str, note: str) -> list[str]:
        """Mark open entries DISCARDED. Returns the paths of objects that nothing names any more."""

    # ---- copying from another lake

    def find_heads(self, dataset_ids: Sequence[str]) -> list[DatasetHead]:
        """Return where datasets stand, of whatever bucket, in the order in which they came into the lake."""

    def find_heads_of(self, bucket: str, provider: str, dataset_type: str, keys: Sequence[str]) -> list[DatasetHead]:
        """Return where the datasets with these canonical identifiers stand."""

    def write_histories(self, histories: Sequence[DatasetHistory]) -> list[tuple[DatasetEvent, ...] | None]:
        """Write datasets with all of their revisions and their events, in one transaction: each whole or not at all.

        No selector counts as ingested whole any more.

        Returns:
            The events of each. None for one that was worked out on a dataset that has moved on, or that is there by
            now: nothing of it was written.

        Raises:
            SaveError: The catalogue refused; nothing was written.
        """

    def write_quarantine_entries(self, entries: Sequence[QuarantineEntry]) -> list[DatasetEvent]:
        """Add quarantine entries that are not there, with their ids, and let those that are have the given state.

        Returns the events of those that were added.
        """

    # ---- verifying and mending

    def iter_file_records(self, bucket: str | None = None) -> Iterator[list[FileRecord]]:
        """Yield the rows that name objects, lazily, in the order of their paths; all rows of one path together.

        Args:
            bucket: None: any.
        """

    def find_file_records(self, paths: Sequence[str]) -> list[FileRecord]:
        """Return the rows that name any of `paths` at this moment."""

    def find_records_by_tag(self, tags: Sequence[str]) -> list[FileRecord]:
        """Return the rows whose bytes have one of these hashes. It may read all rows, so ask for many at once."""

    def iter_row_damages(self, bucket: str | None = None) -> Iterator[Damage]:
        """Yield what is wrong with the rows themselves, each dataset's as they are at one moment.

        Args:
            bucket: None: any. Rows that belong to nothing are of every bucket.
        """

    def mend_revisions(self, dataset_ids: Sequence[str]) -> None:
        """Make lost revisions again from their files' rows, and let each dataset call its newest one current."""

    def ask_in_full_again(self, dataset_ids: Sequence[str]) -> None:
        """Let the next run fetch datasets in full whose current revision is VALIDATION_FAILED; others stay as they are.

        One that was marked and asked for since then is otherwise asked for conditionally.
        """

    def confirm_revisions(self, dataset_ids: Sequence[str]) -> int:
        """Trust current revisions again that were invalidated with a reason that begins with `damage.DAMAGED`.

        Returns how many there were.
        """

    def correct_sizes(self, path: str, tag: str, size: int, storage_size: int) -> None:
        """Write the sizes that an object has into each row that names it with these bytes."""

    def remove_dangling(self) -> int:
        """Remove rows whose dataset or quarantine entry is not there. Returns how many there were.

        Their objects count as deleted now.
        """

    def save_job(self, job: JobSummary, first_task: int = 0) -> None:
        """Write a job's row, new or again, and the tasks that are not written yet.

        Args:
            first_task: The number of the first of `job.tasks`; those before it were written earlier.
        """

    def load_jobs(self, limit: int | None = None, *, with_tasks: bool = True) -> list[JobSummary]:
        """Return jobs, newest first."""

    def abort_dead_jobs(self, is_alive: Callable[[ProcessIdentity, dt.datetime, str], bool]) -> int:
        """Mark RUNNING jobs ABORTED that nobody works on. Returns how many.

        Args:
            is_alive: Says so, given the process, its last sign of life, and the id of the run.
        """

    def try_lock_job(self, key: str, holder: JobHolder) -> JobLock | None:
        """Return the lock of the job whose identity is `key`, or None if another run has it; never waits.

        Two engines of one process exclude each other too. Where there are no locks, or where the catalogue may only be
        read, everybody gets one.

        Args:
            holder: What others are told of whoever has it.
        """

    def find_job_holder(self, key: str) -> JobHolder | None:
        """Return who has the lock of that job; None: nobody, or that is not known."""

    def find_selector_sync(self, key: str) -> SelectorSync | None:
        """Return when the selector that `key` names was last ingested, or None."""

    def save_selector_sync(self, key: str, sync: SelectorSync) -> None:
        """Remember it."""

    def forget_listings(self) -> None:
        """Forget what selectors listed: datasets came that their listings do not know of."""

    def read_events(self, after_position: int, limit: int) -> list[DatasetEvent]:
        """Return logged events after a position, in commit order."""

    def get_last_event_position(self) -> int:
        """Return the position of the newest event in the log; 0 if there is none."""

    def find_touched(self, dataset_ids: Sequence[str], after_position: int) -> set[str]:
        """Return those of the datasets that have an event after a position."""

    def get_reader_position(self, reader_name: str) -> int:
        """Return where a reader of the event log stands; 0 for a new one."""

    def set_reader_position(self, reader_name: str, position: int) -> None:
        """Remember where a reader stands."""

    def storage_totals(self, bucket: str) -> Mapping[str, int]:
        """Return `datasets`, `revisions`, `files`, `size_bytes` and `storage_bytes` of a bucket."""

    def sync_indexes(self, wanted: Sequence[tuple[str, str, str]]) -> tuple[list[str], list[str]]:
        """Make expression indexes for (provider, dataset type, identifier key), drop those no longer wanted.

        Returns the names of those made and of those dropped.
        """

    def close(self) -> None:
        """Close its connections, and let go of the locks of jobs that were taken here."""


# ---- events --------------------------------------------------------------------------------------------


class EventPublisher(Protocol):
    """Tells subscribers in this process what was committed."""

    def publish(self, event: DomainEvent) -> None:
        """Tell every subscriber; never raises what one of them raised."""

    def wants(self, event_type: type[DomainEvent]) -> bool:
        """Whether any subscriber listens to events of this type."""


class DatasetStorePort(Protocol):
    """What a subscriber may ask of the lake."""

    bucket: str

    def load_files(self, dataset: Dataset, data_feed_keys: Sequence[str] | None = None, lazy: bool = False) -> Any:
        """Return the dataset's current files; see `DatasetStore.load_files`."""
