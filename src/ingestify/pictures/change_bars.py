"""What changed in each feed between two revisions: how many records came, went and changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ingestify.pictures.match_parts import EDGE, LINE_HEIGHT, sentences
from ingestify.pictures.palette import colour
from ingestify.pictures.picture import Picture
from ingestify.pictures.svg import PLAIN_WIDTH, document, element, fitted, label, text_width

__all__ = ["FeedChanges", "change_bars"]

_ROW_HEIGHT, _BAR_HEIGHT = 40.0, 12.0
_KINDS = ("added", "removed", "changed", "moved", "rekeyed")


@dataclasses.dataclass(frozen=True, slots=True)
class FeedChanges:
    """How many records of a feed were added, removed, changed, moved to another place, and given another key."""

    feed: str
    added: int = 0
    removed: int = 0
    changed: int = 0
    moved: int = 0
    rekeyed: int = 0


def change_bars(title: str, sentence: str, feeds: Sequence[FeedChanges]) -> Picture:
    """Return a bar for each feed.

    Args:
        title: Which revisions of what.
        sentence: What changed, for people.
        feeds: Those that are not the same.
    """
    wide = PLAIN_WIDTH - 2 * EDGE
    totals = {kind: sum(getattr(one, kind) for one in feeds) for kind in _KINDS}
    longest = max((sum(getattr(one, kind) for kind in _KINDS) for one in feeds), default=1) or 1
    parts = []
    said, top = sentences([sentence], 4)
    top += 10
    for number, one in enumerate(feeds):
        y = top + number * _ROW_HEIGHT
        counts = ", ".join(f"{count:,} {kind}" for kind in _KINDS if (count := getattr(one, kind))) or "other changes"
        parts.append(label(fitted(one.feed, wide - text_width(counts) - 12), EDGE, y + 13))
        parts.append(label(counts, PLAIN_WIDTH - EDGE, y + 13, ink="muted", text_anchor="end"))
        x = EDGE
        for kind in _KINDS:
            part = wide * getattr(one, kind) / longest
            parts.append(_part(kind, x, y + 18, part) if part else "")
            x += part
    below = top + len(feeds) * _ROW_HEIGHT
    legend = []
    x = EDGE
    for kind in (kind for kind in _KINDS if totals[kind]):
        legend.append(_part(kind, x, below + 3, 14) + label(kind, x + 19, below + 13.5, ink="muted"))
        x += 32 + text_width(kind)
    alt = f"{title}: {sentence}"
    return Picture(
        title=title,
        alt=alt,
        svg=document(said + "".join(parts + legend), height=below + (LINE_HEIGHT if legend else 0) + EDGE, name=alt),
        columns=("feed", *_KINDS),
        rows=[(one.feed, *(getattr(one, kind) for kind in _KINDS)) for one in feeds],
        row_ids=[one.feed for one in feeds],
    )


def _part(kind: str, x: float, y: float, width: float) -> str:
    """Return a part of a bar: full, empty, its lower half full, dashed, or with a line in the middle."""
    ink = colour("text")
    width = max(width, 2.0)
    if kind == "added":
        return element("rect", x=x, y=y, width=width, height=_BAR_HEIGHT, fill=ink)
    hollow = element(
        "rect",
        x=x,
        y=y,
        width=width,
        height=_BAR_HEIGHT,
        fill=colour("surface"),
        stroke=ink,
        stroke_width=1,
        stroke_dasharray="3 2" if kind == "moved" else None,
    )
    full = {"changed": _BAR_HEIGHT / 2, "rekeyed": 1.5}.get(kind)
    if full is None:
        return hollow
    return hollow + element("rect", x=x, y=y + _BAR_HEIGHT / 2, width=width, height=full, fill=ink)
