"""The relay of one publisher: reads the event log with a cursor, and passes its events on as messages.

At least once: the cursor moves after every message of a batch was acknowledged. In memory there are two pages of the
log at most: the one that is delivered, and the one after it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ingestify.clock import monotonic, wait_for
from ingestify.domain.condition import Answers, DatasetCondition
from ingestify.domain.event_reader import FailedEvent, StartAt
from ingestify.domain.events import DatasetEvent
from ingestify.domain.message import Message
from ingestify.domain.ports import Catalogue
from ingestify.domain.publisher import Publisher
from ingestify.errors import (
    ConfigurationError,
    MessagesRefused,
    PublishError,
    PublisherSwitchedOff,
    PublishUnavailable,
)
from ingestify.events.consumer import find_start
from ingestify.events.cursor import ReaderCursor, error_text, position_of
from ingestify.events.payload import MessageMaker
from ingestify.failpoints import failpoint
from ingestify.progress.printable import PrintableLogger
from ingestify.remedies import remedy

__all__ = ["PublishRules", "Relay", "RelayResult", "reader_name_of"]

logger = PrintableLogger(__name__)

_PAGE = 1000
"""How many events are read at a time."""

_MOST_BYTES = 4 << 20
"""The most bytes of the payloads of one call of `publish`; a larger message goes alone."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
_LONGEST_ASKED_PAUSE = 3600.0

_TRIES_OF_A_FAULT = 3
"""After so many errors that no publisher should raise, the messages go one by one, to find the one that causes them."""


_MOST_TOLD = 20
"""So many dead letters of a page of the log have a line in the log of their own."""

_OF_THE_OTHER_SYSTEM = (PublishError, ConfigurationError, OSError)
"""What a publisher raises while no message is to blame. Many clients raise an OSError when a connection breaks."""

_FAULTS = (Exception, SystemExit)
"""Other errors of the code of a publisher."""


def reader_name_of(publisher_name: str) -> str:
    """Return the name of a publisher's cursor among the readers of the event log."""
    return f"publisher {publisher_name}"


@dataclasses.dataclass(frozen=True, slots=True)
class PublishRules:
    """Which events a publisher gets, and what is in their messages.

    Attributes:
        events: The types; None: all.
        where: Only events of datasets that meet this condition, as they were right after the event.
        include_metadata: With what the provider says of the dataset.
        include_files: With the current files of the dataset.
        holds: After a message is refused, later ones of its dataset wait among the dead letters too.
        start_at: Where a new publisher begins.
    """

    events: frozenset[str] | None = None
    where: DatasetCondition | None = None
    include_metadata: bool = True
    include_files: bool = True
    holds: bool = False
    start_at: StartAt = "beginning"


@dataclasses.dataclass(slots=True)
class RelayResult:
    """What a relay did.

    Attributes:
        name: Of the publisher.
        published: How many messages were acknowledged.
        refused: How many became dead letters.
        passed_over: How many events the publisher's settings leave out.
        position: That of the last event that it is done with.
        error: Why it ended before the end of the log; None: it did not, or it was stopped.
    """

    name: str
    published: int = 0
    refused: int = 0
    passed_over: int = 0
    position: int = 0
    error: BaseException | None = None

    def add(self, other: RelayResult) -> None:
        """Add what the same relay did later."""
        self.published += other.published
        self.refused += other.refused
        self.passed_over += other.passed_over
        self.position = other.position
        self.error = other.error


@dataclasses.dataclass(frozen=True, slots=True)
class _Page:
    """Events, and the messages about those that the publisher gets, by position."""

    events: Sequence[DatasetEvent]
    messages: Mapping[int, Message]


class _Pages:
    """The pages of the event log. While one is delivered, a thread reads the next one, if there is more to read.

    After a page of large messages it does not, so that only one such page is in memory.

    Args:
        read: Returns the events after a position, a page at most.
    """

    def __init__(self, read: Callable[[int], _Page]) -> None:
        self._read = read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="publish read")
        self._ahead: tuple[int, Future[_Page]] | None = None

    def after(self, position: int) -> _Page:
        """Return the events after a position; none: it is the end of the log."""
        ahead, self._ahead = self._ahead, None
        page = ahead[1].result() if ahead is not None and ahead[0] == position else None
        if page is None or not page.events:  # an empty page that was read ahead says nothing of now
            page = self._read(position)
        size = sum(len(one.data) for one in page.messages.values())
        if len(page.events) == _PAGE and size <= _MOST_BYTES:
            last = position_of(page.events[-1])
            self._ahead = last, self._thread.submit(self._read, last)
        return page

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)


