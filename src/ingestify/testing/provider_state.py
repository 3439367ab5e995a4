"""The current documents of a simulated provider: those of its seasons, with all corrections since."""

from __future__ import annotations

import dataclasses
import datetime as dt
import email.utils
import functools
import gzip
import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from ingestify.testing.season import JsonObject, Season, as_json, as_timestamp, date_and_kick_off

__all__ = ["Document", "ProviderState"]

_FOLDERS = {"events": "events", "lineups": "lineups", "three-sixty": "360-frames"}
FEEDS = ("events", "lineups", "360-frames")


@dataclasses.dataclass(frozen=True)  # without slots: cached_property needs a place
class Document:
    """A file that is served.

    Attributes:
        body: The bytes.
        etag: The ETag of the body, with quotes.
        last_modified: An HTTP date.
    """

    body: bytes
    etag: str
    last_modified: str

    @functools.cached_property
    def gzipped(self) -> bytes:
        """The body compressed with gzip, always the same bytes. Made when first needed."""
        return gzip.compress(self.body, 1, mtime=0)


def _document(body: bytes, modified: dt.datetime) -> Document:
    tag = hashlib.sha256(body).hexdigest()[:32]
    return Document(body, f'"{tag}"', email.utils.format_datetime(modified.replace(tzinfo=dt.UTC), usegmt=True))


