"""The records of StatsBomb's feeds, which are the same in the open data and in the API.

Format: https://github.com/statsbomb/open-data, `doc/`. An export may give all events new ids (`checks.statsbomb`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.domain.record_key import RecordKey, RecordKeys
from ingestify.sources.match_minute import minute_text

__all__ = ["RECORD_KEYS"]


def _minute(event: Mapping[str, Any]) -> str | None:
    return minute_text(event.get("minute"), event.get("period"))


RECORD_KEYS: RecordKeys = {
    "match": RecordKey(noun="match"),
    "events": RecordKey(
        "id",
        noun="event",
        kind="type.name",
        who="player.name|team.name",
        minute=_minute,
        counted_by="index",
        pairs_by=("period", "timestamp", "type.name", "team.name", "player.name"),
        unordered=("related_events", "shot.freeze_frame", "tactics.lineup"),
        names={"shot.statsbomb_xg": "xG", "shot.shot_execution_xg": "execution xG"},
    ),
    "lineups": RecordKey(
        "team_id",
        noun="team",
        who="team_name",
        is_ordered=False,
        lists={"lineup": RecordKey("player_id", noun="player", who="player_name", is_ordered=False)},
    ),
    "360-frames": RecordKey(
        "event_uuid",
        noun="freeze frame",
        is_ordered=False,
        unordered=("freeze_frame",),
        refers_to={"event_uuid": "events"},
    ),
}
"""Feed to what its records are."""
