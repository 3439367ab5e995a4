"""The pitch: its lines, and where a place on it is in a picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ingestify.pictures.palette import colour
from ingestify.pictures.svg import element, rounded

__all__ = ["LENGTH", "WIDTH", "Pitch"]

LENGTH, WIDTH = 120.0, 80.0
"""The pitch in StatsBomb's units, which are those of all places in this room."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pitch:
    """A pitch in a picture, or its end to which a team attacks.

    Attributes:
        left: Where it begins, in units of the picture; `top` likewise.
        scale: How many units of the picture one of the pitch has.
        first_x: Where on the pitch it begins: 0 for the whole, 60 for a half.
        is_upright: Whether the team attacks upwards; else to the right.
    """

    left: float
    top: float
    scale: float
    first_x: float = 0.0
    is_upright: bool = False

    @property
    def width(self) -> float:
        """In units of the picture; `height` likewise."""
        return (WIDTH if self.is_upright else LENGTH - self.first_x) * self.scale

    @property
    def height(self) -> float:
        """In units of the picture."""
        return (LENGTH - self.first_x if self.is_upright else WIDTH) * self.scale

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in the picture."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place is in the picture; one outside is at the edge."""
        along = min(max(x, self.first_x - 1.0), LENGTH + 1.0) - self.first_x
        across = min(max(y, -1.0), WIDTH + 1.0)
        if self.is_upright:
            along, across = across, LENGTH - self.first_x - along
        return self.left + along * self.scale, self.top + across * self.scale

    def draw(self) -> str:
        """Return the grass and the lines."""
        grass = element("rect", x=self.left, y=self.top, width=self.width, height=self.height, fill=colour("grass"))
        shapes = [self._box(self.first_x, 0, LENGTH, WIDTH), *self._end(lambda x: x, sweep=0)]
        if self.first_x == 0:
            centre_x, centre_y = self.at(60, 40)
            circle = element("circle", cx=centre_x, cy=centre_y, r=10 * self.scale)
            shapes += [*self._end(lambda x: LENGTH - x, sweep=1), self._line(60, 0, 60, 80), circle]
        return grass + element("g", *shapes, fill="none", stroke=colour("line"), stroke_width=1)

    def _end(self, across: Callable[[float], float], sweep: int) -> Iterator[str]:
        """Yield the lines of an end; `across` says where a place of the right end is."""
        yield self._box(across(102), 18, across(120), 62)
        yield self._box(across(114), 30, across(120), 50)
        yield self._line(across(120), 36, across(120), 44, stroke_width=3)
        # The arc has a radius of 10 around the spot. The edge of the box is 6 from the spot, so it ends 8 to each side.
        (x, y), (to_x, to_y) = self.at(across(102), 32), self.at(across(102), 48)
        radius = rounded(10 * self.scale)
        yield element("path", d=f"M{x:.1f} {y:.1f}A{radius} {radius} 0 0 {sweep} {to_x:.1f} {to_y:.1f}")
        spot_x, spot_y = self.at(across(108), 40)
        yield element("circle", cx=spot_x, cy=spot_y, r=1, fill=colour("line"))

    def _box(self, x: float, y: float, to_x: float, to_y: float) -> str:
        (a, b), (c, d) = self.at(x, y), self.at(to_x, to_y)
        return element("rect", x=min(a, c), y=min(b, d), width=abs(a - c), height=abs(b - d))

    def _line(self, x: float, y: float, to_x: float, to_y: float, **attributes: object) -> str:
        (x1, y1), (x2, y2) = self.at(x, y), self.at(to_x, to_y)
        return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)
