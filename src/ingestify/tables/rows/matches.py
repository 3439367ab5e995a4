"""The table `matches`: one row for each dataset, with what the catalogue knows of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ingestify.domain.dataset import Dataset
from ingestify.domain.match_facts import match_facts
from ingestify.store.reading.data_frame import library
from ingestify.tables.column_types import as_json
from ingestify.tables.definition import TableDefinition
from ingestify.tables.table_input import TableInput

if TYPE_CHECKING:
    import polars as pl

__all__ = ["frame_of", "make_frame"]

_TEXTS = ("date", "kick_off", "competition", "season", "stage", "stadium")
_NUMBERS = ("home_score", "away_score")


def make_frame(given: TableInput, definition: TableDefinition) -> pl.DataFrame:  # noqa: ARG001 - all of these have it
    """Return the row of a dataset."""
    return frame_of([given.dataset])


def frame_of(datasets: Iterable[Dataset]) -> pl.DataFrame:
    """Return a row for each dataset, without the columns that each table has."""
    polars = library("polars")
    moments = dict.fromkeys(("created_at", "updated_at", "last_modified_at"), polars.Datetime("us", "UTC"))
    types = {
        "name": polars.String,
        "date": polars.String,
        "kick_off": polars.String,
        "match_week": polars.Int64,
        "competition": polars.String,
        "season": polars.String,
        "stage": polars.String,
        "stadium": polars.String,
        "home_team": polars.String,
        "home_team_id": polars.String,
        "away_team": polars.String,
        "away_team_id": polars.String,
        "home_score": polars.Int64,
        "away_score": polars.Int64,
        "state": polars.String,
        "feeds": polars.String,
        **moments,
        "metadata": polars.String,
    }
    rows = [_row(dataset) for dataset in datasets]
    return polars.DataFrame(rows, schema=types)  # type: ignore[no-any-return]


def _row(dataset: Dataset) -> dict[str, Any]:
    metadata = dataset.metadata
    facts = {**metadata, **match_facts(metadata)}
    return {
        "name": dataset.name,
        **{name: _text(facts.get(name)) for name in (*_TEXTS, "home_team", "away_team")},
        "match_week": _number(facts.get("match_week")),
        **{f"{side}_id": _id_of(metadata.get(side)) for side in ("home_team", "away_team")},
        **{name: _number(facts.get(name)) for name in _NUMBERS},
        "state": dataset.state.value,
        "feeds": ", ".join(sorted({file.data_feed_key for file in dataset.files.values()})),
        "created_at": dataset.created_at,
        "updated_at": dataset.updated_at,
        "last_modified_at": dataset.last_modified_at,
        "metadata": as_json(dict(metadata)),
    }


def _text(value: Any) -> str | None:
    """Return a fact as text; one that is an object or a list is in `metadata` only, but for its name."""
    if isinstance(value, Mapping):
        value = value.get("name")
    return None if value is None or isinstance(value, (Mapping, list)) else str(value)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _id_of(team: Any) -> str | None:
    return _text(team.get("id")) if isinstance(team, Mapping) else None
