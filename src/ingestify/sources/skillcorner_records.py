"""The records of SkillCorner's feeds, which are the same in the open data and in the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.domain.record_key import RecordKey, RecordKeys
from ingestify.sources.match_minute import minute_text

__all__ = ["RECORD_KEYS"]


def _minute(row: Mapping[str, Any]) -> str | None:
    return minute_text(row.get("minute_start"), row.get("period"))


_MATCH = RecordKey(noun="match", lists={"players": RecordKey("id", noun="player", who="short_name", is_ordered=False)})

RECORD_KEYS: RecordKeys = {
    "match": _MATCH,
    "metadata": _MATCH,
    "frames": RecordKey("frame", noun="frame"),
    "dynamic_events": RecordKey(
        "event_id", noun="event", kind="event_type", who="player_name", minute=_minute, counted_by="index"
    ),
    "phases_of_play": RecordKey(noun="phase", who="team_in_possession_shortname", minute=_minute, counted_by="index"),
}
"""Feed to what its records are."""
