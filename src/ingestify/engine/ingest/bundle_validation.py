"""Validates a bundle before readers may see it: each file, what it lacks, and whether its files agree."""

from __future__ import annotations

import copy
import functools
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import msgspec

from ingestify.checks.files import check_stream
from ingestify.clock import now
from ingestify.domain.bundle_check import BundleCheck, BundleFile
from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.file import File
from ingestify.domain.profile import FileProfile, peers_of
from ingestify.domain.revision import pick_file
from ingestify.engine.bundle.bundle import LoadedBundle
from ingestify.engine.bundle.bundle_rules import SMALL_BYTES
from ingestify.engine.bundle.check_calls import MOST_REASONS, CheckCalls, CheckHangs, Found, as_sentence
from ingestify.engine.bundle.loaded_file import FileKind
from ingestify.engine.discovery.discovered import Discovered
from ingestify.errors import FatalError, IntegrityError, MissingExtraError, SourceError, StopProcessing
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.file_collection import PRELOAD_BYTES, LoadedFile
from ingestify.store.reading.profiling import make_profile

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["CheckedBundle", "CheckedFile", "CheckedFiles", "Findings", "check_bundle", "has_shrunk", "shapes_of"]

_making_frames = threading.BoundedSemaphore(min(os.cpu_count() or 1, 4))
"""A frame of events takes 30 MB until it is made, and holds the interpreter: more at once are not quicker."""

MOST_PROFILES = 50
"""With how many others a file is compared."""

_SHRUNK = "(quarantine.shrunk)"
_LOST_FEED = re.compile(r"\bit lacks .+, which revision \d+ has and a complete one needs")


def shapes_of(checks: Sequence[BundleCheck]) -> dict[str, tuple[Any, ...]]:
    """Return feed to the msgspec types that any of the checks decodes it into."""
    shapes: dict[str, list[Any]] = {}
    for check in checks:
        for feed, shape in check.shapes.items():
            if shape not in shapes.setdefault(feed, []):
                shapes[feed].append(shape)
    return {feed: tuple(wanted) for feed, wanted in shapes.items()}


class CheckedFile(LoadedFile):
    """Implements `domain.bundle_check.BundleFile`."""

    def __init__(
        self, file: File, open_stream: Callable[[], BinaryIO], *, is_new: bool, parsed: Mapping[Any, Any] | None = None
    ) -> None:
        super().__init__(file, open_stream)
        self.is_new = is_new
        self._parsed = dict(parsed or {})
        self._frames: dict[tuple[str | None, ...], Any] = {}

    def json(self) -> Any:
        """The content as JSON values, parsed once."""
        if object not in self._parsed:
            self._parsed[object] = super().json()
        return self._parsed[object]

    def json_as(self, shape: Any) -> Any:
        """The JSON content decoded into a msgspec type, once for each."""
        if shape not in self._parsed:
            try:
                self._parsed[shape] = msgspec.json.decode(self.read(), type=shape)
            except msgspec.MsgspecError as error:
                raise SourceError(f"{self.file_id} does not have the expected structure: {error}") from error
        return self._parsed[shape]

    def to_polars(self, records: str | None = None, encoding: str | None = None, **options: Any) -> pl.DataFrame:
        """As `LoadedFile.to_polars`; the frame is made once, and each caller gets a copy."""
        make = super().to_polars
        if options or self.size > PRELOAD_BYTES:
            return make(records, encoding, **options)
        frame: pl.DataFrame = self._kept(("polars", records, encoding), lambda: make(records, encoding))
        return frame.clone()

    def to_pandas(self, records: str | None = None, encoding: str | None = None, **options: Any) -> pd.DataFrame:
        """As `LoadedFile.to_pandas`; the frame is made once, and each caller gets a copy."""
        make = super().to_pandas
        if options or self.size > PRELOAD_BYTES:
            return make(records, encoding, **options)
        frame: pd.DataFrame = self._kept(("pandas", records, encoding), lambda: make(records, encoding))
        return frame.copy()

    def _kept(self, key: tuple[str | None, ...], make: Callable[[], Any]) -> Any:
        if key not in self._frames:
            with _making_frames:
                self._frames[key] = make()
        return self._frames[key]


