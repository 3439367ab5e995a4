"""A misspelt filter must not look like an empty lake."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ingestify.domain.ports import Catalogue, DatasetFilter
from ingestify.suggestion import did_you_mean

__all__ = ["warn_of_unknown_keys", "warns_of_nothing"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


def warns_of_nothing(found: Iterable[T], catalogue: Catalogue, wanted: DatasetFilter) -> Iterator[T]:
    """Yield what was found; where that is nothing, warn of filters on keys that no dataset has."""
    is_empty = True
    for one in found:
        is_empty = False
        yield one
    if is_empty:
        warn_of_unknown_keys(catalogue, wanted)


def warn_of_unknown_keys(catalogue: Catalogue, wanted: DatasetFilter) -> None:
    """Warn of each filter on an identifier key that no dataset of that provider and type has.

    Only for what found nothing: it looks through identifiers until it has seen all keys, mostly those of the first.
    """
    if not wanted.selector:
        return
    known: dict[str, None] = {}
    everything = DatasetFilter(bucket=wanted.bucket, provider=wanted.provider, dataset_type=wanted.dataset_type)
    for _, identity, _ in catalogue.iter_identities(everything):
        known.update(dict.fromkeys(json.loads(identity)))
        if wanted.selector.keys() <= known.keys():
            return
    for key in wanted.selector:
        if known and key not in known:
            logger.warning(
                "No dataset has the identifier key '%s', so the filter lets none through%s The keys are %s.",
                key,
                did_you_mean(key, known) or ".",
                ", ".join(known),
            )
