"""The colours, light and dark. The two teams differ for the colour-blind too, and each colour is read on its ground."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

__all__ = ["Theme", "colour", "stylesheet", "with_plain_colours"]

Theme: TypeAlias = Literal["light", "dark"]
"""Which of the two palettes."""

_PREFIX = "--picture-"

_PALETTE = {
    "home": ("#0b61a4", "#58a6ff"),
    "away": ("#b4500b", "#f0883e"),
    "surface": ("#ffffff", "#0d1117"),
    "text": ("#1f2328", "#e6edf3"),
    "muted": ("#57606a", "#9198a1"),
    "grid": ("#d0d7de", "#3d444d"),
    "grass": ("#eef5ea", "#10231a"),
    "line": ("#8aa387", "#4c6b56"),
}
"""Name to the colour on a light ground, and on a dark one."""

_VARIABLE = re.compile(rf'="var\({_PREFIX}(\w+),#\w+\)"')


def colour(name: str) -> str:
    """Return a colour as the value of an SVG attribute: a CSS variable of the page, else the light colour."""
    return f"var({_PREFIX}{name},{_PALETTE[name][0]})"


def with_plain_colours(svg: str, theme: Theme) -> str:
    """Return a picture whose colours are no variables, for a file or an `<img>`, which no page can style."""
    is_dark = theme == "dark"
    # A quotation mark is never written in a text as itself, so only attributes are found.
    return _VARIABLE.sub(lambda found: f'="{_PALETTE[found[1]][is_dark]}"', svg)


def stylesheet() -> str:
    """Return the CSS with which a page gives the pictures in it their dark colours."""
    light, dark = (
        " ".join(f"{_PREFIX}{name}: {pair[number]};" for name, pair in _PALETTE.items()) for number in (0, 1)
    )
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
