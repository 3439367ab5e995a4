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
    """A pitch in a picture, or its right end.

    Attributes:
        left: Where it begins, in units of the picture; `top` likewise.
        scale: How many units of the picture one of the pitch has.
        first_x: Where on the pitch it begins: 0 for the whole, 60 for a half.
    """

    left: float
    top: float
    scale: float
    first_x: float = 0.0

    @property
    def width(self) -> float:
        """In units of the picture; `height` likewise."""
        return (LENGTH - self.first_x) * self.scale

    @property
    def height(self) -> float:
        """In units of the picture."""
        return WIDTH * self.scale

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place is in the picture; one outside is at the edge."""
        inside = min(max(x, self.first_x - 1.0), LENGTH + 1.0), min(max(y, -1.0), WIDTH + 1.0)
        return self.left + (inside[0] - self.first_x) * self.scale, self.top + inside[1] * self.scale

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
        (x, top), (_, bottom) = self.at(across(102), 32), self.at(across(102), 48)
        radius = rounded(10 * self.scale)
        yield element("path", d=f"M{x:.1f} {top:.1f}A{radius} {radius} 0 0 {sweep} {x:.1f} {bottom:.1f}")
        spot_x, spot_y = self.at(across(108), 40)
        yield element("circle", cx=spot_x, cy=spot_y, r=1, fill=colour("line"))

    def _box(self, x: float, y: float, to_x: float, to_y: float) -> str:
        (left, top), (right, bottom) = self.at(min(x, to_x), y), self.at(max(x, to_x), to_y)
        return element("rect", x=left, y=top, width=right - left, height=bottom - top)

    def _line(self, x: float, y: float, to_x: float, to_y: float, **attributes: object) -> str:
        (x1, y1), (x2, y2) = self.at(x, y), self.at(to_x, to_y)
        return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)
