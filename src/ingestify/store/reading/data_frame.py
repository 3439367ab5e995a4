"""A provider's file as a data frame: one row for each record, whatever the format.

A record is a row of CSV or TSV, a line of JSON Lines, or an item of a JSON list. In a JSON object the records are the
list under the feed's own name (`{"events": […]}` of the feed `events`) or under `data`; without such a list, the object
itself is the only record. The argument `records` names another place.

Nested objects become structs in polars, and dotted columns in pandas. A column of polars has one type. If a provider
mixes types in one place, such as numbers and texts, all values there become text: a text stays as it is, and any other
value becomes JSON.

No whole number is rounded. If a column has fractions and a whole number that a float cannot hold, it is text in polars,
and Python's own numbers in pandas. If it has nulls and such a number, it is a nullable integer in both.
"""

from __future__ import annotations

import codecs
import csv
import decimal
import gzip
import importlib
import io
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from ingestify.errors import LoadError, MissingExtraError
from ingestify.store.reading.records import JSON, JSON_LINES, read_records

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = [
    "DELIMITED",
    "NO_VALUE",
    "as_load_error",
    "free_name",
    "joined_pandas",
    "library",
    "pandas_of",
    "polars_of",
    "read_pandas",
    "read_polars",
    "read_rows",
]

_DELIMITERS = {"csv": ",", "tsv": "\t"}
DELIMITED = frozenset({*_DELIMITERS, *(f"{form}.gz" for form in _DELIMITERS)})
"""The formats without records of JSON."""

_FORMATS = (*_DELIMITERS, *sorted(JSON | JSON_LINES))
_UTF8_OF_POLARS = frozenset({"utf8", "utf8-lossy"})
_SYNTAX_OF_PANDAS = frozenset(
    [
        "sep",
        "delimiter",
        "quotechar",
        "quoting",
        "doublequote",
        "escapechar",
        "comment",
        "skiprows",
        "lineterminator",
        "skip_blank_lines",
        "skipinitialspace",
        "encoding",
        "encoding_errors",
        "engine",
    ]
)
NO_VALUE = (OverflowError, UnicodeEncodeError)
"""What polars raises for a value that no column holds: a number of more than 128 bits, half of a surrogate pair."""

_EXACT_FLOAT = 2.0**53
"""The smallest float above which some whole numbers have no float of their own."""


def read_polars(
    stream: BinaryIO,
    serialization_format: str,
    feed: str,
    records: str | None = None,
    encoding: str | None = None,
    **options: Any,
) -> pl.DataFrame:
    """Return a polars DataFrame.

    Args:
        stream: The provider's bytes, from their beginning; it can seek.
        serialization_format: `csv`, `tsv`, `json`, `jsonl`, or one of these with `.gz`.
        feed: The feed's name.
        records: The dotted path of the records in JSON, such as `data.matches`; empty: the whole content is one record;
            `players[*]`: each value of an object with ids as keys, with its key as `id`; None: see this module.
        encoding: The encoding of the text by its Python name, such as `cp1252`; None: UTF-8, or what a byte order mark
            says.
        **options: Passed on to `polars.read_csv` or `polars.from_dicts`.

    Raises:
        MissingExtraError: polars is not installed.
        LoadError: The file has no records, they do not fit into a frame, or it has another encoding.
    """
    polars = library("polars")
    content, form = _open(stream, serialization_format, feed)
    if encoding in _UTF8_OF_POLARS and form in _DELIMITERS:
        options, encoding = {"encoding": encoding, **options}, None
    content = _as_utf8(content, encoding, feed, form)
    if form not in _DELIMITERS:
        return _polars_of_json(content, form, feed, records, **options)
    options = {"infer_schema_length": None, "separator": _delimiter(content, form), **options}
    content = _with_usual_lines(content, options)
    if names := _stacked_header(content, options["separator"]):
        options = {"has_header": False, "new_columns": names, **options}
    begin = content.tell()
    with as_load_error("polars", f"the feed '{feed}' ({form})", polars.exceptions.PolarsError):
        frame: pl.DataFrame = polars.read_csv(content, **options)
        floats = [name for name, kind in frame.schema.items() if kind == polars.Float64]
        large = [name for name in floats if (frame[name].abs() >= _EXACT_FLOAT).any()]
        if not large or options.keys() & {"schema", "schema_overrides", "dtypes"}:
            return frame
        content.seek(begin)
        texts = polars.read_csv(content, **options, schema_overrides=dict.fromkeys(large, polars.String))
    rounded = [name for name in large if not all(map(_is_exact, texts[name].drop_nulls()))]
    return frame.with_columns([texts[name] for name in rounded])


def _polars_of_json(content: Any, form: str, feed: str, records: str | None, **options: Any) -> pl.DataFrame:
    from ingestify.store.reading.shape import shape_of  # only who makes a frame needs them
    from ingestify.store.reading.typed_json import frame_of

    what = f"the feed '{feed}' ({form})"
    rows = read_records(content, form, feed, records)
    if options:
        return polars_of(rows, what, **options)
    polars = library("polars")
    with as_load_error("polars", what, polars.exceptions.PolarsError, *NO_VALUE):
        frame: pl.DataFrame = frame_of(polars, rows, shape_of(rows))
    return frame