class _Stopped(Exception):
    """The relay was stopped while it waited."""


class Relay:
    """Passes events of the log on to one publisher. One process at a time does this for a publisher's name.

    Args:
        catalogue: The catalogue with the event log.
        name: The name of the publisher.
        publisher: Speaks the protocol of the other system. The caller closes it.
        rules: Which events it gets.
    """

    def __init__(self, catalogue: Catalogue, name: str, publisher: Publisher, rules: PublishRules) -> None:
        self._catalogue = catalogue
        self._name = name
        self._publisher = publisher
        self._rules = rules
        self._answers = Answers(rules.where)
        self._messages = MessageMaker(include_metadata=rules.include_metadata, include_files=rules.include_files)
        self._stop = threading.Event()
        self._cursor = ReaderCursor(
            catalogue,
            reader_name_of(name),
            f"publisher '{name}'",
            f"publishes for '{name}'",
            "wait for its end, or stop it.",
        )
        self._has_warned = False
        self._dead: dict[str, set[int]] = {}
        """The dead letters of each dataset, if later messages of it wait."""
        self._patience: float | None = 0.0
        self.result = RelayResult(name)
        """What the last `run` did, or does; also if it raises."""

    def stop(self) -> None:
        """End `run` after the current call of the publisher. Any thread may call it."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody stopped it."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or until it is stopped. Returns whether it was."""
        return wait_for(self._stop, seconds)

    def run(self, *, poll_interval: float | None = None, patience: float | None = 60.0) -> RelayResult:
        """Pass on all events up to the end of the log.

        Args:
            poll_interval: Seconds between queries for new events, until `stop()`, which also lets it wait while another
                process publishes for this name. None: return at the log's end.
            patience: For how many seconds a system that takes no messages is tried again, since its first refusal.
                None: for ever; then an error of the configuration is tried again too, as somebody may mend it.

        Returns:
            What it did. An error of the other system is in it, and not raised.

        Raises:
            StoreError: Another process publishes for this name and there is no interval, somebody moved the cursor, or
                the catalogue fails.
        """
        self._patience = patience
        result = self.result = RelayResult(self._name)
        self._cursor.find()
        result.position = self._cursor.had  # also if another process has the lock
        lock = self._cursor.take_lock(poll_interval, self._stop)
        if lock is None:
            return result
        try:
            self._begin()
            with contextlib.closing(_Pages(self._read_page)) as pages:
                self._pass_all(poll_interval, pages)
        except _Stopped:
            pass
        except (PublishError, ConfigurationError) as error:
            result.error = error
        finally:
            result.position = self._cursor.had
            lock.release()
        if result.error is None:
            self._answers.tell()
        return result

    def _begin(self) -> None:
        if self._cursor.find() is None:
            self._cursor.start(find_start(self._catalogue, self._rules.start_at))
        reason = self._find_switched_off()
        if reason:
            raise PublisherSwitchedOff(
                f"The publisher '{self._name}' is switched off: {reason} "
                f"{remedy('publish switch-on', self._name)} switches it on again."
            )

    def _find_switched_off(self) -> str:
        name = reader_name_of(self._name)
        return next((one.switched_off for one in self._catalogue.event_readers.list_readers() if one.name == name), "")

    def _pass_all(self, poll_interval: float | None, pages: _Pages) -> None:
        while not self._stop.is_set():
            failed = self._cursor.find_failed()
            self._retry_requested(failed)
            page = pages.after(self._cursor.had)
            events = page.events
            if events:
                self._pass_on(page)
                for one in failed:
                    is_passed = self._cursor.had < one.position <= position_of(events[-1])
                    if is_passed and one.position not in self._refused_now:
                        self._cursor.forget_failure(one.position)
                self._cursor.had = position_of(events[-1])
                self._cursor.save()
            elif poll_interval is None:
                return
            else:
                self._cursor.check_unmoved()
                self._stop.wait(poll_interval)

    def _read_page(self, position: int) -> _Page:
        events = self._catalogue.event_log.read(position, _PAGE, has_history=False)
        return _Page(events, {position_of(one): self._messages.make(one) for one in events if self._wants(one)})

    # ---- events to messages ----------------------------------------------------------------------------

    def _pass_on(self, page: _Page) -> None:
        """Pass on new events. Each was acknowledged or is a dead letter when it returns."""
        self._check_condition(page.events)
        self.result.passed_over += len(page.events) - len(page.messages)
        self._deliver(page.messages)

    def _wants(self, event: DatasetEvent) -> bool:
        if self._rules.events is not None and event.event_type not in self._rules.events:
            return False
        return self._answers.holds(lambda condition: condition.matches_dataset(event.dataset))

    def _check_condition(self, events: Sequence[DatasetEvent]) -> None:
        """Look for a condition that cannot be meant, before the cursor moves.

        Raises:
            ConfigurationError: It can decide about no dataset.
        """
        condition = self._rules.where
        if condition is None:
            return
        self._answers.tell(only_raises=True)
        known = {key for event in events for key in event.dataset.identifier}
        if (unknown := condition.identifier_keys - known) and not self._has_warned:
            logger.warning("The publisher '%s': %s", self._name, condition.unknown_keys(unknown, known))
            self._has_warned = True

    def _retry_requested(self, failed: Sequence[FailedEvent]) -> None:
        """Pass on the dead letters that somebody wants to have sent again."""
        requested = {one.position for one in failed if is_requested(one, self._cursor.had)}
        self._dead = {}
        if self._rules.holds:
            dead = [one.position for one in failed if is_dead(one, self._cursor.had)]
            for position, dataset_id in self._catalogue.event_log.find_datasets(dead).items():
                self._dead.setdefault(dataset_id, set()).add(position)
        for messages in self._make_again(sorted(requested)):
            self._deliver(messages)
            for position in messages.keys() - self._refused_now:
                self._cursor.forget_failure(position)

    def _make_again(self, positions: Sequence[int]) -> Iterator[dict[int, Message]]:
        """Make the messages of events again, some at a time."""
        messages: dict[int, Message] = {}
        size = 0
        for position in positions:
            events = self._catalogue.event_log.read(position - 1, 1, has_history=False)
            if not events or events[0].position != position:
                logger.warning("The publisher '%s': the event %d is not in the log any more.", self._name, position)
                self._cursor.forget_failure(position)
                continue
            messages[position] = self._messages.make(events[0])
            size += len(messages[position].data)
            if len(messages) == _PAGE or size > _MOST_BYTES:
                yield messages
                messages, size = {}, 0
        if messages:
            yield messages

    # ---- delivering ------------------------------------------------------------------------------------

    def _deliver(self, messages: Mapping[int, Message]) -> None:
        """Deliver messages by position, and note those that are refused.

        Raises:
            _Stopped: Somebody stopped the relay.
            PublishError: The other system took nothing for as long as the relay is patient.
        """
        self._refused_now: set[int] = set()
        self._refused_alone = 0
        for some in self._rounds(messages):
            allowed = {position: one for position, one in some.items() if not self._is_held(position, one)}
            for position in some.keys() - allowed.keys():
                self._note_refusal(position, some[position], "it waits for an earlier message of its dataset", False)
            refused = self._publish(allowed) if allowed else {}
            for position, one in allowed.items():
                if one.id in refused:
                    self._note_refusal(position, one, refused[one.id], True)
                else:
                    self._dead.get(one.key, set()).discard(position)
                    self.result.published += 1
        if self._refused_alone > _MOST_TOLD:
            logger.error(
                "The publisher '%s': %d more messages, up to event %d, are dead letters. %s lists them.",
                self._name,
                self._refused_alone - _MOST_TOLD,
                max(messages),
                remedy("publish dead-letters"),
            )

    def _is_held(self, position: int, message: Message) -> bool:
        """Return whether a message waits for an earlier one of its dataset, which is a dead letter."""
        return any(one < position for one in self._dead.get(message.key, ()))

    def _note_refusal(self, position: int, message: Message, reason: str, is_first: bool) -> None:
        reason = self._cursor.note_failure(position, reason, 1, is_parked=True)
        self._refused_now.add(position)
        self.result.refused += 1
        if self._rules.holds:
            self._dead.setdefault(message.key, set()).add(position)
        self._refused_alone += is_first
        if is_first and self._refused_alone <= _MOST_TOLD:
            logger.error(
                "The publisher '%s': the message of event %d is a dead letter, and the others go on: %s. "
                "%s lists them.",
                self._name,
                position,
                reason.rstrip("."),
                remedy("publish dead-letters"),
            )

    def _rounds(self, messages: Mapping[int, Message]) -> Iterator[dict[int, Message]]:
        """Split messages into calls of the publisher, by number and bytes.

        A round has one message of each dataset, unless the publisher keeps the order by itself: so no message is sent
        before the one before it, of the same dataset, was acknowledged.
        """
        if self._publisher.keeps_order and not self._rules.holds:
            rounds = [dict(messages)]
        else:
            seen: dict[str, int] = {}
            rounds = []
            for position, message in messages.items():
                number = seen[message.key] = seen.get(message.key, -1) + 1
                if number == len(rounds):
                    rounds.append({})
                rounds[number][position] = message
        for one in rounds:
            part: dict[int, Message] = {}
            size = 0
            for position, message in one.items():
                if part and (len(part) >= self._publisher.batch_size or size + len(message.data) > _MOST_BYTES):
                    yield part
                    part, size = {}, 0
                part[position] = message
                size += len(message.data)
            if part:
                yield part

    def _publish(self, messages: Mapping[int, Message]) -> dict[str, str]:
        """Call the publisher until each message is acknowledged or refused. Returns the refused ids, each with why."""
        waiting = dict(messages)
        refused: dict[str, str] = {}
        first = min(waiting)
        began = monotonic()
        failures = faults = 0
        while waiting and not self._stop.is_set():
            try:
                if faults >= _TRIES_OF_A_FAULT:
                    self._publish_one_by_one(waiting, refused)
                else:
                    refused |= self._call(list(waiting.values()))
                    waiting.clear()
            except PublisherSwitchedOff as error:
                self._catalogue.event_readers.switch_off(reader_name_of(self._name), str(error))
                raise
            except _OF_THE_OTHER_SYSTEM as error:
                failure: BaseException = error
            except _FAULTS as error:
                failure = error
                faults += 1
            else:
                continue
            if isinstance(failure, PublishUnavailable) and failure.acknowledged:
                waiting = {at: one for at, one in waiting.items() if one.id not in failure.acknowledged}
            failures += 1
            began = monotonic() if failures == 1 else began
            self._pause(failure, failures, monotonic() - began, first)
        if waiting:
            raise _Stopped
        if failures:
            self._cursor.forget_failure(first)
            logger.info("The publisher '%s' delivers again.", self._name)
        return refused

    def _publish_one_by_one(self, waiting: dict[int, Message], refused: dict[str, str]) -> None:
        """Deliver messages alone, after a publisher failed in a way that it should not. Those that fail are refused.

        Args:
            waiting: The messages by position. Each that was acknowledged or refused is removed.
            refused: The refused ids, each with why; more are added.
        """
        for position, message in list(waiting.items()):
            if self._stop.is_set():
                raise _Stopped
            try:
                refused |= self._call([message])
            except _OF_THE_OTHER_SYSTEM:
                raise
            except _FAULTS as error:
                refused[message.id] = error_text(error)
            del waiting[position]

    def _call(self, messages: Sequence[Message]) -> dict[str, str]:
        """Call the publisher once. Returns the refused ids, each with why."""
        failpoint("publish.sent")
        refused: dict[str, str] = {}
        try:
            self._publisher.publish(messages)
        except MessagesRefused as error:
            refused = error.refused
        failpoint("publish.acknowledged")
        return refused

    def _pause(self, error: BaseException, failures: int, seconds: float, first: int) -> None:
        """Note a failure, and wait before the next attempt.

        Raises:
            PublishError: The relay is patient no longer.
        """
        text = self._cursor.note_failure(first, error, failures, is_parked=False).rstrip(".")
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 10))
        pause *= random.uniform(0.75, 1.25)  # noqa: S311 - no secret: several relays should not come at once
        asked = error.retry_after if isinstance(error, PublishUnavailable) else None
        pause = max(pause, min(asked or 0.0, _LONGEST_ASKED_PAUSE))
        is_wrong = isinstance(error, ConfigurationError)
        if self._patience is not None and (is_wrong or seconds + pause > self._patience):
            if isinstance(error, (PublishError, ConfigurationError)):
                raise error
            raise PublishUnavailable(f"The publisher '{self._name}' failed: {text}.") from error
        if failures == 1:
            logger.warning("The publisher '%s' does not deliver: %s. It is tried again.", self._name, text)
            logger.debug("the publisher's traceback", exc_info=error)
        if wait_for(self._stop, pause):
            raise _Stopped


def is_requested(failed: FailedEvent, position: int) -> bool:
    """Return whether somebody wants to have a dead letter sent again.

    Args:
        failed: The failure.
        position: The cursor of the publisher.
    """
    return not failed.is_parked and failed.position <= position


def is_dead(failed: FailedEvent, position: int) -> bool:
    """Return whether a failure is a dead letter, and not what stops the publisher now. Arguments as `is_requested`."""
    return failed.is_parked or is_requested(failed, position)
