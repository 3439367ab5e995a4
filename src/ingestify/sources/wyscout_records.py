"""The records of Wyscout's feeds: version 3 of the API, and the open data, which is in version 2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ingestify.domain.record_key import RecordKey, RecordKeys
from ingestify.match_periods import FIRST_MINUTES
from ingestify.sources.match_minute import minute_text

__all__ = ["RECORD_KEYS"]

_PERIODS = {"1H": 1, "2H": 2, "E1": 3, "E2": 4}


def _minute(event: Mapping[str, Any]) -> str | None:
    period = _PERIODS.get(str(event.get("matchPeriod")))
    seconds = event.get("eventSec")  # of version 2: since the period began
    if isinstance(seconds, (int, float)) and math.isfinite(seconds):
        return minute_text((0 if period is None else FIRST_MINUTES[period]) + int(seconds // 60), period)
    return minute_text(event.get("minute"), period)


RECORD_KEYS: RecordKeys = {
    "match": RecordKey(noun="match"),
    "events": RecordKey(
        "id", at="events", noun="event", kind="type.primary|eventName", who="player.name|team.name", minute=_minute
    ),
}
"""Feed to what its records are."""