class CheckedFiles:
    """The files of a bundle, for checks: the part of `domain.bundle_check.Bundle` that is the same for each bundle.

    What a check changes in it is not changed in what is committed.

    Args:
        files: File id to file.
        metadata: What the source says of the dataset besides.
    """

    def __init__(self, files: Mapping[str, CheckedFile], metadata: Mapping[str, Any]) -> None:
        self._files = files
        self._metadata = metadata
        self._profiles: dict[str, FileProfile] = {}
        self._stored = tuple([one.file for one in files.values()])

    @property
    def files(self) -> Mapping[str, BundleFile]:
        """File id to file."""
        return cast("Mapping[str, BundleFile]", MappingProxyType(self._files))

    @property
    def feeds(self) -> list[str]:
        """The feeds that are there."""
        return list(dict.fromkeys([file.data_feed_key for file in self._stored]))

    @functools.cached_property
    def metadata(self) -> Mapping[str, Any]:
        """What the source says of the dataset besides its files."""
        return copy.deepcopy(dict(self._metadata))

    def find_file(self, data_feed_key: str) -> BundleFile | None:
        """Return the file of a feed in its highest version, or None."""
        return self.require_file(data_feed_key) if data_feed_key in self.feeds else None

    def require_file(self, data_feed_key: str, data_spec_version: str | None = None) -> BundleFile:
        """Return the file of a feed, or raise a LoadError."""
        chosen = pick_file(self._stored, data_feed_key, data_spec_version)
        return cast(BundleFile, self._files[chosen.file_id])

    get_file = require_file

    def profile(self, file_id: str) -> FileProfile:
        """Return what can be counted in a file; see `Bundle`."""
        if file_id not in self._profiles:
            self._profiles[file_id] = make_profile(self._files[file_id])
        return self._profiles[file_id]

    def close(self) -> None:
        """Close what was opened."""
        for file in self._files.values():
            file.close()


class CheckedBundle(CheckedFiles):
    """Implements `domain.bundle_check.Bundle`: the files that were just loaded, and those that the lake has besides.

    Args:
        bundle: What was loaded.
        store: The lake.
        discovered: The dataset.
        loader: The name of its format, or empty.
    """

    def __init__(self, bundle: LoadedBundle, store: DatasetStore, discovered: Discovered, loader: str) -> None:
        super().__init__(_files_of(bundle, store), bundle.resource.metadata)
        self.provider = discovered.provider
        self.loader = loader
        self.dataset_type = bundle.resource.dataset_type
        self.identifier = discovered.identifier
        self.name = discovered.name
        self.state: DatasetState = bundle.state
        self.existing: Dataset | None = bundle.existing
        self._selector = discovered.job.selector
        self._store = store

    @functools.cached_property
    def peers(self) -> str:
        """With which datasets its files are compared; see `domain.profile`."""
        return peers_of(self._store.bucket, self.provider, self.dataset_type, self._selector.canonical)

    @property
    def new_profiles(self) -> dict[str, FileProfile]:
        """The profiles of new files that were made until now."""
        return {file_id: made for file_id, made in self._profiles.items() if self._files[file_id].is_new}

    def earlier_profiles(self, file_id: str) -> Sequence[FileProfile]:
        """Return the profiles of earlier revisions of a file, newest first; see `Bundle`."""
        if self.existing is None:
            return ()
        kept = self._store.catalogue.datasets.find_profiles(self.existing.dataset_id, file_id, MOST_PROFILES)
        if kept or file_id not in self.existing.files:
            return kept
        # The check is new in this lake. Its last revision is read, and those of no other dataset.
        current = self._store.load_files(self.existing, lazy=True)
        with current:
            return (make_profile(current[file_id]),)

    def other_profiles(self, file_id: str) -> Sequence[FileProfile]:
        """Return the profile of the same file of each of the last other datasets; see `Bundle`."""
        own = None if self.existing is None else self.existing.dataset_id
        return self._store.catalogue.datasets.find_peer_profiles(self.peers, file_id, own, MOST_PROFILES)

    def as_loaded_files(self) -> dict[str, LoadedFile]:
        """Return the same files as `post_load_files` sees them."""
        return dict(self._files)


def _files_of(bundle: LoadedBundle, store: DatasetStore) -> dict[str, CheckedFile]:
    files: dict[str, CheckedFile] = {}
    gone = bundle.removed
    if bundle.existing is not None:
        for stored in store.load_files(bundle.existing, lazy=True):
            if stored.file_id in gone:
                continue
            # The object of a file that is being restored may be damaged. What just arrived has the same bytes.
            arrived = bundle.loaded.get(stored.file_id)
            staged = None if arrived is None or arrived.kind is not FileKind.UNCHANGED else arrived.staged
            opens = stored.open_stream if staged is None else staged.open
            files[stored.file_id] = CheckedFile(stored.file, opens, is_new=False)
    number = 0 if bundle.existing is None else len(bundle.existing.revisions)
    moment = now()
    for file_id, one in bundle.new.items():
        assert one.draft is not None, "a new file has a draft"
        file = one.draft.in_revision(number, moment)
        open_stream = store.opener(file) if one.staged is None else one.staged.open
        files[file_id] = CheckedFile(file, open_stream, is_new=True, parsed=one.findings.parsed)
    return files


