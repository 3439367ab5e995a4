"""Reads a chunk as a browser does."""

from __future__ import annotations

import gzip

from ingestify.replay.recording import MISSING, Recording

__all__ = ["places_of"]


def places_of(recording: Recording, number: int) -> dict[str, list[tuple[float, float] | None]]:
    """Return where each track is in each frame of a chunk: metres from the centre, or None."""
    frames = recording.chunks[number]["frames"]
    content = gzip.decompress(recording.chunk(number))
    tracks = [one["id"] for one in recording.head()["tracks"]]
    half = len(content) // 2
    assert half == 2 * frames * len(tracks)
    values = [low | high << 8 for low, high in zip(content[:half], content[half:], strict=True)]
    columns = []
    for begin in range(0, half, frames):
        total, column = 0, []
        for value in values[begin : begin + frames]:
            total = (total + ((value >> 1) ^ -(value & 1)) + 32768) % 65536 - 32768
            column.append(total)
        columns.append(column)
    return {
        track: [
            None if x == MISSING else (x / 100, y / 100) for x, y in zip(*columns[2 * at : 2 * at + 2], strict=True)
        ]
        for at, track in enumerate(tracks)
    }
