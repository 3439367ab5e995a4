"""The publishers of a lake: passes its events on, and shows how each one is."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from ingestify.clock import monotonic, now
from ingestify.config.reader import read_settings
from ingestify.config.settings import PublisherSettings, Settings
from ingestify.domain.condition import DatasetCondition
from ingestify.domain.event_reader import EventReaderState, FailedEvent, StartAt
from ingestify.domain.events import DatasetEvent
from ingestify.domain.ports import Catalogue
from ingestify.domain.publisher import Publisher
from ingestify.errors import ConfigurationError
from ingestify.events.consumer import find_start
from ingestify.events.cursor import error_text, lock_of
from ingestify.events.relay import PublishRules, Relay, RelayResult, is_dead, is_requested, reader_name_of
from ingestify.main.adapters import open_catalogue
from ingestify.main.opening import catalogue_address
from ingestify.main.parts import make_key_types, make_publisher
from ingestify.main.place import Place, find_place
from ingestify.progress.printable import PrintableLogger
from ingestify.sources.own_modules import make_importable
from ingestify.suggestion import did_you_mean
from ingestify.vaults.lookup import SecretLookup

__all__ = ["DeadLetter", "PublisherState", "Publishing"]

logger = PrintableLogger(__name__)

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that the other system refused, or that waits for such a message of its dataset.

    Attributes:
        publisher: The name of the publisher.
        position: That of the event.
        event: The event; None: the log does not have it any more.
        error: Why.
        failed_at: When, in UTC.
        is_requested: Whether somebody wants to have it sent again, which the next `publish` does.
    """

    publisher: str
    position: int
    event: DatasetEvent | None
    error: str
    failed_at: dt.datetime
    is_requested: bool


@dataclasses.dataclass(frozen=True, slots=True)
class PublisherState:
    """How a publisher is.

    Attributes:
        name: Its name.
        type: The `type` of the settings; empty: the settings do not have it any more.
        is_enabled: Whether the settings enable it.
        position: That of the last event that it is done with; None: it has not begun.
        behind: How many events of the log come after that.
        lag_seconds: How old the first of those is; 0: there is none.
        dead_letters: How many there are.
        error: Why it does not deliver at the moment; empty: it does, or has nothing to deliver.
        failures: How often in a row it failed.
        switched_off: Why it gets no more messages until somebody switches it on; empty: it gets them.
        holder: Who publishes for it at the moment; empty: nobody.
    """

    name: str
    type: str
    is_enabled: bool
    position: int | None
    behind: int
    lag_seconds: float
    dead_letters: int
    error: str
    failures: int
    switched_off: str
    holder: str