def read_rows(
    stream: BinaryIO, serialization_format: str, feed: str, records: str | None = None, encoding: str | None = None
) -> list[dict[str, Any]]:
    """Return the records of JSON or JSON Lines, of which `read_polars` makes a frame. The arguments are the same.

    Raises:
        LoadError: The file has no records, or another encoding.
    """
    content, form = _open(stream, serialization_format, feed)
    return read_records(_as_utf8(content, encoding, feed, form), form, feed, records)


def read_pandas(
    stream: BinaryIO,
    serialization_format: str,
    feed: str,
    records: str | None = None,
    encoding: str | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Return a pandas DataFrame. The arguments are those of `read_polars`; pandas gets the `options`.

    Raises:
        MissingExtraError: pandas is not installed.
        LoadError: The file has no records, they do not fit into a frame, or it has another encoding.
    """
    pandas = library("pandas")
    content, form = _open(stream, serialization_format, feed)
    content = _as_utf8(content, encoding, feed, form)
    if form in _DELIMITERS:
        separator = options.setdefault("sep", options.pop("delimiter", None) or _delimiter(content, form))
        if names := _stacked_header(content, separator):
            options = {"header": None, "names": names, **options}
    begin = content.tell()

    def read_delimited(**more: Any) -> Any:
        frame = pandas.read_csv(content, **{**options, **more})
        if isinstance(frame, pandas.DataFrame) and len(frame) and "index_col" not in options:
            content.seek(begin)
            if not isinstance(frame.index, pandas.RangeIndex) or _has_more_fields(content, options):
                raise LoadError(
                    f"pandas makes no data frame of the feed '{feed}' ({form}): rows have more fields than the header. "
                    f"Leave out the last ones by index_col=False, or say by index_col=0 that the first one is an index."
                )
        return frame

    def read_objects(**more: Any) -> Any:
        rows = read_records(content, form, feed, records, **more)
        return _flat_pandas(rows, f"the feed '{feed}' ({form})", **options)

    errors = (pandas.errors.ParserError, pandas.errors.EmptyDataError, UnicodeError)
    with as_load_error("pandas", f"the feed '{feed}' ({form})", *errors):
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


def _has_more_fields(content: Any, options: Mapping[str, Any]) -> bool:
    """Return whether rows have more fields than there are names: of the first ones, pandas makes an index."""
    pandas = library("pandas")
    syntax = {name: value for name, value in options.items() if name in _SYNTAX_OF_PANDAS}
    try:
        first = pandas.read_csv(content, header=None, nrows=2, dtype="str", **syntax)
    except pandas.errors.ParserError:  # the second line has more fields than the first one
        return options.get("names") is None and options.get("header", 0) in (0, "infer")
    names = options.get("names")
    return names is not None and len(first.columns) > len(names)


def polars_of(rows: list[dict[str, Any]], what: str = "the rows", **options: Any) -> pl.DataFrame:
    """Return a polars DataFrame of JSON objects; `what` names them in an error."""
    from ingestify.store.reading.shape import fitted, shape_of  # only who makes a frame needs it

    polars = library("polars")
    frame: pl.DataFrame = polars.DataFrame()
    with as_load_error("polars", what, polars.exceptions.PolarsError, *NO_VALUE):
        # polars makes a column without the 0 of {"x": {}} and {"x": 0}, without an error. Its reader of JSON Lines,
        # which takes less memory, makes text of mixed types that is no JSON.
        if rows:
            frame = polars.from_dicts(fitted(rows, shape_of(rows)), infer_schema_length=None, **options)
    return frame


def pandas_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a pandas DataFrame of JSON objects; nested objects become dotted columns."""
    library("pandas")
    with as_load_error("pandas", "the rows", UnicodeEncodeError):
        return _flat_pandas(rows, "the rows")


def _flat_pandas(rows: list[dict[str, Any]], what: str, **options: Any) -> Any:
    """Return the frame of JSON objects. A column that has the values of two places would lose those of one."""
    separator = options.get("sep", ".")
    if "record_path" not in options:
        columns = Counter(_columns_of(rows, separator, options.get("max_level")))
        if twice := [name for name, count in columns.items() if count > 1]:
            raise LoadError(
                f"pandas makes no data frame of {what}: the column '{twice[0]}' is both a key with a '{separator}' and "
                f"an object's key. Choose a sep= that is in no key, such as sep='/', or read it with polars."
            )
    return library("pandas").json_normalize(rows, **options)


def _columns_of(values: list[dict[str, Any]], separator: str, levels: int | None, prefix: str = "") -> Iterator[str]:
    """Yield the column of each place of objects, as pandas names them."""
    for key in dict.fromkeys(itertools.chain.from_iterable(values)):
        there = [value[key] for value in values if key in value]
        objects = [one for one in there if isinstance(one, dict)] if levels != 0 else []
        if len(objects) < len(there):
            yield prefix + key
        if objects:
            yield from _columns_of(objects, separator, levels and levels - 1, prefix + key + separator)


def joined_pandas(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all frames, with the columns of all of them.

    No whole number is rounded for a missing one, and no bool becomes a number.
    """
    pandas = library("pandas")
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    large = set()
    most = int(_EXACT_FLOAT)  # numpy compares a whole number with a float as two floats
    for frame in frames:
        for name, kind in frame.dtypes.items():
            kinds[name].append(str(kind))
            if kind.kind in "iu" and len(frame) and (frame[name].max() > most or frame[name].min() < -most):
                large.add(name)
    large -= {name for name, there in kinds.items() if len(there) == len(frames) and len(set(there)) == 1}
    flags = {name for name, there in kinds.items() if "bool" in there and set(there) != {"bool"}}
    parts = [frame.astype(dict.fromkeys((large | flags).intersection(frame), object)) for frame in frames]
    joined: pd.DataFrame = pandas.concat(parts, ignore_index=True)
    for name in large:
        there = joined[name].dropna()
        if there.map(lambda value: type(value) is int).all() and not (there.min() < 0 and there.max() >= 2**63):
            joined[name] = joined[name].astype("Int64" if there.max() < 2**63 else "UInt64")
    return joined


def free_name(name: str, prefix: str, taken: Collection[str]) -> str:
    """Return the name of a column with as many prefixes as it takes to be none of others."""
    while name in taken:
        name = prefix + name
    return name


def library(name: str) -> Any:
    """Return polars or pandas.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(name, f"A {name} data frame") from error


@contextmanager
def as_load_error(library: str, what: str, *errors: type[Exception]) -> Iterator[None]:
    """Raise a LoadError where one of a library's errors is raised; `what` names what no frame is made of."""
    try:
        yield
    except errors as error:
        hint = "utf-8" in str(error).lower() and not isinstance(error, UnicodeEncodeError)
        raise LoadError(
            f"{library} makes no data frame of {what}: {error}"
            + (". If the file has another encoding than UTF-8, name it, such as encoding='cp1252'." if hint else "")
        ) from error


def _open(stream: BinaryIO, serialization_format: str, feed: str) -> tuple[Any, str]:
    form = serialization_format.lower()
    is_packed = form.endswith(".gz")
    form = form.removesuffix(".gz")
    if form not in _FORMATS:
        raise LoadError(
            f"The feed '{feed}' is {form}, and a data frame can only be made of {', '.join(_FORMATS)}. Use kloppy "
            f"(engine.load_dataset_with_kloppy), or read its stream."
        )
    return gzip.GzipFile(fileobj=stream) if is_packed else stream, form


def _as_utf8(content: Any, encoding: str | None, feed: str, form: str) -> Any:
    """Return the content in UTF-8. JSON is left as it is if no encoding is given: its reader recognizes UTF-16."""
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
    """Return what separates the columns.

    A CSV with semicolons and no comma in its header is one that Excel wrote in much of Europe.
    """
    header = content.readline().partition(b"\r")[0]
    content.seek(0)
    return ";" if form == "csv" and b"," not in header and b";" in header else _DELIMITERS[form]


def _with_usual_lines(content: Any, options: Mapping[str, Any]) -> Any:
    """Return the content as polars has to get it: a lone CR ends a line, and a line without values is none.

    pandas reads such lines so. polars makes nulls of a blank line, and knows no CR. Lines that the options skip are
    left as they are, and so is what is between quotation marks.
    """
    text: bytes = content.read()
    content.seek(0)
    blank = b" *" if options["separator"] == "\t" else b"[ \t]*"
    # A pattern that begins with a byte is found several times faster than one of two patterns.
    if "eol_char" in options or not any(re.search(one, text) for one in (rb"\r(?!\n)", rb"\n%b\r?\n" % blank)):
        return content
    skipped = sum(options.get(name, 0) for name in ("skip_rows", "skip_lines", "skip_rows_after_header"))
    begin = sum(map(len, itertools.islice(io.BytesIO(text), skipped)))
    quote = options.get("quote_char", '"')
    parts = text[begin:].split(quote.encode()) if quote else [text[begin:]]
    parts[::2] = [re.sub(rb"[\r\n]+(?:%b[\r\n]+)*" % blank, b"\n", part) for part in parts[::2]]
    return io.BytesIO(text[:begin] + (quote or "").encode().join(parts))


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

    `exact` has the values before they became floats: text, or Decimal for each whole number.
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
    """Skip a header of several lines, which Metrica's tracking files have, and return the names in its last line.

    Teams and shirt numbers stand above the names, with nothing above the first three columns. A name covers two
    columns, x and y, so the second one gets the same name with `_2`. Any other header is not skipped, and the list is
    empty.
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
