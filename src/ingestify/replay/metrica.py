"""Metrica's tracking: two CSV files in the first sample games, EPTS (metadata in XML, and lines of text) since then.

Both have 0 to 1 on each axis, with (0, 0) at the top left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias

from ingestify.comparison.content import read_content
from ingestify.replay.recording import BALL, Player, Recording
from ingestify.replay.tape import Tape
from ingestify.tables.table_input import TableInput

__all__ = ["read_metrica"]

_Element: TypeAlias = "Mapping[str, Any]"
"""An element of XML: attributes and `text` are texts, and each tag is a list of children."""

_CSV_RATE = 25
_CSV_PITCH = (105.0, 68.0)
_HEADER_LINES = 3
_PERIODS = ("first_half", "second_half", "first_extra_half", "second_extra_half")


def read_metrica(given: TableInput) -> Recording:
    """Return the match; see `reading.NativeReader`."""
    is_csv = any(feed in given.files.feeds for feed in ("frames-home", "frames-away"))
    return _read_csv(given) if is_csv else _read_epts(given)


# ---- CSV -------------------------------------------------------------------------------------------------------------


def _read_csv(given: TableInput) -> Recording:
    """Both files have the ball in the last two columns; that of the home team is taken."""
    tape = Tape(_CSV_RATE)
    starts: dict[int, int] = {}
    teams: list[str] = []
    players: list[Player] = []
    for side, feed in enumerate(("frames-home", "frames-away")):
        lines = _iter_cells(given.files.require_file(feed).stream)
        heads = [next(lines) for _ in range(_HEADER_LINES)]
        teams.append(heads[0][3].strip() or ("Home", "Away")[side])
        numbers = heads[1][3:-2:2]
        of_team = [Player(f"{('home', 'away')[side]}-{one}", side, one, f"Player {one}") for one in numbers]
        keys = [one.player_id for one in of_team] + ([BALL] if side == 0 else [])
        players += of_team
        for cells in lines:
            period, number = int(cells[0]), int(cells[1])
            frame = number - starts.setdefault(period, number - 1)  # the first one comes after 0.04 s
            if tape.is_kept(frame):
                for column, key in enumerate(keys):
                    x, y = cells[3 + 2 * column], cells[4 + 2 * column]
                    if x and y:
                        tape.put(period, frame, key, *_metres(x, y, _CSV_PITCH))
    return tape.finish((teams[0], teams[1]), players, _CSV_PITCH)


def _iter_cells(stream: BinaryIO) -> Iterator[list[str]]:
    for line in stream:
        if line := line.strip():
            yield line.decode("utf-8-sig").split(",")


def _metres(x: str, y: str, pitch: tuple[float, float]) -> tuple[float, float]:
    return (float(x) - 0.5) * pitch[0], (0.5 - float(y)) * pitch[1]


# ---- EPTS ------------------------------------------------------------------------------------------------------------


def _read_epts(given: TableInput) -> Recording:
    document: Any = read_content(given.files.require_file("metadata").stream, "xml")
    metadata = document["Metadata"][0]
    settings = metadata["GlobalConfig"][0]
    parameters = {_text(one, "Name"): _text(one, "Value") for one in _find_all(settings, "ProviderParameter")}
    periods = {
        number: (int(parameters[f"{name}_start"]), int(parameters[f"{name}_end"]))
        for number, name in enumerate(_PERIODS, start=1)
        if parameters.get(f"{name}_start")
    }
    size = metadata["Sessions"][0]["Session"][0]["FieldSize"][0]
    pitch = float(_text(size, "Width")), float(_text(size, "Height"))
    names = {one["id"]: _text(one, "Name") for one in metadata["Teams"][0]["Team"]}
    sides = {team: side for side, team in enumerate(list(names)[:2])}
    players = [
        Player(one["id"], sides[one["teamId"]], _text(one, "ShirtNumber"), _text(one, "Name"))
        for one in metadata["Players"][0]["Player"]
    ]
    layouts = _Layouts(document, metadata)
    tape = Tape(float(_text(settings, "FrameRate")))
    for line in given.files.require_file("frames").stream:
        if not line.strip():
            continue
        number, values = layouts.read(line)
        for period, (begin, end) in periods.items():
            if begin <= number <= end and tape.is_kept(number - begin):
                for key, (x, y) in values().items():
                    if x and y:
                        tape.put(period, number - begin, key, *_metres(x, y, pitch))
    home, away = list(names.values())[:2]
    return tape.finish((home, away), players, pitch)


class _Layouts:
    """How a line is divided, which the metadata says for ranges of frames."""

    def __init__(self, document: _Element, metadata: _Element) -> None:
        self._specifications = document["DataFormatSpecifications"][0]["DataFormatSpecification"]
        self._current = 0
        channels = metadata["PlayerChannels"][0]["PlayerChannel"]
        self._channels = {one["id"]: (one["playerId"], one["channelId"]) for one in channels}

    def read(self, line: bytes) -> tuple[int, Callable[[], dict[str, list[str]]]]:
        """Return the number of the frame, and what returns x and y of each object, as texts."""
        text = line.decode("ascii").strip()
        number = int(text.partition(self._layout["separator"])[0])
        while number > int(self._layout["endFrame"]) and self._current < len(self._specifications) - 1:
            self._current += 1
        return number, lambda: self._places(text)

    @property
    def _layout(self) -> _Element:
        return self._specifications[self._current]  # type: ignore[no-any-return]

    def _places(self, text: str) -> dict[str, list[str]]:
        places: dict[str, list[str]] = {}
        for key, channel, value in self._iter_values(self._layout, text):
            if channel in ("x", "y"):
                places.setdefault(key, ["", ""])[channel == "y"] = value
        return places

    def _iter_values(self, register: _Element, text: str) -> Iterator[tuple[str, str, str]]:
        for (tag, child), part in zip(_iter_children(register), text.split(register["separator"]), strict=False):
            if tag == "SplitRegister":
                yield from self._iter_values(child, part)
            elif tag == "PlayerChannelRef":
                yield (*self._channels[child["playerChannelId"]], part)
            elif tag == "BallChannelRef":
                yield BALL, child["channelId"], part


def _iter_children(element: _Element) -> Iterator[tuple[str, _Element]]:
    for tag, children in element.items():
        if isinstance(children, list):
            for child in children:
                yield tag, child


def _find_all(element: _Element, wanted: str) -> Iterator[_Element]:
    for tag, child in _iter_children(element):
        if tag == wanted:
            yield child
        yield from _find_all(child, wanted)


def _text(element: _Element, tag: str) -> str:
    """Return the text of a child; empty if there is none."""
    return str(element.get(tag, [{}])[0].get("text", ""))