class Findings(msgspec.Struct, frozen=True):
    """What was found in a bundle.

    Attributes:
        reasons: Why it is rejected, a sentence each. Empty: it is not.
        warnings: What checks with the mode `warn` found, likewise.
        profiles: The profiles of new files that checks have made.
        peers: With which datasets these are compared.
    """

    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    profiles: tuple[FileProfile, ...] = ()
    peers: str = ""


def check_bundle(
    bundle: LoadedBundle,
    seen: CheckedBundle,
    see_again: Callable[[], CheckedBundle],
    checks: Sequence[BundleCheck],
    shrunk: float,
    calls: CheckCalls,
    stop: threading.Event,
) -> Findings:
    """Return what is found in a changed bundle.

    Args:
        bundle: What was loaded.
        seen: The same bundle, for checks. It is closed.
        see_again: Makes it anew.
        checks: Those that are for this kind of dataset.
        shrunk: A file of which less than this share is left is suspicious; 0: none is.
        calls: Calls the checks.
        stop: Stops the run.

    Raises:
        StopProcessing: A check stops the run.
        FatalError: A check stops it loudly.
        IntegrityError: An object of the lake that a check reads is damaged.
        MissingExtraError: A check lacks a package.
        CheckHangs: A check that rejects did not end in time.
        SourceError: The run has to stop.
    """
    reasons, warnings = _Sentences(), _Sentences()
    for reason in _find_broken(bundle, seen) if bundle.bundle_type.file_checks else ():
        reasons.add(reason)
    for reason in (*_find_lost_feeds(bundle), *_find_shrunk(bundle, shrunk)):
        reasons.add(reason)
    profiles: dict[str, FileProfile] = {}
    for check in () if reasons.are_any else checks:
        warns = check.mode == "warn"
        try:
            (warnings if warns else reasons).extend(calls.find_problems(check, seen, stop))
        except CheckHangs as error:
            if not warns:
                raise SourceError(f"{error}. The next run tries again.") from error
            warnings.add(f"{error}.")
            seen = see_again()  # the thread of that call may go on reading the other one
            continue
        except (StopProcessing, FatalError, IntegrityError, MissingExtraError):
            seen.close()
            raise
        seen.close()  # the next check reads from the beginning
        profiles.update(seen.new_profiles)
    return Findings(reasons.shown, warnings.shown, tuple(profiles.values()), seen.peers)


class _Sentences:
    """Sentences about a bundle: at most so many, each at most so long, and the number of the others."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._more = 0
        self._is_cut = False

    def add(self, sentence: str) -> None:
        self.extend(Found((as_sentence(sentence),)))

    def extend(self, found: Found) -> None:
        free = MOST_REASONS - len(self._first)
        self._first += found.problems[:free]
        self._more += len(found.problems[free:]) + found.more
        self._is_cut = self._is_cut or found.is_cut

    @property
    def are_any(self) -> bool:
        return bool(self._first)

    @property
    def shown(self) -> tuple[str, ...]:
        if not self._more:
            return tuple(self._first)
        return (*self._first, f"and {'at least ' if self._is_cut else ''}{self._more} more")


def has_shrunk(reasons: str) -> bool:
    """Whether a bundle is rejected as its files lost most of their size, or are gone, by its reasons as one text."""
    return _SHRUNK in reasons or _LOST_FEED.search(reasons) is not None


def _find_broken(bundle: LoadedBundle, seen: CheckedBundle) -> Iterator[str]:
    for file_id, one in bundle.new.items():
        problem = one.findings.problem
        if one.kind is FileKind.HELD and one.draft is not None:
            # It was checked when it came into quarantine, but the findings are not kept for each file.
            opener = seen.as_loaded_files()[file_id].open_stream
            problem = check_stream(opener, one.size, one.draft.data_serialization_format).problem
        if problem:
            yield f"{file_id}: {problem}"


def _find_lost_feeds(bundle: LoadedBundle) -> Iterator[str]:
    existing = bundle.existing
    if existing is None or not existing.revisions:
        return
    for feed in bundle.lost_feeds:
        # `has_shrunk` reads it.
        yield f"it lacks {feed}, which revision {existing.revisions[-1].revision_id} has and a complete one needs"


def _find_shrunk(bundle: LoadedBundle, share: float) -> Iterator[str]:
    """Yield the files that were not small, and of which so little is left that the rest is probably missing."""
    current = {} if bundle.existing is None else bundle.existing.files
    for file_id, one in bundle.new.items():
        before = current.get(file_id)
        if before is not None and before.size > SMALL_BYTES and one.size < share * before.size:
            yield (
                f"{file_id}: it has {one.size:,} bytes, and had {before.size:,} in revision {before.revision_id}: less "
                f"than {share:g} of it is suspicious {_SHRUNK}"
            )
