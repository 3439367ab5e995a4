"""SVG made by hand: elements, text that stays text, and how wide a text is.

No element has an id or a `style`: many pictures are parts of one page, and its Content-Security-Policy refuses styles.
"""

from __future__ import annotations

import re
import unicodedata

from ingestify.pictures.palette import colour

__all__ = [
    "BOLD",
    "FONT_SIZE",
    "PLAIN_WIDTH",
    "document",
    "element",
    "escaped",
    "fitted",
    "label",
    "rounded",
    "shown_text",
    "text_width",
]

PLAIN_WIDTH = 400
"""How wide a picture is, in its own units: on a phone of 390 pixels its text is still of 11."""

FONT_SIZE = 12.5

BOLD = 1.12
"""How much wider a bold text is."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"

# What XML cannot have, and what changes the direction of the text after it.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})

# Of DejaVu Sans, which is wider than the other fonts, in parts of the size.
_ADVANCES = {letter: advance for advance, letters in (
    (0.32, "ijlI.,:;'|! ′"), (0.42, "frt()[]-/"), (0.6, "acekosvxyz"), (0.96, "mwMW%@—"), (0.8, "ABCDGHNOQRU&→←↑↓…"),
) for letter in letters}  # fmt: skip
_USUAL_ADVANCE = 0.64


def shown_text(text: object) -> str:
    """Return a text as it is shown: in one line, without control characters."""
    return _UNPRINTABLE.sub("\ufffd", _DIRECTION.sub("", " ".join(str(text).split())))


def escaped(text: object) -> str:
    """Return a provider's text for an attribute or between two tags."""
    return shown_text(text).translate(_ESCAPES)


def rounded(value: float) -> str:
    """Return a coordinate with as many digits as can be seen."""
    return f"{value:.1f}".removesuffix(".0")


def element(name: str, /, *content: str, **attributes: object) -> str:
    """Return an element. An `_` in the name of an attribute is a `-`; an attribute that is None is left out.

    Args:
        name: The name of the element.
        *content: Elements and escaped text between its tags.
        **attributes: Numbers, and texts that are escaped here.
    """
    given = "".join(
        f' {key.replace("_", "-")}="{rounded(value) if isinstance(value, (int, float)) else escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(content)
    return f"<{name}{given}>{inner}</{name}>" if inner else f"<{name}{given}/>"


def label(text: object, x: float, y: float, *, ink: str = "text", size: float = FONT_SIZE, **attributes: object) -> str:
    """Return a text whose base line begins at a point; with `text_anchor`, ends or has its middle there."""
    return element("text", escaped(text), x=x, y=y, fill=colour(ink), font_size=size, **attributes)


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Return at least about how wide a text is in the usual fonts."""
    return size * sum(map(_advance, text))


def _advance(letter: str) -> float:
    known = _ADVANCES.get(letter)
    if known is not None or letter.isascii():
        return known or _USUAL_ADVANCE
    if unicodedata.combining(letter):
        return 0
    return 1.05 if unicodedata.east_asian_width(letter) in "WF" else 0.68


def fitted(text: object, width: float, size: float = FONT_SIZE) -> str:
    """Return a text, or as much of its beginning as a width has room for, with `…`."""
    whole = shown_text(text)
    if text_width(whole, size) <= width:
        return whole
    room = width - text_width("…", size)
    kept = 0
    for letter in whole:
        room -= size * _advance(letter)
        if room < 0:
            break
        kept += 1
    return whole[:kept].rstrip() + "…"


def document(content: str, *, height: float, name: str, has_links: bool = False, width: float = PLAIN_WIDTH) -> str:
    """Return a whole picture.

    Args:
        content: Its elements.
        height: In units of the picture.
        name: What it shows, in a sentence, for those who cannot see it.
        has_links: Whether there are links in it: an `img` has no parts that a reader of a screen could reach.
        width: In units of the picture.
    """
    ground = element("rect", width=width, height=height, rx=6, fill=colour("surface"))
    return element(
        "svg",
        ground,
        content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {rounded(width)} {rounded(height)}",
        role="group" if has_links else "img",
        aria_label=name,
        font_family=_FONT,
    )
