"""Ports that fail at their Nth operation, for a sweep over all N."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, ParamSpec, TypeVar, cast

from ingestify.domain.ports import (
    ByteSink,
    Catalogue,
    FetchContext,
    Fetcher,
    FetchRequest,
    FetchResult,
    PartialObject,
    Storage,
    StoredObject,
    TemporaryObject,
)

__all__ = ["Faults", "FaultyStorage", "faulty_catalogue", "faulty_fetcher"]

P = ParamSpec("P")
T = TypeVar("T")


class Faults:
    """Counts operations and raises an error at one of them. Several threads and ports may share it.

    Args:
        number: The number of the operation that fails, from 1.
        error: Makes the error from the operation's name.
        after: Raise after the operation, as when a connection is lost before its response arrives.
        lasting: Whether every later operation fails, too.

    Attributes:
        count: The number of operations so far.
    """

    def __init__(
        self, number: int, error: Callable[[str], BaseException], *, after: bool = False, lasting: bool = False
    ) -> None:
        self.count = 0
        self._number = number
        self._error = error
        self._after = after
        self._lasting = lasting
        self._lock = threading.Lock()

    @property
    def was_reached(self) -> bool:
        """Whether an operation failed."""
        return self.count >= self._number

    def around(self, name: str, operation: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Do an operation, or raise the error before or after it.

        Args:
            name: The operation's name, for the error.
            operation: The operation.
            *arguments: Its arguments.
            **options: Its keyword arguments.
        """
        with self._lock:
            self.count += 1
            fails = self.count == self._number or (self._lasting and self.count > self._number)
        if fails and not self._after:
            raise self._error(name)
        done = operation(*arguments, **options)
        if fails:
            raise self._error(name)
        return done


class _FaultyCatalogue:
    """A catalogue, or one of its ports."""

    def __init__(self, inner: object, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in ("where", "close", "limit_lock_waits", "restore_lock_waits"):
            return found
        if not callable(found):
            return _FaultyCatalogue(found, self._faults)
        return lambda *arguments, **options: self._faults.around(name, found, *arguments, **options)


def faulty_catalogue(inner: Catalogue, faults: Faults) -> Catalogue:
    """Return a catalogue. Each method counts as one operation, except those that do not use the database."""
    return cast(Catalogue, _FaultyCatalogue(inner, faults))


class _FaultyFetcher:
    """A fetcher whose requests fail; with `after`, when the bytes are in the sink."""

    def __init__(self, inner: Fetcher, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in ("get", "get_json"):
            return found
        return lambda *arguments, **options: self._faults.around(name, found, *arguments, **options)

    def fetch(self, request: FetchRequest, sink: ByteSink) -> FetchResult:
        return self._faults.around("fetch", self._inner.fetch, request, sink)

    def activated(self, context: FetchContext) -> AbstractContextManager[None]:
        return self._inner.activated(context)


def faulty_fetcher(inner: Fetcher, faults: Faults) -> Fetcher:
    """Return a fetcher. Each request counts as one operation; with `after` the bytes are in the sink."""
    return cast(Fetcher, _FaultyFetcher(inner, faults))


class FaultyStorage:
    """A storage. Each call, also on its temporary objects, counts as one operation.

    A `publish` of several objects counts as several operations, so it may fail when some are published.
    """

    def __init__(self, inner: Storage, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def create_temporary(self) -> TemporaryObject:
        """Begin an object."""
        made = self._faults.around("create", self._inner.create_temporary)
        return cast(TemporaryObject, _FaultyTemporary(made, self._faults))

    def take_partial(self, key: str, *, create: bool) -> PartialObject | None:  # noqa: ARG002 - the port's signature
        """Return None: a storage need not keep unfinished objects."""
        return None

    def publish(self, objects: Sequence[tuple[TemporaryObject, str]]) -> None:
        """Publish one by one."""
        for temporary, path in objects:
            assert isinstance(temporary, _FaultyTemporary)
            self._faults.around("publish", self._inner.publish, [(temporary.inner, path)])

    def settle(self) -> None:
        """Make what was published durable."""
        self._faults.around("settle", self._inner.settle)

    def open(self, path: str) -> BinaryIO:
        """Open an object."""
        return self._faults.around("open", self._inner.open, path)

    def get_size(self, path: str) -> int | None:
        """Return an object's size."""
        return self._faults.around("get_size", self._inner.get_size, path)

    def delete(self, paths: Iterable[str], *arguments: Any, **options: Any) -> int:
        """Remove objects one by one."""
        return sum(self._faults.around("delete", self._inner.delete, [path], *arguments, **options) for path in paths)

    def iter_objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """List objects."""
        return iter(self._faults.around("list", lambda: list(self._inner.iter_objects(prefix))))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _FaultyTemporary:
    def __init__(self, inner: TemporaryObject, faults: Faults) -> None:
        self.inner = inner
        self._faults = faults

    def write(self, data: bytes) -> None:
        self._faults.around("write", self.inner.write, data)

    def finish(self) -> None:
        self._faults.around("finish", self.inner.finish)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
