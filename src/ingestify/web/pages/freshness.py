"""How old the lake is for each selector."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from ingestify.clock import now
from ingestify.documents.coverage import FreshnessDocument, freshness_document
from ingestify.domain.overview import SelectorFreshness
from ingestify.web.page import Asked, Page, Shown

__all__ = ["PAGE"]

_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)

_ORDERS: Mapping[str, Callable[[SelectorFreshness], tuple[object, ...]]] = {
    "oldest": lambda one: (one.complete_at or _NEVER,),
    "name": lambda one: (one.source, one.name),
    "newest data": lambda one: (-(one.newest_at or _NEVER).timestamp(),) if one.newest_at else (0.0,),
    "failed": lambda one: (-one.failed - one.quarantined,),
}


def read(asked: Asked) -> Shown:
    """Return all selectors, those first that were complete longest ago."""
    chosen = asked.first("sort") or "oldest"
    found = sorted(asked.lake.store.overview.freshness(), key=_ORDERS.get(chosen, _ORDERS["oldest"]))
    document: Sequence[FreshnessDocument] = [freshness_document(one) for one in found]
    moment = now()
    rows = [(one, _age(one.age(moment))) for one in found]
    return Shown("Freshness", {"selectors": document}, {"rows": rows, "orders": list(_ORDERS), "chosen": chosen})


def _age(age: dt.timedelta | None) -> str:
    """Return an age for people, in its largest unit."""
    if age is None:
        return "unknown"
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if (count := int(age.total_seconds() // seconds)) > 0:
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return "just now"


PAGE = Page("/freshness", "freshness.html", read, is_live=True)