class Publishing:
    """The publishers that a config.yaml names. Use it in a `with` block, or close it.

    Args:
        place: The config.yaml, or the lake.

    Raises:
        ConfigurationError: The settings are wrong.
    """

    def __init__(self, place: Place) -> None:
        settings = None if place.config is None else read_settings(place.config)
        make_importable(str(place.base))
        self._settings: dict[str, PublisherSettings] = (
            {} if settings is None else {one.name: one for one in settings.event_publishers}
        )
        self._catalogue = _open_catalogue(place, settings)
        self._relays: list[Relay] = []
        self._is_stopped = False

    @classmethod
    def from_config(cls, path: str | Path) -> Publishing:
        """Open the lake that a config.yaml names.

        Args:
            path: The config.yaml.

        Raises:
            ConfigurationError: The settings are wrong.
        """
        return cls(find_place(path))

    @property
    def names(self) -> list[str]:
        """The names of the publishers that the settings enable."""
        return [name for name, one in self._settings.items() if one.enabled]

    # ---- publishing ------------------------------------------------------------------------------------

    def publish(
        self, *names: str, poll_interval: float | None = None, patience: float | None = 60.0
    ) -> list[RelayResult]:
        """Pass events on until the end of the log, with each publisher in a thread of its own.

        Args:
            *names: The publishers; none: all that are enabled.
            poll_interval: Seconds between queries for new events, until `stop()`. None: return at the log's end.
            patience: For how many seconds a system that takes no messages is tried again. None: for ever.

        Returns:
            A result for each publisher. An error of one is in its result; it does not stop the others. With an
            interval, a publisher begins again after an error.

        Raises:
            ConfigurationError: There is no such publisher, or it is not enabled.
            MissingExtraError: A client library is not installed.
            KeyboardInterrupt: After Ctrl-C. Messages that were on their way are sent again by the next call.
        """
        if poll_interval is not None and not 0 < poll_interval <= threading.TIMEOUT_MAX:
            raise ConfigurationError(f"poll_interval: {poll_interval} is no number of seconds above 0.")
        chosen = [self._find(name) for name in dict.fromkeys(names or self.names)]
        if not chosen:
            raise ConfigurationError("The config file names no event_publishers that are enabled; see docs/events.md.")
        for one in chosen:
            if not one.enabled:
                raise ConfigurationError(
                    f"The publisher '{one.name}' gets no events: it is not enabled (enabled: false)."
                )
        self._catalogue.event_log.get_last_position()  # one error, and not one for each publisher, if there is no lake
        try:
            return self._publish(chosen, poll_interval, patience)
        finally:
            self._is_stopped = False

    def _publish(
        self, chosen: Sequence[PublisherSettings], poll_interval: float | None, patience: float | None
    ) -> list[RelayResult]:
        results: dict[str, RelayResult] = {}
        with contextlib.ExitStack() as stack:
            relays = []
            for one in chosen:
                publisher = make_publisher(one)
                stack.callback(_close, one.name, publisher)
                relays.append((one.name, Relay(self._catalogue, one.name, publisher, _rules(one))))
            self._relays = [relay for _, relay in relays]
            if self._is_stopped:  # while the publishers were made
                self.stop()
            threads = [
                threading.Thread(
                    target=_run, args=(results, name, relay, poll_interval, patience), name=f"publish {name}"
                )
                for name, relay in relays
            ]
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    while thread.is_alive():
                        thread.join(0.2)
            except BaseException:
                self.stop()
                raise
            finally:
                for thread in threads:
                    if thread.ident is not None:
                        thread.join()
        return [results[name] for name, _ in relays]

    def stop(self) -> None:
        """End `publish` after the current calls of the publishers, or the next `publish` as soon as it begins.

        Any thread may call it, and the handler of a signal.
        """
        self._is_stopped = True
        for relay in self._relays:
            relay.stop()

    def replay(self, name: str, start_at: StartAt) -> int:
        """Let a publisher send events again, from a place in the log on. Returns the new position.

        The messages have the same ids as before, so a consumer can drop those that it had.

        Args:
            name: The publisher.
            start_at: See `EventReader`.

        Raises:
            ConfigurationError: There is no such publisher, or no such place in the log.
        """
        self._find(name)
        position = find_start(self._catalogue, start_at)
        self._catalogue.event_readers.set_position(reader_name_of(name), position)
        return position

    def switch_on(self, name: str) -> bool:
        """Let a publisher send messages again that was switched off. Returns whether it was."""
        self._find(name)
        was_off = any(one.name == name and one.switched_off for one in self.status())
        self._catalogue.event_readers.switch_off(reader_name_of(name), "")
        return was_off

    # ---- how they are ----------------------------------------------------------------------------------

    def status(self) -> list[PublisherState]:
        """Return how each publisher is: those of the settings, then those that only the lake knows."""
        readers = {one.name: one for one in self._catalogue.event_readers.list_readers()}
        beginning = reader_name_of("")
        gone = [
            name.removeprefix(beginning)
            for name in readers
            if name.startswith(beginning) and name.removeprefix(beginning) not in self._settings
        ]
        return [self._state(name, readers.get(reader_name_of(name))) for name in (*self._settings, *gone)]

    def _state(self, name: str, reader: EventReaderState | None) -> PublisherState:
        settings = self._settings.get(name)
        log = self._catalogue.event_log
        position = 0 if reader is None else reader.position
        last = log.get_last_position()
        behind = last - position if reader is None else reader.behind
        waiting = log.read(position, 1, has_history=False) if behind else []
        # A dead letter that was asked for, and not tried since, stops nothing.
        failing = [] if reader is None else [one for one in reader.failed if not one.is_parked and one.failures]
        return PublisherState(
            name=name,
            type="" if settings is None else settings.type,
            is_enabled=settings is not None and settings.enabled,
            position=None if reader is None else reader.position,
            behind=behind,
            lag_seconds=max(0.0, (now() - waiting[0].occurred_at).total_seconds()) if waiting else 0.0,
            dead_letters=0 if reader is None else sum(is_dead(one, position) for one in reader.failed),
            error=failing[-1].error if failing else "",
            failures=failing[-1].failures if failing else 0,
            switched_off="" if reader is None else reader.switched_off,
            holder=self.find_holder(name),
        )

    def find_holder(self, name: str) -> str:
        """Return who publishes for a publisher at the moment; empty: nobody, or it is unknown."""
        locks, key = self._catalogue.job_locks, lock_of(reader_name_of(name))
        holder = locks.find_holder(key) if locks.is_held(key) else None  # a killed process is still written there
        return "" if holder is None else str(holder)

    # ---- dead letters ----------------------------------------------------------------------------------

    def iter_dead_letters(self, *names: str) -> Iterator[DeadLetter]:
        """Iterate over the dead letters of publishers, by position; no name: of all.

        Raises:
            ConfigurationError: Neither the settings nor the lake know such a publisher.
        """
        readers = {one.name: one for one in self._catalogue.event_readers.list_readers()}
        states = self.status()
        for name in set(names).difference(state.name for state in states):
            self._find(name)
        for state in states:
            reader = readers.get(reader_name_of(state.name))
            if reader is None or (names and state.name not in names):
                continue
            for failed in reader.failed:
                if is_dead(failed, reader.position):
                    events = self._catalogue.event_log.read(failed.position - 1, 1, has_history=False)
                    event = events[0] if events and events[0].position == failed.position else None
                    requested = is_requested(failed, reader.position)
                    yield DeadLetter(state.name, failed.position, event, failed.error, failed.failed_at, requested)

    def retry_dead_letters(self, name: str, positions: Sequence[int] = ()) -> int:
        """Ask for dead letters to be sent again: the next `publish` does it, or the one that goes on now.

        Args:
            name: The publisher.
            positions: Of the events; none: all dead letters of the publisher.

        Returns:
            How many.

        Raises:
            ConfigurationError: There is no such publisher, or no such dead letter.
        """
        dead = self._find_dead(name, positions)
        for one in dead:
            requested = dataclasses.replace(one, is_parked=False, failures=0)
            self._catalogue.event_readers.save_failure(reader_name_of(name), requested)
        return len(dead)

    def discard_dead_letters(self, name: str, positions: Sequence[int] = ()) -> int:
        """Remove dead letters: their events will not be sent. Arguments, result and errors as `retry_dead_letters`."""
        dead = self._find_dead(name, positions)
        for one in dead:
            self._catalogue.event_readers.forget_failure(reader_name_of(name), one.position)
        return len(dead)

    def _find_dead(self, name: str, positions: Sequence[int]) -> list[FailedEvent]:
        readers = self._catalogue.event_readers.list_readers()
        reader = next((one for one in readers if one.name == reader_name_of(name)), None)
        if reader is None:
            self._find(name)
            return []
        dead = {one.position: one for one in reader.failed if is_dead(one, reader.position)}
        if missing := [str(one) for one in positions if one not in dead]:
            raise ConfigurationError(
                f"The publisher '{name}' has no dead letter of the event {', '.join(missing)}; it has "
                f"{', '.join(map(str, dead)) or 'none'}."
            )
        return [dead[one] for one in positions] if positions else list(dead.values())

    def _find(self, name: str) -> PublisherSettings:
        found = self._settings.get(name)
        if found is None:
            there = ", ".join(self._settings) or "none"
            hint = did_you_mean(name, self._settings) or f"; event_publishers in the config file names {there}."
            raise ConfigurationError(f"There is no publisher '{name}'{hint}")
        return found

    def close(self) -> None:
        """Close the catalogue. A second call does nothing."""
        self._catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _rules(settings: PublisherSettings) -> PublishRules:
    return PublishRules(
        events=None if settings.events is None else frozenset(settings.events),
        where=None if settings.where is None else DatasetCondition.parse(settings.where),
        include_metadata=settings.include_metadata,
        include_files=settings.include_files,
        holds=settings.after_refusal == "hold",
        start_at=settings.start_at,
    )


