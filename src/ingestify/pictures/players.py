"""Players on a pitch: dots, filled for one team and hollow for the other, and squares for the keepers."""

from __future__ import annotations

from collections.abc import Sequence

from ingestify.pictures.match_parts import EDGE, LINE_HEIGHT
from ingestify.pictures.palette import colour
from ingestify.pictures.svg import PLAIN_WIDTH, element, escaped, fitted, label, text_width

__all__ = ["RADIUS", "ball", "legend_of_players", "player_dot"]

RADIUS = 5.0


def player_dot(x: float, y: float, ink: str, *, is_filled: bool, is_keeper: bool, title: str = "") -> str:
    """Return a player; the title is shown when the pointer is on it."""
    look = {"fill": colour(ink if is_filled else "grass"), "stroke": colour(ink), "stroke_width": 1.8}
    half = RADIUS * 0.95
    shape = (
        element("rect", x=x - half, y=y - half, width=2 * half, height=2 * half, **look)
        if is_keeper
        else element("circle", cx=x, cy=y, r=RADIUS, **look)
    )
    return element("g", element("title", escaped(title)), shape) if title.strip() else shape


def ball(x: float, y: float) -> str:
    """Return the ball."""
    return element("circle", cx=x, cy=y, r=3, fill=colour("text"), stroke=colour("grass"), stroke_width=1)


def legend_of_players(
    teams: Sequence[tuple[str, str, bool]], top: float, *, has_shooter: bool = False
) -> tuple[str, float]:
    """Return what the dots mean, and how high that is.

    Args:
        teams: The name of each, the name of its colour, and whether its dots are filled.
        top: Where it begins.
        has_shooter: Whether there is a ring around the shooter.
    """
    middle, parts = top + 9, []
    for number, (name, ink, is_filled) in enumerate(teams):
        x = EDGE + 6 + number * (PLAIN_WIDTH / 2)
        shown = fitted(name, PLAIN_WIDTH / 2 - 30)
        parts.append(player_dot(x, middle, ink, is_filled=is_filled, is_keeper=False))
        parts.append(label(shown, x + 12, middle + 4.5, ink=ink))
    x, middle = EDGE + 6, middle + LINE_HEIGHT
    kinds = [("keeper", player_dot(x, middle, "text", is_filled=False, is_keeper=True))]
    if has_shooter:
        x = EDGE + 6 + 30 + text_width("keeper")
        ring = element("circle", cx=x, cy=middle, r=RADIUS + 2, fill="none", stroke=colour("text"), stroke_width=1.5)
        kinds.append(("shooter", ring + element("circle", cx=x, cy=middle, r=3, fill=colour("text"))))
    x = EDGE + 6
    for kind, shape in kinds:
        parts.append(shape + label(kind, x + 12, middle + 4.5, ink="muted"))
        x += 30 + text_width(kind)
    return element("g", *parts), 2 * LINE_HEIGHT
