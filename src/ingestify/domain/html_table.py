"""A result as a table that a notebook shows. Whatever a provider wrote is text there, and nothing else."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Sequence
from itertools import islice

from ingestify.masking import mask_text

__all__ = ["MOST_ROWS", "html_table"]

MOST_ROWS = 50
"""What a table shows; it says how many there are."""


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], count: int) -> str:
    """Return HTML of a table.

    Args:
        caption: What it is, in a line.
        rows: A value for each column; only the first 50 are looked at.
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
