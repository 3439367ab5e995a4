"""What sources tell of while a lake is watched: such notices are looked at without waiting for the schedule."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence

from ingestify.domain.change_notice import ChangeNotice, TellsOfChanges
from ingestify.domain.plan import IngestionPlan
from ingestify.domain.schedule import Due
from ingestify.engine.watching.agenda import Look

__all__ = ["Told"]


class Told:
    """Keeps the notices of the sources until their plans were looked at. Any thread may tell.

    Args:
        plans: What is watched.
    """

    def __init__(self, plans: Sequence[IngestionPlan]) -> None:
        self._plans = plans
        self._lock = threading.Lock()
        self._notices: dict[str, ChangeNotice] = {}
        self._rests_until: dict[str, dt.datetime] = {}

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
        """Keep a notice. Of two about a source, the one that is looked at sooner counts."""
        with self._lock:
            known = self._notices.get(notice.source)
            if known is None or notice.at < known.at:
                self._notices[notice.source] = notice

    def take(self, looks: Sequence[Look], moment: dt.datetime) -> list[ChangeNotice]:
        """Remove the notices that are answered by looks which begin now, and return them."""
        whole = {look.plan.source.name for look in looks if look.selector is None}
        with self._lock:
            taken = [one for one in self._notices.values() if one.source in whole and one.at <= moment]
            for one in taken:
                del self._notices[one.source]
        return taken

    def rest(self, looks: Sequence[Look], began: dt.datetime, ended: dt.datetime) -> None:
        """Remember how long looks took: files that arrive without an end take half of the time at most."""
        for look in looks:
            self._rests_until[look.plan.source.name] = ended + (ended - began)

    def merged(self, looks: Sequence[Look]) -> list[Look]:
        """Return looks with those plans sooner of which a source has told; the soonest first."""
        with self._lock:
            notices = dict(self._notices)
        told = [self._sooner(look, notices.get(look.plan.source.name)) for look in looks]
        return sorted(told, key=lambda look: (look.due.at, look.selector is None))

    def _sooner(self, look: Look, notice: ChangeNotice | None) -> Look:
        if notice is None or look.selector is not None:
            return look
        at = max(notice.at, self._rests_until.get(notice.source, notice.at))
        due = look.plan.schedule.next_told_look(Due(at, notice.why))
        return look._replace(due=due) if due.at < look.due.at else look
