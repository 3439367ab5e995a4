"""What sources tell of while a lake is watched: such notices are looked at without waiting for the schedule."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ingestify.domain.change_notice import ChangeNotice, TellsOfChanges
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.schedule import Due
from ingestify.domain.selector import Selector
from ingestify.engine.watching.agenda import Look
from ingestify.progress.printable import PrintableLogger

__all__ = ["FindSelectors", "Told"]

logger = PrintableLogger(__name__)

FindSelectors = Callable[[IngestionPlan, Mapping[str, Any]], Sequence[Selector]]
"""`(plan, filters)` → the selectors that have such datasets; none: that is unknown."""

_MOST_SELECTORS = 50
"""With notices of more matches, the whole plan is looked at."""


@dataclasses.dataclass(slots=True, eq=False)
class _Open:
    """A notice, and the plans that were not looked at because of it yet.

    Attributes:
        plans: What is looked at of each of these plans, once that is known; nothing: all of it.
        rests_until: When to look again after a look that failed, in UTC.
    """

    notice: ChangeNotice
    plans: dict[int, Sequence[Selector] | None]
    rests_until: dt.datetime | None = None


class Told:
    """Keeps the notices of the sources until their plans were looked at. Any thread may tell.

    Args:
        plans: What is watched.
    """

    def __init__(self, plans: Sequence[IngestionPlan]) -> None:
        self._plans = plans
        self._lock = threading.Lock()
        self._open: list[_Open] = []
        self._unknown: set[str] = set()
        self._rests_until: dict[tuple[int, str | None], dt.datetime] = {}

    @contextlib.contextmanager
    def listening(self, wake: Callable[[], object]) -> Iterator[None]:
        """Let the sources tell while the block runs.

        Args:
            wake: Called after each notice, by any thread.
        """

        def tell(notice: ChangeNotice) -> None:
            self.add(notice)
            wake()

        with contextlib.ExitStack() as stack:
            for source in {id(plan.source): plan.source for plan in self._plans}.values():
                if isinstance(source, TellsOfChanges):
                    stack.enter_context(source.listening(tell))
            yield

    def add(self, notice: ChangeNotice) -> None:
        """Keep a notice."""
        plans: dict[int, Sequence[Selector] | None] = {
            id(plan): None for plan in self._plans if plan.source.name == notice.source
        }
        with self._lock:
            if plans:
                self._open.append(_Open(notice, plans))
            elif notice.source not in self._unknown:
                self._unknown.add(notice.source)
                logger.warning(
                    "Nothing of the source '%s' is watched here, so a notice about it changes nothing: %s",
                    notice.source,
                    notice.why,
                )

    def merged(self, looks: Sequence[Look], find_selectors: FindSelectors) -> list[Look]:
        """Return looks with those that a source has told of; the soonest first.

        Args:
            looks: What the schedule says, with a look at each whole plan.
            find_selectors: Says what of a plan a notice is about.

        Raises:
            StoreError: The lake cannot be read.
        """
        with self._lock:
            waiting = list(self._open)
        merged = {_key_of(look.plan, look.selector): look for look in looks}
        for look in [look for look in looks if look.selector is None]:
            of_plan = [one for one in waiting if id(look.plan) in one.plans]
            about_parts = sum(bool(one.notice.filters) for one in of_plan) <= _MOST_SELECTORS
            for one in of_plan:
                for selector in self._selectors_of(one, look.plan, find_selectors) if about_parts else [None]:
                    key = _key_of(look.plan, selector)
                    there = merged.get(key)
                    told = look._replace(selector=selector, due=self._due(look.plan, selector, one), told=())
                    sooner = told if there is None or told.due.at < there.due.at else there
                    merged[key] = sooner._replace(told=(*(there.told if there else ()), one))
        return sorted(merged.values(), key=lambda look: (look.due.at, look.selector is None))

    def answer(
        self, looks: Sequence[Look], began: dt.datetime, ended: dt.datetime, failures_of: Callable[[Look], int]
    ) -> None:
        """Forget the notices that looks have answered, and tell those who gave them.

        Files that arrive without an end get half of the time at most: the next look because of a notice is as long
        after these as they took. A notice whose look failed stays, and is looked at again as the schedule says.

        Args:
            looks: What one run looked at.
            began: When it began, in UTC.
            ended: When it ended, in UTC.
            failures_of: Says how often in a row a look has failed by now.
        """
        answered: list[ChangeNotice] = []
        with self._lock:
            for look in looks:
                self._rests_until[_key_of(look.plan, look.selector)] = ended + (ended - began)
                failures = failures_of(look)
                for one in look.told:
                    if one.notice.at <= began and failures:
                        one.rests_until = look.plan.schedule.next_retry(failures, began).at
                    elif one.notice.at <= began:
                        one.plans.pop(id(look.plan), None)
            answered += [one.notice for one in self._open if not one.plans]
            self._open = [one for one in self._open if one.plans]
        for notice in answered:
            notice.done()

    @staticmethod
    def _selectors_of(one: _Open, plan: IngestionPlan, find_selectors: FindSelectors) -> Sequence[Selector | None]:
        """Return what is looked at of a plan; None in it: all of the plan."""
        if not one.notice.filters:
            return [None]
        found = one.plans.get(id(plan))
        if found is None:
            found = one.plans[id(plan)] = find_selectors(plan, one.notice.filters)
        return found or [None]

    def _due(self, plan: IngestionPlan, selector: Selector | None, one: _Open) -> Due:
        notice = one.notice
        rested_at = self._rests_until.get(_key_of(plan, selector), notice.at)
        at = max(notice.at, rested_at, one.rests_until or notice.at)
        return plan.schedule.next_told_look(Due(at, notice.why))


def _key_of(plan: IngestionPlan, selector: Selector | None) -> tuple[int, str | None]:
    return id(plan), None if selector is None else selector.canonical
