"""One frame of tracking data: where everybody was at one moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ingestify.pictures.match_parts import EDGE, sentences
from ingestify.pictures.match_values import Side
from ingestify.pictures.picture import Picture
from ingestify.pictures.pitch import LENGTH, WIDTH, Pitch
from ingestify.pictures.placing import box_around, no_room, numbers_beside
from ingestify.pictures.players import RADIUS, ball, legend_of_players, player_dot
from ingestify.pictures.svg import BOLD, PLAIN_WIDTH, document, fitted, label

__all__ = ["TrackedPlayer", "TrackingFrame", "tracking_frame"]

_TOP = 46.0
_PITCH = Pitch(EDGE, _TOP, (PLAIN_WIDTH - 2 * EDGE) / LENGTH)


@dataclasses.dataclass(frozen=True, slots=True)
class TrackedPlayer:
    """A player in a frame.

    Attributes:
        side: The team.
        x: From the left goal line, 0 to 1 of the length; `y` from the upper touchline, 0 to 1 of the width.
        name: Empty: unknown.
        number: On the shirt; None if unknown.
        is_keeper: Whether he or she keeps a goal.
    """

    side: Side
    x: float
    y: float
    name: str = ""
    number: int | None = None
    is_keeper: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class TrackingFrame:
    """One frame of tracking data.

    Attributes:
        teams: The names of the home and of the away team.
        players: Those whose places are known.
        ball: Its place, as that of a player; None: unknown.
        period: Of the match.
        seconds: Since the beginning of the period.
    """

    teams: tuple[str, str]
    players: Sequence[TrackedPlayer]
    ball: tuple[float, float] | None
    period: int
    seconds: float

    @property
    def moment(self) -> str:
        """When it was: `period 1, 12:03.4`."""
        minutes, seconds = divmod(self.seconds, 60)
        return f"period {self.period}, {int(minutes)}:{seconds:04.1f}"


def tracking_frame(frame: TrackingFrame) -> Picture:
    """Return one frame of tracking data. Names are in the table: on the pitch they would cover one another."""
    placed = [(one, *_at(one.x, one.y)) for one in frame.players]
    dots = [
        player_dot(x, y, one.side.ink, is_filled=one.side is Side.HOME, is_keeper=one.is_keeper, title=one.name)
        for one, x, y in placed
    ]
    numbers, left_out = numbers_beside(
        [(one.number, x, y, RADIUS, one.side.ink) for one, x, y in placed if one.number is not None],
        [box_around(x, y, RADIUS) for _, x, y in placed],
        _PITCH.box,
        "grass",
    )
    names = f"{frame.teams[0]} – {frame.teams[1]}"
    title = f"{names}, {frame.moment}"
    below = _TOP + _PITCH.height + 4
    legend, legend_height = legend_of_players(
        [(frame.teams[Side.HOME], "home", True), (frame.teams[Side.AWAY], "away", False)], below
    )
    notes = no_room(left_out) + ([] if frame.ball else ["The place of the ball is unknown."])
    said, said_height = sentences(notes, below + legend_height)
    alt = f"Tracking frame of {title}: {len(frame.players)} players{' and the ball' if frame.ball else ''}."
    content = (
        label(fitted(names, PLAIN_WIDTH - 2 * EDGE, 15 * BOLD), EDGE, 20, size=15, font_weight="bold")
        + label(frame.moment, EDGE, 38, ink="muted")
        + _PITCH.draw()
        + "".join(dots)
        + numbers
        + ("" if frame.ball is None else ball(*_at(*frame.ball)))
        + legend
        + said
    )
    return Picture(
        title=f"Tracking frame: {title}",
        alt=alt,
        svg=document(content, height=below + legend_height + said_height + EDGE, name=alt),
        columns=("team", "number", "player", "role", "x", "y"),
        rows=[
            (
                frame.teams[one.side],
                one.number,
                one.name,
                "keeper" if one.is_keeper else "",
                round(one.x, 3),
                round(one.y, 3),
            )
            for one in frame.players
        ],
    )


def _at(x: float, y: float) -> tuple[float, float]:
    return _PITCH.at(x * LENGTH, y * WIDTH)
