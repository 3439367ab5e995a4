"""The table `lineups`: the players of both teams, and how long each of them played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestify.store.reading.data_frame import library
from ingestify.tables.definition import TableDefinition
from ingestify.tables.rows.people import name_of, text_of
from ingestify.tables.table_input import TableInput

if TYPE_CHECKING:
    import polars as pl

__all__ = ["make_frame"]


def make_frame(given: TableInput, definition: TableDefinition) -> pl.DataFrame:  # noqa: ARG001 - all of these have it
    """Return a row for each player, in kloppy's order: the home team first."""
    polars = library("polars")
    types = {
        "team_id": polars.String,
        "team_name": polars.String,
        "ground": polars.String,
        "player_id": polars.String,
        "player_name": polars.String,
        "jersey_no": polars.Int64,
        "starting": polars.Boolean,
        "starting_position": polars.String,
        "position": polars.String,
        "minutes_played": polars.Float64,
    }
    teams = given.kloppy_metadata().teams or ()
    has_minutes = _knows_substitutions(given)
    rows = [_row(team, player, has_minutes=has_minutes) for team in teams for player in team.players]
    return polars.DataFrame(rows, schema=types)  # type: ignore[no-any-return]


def _row(team: Any, player: Any, *, has_minutes: bool) -> dict[str, Any]:
    played = [one for one in player.positions.ranges() if one[2] is not None] if has_minutes else []
    longest = max(played, key=lambda one: one[1] - one[0], default=None)
    position = longest[2] if longest else player.starting_position
    return {
        "team_id": text_of(team.team_id),
        "team_name": text_of(team.name),
        "ground": team.ground.value,
        "player_id": text_of(player.player_id),
        "player_name": name_of(player),
        "jersey_no": int(number) if (number := str(player.jersey_no)).isdecimal() else None,
        "starting": bool(player.starting),
        "starting_position": text_of(player.starting_position),
        "position": text_of(position),
        "minutes_played": _minutes(played) if has_minutes else None,
    }


def _minutes(played: list[Any]) -> float:
    return sum(float((end - start).total_seconds()) for start, end, _ in played) / 60.0


def _knows_substitutions(given: TableInput) -> bool:
    """Return whether it is known who came on and went off. Without it, kloppy lets the first eleven play to the end."""
    from kloppy.domain import EventDataset, SubstitutionEvent

    if given.is_tracking:
        return False
    loaded = given.kloppy()
    return isinstance(loaded, EventDataset) and any(isinstance(one, SubstitutionEvent) for one in loaded.events)
