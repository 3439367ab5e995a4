"""A source that submits work and collects it later."""

from __future__ import annotations

from collections.abc import Iterator

from ingestify.domain.resource import DatasetResource
from ingestify.domain.source import CollectingSource
from ingestify.engine.workers import StopToken

__all__ = ["iter_collected"]

PAUSE_SECONDS = 0.01


def iter_collected(
    collector: CollectingSource, resources: Iterator[DatasetResource], stop: StopToken
) -> Iterator[DatasetResource]:
    """Alternate a source's `submit` and `collect` until nothing is pending, and yield what comes back.

    Args:
        resources: What is to be submitted; the source takes from it.
    """
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
