"""Shots and what goalkeepers do about them."""

from __future__ import annotations

import math
import random

from ingestify.testing.invented import vocabulary as v
from ingestify.testing.invented.match_sheet import Side, Slot
from ingestify.testing.invented.match_writer import MatchWriter

__all__ = ["Shooting"]

_PENALTY_XG = 0.7835


class Shooting:
    """Writes shots of one match, with the freeze frame and the goalkeeper's part.

    Args:
        rng: The random numbers; its state moves.
        writer: The writer of the match's events.
    """

    def __init__(self, rng: random.Random, writer: MatchWriter) -> None:
        self._rng = rng
        self._writer = writer

    def shoot(
        self, side: Side, other: Side, slot: Slot, x: float, y: float, assist: dict[str, object] | None, *, goal: bool
    ) -> str:
        """Shoot from open play.

        Args:
            side: Who attacks.
            other: Who defends.
            slot: Who shoots.
            x: From where, in yards, attacking towards 120.
            y: From where across the pitch, 0 to 80.
            assist: The pass before the shot, which gets a reference to it.
            goal: Whether it goes in; other shots never do.

        Returns:
            "Goal", "Off_T", "Wayward", "Saved" (and held), "Touched_Out" (a corner), "Blocked" or "Post".
        """
        outcome = "Goal" if goal else self._rng.choices(
            ("Off_T", "Saved", "Touched_Out", "Blocked", "Wayward", "Post"), cum_weights=(35, 60, 68, 92, 97, 100)
        )[0]  # fmt: skip
        result = "Saved" if outcome == "Touched_Out" else outcome
        distance = math.hypot(120 - x, 40 - y)
        chance = self._rng.random()
        detail: dict[str, object] = {
            "statsbomb_xg": round(min(0.95, (0.5 + chance) * 0.7 * math.exp(-distance / 9)), 8),
            "end_location": self._end(result, x),
            "technique": v.SHOT_TECHNIQUE["Normal" if chance < 0.8 else "Half_Volley" if chance < 0.93 else "Volley"],
            "body_part": v.BODY_PART["Right_Foot" if chance < 0.55 else "Left_Foot" if chance < 0.82 else "Head"],
            "type": v.SHOT_TYPE["Open_Play"],
            "outcome": v.SHOT_OUTCOME[result],
            "freeze_frame": self._freeze_frame(side, other, slot, x, y),
        }
        if assist is not None:
            detail["key_pass_id"] = assist["id"]
        seconds = 0.3 + distance / 30
        shot = self._writer.emit(v.EVENT_TYPE["Shot"], side, slot, x, y, duration=seconds, shot=detail)
        if assist is not None:
            made = assist["pass"]
            assert isinstance(made, dict)
            made["assisted_shot_id"] = shot["id"]
            made["goal_assist" if goal else "shot_assist"] = True
        if result == "Blocked":
            self._block(other, x, y, shot)
        self._writer.clock_ms += int(1000 * seconds)
        self._goalkeeper(other, shot, outcome)
        return outcome

    def penalty_goal(self, side: Side, other: Side) -> None:
        """Score from the penalty spot."""
        taker = side.slots[-1]
        detail: dict[str, object] = {
            "statsbomb_xg": _PENALTY_XG,
            "end_location": self._end("Goal", 108.0),
            "technique": v.SHOT_TECHNIQUE["Normal"],
            "body_part": v.BODY_PART["Right_Foot"],
            "type": v.SHOT_TYPE["Penalty"],
            "outcome": v.SHOT_OUTCOME["Goal"],
        }
        shot = self._writer.emit(v.EVENT_TYPE["Shot"], side, taker, 108.0, 40.1, duration=0.5, shot=detail)
        self._writer.clock_ms += 500
        self._goalkeeper(other, shot, "Penalty")

    def _end(self, outcome: str, x: float) -> list[float]:
        """Where the shot ends; the goal is 36 to 44 across and 2.67 high, in yards."""
        rng = self._rng
        if outcome == "Goal":
            return [120.0, round(36.3 + 7.4 * rng.random(), 1), round(0.1 + 2.2 * rng.random(), 1)]
        if outcome == "Saved":
            return [round(117 + 2 * rng.random(), 1), round(36.5 + 7 * rng.random(), 1), round(2.2 * rng.random(), 1)]
        if outcome == "Blocked":
            return [round(min(119.0, x + 1 + 3 * rng.random()), 1), round(34 + 12 * rng.random(), 1)]
        if outcome == "Post":
            return [120.0, 36.0 if rng.random() < 0.5 else 44.0, round(2 * rng.random(), 1)]
        side = 30 + 5.5 * rng.random()
        return [120.0, round(side if rng.random() < 0.5 else 80 - side, 1), round(4 * rng.random(), 1)]

    def _freeze_frame(self, side: Side, other: Side, shooter: Slot, x: float, y: float) -> list[dict[str, object]]:
        """Who stood where at the shot, in the shooter's coordinates."""
        rng = self._rng
        keeper = other.slots[0]
        frame: list[dict[str, object]] = [
            {
                "location": [round(117 + 2 * rng.random(), 1), round(38 + 4 * rng.random(), 1)],
                "player": keeper.player,
                "position": keeper.position,
                "teammate": False,
            }
        ]
        teammates = [slot for slot in side.slots[4:] if slot is not shooter and rng.random() < 0.6]
        opponents = [slot for slot in other.slots[1:] if rng.random() < 0.8]
        for slot, teammate in [(s, True) for s in teammates] + [(s, False) for s in opponents]:
            near_x = x + (120 - x) * rng.random() * 0.7 if not teammate else x + 12 * (rng.random() - 0.6)
            near_y = y + 30 * (rng.random() - 0.5)
            frame.append(
                {
                    "location": [round(min(119.5, near_x), 1), round(min(79.5, max(0.5, near_y)), 1)],
                    "player": slot.player,
                    "position": slot.position,
                    "teammate": teammate,
                }
            )
        return frame

    def _block(self, other: Side, x: float, y: float, shot: dict[str, object]) -> None:
        blocker = self._rng.choice(other.slots[1:6])
        block = self._writer.emit(v.EVENT_TYPE["Block"], other, blocker, max(1.0, 118 - x), 80 - y)
        self._writer.relate(shot, block)

    def _goalkeeper(self, other: Side, shot: dict[str, object], outcome: str) -> None:
        diving = self._rng.random() < 0.5
        technique = v.GOALKEEPER["Diving" if diving else "Standing"]
        detail: dict[str, object] = {"position": v.GOALKEEPER["Set"]}
        if outcome == "Goal":
            detail |= {"type": v.GOALKEEPER["Goal_Conceded"], "outcome": v.GOALKEEPER["No_Touch"]}
        elif outcome == "Penalty":
            detail |= {"type": v.GOALKEEPER["Penalty_Conceded"], "outcome": v.GOALKEEPER["No_Touch"]}
        elif outcome in ("Saved", "Touched_Out"):
            result = "In_Play_Safe" if outcome == "Saved" else "Touched_Out"
            detail |= {
                "type": v.GOALKEEPER["Shot_Saved"],
                "outcome": v.GOALKEEPER[result],
                "technique": technique,
                "body_part": v.BODY_PART["Both_Hands" if outcome == "Saved" else "Right_Hand"],
            }
        else:
            detail |= {"type": v.GOALKEEPER["Shot_Faced"]}
        x, y = 1.5 + 3 * self._rng.random(), 38 + 4 * self._rng.random()
        keeping = self._writer.emit(v.EVENT_TYPE["Goal_Keeper"], other, other.slots[0], x, y, goalkeeper=detail)
        self._writer.relate(shot, keeping)
