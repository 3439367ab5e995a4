"""SkillCorner's tracking: JSON with 10 frames a second, in the layouts of 2020 and of today.

In that of 2020 a frame has `data`, whose objects have a `trackable_object`, or only a `track_id` and a team if nobody
knows who it is. Today it has `ball_data` and `player_data`. Places are metres from the centre, y upwards.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.match_periods import FIRST_MINUTES
from ingestify.replay.json_frames import iter_json_frames
from ingestify.replay.recording import BALL, Player, Recording
from ingestify.replay.tape import Tape
from ingestify.tables.table_input import TableInput

__all__ = ["read_skillcorner"]

_RATE = 10
_SIDES = {"home team": 0, "away team": 1}
_OTHERS = frozenset({"referee"})


def read_skillcorner(given: TableInput) -> Recording:
    """Return the match; see `reading.NativeReader`."""
    metadata = json.loads(given.files.require_file("metadata").read())
    sheet = _Sheet(metadata)
    tape = Tape(_RATE)
    for frame in iter_json_frames(given.files.require_file("frames").stream, "frames"):
        period, time = frame["period"], frame.get("time", frame.get("timestamp"))
        if period is None or time is None:
            continue  # before the match, or between the halves
        number = round((_seconds(time) - 60 * FIRST_MINUTES.get(period, 0)) * _RATE)
        if tape.is_kept(number):
            for key, one in sheet.iter_objects(frame):
                tape.put(period, number, key, one["x"], one["y"])
    return tape.finish(sheet.teams, sheet.players.values(), sheet.pitch, sheet.notes())


class _Sheet:
    """Who is who, by the metadata."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        home, away = metadata["home_team"], metadata["away_team"]
        self.teams = _name_of_team(home), _name_of_team(away)
        self.pitch = float(metadata["pitch_length"]), float(metadata["pitch_width"])
        sides = {home["id"]: 0, away["id"]: 1}
        self.players: dict[str, Player] = {}
        self._tracks: dict[Any, str] = {}
        for one in metadata["players"]:
            if one["team_id"] in sides:
                key = str(one["id"])
                self._tracks[one.get("trackable_object")] = key
                number = one.get("number")
                self.players[key] = Player(
                    key, sides[one["team_id"]], "" if number is None else str(number), _name(one)
                )
        self._tracks.pop(None, None)
        ball = (metadata.get("ball") or {}).get("trackable_object")
        if ball is not None:
            self._tracks[ball] = BALL
        self._unnamed: dict[tuple[int, Any], str] = {}
        self._others = {one.get("trackable_object") for one in metadata.get("referees") or ()} - {None}
        self._unknown: Counter[str] = Counter()

    def iter_objects(self, frame: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the ball and the players with a place: their ids, and the objects with x and y."""
        if "data" in frame:
            yield from self._iter_tracks(frame["data"])
            return
        ball = frame.get("ball_data") or {}
        if ball.get("x") is not None and ball.get("y") is not None:
            yield BALL, ball
        for one in frame["player_data"]:
            key = str(one["player_id"])
            if one["x"] is None or one["y"] is None:
                continue
            if key in self.players:
                yield key, one
            else:
                self._unknown[f"the player {key}, whom the metadata does not have"] += 1

    def _iter_tracks(self, objects: list[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        unnamed: list[tuple[tuple[int, Any], Mapping[str, Any]]] = []
        for one in objects:
            track, group = one.get("trackable_object"), one.get("group_name")
            if track in self._tracks:
                yield self._tracks[track], one
            elif group == "balls":
                yield BALL, one
            elif track is None and group in _SIDES:
                unnamed.append(((_SIDES[group], one.get("track_id")), one))
            elif group not in _OTHERS and track not in self._others:
                self._unknown[f"the object {track}, which the metadata does not have"] += 1
        # A nameless track lasts for some seconds, and there are hundreds in a match: those at once have different keys.
        keys = {track: self._unnamed[track] for track, _ in unnamed if track in self._unnamed}
        for track, one in unnamed:
            if track not in keys:
                taken = set(keys.values())
                keys[track] = next(key for key in self._iter_free(track[0]) if key not in taken)
            yield keys[track], one
        self._unnamed = keys

    def _iter_free(self, side: int) -> Iterator[str]:
        for number in range(1, 100):
            key = f"unnamed-{('home', 'away')[side]}-{number}"
            self.players.setdefault(key, Player(key, side, "", "not recognized"))
            yield key

    def notes(self) -> list[str]:
        """Return what was left out."""
        return [f"{count:,} places of {what}, are left out." for what, count in self._unknown.most_common(20)]


def _name_of_team(team: Mapping[str, Any]) -> str:
    return str(team.get("short_name") or team.get("name") or team["id"])


def _name(player: Mapping[str, Any]) -> str:
    return str(player.get("short_name") or " ".join(filter(None, (player.get("first_name"), player.get("last_name")))))


def _seconds(time: str) -> float:
    """Return the seconds of `M:SS.ss` or `HH:MM:SS.ss`."""
    total = 0.0
    for part in time.split(":"):
        total = 60 * total + float(part)
    return total
