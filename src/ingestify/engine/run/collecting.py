"""A source that submits work to its provider, and collects it later."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterable, Iterator

import msgspec

from ingestify.domain.resource import DatasetResource
from ingestify.domain.source import CollectingSource
from ingestify.engine.decision.change_detection import Decision
from ingestify.engine.discovery.discovered import Discovered
from ingestify.engine.discovery.discovery import as_exception
from ingestify.engine.discovery.source_context import SourceContext
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
    source_context: SourceContext,
    decider: Decider,
    stop: StopToken,
) -> None:
    """Alternate a source's `submit` and `collect`, with the datasets of one job that need fetching.

    A discovery thread calls it. `batches` are what the source announces of the job.
    """
    submitted: dict[int, Decision] = {}
    to_fetch = _iter_to_fetch(batches, progress, source_context, decider, stop, submitted)
    try:
        for resource in _iter_collected(collector, to_fetch, stop):
            decision = submitted.pop(id(resource), None)
            if decision is None:
                logger.warning("%s collected %s, which was not submitted.", progress.job.source_name, resource)
                continue
            if resource.error is not None:
                decision = msgspec.structs.replace(decision, error=as_exception(resource.error))
            decider.carry_out(decision)
    except BaseException:
        for decision in submitted.values():
            decider.finish(decision.discovered, NOTHING_DONE)
        raise
    for decision in submitted.values():
        # Submitted and never collected: failed, unless the run was stopped.
        if stop.is_set:
            decider.finish(decision.discovered, NOTHING_DONE)
        else:
            lost = SourceError(f"{progress.job.source_name} submitted it, and never collected it")
            decider.carry_out(msgspec.structs.replace(decision, error=lost))


def _iter_to_fetch(
    batches: Iterable[list[Discovered]],
    progress: JobProgress,
    source_context: SourceContext,
    decider: Decider,
    stop: StopToken,
    submitted: dict[int, Decision],
) -> Generator[DatasetResource]:
    """Yield what needs fetching, and keep the decisions about it in `submitted`."""
    for batch in batches:
        for decision, unchanged in decider.decide(batch):
            if stop.is_set:
                return
            # The source's own submit iterates here, so nothing may wait: the source itself says when it is full.
            source_context.gate.enter_at_once()
            decider.begin(progress, 1)
            if decider.needs_fetch(decision):
                submitted[id(decision.discovered.resource)] = decision
                yield decision.discovered.resource
            else:
                decider.carry_out(decision, unchanged)


def _iter_collected(
    collector: CollectingSource, resources: Generator[DatasetResource], stop: StopToken
) -> Iterator[DatasetResource]:
    """Let the source submit and collect until nothing is pending, and yield what comes back.

    A `submit` that returns nothing is done when there was nothing left to take, and nothing is pending after it.
    """
    exhausted = False
    while not stop.is_set and (not exhausted or collector.has_pending()):
        if not exhausted:
            had_none = inspect.getgeneratorstate(resources) == inspect.GEN_CLOSED
            exhausted = collector.submit(resources) or (had_none and not collector.has_pending())
        progressed = False
        for resource in collector.collect():
            progressed = True
            yield resource
        if not progressed:
            stop.event.wait(PAUSE_SECONDS)  # nothing came back yet; do not spin
