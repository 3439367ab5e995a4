"""A provider's file as a data frame: one row for each record, whatever the format.

What the records are: of CSV and TSV the rows, of JSON Lines the lines, of JSON the items of the list that it is. Of a
JSON object they are the list that stands under the feed's own name (`{"events": […]}` of the feed `events`) or under
`data`; else the object itself is the only record. `records` says otherwise.

Nested objects become structs in polars, and dotted columns in pandas. In polars a column has one type: where a provider
has here an object and there a list, or a number and a text, all of it becomes text: JSON, but for what was text.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from ingestify.errors import LoadError, MissingExtraError, SourceError

__all__ = ["read_pandas", "read_polars"]

_DELIMITERS = {"csv": ",", "tsv": "\t"}
_JSON = frozenset({"json", "geojson"})
_JSON_LINES = frozenset({"jsonl", "ndjson"})


def read_polars(
    stream: BinaryIO, serialization_format: str, feed: str, records: str | None = None, **options: Any
) -> Any:
    """Return a polars DataFrame.

    Args:
        stream: The provider's bytes, from their beginning; it can seek.
        serialization_format: `csv`, `tsv`, `json`, `jsonl`, or one of these with `.gz`.
        feed: The feed's name.
        records: Of JSON, the dotted way to the records, such as `data.matches`; empty: the whole; None: see above.
        **options: Passed on to `polars.read_csv` or `polars.from_dicts`.

    Raises:
        MissingExtraError: polars is not installed.
        LoadError: It has no records, or they do not fit into a frame.
    """
    try:
        import polars
    except ModuleNotFoundError as error:
        raise MissingExtraError("polars", "A polars data frame") from error
    content, form = _decompressed(stream, serialization_format)
    try:
        if form in _DELIMITERS:
            options = {"infer_schema_length": None, "separator": _DELIMITERS[form], **options}
            if names := _stacked_header(content, _DELIMITERS[form]):
                options = {"has_header": False, "new_columns": names, **options}
            return polars.read_csv(content, **options)
        rows = _records(content, form, feed, records)
        if not rows:
            return polars.DataFrame()
        # Not left to polars: of {"x": {}} and {"x": 0} it makes a column without the 0, and says nothing. Its reader of
        # JSON Lines, which takes less memory, makes text of mixed kinds that is no JSON.
        return polars.from_dicts(_with_one_kind(rows), infer_schema_length=None, **options)
    except (polars.exceptions.PolarsError, OverflowError) as error:
        raise LoadError(f"polars makes no data frame of the feed '{feed}' ({form}): {error}") from error


def read_pandas(
    stream: BinaryIO, serialization_format: str, feed: str, records: str | None = None, **options: Any
) -> Any:
    """Return a pandas DataFrame; the arguments are those of `read_polars`.

    Args:
        **options: Passed on to `pandas.read_csv` or `pandas.json_normalize`.

    Raises:
        MissingExtraError: pandas is not installed.
        LoadError: It has no records, or they do not fit into a frame.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingExtraError("pandas", "A pandas data frame") from error
    content, form = _decompressed(stream, serialization_format)
    try:
        if form in _DELIMITERS:
            options = {"sep": _DELIMITERS[form], **options}
            if names := _stacked_header(content, _DELIMITERS[form]):
                options = {"header": None, "names": names, **options}
            return pandas.read_csv(content, **options)
        return pandas.json_normalize(_records(content, form, feed, records), **options)
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise LoadError(f"pandas makes no data frame of the feed '{feed}' ({form}): {error}") from error


def _decompressed(stream: BinaryIO, serialization_format: str) -> tuple[Any, str]:
    form = serialization_format.lower()
    if form.endswith(".gz"):
        return gzip.GzipFile(fileobj=stream), form.removesuffix(".gz")
    return stream, form


