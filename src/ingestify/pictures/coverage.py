"""The coverage matrix: how much of each feed of each season is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from ingestify.pictures.match_parts import EDGE, LINE_HEIGHT, sentences
from ingestify.pictures.palette import colour
from ingestify.pictures.picture import Cell, Picture
from ingestify.pictures.svg import BOLD, FONT_SIZE, PLAIN_WIDTH, document, element, escaped, fitted, label, text_width

__all__ = ["CoverageCell", "CoverageRow", "coverage_matrix"]

_MOST_ROWS = 30
_ROW_HEIGHT = 50.0
_BAR_HEIGHT = 9.0
_NARROWEST = 62.0
"""How wide a column is at least; with many feeds, the picture is wider than others."""

_KINDS = ("there", "quarantined", "failed", "missing")
"""The parts of a bar, in this order, which are the fields of a `CoverageCell`."""


@dataclasses.dataclass(frozen=True, slots=True)
class CoverageCell:
    """How many datasets of a row have a feed, and what is with the others.

    Attributes:
        there: They have it.
        quarantined: Their bundle is in quarantine.
        failed: They failed at their last run.
        missing: They do not have it, or not yet.
    """

    there: int = 0
    quarantined: int = 0
    failed: int = 0
    missing: int = 0

    @property
    def total(self) -> int:
        """How many datasets the row has."""
        return self.there + self.quarantined + self.failed + self.missing


@dataclasses.dataclass(frozen=True, slots=True)
class CoverageRow:
    """The datasets of a season of a competition, or of another part of the lake.

    Attributes:
        name: For people.
        feeds: Feed to its counts; a feed that the row does not have at all is left out.
        row_id: What identifies it, such as its selector; the name if it is empty.
    """

    name: str
    feeds: Mapping[str, CoverageCell]
    row_id: str = ""


def coverage_matrix(rows: Sequence[CoverageRow]) -> Picture:
    """Return the coverage matrix.

    It draws 30 rows, and the table has all.

    Args:
        rows: In the order in which they are shown.
    """
    feeds = list(dict.fromkeys(feed for row in rows for feed in row.feeds))
    column = max(_NARROWEST, (PLAIN_WIDTH - 2 * EDGE) / max(1, len(feeds)))
    width = max(PLAIN_WIDTH, 2 * EDGE + column * len(feeds))
    drawn = rows[:_MOST_ROWS]
    parts = [
        label(fitted(feed, column - 8, FONT_SIZE * BOLD), EDGE + number * column, 19, ink="muted", font_weight="bold")
        for number, feed in enumerate(feeds)
    ]
    for number, row in enumerate(drawn):
        parts.append(_row(row, feeds, 28 + number * _ROW_HEIGHT, column, width))
    below = 28 + len(drawn) * _ROW_HEIGHT
    legend, legend_height = _legend(rows, below)
    notes = [] if rows else ["There are no datasets."]
    if len(rows) > len(drawn):
        notes.append(f"{len(rows) - len(drawn):,} more rows are in the table.")
    said, said_height = sentences(notes, below + legend_height)
    alt = _alt(rows, feeds)
    return Picture(
        title="Coverage",
        alt=alt,
        svg=document(
            "".join(parts) + legend + said, height=below + legend_height + said_height + EDGE, name=alt, width=width
        ),
        columns=("name", "feed", *_KINDS),
        rows=list(_cells(rows)),
        row_ids=[row.row_id or row.name for row in rows for _ in row.feeds],
    )


def _cells(rows: Sequence[CoverageRow]) -> Iterator[Sequence[Cell]]:
    for row in rows:
        for feed, cell in row.feeds.items():
            yield row.name, feed, *(getattr(cell, kind) for kind in _KINDS)


def _alt(rows: Sequence[CoverageRow], feeds: Sequence[str]) -> str:
    said = []
    for feed in feeds:
        cells = [row.feeds[feed] for row in rows if feed in row.feeds]
        said.append(f"{feed} {sum(cell.there for cell in cells):,} of {sum(cell.total for cell in cells):,}")
    return f"Coverage of {len(rows):,} row{'' if len(rows) == 1 else 's'}: {', '.join(said) or 'nothing'}."


def _row(row: CoverageRow, feeds: Sequence[str], top: float, column: float, width: float) -> str:
    parts = [label(fitted(row.name, width - 2 * EDGE), EDGE, top + 13)]
    for number, feed in enumerate(feeds):
        cell = row.feeds.get(feed)
        x = EDGE + number * column
        if cell is None:
            parts.append(label("–", x, top + 37, ink="muted"))
            continue
        of = f"{cell.there:,}" if cell.there == cell.total else f"{cell.there:,} / {cell.total:,}"
        words = ", ".join(f"{count} {kind}" for kind in _KINDS if (count := getattr(cell, kind)))
        title = element("title", escaped(f"{row.name}, {feed}: {words}"))
        text = label(fitted(of, column - 8), x, top + 41, ink="muted")
        parts.append(element("g", title, _bar(cell, x, top + 19, column - 10), text))
    return element("g", *parts)


def _bar(cell: CoverageCell, x: float, y: float, width: float) -> str:
    parts = [_part("missing", x, y, width)]
    for kind in _KINDS[:3]:
        count = getattr(cell, kind)
        if count:
            part = max(3.0, width * count / cell.total)  # one of a thousand can be seen, too
            parts.append(_part(kind, x, y, min(part, width)))
            x, width = x + part, max(0.0, width - part)
    return "".join(parts)


def _part(kind: str, x: float, y: float, width: float) -> str:
    """Return a part of a bar: full, with stripes, with crosses or empty."""
    ink = colour("text")
    if kind == "there":
        return element("rect", x=x, y=y, width=width, height=_BAR_HEIGHT, fill=ink)
    box = element("rect", x=x, y=y, width=width, height=_BAR_HEIGHT, fill=colour("surface"), stroke=ink, stroke_width=1)
    if kind == "missing":
        return box
    step = _BAR_HEIGHT
    lines = ""
    at = x
    while at + 3 <= x + width:
        to = min(at + step, x + width)
        lines += f"M{at:.1f} {y + _BAR_HEIGHT:.1f}L{to:.1f} {y:.1f}"
        lines += f"M{at:.1f} {y:.1f}L{to:.1f} {y + _BAR_HEIGHT:.1f}" if kind == "failed" else ""
        at += step if kind == "failed" else step / 2
    return box + (element("path", d=lines, fill="none", stroke=ink, stroke_width=1) if lines else "")


def _legend(rows: Sequence[CoverageRow], top: float) -> tuple[str, float]:
    cells = [cell for row in rows for cell in row.feeds.values()]
    shown = [kind for kind in _KINDS if any(getattr(cell, kind) for cell in cells)]
    parts, x = [], EDGE
    for kind in shown:
        parts.append(_part(kind, x, top + 4, 18) + label(kind, x + 23, top + 13, ink="muted"))
        x += 38 + text_width(kind)
    return element("g", *parts) if parts else "", LINE_HEIGHT if parts else 0.0
