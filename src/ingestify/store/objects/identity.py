"""The check that a storage and a catalogue belong to the same lake.

A small object in the storage names the lake, its epoch, and the mark of the last writer. A process that writes objects,
or deletes rows, puts a new mark there after its catalogue has remembered the mark. So a catalogue that does not know
the mark is not the writer's: it was restored from a backup, or it is a copy.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import threading
import time
import uuid

from ingestify.clock import now
from ingestify.domain.lake import Lake, LakeMark
from ingestify.domain.ports import Catalogue, Storage
from ingestify.errors import IntegrityError, LakeIdentityError, StoreError
from ingestify.remedies import remedy
from ingestify.store.objects.layout import is_object_path

__all__ = ["MARK_PATH", "LakeIdentity"]

logger = logging.getLogger(__name__)

MARK_PATH = ".lake.json"
"""No bucket's folder begins with a dot, so this path is no object of the lake, and no garbage."""

_MARKED_AGAIN_SECONDS = 3600.0
_SAMPLE = 20
_LOOKED_AT = 1000
_MOST_BYTES = 65_536


class LakeIdentity:
    """Compares a catalogue with a storage. Every method may be called from any thread.

    Args:
        file_url: Where the storage is, without secrets, for messages; empty: messages only say `the storage`.
    """

    def __init__(self, catalogue: Catalogue, storage: Storage, file_url: str = "") -> None:
        self._catalogue = catalogue
        self._storage = storage
        self._file_url = file_url
        self._lock = threading.Lock()
        self._is_checked = False
        self._marked_at: float | None = None
        self._has_written = False

    def check(self) -> Lake | None:
        """Refuse a storage that is not this catalogue's. Nothing is written; usually one small object is read.

        Returns:
            The lake; None: an archive from before lakes had ids, which can only be read.

        Raises:
            LakeIdentityError: The storage is another lake's, it was moved, or one of the two was restored; the message
                says what to do.
            StoreError: The catalogue or the storage cannot be read.
        """
        lake = self._catalogue.lake.find()
        if lake is not None:
            found = self.read_mark()
            if (problem := self._find_problem(lake, found)) is not None:
                raise LakeIdentityError(problem)
        self._is_checked = True
        return lake

    def claim(self) -> None:
        """Put a mark into the storage before the first object is written, and once an hour after that.

        Raises:
            LakeIdentityError: See `check`.
            StoreError: The mark cannot be written, and so objects cannot either.
        """
        with self._lock:
            if self._marked_at is None or time.monotonic() - self._marked_at > _MARKED_AGAIN_SECONDS:
                if not self._is_checked:
                    self.check()
                self._mark()
                self._is_checked = False  # the next one is an hour later
            self._has_written = True

    def settle(self) -> None:
        """Put a last mark, if anything was written since the first: a backup from in between does not know it."""
        with self._lock:
            if self._has_written:
                try:
                    self._mark()
                except StoreError as error:
                    logger.debug("The last mark could not be left in the storage: %s", error)

    def explain(self, error: IntegrityError) -> None:
        """Raise an error if an object is missing because the storage is not the catalogue's."""
        with contextlib.suppress(StoreError):
            try:
                self.check()
            except LakeIdentityError as problem:
                # The remedy for a single object does not help if the whole storage is another one.
                raise IntegrityError(str(problem)) from error

    def restore(self, *, new_id: bool = False) -> Lake:
        """Begin a new epoch: from now on the storage is this catalogue's, and no other's.

        Args:
            new_id: Whether the lake is a copy that gets an id of its own.

        Raises:
            LakeIdentityError: The storage holds none of the objects that the catalogue names.
        """
        with self._lock:
            lake = self._catalogue.lake.find()
            if lake is None:
                raise LakeIdentityError(f"The catalogue {self._catalogue.where} can only be read.")
            found = self.read_mark()
            named, _ = self._catalogue.lake.sample_paths(_SAMPLE)
            if named and not self._count_there(named):
                raise LakeIdentityError(
                    f"{self._named(found)} holds none of the files that {self._ours(lake)} names, so it was not taken "
                    f"over: correct file_url, mount its disk, or restore it first. If its files are all lost, fetch "
                    f"them into a new lake."
                )
            theirs = "" if found is None else found.lake_id
            lake_id = (lake.lake_id or theirs) if named else (theirs or lake.lake_id)
            epoch = max(lake.epoch, 0 if found is None else found.epoch) + 1
            lake = self._catalogue.lake.begin_epoch(str(uuid.uuid4()) if new_id or not lake_id else lake_id, epoch)
            self._mark()
            return lake

    # ---- the mark --------------------------------------------------------------------------------------

    def read_mark(self) -> LakeMark | None:
        """Return the mark in the storage, or None.

        Raises:
            StoreError: The mark cannot be read.
        """
        try:
            with self._storage.open(MARK_PATH) as stream:
                text = stream.read(_MOST_BYTES)
        except IntegrityError:
            return None
        except OSError as error:
            raise StoreError(f"Cannot read {self._place()}/{MARK_PATH}: {error}") from error
        try:
            content = json.loads(text)
            return LakeMark(str(content["lake_id"]), int(content["epoch"]), str(content["mark"]))
        except (ValueError, KeyError, TypeError) as error:
            raise LakeIdentityError(
                f"{self._place()} has a file {MARK_PATH} that does not say which lake it is of. If it is the lake of "
                f"{self._catalogue.where}, remove that file and run {remedy('restored')}."
            ) from error

    def _mark(self) -> None:
        """Let the catalogue remember a new mark, then write the mark to the storage; never in the other order."""
        mark = uuid.uuid4().hex
        lake = self._catalogue.lake.add_mark(mark, self._file_url)
        content = {
            "about": "Written by ingestify: whose files these are. Do not remove it.",
            "lake_id": lake.lake_id,
            "epoch": lake.epoch,
            "mark": mark,
            "written_at": now().isoformat(),
        }
        temporary = self._storage.create_temporary()
        try:
            temporary.write(json.dumps(content, indent=1).encode() + b"\n")
            temporary.finish()
            self._storage.publish([(temporary, MARK_PATH)])
        finally:
            temporary.discard()
        self._marked_at = time.monotonic()
        self._has_written = False

    # ---- what is wrong ---------------------------------------------------------------------------------

    def _find_problem(self, lake: Lake, found: LakeMark | None) -> str | None:
        if found is None:
            return self._find_problem_of_unmarked(lake)
        if found.lake_id != lake.lake_id:
            return (
                f"{self._named(found)} belongs to another lake than {self._ours(lake)}{self._last_place(lake)}. "
                "Correct file_url or metadata_url. If that lake's catalogue is lost for good and this one is to take "
                f"its place, run {remedy('restored')}."
            )
        if found.mark == lake.mark:
            return None
        if found.epoch > lake.epoch or not self._catalogue.lake.has_given_mark(found.mark):
            older = "has begun a new epoch" if found.epoch != lake.epoch else "has been written to"
            if found.epoch < lake.epoch:
                return (
                    f"{self._named(found)} is older than {self._ours(lake)}: it was restored from a backup, or is an "
                    f"old copy. To go on with it, run {remedy('restored')}, then {remedy('verify --repair')}."
                )
            return (
                f"{self._named(found)} {older} by a catalogue that knows more than {self._ours(lake)}: that one was "
                f"restored from a backup, or is a copy. If it is a copy, give it files of its own in file_url, as with "
                f"{remedy('copy')}. To go on with it as the only one, run {remedy('restored')}; all others are "
                f"refused then."
            )
        # Writers that began together, or one that was killed, may leave an older mark, with the newest files there.
        named, _ = self._catalogue.lake.sample_paths(_SAMPLE)
        if self._count_there(named) == len(named):
            return None
        return (
            f"{self._named(found)} lacks the newest files of {self._ours(lake)}: it was restored from an older backup, "
            f"or is an older copy. To go on with it, run {remedy('restored')}, then {remedy('verify --repair')}."
        )

    def _find_problem_of_unmarked(self, lake: Lake) -> str | None:
        """Judge a storage without a mark by its objects: it is new, or from an earlier version."""
        named, deleted = self._catalogue.lake.sample_paths(_SAMPLE)
        if named:
            if self._count_there(named):
                return None
            return (
                f"{self._place()} holds none of the files that {self._ours(lake)} names{self._last_place(lake)}. "
                f"Correct file_url, or mount its disk; to move a lake, move its files first, with {MARK_PATH} among "
                f"them. If the files are all lost, restore them from a backup, or fetch them into a new lake."
            )
        objects = (one for one in itertools.islice(self._storage.iter_objects(), _LOOKED_AT))
        if not any(is_object_path(one.path) for one in objects) or self._count_there(deleted):
            return None
        return (
            f"{self._place()} holds the files of a lake, and {self._ours(lake)} names none of them. Correct "
            f"metadata_url or file_url. If the catalogue of those files is lost for good and this one is to take its "
            f"place, run {remedy('restored')}."
        )

    def _count_there(self, paths: list[str]) -> int:
        return sum(self._storage.get_size(path) is not None for path in paths)

    def _place(self) -> str:
        return f"The storage {self._file_url}".rstrip()

    def _named(self, found: LakeMark | None) -> str:
        return self._place() if found is None else f"{self._place()} ({found})"

    def _ours(self, lake: Lake) -> str:
        return f"the catalogue {self._catalogue.where} ({lake})"

    def _last_place(self, lake: Lake) -> str:
        moved = lake.storage and lake.storage != self._file_url
        return f", whose files were written to {lake.storage}" if moved else ""
