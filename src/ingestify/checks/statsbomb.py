"""Checks that the files of a StatsBomb match agree, by the ids with which they refer to each other.

StatsBomb sometimes gives all events of a match new ids. Match 3788741 was exported in November 2022 and in March 2023:
each time it has 3,803 events, and no id is in both. The 360 file, which refers to events by their ids, and its time in
the index did not change. kloppy then joins 37 of 3,482 freeze frames, without a warning.

Format: https://github.com/statsbomb/open-data, `doc/`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.domain.bundle_check import Bundle, BundleCheck

__all__ = ["StatsBombMatchCheck"]


class StatsBombMatchCheck(BundleCheck):
    """Freeze frames must belong to events, events to the teams of the lineups, and lineups to the match."""

    provider = "statsbomb"
    dataset_type = "match"
    time_limit = None  # it only compares what is decoded

    @property
    def shapes(self) -> Mapping[str, Any]:
        """The ids of each feed."""
        return _shapes()

    def find_problems(self, bundle: Bundle) -> Iterator[str]:
        """Yield each disagreement. A feed that the bundle lacks is not checked."""
        match = self._ids_of_match(bundle)
        lineups = self._ids(bundle, "lineups", "team_id")
        event_file = bundle.find_file("events")
        events = None if event_file is None else event_file.json_as(self.shapes["events"])
        if lineups is not None and match and lineups != match:
            yield f"the lineups are of the teams {_listed(lineups)}, and the match is of {_listed(match)}"
        if events is not None:
            yield from self._check_events(bundle, events, lineups)
        frames = self._ids(bundle, "360-frames", "event_uuid")
        if frames is not None and events is not None:
            strangers = len(frames - {event.id for event in events})
            if strangers:
                yield (
                    f"{strangers:,} of {len(frames):,} freeze frames of 360-frames belong to no event of the events "
                    f"file: the two are of different exports"
                )

    def _check_events(self, bundle: Bundle, events: list[Any], lineups: set[Any] | None) -> Iterator[str]:
        if not events and bundle.state.is_complete:
            yield "the events file holds no event, although the match is complete"
        teams = {event.team.id for event in events if event.team is not None}
        if lineups is not None and not teams <= lineups:
            yield (
                f"events are of the teams {_listed(teams - lineups)}, which the lineups do not have; they are of "
                f"{_listed(lineups)}"
            )

    def _ids(self, bundle: Bundle, feed: str, name: str) -> set[Any] | None:
        file = bundle.find_file(feed)
        return None if file is None else {getattr(entry, name) for entry in file.json_as(self.shapes[feed])}

    def _ids_of_match(self, bundle: Bundle) -> set[Any]:
        file = bundle.find_file("match")
        if file is None:
            return set()
        match = file.json_as(self.shapes["match"])
        home = None if match.home_team is None else match.home_team.home_team_id
        away = None if match.away_team is None else match.away_team.away_team_id
        return set() if home is None or away is None else {home, away}


def _listed(ids: set[Any]) -> str:
    return ", ".join(str(one) for one in sorted(ids, key=str)) or "none"


@functools.cache
def _shapes() -> Mapping[str, Any]:
    import msgspec  # the import takes a while, and only a run needs it

    def struct(name: str, *fields: tuple[Any, ...]) -> type[msgspec.Struct]:
        # All other keys are skipped, which makes this quick. Without `gc` the garbage collector skips the thousands of
        # objects; they cannot refer to themselves.
        return msgspec.defstruct(name, list(fields), gc=False)

    team = struct("Team", ("id", int | None, None))
    event = struct("Event", ("id", str), ("team", team | None, None))
    lineup = struct("Lineup", ("team_id", int))
    frame = struct("Frame", ("event_uuid", str))
    home = struct("HomeTeam", ("home_team_id", int | None, None))
    away = struct("AwayTeam", ("away_team_id", int | None, None))
    match = struct("Match", ("home_team", home | None, None), ("away_team", away | None, None))
    return {"events": list[event], "lineups": list[lineup], "360-frames": list[frame], "match": match}  # type: ignore[valid-type]
