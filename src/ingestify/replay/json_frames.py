"""The values of a JSON file one after the other, whether they are lines or a list: a match has 50 MB of them."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from ingestify.errors import LoadError

__all__ = ["iter_json_frames"]

_PIECE_BYTES = 1 << 20
_MOST_CHARACTERS = 16 << 20
"""A frame that is longer is none."""

_BETWEEN = re.compile(r"[\s,\[\]]*")


def iter_json_frames(stream: BinaryIO, feed: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, or of JSON Lines.

    Args:
        stream: The file.
        feed: Its feed, for the error.

    Raises:
        LoadError: It is no such file.
    """
    decode = codecs.getincrementaldecoder("utf-8-sig")().decode
    read = json.JSONDecoder().raw_decode
    text, at, is_end = "", 0, False
    try:
        while True:
            at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere
            try:
                if at == len(text) and is_end:
                    return
                value, at = read(text, at)
            except json.JSONDecodeError:
                if is_end or len(text) - at > _MOST_CHARACTERS:
                    raise
                piece = stream.read(max(_PIECE_BYTES, len(text) - at))  # twice as much each time that it is too little
                is_end = not piece
                text, at = text[at:] + decode(piece, final=is_end), 0
                continue
            if not isinstance(value, dict):
                raise LoadError(f"The feed '{feed}' is no list of frames: it has {json.dumps(value)[:40]} in it.")
            yield value
    except (ValueError, RecursionError) as error:
        raise LoadError(f"The feed '{feed}' cannot be read as JSON: {error}.") from error
