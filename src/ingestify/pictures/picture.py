"""A picture: SVG for a page, a file or a notebook; PNG; and the table of what it shows."""

from __future__ import annotations

import base64
import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ingestify.errors import ConfigurationError, MissingExtraError
from ingestify.masking import mask_text
from ingestify.pictures.palette import Theme, with_plain_colours
from ingestify.pictures.svg import escaped

__all__ = ["PREVIEW_SECONDS", "Cell", "Picture", "check_name", "shown_in_notebook"]

PREVIEW_SECONDS = 2.0
"""How long a notebook waits for a storage or a database, for a picture that nobody asked for."""

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
            ConfigurationError: The name ends with something else, or the file cannot be written.
            MissingExtraError: It is a PNG, and the extra `plot` is not installed.
        """
        target = Path(path).expanduser()
        kind = check_name(target)
        content = self.png(theme=theme) if kind == ".png" else self.plain_svg(theme).encode()
        try:
            target.write_bytes(content)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise ConfigurationError(f"The picture {target} cannot be written: {error}") from error
        return target

    def __repr__(self) -> str:
        return f"Picture({self.alt})"

    def _repr_html_(self) -> str:
        return _image(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}


def check_name(path: Path) -> str:
    """Return the end of a name of a file for a picture, in small letters.

    Raises:
        ConfigurationError: No picture is written into such a file.
    """
    kind = path.suffix.lower()
    if kind not in {".svg", ".png"}:
        raise ConfigurationError(f"A picture is written as .svg or .png, and the file is '{path.name}'.")
    return kind


def shown_in_notebook(make: Callable[[], Picture], within_seconds: float | None = None) -> str:
    """Return a picture as HTML; a sentence if there is none. It raises nothing, as a notebook shows it unasked.

    Args:
        make: Makes the picture.
        within_seconds: How long it may take, if it reads a storage or a database; None: it reads nothing.
    """
    if within_seconds is None:
        return _html_of(make)
    made: list[str] = []
    # A storage that is away answers late; a notebook does not wait for it.
    thread = threading.Thread(target=lambda: made.append(_html_of(make)), name="ingestify-picture", daemon=True)
    thread.start()
    thread.join(within_seconds)
    return made[0] if made else _sentence(f"it takes longer than {within_seconds:g} s; plot() waits for it")


def _html_of(make: Callable[[], Picture]) -> str:
    try:
        return _image(make())
    except Exception as error:  # noqa: BLE001 - a broken file is shown as a sentence
        return _sentence(str(error) or type(error).__name__)


def _sentence(why: str) -> str:
    return f"<p>No picture: {escaped(mask_text(why)).removesuffix('.')}.</p>"


def _image(picture: Picture) -> str:
    """Return an `<img>` with the picture in it: a notebook shows SVG itself only if it is trusted."""
    address = f"data:image/svg+xml;base64,{base64.b64encode(picture.plain_svg().encode()).decode()}"
    return f'<img src="{address}" width="480" alt="{escaped(picture.alt)}">'
