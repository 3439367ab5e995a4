"""What the lake takes, and what the providers were asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TypedDict

from ingestify.documents.document import filled
from ingestify.domain.overview import FeedStorage
from ingestify.domain.ports import StorageTotals
from ingestify.web.page import Asked, Page, Shown

__all__ = ["PAGE"]

_DAYS = 30


class FeedDocument(TypedDict):
    """What a feed takes, over all revisions."""

    provider: str
    dataset_type: str
    data_feed_key: str
    compression: str
    files: int
    size_bytes: int
    storage_bytes: int


class RequestsDocument(TypedDict):
    """What the runs of a day asked a source for."""

    day: dt.date
    source: str
    requests: int
    received_bytes: int


class StorageDocument(TypedDict):
    """What the lake takes.

    Attributes:
        totals: As `status --json` has them.
        feeds: The largest first. An object that several files share counts once for each of them.
        requests: Of the last 30 days, newest first.
    """

    totals: StorageTotals
    feeds: Sequence[FeedDocument]
    requests: Sequence[RequestsDocument]


def read(asked: Asked) -> Shown:
    """Return what each provider and feed takes, and the requests of each day."""
    overview = asked.lake.store.overview
    feeds = overview.storage()
    document: StorageDocument = {
        "totals": overview.totals(),
        "feeds": [filled(FeedDocument, one) for one in feeds],
        "requests": [filled(RequestsDocument, one) for one in overview.requests(_DAYS)],
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
