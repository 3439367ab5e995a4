"""The datasets: matches, newest first, with facets and a filter."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence

from ingestify.documents.datasets import listed_dataset
from ingestify.domain.dataset import DatasetState
from ingestify.domain.match_facts import match_facts
from ingestify.domain.ports import DatasetDescription
from ingestify.web.match_line import match_line
from ingestify.web.page import Asked, NotShown, Page, Shown

__all__ = ["PAGE"]

_ON_A_PAGE = 50

FILTERS = ("provider", "dataset_type", "state", "competition", "q")


def read(asked: Asked) -> Shown:
    """Return one page of the datasets that the filters name."""
    store = asked.lake.store
    given = {name: asked.first(name) for name in FILTERS}
    try:
        wanted = store.dataset_filter(
            provider=given["provider"] or None,
            dataset_type=given["dataset_type"] or None,
            state=given["state"] or None,
        )
    except ValueError as error:
        raise NotShown(400, str(error)) from error
    found = [one for one in store.catalogue.datasets.iter_descriptions(wanted) if _is_named(one, given)]
    found.sort(key=_place, reverse=True)
    after = asked.first("after")
    rest = [one for one in found if _token(one) < after] if after else found
    ids = [one.dataset_id for one in rest[:_ON_A_PAGE]]
    datasets = store.catalogue.datasets.get(ids)
    waiting = collections.defaultdict(list)
    for entry in store.quarantine.find_waiting(store.dataset_filter(dataset_id=ids)):
        waiting[entry.dataset_id].append(entry)
    more = _token(rest[_ON_A_PAGE - 1]) if len(rest) > _ON_A_PAGE else ""
    document = {
        "datasets": [listed_dataset(one, waiting[one.dataset_id]) for one in datasets],
        "count": len(found),
        "after": more or None,
    }
    view = {
        "given": given,
        "lines": [(match_line(one), bool(waiting[one.dataset_id]), one) for one in datasets],
        "facets": _facets(found),
        "states": list(DatasetState),
        "more": more,
        "is_first": not after,
    }
    return Shown("Matches", document, view)


def _is_named(one: DatasetDescription, given: Mapping[str, str]) -> bool:
    has_words = all(word in one.name.casefold() for word in given["q"].casefold().split())
    return has_words and (not given["competition"] or given["competition"] == _competition(one))


def _competition(one: DatasetDescription) -> str:
    competition = one.metadata.get("competition")
    return competition if isinstance(competition, str) else ""


def _place(one: DatasetDescription) -> tuple[str, str]:
    facts = match_facts(one.metadata)
    return f"{facts['date'] or ''} {facts['kick_off'] or ''}", one.dataset_id


def _token(one: DatasetDescription) -> str:
    return "~".join(_place(one))


def _facets(found: Sequence[DatasetDescription]) -> Mapping[str, Sequence[tuple[str, int]]]:
    """Return by what the datasets can be narrowed: each value with its number of datasets."""
    counted = {
        "competition": collections.Counter(filter(None, map(_competition, found))),
        "provider": collections.Counter(one.provider for one in found),
        "dataset_type": collections.Counter(one.dataset_type for one in found),
    }
    return {name: counter.most_common(12) for name, counter in counted.items()}


PAGE = Page("/datasets", "datasets.html", read, menu="Matches")