class _MatchState:
    """The changes of one match since the season was made."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        # How often the provider gave all events new ids, and how far the 360 file followed.
        self.rekeyed = 0
        self.frames_rekeyed = 0
        self.withheld: set[str] = set()


class ProviderState:
    """The documents below the data root, by path. Safe to use from any thread.

    Args:
        seasons: The seasons of the provider.
    """

    def __init__(self, seasons: Sequence[Season]) -> None:
        self._lock = threading.RLock()
        self._seasons = {(season.competition_id, season.season_id): season for season in seasons}
        self._season_of = {match.match_id: season for season in seasons for match in season.matches}
        self._competitions = [season.competition_entry() for season in seasons]
        self._entries: dict[tuple[int, int], list[JsonObject]] = {
            key: season.index_entries() for key, season in self._seasons.items()
        }
        self._entry_of = {entry["match_id"]: entry for entries in self._entries.values() for entry in entries}
        self._matches: dict[int, _MatchState] = {match_id: _MatchState() for match_id in self._season_of}
        self._made: dict[str, Document] = {}

    def find(self, path: str) -> Document | None:
        """Return the document at a path below the data root, such as `events/12.json`, or None."""
        with self._lock:
            found = self._made.get(path)
            if found is None:
                found = self._make(path)
                if found is not None:
                    self._made[path] = found
            return found

    def prepare(self) -> None:
        """Make all documents now."""
        self.bodies()

    def bodies(self) -> dict[str, bytes]:
        """Return all documents, by their path below the data root."""
        paths = ["competitions.json"]
        paths += [f"matches/{competition_id}/{season_id}.json" for competition_id, season_id in self._seasons]
        paths += [f"{folder}/{match_id}.json" for match_id in self._season_of for folder in _FOLDERS]
        found = {path: self.find(path) for path in paths}
        return {path: document.body for path, document in found.items() if document is not None}

    def match_ids(self) -> list[int]:
        """Return the numbers of all matches."""
        return list(self._season_of)

    # ---- what the provider does after the match --------------------------------------------------------

    def correct(
        self, match_id: int, feeds: Sequence[str], updated_at: dt.datetime | None = None, *, rekey: bool = False
    ) -> None:
        """Change files of a match and move its time in the index.

        Args:
            match_id: The match.
            feeds: `events`, `lineups`, `360-frames`; none: `events`. A correction of the frames also gives them the
                current ids of the events.
            updated_at: The new time, naive UTC; None: a day after the last.
            rekey: Give all events new ids as well, and leave the 360 file and its time as they are, as StatsBomb did
                with match 3788741.

        Raises:
            KeyError: If there is no such match or feed.
        """
        with self._lock:
            changed = {_feed(feed) for feed in feeds or ("events",)} | ({"events"} if rekey else set())
            match = self._matches[match_id]
            match.rekeyed += rekey
            # In the order of FEEDS, so that frames follow events that are given new ids by the same correction.
            for feed in (feed for feed in FEEDS if feed in changed):
                values = json.loads(self._body(match_id, feed))
                _CORRECTIONS[feed](values)
                if feed == "events" and rekey:
                    _rekey(values)
                if feed == "360-frames":
                    while match.frames_rekeyed < match.rekeyed:
                        match.frames_rekeyed += 1
                        for frame in values:
                            frame["event_uuid"] = _new_id(frame["event_uuid"])
                match.bodies[feed] = as_json(values)
            if changed - {"360-frames"}:
                self._move(match_id, "last_updated", updated_at)
            if "360-frames" in changed:
                self._move(match_id, "last_updated_360", updated_at)
            self._forget(match_id)

    def touch(self, match_id: int, updated_at: dt.datetime | None = None) -> None:
        """Move a match's time in the index; its files stay as they are."""
        with self._lock:
            self._move(match_id, "last_updated", updated_at)
            self._forget(match_id)

    def set_status(self, match_id: int, status: str, updated_at: dt.datetime | None = None) -> None:
        """Give a match another status in the index: `scheduled`, `collecting`, `available`, …; its time moves.

        A match that is not available has no files.
        """
        with self._lock:
            self._entry_of[match_id]["match_status"] = status
            self._move(match_id, "last_updated", updated_at)
            self._forget(match_id)

    def reschedule(self, match_id: int, kick_off: dt.datetime, updated_at: dt.datetime | None = None) -> None:
        """Give a match another kick-off in the index, in local time; its time moves."""
        with self._lock:
            entry = self._entry_of[match_id]
            entry["match_date"], entry["kick_off"] = date_and_kick_off(kick_off)
            self._move(match_id, "last_updated", updated_at)
            self._forget(match_id)

    def publish_360(self, match_id: int, updated_at: dt.datetime | None = None) -> None:
        """Publish the 360 file of a match, and announce it in the index."""
        with self._lock:
            entry = self._entry_of[match_id]
            entry["match_status_360"] = "available"
            # The 360 file is newer than the events.
            entry["last_updated_360"] = max(str(entry.get("last_updated_360") or ""), str(entry["last_updated"]))
            self._matches[match_id].withheld.discard("360-frames")
            self._move(match_id, "last_updated_360", updated_at)
            self._forget(match_id)

    def withhold(self, match_id: int, feed: str) -> None:
        """Respond with 404 to requests for a file that the index announces.

        Raises:
            KeyError: There is no such match or feed.
        """
        with self._lock:
            self._matches[match_id].withheld.add(_feed(feed))
            self._forget(match_id)

    def release(self, match_id: int, feed: str) -> None:
        """Serve a withheld file again, without a change of the index."""
        with self._lock:
            self._matches[match_id].withheld.discard(_feed(feed))
            self._forget(match_id)

    # ---- documents -------------------------------------------------------------------------------------

    def _make(self, path: str) -> Document | None:
        parts = path.removesuffix(".json").split("/")
        if not path.endswith(".json"):
            return None
        if parts == ["competitions"]:
            return _document(as_json(self._competitions), _latest(self._competitions, "match_updated"))
        if len(parts) == 3 and parts[0] == "matches" and parts[1].isdecimal() and parts[2].isdecimal():
            entries = self._entries.get((int(parts[1]), int(parts[2])))
            return None if entries is None else _document(as_json(entries), _latest(entries, "last_updated"))
        if len(parts) == 2 and parts[0] in _FOLDERS and parts[1].isdecimal() and int(parts[1]) in self._matches:
            return self._make_file(int(parts[1]), _FOLDERS[parts[0]])
        return None

    def _make_file(self, match_id: int, feed: str) -> Document | None:
        entry = self._entry_of[match_id]
        if feed in self._matches[match_id].withheld or entry["match_status"] != "available":
            return None
        if feed == "360-frames":
            if entry["match_status_360"] != "available":
                return None
            return _document(self._body(match_id, feed), dt.datetime.fromisoformat(str(entry["last_updated_360"])))
        return _document(self._body(match_id, feed), dt.datetime.fromisoformat(str(entry["last_updated"])))

    def _body(self, match_id: int, feed: str) -> bytes:
        changed = self._matches[match_id].bodies.get(feed)
        if changed is not None:
            return changed
        season = self._season_of[match_id]
        made: dict[str, Callable[[int], bytes]] = {
            "events": season.events,
            "lineups": season.lineups,
            "360-frames": season.three_sixty,
        }
        return made[feed](match_id)

    def _move(self, match_id: int, key: str, updated_at: dt.datetime | None) -> None:
        entry = self._entry_of[match_id]
        # A change is newer than all changes before it.
        times = [str(entry[name]) for name in ("last_updated", "last_updated_360") if entry.get(name)]
        before = max(dt.datetime.fromisoformat(time) for time in times)
        moved = as_timestamp(updated_at or before + dt.timedelta(days=1, microseconds=1))
        entry[key] = moved
        season = self._season_of[match_id]
        # The provider has a second time for each, which moves with the first.
        suffix = "_360" if key == "last_updated_360" else ""
        for competition in self._competitions:
            if (competition["competition_id"], competition["season_id"]) == (season.competition_id, season.season_id):
                for name in (f"match_updated{suffix}", f"match_available{suffix}"):
                    competition[name] = max(str(competition[name] or ""), moved)

    def _forget(self, match_id: int) -> None:
        """Drop the documents that a change of this match affects."""
        season = self._season_of[match_id]
        stale = {"competitions.json", f"matches/{season.competition_id}/{season.season_id}.json"}
        stale |= {f"{folder}/{match_id}.json" for folder in _FOLDERS}
        for path in stale:
            self._made.pop(path, None)


