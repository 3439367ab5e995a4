"""Adopted datasets among the discovered ones: the published package had other identities and versions for some."""

from __future__ import annotations

from collections.abc import Sequence

from ingestify.domain.adopted import keep_former_versions
from ingestify.domain.identifier import Identifier
from ingestify.domain.ports import KnownDataset
from ingestify.engine.discovery.discovered import Discovered
from ingestify.store.dataset_store import DatasetStore

__all__ = ["find_incomplete", "keep_versions"]


def find_incomplete(
    store: DatasetStore, kind: tuple[str, str], batch: Sequence[Discovered], known: dict[Identifier, KnownDataset]
) -> dict[Identifier, KnownDataset]:
    """Return the adopted datasets whose identity lacks the attributes of the selector, by their whole identity.

    The published package identified a dataset by the source's `dataset_resource_id` alone. Of two selectors that list
    the same id, the first one gets the dataset.

    Args:
        store: The lake.
        kind: The provider and the dataset type.
        batch: The datasets.
        known: What the lake has under the whole identities.
    """
    wholes: dict[Identifier, Identifier] = {}
    for discovered in batch if len(known) < len(batch) else ():  # mostly all are known
        whole, own = discovered.identifier, discovered.resource.dataset_resource_id
        if whole not in known and not own.keys() >= whole.keys():
            wholes.setdefault(Identifier.stored({key: whole[key] for key in whole if key in own}), whole)
    if not wholes:
        return {}
    found = store.catalogue.datasets.find_known(store.bucket, *kind, list(wholes))
    return {wholes[own]: row for own, row in found.items() if row.is_adopted}


def keep_versions(batch: Sequence[Discovered], known: dict[Identifier, KnownDataset]) -> None:
    """Announce files under the versions that the lake has them under; see `Source.former_versions`."""
    for progress in {discovered.progress for discovered in batch}:  # mostly one, whose source has none
        if not (former := progress.job.plan.source.former_versions):
            continue
        for discovered in batch:
            row = known.get(discovered.identifier) if discovered.progress is progress else None
            if row is not None and row.summary.feeds is not None:
                keep_former_versions(discovered.resource, row.summary.feeds.keys(), former)
