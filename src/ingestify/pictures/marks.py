"""The marks of shots: what became of a shot is the shape and the filling, and never the colour."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ingestify.pictures.match_parts import EDGE
from ingestify.pictures.match_values import Outcome
from ingestify.pictures.palette import colour
from ingestify.pictures.svg import element, label, text_width

__all__ = ["GOAL_RING", "legend", "mark", "radius_of"]

GOAL_RING = 2.5
"""How far the ring of a goal is from its circle."""

_RADIUS_WITHOUT_XG = 5.0


def radius_of(xg: float | None) -> float:
    """Return the radius of a mark, whose area grows with the xG."""
    return _RADIUS_WITHOUT_XG if xg is None else 2.6 + 9 * math.sqrt(min(max(xg, 0.0), 1.0))


def mark(outcome: Outcome, x: float, y: float, radius: float, ink: str) -> str:
    """Return the mark of a shot in a colour."""
    line = {"stroke": colour(ink), "stroke_width": 1.6}
    hollow = {**line, "fill": colour("grass"), "fill_opacity": "0.6"}
    match outcome:
        case Outcome.GOAL:
            ring = element("circle", cx=x, cy=y, r=radius + GOAL_RING, fill="none", **line)
            return element("circle", cx=x, cy=y, r=radius, fill=colour(ink)) + ring
        case Outcome.SAVED:
            return element("circle", cx=x, cy=y, r=radius, **hollow)
        case Outcome.BLOCKED:
            half = radius * 0.88
            return element("rect", x=x - half, y=y - half, width=2 * half, height=2 * half, **hollow)
        case Outcome.POST:
            wide, up, down = radius * 1.1, radius * 1.25, radius * 0.8
            corners = f"M{x:.1f} {y - up:.1f}L{x + wide:.1f} {y + down:.1f}H{x - wide:.1f}Z"
            return element("path", d=corners, stroke_linejoin="round", **hollow)
    arm = radius * 0.8
    cross = f"M{x - arm:.1f} {y - arm:.1f}l{2 * arm:.1f} {2 * arm:.1f}m0 {-2 * arm:.1f}l{-2 * arm:.1f} {2 * arm:.1f}"
    # What can be pointed at is the whole square, as of the others.
    around = element("rect", x=x - arm, y=y - arm, width=2 * arm, height=2 * arm, fill_opacity="0")
    return around + element("path", d=cross, fill="none", **line)


def legend(outcomes: Iterable[Outcome], top: float) -> str:
    """Return what the marks mean that are there."""
    there = set(outcomes)
    parts, x = [], EDGE + 6
    for outcome in (one for one in Outcome if one in there):
        parts.append(mark(outcome, x, top + 8, 4.5, "text") + label(outcome.value, x + 10, top + 12.5, ink="muted"))
        x += 30 + text_width(outcome.value)
    return element("g", *parts)
