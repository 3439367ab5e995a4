"""What is usual in the events of a match, as a suite of Great Expectations.

Nested objects are dotted columns of the frame, such as `team.id`. A location is a list, which no expectation looks
into: `with_coordinates` makes columns of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import great_expectations as gx
import great_expectations.expectations as gxe

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EVENTS", "with_coordinates"]


def with_coordinates(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events with the columns `x` and `y` for their locations."""
    if "location" not in events:
        return events
    located = events["location"].dropna()
    for axis, name in enumerate("xy"):
        events[name] = located.map(lambda location, axis=axis: location[axis]).astype("float64")
    return events


EVENTS = gx.ExpectationSuite(
    name="StatsBomb events",
    expectations=[
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        gxe.ExpectColumnValuesToNotBeNull(column="team.id", description="each event is of a team"),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="team.id", min_value=2, max_value=2),
        gxe.ExpectColumnValuesToBeBetween(column="minute", min_value=0, max_value=150),
        gxe.ExpectColumnValuesToBeBetween(column="x", min_value=0, max_value=120),
        gxe.ExpectColumnValuesToBeBetween(column="y", min_value=0, max_value=80),
        gxe.ExpectColumnValuesToNotBeNull(
            column="player.id", mostly=0.95, description="a player made most of the events"
        ),
        gxe.ExpectColumnMeanToBeBetween(column="x", min_value=45, max_value=75),
        gxe.ExpectColumnValuesToBeInSet(column="period", value_set=[1, 2, 3, 4, 5]),
    ],
)
