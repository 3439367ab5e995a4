"""What the lake takes, and what the providers were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

from ingestify.domain.overview import FeedStorage
from ingestify.domain.ports import StorageTotals
from ingestify.web.page import Asked, Page, Shown

__all__ = ["PAGE"]

_DAYS = 30


class StorageDocument(TypedDict):
    """What the lake takes.

    Attributes:
        totals: As `status --json` has them.
        feeds: A `FeedStorage` each, the largest first. An object that several files share counts once for each of them.
        requests: A `RequestDay` each, of the last 30 days, newest first.
    """

    totals: StorageTotals
    feeds: Sequence[Mapping[str, object]]
    requests: Sequence[Mapping[str, object]]


def read(asked: Asked) -> Shown:
    """Return what each provider and feed takes, and the requests of each day."""
    overview = asked.lake.store.overview
    feeds = overview.storage()
    document: StorageDocument = {
        "totals": overview.totals(),
        "feeds": [one._asdict() for one in feeds],
        "requests": [one._asdict() for one in overview.requests(_DAYS)],
    }
    return Shown("Storage", document, {"providers": _by_provider(feeds), "ratio": _ratio})


def _by_provider(feeds: Iterable[FeedStorage]) -> list[tuple[str, str, int, int, int]]:
    """Return provider, type, files, and the bytes before and after compression, the largest first."""
    sums: dict[tuple[str, str], list[int]] = {}
    for one in feeds:
        found = sums.setdefault((one.provider, one.dataset_type), [0, 0, 0])
        for place, number in enumerate((one.files, one.size_bytes, one.storage_bytes)):
            found[place] += number
    rows = [(*key, files, size, stored) for key, (files, size, stored) in sums.items()]
    return sorted(rows, key=lambda row: -row[3])


def _ratio(size: int, stored: int) -> str:
    return f"{size / stored:.1f}" if stored else "–"


PAGE = Page("/storage", "storage.html", read, menu="Storage", is_live=True)
