"""The tables `{provider}_{feed}`: a provider's own fields, with a column for each.

An object becomes a column for each of its fields, with the names joined by `_`, as statsbombpy does it: `pass_length`,
`shot_statsbomb_xg`. Unlike there, this goes to any depth, and nothing is left out: `player_id` and `player_name`,
`pass_recipient_id` and `pass_recipient_name`. A list becomes JSON.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ingestify.store.reading.data_frame import DELIMITED, polars_of, read_rows
from ingestify.store.reading.file_collection import LoadedFile
from ingestify.tables.column_types import as_json, own_types
from ingestify.tables.definition import TableDefinition
from ingestify.tables.rows.xml_records import read_xml_records
from ingestify.tables.table_input import TableInput

if TYPE_CHECKING:
    import polars as pl

__all__ = ["make_frame"]

_Path = tuple[str, ...]


def make_frame(given: TableInput, definition: TableDefinition) -> pl.DataFrame:
    """Return a row for each record of the feed.

    Raises:
        LoadError: The file has another format than CSV, TSV, JSON, JSON Lines or XML.
    """
    (feed,) = definition.feeds
    file = given.files.require_file(feed)
    own = {*own_types(), *given.dataset.identifier}
    if file.data_serialization_format.lower() in DELIMITED:
        frame = file.to_polars()
        names = _named([(column,) for column in frame.columns], own)
        return frame.rename({path[0]: name for path, name in names.items()})
    records = _read_records(file)
    names = _named(list(dict.fromkeys(path for record in records for path in record)), own)
    return polars_of([{names[path]: value for path, value in record.items()} for record in records])


def _read_records(file: LoadedFile) -> list[dict[_Path, Any]]:
    if file.data_serialization_format.lower().removesuffix(".gz") == "xml":
        return read_xml_records(file.stream, file.data_feed_key)
    rows = read_rows(file.stream, file.data_serialization_format, file.data_feed_key)
    return [dict(_iter_values(row, ())) for row in rows]


def _iter_values(fields: Mapping[str, Any], place: _Path) -> Iterator[tuple[_Path, Any]]:
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _iter_values(value, (*place, key))
        else:
            yield (*place, key), as_json(value) if isinstance(value, list) else value


def _named(paths: Collection[_Path], own: Collection[str]) -> dict[_Path, str]:
    """Return a name for the column of each path.

    Many engines do not tell `type` and `Type` apart, so two names differ in more than that. A field that has the name
    of a column of each table becomes `record_…`.
    """
    names: dict[_Path, str] = {}
    taken: set[str] = set()
    reserved = {name.casefold() for name in own}
    for path in sorted(paths, key=len):  # `pass_length` keeps its name beside the `length` of `pass`
        parts = [re.sub(r"\W+", "_", part).strip("_") or "column" for part in path]
        name = "_".join(parts)
        if name.casefold() in reserved:
            name = f"record_{name}"
        number = 1
        free = name
        while free.casefold() in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free.casefold())
        names[path] = free
    return {path: names[path] for path in paths}
