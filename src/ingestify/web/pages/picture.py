"""A picture of a match after a revision, as SVG or PNG, and its table as CSV. No revision ever changes."""

from __future__ import annotations

import csv
import io

from starlette.responses import Response

from ingestify.errors import ConfigurationError, LoadError, MissingExtraError
from ingestify.masking import mask_text
from ingestify.pictures.match_parts import EDGE, sentences
from ingestify.pictures.palette import Theme, with_plain_colours
from ingestify.pictures.picture import Picture
from ingestify.pictures.svg import document
from ingestify.store.reading.dataset_picture import read_match_values
from ingestify.web.asked_dataset import asked_dataset, numbered
from ingestify.web.match_pictures import PICTURES
from ingestify.web.page import FOR_EVER, Asked, Attachment, NotShown

__all__ = ["PICTURE"]

_FORMULA = tuple("=+-@\t\r")
"""A spreadsheet takes a cell that begins so for a formula."""


def respond(asked: Asked) -> Response:
    """Return the picture of the name and the format in the address; `?theme=dark` for a dark page."""
    dataset = numbered(asked_dataset(asked), asked.parts["revision"])
    name, kind = asked.parts["name"], asked.parts["kind"]
    if name not in PICTURES:
        raise NotShown(404, f"There is no picture '{name}'; there are {', '.join(PICTURES)}.")
    try:
        picture = PICTURES[name][1](read_match_values(asked.lake.store, dataset))
    except (LoadError, ConfigurationError) as error:
        if kind != "svg":
            raise NotShown(404, str(error)) from error
        # The page of the match has it as an <img>, which shows the picture of a 404 as well.
        return Response(_said(mask_text(str(error)), asked.theme), 404, media_type="image/svg+xml")
    match kind:
        case "svg":
            content, media_type = picture.plain_svg(asked.theme).encode(), "image/svg+xml"
        case "png":
            content, media_type = _png(picture, asked.theme), "image/png"
        case "csv":
            content, media_type = _csv(picture).encode("utf-8-sig"), "text/csv; charset=utf-8"
        case _:
            raise NotShown(404, f"There is no picture as .{kind}: write .svg, .png or .csv.")
    saved_as = {"Content-Disposition": f'attachment; filename="{name}.csv"'} if kind == "csv" else {}
    return Response(content, headers={**FOR_EVER, **saved_as}, media_type=media_type)


def _said(text: str, theme: Theme) -> str:
    """Return a sentence as a picture."""
    lines, height = sentences([text], EDGE)
    return with_plain_colours(document(lines, height=height + 2 * EDGE, name=text), theme)


def _png(picture: Picture, theme: Theme) -> bytes:
    try:
        return picture.png(theme=theme)
    except MissingExtraError as error:
        raise NotShown(404, str(error)) from error


def _csv(picture: Picture) -> str:
    """Return the table of a picture. No cell is a formula."""
    written = io.StringIO()
    lines = csv.writer(written)
    for row in (picture.columns, *picture.rows):
        lines.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in row])
    return written.getvalue()


PICTURE = Attachment("/datasets/{dataset_id}/r{revision}/{name}.{kind}", respond)
