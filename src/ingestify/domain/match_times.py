"""When a match is played and how it stands, read from the metadata of its dataset."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import zoneinfo
from collections.abc import Mapping
from typing import Any

from ingestify.domain.match_facts import match_facts

__all__ = ["MatchState", "MatchTimes", "read_match_times"]

USUAL_LENGTH = dt.timedelta(hours=2)
"""From the kick-off to the end, where nothing else is known."""

GREATEST_LENGTH = dt.timedelta(hours=4)
"""With extra time, penalties and interruptions. A match that is said to go on for longer has ended."""

_STATE_KEYS = ("match_status", "status", "state", "match_state")
_ZONE_KEYS = ("time_zone", "timezone")


class MatchState(enum.Enum):
    """How a match stands, according to its provider."""

    UNKNOWN = "unknown"
    SCHEDULED = "scheduled"
    LIVE = "live"
    FINISHED = "finished"
    POSTPONED = "postponed"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"


_WORDS = {
    MatchState.SCHEDULED: "scheduled fixture upcoming timed tbd ns notstarted prematch planned pending",
    MatchState.LIVE: "live playing inplay inprogress running started collecting firsthalf secondhalf halftime ht "
    "1h 2h et extratime penalties paused break",
    MatchState.FINISHED: "finished played closed available fulltime ft aet complete completed ended final result "
    "awarded processed postmatch",
    MatchState.POSTPONED: "postponed pst delayed rescheduled",
    MatchState.ABANDONED: "abandoned abd suspended interrupted",
    MatchState.CANCELLED: "cancelled canceled canc deleted void",
}
_STATES = {word: state for state, words in _WORDS.items() for word in words.split()}


@dataclasses.dataclass(frozen=True, slots=True)
class MatchTimes:
    """When a match is played, and how it stands.

    Attributes:
        name: For people, such as `Ajax - PSV`.
        kick_off: In UTC. If only the day is known, its beginning.
        state: According to the provider.
        is_whole_day: Whether only the day of the match is known.
        changed_at: When the lake last got a change of the match, in UTC; None: it is not known.
    """

    name: str
    kick_off: dt.datetime
    state: MatchState = MatchState.UNKNOWN
    is_whole_day: bool = False
    changed_at: dt.datetime | None = None

    @property
    def ends_at(self) -> dt.datetime:
        """When it ended or will end, in UTC, as far as that is known.

        Providers give no end. The change that made a match finished, or a later one of the same evening, is near it.
        """
        if self.is_whole_day:
            return self.kick_off + dt.timedelta(days=1)
        if self.state is MatchState.LIVE:
            return self.kick_off + GREATEST_LENGTH
        has_ended = self.state in (MatchState.FINISHED, MatchState.ABANDONED)
        seen_at = self.changed_at if has_ended else None
        if seen_at is not None and self.kick_off <= seen_at <= self.kick_off + GREATEST_LENGTH:
            return seen_at
        return self.kick_off + USUAL_LENGTH


def read_match_times(name: str, metadata: Mapping[str, Any], zone: dt.tzinfo = dt.UTC) -> MatchTimes | None:
    """Return the times of a match; None: its metadata has no date that can be read.

    The keys are those of the built-in sources: `match_date`, `kick_off`, and `match_status` or `status`. A kick-off may
    be a time of the day, or a whole moment.

    Args:
        name: The dataset's name.
        metadata: The dataset's metadata.
        zone: The zone of a kick-off that has none, unless the metadata has a `time_zone`.
    """
    facts = match_facts(metadata)
    found = _read_moment(facts["date"], facts["kick_off"])
    if found is None:
        return None
    moment, is_whole_day = found
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone_of(metadata) or zone)
    try:
        kick_off = moment.astimezone(dt.UTC)
    except OverflowError:
        return None
    return MatchTimes(_short_name(facts) or name, kick_off, _state_of(metadata), is_whole_day)


def _short_name(facts: Mapping[str, Any]) -> str:
    home, away = facts["home_team"], facts["away_team"]
    return "" if home is None or away is None else f"{home} - {away}"


def _read_moment(date: object, kick_off: object) -> tuple[dt.datetime, bool] | None:
    """Return a moment, and whether it is only a day."""
    day, time = ("" if one is None else str(one).strip() for one in (date, kick_off))
    if "T" in time or " " in time or not day:  # a whole moment
        day, time = time, ""
    for text, is_whole_day in ((f"{day}T{time}", False), (day, len(day) <= len("2026-10-31"))):
        try:
            return dt.datetime.fromisoformat(text), is_whole_day
        except ValueError:
            continue
    return None


def _zone_of(metadata: Mapping[str, Any]) -> dt.tzinfo | None:
    named = next((metadata[key] for key in _ZONE_KEYS if isinstance(metadata.get(key), str)), None)
    try:
        return None if named is None else zoneinfo.ZoneInfo(named)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _state_of(metadata: Mapping[str, Any]) -> MatchState:
    said = next((metadata[key] for key in _STATE_KEYS if isinstance(metadata.get(key), str)), "")
    word = "".join(letter for letter in said.lower() if letter.isalnum())
    return _STATES.get(word, MatchState.UNKNOWN)
