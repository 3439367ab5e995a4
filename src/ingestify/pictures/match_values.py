"""What a match is for a picture: two teams, their shots and goals, and how long the periods were."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence

from ingestify.match_periods import LAST_MINUTES

__all__ = [
    "SHOOT_OUT",
    "FramePlayer",
    "Goal",
    "MatchValues",
    "Outcome",
    "Player",
    "Shot",
    "Side",
    "Team",
    "minute_text",
    "seconds_of_period",
]

SHOOT_OUT = 5
"""The period of the penalty shoot-out. Its goals are not of the score, and its xG is not of the match."""

_LONGEST_SECONDS = 36_000
"""No period takes ten hours."""


class Side(enum.IntEnum):
    """Which of the two teams."""

    HOME = 0
    AWAY = 1

    @property
    def other(self) -> Side:
        """The other team."""
        return Side(1 - self)

    @property
    def ink(self) -> str:
        """The name of its colour."""
        return self.name.lower()


class Outcome(enum.StrEnum):
    """What became of a shot."""

    GOAL = "goal"
    SAVED = "saved"
    BLOCKED = "blocked"
    POST = "post"
    OFF_TARGET = "off target"


@dataclasses.dataclass(frozen=True, slots=True)
class Player:
    """A player of a match.

    Attributes:
        name: As people call him or her: the nickname, if there is one.
        number: On the shirt; None if unknown.
        position: In words, of the first eleven: `Left Wing`; empty: unknown, or not of the first eleven.
        is_starter: Whether he or she was of the first eleven.
        came_on: The minute, as text; empty: did not come on, or that is unknown.
        went_off: Likewise.
    """

    name: str
    number: int | None = None
    position: str = ""
    is_starter: bool = False
    came_on: str = ""
    went_off: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Team:
    """A team of a match.

    Attributes:
        name: Its name.
        players: Those of the match sheet; empty: unknown.
        formation: Such as `4-3-3`; empty: unknown.
    """

    name: str
    players: Sequence[Player] = ()
    formation: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class FramePlayer:
    """A player in the freeze frame of a shot.

    Attributes:
        x: 0 to 120, in the direction in which the shooter's team attacks.
        y: 0 to 80, from left to right in that direction.
        is_teammate: Whether he or she is of the shooter's team.
        is_keeper: Whether he or she keeps a goal.
        name: Empty: unknown.
        number: On the shirt; None if unknown.
    """

    x: float
    y: float
    is_teammate: bool
    is_keeper: bool = False
    name: str = ""
    number: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Shot:
    """A shot.

    Attributes:
        event_id: The provider's.
        side: Whose it is.
        player: Who shot.
        number: On the shirt; None if unknown.
        period: 1 and 2, 3 and 4 in extra time, 5 in a shoot-out.
        minute: Of the match, from 0; in stoppage time it goes on, so minutes of two periods overlap.
        second: Of the minute.
        seconds: Since the beginning of the period.
        x: 0 to 120, in the direction in which the team attacks; None: unknown. The goal is at 120.
        y: 0 to 80, likewise. The middle of the goal is at 40.
        xg: Expected goals; None: the provider has none.
        outcome: What became of it.
        kind: `open play`, `penalty`, `free kick`, …; empty: unknown.
        end: Where it ended, as (x, y); None: unknown.
        frame: The players around it; empty: unknown.
    """

    event_id: str
    side: Side
    player: str
    number: int | None
    period: int
    minute: int
    second: int
    seconds: float
    x: float | None
    y: float | None
    xg: float | None
    outcome: Outcome
    kind: str = ""
    end: tuple[float, float] | None = None
    frame: Sequence[FramePlayer] = ()

    @property
    def is_of_shoot_out(self) -> bool:
        """Whether it is a kick of the penalty shoot-out."""
        return self.period == SHOOT_OUT

    @property
    def place(self) -> tuple[float, float] | None:
        """Where it was taken; None: unknown."""
        return None if self.x is None or self.y is None else (self.x, self.y)

    @property
    def minute_text(self) -> str:
        """The minute as people say it."""
        return minute_text(self.period, self.minute)

    @property
    def text(self) -> str:
        """In words: `Lionel Messi, 23′, xG 0.76, goal`."""
        xg = [] if self.xg is None else [f"xG {self.xg:.2f}"]
        return ", ".join([self.player or "?", self.minute_text, *xg, self.outcome.value])


@dataclasses.dataclass(frozen=True, slots=True)
class Goal:
    """A goal, also an own goal.

    Attributes:
        side: For whom it counts.
        player: Who scored it; of an own goal, a player of the other team.
        is_own: Whether it is an own goal.
        shot: The shot that became it; None for an own goal.
    """

    side: Side
    player: str
    period: int
    minute: int
    seconds: float
    is_own: bool = False
    shot: Shot | None = None

    @property
    def when(self) -> str:
        """The minute, and what kind of a goal: `23′ (pen.)`."""
        kind = " (own goal)" if self.is_own else " (pen.)" if self.shot and self.shot.kind == "penalty" else ""
        return f"{minute_text(self.period, self.minute)}{kind}"


@dataclasses.dataclass(frozen=True, slots=True)
class MatchValues:
    """A match, as pictures need it.

    Attributes:
        teams: Home and away.
        shots: In the order of the match.
        own_goals: Likewise.
        period_seconds: Period to how long it was, of those that were played.
        result: The goals of both as the provider's list of matches has them; None: it has none.
    """

    teams: tuple[Team, Team]
    shots: Sequence[Shot]
    own_goals: Sequence[Goal] = ()
    period_seconds: Mapping[int, float] = dataclasses.field(default_factory=dict)
    result: tuple[int, int] | None = None

    @property
    def has_xg(self) -> bool:
        """Whether any shot has xG."""
        return any(shot.xg is not None for shot in self.shots)

    @property
    def played_shots(self) -> list[Shot]:
        """The shots without those of a shoot-out."""
        return [shot for shot in self.shots if not shot.is_of_shoot_out]

    @property
    def goals(self) -> list[Goal]:
        """The goals of the score, in their order."""
        scored = [
            Goal(shot.side, shot.player, shot.period, shot.minute, shot.seconds, shot=shot)
            for shot in self.played_shots
            if shot.outcome is Outcome.GOAL
        ]
        own = [goal for goal in self.own_goals if goal.period != SHOOT_OUT]
        return sorted([*scored, *own], key=lambda goal: (goal.period, goal.seconds))

    @property
    def score(self) -> tuple[int, int]:
        """The goals of both, without a shoot-out: the result, or else the goals that are known."""
        return self.result or self._known_score

    @property
    def _known_score(self) -> tuple[int, int]:
        sides = [goal.side for goal in self.goals]
        return sides.count(Side.HOME), sides.count(Side.AWAY)

    @property
    def lacks_goals(self) -> bool:
        """Whether the events have other goals than the result: some providers' lack own goals."""
        return self.score != self._known_score

    @property
    def shoot_out(self) -> tuple[int, int] | None:
        """The goals of both in the penalty shoot-out; None: there was none."""
        kicks = [shot for shot in self.shots if shot.is_of_shoot_out]
        scored = [shot.side for shot in kicks if shot.outcome is Outcome.GOAL]
        return (scored.count(Side.HOME), scored.count(Side.AWAY)) if kicks else None

    def xg_of(self, side: Side) -> float:
        """Return the sum of a team's xG, without a shoot-out."""
        return math.fsum(shot.xg or 0 for shot in self.played_shots if shot.side is side)

    @property
    def title(self) -> str:
        """The teams and the score: `Argentina 3–3 France (4–2 on penalties)`."""
        home, away = self.score
        kicks = self.shoot_out
        after = f" ({kicks[0]}–{kicks[1]} on penalties)" if kicks else ""
        return f"{self.teams[0].name} {home}–{away} {self.teams[1].name}{after}"


def seconds_of_period(seconds: float) -> float:
    """Return a time since the beginning of a period; 0 in place of one that is a fault of the provider."""
    return seconds if 0 <= seconds < _LONGEST_SECONDS else 0.0


def minute_text(period: int, minute: int) -> str:
    """Return a minute as people count it: the first one is 1′, and the first after the full time is 45+1′."""
    full = LAST_MINUTES.get(period)
    if full is not None and minute >= full:
        return f"{full}+{minute - full + 1}′"
    return f"{minute + 1}′"
