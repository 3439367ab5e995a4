"""What is true of the events of every match, as a schema of pandera for frames of polars.

Only columns that every match has are named: a match without offsides lacks the column `offside`.
"""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

__all__ = ["EVENTS"]

PITCH = (120, 80)
"""Length and width, in StatsBomb's own units."""


def _is_on_pitch(data: pa.PolarsData) -> pl.LazyFrame:
    """Each location is [x, y], and not beyond the lines. Events such as substitutions have none."""
    location = pl.col(data.key).list
    return data.lazyframe.select(
        pl.all_horizontal(location.get(axis).is_between(0, size) for axis, size in enumerate(PITCH))
        & (location.len() == len(PITCH))
    )


def _has_id(data: pa.PolarsData) -> pl.LazyFrame:
    """An object such as {"id": 217, "name": "Barcelona"} has its id. That it is there is for `nullable` to say."""
    return data.lazyframe.select(pl.col(data.key).is_null() | pl.col(data.key).struct.field("id").is_not_null())


EVENTS = pa.DataFrameSchema(
    {
        "id": pa.Column(str, unique=True),
        "index": pa.Column(int, pa.Check.gt(0), unique=True),
        "period": pa.Column(int, pa.Check.isin([1, 2, 3, 4, 5])),
        "timestamp": pa.Column(str, pa.Check.str_matches(r"^\d\d:[0-5]\d:[0-5]\d\.\d{3}$")),
        "minute": pa.Column(int, pa.Check.in_range(0, 150)),
        "second": pa.Column(int, pa.Check.in_range(0, 59)),
        "type": pa.Column(checks=pa.Check(_has_id, name="has an id")),
        "team": pa.Column(checks=pa.Check(_has_id, name="has an id")),
        "possession": pa.Column(int, pa.Check.gt(0)),
        "possession_team": pa.Column(checks=pa.Check(_has_id, name="has an id")),
        "location": pa.Column(checks=pa.Check(_is_on_pitch, name="is on the pitch"), nullable=True),
    },
    name="StatsBomb events",
)
