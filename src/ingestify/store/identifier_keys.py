"""Which identifier keys a lake has; a filter on a misspelt one must not look like an empty lake."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ingestify.domain.ports import Catalogue, DatasetFilter
from ingestify.suggestion import did_you_mean

__all__ = ["iter_identifier_keys", "warn_of_unknown_keys", "warns_of_nothing"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


def iter_identifier_keys(catalogue: Catalogue, wanted: DatasetFilter, most: int | None = None) -> Iterator[str]:
    """Yield each key that a dataset of the filter has, once, as it is come upon; of the first `most` datasets."""
    seen: set[str] = set()
    for _, identity, _ in itertools.islice(catalogue.iter_identities(wanted), most):
        for key in json.loads(identity):
            if key not in seen:
                seen.add(key)
                yield key


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
    known: list[str] = []
    everything = DatasetFilter(bucket=wanted.bucket, provider=wanted.provider, dataset_type=wanted.dataset_type)
    for key in iter_identifier_keys(catalogue, everything):
        known.append(key)
        if wanted.selector.keys() <= set(known):
            return
    for key in wanted.selector:
        if known and key not in known:
            logger.warning(
                "No dataset has the identifier key '%s', so the filter lets none through%s The keys are %s.",
                key,
                did_you_mean(key, known) or ".",
                ", ".join(known),
            )
