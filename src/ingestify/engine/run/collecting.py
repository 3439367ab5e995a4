"""A source that submits work and collects it later."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from ingestify.domain.resource import DatasetResource
from ingestify.domain.source import CollectingSource
from ingestify.engine.decision.change_detection import Decision
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import as_exception
from ingestify.engine.discovery.source_context import SourceLane
from ingestify.engine.ingest.outcome import NOTHING_DONE
from ingestify.engine.report.report import JobProgress
from ingestify.engine.run.decider import Decider
from ingestify.engine.workers import StopToken
from ingestify.errors import SourceError
from ingestify.progress.printable import PrintableLogger

__all__ = ["submit_and_collect"]

logger = PrintableLogger(__name__)

PAUSE_SECONDS = 0.01


def submit_and_collect(
    collector: CollectingSource,
    batches: Iterable[list[Discovered]],
    progress: JobProgress,
    lane: SourceLane,
    decider: Decider,
    stop: StopToken,
) -> None:
    """Alternate a source's `submit` and `collect`, with those datasets that need fetching. A discovery thread.

    Args:
        batches: What the source announces of one job.
    """
    accepted: dict[int, Decision] = {}

    def to_fetch() -> Iterator[DatasetResource]:
        for batch in batches:
            for decision, unchanged in decider.look_at(batch):
                if stop.is_set:
                    return
                # No waiting here, inside the source's own submit: it says itself when it is full.
                lane.gate.enter_at_once()
                decider.begin(progress, 1)
                if decider.is_to_be_fetched(decision):
                    accepted[id(decision.discovered.resource)] = decision
                    yield decision.discovered.resource
                else:
                    decider.act(decision, unchanged)

    try:
        for resource in _iter_collected(collector, to_fetch(), stop):
            decision = accepted.pop(id(resource), None)
            if decision is None:
                logger.warning("%s collected %s, which was not submitted.", progress.job.source_name, resource)
                continue
            if resource.error is not None:
                decision = dataclasses.replace(decision, error=as_exception(resource.error))
            decider.act(decision)
    except BaseException:
        for decision in accepted.values():
            decider.finish(decision.discovered, NOTHING_DONE)
        raise
    for decision in accepted.values():
        # Submitted and never collected: failed, unless the run was stopped.
        if stop.is_set:
            decider.finish(decision.discovered, NOTHING_DONE)
        else:
            lost = SourceError(f"{progress.job.source_name} submitted it, and never collected it")
            decider.act(dataclasses.replace(decision, error=lost))


def _iter_collected(
    collector: CollectingSource, resources: Iterator[DatasetResource], stop: StopToken
) -> Iterator[DatasetResource]:
    """Let the source submit and collect until nothing is pending, and yield what comes back."""
    exhausted = False
    while not stop.is_set and (not exhausted or collector.has_pending()):
        if not exhausted:
            exhausted = collector.submit(resources)
        progressed = False
        for resource in collector.collect():
            progressed = True
            yield resource
        if not progressed:
            stop.event.wait(PAUSE_SECONDS)  # nothing came back yet; do not spin
