"""The transports of one client: one for all requests that say nothing, and one for each other way to send requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from ingestify.errors import SourceError
from ingestify.fetch.transport.transport import Transport

__all__ = ["Transports", "Way", "way_of"]

logger = logging.getLogger(__name__)


class Way(msgspec.Struct, frozen=True):
    """How a request is sent, where it differs from the settings of its source.

    Attributes:
        connect_timeout_seconds: How long a connection may take to be made; None: as the settings say.
        read_timeout_seconds: How long the next bytes of a response may take; None: as the settings say.
        verify: Whether the host's certificate is verified; a path: it is verified with the certificates of that file
            or folder.
    """

    connect_timeout_seconds: float | None = None
    read_timeout_seconds: float | None = None
    verify: bool | str = True


def way_of(timeout: Any = None, verify: Any = True) -> Way | None:
    """Return the way that the options `timeout` and `verify` of a request name; None: they say nothing.

    Args:
        timeout: Seconds, or two numbers: for connecting and for reading. None: as the settings say.
        verify: See `Way`.

    Raises:
        SourceError: An option has another value.
    """
    verify = True if verify is None else verify
    if timeout is None and verify is True:
        return None
    several = timeout if isinstance(timeout, (tuple, list)) else (timeout, timeout)
    is_number = all(
        one is None or (isinstance(one, (int, float)) and not isinstance(one, bool) and one > 0) for one in several
    )
    if len(several) != 2 or not is_number:
        raise SourceError(f"timeout is {timeout!r}; it must be seconds, or two: for connecting and for reading.")
    if not isinstance(verify, bool):
        try:
            verify = str(verify.__fspath__() if hasattr(verify, "__fspath__") else verify)
        except TypeError as error:  # pragma: no cover - no path has another text
            raise SourceError(f"verify is {verify!r}; it must be True, False or a path.") from error
    return Way(several[0], several[1], verify)


class Transports:
    """Chooses the transport of a request. Safe to use from any thread.

    Args:
        name: The source's name, for the log.
        usual: The transport of requests that say nothing.
        make: Makes the transport of another way.
    """

    def __init__(self, name: str, usual: Transport, make: Callable[[Way], Transport]) -> None:
        self._name = name
        self._usual = usual
        self._make = make
        self._others: dict[Way, Transport] = {}
        self._lock = threading.Lock()

    def of(self, way: Way | None) -> Transport:
        """Return the transport of a way; None: the usual one."""
        if way is None:
            return self._usual
        with self._lock:
            found = self._others.get(way)
            if found is None:
                found = self._others[way] = self._make(way)
                if way.verify is False and not any(one.verify is False and one != way for one in self._others):
                    logger.warning("%s: certificates are not verified, as verify is False.", self._name)
            return found

    def abort(self) -> None:
        """Break off all transfers."""
        for one in self._all():
            one.abort()

    def close(self) -> None:
        """Close all connections."""
        for one in self._all():
            one.close()

    def _all(self) -> list[Transport]:
        with self._lock:
            return [self._usual, *self._others.values()]