def _run(
    results: dict[str, RelayResult], name: str, relay: Relay, poll_interval: float | None, patience: float | None
) -> None:
    """Run the relay of one publisher. An error of it does not stop the others.

    A relay that follows the log begins again after an error: the database may be restarted, somebody may move the
    cursor, or switch the publisher on.
    """
    total = results[name] = RelayResult(name)
    told = ""
    pause = _FIRST_PAUSE
    while True:
        began = monotonic()
        try:
            relay.run(poll_interval=poll_interval, patience=patience)
        except BaseException as error:  # noqa: BLE001 - of this publisher, and nobody else would tell it
            relay.result.error = error
        total.add(relay.result)
        if total.error is None or poll_interval is None or relay.is_stopped:
            return
        pause = min(_LONGEST_PAUSE, 2 * pause)
        if monotonic() - began > _LONGEST_PAUSE:  # it went well for a while, so this is another error
            pause, told = _FIRST_PAUSE, ""
        if str(total.error) != told:
            told = str(total.error)
            logger.error("The publisher '%s' ended: %s It begins again.", name, _sentence(told))
        if relay.wait(pause):
            return


def _close(name: str, publisher: Publisher) -> None:
    try:
        publisher.close()
    except Exception as error:  # noqa: BLE001 - the edge to the code of a publisher
        logger.warning("The publisher '%s' could not be closed: %s", name, _sentence(error_text(error)))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _open_catalogue(place: Place, settings: Settings | None) -> Catalogue:
    url, table_prefix = catalogue_address(place, settings, SecretLookup())
    given = place.metadata_url if settings is None else settings.main.metadata_url
    key_types = None if settings is None else make_key_types(settings)
    return open_catalogue(url, table_prefix, key_types, place.of_urls(given))
