"""A watch as a service: signals, settings that are read again, the service manager, and the publishers beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from ingestify.cli.health import Health
from ingestify.cli.interrupts import two_stage_interrupt
from ingestify.cli.service_manager import ServiceManager
from ingestify.engine.engine import IngestionEngine
from ingestify.engine.watching.watching import Looked, Watching
from ingestify.errors import IngestifyError
from ingestify.main.publishing import Publishing
from ingestify.progress.printable import PrintableLogger

__all__ = ["Service"]

logger = PrintableLogger(__name__)

_TICK_SECONDS = 0.5
_PAUSE_SECONDS = 30.0


class Service:
    """Watches a lake until it is stopped. SIGHUP reads the settings again, SIGTERM and Ctrl-C end it.

    Args:
        open_engine: Opens the lake with the settings as they are now.
        open_watching: Returns the watch of an engine.
        on_look: Called after each look, in the thread of the watch.
        open_publishing: Opens the publishers of the settings as they are now; None: nothing is published.
        restore_terminal: Called before the process is left at once.
        health: Is told which engine is in use, and that the service ends.
    """

    def __init__(
        self,
        open_engine: Callable[[], IngestionEngine],
        open_watching: Callable[[IngestionEngine], Watching],
        on_look: Callable[[Looked], None],
        open_publishing: Callable[[], Publishing] | None,
        restore_terminal: Callable[[], None],
        health: Health,
    ) -> None:
        self._open_engine = open_engine
        self._open_watching = open_watching
        self._on_look = on_look
        self._open_publishing = open_publishing
        self._restore_terminal = restore_terminal
        self._health = health
        self._manager = ServiceManager.of_environment(os.environ)
        self._watching: Watching | None = None
        self._wants_settings = False
        self._is_stopped = False

    @property
    def next_text(self) -> str | None:
        """What it looks at next, as a line; None: it looks at the moment. Any thread may ask."""
        look = None if self._watching is None else self._watching.next_look
        return None if look is None else f"next: {look.due.at:%Y-%m-%d %H:%M:%S} UTC, {look.name} ({look.due.why})"

    def run(self) -> None:
        """Watch until the process is told to end. Complete datasets are kept.

        Raises:
            IngestifyError: The lake cannot be opened at the beginning.
        """
        stopping = two_stage_interrupt("Stopping: complete datasets are kept.", self._stop, self._restore_terminal)
        with stopping as was_asked, self._settings_on_request():
            engine: IngestionEngine | None = self._open_engine()
            self._manager.ready()
            while engine is not None:
                engine = self._session(engine)
                if engine is not None and was_asked.is_set():
                    self._health.show(None, None)
                    engine.close()
                    break
            self._manager.stopping()

    def _stop(self) -> None:
        self._is_stopped = True
        self._health.drain()
        if self._watching is not None:
            self._watching.stop()

    @contextlib.contextmanager
    def _settings_on_request(self) -> Iterator[None]:
        """Note a SIGHUP while the block runs. Windows has none."""

        def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
            self._wants_settings = True

        if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGHUP, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGHUP, before)

    def _session(self, engine: IngestionEngine) -> IngestionEngine | None:
        """Watch with one engine. Returns the engine of new settings, or None: it was stopped."""
        following: IngestionEngine | None = None
        failed: list[BaseException] = []
        with engine:
            watching = self._watching = self._open_watching(engine)
            if self._is_stopped:  # while it was opened
                watching.stop()
            self._health.show(engine, watching)
            thread = threading.Thread(target=self._iterate, args=(watching, failed), name="ingestify-watch")
            thread.start()
            try:
                while thread.is_alive():
                    thread.join(_TICK_SECONDS)
                    self._tell_manager(watching)
                    if self._wants_settings:
                        self._wants_settings = False
                        following = following or self._read_again()
                        if following is not None:
                            watching.stop()
            finally:
                watching.stop()
                thread.join()
                self._health.show(None if failed else following, None)
        if failed:
            if following is not None:
                following.close()
            raise failed[0]
        return following

    def _tell_manager(self, watching: Watching) -> None:
        if watching.is_alive:
            self._manager.ping()
        self._manager.say(self.next_text or "looking")

    def _read_again(self) -> IngestionEngine | None:
        """Return an engine of the settings as they are now; None: they are wrong, and the old ones stay."""
        self._manager.reloading()
        try:
            engine = self._open_engine()
        except IngestifyError as error:
            logger.error("The settings were not taken over, and those from before stay: %s", error)
            return None
        finally:
            self._manager.ready()
        logger.warning("The settings were read again.")
        return engine

    # ---- the thread of the watch -----------------------------------------------------------------------

    def _iterate(self, watching: Watching, failed: list[BaseException]) -> None:
        try:
            with contextlib.ExitStack() as stack:
                is_first = True
                for looked in watching.iterate():
                    self._on_look(looked)
                    if is_first and self._open_publishing is not None:
                        stack.enter_context(_published(self._open_publishing))  # the lake exists by now
                    is_first = False
        except BaseException as error:  # noqa: BLE001 - it is handed to the main thread
            failed.append(error)


@contextlib.contextmanager
def _published(open_publishing: Callable[[], Publishing]) -> Iterator[None]:
    """Pass events on while the block runs, from a thread of its own: a system that is slow delays no look."""
    ended = threading.Event()
    opened: list[Publishing] = []

    def publish() -> None:
        told = ""
        while not ended.is_set():
            try:
                with open_publishing() as publishing:
                    opened.append(publishing)
                    if not ended.is_set():
                        publishing.publish(poll_interval=1.0, patience=None)
            except IngestifyError as error:
                if str(error) != told:
                    told = str(error)
                    logger.error("Nothing is published at the moment: %s", told)
            finally:
                opened.clear()
            ended.wait(_PAUSE_SECONDS)

    thread = threading.Thread(target=publish, name="ingestify-publish")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        for publishing in tuple(opened):
            publishing.stop()
        thread.join()
