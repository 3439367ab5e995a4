"""The datasets: matches, newest first, with facets and a filter."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Any

from ingestify.documents.datasets import listed_dataset
from ingestify.web.listing import newest_datasets
from ingestify.web.match_line import match_line
from ingestify.web.page import Asked, NotShown, Page, Shown

__all__ = ["PAGE"]

_ON_A_PAGE = 50

_MOST_WORDS = 20

_OPTIONS = ("provider", "dataset_type", "state")
"""What a query may have besides keys of identifiers."""


def read(asked: Asked) -> Shown:
    """Return one page of the datasets that the filters name."""
    store = asked.lake.store
    given = {name: asked.first(name) for name in asked.query if name != "after" and asked.first(name)}
    search = given.get("q", "")
    if len(search.split()) > _MOST_WORDS:
        raise NotShown(400, f"The name is looked for by at most {_MOST_WORDS} words.")
    filters: dict[str, Any] = {name: given.get(name) for name in _OPTIONS}
    filters["selector"] = {name: value for name, value in given.items() if name not in (*_OPTIONS, "q")}
    try:
        facets = store.overview.facets(search, **filters)
        count = sum(facets["state"].values())
        page = newest_datasets(store, count, _ON_A_PAGE, asked.first("after"), search, **filters)
    except ValueError as error:
        raise NotShown(400, str(error)) from error
    waiting = collections.defaultdict(list)
    ids = [one.dataset_id for one in page.datasets]
    for entry in store.quarantine.find_waiting(store.dataset_filter(dataset_id=ids)):
        waiting[entry.dataset_id].append(entry)
    document = {
        "datasets": [listed_dataset(one, waiting[one.dataset_id]) for one in page.datasets],
        "count": count,
        "facets": facets,
        "after": page.after or None,
    }
    view = {
        "given": given,
        "lines": [(match_line(one), bool(waiting[one.dataset_id]), one) for one in page.datasets],
        "choices": _choices(facets, page.names, given),
        "order": "Newest match first" if page.is_by_date else "What came into the lake last is first",
        "is_first": not asked.first("after"),
    }
    return Shown("Matches", document, view)


def _choices(
    facets: Mapping[str, Mapping[str, int]], names: Mapping[str, str], given: Mapping[str, str]
) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return the fields of the form: each with its name, its title, and its values with their texts."""
    # Impect names a competition in a season.
    competition = "iteration_id" if set(facets["provider"]) == {"impect"} else "competition_id"
    fields = [
        (competition, "Competition", [(key, names.get(key, key), n) for key, n in facets["competition"].items()]),
        ("provider", "Provider", [(key, key, n) for key, n in facets["provider"].items()]),
        ("dataset_type", "Type", [(key, key, n) for key, n in facets["dataset_type"].items()]),
        ("state", "State", [(key.lower(), key.lower(), n) for key, n in facets["state"].items()]),
    ]
    choices = []
    for name, title, values in fields:
        options = [(key, f"{text} ({number:,})") for key, text, number in values if key]
        chosen = given.get(name, "")
        if chosen and chosen not in dict(options):
            options.insert(0, (chosen, f"{chosen} (0)"))
        choices.append((name, title, options))
    shown = {name for name, _, _ in choices}
    others = [(name, name, [(value, value)]) for name, value in given.items() if name not in shown and name != "q"]
    return [*choices, *others]


PAGE = Page("/datasets", "datasets.html", read, menu="Matches")
