"""What a service says of itself to those who ask: whether it lives, whether it is ready, and its metrics."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from ingestify.cli.listener import Answer
from ingestify.clock import monotonic
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.watching.watching import Watching
from ingestify.errors import LakeNotFound, StoreError
from ingestify.telemetry.prometheus_text import CONTENT_TYPE

__all__ = ["Health"]

_METRICS_SECONDS = 5.0
_READY_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0


class Health:
    """Answers for a service. Any thread may ask.

    The texts are its own: what an error says may have an address or a password in it, and belongs into the log.

    Args:
        patience: How many seconds a request waits while another one reads the catalogue.
    """

    def __init__(self, patience: float = _PATIENCE_SECONDS) -> None:
        self._engine: IngestionEngine | None = None
        self._watching: Watching | None = None
        self._is_draining = False
        self._metrics = _Kept(self._read_metrics, _METRICS_SECONDS, patience)
        self._ready = _Kept(self._read_catalogue, _READY_SECONDS, patience)

    @property
    def answers(self) -> Mapping[str, Callable[[], Answer]]:
        """A path to who makes its answer."""
        return {"/metrics": self._metrics.answer, "/healthz": self.live, "/readyz": self.ready}

    def show(self, engine: IngestionEngine | None, watching: Watching | None) -> None:
        """Answer for another engine; None: there is none. Nobody uses the one from before when this returns."""
        with self._metrics.changing(), self._ready.changing():
            self._engine, self._watching = engine, watching

    def drain(self) -> None:
        """Say from now on that the service ends. A handler of a signal may call it."""
        self._is_draining = True

    def live(self) -> Answer:
        """Answer whether the loop goes on. It does not ask the catalogue: to start again brings none back."""
        watching = self._watching
        if watching is None or watching.is_alive:
            return Answer(HTTPStatus.OK, "The watch goes on.")
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "The loop of the watch has not moved for minutes.")

    def ready(self) -> Answer:
        """Answer whether the catalogue can be read, and the service does not end."""
        if self._is_draining:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "The watch ends: it completes what it has begun.")
        return self._ready.answer()

    def _read_metrics(self) -> Answer:
        if self._engine is None:
            return _not_open()
        return Answer(HTTPStatus.OK, self._engine.metrics(), CONTENT_TYPE)

    def _read_catalogue(self) -> Answer:
        if self._engine is None:
            return _not_open()
        try:
            self._engine.store.catalogue.watch_marks.find()
        except LakeNotFound:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "There is no lake yet.")
        except StoreError:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "The catalogue cannot be read. The log says why.")
        return Answer(HTTPStatus.OK, "The catalogue can be read.")


def _not_open() -> Answer:
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "The lake is not open.")


class _Kept:
    """An answer that is made by one thread at a time, and kept for a while.

    Args:
        make: Makes it.
        seconds: How long it is kept.
        patience: How many seconds a thread waits for another one that makes it.
    """

    def __init__(self, make: Callable[[], Answer], seconds: float, patience: float) -> None:
        self._make = make
        self._seconds = seconds
        self._patience = patience
        self._lock = threading.Lock()
        self._kept: tuple[float, Answer] | None = None

    def answer(self) -> Answer:
        """Return it."""
        if not self._lock.acquire(timeout=self._patience):
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "The catalogue has not answered another request yet.")
        try:
            if self._kept is None or monotonic() - self._kept[0] >= self._seconds:
                made = self._make()
                self._kept = (monotonic(), made)
            return self._kept[1]
        finally:
            self._lock.release()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Make nothing while the block runs, and keep nothing from before it."""
        with self._lock:
            yield
            self._kept = None
