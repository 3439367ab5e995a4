"""Plays a match whose score is known: possessions, passes, duels, shots, cards and substitutions, on a clock."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

from ingestify.testing.invented import vocabulary as v
from ingestify.testing.invented.match_sheet import Side, Slot, lineups_of, pick_side
from ingestify.testing.invented.match_writer import MatchWriter
from ingestify.testing.invented.shots import Shooting
from ingestify.testing.invented.squads import Team

__all__ = ["PlayedMatch", "play_match"]

_HALF_MS = 45 * 60_000

_KICK_OFF, _THROW_IN, _GOAL_KICK = "Kick_Off", "Throw_In", "Goal_Kick"
_FREE_KICK, _CORNER, _KEEPER, _IN_PLAY = "Free_Kick", "Corner", "Keeper", "In_Play"
_PATTERN = {
    _KICK_OFF: v.PLAY_PATTERN["From_Kick_Off"],
    _THROW_IN: v.PLAY_PATTERN["From_Throw_In"],
    _GOAL_KICK: v.PLAY_PATTERN["From_Goal_Kick"],
    _FREE_KICK: v.PLAY_PATTERN["From_Free_Kick"],
    _CORNER: v.PLAY_PATTERN["From_Corner"],
    _KEEPER: v.PLAY_PATTERN["From_Keeper"],
    _IN_PLAY: v.PLAY_PATTERN["Regular_Play"],
}
# Seconds the ball is dead before each restart: at least, and how much longer it may be.
_DEAD_SECONDS = {
    _KICK_OFF: (35, 30), _THROW_IN: (4, 10), _GOAL_KICK: (10, 15), _FREE_KICK: (12, 25), _CORNER: (15, 15),
    _KEEPER: (2, 6), _IN_PLAY: (0, 0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlayedMatch:
    """A match as the provider publishes it: the JSON of its events file and of its lineups file."""

    events: list[dict[str, object]]
    lineups: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class _Restart:
    """How and where the next possession begins, in the coordinates of the side that has it."""

    side: int
    kind: str
    x: float
    y: float


def play_match(rng: random.Random, home: Team, away: Team, score: tuple[int, int], *, events: int) -> PlayedMatch:
    """Play a match, the same for the same state of `rng`.

    Args:
        rng: The random numbers; its state moves.
        home: The home team; its Starting XI is the first event.
        away: The away team.
        score: Goals of the home and of the away team, all scored in events of type Shot.
        events: About how many events; a match never has fewer than two halves and its goals need.

    Returns:
        Both files.
    """
    match = _Match(rng, (pick_side(rng, home), pick_side(rng, away)), events)
    match.play(score)
    return PlayedMatch(match.writer.events, lineups_of(*match.sides))


class _Match:
    """A match being played."""

    def __init__(self, rng: random.Random, sides: tuple[Side, Side], events: int) -> None:
        self.rng = rng
        self.sides = sides
        self.half_budget = max(1, (events - 10) // 2)
        # With room for a few events only, goals come first: a recovery, a pass, a shot.
        self.brief = self.half_budget < 100
        # Few events are spread over the ninety minutes: everybody takes his time.
        self.pace = min(2.0, max(0.8, _HALF_MS / 1000 / self.half_budget))
        self.writer = MatchWriter(rng, sides[0], _PATTERN[_IN_PLAY])
        self.shooting = Shooting(rng, self.writer)

    def play(self, score: tuple[int, int]) -> None:
        for side in self.sides:
            self.writer.emit(v.EVENT_TYPE["Starting_XI"], side, tactics=side.tactics())
        goals: tuple[list[tuple[float, int]], list[tuple[float, int]]] = ([], [])
        for number, count in enumerate(score):
            for _ in range(count):
                goals[self.rng.random() < 0.55].append((self.rng.random(), number))
        changes = [(0.1 + 0.8 * self.rng.random(), number) for number in (0, 1) for _ in range(self.rng.randint(3, 5))]
        if self.brief:
            del changes[2:-2]
        first = self.rng.randrange(2)
        self._play_half(1, first, sorted(goals[0]), [])
        self._play_half(2, 1 - first, sorted(goals[1]), sorted(changes))

    def _play_half(
        self, period: int, first: int, goals: list[tuple[float, int]], changes: list[tuple[float, int]]
    ) -> None:
        writer, rng = self.writer, self.rng
        writer.start_period(period)
        self._both(v.EVENT_TYPE["Half_Start"])
        length_ms = _HALF_MS + int(rng.uniform(1, 3 + 2 * period) * 60_000)
        begun = len(writer.events)
        restart = _Restart(first, _KICK_OFF, 60.0, 40.0)
        while True:
            progress = (len(writer.events) - begun) / self.half_budget
            if progress >= 1 and not goals:
                break
            if restart.kind != _IN_PLAY:
                while changes and changes[0][0] <= progress:
                    self._substitute(self.sides[changes.pop(0)[1]])
            due = bool(goals) and (goals[0][0] <= progress or self.brief)
            if due and self.brief and goals[0][1] != restart.side:
                restart = _Restart(goals[0][1], _IN_PLAY, 70.0, 40.0)
            if due and goals[0][1] == restart.side:
                goals.pop(0)
                ending = "goal"
            elif due:
                ending = "recovered"  # the side whose goal is due wins the ball
            else:
                ending = self._ending()
            restart = self._possession(restart, ending)
            low, spread = _DEAD_SECONDS[restart.kind]
            # While the ball is dead, the clock catches up with the share of the match's events.
            waited = writer.clock_ms + int(1000 * (low + spread * rng.random()))
            due_ms = int(length_ms * min(1.0, (len(writer.events) - begun) / self.half_budget) * 0.99)
            writer.clock_ms = max(waited, due_ms) if restart.kind != _IN_PLAY else waited
        writer.clock_ms = max(writer.clock_ms, length_ms)
        self._both(v.EVENT_TYPE["Half_End"])

    def _ending(self) -> str:
        return self.rng.choices(
            ("shot", "foul", "out", "intercepted", "recovered", "cleared", "tackled", "miscontrolled", "offside"),
            cum_weights=(13, 25, 42, 60, 72, 84, 92, 97, 100),
        )[0]

    def _both(self, kind: v.Named) -> None:
        one, other = (self.writer.emit(kind, side) for side in self.sides)
        self.writer.relate(one, other)

    def _wait(self, seconds: float) -> None:
        self.writer.clock_ms += int(1000 * seconds)

    def _substitute(self, side: Side) -> None:
        reason = "Injury" if self.rng.random() < 0.1 else "Tactical"
        change = side.substitute(self.rng, self.writer.match_time, self.writer.period, reason)
        if change is None:
            return
        slot, left, came = change
        self.writer.emit(
            v.EVENT_TYPE["Substitution"],
            side,
            Slot(left, slot.position, slot.x, slot.y),
            substitution={"outcome": v.SUBSTITUTION_REASON[reason], "replacement": came},
        )
        if self.rng.random() < 0.3:
            self.writer.emit(v.EVENT_TYPE["Tactical_Shift"], side, tactics=side.tactics())

    def _near(self, side: Side, x: float, y: float) -> Slot:
        """Return an outfield player of `side` who is likely to be near a place."""
        some = self.rng.sample(side.slots[1:], 4)
        return min(some, key=lambda slot: abs(slot.x - x) + abs(slot.y - y))

    def _possession(self, restart: _Restart, ending: str) -> _Restart:
        """Play one possession to its end; return how the next one begins."""
        rng, writer = self.rng, self.writer
        side, other = self.sides[restart.side], self.sides[1 - restart.side]
        writer.start_possession(side, _PATTERN[restart.kind])
        holder = side.slots[0] if restart.kind in (_GOAL_KICK, _KEEPER) else self._near(side, restart.x, restart.y)
        x, y = restart.x, restart.y
        kind = v.PASS_TYPE.get(restart.kind)
        if restart.kind == _IN_PLAY and rng.random() < 0.8:
            writer.emit(v.EVENT_TYPE["Ball_Recovery"], side, holder, x, y)
            self._wait(0.4 + rng.random())
        # A few quick possessions, many of three or four passes, now and then a long one.
        passes = 1 if self.brief else min(14, 1 + int(rng.expovariate(0.32)))
        last: dict[str, object] | None = None
        for number in range(passes):
            to_shoot = ending in ("shot", "goal") and number == passes - 1
            last, holder, x, y = self._pass(side, holder, x, y, kind, into_box=to_shoot)
            kind = None
            x, y = self._carry(side, other, holder, x, y, shooting=to_shoot)
        if ending in ("shot", "goal"):
            return self._finish(restart.side, holder, x, y, last, goal=ending == "goal")
        return self._lose(restart.side, holder, x, y, ending)

    def _pass(
        self, side: Side, holder: Slot, x: float, y: float, kind: v.Named | None, *, into_box: bool = False
    ) -> tuple[dict[str, object], Slot, float, float]:
        """Pass to a team-mate, who receives it."""
        rng, writer = self.rng, self.writer
        to, end_x, end_y = self._target(side, holder, x, y, into_box=into_box)
        made, seconds = self._emit_pass(side, holder, x, y, end_x, end_y, kind, to)
        self._wait(seconds)
        receipt = writer.emit(v.EVENT_TYPE["Ball_Receipt"], side, to, end_x, end_y, duration=None)
        writer.relate(made, receipt)
        if into_box and abs(y - 40) > 20:
            detail = made["pass"]
            assert isinstance(detail, dict)
            detail["cross"] = True
        if rng.random() < 0.05:
            made["under_pressure"] = True
        return made, to, end_x, end_y

    def _target(self, side: Side, holder: Slot, x: float, y: float, *, into_box: bool) -> tuple[Slot, float, float]:
        """Choose who gets the pass, and where."""
        random_ = self.rng.random
        if into_box:
            to = side.slots[8 + int(3 * random_())]
            if to is holder:
                to = side.slots[7]
            return to, 97 + 17 * random_(), 27 + 26 * random_()
        slots = side.slots
        best, best_distance = holder, 999.0
        for _ in range(3):
            slot = slots[int(11 * random_()) if random_() < 0.2 else 1 + int(10 * random_())]
            distance = abs(slot.x - x) + abs(slot.y - y)
            if slot is not holder and distance < best_distance:
                best, best_distance = slot, distance
        if best is holder:
            best = slots[1] if holder is not slots[1] else slots[2]
        to_x = best.x if best is slots[0] else 0.55 * best.x + 0.45 * x + 18 * random_() - 6
        to_y = 0.8 * best.y + 0.2 * y + 16 * random_() - 8
        return best, min(118.0, max(2.0, to_x)), min(79.0, max(1.0, to_y))

    def _emit_pass(
        self, side: Side, holder: Slot, x: float, y: float, end_x: float, end_y: float, kind: v.Named | None,
        to: Slot | None, outcome: str | None = None,
    ) -> tuple[dict[str, object], float]:  # fmt: skip
        """Write a pass; return it and how many seconds the ball travels."""
        random_ = self.rng.random
        length = math.hypot(end_x - x, end_y - y)
        seconds = 0.3 + length / (13 + 6 * random_())
        chance = random_()
        height = "Ground_Pass" if length < 28 and chance < 0.85 else "High_Pass" if length > 28 else "Low_Pass"
        detail: dict[str, object] = {} if to is None else {"recipient": to.player}
        detail |= {
            "length": round(length, 6),
            "angle": round(math.atan2(end_y - y, end_x - x), 6),
            "height": v.PASS_HEIGHT[height],
            "end_location": [round(end_x, 1), round(end_y, 1)],
        }
        if kind is not None:
            detail["type"] = kind
        if outcome is not None:
            detail["outcome"] = v.PASS_OUTCOME[outcome]
        part = "Right_Foot" if chance < 0.72 else "Left_Foot" if chance < 0.93 else "Head"
        detail["body_part"] = v.BODY_PART["Other" if kind is v.PASS_TYPE["Throw_In"] else part]
        return self.writer.emit(v.EVENT_TYPE["Pass"], side, holder, x, y, duration=seconds, **{"pass": detail}), seconds

    def _carry(
        self, side: Side, other: Side, holder: Slot, x: float, y: float, *, shooting: bool
    ) -> tuple[float, float]:
        """Take the ball a few yards on, pressed by an opponent or past him; return where to."""
        rng, writer = self.rng, self.writer
        if rng.random() < 0.18:
            self._wait(0.2 * self.pace)
            return x, y
        reach = 3 if shooting else 9
        end_x = min(118.0, max(1.0, x + reach * (rng.random() - 0.25)))
        end_y = min(79.0, max(1.0, y + reach * (rng.random() - 0.5)))
        seconds = (0.6 + 2 * rng.random()) * self.pace
        carry = writer.emit(
            v.EVENT_TYPE["Carry"],
            side,
            holder,
            x,
            y,
            duration=seconds,
            carry={"end_location": [round(end_x, 1), round(end_y, 1)]},
        )
        chance = rng.random()
        if chance < 0.4:
            self._wait(0.3 * seconds)
            presser = self._near(other, 120 - end_x, 80 - end_y)
            near_x = min(119.5, max(0.5, 119 - end_x + 3 * rng.random()))
            near_y = min(79.5, max(0.5, 79 - end_y + 3 * rng.random()))
            pressure = writer.emit(
                v.EVENT_TYPE["Pressure"], other, presser, near_x, near_y, duration=0.2 + 0.5 * rng.random()
            )
            writer.relate(carry, pressure)
            carry["under_pressure"] = True
            self._wait(0.7 * seconds)
            if chance < 0.06:
                self._take_on(side, other, holder, presser, end_x, end_y)
        else:
            self._wait(seconds)
        return end_x, end_y

    def _take_on(self, side: Side, other: Side, holder: Slot, beaten: Slot, x: float, y: float) -> None:
        past = self.writer.emit(v.EVENT_TYPE["Dribbled_Past"], other, beaten, 120 - x, 80 - y)
        dribble = self.writer.emit(
            v.EVENT_TYPE["Dribble"],
            side,
            holder,
            x,
            y,
            under_pressure=True,
            dribble={"outcome": {"id": 8, "name": "Complete"}},
        )
        self.writer.relate(dribble, past)
        self._wait(0.5)

    def _finish(
        self, number: int, holder: Slot, x: float, y: float, assist: dict[str, object] | None, *, goal: bool
    ) -> _Restart:
        """Shoot; return how it goes on."""
        side, other = self.sides[number], self.sides[1 - number]
        if goal and self.rng.random() < 0.08:
            self._foul(other, side, holder, max(104.0, x), min(60.0, max(20.0, y)), penalty=True)
            self._wait(60 + 40 * self.rng.random())
            self.shooting.penalty_goal(side, other)
            return _Restart(1 - number, _KICK_OFF, 60.0, 40.0)
        outcome = self.shooting.shoot(side, other, holder, x, y, assist, goal=goal)
        if outcome == "Goal":
            return _Restart(1 - number, _KICK_OFF, 60.0, 40.0)
        if outcome in ("Off_T", "Wayward"):
            return _Restart(1 - number, _GOAL_KICK, 5.0, 34 + 12 * self.rng.random())
        if outcome == "Saved":
            return _Restart(1 - number, _KEEPER, 8.0, 34 + 12 * self.rng.random())
        if outcome == "Touched_Out":
            return _Restart(number, _CORNER, 120.0, self.rng.choice((0.1, 80.0)))
        return _Restart(1 - number, _IN_PLAY, 12 + 10 * self.rng.random(), 25 + 30 * self.rng.random())

    def _foul(self, guilty: Side, hurt: Side, victim: Slot, x: float, y: float, *, penalty: bool = False) -> None:
        """`guilty` fouls `victim`, who stands at x, y in his own coordinates."""
        culprit = self._near(guilty, 120 - x, 80 - y)
        card = not culprit.booked and self.rng.random() < 0.16
        detail: dict[str, object] = {"penalty": True} if penalty else {}
        if card:
            detail["card"] = v.CARD["Yellow_Card"]
            guilty.book(culprit, self.writer.match_time, self.writer.period)
        more: dict[str, Any] = {"foul_committed": detail} if detail else {}
        committed = self.writer.emit(v.EVENT_TYPE["Foul_Committed"], guilty, culprit, 120 - x, 80 - y, **more)
        more = {"foul_won": {"penalty": True}} if penalty else {}
        won = self.writer.emit(v.EVENT_TYPE["Foul_Won"], hurt, victim, x, y, **more)
        self.writer.relate(committed, won)

    def _lose(self, number: int, holder: Slot, x: float, y: float, ending: str) -> _Restart:
        """End a possession without a shot; return how the next one begins."""
        rng, writer = self.rng, self.writer
        side, other = self.sides[number], self.sides[1 - number]
        if ending == "foul":
            self._foul(other, side, holder, x, y)
            return _Restart(number, _FREE_KICK, x, y)
        if ending == "miscontrolled":
            writer.emit(v.EVENT_TYPE["Miscontrol"], side, holder, x, y)
            self._wait(0.8)
            return _Restart(1 - number, _IN_PLAY, 120 - x, 80 - y)
        if ending == "tackled":
            lost = writer.emit(v.EVENT_TYPE["Dispossessed"], side, holder, x, y, under_pressure=True)
            duel = writer.emit(
                v.EVENT_TYPE["Duel"],
                other,
                self._near(other, 120 - x, 80 - y),
                120 - x,
                80 - y,
                duel={"type": v.DUEL_TYPE["Tackle"], "outcome": v.DUEL_OUTCOME["Won"]},
            )
            writer.relate(lost, duel)
            self._wait(0.5)
            return _Restart(1 - number, _IN_PLAY, 120 - x, 80 - y)
        to, end_x, end_y = self._target(side, holder, x, y, into_box=False)
        if ending == "out":
            end_y = rng.choice((0.1, 80.0))
            outcome = "Out"
        else:
            outcome = "Pass_Offside" if ending == "offside" else "Incomplete"
        made, seconds = self._emit_pass(side, holder, x, y, end_x, end_y, None, to, outcome)
        self._wait(seconds)
        their_x, their_y = 120 - end_x, 80 - end_y
        if ending == "out":
            return _Restart(1 - number, _THROW_IN, their_x, their_y)
        if ending == "offside":
            return _Restart(1 - number, _FREE_KICK, their_x, their_y)
        opponent = self._near(other, their_x, their_y)
        if ending == "intercepted":
            cut = writer.emit(
                v.EVENT_TYPE["Interception"],
                other,
                opponent,
                their_x,
                their_y,
                interception={"outcome": v.INTERCEPTION_OUTCOME["Won"]},
            )
            writer.relate(made, cut)
        elif ending == "cleared":
            self._clear(other, opponent, their_x, their_y, made)
            return _Restart(number, _IN_PLAY, min(100.0, 0.8 * end_x), end_y)
        self._wait(0.6 + rng.random())
        return _Restart(1 - number, _IN_PLAY, their_x, their_y)

    def _clear(self, side: Side, slot: Slot, x: float, y: float, attempt: dict[str, object]) -> None:
        head = self.rng.random() < 0.5
        detail: dict[str, object] = {"body_part": v.BODY_PART["Head" if head else "Right_Foot"]}
        detail["head" if head else "right_foot"] = True
        clearance = self.writer.emit(v.EVENT_TYPE["Clearance"], side, slot, x, y, under_pressure=True, clearance=detail)
        self.writer.relate(attempt, clearance)
        self._wait(1.5 + self.rng.random())
