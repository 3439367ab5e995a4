"""The xG race: how the xG of both teams grew in the course of a match, with its goals."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from ingestify.match_periods import FIRST_MINUTES, LAST_MINUTES
from ingestify.pictures.match_parts import EDGE, HEAD_HEIGHT, goal_list, heading, sentences
from ingestify.pictures.match_values import SHOOT_OUT, Goal, MatchValues, Side
from ingestify.pictures.palette import colour
from ingestify.pictures.picture import Cell, Picture
from ingestify.pictures.placing import box_around, no_room, numbers_beside
from ingestify.pictures.svg import PLAIN_WIDTH, document, element, label

__all__ = ["MatchClock", "xg_race"]

_LEFT, _RIGHT = 40.0, PLAIN_WIDTH - EDGE - 4
_TOP, _HEIGHT = HEAD_HEIGHT + 16, 170.0
_BOTTOM = _TOP + _HEIGHT
_DOT = 4.5


@dataclasses.dataclass(frozen=True, slots=True)
class MatchClock:
    """The time of a match that never runs backwards: the second half begins when the first one has ended.

    Minutes do not do that: the first half may end in minute 48, and the second one begins in minute 45.

    Attributes:
        begins: Period to how many seconds were played before it.
        end: How many seconds were played.
    """

    begins: Mapping[int, float]
    end: float

    @classmethod
    def of(cls, match: MatchValues) -> MatchClock:
        """Return the clock of a match."""
        known = {shot.period: 0.0 for shot in match.played_shots}
        known |= {period: 0.0 for period in match.period_seconds if period != SHOOT_OUT}
        known |= {1: 0.0, 2: 0.0}
        moments: list[tuple[int, float]] = [
            *((shot.period, shot.seconds) for shot in match.played_shots),
            *((goal.period, goal.seconds) for goal in match.own_goals),
            *match.period_seconds.items(),
        ]
        begins, played = {}, 0.0
        for period in sorted(known):
            begins[period] = played
            played += max([60.0 * _usual_minutes(period), *(seconds for of, seconds in moments if of == period)])
        return cls(begins, played)

    def at(self, period: int, seconds: float) -> float:
        """Return how many seconds were played at a moment."""
        return self.begins[period] + seconds


def _usual_minutes(period: int) -> int:
    """Return the minutes of a period without stoppage time; 0: that is unknown."""
    return LAST_MINUTES[period] - FIRST_MINUTES[period] if period in LAST_MINUTES else 0


def xg_race(match: MatchValues) -> Picture:
    """Return the xG race of a match, without a shoot-out. Of a provider without xG, the picture says so."""
    clock = MatchClock.of(match)
    steps = {side: _steps(match, side, clock) for side in Side}
    most = max(0.5, *(line[-1][1] for line in steps.values())) * 1.12
    parts = [heading(match)]
    if match.has_xg:
        parts += [*_axes(clock, most), *(_line(line, side, clock.end, most) for side, line in steps.items())]
        marks, left_out = _goal_marks(match, clock, steps, most)
        parts += marks
        below = _BOTTOM + 24
        notes = no_room(left_out)
    else:
        below = HEAD_HEIGHT
        notes = ["No shots in this match." if not match.played_shots else "The provider gives no xG for these shots."]
    goals, goals_height = goal_list(match, below)
    said, said_height = sentences(notes, below + goals_height)
    alt = _alt(match)
    return Picture(
        title=f"xG race: {match.title}",
        alt=alt,
        svg=document("".join(parts) + goals + said, height=below + goals_height + said_height + EDGE, name=alt),
        columns=("minute", "team", "player", "xG", "sum of the team's xG", "outcome"),
        rows=_rows(match),
        row_ids=[shot.event_id for shot in match.played_shots],
    )


def _alt(match: MatchValues) -> str:
    if not match.has_xg:
        return f"{match.title}: no xG."
    home, away = (f"{match.teams[side].name} {match.xg_of(side):.2f}" for side in Side)
    return f"xG race of {match.title}: {home}, {away} at the end."


def _rows(match: MatchValues) -> Sequence[Sequence[Cell]]:
    sums = [0.0, 0.0]
    rows = []
    for shot in match.played_shots:
        sums[shot.side] += shot.xg or 0
        xg = None if shot.xg is None else round(shot.xg, 3)
        total = round(sums[shot.side], 3) if match.has_xg else None
        rows.append((shot.minute_text, match.teams[shot.side].name, shot.player, xg, total, shot.outcome.value))
    return rows


def _steps(match: MatchValues, side: Side, clock: MatchClock) -> list[tuple[float, float]]:
    """Return the moments of a team's shots, each with the sum of its xG until then; first the kick-off."""
    shots = sorted(
        (clock.at(shot.period, shot.seconds), shot.xg or 0) for shot in match.played_shots if shot.side is side
    )
    steps = [(0.0, 0.0)]
    for moment, xg in shots:
        steps.append((moment, steps[-1][1] + xg))
    return steps


