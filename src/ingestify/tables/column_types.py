"""The few types that the columns of tables have, so that any engine reads them and a column can grow.

They are whole numbers of 64 bits, floats of 64 bits, booleans, text, dates, and times in UTC. A duration becomes
seconds; lists and objects become JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any

from ingestify.store.reading.data_frame import library

if TYPE_CHECKING:
    import polars as pl

__all__ = ["as_json", "own_types", "with_plain_types", "with_text_for_csv"]


def own_types() -> dict[str, pl.DataType]:
    """Return the columns that the rows of all datasets have; the keys of the identifier come before the last three."""
    polars = library("polars")
    text = polars.String()
    return {
        "provider": text,
        "dataset_type": text,
        "dataset_id": text,
        "revision": polars.Int64(),
        "lake_updated_at": polars.Datetime("us", "UTC"),
    }


def with_plain_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with each column in one of the types above; a column without values may have none."""
    polars = library("polars")
    kept = (polars.Int64, polars.Float64, polars.Boolean, polars.String, polars.Date, polars.Null)
    columns = [_plain(polars, column) for column in frame.iter_columns() if column.dtype not in kept]
    return frame.with_columns(columns) if columns else frame


def with_text_for_csv(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with text in place of what CSV cannot hold. Numbers keep all digits."""
    polars = library("polars")
    columns = [
        _plain(polars, column)
        for column in frame.iter_columns()
        if column.dtype.is_nested() or column.dtype in (polars.Object, polars.Binary, polars.Duration)
    ]
    return frame.with_columns(columns) if columns else frame


def as_json(value: object) -> str:
    """Return a value as JSON; what JSON does not have becomes text, and NaN and infinities become null."""
    try:
        return _encode(value)
    except ValueError:
        return _encode(_finite(value))


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value


def _plain(polars: Any, column: Any) -> Any:
    kind = column.dtype
    if kind.is_integer() or (kind.is_decimal() and kind.scale == 0):
        whole = column.cast(polars.Int64, strict=False)
        return whole if whole.null_count() == column.null_count() else column.cast(polars.String)
    if kind.is_float() or kind.is_decimal():
        return column.cast(polars.Float64)
    if kind == polars.Datetime:
        zone = getattr(kind, "time_zone", None)
        in_utc = column.dt.convert_time_zone("UTC") if zone else column.dt.replace_time_zone("UTC")
        return in_utc.dt.cast_time_unit("us")
    if kind == polars.Duration:
        return column.dt.total_microseconds() / 1e6
    if kind == polars.Binary:
        return column.bin.encode("hex")
    if kind.is_nested() or kind == polars.Object:
        texts = [None if value is None else as_json(value) for value in column.to_list()]
        return polars.Series(column.name, texts, polars.String)
    return column.cast(polars.String)


def _as_text(value: object) -> str | float:
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    return value.hex() if isinstance(value, bytes) else str(value)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_text).encode
