"""Filters as SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TypeVar

import sqlalchemy as sa

from ingestify.catalogue.databases.dialect import Dialect
from ingestify.catalogue.rows import moment_to_text
from ingestify.catalogue.tables import WITH_WARNINGS
from ingestify.domain.identifier import canonical_value
from ingestify.domain.ports import DatasetFilter
from ingestify.domain.selector import filter_values
from ingestify.domain.text import LONGEST_NAME, is_storable

__all__ = ["CHUNK_SIZE", "chunks", "conditions"]

V = TypeVar("V")

CHUNK_SIZE = 1000
"""How many values one set query has."""


def conditions(
    dialect: Dialect, table: sa.Table, dataset_filter: DatasetFilter, *, in_order: bool = False
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions for the rows that a filter names.

    Args:
        dialect: The SQL of the database.
        table: A table with the columns of a dataset.
        dataset_filter: The filter; its `where` is not among the conditions.
        in_order: Whether the rows are read page by page, in the order of their positions. The rows of one provider and
            type have an index in that order. Without this hint, the database would sort the others for each page.

    Raises:
        SourceError: A filter's value is not a single value, nor a list of them.
    """
    columns = table.c
    named = (dataset_filter.bucket, dataset_filter.provider, dataset_filter.dataset_type)
    ids = dataset_filter.dataset_ids
    if not all(text is None or is_storable(text) for text in named):
        return [sa.false()]  # no row has such a text, and not every database accepts it
    is_one_kind = dataset_filter.provider is not None and dataset_filter.dataset_type is not None
    is_whole = in_order and ids is None and not dataset_filter.selector and not is_one_kind
    bucket = dialect.unindexed(columns.bucket) if is_whole else columns.bucket
    wanted: list[sa.ColumnElement[bool]] = [bucket == dataset_filter.bucket]
    if dataset_filter.provider is not None:
        wanted.append(columns.provider == dialect.constant(dataset_filter.provider))
    if dataset_filter.dataset_type is not None:
        wanted.append(columns.dataset_type == dialect.constant(dataset_filter.dataset_type))
    if ids is not None:
        wanted.append(dialect.any_of(columns.dataset_id, [one for one in ids if is_storable(one)]))
    if dataset_filter.as_of is not None:
        wanted.append(columns.created_at <= moment_to_text(dataset_filter.as_of))
    if dataset_filter.states:
        wanted.append(columns.state.in_([state.value for state in dataset_filter.states]))
    if dataset_filter.has_warnings:
        wanted.append(
            sa.false() if dialect.is_older_than(WITH_WARNINGS) else _has_warnings(table, dataset_filter.as_of)
        )
    for word in dataset_filter.words:
        is_name = is_storable(word) and len(word) <= LONGEST_NAME
        wanted.append(dialect.contains(columns.name, word) if is_name else sa.false())
    for key, value in dataset_filter.selector.items():
        values = list(dict.fromkeys(canonical_value(one, key) for one in filter_values(value)))
        wanted.append(dialect.attribute_is(columns.identifier_key, key, values))
    return wanted


def _has_warnings(dataset: sa.Table, as_of: dt.datetime | None) -> sa.ColumnElement[bool]:
    """Return whether a dataset's revision of a moment has warnings; without a moment, its current one."""
    prefix, tables = dataset.name.removesuffix("dataset"), dataset.metadata.tables
    warning, revision = tables[f"{prefix}revision_warning"].c, tables[f"{prefix}revision"].c
    wanted: sa.ColumnElement[int] = dataset.c.current_revision_id
    if as_of is not None:
        wanted = (
            sa.select(sa.func.max(revision.revision_id))
            .where(revision.dataset_id == warning.dataset_id, revision.created_at <= moment_to_text(as_of))
            .scalar_subquery()
        )
    return sa.exists().where(warning.dataset_id == dataset.c.dataset_id, warning.revision_id == wanted)


def chunks(values: Iterable[V]) -> Iterable[list[V]]:
    """Split values into lists for one set query each."""
    several = list(values)
    return (several[start : start + CHUNK_SIZE] for start in range(0, len(several), CHUNK_SIZE))