def _x(moment: float, end: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * moment / end


def _y(xg: float, most: float) -> float:
    return _BOTTOM - _HEIGHT * xg / most


def _axes(clock: MatchClock, most: float) -> list[str]:
    step = next(step for step in (0.25, 0.5, 1.0, 2.0, 5.0, math.inf) if most / step <= 5)
    parts = []
    for number in range(int(most / step) + 1):
        y = _y(number * step, most)
        parts.append(element("line", x1=_LEFT, x2=_RIGHT, y1=y, y2=y, stroke=colour("grid"), stroke_width=1))
        parts.append(label(f"{number * step:g}", _LEFT - 5, y + 4.5, ink="muted", text_anchor="end"))
    parts.append(label("xG", _LEFT - 5, _TOP - 6, ink="muted", text_anchor="end"))
    for period, begins in clock.begins.items():
        first = FIRST_MINUTES.get(period, 0)
        x = _x(begins, clock.end)
        parts.append(
            element(
                "line", x1=x, x2=x, y1=_TOP, y2=_BOTTOM, stroke=colour("line"), stroke_width=1, stroke_dasharray="3 3"
            )
        )
        # The last minute of the last period has a label; that of the others is the first one of the next.
        to_label = range(0, _usual_minutes(period) + (period == max(clock.begins)), 15)
        parts += [_minute(first + minute, _x(begins + minute * 60, clock.end)) for minute in to_label]
    return parts


def _minute(minute: int, x: float) -> str:
    return label(f"{minute}′", x, _BOTTOM + 16, ink="muted", text_anchor="middle")


def _line(steps: Sequence[tuple[float, float]], side: Side, end: float, most: float) -> str:
    path = f"M{_x(0, end):.1f} {_y(0, most):.1f}"
    path += "".join(f"H{_x(moment, end):.1f}V{_y(xg, most):.1f}" for moment, xg in steps[1:]) + f"H{_RIGHT:.1f}"
    # The lines differ in black and white, too.
    dashes = "6 3" if side is Side.AWAY else None
    return element("path", d=path, fill="none", stroke=colour(side.ink), stroke_width=2.2, stroke_dasharray=dashes)


def _goal_marks(
    match: MatchValues, clock: MatchClock, steps: Mapping[Side, Sequence[tuple[float, float]]], most: float
) -> tuple[list[str], int]:
    """Return a mark on the line for each goal, and their numbers; and how many of them have no room."""
    marks = [
        (
            number,
            _x(clock.at(goal.period, goal.seconds), clock.end),
            _y(_xg_at(goal, clock, steps), most),
            _DOT,
            goal.side.ink,
        )
        for number, goal in enumerate(match.goals, 1)
    ]
    line = {"stroke": colour("surface"), "stroke_width": 1.5}
    dots = [element("circle", cx=x, cy=y, r=size, fill=colour(ink), **line) for _, x, y, size, ink in marks]
    taken = [box_around(x, y, size) for _, x, y, size, _ in marks]
    numbers, left_out = numbers_beside(marks, taken, (_LEFT, _TOP, _RIGHT, _BOTTOM), "surface")
    return [*dots, numbers], left_out


def _xg_at(goal: Goal, clock: MatchClock, steps: Mapping[Side, Sequence[tuple[float, float]]]) -> float:
    moment = clock.at(goal.period, goal.seconds)
    return max(xg for at, xg in steps[goal.side] if at <= moment)
