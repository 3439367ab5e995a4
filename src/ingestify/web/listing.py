"""Lists of datasets, newest match first."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ingestify.domain.dataset import Dataset
from ingestify.domain.match_facts import match_facts
from ingestify.domain.ports import DatasetDescription
from ingestify.store.dataset_store import DatasetStore

__all__ = ["DatasetPage", "newest_datasets"]

_MOST_BY_DATE = 5_000
"""So many datasets are sorted by the day of the match, which takes a tenth of a second. More come by their arrival."""

_BY_DATE = "~"
"""`after` of a list by date begins so."""


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetPage:
    """A page of a list.

    Attributes:
        names: What people call a competition, by its id; those that are known.
        after: What the next page is asked for with; empty: this is the last one.
        is_by_date: Whether the newest match is first, else what came last into the lake.
    """

    datasets: Sequence[Dataset]
    names: Mapping[str, str]
    after: str
    is_by_date: bool


def newest_datasets(
    store: DatasetStore, count: int, limit: int, after: str = "", search: str = "", **filters: Any
) -> DatasetPage:
    """Return a page of the datasets that filters name. A page repeats nothing of the page before it.

    Args:
        store: The lake.
        count: How many datasets the filters name.
        limit: The most datasets.
        after: `after` of the page before; empty: the first page.
        search: Words that the name contains.
        **filters: Those of `DatasetStore.dataset_filter`.

    Raises:
        ValueError: A filter has a state that does not exist.
        ConfigurationError: A filter is wrong, or `after` is of no page.
    """
    if not after.startswith(_BY_DATE) and (after or count > _MOST_BY_DATE):
        page = store.overview.datasets(limit, after, search, **filters)
        return DatasetPage(page.items, {}, page.after, is_by_date=False)
    wanted = dataclasses.replace(store.dataset_filter(**filters), words=tuple(search.split()))
    found = sorted(store.catalogue.datasets.iter_descriptions(wanted), key=_place, reverse=True)
    rest = [one for one in found if _BY_DATE + _place(one) < after] if after else found
    datasets = store.catalogue.datasets.get([one.dataset_id for one in rest[:limit]])
    following = _BY_DATE + _place(rest[limit - 1]) if len(rest) > limit else ""
    return DatasetPage(datasets, _competition_names(found), following, is_by_date=True)


def _place(one: DatasetDescription) -> str:
    facts = match_facts(one.metadata)
    return f"{facts['date'] or ''} {facts['kick_off'] or ''} {one.dataset_id}"


def _competition_names(found: Sequence[DatasetDescription]) -> Mapping[str, str]:
    """Return the most usual name of each competition."""
    names: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for one in found:
        competition = one.metadata.get("competition")
        key = one.identifier.get("competition_id", one.identifier.get("iteration_id"))
        if isinstance(competition, str) and key is not None:
            names[str(key)][competition] += 1
    return {key: counter.most_common(1)[0][0] for key, counter in names.items()}
