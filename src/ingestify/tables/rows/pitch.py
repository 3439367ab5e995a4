"""The pitch of all tables: 105 x 68 metres, with (0, 0) at the bottom left, so that y grows upwards.

kloppy would make a new object of each point, which takes a third of its time. Its transformation is linear in each zone
of the pitch: up to the six-yard box, to the penalty spot, to the penalty area, to its arc, to the centre circle, to the
halfway line. Here a column is transformed at once, by the same zones; what is outside the pitch is scaled as a whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ingestify.errors import LoadError
from ingestify.store.reading.data_frame import library

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LENGTH", "WIDTH", "Pitch", "pitch_dimensions_of"]

LENGTH = 105.0
WIDTH = 68.0
_GOAL_HEIGHT = 2.44


def pitch_dimensions_of(metadata: Any) -> Any:
    """Return the pitch of kloppy's coordinates.

    Args:
        metadata: That of kloppy's dataset.

    Raises:
        LoadError: kloppy does not know the coordinate system, or how large the pitch is.
    """
    from kloppy.domain import ProviderCoordinateSystem

    system = metadata.coordinate_system
    given = metadata.pitch_dimensions if system is None else system.pitch_dimensions
    if not _is_known(given) and isinstance(system, ProviderCoordinateSystem):
        given = type(system)(LENGTH, WIDTH).pitch_dimensions  # as kloppy takes it to be
    if not _is_known(given):
        raise LoadError("kloppy does not know how large the pitch is, so its coordinates cannot be compared.")
    return given


class Pitch:
    """Transforms the coordinates of a dataset.

    Args:
        metadata: That of kloppy's dataset.
        orientation: kloppy's orientation of the dataset; None: that of the metadata.

    Raises:
        LoadError: kloppy does not know the coordinate system, or how large the pitch is.
    """

    def __init__(self, metadata: Any, orientation: Any = None) -> None:
        from kloppy.domain import AttackingDirection, Dimension, MetricPitchDimensions, VerticalOrientation

        self._directions = AttackingDirection
        self._orientation = metadata.orientation if orientation is None else orientation
        system = metadata.coordinate_system
        given = pitch_dimensions_of(metadata)
        ours = MetricPitchDimensions(
            Dimension(0, LENGTH), Dimension(0, WIDTH), standardized=True, pitch_length=LENGTH, pitch_width=WIDTH
        )
        self._x = _Axis(_zones(given, "x"), _zones(ours, "x"))
        self._y = _Axis(_zones(given, "y"), _zones(ours, "y"))
        self._is_downwards = system is not None and system.vertical_orientation == VerticalOrientation.TOP_TO_BOTTOM
        self._z = _GOAL_HEIGHT / given.goal_height if given.goal_height else 1.0
        self._flips: dict[tuple[Any, ...], bool] = {}

    def place(self, x: pl.Series, y: pl.Series, is_flipped: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return coordinates on our pitch. Those that are flipped are turned around the centre of the pitch.

        What is not a number is null: kloppy has it where Metrica has no player.
        """
        polars = library("polars")
        x, y = self._x.transform(x), self._y.transform(y)
        frame = polars.DataFrame({"x": x, "y": WIDTH - y if self._is_downwards else y, "flip": is_flipped})
        sizes = {"x": LENGTH, "y": WIDTH}
        known = {name: polars.col(name).fill_nan(None) for name in sizes}
        frame = frame.select(
            polars.when("flip").then(size - known[name]).otherwise(known[name]).alias(name)
            for name, size in sizes.items()
        )
        return frame.to_series(0), frame.to_series(1)

    def height(self, z: pl.Series) -> pl.Series:
        """Return heights in metres."""
        return z * self._z

    def has_to_flip(self, period: Any, owner: Any, team: Any, *, is_static: bool = False) -> bool:
        """Return whether a record has to be turned.

        Args:
            period: kloppy's period of the record.
            owner: The team that has the ball, or None.
            team: The team that has to attack to the right; None: the home team.
            is_static: Whether it is always the home team.
        """
        key = (period and period.id, id(owner), id(team), is_static)  # a dataset keeps its few teams
        if key not in self._flips:
            self._flips[key] = self._decide(period, owner, team, is_static=is_static)
        return self._flips[key]

    def _decide(self, period: Any, owner: Any, team: Any, *, is_static: bool) -> bool:
        from kloppy.domain import Ground
        from kloppy.exceptions import OrientationError

        try:
            of_home = self._directions.from_orientation(self._orientation, period, owner, team or owner)
        except (OrientationError, ValueError):
            return False  # kloppy does not know it, as in a penalty shoot-out: the provider's own is kept
        attacks_left = not is_static and team is not None and team.ground == Ground.AWAY
        wanted = self._directions.RTL if attacks_left else self._directions.LTR
        return bool(of_home != wanted and of_home != self._directions.NOT_SET)


class _Axis:
    """A function of one coordinate that is linear in each zone.

    Args:
        given: Where the zones begin and end on the given pitch, from one end to the other.
        ours: The same on our pitch.
    """

    def __init__(self, given: Sequence[float], ours: Sequence[float]) -> None:
        outside = (ours[-1] - ours[0]) / (given[-1] - given[0])
        slopes = [
            (end - begin) / (to - start)
            for (start, to), (begin, end) in zip(itertools.pairwise(given), itertools.pairwise(ours), strict=True)
        ]
        self._ends = list(given)
        self._slopes = [outside, *slopes, outside]
        starts = [given[0], *given]
        self._offsets = [
            at - slope * start for at, slope, start in zip([ours[0], *ours], self._slopes, starts, strict=True)
        ]
        self._is_linear = max(self._slopes) - min(self._slopes) < 1e-12 * abs(outside)

    def transform(self, values: pl.Series) -> pl.Series:
        polars = library("polars")
        if self._is_linear:
            return values * self._slopes[0] + self._offsets[0]
        zones = polars.Series(self._ends, dtype=polars.Float64).search_sorted(values)
        slopes = polars.Series(self._slopes, dtype=polars.Float64)
        offsets = polars.Series(self._offsets, dtype=polars.Float64)
        placed: pl.Series = values * slopes.gather(zones) + offsets.gather(zones)
        return placed


def _is_known(dimensions: Any) -> bool:
    return dimensions is not None and None not in (
        dimensions.x_dim.min, dimensions.x_dim.max, dimensions.y_dim.min, dimensions.y_dim.max
    )  # fmt: skip


def _zones(dimensions: Any, axis: str) -> list[float]:
    """Return where the zones of an axis begin and end, from one end to the other."""
    end = getattr(dimensions, f"{axis}_dim")
    size = end.max - end.min
    zones = getattr(dimensions, f"_transformation_zones_{axis}")(size)
    half = [zones[0][0], *(zone[1] for zone in zones)]
    return [*half, *(end.min + end.max - one for one in reversed(half[:-1]))]
