"""In which order the datasets of a source are asked for that has a budget of requests: what is most worth one first."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Callable, Sequence

from ingestify.clock import now
from ingestify.domain.identifier import Identifier
from ingestify.domain.match_times import read_match_times
from ingestify.domain.ports import RequestBudget
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.source_context import SourceContext
from ingestify.engine.run.decider import Decider
from ingestify.engine.workers import StopToken
from ingestify.store.dataset_store import DatasetStore

__all__ = ["ByWorth", "pass_on"]

MOST_HELD = 10_000
"""So many datasets are held back at the most; of more, the first ones are put in order, and then the next ones."""


class ByWorth:
    """Holds the datasets of a source back until all of its selectors are listed, and passes them on in their order.

    Matches that are played come first, then those that were played lately, then what the lake does not have, then the
    rest. Within one of these, the order is by chance: what always fails must not keep the others from their turn.

    If more than half of the day is used up by the lists alone, what is held goes on first, and the lists after it. If
    the budget is enough for all of it, the order is that of the lists.

    Args:
        store: The lake.
        budget: The budget of the source.
        source_context: The state of the source.
        decider: Takes the datasets.
        stop: Stops the run.
        submit: Calls a function in a thread in which no list is read.
    """

    def __init__(
        self,
        store: DatasetStore,
        budget: RequestBudget,
        source_context: SourceContext,
        decider: Decider,
        stop: StopToken,
        submit: Callable[[Callable[[], None]], None],
    ) -> None:
        self._store = store
        self._budget = budget
        self._source_context = source_context
        self._decider = decider
        self._stop = stop
        self._submit = submit
        self._lock = threading.Lock()
        self._listing = 0
        self._held: list[Discovered] = []

    def begin(self, number: int = 1) -> None:
        """Count plans or selectors whose lists are to be read."""
        with self._lock:
            self._listing += number

    def end(self) -> None:
        """Count one that was read, or could not be. After the last one, all datasets go on."""
        with self._lock:
            self._listing -= 1
            is_last = self._listing == 0
        if is_last or self._budget.is_half_used:
            self._go_on()

    def hold(self, batch: list[Discovered]) -> None:
        """Hold datasets of one job back; they have begun."""
        self._decider.begin(batch[0].progress, len(batch))
        with self._lock:
            self._held += batch
            is_full = len(self._held) >= MOST_HELD
        if is_full:
            self._go_on()

    def _go_on(self) -> None:
        with self._lock:
            held, self._held = self._held, []
        if held:
            self._submit(lambda: self._pass_on(held))

    def _pass_on(self, held: list[Discovered]) -> None:
        files = max(sum(file.json_content is None for file in one.resource.files.values()) for one in held)
        lists = sum(progress.usage.requests for progress in {one.progress for one in held})
        if not self._budget.is_enough_for(2 * files * len(held) + lists):
            self._source_context.gate.narrow_by(self._budget, max(1, files), lists)
            try:
                held = self._in_order(held)
            except Exception as error:  # noqa: BLE001 - without the catalogue nothing can go on
                self._stop.stop(error)
        pass_on(held, self._source_context, self._decider, self._stop, have_begun=True)

    def _in_order(self, held: Sequence[Discovered]) -> list[Discovered]:
        moment, known = now(), self._find_known(held)
        ranked = [(*_rank(one, moment, is_new=one.key not in known), random.random(), one) for one in held]  # noqa: S311 - no secret
        return [one for *_, one in sorted(ranked, key=lambda ranked: ranked[:-1])]

    def _find_known(self, held: Sequence[Discovered]) -> set[tuple[str, str, str]]:
        kinds: dict[tuple[str, str], dict[Identifier, tuple[str, str, str]]] = {}
        for one in held:
            kinds.setdefault((one.provider, one.resource.dataset_type), {})[one.identifier] = one.key
        found: set[tuple[str, str, str]] = set()
        for kind, keys in kinds.items():
            known = self._store.catalogue.datasets.find_known(self._store.bucket, *kind, list(keys))
            found.update(keys[identifier] for identifier in known)
        return found


def _rank(discovered: Discovered, moment: dt.datetime, *, is_new: bool) -> tuple[int, dt.timedelta]:
    """Return the rank of a dataset; the lowest one is most worth a request."""
    schedule = discovered.job.plan.schedule
    times = read_match_times(discovered.name, discovered.resource.metadata, schedule.zone)
    every = schedule.settled if times is None else schedule.spacing_at(times, moment)
    if every <= schedule.recent:
        return 0, every
    return (1, dt.timedelta()) if is_new else (2, every)


def pass_on(
    batch: Sequence[Discovered],
    source_context: SourceContext,
    decider: Decider,
    stop: StopToken,
    *,
    have_begun: bool = False,
) -> bool:
    """Pass datasets on to the decider, as fast as the gate of the source admits them.

    Args:
        batch: Datasets of one source.
        source_context: The state of the source.
        decider: Takes them.
        stop: Stops the run.
        have_begun: Whether they were counted before; they may be of several jobs then. Otherwise they are of one job.

    Returns:
        Whether all of them went on; if not, the run has to stop.
    """
    first = 0
    while first < len(batch):
        admitted = source_context.gate.enter(stop, len(batch) - first)
        some = batch[first : first + admitted] if admitted else batch[first:]
        if not admitted:  # the run has to stop
            if not have_begun:
                return False
            source_context.gate.enter_at_once(len(some))  # the decider ends them
        elif not have_begun:
            decider.begin(some[0].progress, admitted)
        decider.submit(list(some))
        first += len(some)
    return True
