"""The sign of life of a watch, written to the catalogue while the loop goes on."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator

from ingestify.background_thread import in_background
from ingestify.clock import now
from ingestify.domain.ports import HEARTBEAT
from ingestify.engine.report.report import one_line
from ingestify.errors import LakeNotFound, StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["beating"]

logger = PrintableLogger(__name__)

BEAT_SECONDS = 60.0
_FIRST_SECONDS = 0.5
"""Between the attempts at the first sign: there is no lake before a first look has made it."""


@contextlib.contextmanager
def beating(store: DatasetStore, is_alive: Callable[[], bool]) -> Iterator[None]:
    """Write a sign of life at once and each minute while the block runs, and remove it afterwards.

    A process that is killed leaves its last one behind, so that it can be seen that it is no more.

    Args:
        store: The lake.
        is_alive: Whether the loop goes on.
    """
    try:
        with in_background(functools.partial(_beat, store, is_alive), "ingestify-heart"):
            yield
    finally:
        try:
            store.catalogue.watch_marks.forget(HEARTBEAT)
        except LakeNotFound:
            pass
        except StoreError as error:
            logger.warning("The sign of life stays in the lake: %s", one_line(error))


def _beat(store: DatasetStore, is_alive: Callable[[], bool], ended: threading.Event) -> None:
    # Not with the clock that tests replace: a look takes real time.
    pause = _FIRST_SECONDS
    while True:
        if is_alive():
            try:
                store.catalogue.watch_marks.save(HEARTBEAT, now())
                pause = BEAT_SECONDS
            except StoreError as error:  # the loop meets it too, and tells
                logger.debug("No sign of life: %s", one_line(error))
        if ended.wait(pause):
            return
