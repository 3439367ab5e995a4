"""Which matches changed at Wyscout, by its feed of changes: `updatedobjects`.

Format: https://apidocs.wyscout.com. A list begins at `updated_since`, a local time of Rome without an offset, at most
168 hours ago. A page has 100 ids, the oldest first, under the name of their type, and `meta` with `page_current` and
`page_count`. The feed does not say when each object changed.

Public documents leave one point open: version 3 of the documentation has one feed, `updatedobjects`, and version 4 has
two, `updatedobjects/updated` and `updatedobjects/deleted`, which the provider also serves below v3. So these two are
requested; if they are missing (404), the older one is, which does not list deletions.
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
"""How far back the feed goes."""

MARGIN = dt.timedelta(hours=1)
"""How much earlier than needed the list begins: clocks differ, and a change may enter the feed late."""

PAGE_SIZE = 100

KEPT_SECONDS = 5.0
"""How long one list serves the seasons of a run."""

_ROME = "Europe/Rome"

Ask = Callable[[str, Callable[[Response], "str | None"], dict[str, Any]], Iterator[Response]]
"""`(path, pager, params)` → pages."""


@dataclasses.dataclass(frozen=True, slots=True)
class Changes:
    """The content of the feed.

    Attributes:
        since: The beginning of the list, in UTC.
        asked_at: The time of the request, in UTC.
        match_ids: The ids of the matches that changed, or whose events changed or were deleted.
    """

    since: dt.datetime
    asked_at: dt.datetime
    match_ids: frozenset[str]


class _UnreadableId(Exception):
    """The feed has an entry that is no id, so the changed object is unknown."""


class WyscoutChanges:
    """Reads the feed once for all seasons of a run.

    Any thread may call it; the others wait while one thread makes the requests.

    Args:
        ask: Requests the pages of a path.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._recent: Changes | None = None
        self._asked_at = 0.0

    def since(self, moment: dt.datetime) -> Changes | None:
        """Return the changes since a time in UTC; None if the feed does not go back so far, or cannot be read.

        Raises:
            IngestifyError: A request failed.
        """
        with self._lock:
            asked_at = now()
            # Whole hours, so that seasons that were ingested one after the other share one list.
            since = moment.replace(minute=0, second=0, microsecond=0) - MARGIN
            text = as_rome_time(since)
            # A time in the future comes from a wrong clock, and this computer's clock may be a day behind.
            if not dt.timedelta(0) <= asked_at - since <= LONGEST - MARGIN - CLOCK_SLACK:
                return None
            recent = self._recent
            if recent is None or not self._serves(recent, since):
                self._asked_at = time.monotonic()
                try:
                    recent = self._recent = Changes(since, asked_at, frozenset(self._iter_match_ids(text)))
                except _UnreadableId as error:
                    logger.warning("%s So each match is requested.", error)
                    return None
            return recent

    def _serves(self, recent: Changes, since: dt.datetime) -> bool:
        """Return whether an earlier list goes back far enough, and is new enough."""
        is_kept = recent.since <= since and time.monotonic() - self._asked_at < KEPT_SECONDS
        return is_kept and self._asked_at >= current_context().index.not_before

    def _iter_match_ids(self, updated_since: str) -> Iterator[str]:
        try:
            for kind in ("matches", "matchevents"):
                yield from self._iter_ids("updatedobjects/updated", kind, updated_since)
        except FetchError as error:
            if error.status != 404:
                raise
            logger.info("%s is missing, so the changes are requested from 'updatedobjects'.", error.url)
            for kind in ("matches", "matchevents"):
                yield from self._iter_ids("updatedobjects", kind, updated_since)
            return
        for kind in ("matches", "matchevents"):
            yield from self._iter_ids("updatedobjects/deleted", kind, updated_since)

    def _iter_ids(self, path: str, kind: str, updated_since: str) -> Iterator[str]:
        params = {"type": kind, "updated_since": updated_since, "emptyPayload": "true", "limit": PAGE_SIZE, "page": 1}
        for page in self._ask(path, changes_pager, params):
            document = page.json()
            found = document.get(kind, []) if isinstance(document, dict) else None
            # A list of ids, or an object by id.
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

    A local time in the hour that comes twice in autumn has two meanings. Such a time is replaced by the last one before
    that hour: a list that is too long is harmless, one that is too short is not.
    """
    rome = zoneinfo.ZoneInfo(_ROME)
    local = moment.astimezone(rome)
    while local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        moment -= dt.timedelta(minutes=30)
        local = moment.astimezone(rome)
    return local.strftime("%Y-%m-%d %H:%M:%S")


def changes_pager(page: Response) -> str | None:
    """Return the URL of the next page by the `meta` of this one; None if this is the last, or has no `meta`."""
    body = page.json()
    meta = body.get("meta") if isinstance(body, dict) else None
    current, count = (meta.get(key) if isinstance(meta, dict) else None for key in ("page_current", "page_count"))
    if not isinstance(current, int) or not isinstance(count, int) or current >= count:
        return None
    return with_param(page.url, "page", current + 1)
