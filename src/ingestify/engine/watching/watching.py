"""The loop that keeps a lake up to date: it looks at what is due, and sleeps until the next look."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ingestify.clock import monotonic, now, wait_for
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.run import RunReport
from ingestify.engine.run.run import IngestionRun
from ingestify.engine.watching.agenda import Agenda, Look
from ingestify.engine.watching.heart import beating
from ingestify.engine.watching.told import Told
from ingestify.engine.watching.troubles import Troubles
from ingestify.errors import StoreError
from ingestify.store.dataset_store import DatasetStore

__all__ = ["Looked", "Watching"]

_LONGEST_SLEEP = 60.0
"""Seconds. Clocks jump, machines are suspended, and other processes run plans, too."""

_ALIVE_SECONDS = 3 * _LONGEST_SLEEP


class Looked(NamedTuple):
    """What was looked at by one run, and what came of it.

    Attributes:
        looks: What was due.
        report: The report of the run.
        following: The next look; None: the watch ends, or the lake cannot be read at the moment.
    """

    looks: Sequence[Look]
    report: RunReport
    following: Look | None


class Watching:
    """Looks at plans and their selectors when it is time, until it is stopped.

    Args:
        store: The lake.
        agenda: When what is looked at.
        told: What the sources tell of.
        new_run: Makes a run of plans.
    """

    def __init__(
        self,
        store: DatasetStore,
        agenda: Agenda,
        told: Told,
        new_run: Callable[[Sequence[IngestionPlan]], IngestionRun],
    ) -> None:
        self._store = store
        self._agenda = agenda
        self._told = told
        self._new_run = new_run
        self._troubles = Troubles()
        self._stopped = threading.Event()
        self._awake = threading.Event()
        self._run: IngestionRun | None = None
        self._stepped_at = monotonic()
        self._next: Look | None = None

    def looks(self) -> list[Look]:
        """Return what is looked at next, the soonest first: each plan, and each selector that has a reason of its own.

        Raises:
            StoreError: The lake cannot be read.
        """
        return self._agenda.read(now())

    @property
    def next_look(self) -> Look | None:
        """The look that it sleeps until; None: it looks at the moment, or does not know."""
        return self._next

    @property
    def is_alive(self) -> bool:
        """Whether the loop goes on: it runs something, or was at work within the last minutes. Any thread may ask."""
        return self._run is not None or monotonic() - self._stepped_at < _ALIVE_SECONDS

    @property
    def is_stopped(self) -> bool:
        """Whether somebody stopped it."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End it: a run that goes on keeps what is complete. Any thread may call it but the one that iterates."""
        self._stopped.set()
        self._awake.set()
        run = self._run
        if run is not None:
            run.stop.stop(KeyboardInterrupt())

    def iterate(self) -> Iterator[Looked]:
        """Look at what is due, for ever, and yield what came of each run. It waits between two steps.

        It goes on if the lake or a provider cannot be reached.

        Raises:
            KeyboardInterrupt: Ctrl-C. What is complete is kept.
        """
        with beating(self._store, lambda: self.is_alive), self._told.listening(self._awake.set):
            while not self.is_stopped:
                self._stepped_at = monotonic()
                try:
                    looked = self._step()
                    self._troubles.lake_works()
                except StoreError as error:
                    self._next = None
                    wait_for(self._stopped, self._troubles.lake_failed(error))
                    continue
                if looked is not None:
                    yield looked
                    if isinstance(looked.report.error, KeyboardInterrupt) and not self.is_stopped:
                        raise looked.report.error

    def _step(self) -> Looked | None:
        """Look at what is due, or sleep until the next look."""
        self._awake.clear()
        moment = now()
        looks = self._read(moment)
        due = [look for look in looks if look.due.at <= moment]
        if due:
            return self._look_at(_together(due))
        self._next = looks[0] if looks else None
        seconds = _LONGEST_SLEEP if self._next is None else (self._next.due.at - moment).total_seconds()
        if not self.is_stopped:
            wait_for(self._awake, min(_LONGEST_SLEEP, seconds))
        return None

    def _read(self, moment: dt.datetime) -> list[Look]:
        looks = self._agenda.read(moment)
        return self._told.merged(looks, lambda plan, filters: self._agenda.find_selectors(plan, filters, moment))

    def _look_at(self, looks: Sequence[Look]) -> Looked:
        self._next = None
        began = now()
        run = self._run = self._new_run(_narrowed(looks))
        try:
            if self.is_stopped:
                run.stop.stop(KeyboardInterrupt())
            report = run.execute()
        finally:
            self._run = None
            self._stepped_at = monotonic()
        if isinstance(report.error, KeyboardInterrupt):
            return Looked(looks, report, None)
        if isinstance(report.error, StoreError):
            raise report.error
        self._troubles.tell(report)
        self._agenda.note(looks, report, began)
        self._told.answer(looks, began, now(), self._agenda.failures_of)
        following = self._read(now())
        return Looked(looks, report, following[0] if following else None)


def _together(due: Sequence[Look]) -> list[Look]:
    """Return the looks that one run does: those at all selectors that are due, or that at one whole plan.

    The one that waits longest decides: a look at a whole plan may take long, and must not wait for ever.
    """
    return [due[0]] if due[0].selector is None else [look for look in due if look.selector is not None]


def _narrowed(looks: Sequence[Look]) -> list[IngestionPlan]:
    """Return the plans of looks, each with the selectors that are looked at."""
    if looks[0].selector is None:
        return [looks[0].plan]
    plans = {id(look.plan): look.plan for look in looks}
    return [
        plan.narrowed_to([look.selector for look in looks if look.plan is plan and look.selector is not None])
        for plan in plans.values()
    ]
