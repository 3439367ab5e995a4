"""A picture: SVG for a page, a file or a notebook; PNG; and the table of what it shows."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ingestify.errors import ConfigurationError, MissingExtraError
from ingestify.pictures.palette import Theme, with_plain_colours
from ingestify.pictures.svg import escaped

__all__ = ["Cell", "Picture", "image_tag"]

Cell: TypeAlias = str | int | float | None
"""A value of a table."""


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and the table of what it shows.

    Attributes:
        title: A short heading, which is not a part of the picture.
        alt: What it shows, in a sentence, for those who cannot see it.
        svg: For a page: its colours are CSS variables, with the light colours where a page has none.
        columns: The names of the columns of the table.
        rows: The table, with a value for each column. None: unknown.
        row_ids: What identifies each row, such as the provider's id of a shot; empty: nothing does.
    """

    title: str
    alt: str
    svg: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    row_ids: Sequence[str] = ()

    def plain_svg(self, theme: Theme = "light") -> str:
        """Return the SVG with plain colours, for a file or an `<img>`."""
        return with_plain_colours(self.svg, theme)

    def png(self, *, theme: Theme = "light", scale: float = 2.0) -> bytes:
        """Return the picture as PNG.

        Args:
            theme: Light or dark.
            scale: How many pixels a unit of the picture has; most are 400 units wide.

        Raises:
            MissingExtraError: The extra `plot` is not installed.
        """
        try:
            import resvg_py  # only who wants a PNG
        except ModuleNotFoundError as error:
            raise MissingExtraError("plot", "A picture as PNG") from error
        return bytes(resvg_py.svg_to_bytes(svg_string=self.plain_svg(theme), zoom=scale))

    def save(self, path: str | Path, *, theme: Theme = "light") -> Path:
        """Write the picture into a file, as its name says: `….svg` or `….png`. Returns the path.

        Raises:
            ConfigurationError: The name ends with something else. Nothing is written.
            MissingExtraError: It is a PNG, and the extra `plot` is not installed.
        """
        target = Path(path).expanduser()
        kind = target.suffix.lower()
        if kind not in {".svg", ".png"}:
            raise ConfigurationError(f"A picture is written as .svg or .png, and the file is '{target.name}'.")
        target.write_bytes(self.png(theme=theme) if kind == ".png" else self.plain_svg(theme).encode())
        return target

    def __repr__(self) -> str:
        return f"Picture({self.title}: {self.alt})"

    def _repr_html_(self) -> str:
        return image_tag(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}


def data_url(svg: str) -> str:
    """Return a picture as an address that contains it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def image_tag(picture: Picture, width: int = 480) -> str:
    """Return an `<img>` with the picture in it: a notebook shows SVG itself only if it is trusted."""
    return f'<img src="{data_url(picture.plain_svg())}" width="{width}" alt="{escaped(picture.alt)}">'
