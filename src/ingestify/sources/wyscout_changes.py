"""Which objects of Wyscout changed, by its feed of changes: `updatedobjects`.

Format: https://apidocs.wyscout.com. A list begins at `updated_since`, which is a local time of Rome without its offset
and lies 168 hours back at most; it has 100 ids a page, the oldest first, below the name of their type, and `meta` with
`page_current` and `page_count`. Nothing says when each object changed.

Not settled by what is public: version 3 of the documentation has the feed as `updatedobjects`, in one piece, and
version 4 as `updatedobjects/updated` and `updatedobjects/deleted`, while the provider is known to serve these below v3
too. So those are asked for; where they are not there (404), the older one is, which does not tell of deletions.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any

from ingestify.clock import now
from ingestify.domain.announcement import CLOCK_SLACK
from ingestify.domain.ports import Response
from ingestify.errors import FetchError, SourceError
from ingestify.fetch.current_context import current_context
from ingestify.fetch.paging.pages import with_param
from ingestify.progress.printable import PrintableLogger

__all__ = ["LONGEST", "MARGIN", "Changes", "WyscoutChanges", "as_rome_time", "changes_pager"]

logger = PrintableLogger(__name__)

LONGEST = dt.timedelta(hours=168)
"""So far back the feed goes."""

MARGIN = dt.timedelta(hours=1)
"""So much further back it is asked: clocks differ, and an object may be in the feed later than it was changed."""

PAGE_SIZE = 100

KEPT_SECONDS = 5.0
"""So long one look serves all seasons of a run."""

_ROME = "Europe/Rome"

Ask = Callable[[str, Callable[[Response], "str | None"], dict[str, Any]], Iterator[Response]]
"""`(path, pager, params)` → pages."""


@dataclasses.dataclass(frozen=True, slots=True)
class Changes:
    """What the feed had.

    Attributes:
        since: Everything that changed from then on is in it, in UTC.
        asked_at: Up to then, in UTC.
        match_ids: Of the matches of which anything changed, events and deletions among it.
    """

    since: dt.datetime
    asked_at: dt.datetime
    match_ids: frozenset[str]


class _UnreadableId(Exception):
    """The feed names something that changed such that nobody knows what it is."""


class WyscoutChanges:
    """Looks into the feed, once for all seasons of a run. Any thread may ask; while one does, the others wait for it.

    Args:
        ask: How the API is asked.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._recent: Changes | None = None
        self._asked_at = 0.0

    def since(self, moment: dt.datetime) -> Changes | None:
        """Return what changed since a moment, in UTC; None if the feed does not go back so far, or does not say.

        Raises:
            IngestifyError: It could not be had.
        """
        with self._lock:
            asked_at = now()
            # Whole hours, so that seasons that were ingested one after the other share one look.
            since = moment.replace(minute=0, second=0, microsecond=0) - MARGIN
            text = as_rome_time(since)
            # What lies ahead was said by a clock that was wrong; and ours may be a day behind.
            if not dt.timedelta(0) <= asked_at - since <= LONGEST - MARGIN - CLOCK_SLACK:
                return None
            recent = self._recent
            if recent is None or not self._serves(recent, since):
                self._asked_at = time.monotonic()
                try:
                    recent = self._recent = Changes(since, asked_at, frozenset(self._iter_match_ids(text)))
                except _UnreadableId as error:
                    logger.warning("%s So each match is asked for.", error)
                    return None
            return recent

    def _serves(self, recent: Changes, since: dt.datetime) -> bool:
        """Whether a look that was taken before has all, and is as new as it must be."""
        is_kept = recent.since <= since and time.monotonic() - self._asked_at < KEPT_SECONDS
        return is_kept and self._asked_at >= current_context().index.not_before

    def _iter_match_ids(self, updated_since: str) -> Iterator[str]:
        try:
            for kind in ("matches", "matchevents"):
                yield from self._iter_ids("updatedobjects/updated", kind, updated_since)
        except FetchError as error:
            if error.status != 404:
                raise
            logger.info("%s is not there, so 'updatedobjects' is asked for changes.", error.url)
            for kind in ("matches", "matchevents"):
                yield from self._iter_ids("updatedobjects", kind, updated_since)
            return
        for kind in ("matches", "matchevents"):
            yield from self._iter_ids("updatedobjects/deleted", kind, updated_since)

    def _iter_ids(self, path: str, kind: str, updated_since: str) -> Iterator[str]:
        params = {"type": kind, "updated_since": updated_since, "emptyPayload": "true", "limit": PAGE_SIZE, "page": 1}
        for page in self._ask(path, changes_pager, params):
            answer = page.json()
            found = answer.get(kind, []) if isinstance(answer, dict) else None
            # By id where there is more to say of each, else a list of ids.
            ids = list(found) if isinstance(found, (dict, list)) else None
            unreadable = [one for one in ids or () if not _is_id(one)]
            if ids is None or (ids and len(unreadable) == len(ids)):
                raise SourceError(
                    f"{path} of Wyscout holds no list of ids below '{kind}'; is base_url that of its API?"
                )
            if unreadable:
                raise _UnreadableId(f"{path} of Wyscout has {str(unreadable[0])[:60]!r} among its ids.")
            yield from map(str, ids)


def _is_id(one: object) -> bool:
    return isinstance(one, (int, str)) and str(one).isdecimal()


def as_rome_time(moment: dt.datetime) -> str:
    """Return a UTC time as `updated_since` takes it: `2018-02-09 18:00:00` in Rome.

    In the hour that comes twice in autumn a time without its offset says one of two moments: then it is the last one
    before that hour, as too much is harmless and too little is not.
    """
    rome = zoneinfo.ZoneInfo(_ROME)
    local = moment.astimezone(rome)
    while local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        moment -= dt.timedelta(minutes=30)
        local = moment.astimezone(rome)
    return local.strftime("%Y-%m-%d %H:%M:%S")


def changes_pager(answer: Response) -> str | None:
    """Return the URL of the page after one, by what its `meta` says; without one there is no other."""
    body = answer.json()
    meta = body.get("meta") if isinstance(body, dict) else None
    current, count = (meta.get(key) if isinstance(meta, dict) else None for key in ("page_current", "page_count"))
    if not isinstance(current, int) or not isinstance(count, int) or current >= count:
        return None
    return with_param(answer.url, "page", current + 1)
