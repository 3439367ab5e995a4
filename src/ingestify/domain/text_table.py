"""A result as a text table, for terminals and for notebooks without HTML."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import islice

from ingestify.domain.html_table import MOST_ROWS
from ingestify.masking import mask_text

__all__ = ["text_table"]

_WIDEST = 72


def text_table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], count: int, most: int | None = MOST_ROWS
) -> str:
    """Return lines of text: the caption, the columns' names, and the first rows.

    Args:
        caption: The title, in one line.
        columns: The names of the columns.
        rows: Each a value for each column.
        count: How many rows there are.
        most: How many are shown; None: all.
    """
    caption = _printable(caption)
    if not count:
        return caption
    cells = [list(columns), *([_cell(value) for value in row] for row in islice(rows, most))]
    widths = [max(len(row[number]) for row in cells) for number in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    more = [f"… and {count - most:,} more"] if most is not None and count > most else []
    return "\n".join([caption, *lines, *more])


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    text = _printable(mask_text(str(value)))
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in text)
