"""Finds the places of short texts beside their marks, where they cover the least."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from ingestify.pictures.palette import colour
from ingestify.pictures.svg import element, label

__all__ = ["Box", "Numbered", "box_around", "no_room", "numbers_beside", "shared_area"]

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom."""

Numbered: TypeAlias = tuple[int, float, float, float, str]
"""A number, the middle and the radius of its mark, and the name of its colour."""

_HALF_HEIGHT = 6.0
_AROUND = ((0, -1), (1, 0), (-1, 0), (0, 1), (0.8, -0.8), (-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8))
_NEAR, _FAR, _COST_OF_FAR = 3.0, 10.0, 15.0
_MOST_COVERED = 40.0
"""The most of another text or mark that a number covers, in square units; it is about 140 itself."""


def numbers_beside(numbered: Iterable[Numbered], taken: Sequence[Box], within: Box, ground: str) -> tuple[str, int]:
    """Return the numbers of marks, each beside its mark; and how many have no room.

    Args:
        numbered: The numbers.
        taken: Where marks are.
        within: Where numbers may be.
        ground: The name of the colour behind them.
    """
    boxes, parts, left_out = list(taken), [], 0
    for number, x, y, radius, ink in numbered:
        half_width = 4.2 * len(str(number)) + 1
        found = [
            _box_at(x + across * (radius + half_width + gap), y + down * (radius + _HALF_HEIGHT + gap), half_width)
            for gap in (_NEAR, _FAR)
            for across, down in _AROUND
        ]
        costs = [_cost(box, boxes, within) + (_COST_OF_FAR if n >= len(_AROUND) else 0) for n, box in enumerate(found)]
        cost = min(costs)
        best = found[costs.index(cost)]
        if cost > _MOST_COVERED:
            left_out += 1
            continue
        boxes.append(best)
        parts.append(
            label(
                number,
                (best[0] + best[2]) / 2,
                best[3] - 1.5,
                ink=ink,
                font_weight="bold",
                text_anchor="middle",
                stroke=colour(ground),
                stroke_width=3,
                paint_order="stroke",
            )
        )
    return element("g", *parts) if parts else "", left_out


def _box_at(x: float, y: float, half_width: float) -> Box:
    return x - half_width, y - _HALF_HEIGHT, x + half_width, y + _HALF_HEIGHT


def no_room(left_out: int) -> list[str]:
    """Return the sentence about numbers that have no room; none if there are none."""
    return [f"No room for {left_out} number{'' if left_out == 1 else 's'}: see the table."] if left_out else []


def box_around(x: float, y: float, radius: float) -> Box:
    """Return the box of a mark."""
    return x - radius, y - radius, x + radius, y + radius


def shared_area(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


def _cost(box: Box, taken: Sequence[Box], within: Box) -> float:
    outside = (box[2] - box[0]) * (box[3] - box[1]) - shared_area(box, within)
    return sum(shared_area(box, other) for other in taken) + 10 * outside
