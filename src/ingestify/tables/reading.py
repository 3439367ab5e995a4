"""Tables as data frames: the built ones, the table of the datasets as it is now, and the provider's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ingestify.errors import ConfigurationError, LoadError
from ingestify.progress.formatting import size
from ingestify.remedies import remedy
from ingestify.store.dataset_store import DatasetStore
from ingestify.store.reading.data_frame import library, polars_of
from ingestify.store.reading.dataset_list import DatasetList
from ingestify.suggestion import did_you_mean
from ingestify.tables.column_types import own_types
from ingestify.tables.delta import TablePlace
from ingestify.tables.make_rows import own_columns
from ingestify.tables.rows.matches import frame_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MATCHES", "filtered", "read_feed", "read_matches", "scan_table"]

MATCHES = "matches"
"""The table of the datasets, which is read from the catalogue and so needs no build."""


def scan_table(place: TablePlace, name: str) -> pl.LazyFrame | None:
    """Return the newest snapshot of a built table, of which nothing is read yet; None: it is not built.

    Raises:
        MissingExtraError: deltalake or polars is not installed.
        StoreError: The place cannot be read.
    """
    table = place.find(name)
    if table is None:
        return None
    frame: pl.LazyFrame = library("polars").scan_delta(table, storage_options=place.storage_options or None)
    return frame


def read_matches(store: DatasetStore) -> pl.DataFrame:
    """Return a row for each dataset of the lake, with the columns of the table `matches`."""
    datasets: list[Any] = list(store.iter_matching(store.dataset_filter(), explains=False))
    if not datasets:
        return frame_of([])
    rows = frame_of(datasets)
    own = polars_of([own_columns(dataset) for dataset in datasets])
    taken = {name: f"identifier.{name}" for name in own.columns if name in rows.columns}
    last = list(own_types())[2:]
    first = [name for name in own.columns if name not in last]
    return own.select(*first, *last).rename(taken).hstack(rows)


def read_feed(store: DatasetStore, provider: str, feed: str, most_bytes: int | None = None) -> pl.DataFrame:
    """Return the records of a provider's feed in all datasets; see `IngestionEngine.to_polars`.

    Raises:
        LoadError: The files have more than `most_bytes`, or make no frame.
    """
    wanted = store.dataset_filter(provider=provider)
    datasets: Iterator[Any] = store.iter_matching(wanted, explains=False)
    with_feed: list[Any] = []
    found = 0
    for dataset in datasets:
        sizes = [file.size for file in dataset.files.values() if file.data_feed_key == feed]
        found += sum(sizes)
        if most_bytes is not None and found > most_bytes:
            raise LoadError(
                f"The files of {provider}'s {feed} have more than {size(most_bytes)}, which is too much for this "
                f"query. Use {remedy('sql')}, or a built table ({remedy('tables build')})."
            )
        if sizes:
            with_feed.append(dataset)
    return DatasetList(with_feed).to_polars(feed, progress=False)


def filtered(frame: pl.LazyFrame, name: str, filters: Mapping[str, Any]) -> pl.LazyFrame:
    """Return the rows whose columns have the given values.

    Args:
        frame: The table.
        name: Its name, for the error.
        filters: A column's name to its value, or to a list of values.

    Raises:
        ConfigurationError: There is no such column, or a value has another type.
    """
    polars = library("polars")
    schema = frame.collect_schema()
    conditions = []
    for key, wanted in filters.items():
        if key not in schema:
            hint = did_you_mean(key, schema.names()) or "."
            raise ConfigurationError(f"The table '{name}' has no column '{key}'{hint}")
        values = list(wanted) if isinstance(wanted, (list, tuple, set, frozenset, range)) else [wanted]
        same = [polars.col(key) == _fitting(polars, schema[key], value, key) for value in values]
        conditions.append(polars.any_horizontal(same) if same else polars.lit(value=False))
    return frame.filter(conditions) if conditions else frame


def _fitting(polars: Any, kind: Any, value: object, key: str) -> object:
    """Return a value with the type of a column. `"43"` and 43 are the same key, whatever the column has."""
    if kind == polars.String:
        return str(value)
    if isinstance(value, str) and kind.is_numeric():
        try:
            return int(value) if kind.is_integer() else float(value)
        except ValueError:
            raise ConfigurationError(f"{key}={value!r}: the column '{key}' has only numbers.") from None
    return value
