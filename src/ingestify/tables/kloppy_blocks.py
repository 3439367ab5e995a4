"""Tracking in blocks of some thousand frames: kloppy's objects of a whole match need up to several GB.

In these formats each frame is a line of a file, or a value in a list of JSON. kloppy gets all files as they are, but of
that one some lines at a time. What it needs of earlier lines comes before them once more, such as a frame of the first
half; what it makes of these is left out. Other formats are loaded as a whole.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from ingestify.store.reading.file_collection import FileCollection

__all__ = ["Block", "iter_blocks"]

Lines: TypeAlias = "tuple[bytes, ...]"
"""The line of one frame in each of the files that have one."""

LoadPart: TypeAlias = "Callable[..., Any]"
"""Called with `_SomeLines`, and arguments for kloppy."""


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Some frames of a match.

    Attributes:
        metadata: That of kloppy's dataset of these frames. Its `orientation` may be that of these frames alone.
        records: kloppy's frames.
        is_whole: Whether these are all frames of the match.
    """

    metadata: Any
    records: list[Any]
    is_whole: bool


def _keep_first_lines(count: int) -> Callable[[list[Lines], Lines], bool]:
    return lambda kept, _: len(kept) < count


def _keep_nothing(kept: list[Lines], lines: Lines) -> bool:  # noqa: ARG001 - as the others
    return False


def _keep_first_half(kept: list[Lines], lines: Lines) -> bool:
    """SkillCorner: without a frame of the first half, kloppy raises an error."""
    if kept:
        return False
    frame = json.loads(lines[0])
    return bool(frame["period"] == 1 and frame.get("time", frame.get("timestamp")) is not None)


def _keep_first_of_period(kept: list[Lines], lines: Lines) -> bool:
    """Metrica's CSV: three lines of names, and the first frame of each period, from which the time counts."""
    return len(kept) < 3 or lines[0].partition(b",")[0] not in [one[0].partition(b",")[0] for one in kept[3:]]


def _keep_ends(metadata: bytes) -> Callable[[list[Lines], Lines], bool]:
    """Metrica's EPTS: the last frame of each of the layouts that the lines have, as kloppy then takes the next one."""
    ends = [int(end) for end in re.findall(rb'<DataFormatSpecification\b[^>]*?\bendFrame="(\d+)"', metadata)]

    def keep(kept: list[Lines], lines: Lines) -> bool:
        found = re.match(rb"\s*(\d+)", lines[0]) if len(kept) < len(ends) - 1 else None
        return found is not None and int(found[1]) >= ends[len(kept)]

    return keep


def _keep_kick_offs(kept: list[Lines], lines: Lines) -> bool:
    """PFF: the first frame, and that of extra time; the sides of the teams in these two turn extra time around."""
    wanted = 3 if kept else 1
    is_wanted = len(kept) < 2 and (not kept or b'"period": 3' in lines[0] or b'"period":3' in lines[0])
    return bool(is_wanted and json.loads(lines[0])["period"] == wanted)


def _resume_pff(kept: list[Lines], before: list[Lines], some: list[Lines], records: list[Any]) -> list[Lines]:
    """Return what lets kloppy go on with the state of the ball and who has it, which only some lines tell."""
    frames = [json.loads(one[0]) for one in kept]
    if records:
        state, owner = records[-1].ball_state, records[-1].ball_owning_team
        frames[0]["game_event"] = {
            "game_event_type": "OTB" if state.value == "alive" else "OUT",
            "home_ball": None if owner is None else owner.ground.value == "home",
        }
    elif before:
        frames[0]["game_event"] = json.loads(before[0][0])["game_event"]
    for number, one in enumerate(frames, start=1):
        one["frameNum"] = -number
        if number > 1:
            one["game_event"] = None
    told: list[Lines] = []
    for line in reversed(some):  # lines without a frame may tell it, too
        frame = json.loads(line[0])
        if frame["period"] in (1, 2, 3, 4):
            break
        if frame.get("game_event"):
            told.insert(0, line)
    return [(json.dumps(one).encode() + b"\n",) for one in frames] + told


@dataclasses.dataclass(frozen=True, slots=True)
class _Layout:
    feeds: tuple[str, ...]
    keep: Callable[[list[Lines], Lines], bool]
    needed: int = 0
    """How many lines have to be kept before kloppy can load the first block."""
    resume: Callable[[list[Lines], list[Lines], list[Lines], list[Any]], list[Lines]] | None = None
    """Returns what comes before the next block in place of what was kept: lines of frames with negative numbers.

    Its arguments are what was kept, what came before this block, the lines of this block, and its frames.
    """