def _feed(name: str) -> str:
    """Return the feed of a name, which is its key or the folder of its URL."""
    feed = _FOLDERS.get(name, name)
    if feed not in FEEDS:
        raise KeyError(f"there is no feed '{name}'; there are {', '.join(FEEDS)}")
    return feed


def _latest(entries: Sequence[JsonObject], key: str) -> dt.datetime:
    times = [dt.datetime.fromisoformat(str(entry[key])) for entry in entries]
    return max(times, default=dt.datetime(2024, 1, 1))


_STEP = 0.6180340
"""How far a correction moves a value, as a part of its range. With the golden ratio no value comes again."""


def _correct_events(events: Any) -> None:
    """Change a shot's expected goals, as a provider's new model does; without a shot, the first event's duration."""
    for event in events:
        shot = event.get("shot")
        if shot is not None:
            shot["statsbomb_xg"] = round((float(shot["statsbomb_xg"]) + _STEP) % 1, 7)
            return
    events[0]["duration"] = float(events[0].get("duration") or 0.0) + 0.5


def _correct_lineups(lineups: Any) -> None:
    """Give the first player a nickname."""
    player = lineups[0]["lineup"][0]
    player["player_nickname"] = f"{player.get('player_nickname') or 'Ace'} II"


def _correct_frames(frames: Any) -> None:
    """Move a player of the first frame."""
    if frames and frames[0]["freeze_frame"]:
        location = frames[0]["freeze_frame"][0]["location"]
        location[0] = round((float(location[0]) + 120 * _STEP) % 120, 6)


_CORRECTIONS: dict[str, Callable[[Any], None]] = {
    "events": _correct_events,
    "lineups": _correct_lineups,
    "360-frames": _correct_frames,
}


def _new_id(event_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"rekeyed/{event_id}"))


def _rekey(events: Any) -> None:
    """Give all events new ids, also in the references to them."""
    new_ids = {event["id"]: _new_id(event["id"]) for event in events}

    def replace(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replace(one) for key, one in value.items()}
        if isinstance(value, list):
            return [replace(one) for one in value]
        return new_ids.get(value, value) if isinstance(value, str) else value

    events[:] = replace(events)
