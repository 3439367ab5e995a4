"""A provider's file as a data frame: one row for each record, whatever the format.

What the records are: of CSV and TSV the rows, of JSON Lines the lines, of JSON the items of the list that it is. Of a
JSON object they are the list that stands under the feed's own name (`{"events": […]}` of the feed `events`) or under
`data`; else the object itself is the only record. `records` says otherwise.

Nested objects become structs in polars, and dotted columns in pandas. In polars a column has one type: where a provider
has here an object and there a list, or a number and a text, all of it becomes text: JSON, but for what was text.

No whole number is rounded. Where one that a float cannot hold stands beside a fraction, the column is text in polars,
and Python's own numbers in pandas; beside a null it is a nullable integer in both.
"""

from __future__ import annotations

import codecs
import csv
import decimal
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from ingestify.errors import LoadError, MissingExtraError
from ingestify.store.reading.records import JSON, JSON_LINES, read_records, with_one_kind

__all__ = ["pandas_of", "polars_of", "read_pandas", "read_polars"]

_DELIMITERS = {"csv": ",", "tsv": "\t"}
_FORMATS = (*_DELIMITERS, *sorted(JSON | JSON_LINES))
_UTF8_OF_POLARS = frozenset({"utf8", "utf8-lossy"})
_EXACT_FLOAT = 2.0**53
"""From here on a float does not hold each whole number."""


def read_polars(
    stream: BinaryIO,
    serialization_format: str,
    feed: str,
    records: str | None = None,
    encoding: str | None = None,
    **options: Any,
) -> Any:
    """Return a polars DataFrame.

    Args:
        stream: The provider's bytes, from their beginning; it can seek.
        serialization_format: `csv`, `tsv`, `json`, `jsonl`, or one of these with `.gz`.
        feed: The feed's name.
        records: Of JSON, the dotted way to the records, such as `data.matches`; empty: the whole; `players[*]`: each
            value of an object by ids, with its key as `id`; None: see above.
        encoding: What its text is written in, as Python calls it, such as `cp1252`; None: UTF-8, or what a byte order
            mark says.
        **options: Passed on to `polars.read_csv` or `polars.from_dicts`.

    Raises:
        MissingExtraError: polars is not installed.
        LoadError: It has no records, they do not fit into a frame, or it is written in another encoding.
    """
    polars = _polars()
    content, form = _opened(stream, serialization_format, feed)
    if encoding in _UTF8_OF_POLARS and form in _DELIMITERS:
        options, encoding = {"encoding": encoding, **options}, None
    content = _as_utf8(content, encoding, feed, form)
    if form not in _DELIMITERS:
        return polars_of(read_records(content, form, feed, records), f"the feed '{feed}' ({form})", **options)
    options = {"infer_schema_length": None, "separator": _delimiter(content, form), **options}
    if names := _stacked_header(content, options["separator"]):
        options = {"has_header": False, "new_columns": names, **options}
    begin = content.tell()
    with _as_load_error("polars", f"the feed '{feed}' ({form})", polars.exceptions.PolarsError):
        frame = polars.read_csv(content, **options)
        floats = [name for name, kind in frame.schema.items() if kind == polars.Float64]
        large = [name for name in floats if (frame[name].abs() >= _EXACT_FLOAT).any()]
        if not large or options.keys() & {"schema", "schema_overrides", "dtypes"}:
            return frame
        content.seek(begin)
        texts = polars.read_csv(content, **options, schema_overrides=dict.fromkeys(large, polars.String))
    rounded = [name for name in large if not all(map(_is_exact, texts[name].drop_nulls()))]
    return frame.with_columns([texts[name] for name in rounded])


def read_pandas(
    stream: BinaryIO,
    serialization_format: str,
    feed: str,
    records: str | None = None,
    encoding: str | None = None,
    **options: Any,
) -> Any:
    """Return a pandas DataFrame; the arguments are those of `read_polars`.

    Args:
        **options: Passed on to `pandas.read_csv` or `pandas.json_normalize`.

    Raises:
        MissingExtraError: pandas is not installed.
        LoadError: It has no records, they do not fit into a frame, or it is written in another encoding.
    """
    pandas = _pandas()
    content, form = _opened(stream, serialization_format, feed)
    content = _as_utf8(content, encoding, feed, form)
    if form in _DELIMITERS:
        separator = options.setdefault("sep", options.pop("delimiter", None) or _delimiter(content, form))
        if names := _stacked_header(content, separator):
            options = {"header": None, "names": names, **options}
    begin = content.tell()

    def read_delimited(**more: Any) -> Any:
        return pandas.read_csv(content, **{**options, **more})

    def read_objects(**more: Any) -> Any:
        return pandas.json_normalize(read_records(content, form, feed, records, **more), **options)

    errors = (pandas.errors.ParserError, pandas.errors.EmptyDataError, UnicodeDecodeError)
    with _as_load_error("pandas", f"the feed '{feed}' ({form})", *errors):
        frame = read_delimited() if form in _DELIMITERS else read_objects()
        if not isinstance(frame, pandas.DataFrame) or "dtype" in options:
            return frame
        large = [name for name in frame.select_dtypes("float64") if (frame[name].abs() >= _EXACT_FLOAT).any()]
        if not large:
            return frame
        content.seek(begin)
        exact = (
            read_delimited(dtype=dict.fromkeys(large, "str"))
            if form in _DELIMITERS
            else read_objects(parse_int=decimal.Decimal)
        )
    for name in large:
        frame[name] = _without_rounding(pandas, exact[name], frame[name])
    return frame


