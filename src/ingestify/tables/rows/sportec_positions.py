"""Reads the positions of Sportec's tracking: 400 MB of XML, with a `FrameSet` for each object and half."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import BinaryIO, TypeAlias
from xml.parsers import expat

from ingestify.errors import LoadError

__all__ = ["BALL", "PERIODS", "AddFrame", "period_and_object", "read_positions"]

PERIODS = {"firstHalf": 1, "secondHalf": 2, "firstHalfExtra": 3, "secondHalfExtra": 4}
"""The game section of a set to the number of its period."""

BALL = ""
"""Stands for the ball, among the ids of players."""

AddFrame: TypeAlias = "Callable[[Mapping[str, str]], None]"
"""Gets the attributes of a frame: `N`, `X`, `Y`, `Z`, `S`, …"""

_PIECE_BYTES = 1 << 20


def read_positions(stream: BinaryIO, open_set: Callable[[Mapping[str, str]], AddFrame | None]) -> None:
    """Pass each frame of the file on, in the order of the file.

    Args:
        stream: The file.
        open_set: Called with the attributes of each set. It returns what gets the frames of the set, or None: they are
            left out.

    Raises:
        LoadError: The file is no XML, or declares an entity.
    """
    add: AddFrame | None = None

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal add
        if tag == "Frame":
            if add is not None:
                add(attributes)
        elif tag == "FrameSet":
            add = open_set(attributes)

    def refuse(name: str, *_: object) -> None:
        raise LoadError(f"The feed 'frames' is XML that declares the entity {name!r}, which is not read.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    try:
        while piece := stream.read(_PIECE_BYTES):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise LoadError(f"The feed 'frames' cannot be read as XML: {error}.") from error


def period_and_object(attributes: Mapping[str, str]) -> tuple[int | None, str | None]:
    """Return the period of a set (None: it is in no period of play), and whose it is: `BALL`, or a person's id."""
    key = BALL if attributes.get("TeamId") == "BALL" else attributes.get("PersonId")
    return PERIODS.get(attributes.get("GameSection", "")), key
