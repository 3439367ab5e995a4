"""The other formats that kloppy reads (tracab, secondspectrum, pff, …): in blocks, where it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ingestify.errors import LoadError
from ingestify.replay.recording import BALL, Player, Recording
from ingestify.replay.tape import Tape
from ingestify.tables.kloppy_blocks import Block
from ingestify.tables.rows.people import name_of, text_of
from ingestify.tables.rows.pitch import LENGTH, WIDTH, pitch_dimensions_of
from ingestify.tables.table_input import TableInput

__all__ = ["read_by_kloppy"]

_FRAMES_AT_ONCE = 2000


def read_by_kloppy(given: TableInput) -> Recording:
    """Return the match.

    Raises:
        MissingExtraError: kloppy is not installed.
        LoadError: kloppy cannot read the files, or makes no tracking of them.
    """
    metadata = given.kloppy_metadata()
    tape = Tape(metadata.frame_rate or 25)
    pitch, to_metres = _transformation(metadata)
    firsts: dict[int, float] = {}
    for block in _iter_blocks(given):
        for frame in block.records:
            period = frame.period.id
            seconds = frame.timestamp.total_seconds()
            number = round((seconds - firsts.setdefault(period, min(seconds, 0.0))) * (metadata.frame_rate or 25))
            if not tape.is_kept(number):
                continue
            objects = [(BALL, frame.ball_coordinates)]
            objects += [(str(player.player_id), data.coordinates) for player, data in frame.players_data.items()]
            for key, at in objects:
                if at is not None and at.x is not None and at.y is not None:
                    tape.put(period, number, key, *to_metres(at.x, at.y))
    home, away = given.kloppy_metadata().teams  # with players of later blocks
    players = [
        Player(str(player.player_id), side, text_of(player.jersey_no) or "", name_of(player) or "")
        for side, team in enumerate((home, away))
        for player in team.players
    ]
    return tape.finish((str(home.name), str(away.name)), players, pitch)


def _iter_blocks(given: TableInput) -> Iterator[Block]:
    has_blocks = False
    for block in given.iter_tracking(_FRAMES_AT_ONCE):
        has_blocks = True
        yield block
        for frame in block.records:
            vars(frame).clear()  # each has the next one, so that none would go
    if not has_blocks:
        loaded = given.kloppy()
        from kloppy.domain import TrackingDataset  # not before kloppy has said that it is installed

        if not isinstance(loaded, TrackingDataset):
            raise LoadError(f"{given.dataset} has no tracking: kloppy makes {type(loaded).__name__} of it.")
        yield Block(loaded.metadata, loaded.records, is_whole=True)


def _transformation(metadata: Any) -> tuple[tuple[float, float], Callable[[float, float], tuple[float, float]]]:
    """Return length and width of the pitch, and what makes metres from the centre of kloppy's coordinates."""
    from kloppy.domain import VerticalOrientation

    system, size = metadata.coordinate_system, pitch_dimensions_of(metadata)
    x, y = size.x_dim, size.y_dim
    length, width = float(size.pitch_length or LENGTH), float(size.pitch_width or WIDTH)
    middle, across = (x.min + x.max) / 2, (y.min + y.max) / 2
    scale, rise = length / (x.max - x.min), width / (y.max - y.min)
    if system is not None and system.vertical_orientation == VerticalOrientation.TOP_TO_BOTTOM:
        rise = -rise
    return (length, width), lambda at, up: ((at - middle) * scale, (up - across) * rise)