def polars_of(rows: list[dict[str, Any]], what: str = "the rows", **options: Any) -> Any:
    """Return a polars DataFrame of JSON objects."""
    polars = _polars()
    if not rows:
        return polars.DataFrame()
    with _as_load_error("polars", what, polars.exceptions.PolarsError, OverflowError):
        # Not left to polars: of {"x": {}} and {"x": 0} it makes a column without the 0, and says nothing. Its reader of
        # JSON Lines, which takes less memory, makes text of mixed kinds that is no JSON.
        return polars.from_dicts(with_one_kind(rows), infer_schema_length=None, **options)


def pandas_of(rows: list[dict[str, Any]]) -> Any:
    """Return a pandas DataFrame of objects; what nests in them is dotted columns."""
    return _pandas().json_normalize(rows)


def _polars() -> Any:
    try:
        import polars
    except ModuleNotFoundError as error:
        raise MissingExtraError("polars", "A polars data frame") from error
    return polars


def _pandas() -> Any:
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingExtraError("pandas", "A pandas data frame") from error
    return pandas


@contextmanager
def _as_load_error(library: str, what: str, *errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        hint = "utf-8" in str(error).lower()
        raise LoadError(
            f"{library} makes no data frame of {what}: {error}"
            + (". Say in which encoding it is written, such as encoding='cp1252'." if hint else "")
        ) from error


def _opened(stream: BinaryIO, serialization_format: str, feed: str) -> tuple[Any, str]:
    form = serialization_format.lower()
    is_packed = form.endswith(".gz")
    form = form.removesuffix(".gz")
    if form not in _FORMATS:
        raise LoadError(
            f"The feed '{feed}' is {form}, of which no data frame is made; that is done of {', '.join(_FORMATS)}. Use "
            f"kloppy (engine.load_dataset_with_kloppy), or read its stream."
        )
    return gzip.GzipFile(fileobj=stream) if is_packed else stream, form


def _as_utf8(content: Any, encoding: str | None, feed: str, form: str) -> Any:
    """Return the content in UTF-8. Of JSON that does not say, nothing is changed: its reader tells UTF-16 by itself."""
    if encoding is None:
        head = content.read(2)
        content.seek(0)
        if form in JSON or head not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return content
        encoding = "utf-16"
    try:
        return io.BytesIO(content.read().decode(encoding).encode())
    except (UnicodeError, LookupError) as error:
        raise LoadError(f"The feed '{feed}' ({form}) cannot be read as '{encoding}': {error}.") from error


def _delimiter(content: Any, form: str) -> str:
    """Return what separates the columns: in a CSV without any comma in its header, as Excel writes it in much of
    Europe, a semicolon."""
    header = content.readline()
    content.seek(0)
    return ";" if form == "csv" and b"," not in header and b";" in header else _DELIMITERS[form]


def _is_exact(text: str) -> bool:
    """Return whether a float holds the number in a text, unless it is a fraction."""
    number = _whole_number(text)
    return number is None or int(float(number)) == number


def _whole_number(value: Any) -> int | None:
    try:
        return int(value) if not isinstance(value, float) else None
    except (ValueError, TypeError, ArithmeticError):
        return None


def _without_rounding(pandas: Any, exact: Any, rounded: Any) -> Any:
    """Return a column with the whole numbers that a float cannot hold; `rounded` if there are none.

    Args:
        exact: Its values before they became floats: text, or Decimal for each whole number.
    """
    whole = [None if pandas.isna(value) else _whole_number(value) for value in exact]
    numbers = [number for number in whole if number is not None]
    if all(int(float(number)) == number for number in numbers):
        return rounded
    values = [old if number is None else number for number, old in zip(whole, rounded, strict=True)]
    if len(numbers) == exact.notna().sum():
        for kind, least, most in (("Int64", -(2**63), 2**63 - 1), ("UInt64", 0, 2**64 - 1)):
            if least <= min(numbers) and max(numbers) <= most:
                return pandas.array([pandas.NA if number is None else number for number in whole], dtype=kind)
    return pandas.Series(values, index=rounded.index, dtype="object")


def _stacked_header(stream: BinaryIO, delimiter: str | None) -> list[str]:
    """Skip a header of several lines, as Metrica's tracking has it, and return the names in its last one.

    Teams and shirt numbers stand above the names, with nothing above the first three columns. A name stands over two
    columns, x and y, so one without a name gets that of the column before it, with `_2`. Any other header is left to
    be read, and nothing is returned.
    """
    if not delimiter or len(delimiter) > 1:
        return []
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
