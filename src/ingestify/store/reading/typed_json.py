"""JSON whose shape is known, read by polars' own reader where that gives the same values as Python's.

polars' reader is several times faster, and faster still if it need not find the types out. But it takes the first of
two equal keys, makes 1 of `true`, rounds large numbers beside fractions, and has an order of columns of its own. So
msgspec looks first whether a list of records has exactly the types of a shape; that takes a quarter of the time.
"""

from __future__ import annotations

from typing import Annotated, Any

from ingestify.store.reading.shape import EXACT, LONG, NOTHING, Kind, Shape, fitted

__all__ = ["ShapeCheck", "column_type", "columns_of", "frame_of", "records_in"]

_ESCAPED_COLON = b"\\u003"


class ShapeCheck:
    """Whether a list of records in JSON has a shape, so that polars reads from it what Python would.

    Args:
        shape: The shape of the records, which are objects.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        import msgspec  # it takes a while, and only who reads many matches needs it

        self._msgspec: Any = msgspec
        try:
            self._decoder = msgspec.json.Decoder(list[self._type_of(shape)]) if shape.fields else None  # type: ignore[misc]
        except ValueError:  # a key that msgspec gives no field, such as one with a quotation mark
            self._decoder = None

    def fits(self, content: bytes) -> bool:
        """Return whether the content is a list of records of this shape, without a key twice in one object."""
        if self._decoder is None or _ESCAPED_COLON in content:
            return False
        try:
            records = self._decoder.decode(content)
        except (self._msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        # Each key has a colon, so a key that comes twice shows as a colon that is not in the values.
        compact: bytes = self._msgspec.json.encode(records)
        return content.count(b":") == compact.count(b":")

    def _type_of(self, shape: Shape) -> Any:
        """Return a type of msgspec that takes the values that polars reads rightly, and no others."""
        exact = Annotated[int, self._msgspec.Meta(ge=-EXACT, le=EXACT)]
        if shape.kind is Kind.OBJECT:
            names = {f"f{number}": key for number, key in enumerate(shape.fields or {})}
            fields = zip(names, (shape.fields or {}).values(), strict=True)
            return self._msgspec.defstruct(
                "Record",
                [
                    (name, self._type_or_null(field) | self._msgspec.UnsetType, self._msgspec.UNSET)
                    for name, field in fields
                ],
                rename=names,
                forbid_unknown_fields=True,
                omit_defaults=True,
                gc=False,
            )
        if shape.kind is Kind.LIST:
            return list[self._type_or_null(shape.items or NOTHING)]  # type: ignore[misc]
        if shape.is_mixed:
            return str
        if shape.kind is Kind.INT and shape.reach == LONG and not shape.are_exact:
            return Annotated[int, self._msgspec.Meta(ge=-LONG - 1, le=LONG)]
        simple = {Kind.BOOL: bool, Kind.INT: exact, Kind.FLOAT: float | exact, Kind.TEXT: str}
        return simple.get(shape.kind)

    def _type_or_null(self, shape: Shape) -> Any:
        kind = self._type_of(shape)
        return type(None) if kind is None else kind | None


def records_in(content: bytes, feed: str) -> bytes:
    """Return the list of records in an object, as `records.read_records` looks for it; else all of the content.

    What is no JSON is returned as it is.
    """
    if not content.lstrip().startswith(b"{"):
        return content
    import msgspec

    try:
        content.decode()  # msgspec does not look into the texts that it skips
        values = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return content
    there = (bytes(values[key]) for key in (feed, "data") if key in values)
    return next((value for value in there if value.startswith(b"[")), content)


def frame_of(polars: Any, rows: list[dict[str, Any]], shape: Shape) -> Any:
    """Return the frame of JSON objects that have a shape, or a narrower one."""
    types = columns_of(polars, shape)
    if not rows:
        return polars.DataFrame(schema=types)
    if not types:
        return polars.from_dicts(rows)  # it has their number
    fitting = fitted(rows, shape)
    try:
        return polars.from_dicts(fitting, schema=types)
    except TypeError:  # polars takes a list of small whole numbers and one of more than 64 bits for mixed types
        return polars.from_dicts(fitting, schema=types, strict=False)


def columns_of(polars: Any, shape: Shape) -> dict[str, Any]:
    """Return the columns of records that have a shape, each with its type."""
    return {key: column_type(polars, field) for key, field in (shape.fields or {}).items()}


def column_type(polars: Any, shape: Shape) -> Any:
    """Return the type of a polars column that has values of a shape."""
    if shape.kind is Kind.OBJECT:
        return polars.Struct(columns_of(polars, shape))
    if shape.kind is Kind.LIST:
        return polars.List(column_type(polars, shape.items or NOTHING))
    if shape.is_mixed:
        return polars.String
    if shape.kind is Kind.INT and shape.reach > LONG:
        return polars.Int128
    simple = {
        Kind.BOOL: polars.Boolean,
        Kind.INT: polars.Int64,
        Kind.FLOAT: polars.Float64,
        Kind.TEXT: polars.String,
    }
    return simple.get(shape.kind, polars.Null)
