"""The inbox of a source: what was received, as immutable objects beside those of the lake (decision 46).

    SOURCE/files/MATCH/…/FEED/VERSION/MOMENT-KEY-DIGEST.FORMAT    a pushed file; of a feed, the newest one counts
    SOURCE/notices/MOMENT-KEY.json                                something to look at; removed when that was done

A part of a path has only small letters, digits, `-`, `_` and escapes `%2f`, so no two names meet on any disk. Several
processes and machines may write to one inbox.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import itertools
import json
import re
import threading
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from ingestify.clock import monotonic, now
from ingestify.domain.ports import Storage, TemporaryObject
from ingestify.errors import StoreError
from ingestify.failpoints import failpoint
from ingestify.progress.printable import PrintableLogger

__all__ = [
    "KEPT_FOR",
    "LONGEST_VALUE",
    "LONGEST_VALUE_BYTES",
    "Inbox",
    "KeyUsed",
    "Pushed",
    "PushedFile",
    "StoredNotice",
]

logger = PrintableLogger(__name__)

KEPT_FOR = dt.timedelta(days=7)
"""How long a file that a newer one replaced, with its key, and a notice that nobody looks at are kept."""

LONGEST_VALUE = 60
"""Characters of one value of an identity."""

LONGEST_VALUE_BYTES = 85
"""Its bytes in UTF-8: each may be three characters of a path, and no part of a path has more than 255."""

_UNFINISHED_FOR = dt.timedelta(days=1)
"""Nothing is received for longer."""

_LOCKS = 64
_TIDY_SECONDS = 3600.0
_NAME = re.compile(r"(\d{20})-([0-9a-f]{32})-([0-9a-f]{32})\.(.+)", re.ASCII)
_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class PushedFile:
    """What a pushed file is.

    Attributes:
        identity: The values of the identity, in the order of the source's keys, as text.
        format: Its data_serialization_format.
    """

    identity: tuple[str, ...]
    feed: str
    version: str
    format: str


@dataclasses.dataclass(frozen=True, slots=True)
class Pushed:
    """A file in the inbox.

    Attributes:
        received_at: In UTC; of two files of one feed, the later one counts.
        key: A hash of the idempotency key.
        digest: A hash of the bytes.
        path: Of the object.
    """

    file: PushedFile
    received_at: dt.datetime
    key: str
    digest: str
    path: str


@dataclasses.dataclass(frozen=True, slots=True)
class StoredNotice:
    """A notice in the inbox.

    Attributes:
        path: Of the object.
        what: What it is about, for people.
        identity: Of a pushed file: the values of its identity; None: nothing was pushed.
        filters: Of a notice about another source: keys of identifiers and their values.
    """

    path: str
    what: str
    identity: tuple[str, ...] | None
    filters: Mapping[str, str | int]


class KeyUsed(Exception):
    """An idempotency key came before, with other bytes."""


class Inbox:
    """The inbox of one source. Any thread may use it. Each method raises StoreError when the storage refuses.

    Args:
        storage: The storage of all inboxes.
        source: The name of the source.
    """

    def __init__(self, storage: Storage, source: str) -> None:
        self._storage = storage
        self._files = f"{_encoded(source)}/files"
        self._notices = f"{_encoded(source)}/notices"
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._tidied_at = -_TIDY_SECONDS

    def begin(self) -> TemporaryObject:
        """Begin to receive a file."""
        return self._storage.create_temporary()

    def keep(self, file: PushedFile, content: TemporaryObject, digest: str, key: str | None) -> bool:
        """Keep a received file, and a notice that it came. Both survive a power loss when this returns.

        Args:
            file: What it is.
            content: All of its bytes, finished.
            digest: SHA-256 of the bytes, as hex.
            key: The idempotency key; None: a file with the bytes of the newest one is the same push.

        Returns:
            Whether it is new: the same push may come several times.

        Raises:
            KeyUsed: The key came before, with other bytes.
        """
        folder = "/".join((self._files, *map(_encoded, file.identity), _encoded(file.feed), _encoded(file.version)))
        key_hash = uuid.uuid4().hex if key is None else hashlib.sha256(key.encode()).hexdigest()[:32]
        with self._locks[hash(folder) % _LOCKS]:
            there = sorted(self._iter_pushed(folder), key=lambda one: one.path)
            is_new = _is_new(there, None if key is None else key_hash, digest[:32])
            moment = max([now(), *(one.received_at + _MICROSECOND for one in there)])
            path = f"{folder}/{_stamp(moment)}-{key_hash}-{digest[:32]}.{_encoded(file.format)}"
            try:
                if is_new:
                    self._storage.publish([(content, path)])
                    self._storage.settle()
                failpoint("push.stored")
                # Also of a push that came before: the process may have ended before it wrote the notice.
                what = f"{file.feed} of {'/'.join(file.identity)}"
                self._write_notice({"what": what, "identity": file.identity}, key_hash)
            except StoreError:
                if is_new:
                    with contextlib.suppress(StoreError):  # else the sender's next try finds it
                        self._storage.delete([path])
                raise
            failpoint("push.announced")
            if is_new:
                self._remove_replaced(there)
        self._tidy()
        return is_new

    def keep_notice(self, what: str, filters: Mapping[str, str | int], key: str | None) -> None:
        """Keep a notice. It survives a power loss when this returns.

        Args:
            what: What it is about, for people.
            filters: Keys of identifiers and their values.
            key: The idempotency key; None: there is none.
        """
        key_hash = hashlib.sha256((key or uuid.uuid4().hex).encode()).hexdigest()[:32]
        self._write_notice({"what": what, "filters": filters}, key_hash)
        failpoint("push.announced")
        self._tidy()

    def iter_files(self, identity: Sequence[str] = ()) -> Iterator[Pushed]:
        """Yield the newest file of each feed and version.

        Args:
            identity: The first values of the identity; empty: of each identity.
        """
        newest: dict[tuple[Any, ...], Pushed] = {}
        for one in self._iter_pushed("/".join((self._files, *map(_encoded, identity)))):
            place = (one.file.identity, one.file.feed, one.file.version)
            if place not in newest or one.path > newest[place].path:
                newest[place] = one
        yield from newest.values()

    def open(self, pushed: Pushed) -> BinaryIO:
        """Open a file for reading."""
        return self._storage.open(pushed.path)

    def list_notice_paths(self) -> list[str]:
        """Return the paths of the notices, the oldest first."""
        return sorted(one.path for one in self._storage.iter_objects(self._notices))

    def read_notice(self, path: str) -> StoredNotice:
        """Read a notice."""
        with self._storage.open(path) as stream:
            said = json.loads(stream.read())
        identity = said.get("identity")
        return StoredNotice(
            path, str(said["what"]), None if identity is None else tuple(identity), said.get("filters", {})
        )

    def remove_notices(self, paths: Sequence[str]) -> None:
        """Remove notices; those that are not there count as removed."""
        self._storage.delete(paths)

    def _write_notice(self, said: Mapping[str, object], key_hash: str) -> None:
        notice = self._storage.create_temporary()
        try:
            notice.write(json.dumps(said).encode())
            notice.finish()
            self._storage.publish([(notice, f"{self._notices}/{_stamp(now())}-{key_hash}.json")])
            self._storage.settle()
        finally:
            notice.discard()

    def _iter_pushed(self, folder: str) -> Iterator[Pushed]:
        for one in self._storage.iter_objects(folder):
            parts = [urllib.parse.unquote(part) for part in one.path.removeprefix(f"{self._files}/").split("/")]
            found = _NAME.fullmatch(parts[-1])
            if found is not None and len(parts) >= 4:
                *identity, feed, version, _ = parts
                file = PushedFile(tuple(identity), feed, version, found[4])
                yield Pushed(file, _EPOCH + int(found[1]) * _MICROSECOND, found[2], found[3], one.path)

    def _tidy(self) -> None:
        """Remove old notices, and what killed processes left unfinished; at most once an hour."""
        if monotonic() < self._tidied_at + _TIDY_SECONDS:
            return
        self._tidied_at = monotonic()
        before = f"{self._notices}/{_stamp(now() - KEPT_FOR)}"
        with contextlib.suppress(StoreError):  # the next push removes them
            self.remove_notices([path for path in self.list_notice_paths() if path < before])
            self._storage.remove_leftovers(now() - _UNFINISHED_FOR)

    def _remove_replaced(self, there: Sequence[Pushed]) -> None:
        """Remove what newer files replaced a while ago. Its keys are forgotten."""
        before = now() - KEPT_FOR
        replaced = [one.path for one, newer in itertools.pairwise(there) if newer.received_at < before]
        with contextlib.suppress(StoreError):  # the next push removes it
            self._storage.delete(replaced)


def _is_new(there: Sequence[Pushed], key: str | None, digest: str) -> bool:
    if key is None:
        return not there or there[-1].digest != digest
    for one in there:
        if one.key == key:
            if one.digest != digest:
                raise KeyUsed
            return False
    return True


def _stamp(moment: dt.datetime) -> str:
    return f"{(moment - _EPOCH) // _MICROSECOND:020}"


def _encoded(text: str) -> str:
    """Return a text as a part of a path, which `urllib.parse.unquote` reads."""
    return "".join(
        one if one.isascii() and (one.islower() or one.isdigit() or one in "-_") else _escaped(one) for one in text
    )


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode("utf-8"))
