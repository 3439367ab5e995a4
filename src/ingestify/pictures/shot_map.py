"""The shot map: where each shot of a match was taken, what became of it, and how large its xG was."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from ingestify.pictures.marks import GOAL_RING, legend, mark, radius_of
from ingestify.pictures.match_parts import EDGE, HEAD_HEIGHT, LINE_HEIGHT, goal_list, heading, sentences
from ingestify.pictures.match_values import MatchValues, Outcome, Shot, Side
from ingestify.pictures.picture import Cell, Picture
from ingestify.pictures.pitch import LENGTH, WIDTH, Pitch
from ingestify.pictures.placing import box_around, no_room, numbers_beside
from ingestify.pictures.svg import PLAIN_WIDTH, document, element, escaped

__all__ = ["shot_map"]

_COLUMNS = ("minute", "team", "player", "xG", "outcome", "kind")

_NO_XG = "The provider gives no xG: all marks have one size."

_PITCH = Pitch(EDGE, HEAD_HEIGHT, (PLAIN_WIDTH - 2 * EDGE) / LENGTH)
_FEWEST_APART = 1.5
"""Two shots that are nearer, in units of the pitch, are drawn side by side: penalties are all at one spot."""


def shot_map(match: MatchValues, link: Callable[[str], str] | None = None) -> Picture:
    """Return the shot map of a match. The home team attacks to the right.

    Kicks of a shoot-out are in the table and not on the pitch.

    Args:
        match: The match.
        link: Returns the address of a shot's own page, of the provider's id of the shot; None: no links.
    """
    numbers = {id(goal.shot): number for number, goal in enumerate(match.goals, 1) if goal.shot}
    placed = list(_spread([shot for shot in match.played_shots if shot.place is not None]))
    # The large ones first, so that none is hidden.
    placed.sort(key=lambda one: -(one[0].xg or 0))
    marks = [_mark(shot, x, y, link) for shot, x, y in placed]
    drawn_numbers, left_out = _numbers(placed, numbers)
    below = HEAD_HEIGHT + _PITCH.height + 4
    goals, goals_height = goal_list(match, below + LINE_HEIGHT + 6)
    notes, notes_height = sentences([*no_room(left_out), *_notes(match)], below + LINE_HEIGHT + 6 + goals_height)
    alt = _alt(match)
    content = (
        heading(match, ("→", "←"))
        + _PITCH.draw()
        + element("g", *marks)
        + drawn_numbers
        + legend((shot.outcome for shot, _, _ in placed), below)
        + goals
        + notes
    )
    height = below + LINE_HEIGHT + 6 + goals_height + notes_height + EDGE
    return Picture(
        title=f"Shots: {match.title}",
        alt=alt,
        svg=document(content, height=height, name=alt, has_links=link is not None and bool(placed)),
        columns=_COLUMNS,
        rows=[_row(match, shot) for shot in match.shots],
        row_ids=[shot.event_id for shot in match.shots],
    )


def _row(match: MatchValues, shot: Shot) -> Sequence[Cell]:
    """Return a shot's row of the table, with a value for each of `_COLUMNS`."""
    minute = "shoot-out" if shot.is_of_shoot_out else shot.minute_text
    xg = None if shot.xg is None else round(shot.xg, 3)
    return minute, match.teams[shot.side].name, shot.player, xg, shot.outcome.value, shot.kind


def _alt(match: MatchValues) -> str:
    shots = [shot.side for shot in match.played_shots]
    counts = f"{shots.count(Side.HOME)} and {shots.count(Side.AWAY)} shots"
    xg = f", xG {match.xg_of(Side.HOME):.2f} and {match.xg_of(Side.AWAY):.2f}" if match.has_xg else ""
    return f"Shot map of {match.title}: {counts}{xg}."


def _notes(match: MatchValues) -> Iterator[str]:
    shots = match.played_shots
    if not shots:
        yield "No shots in this match."
    elif not match.has_xg:
        yield _NO_XG
    if lost := sum(shot.place is None for shot in shots):
        yield f"{lost} shot{' has' if lost == 1 else 's have'} no place, and {'is' if lost == 1 else 'are'} not drawn."
    if match.shoot_out:
        yield "The kicks of the shoot-out are not drawn."


def _on_pitch(shot: Shot) -> tuple[float, float]:
    assert shot.x is not None
    assert shot.y is not None
    return (shot.x, shot.y) if shot.side is Side.HOME else (LENGTH - shot.x, WIDTH - shot.y)


def _spread(shots: Sequence[Shot]) -> Iterator[tuple[Shot, float, float]]:
    """Yield each shot with its place in the picture; those at one spot are moved apart, up and down."""
    spots: list[tuple[tuple[float, float], list[Shot]]] = []
    for shot in shots:
        place = _on_pitch(shot)
        near = next((of for spot, of in spots if math.dist(spot, place) < _FEWEST_APART), None)
        if near is None:
            spots.append((place, [shot]))
        else:
            near.append(shot)
    for place, together in spots:
        x, y = _PITCH.at(*place)
        sizes = [2 * radius_of(shot.xg) + 3 for shot in together]
        top = y - sum(sizes) / 2
        for shot, size in zip(together, sizes, strict=True):
            yield shot, x, (y if len(together) == 1 else top + size / 2)
            top += size


def _mark(shot: Shot, x: float, y: float, link: Callable[[str], str] | None) -> str:
    title = element("title", escaped(shot.text))
    drawn = title + mark(shot.outcome, x, y, radius_of(shot.xg), shot.side.ink)
    return element("g", drawn) if link is None else element("a", drawn, href=link(shot.event_id))


def _numbers(placed: Sequence[tuple[Shot, float, float]], numbers: dict[int, int]) -> tuple[str, int]:
    sizes = [
        (shot, x, y, radius_of(shot.xg) + (GOAL_RING if shot.outcome is Outcome.GOAL else 0)) for shot, x, y in placed
    ]
    return numbers_beside(
        [(numbers[id(shot)], x, y, size, "text") for shot, x, y, size in sizes if id(shot) in numbers],
        [box_around(x, y, size) for _, x, y, size in sizes],
        _PITCH.box,
        "grass",
    )
