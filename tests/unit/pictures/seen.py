"""What can be seen in a picture: its elements, and where its texts are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations

from ingestify.pictures.svg import text_width

SVG = "{http://www.w3.org/2000/svg}"


def root_of(picture, theme=None):
    return ET.fromstring(picture.svg if theme is None else picture.plain_svg(theme))


def texts_of(picture):
    return ["".join(one.itertext()) for one in root_of(picture).iter(f"{SVG}text")]


def boxes_of(picture):
    """The texts, each with the box that it takes at about its width in a usual font."""
    found = []
    for one in root_of(picture).iter(f"{SVG}text"):
        text, size = "".join(one.itertext()), float(one.get("font-size"))
        width = 0.97 * text_width(text, size)
        x, y = float(one.get("x")), float(one.get("y"))
        left = x - {"middle": width / 2, "end": width}.get(one.get("text-anchor"), 0)
        found.append((text, (left, y - 0.75 * size, left + width, y)))
    return found


def overlaps_of(picture):
    """The pairs of texts that cover one another."""
    return [
        (text, other)
        for (text, a), (other, b) in combinations(boxes_of(picture), 2)
        if min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1
    ]


def check(picture):
    """What holds for each picture, whatever is in it."""
    root = root_of(picture)
    left, top, width, height = map(float, root.get("viewBox").split())
    assert (left, top, width) == (0, 0, 400)
    has_links = next(root.iter(f"{SVG}a"), None) is not None
    assert root.get("role") == ("group" if has_links else "img")
    assert root.get("aria-label")
    allowed = {"svg", "g", "a", "title", "text", "rect", "circle", "line", "path"}
    for one in root.iter():
        assert one.tag.removeprefix(SVG) in allowed
        assert not {"style", "id", "class"} & set(one.attrib)
        numbers = " ".join(value for key, value in one.attrib.items() if key not in {"href", "aria-label"})
        assert not re.search(r"\b(nan|inf|None)\b", numbers)
    for one in root.iter(f"{SVG}text"):
        assert float(one.get("font-size")) * 358 / width >= 11  # a phone of 390 pixels, with a margin
    for text, box in boxes_of(picture):
        assert box[0] >= -2, text
        assert box[2] <= width + 2, text
        assert 0 <= box[1] <= box[3] <= height, text
    assert overlaps_of(picture) == []
    for theme in ("light", "dark"):
        assert not [one for one in root_of(picture, theme).iter() for value in one.attrib.values() if "var(" in value]
    assert all(len(row) == len(picture.columns) for row in picture.rows)
    assert len(picture.row_ids) in (0, len(picture.rows))