_LAYOUTS = {
    "metrica": _Layout(("frames-home", "frames-away"), _keep_first_of_period, needed=4),
    "pff": _Layout(("frames",), _keep_kick_offs, needed=1, resume=_resume_pff),
    "secondspectrum": _Layout(("frames",), _keep_nothing),
    "skillcorner": _Layout(("frames",), _keep_first_half, needed=1),
    # kloppy takes the frame rate from the difference of lines.
    "statsperform": _Layout(("ma25",), _keep_first_lines(3), needed=3),
    "tracab": _Layout(("frames",), _keep_nothing),
}


class _SomeLines:
    """The files of a dataset for kloppy, with some lines of those that have one for each frame.

    Args:
        files: All files of the dataset.
        parts: Feed to its lines.
    """

    def __init__(self, files: FileCollection, parts: dict[str, bytes]) -> None:
        self._files = files
        self._parts = parts

    def load_files(self, *_: Any, **__: Any) -> _SomeLines:
        """Return itself."""
        return self

    @property
    def feeds(self) -> list[str]:
        """The feeds that are there."""
        return self._files.feeds

    def require_file(self, data_feed_key: str, data_spec_version: str | None = None) -> Any:
        """Return the file of a feed, or raise a LoadError."""
        if data_feed_key in self._parts:
            return _Part(io.BytesIO(self._parts[data_feed_key]))
        return self._files.require_file(data_feed_key, data_spec_version)

    def find_file(self, data_feed_key: str) -> Any:
        """Return the file of a feed, or None."""
        return self.require_file(data_feed_key) if data_feed_key in self.feeds else None

    def close(self) -> None:
        """Do nothing: whoever has the files closes them."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    stream: io.BytesIO


def _find_parts(loader: str, files: FileCollection) -> tuple[_Layout, Iterable[Lines], bool] | None:
    """Return how the frames of a dataset are taken apart, their lines, and whether these are of a list of JSON."""
    layout = _LAYOUTS.get(loader)
    if loader == "metrica" and "metadata" in files.feeds:
        layout = _Layout(("frames",), _keep_ends(files.require_file("metadata").stream.read()))
    if layout is None or not set(layout.feeds) <= set(files.feeds):
        return None
    streams = [files.require_file(feed).stream for feed in layout.feeds]
    first = streams[0].read(1)
    streams[0].seek(0)
    if first == b"[":
        try:
            values = msgspec.json.decode(streams[0].read(), type=list[msgspec.Raw])
            return layout, ((bytes(one),) for one in values), True
        except msgspec.DecodeError:
            return None
    if loader == "tracab" and not first.isdigit():
        return None
    return layout, zip(*streams, strict=False), False


def iter_blocks(loader: str, files: FileCollection, load_part: LoadPart, at_once: int) -> Iterator[Block] | None:
    """Return the frames of a dataset; None: kloppy has to load them as a whole.

    Args:
        loader: The format.
        files: The files of the dataset.
        load_part: Lets kloppy load the files that it gets.
        at_once: How many frames a block has, about.
    """
    found = _find_parts(loader, files)
    if found is None:
        return None
    layout, lines, is_list = found

    options: dict[str, Any] = {}

    def load(some: Sequence[Lines]) -> Any:
        if loader == "skillcorner" and not options:  # else kloppy reads all lines twice
            options["data_version"] = "V2" if "data" in json.loads(some[0][0]) else "V3"
        joined = (_join(column, is_list=is_list) for column in zip(*some, strict=True))
        return load_part(_SomeLines(files, dict(zip(layout.feeds, joined, strict=True))), **options)

    return _iter_blocks(layout, lines, load, at_once)


def _join(lines: Sequence[bytes], *, is_list: bool) -> bytes:
    return b"[%b]" % b",".join(lines) if is_list else b"".join(lines)


def _iter_blocks(
    layout: _Layout, lines: Iterable[Lines], load: Callable[[Sequence[Lines]], Any], at_once: int
) -> Iterator[Block]:
    kept: list[Lines] = []
    before: list[Lines] = []
    some: list[Lines] = []
    extra, is_first = 0, True

    def block(*, is_whole: bool) -> Block:
        loaded = load([*before, *some])
        if layout.resume is None:
            return Block(loaded.metadata, loaded.records[extra:], is_whole)
        return Block(loaded.metadata, [one for one in loaded.records if one.frame_id >= 0], is_whole)

    for one in lines:
        if len(some) >= at_once and len(kept) >= layout.needed:
            made = block(is_whole=False)
            if layout.resume is not None:
                before = layout.resume(kept, before, some, made.records)
            elif len(before) < len(kept):
                before = list(kept)
                extra = len(load(before).records)
            is_first, some = False, []
            yield made
            del made
        some.append(one)
        if layout.keep(kept, one):
            kept.append(one)
    yield block(is_whole=is_first)