def _records(stream: BinaryIO, form: str, feed: str, records: str | None) -> list[dict[str, Any]]:
    if form in _JSON_LINES:
        values = [_parsed(line, f"line {number} of the feed '{feed}'") for number, line in _iter_lines(stream)]
        if records is not None:
            values = [item for value in values for item in _as_list(_looked_up(value, records, feed))]
    elif form in _JSON:
        content = _parsed(stream.read(), f"the feed '{feed}'")
        values = _as_list(_chosen(content, feed) if records is None else _looked_up(content, records, feed))
    else:
        known = ", ".join([*_DELIMITERS, *sorted(_JSON | _JSON_LINES)])
        raise LoadError(
            f"The feed '{feed}' is {form}, of which no data frame is made; that is done of {known}. Use kloppy "
            f"(engine.load_dataset_with_kloppy), or read its stream."
        )
    return [value if isinstance(value, dict) else {"value": value} for value in values]


def _iter_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(stream, start=1) if line.strip())


def _parsed(content: bytes, where: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise SourceError(f"In {where} the JSON cannot be read: {error}") from error


def _chosen(content: Any, feed: str) -> Any:
    if not isinstance(content, dict):
        return content
    return next((content[key] for key in (feed, "data") if isinstance(content.get(key), list)), content)


def _looked_up(content: Any, path: str, feed: str) -> Any:
    for key in path.split(".") if path else ():
        if not isinstance(content, dict) or key not in content:
            there = f"there are {', '.join(map(str, content))}" if isinstance(content, dict) else "it is no object"
            raise LoadError(f"The feed '{feed}' has no records at '{path}': no '{key}', {there}.")
        content = content[key]
    return content


def _as_list(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _with_one_kind(values: list[Any]) -> list[Any]:
    """Return JSON values, of which None may be any, so that all are of one kind, also within objects and lists.

    Where they are of several kinds, they become text. The list itself is returned if there is nothing to do.
    """
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {dict}:
        return _objects_with_one_kind(values)
    if kinds == {list}:
        return _lists_with_one_kind(values)
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1:
        return [value if value is None or isinstance(value, str) else _as_json(value) for value in values]
    return values


def _objects_with_one_kind(values: list[Any]) -> list[Any]:
    there = [value for value in values if value is not None]
    changed: dict[str, list[Any]] = {}
    for key in dict.fromkeys(itertools.chain.from_iterable(there)):
        column = [value.get(key) for value in there]
        settled = _with_one_kind(column)
        if settled is not column:
            changed[key] = settled
    if not changed:
        return values
    rebuilt = (
        {key: changed[key][number] if key in changed else one for key, one in value.items()}
        for number, value in enumerate(there)
    )
    return [None if value is None else next(rebuilt) for value in values]


def _lists_with_one_kind(values: list[Any]) -> list[Any]:
    items = [item for value in values if value is not None for item in value]
    settled = _with_one_kind(items)
    if settled is items:
        return values
    left = iter(settled)
    return [None if value is None else list(itertools.islice(left, len(value))) for value in values]


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _stacked_header(stream: BinaryIO, delimiter: str) -> list[str]:
    """Skip a header of several lines, as Metrica's tracking has it, and return the names in its last one.

    Teams and shirt numbers stand above the names, with nothing above the first three columns. A name stands over two
    columns, x and y, so one without a name gets that of the column before it, with `_2`. Any other header is left to
    be read, and nothing is returned.
    """
    blank = (delimiter * 3).encode()
    line = stream.readline()
    if not line.removeprefix(b"\xef\xbb\xbf").startswith(blank):
        stream.seek(0)
        return []
    while line.startswith(blank):
        line = stream.readline()
    cells = next(csv.reader(io.StringIO(line.decode("utf-8-sig")), delimiter=delimiter), [])
    names: list[str] = []
    for number, cell in enumerate(cells):
        name = cell.strip() or (f"{cells[number - 1].strip()}_2" if number else "") or f"column_{number + 1}"
        names.append(name if name not in names else f"{name}_{number + 1}")
    return names
