"""Sportec's tracking (DFL, IDSSE): XML with 25 frames a second, in metres from the centre, y upwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestify.comparison.content import read_content
from ingestify.replay.recording import Player, Recording
from ingestify.replay.tape import Tape
from ingestify.tables.rows.sportec_positions import BALL, AddFrame, period_and_object, read_positions
from ingestify.tables.table_input import TableInput

__all__ = ["read_sportec"]

_RATE = 25
_FIRST_FRAMES = {1: 10_000, 2: 100_000, 3: 200_000, 4: 250_000}
"""The number of the frame of each kick-off, as DFL defines it."""


def read_sportec(given: TableInput) -> Recording:
    """Return the match without the referees; see `reading.NativeReader`."""
    document: Any = read_content(given.files.require_file("metadata").stream, "xml")
    information = document["MatchInformation"][0]
    environment = information["Environment"][0]
    pitch = float(environment["PitchX"]), float(environment["PitchY"])
    teams = sorted(information["Teams"][0]["Team"], key=lambda one: one["Role"] != "home")
    players = {
        one["PersonId"]: Player(one["PersonId"], side, one.get("ShirtNumber", ""), one.get("Shortname", ""))
        for side, team in enumerate(teams[:2])
        for one in team["Players"][0]["Player"]
    }
    tape = Tape(_RATE)

    def open_set(attributes: Mapping[str, str]) -> AddFrame | None:
        period, key = period_and_object(attributes)
        if period is None or key is None or (key != BALL and key not in players):
            return None
        first = _FIRST_FRAMES[period]

        def add(frame: Mapping[str, str]) -> None:
            number = int(frame["N"]) - first
            if tape.is_kept(number):
                tape.put(period, number, key, float(frame["X"]), float(frame["Y"]))

        return add

    read_positions(given.files.require_file("frames").stream, open_set)
    return tape.finish((teams[0]["TeamName"], teams[1]["TeamName"]), players.values(), pitch)
