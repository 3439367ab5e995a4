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
_KINDS = ("added", "removed", "changed")


@dataclasses.dataclass(frozen=True, slots=True)
class FeedChanges:
    """How many records of a feed were added, removed and changed."""

    feed: str
    added: int = 0
    removed: int = 0
    changed: int = 0


def change_bars(title: str, sentence: str, feeds: Sequence[FeedChanges]) -> Picture:
    """Return a bar for each feed.

    Args:
        title: Which revisions of what.
        sentence: What changed, for people.
        feeds: Those that are not the same.
    """
    wide = PLAIN_WIDTH - 2 * EDGE
    longest = max((one.added + one.removed + one.changed for one in feeds), default=1) or 1
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
    legend = [
        _part(kind, EDGE + number * 90, below + 3, 14) + label(kind, EDGE + 20 + number * 90, below + 13.5, ink="muted")
        for number, kind in enumerate(_KINDS if feeds else ())
    ]
    alt = f"{title}: {sentence}"
    return Picture(
        title=title,
        alt=alt,
        svg=document(said + "".join(parts + legend), height=below + (LINE_HEIGHT if feeds else 0) + EDGE, name=alt),
        columns=("feed", *_KINDS),
        rows=[(one.feed, one.added, one.removed, one.changed) for one in feeds],
        row_ids=[one.feed for one in feeds],
    )


def _part(kind: str, x: float, y: float, width: float) -> str:
    """Return a part of a bar: what was added is full, what was removed is empty, what changed is full below."""
    ink = colour("text")
    width = max(width, 2.0)
    if kind == "added":
        return element("rect", x=x, y=y, width=width, height=_BAR_HEIGHT, fill=ink)
    hollow = element(
        "rect", x=x, y=y, width=width, height=_BAR_HEIGHT, fill=colour("surface"), stroke=ink, stroke_width=1
    )
    half = element("rect", x=x, y=y + _BAR_HEIGHT / 2, width=width, height=_BAR_HEIGHT / 2, fill=ink)
    return hollow + (half if kind == "changed" else "")
