"""A match's 360 file: who was seen where at each event, from the events of the match."""

from __future__ import annotations

import json
import random
from typing import Any

__all__ = ["three_sixty_of"]

# Where the ten outfield players stand on average, in yards, their team attacking towards x = 120.
_SHAPE = ((44, 66), (36, 50), (36, 30), (44, 14), (54, 48), (54, 32), (74, 66), (70, 40), (74, 14), (84, 40))
_SEEN_YARDS = 20
_TEAMMATE = '{"teammate":true,"actor":false,"keeper":false,"location":[%.6f,%.6f]}'
_OPPONENT = '{"teammate":false,"actor":false,"keeper":false,"location":[%.6f,%.6f]}'
_KEEPER = '{"teammate":%s,"actor":%s,"keeper":true,"location":[%.6f,%.6f]}'
_ACTOR = '{"teammate":true,"actor":true,"keeper":false,"location":[%.6f,%.6f]}'
_FRAME = '{"event_uuid":"%s","visible_area":%s,"freeze_frame":[%s]}'


def three_sixty_of(events: bytes, *, seed: str, share: float = 0.91) -> bytes:
    """Write the 360 file that belongs to an events file.

    The text is put together by hand: through `json` it would take three times as long, and a frame has one shape.

    Args:
        events: The events file.
        seed: The same seed and events give the same bytes.
        share: Of the events that have a place, how many have a frame; 0.91 is what StatsBomb 3788741 has.

    Returns:
        A JSON list: `event_uuid`, `visible_area` (a closed polygon, x and y in turn), `freeze_frame`. Each frame is
        in the coordinates of the event's team.
    """
    rng = random.Random(seed)  # noqa: S311 - it must be repeatable, not secret
    # How far players stand from where they should, in yards: drawn once, each frame starts elsewhere in it.
    stray = [8 * rng.random() - 4 for _ in range(1000)]
    frames = [_frame(rng, event, stray) for event in json.loads(events) if "location" in event and rng.random() < share]
    return f"[{','.join(frames)}]".encode()


def _frame(rng: random.Random, event: dict[str, Any], stray: list[float]) -> str:
    chance = rng.random
    x, y = event["location"]
    left, right = max(0.0, x - _SEEN_YARDS), min(120.0, x + _SEEN_YARDS)
    keeper_acts = event["position"]["id"] == 1
    players = [_KEEPER % ("true", "true", x, y) if keeper_acts else _ACTOR % (x, y)]
    push, drift = 0.55 * (x - 58), 0.25 * (y - 40)
    start = int(960 * chance())
    for (shape_x, shape_y), at in zip(_SHAPE, range(start, start + 40, 4), strict=True):
        at_x = shape_x + push + stray[at]
        at_y = shape_y + drift + stray[at + 1]
        # A player at the place of the event is its actor, who is in the frame already.
        if left < at_x < right and 0 < at_y < 80 and abs(at_x - x) + abs(at_y - y) > 3:
            players.append(_TEAMMATE % (at_x, at_y))
        at_x = 124 - shape_x + push + stray[at + 2]
        at_y = 80 - shape_y + drift + stray[at + 3]
        if left < at_x < right and 0 < at_y < 80:
            players.append(_OPPONENT % (at_x, at_y))
    if left < 8 and not keeper_acts:
        players.append(_KEEPER % ("true", "false", 4 + 3 * chance(), 38 + 4 * chance()))
    if right > 112:
        players.append(_KEEPER % ("false", "false", 113 + 3 * chance(), 38 + 4 * chance()))
    # The camera sees a trapezium that is wider at the far touchline; the polygon ends where it begins.
    near_left, near_right = min(x, left + 8), max(x, right - 8)
    area = [left, 0.0, right, 0.0, near_right, 80.0, near_left, 80.0, left, 0.0]
    return _FRAME % (event["id"], area, ",".join(players))
