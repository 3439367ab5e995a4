"""The line-ups on the pitch: the first eleven of both teams by their numbers, and their names below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingestify.pictures.match_parts import EDGE, HEAD_HEIGHT, LINE_HEIGHT, heading, sentences
from ingestify.pictures.match_values import MatchValues, Player, Side, Team
from ingestify.pictures.palette import colour
from ingestify.pictures.picture import Cell, Picture
from ingestify.pictures.pitch import LENGTH, WIDTH, Pitch
from ingestify.pictures.svg import PLAIN_WIDTH, document, element, escaped, fitted, label, text_width

__all__ = ["line_ups"]

_PITCH = Pitch(EDGE, HEAD_HEIGHT, (PLAIN_WIDTH - 2 * EDGE) / LENGTH)
_RADIUS = 9.5

_LINES = (
    ("goalkeeper", 5.0),
    ("wing back", 23.0),
    ("back", 17.0),
    ("defensive midfield", 26.0),
    ("attacking midfield", 42.0),
    ("midfield", 34.0),
    ("striker", 49.0),
    ("forward", 55.5),
    ("wing", 48.0),
)
"""What the words of a position say about its distance from the own goal. The first that fits counts."""

_FILES = (
    ("left center", 26.0),
    ("right center", 54.0),
    ("left defensive", 28.0),
    ("right defensive", 52.0),
    ("left attacking", 20.0),
    ("right attacking", 60.0),
    ("left", 10.0),
    ("right", 70.0),
)
"""Likewise about its place from left to right. Everything else is in the middle."""


def line_ups(match: MatchValues) -> Picture:
    """Return the line-ups of a match. The home team is on the left, and attacks to the right."""
    parts = [heading(match), _PITCH.draw()]
    for side in Side:
        parts += _on_pitch(match.teams[side], side)
    below = HEAD_HEIGHT + _PITCH.height + 6
    if any(team.formation for team in match.teams):
        parts += [_formation(match.teams[side], side, below) for side in Side]
        below += LINE_HEIGHT
    lists = [_names(match.teams[side], side, below) for side in Side]
    height = max(high for _, high in lists)
    notes, notes_height = sentences(_notes(match), below + height)
    alt = _alt(match)
    return Picture(
        title=f"Line-ups: {match.title}",
        alt=alt,
        svg=document(
            "".join(parts) + "".join(drawn for drawn, _ in lists) + notes,
            height=below + height + notes_height + EDGE,
            name=alt,
        ),
        columns=("team", "number", "player", "position", "on", "off"),
        rows=list(_rows(match)),
    )


def _alt(match: MatchValues) -> str:
    teams = (f"{team.name} {team.formation}".strip() for team in match.teams)
    return f"Line-ups of {match.title}: {', '.join(teams)}."


def _notes(match: MatchValues) -> list[str]:
    without = [team.name for team in match.teams if not any(one.is_starter for one in team.players)]
    return [f"The first eleven of {name} is unknown." for name in without]


def _rows(match: MatchValues) -> Iterator[Sequence[Cell]]:
    for team in match.teams:
        for one in team.players:
            role = (one.position or "first eleven") if one.is_starter else "" if one.came_on else "substitute, not used"
            yield team.name, one.number, one.name, role, one.came_on, one.went_off


def _on_pitch(team: Team, side: Side) -> Iterator[str]:
    places: dict[tuple[float, float], list[Player]] = {}
    for one in team.players:
        if one.is_starter and one.position.strip():
            places.setdefault(_place(one.position), []).append(one)
    for (x, y), players in places.items():
        for number, one in enumerate(players):
            # Two centre backs that the provider gives one name are beside each other.
            across = y + (number - (len(players) - 1) / 2) * 14
            yield _player(one, side, *((x, across) if side is Side.HOME else (LENGTH - x, WIDTH - across)))


def _place(position: str) -> tuple[float, float]:
    words = position.lower().replace("-", " ").replace("centre", "center")
    x = next((distance for name, distance in _LINES if name in words), 34.0)
    return x, next((distance for name, distance in _FILES if words.startswith(name)), 40.0)


def _player(player: Player, side: Side, x: float, y: float) -> str:
    middle_x, middle_y = _PITCH.at(x, y)
    look = {"fill": colour(side.ink)}
    is_keeper = "goalkeeper" in player.position.lower()
    shape = (
        element("rect", x=middle_x - _RADIUS, y=middle_y - _RADIUS, width=2 * _RADIUS, height=2 * _RADIUS, rx=2, **look)
        if is_keeper
        else element("circle", cx=middle_x, cy=middle_y, r=_RADIUS, **look)
    )
    number = "" if player.number is None else player.number
    text = label(number, middle_x, middle_y + 4.5, ink="surface", font_weight="bold", text_anchor="middle")
    return element("g", element("title", escaped(player.name)), shape, text)


def _edge(side: Side) -> tuple[float, str]:
    return (EDGE, "start") if side is Side.HOME else (PLAIN_WIDTH - EDGE, "end")


def _formation(team: Team, side: Side, top: float) -> str:
    x, anchor = _edge(side)
    return label(team.formation, x, top + 13, ink=side.ink, font_weight="bold", text_anchor=anchor)


def _names(team: Team, side: Side, top: float) -> tuple[str, float]:
    """Return the names of a team in its half of the picture, those who came on last, and how high that is."""
    x, anchor = _edge(side)
    shown = [one for one in team.players if one.is_starter] + [one for one in team.players if one.came_on]
    parts = []
    for line, one in enumerate(shown):
        number = "" if one.number is None else f"{one.number} "
        change = f" ↑{one.came_on}" if one.came_on else ""
        change += f" ↓{one.went_off}" if one.went_off else ""
        name = fitted(one.name, PLAIN_WIDTH / 2 - EDGE - 6 - text_width(number + change))
        ink = "text" if one.is_starter else "muted"
        parts.append(label(f"{number}{name}{change}", x, top + line * LINE_HEIGHT + 13, ink=ink, text_anchor=anchor))
    return element("g", *parts), LINE_HEIGHT * len(shown)
