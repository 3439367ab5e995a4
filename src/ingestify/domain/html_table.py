"""A result as an HTML table for notebooks. A provider's values are escaped, so they are shown as text."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Sequence
from itertools import islice

from ingestify.masking import mask_text

__all__ = ["MOST_ROWS", "html_table"]

MOST_ROWS = 50
"""The most rows that a table shows; it says how many more there are."""


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], count: int) -> str:
    """Return a table as HTML.

    Args:
        caption: The title, in one line.
        columns: The names of the columns.
        rows: Each a value for each column; only the first 50 are read.
        count: How many rows there are.
    """
    head = "".join(f"<th>{_cell(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in islice(rows, MOST_ROWS)
    )
    more = f"<p>… and {count - MOST_ROWS:,} more</p>" if count > MOST_ROWS else ""
    return f"<p>{_cell(caption)}</p>" + (
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}" if count else ""
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return html.escape(mask_text(str(value)))
