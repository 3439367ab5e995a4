"""The datasets that change while a lake is watched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ingestify.domain.dataset import Dataset
from ingestify.domain.events import DatasetCreated, MetadataUpdated, RevisionAdded
from ingestify.domain.plan import IngestionPlan
from ingestify.engine.watching.watching import Watching
from ingestify.errors import LakeNotFound, StoreError
from ingestify.progress.printable import PrintableLogger
from ingestify.store.dataset_store import DatasetStore

__all__ = ["iter_changed"]

logger = PrintableLogger(__name__)

_EVENTS_AT_ONCE = 500
_CHANGES = (DatasetCreated, MetadataUpdated, RevisionAdded)


def iter_changed(store: DatasetStore, watching: Watching, plans: Sequence[IngestionPlan]) -> Iterator[Dataset]:
    """Iterate over a watch, and yield the datasets of its plans that changed, each once after a look.

    Args:
        store: The lake.
        watching: The watch.
        plans: Its plans.
    """
    kinds = {(plan.source.provider, plan.dataset_type) for plan in plans}
    position = _last_position(store)
    with contextlib.closing(watching.iterate()) as looks:  # type: ignore[type-var]
        for _ in looks:
            try:
                last, changed = _read_changed(store, position, kinds)
                wanted = store.dataset_filter(dataset_id=changed)
                datasets: list[Any] = list(store.iter_matching(wanted, explains=False)) if changed else []
            except StoreError as error:
                logger.debug("What changed is read after the next look: %s", error)
                continue
            position = last
            yield from datasets


def _last_position(store: DatasetStore) -> int:
    with contextlib.suppress(LakeNotFound):
        return store.catalogue.event_log.get_last_position()
    return 0


def _read_changed(store: DatasetStore, position: int, kinds: set[tuple[str, str]]) -> tuple[int, list[str]]:
    """Return the last position of the event log, and the ids of the datasets that changed since another one."""
    changed: dict[str, None] = {}
    while events := store.catalogue.event_log.read(position, _EVENTS_AT_ONCE, has_history=False):
        position = events[-1].position or position
        for event in events:
            dataset = event.dataset
            if isinstance(event, _CHANGES) and (dataset.provider, dataset.dataset_type) in kinds:
                changed[dataset.dataset_id] = None
    return position, list(changed)
