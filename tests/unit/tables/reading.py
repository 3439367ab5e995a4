"""Rows as tests look at them."""

from __future__ import annotations

import io
from typing import Any

import polars as pl

from ingestify.tables.definition import TableDefinition
from ingestify.tables.make_rows import Rows, make_rows


def frame_of(rows: Rows) -> pl.DataFrame:
    """The frames of a table as one, with the rows that it says."""
    assert rows.problem == ""
    frames = [pl.read_ipc(io.BytesIO(one)) for one in rows.frames]
    assert sum(frame.height for frame in frames) == rows.height
    return pl.concat(frames)


def made(dataset: Any, definition: TableDefinition) -> pl.DataFrame:
    """The rows of a dataset in one table."""
    return frame_of(make_rows(dataset, [definition])[definition.name])
