"""What the page of a match shows beside the pictures."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from ingestify.pictures.match_values import MatchValues, Side

__all__ = ["Moment", "timeline"]

_MINUTE = re.compile(r"(\d+)(?:\+(\d+))?")


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """A goal or a substitution.

    Attributes:
        minute: Such as `45+2′`.
        side: `home` or `away`.
        team: The team's name.
        text: Who, and what.
        score: After a goal; empty: it is no goal.
    """

    minute: str
    side: str
    team: str
    text: str
    score: str = ""

    @property
    def is_goal(self) -> bool:
        """Whether it is a goal."""
        return bool(self.score)


def timeline(match: MatchValues) -> Sequence[Moment]:
    """Return the goals and substitutions of a match, in their order."""
    moments = []
    score = [0, 0]
    for goal in match.goals:
        score[goal.side] += 1
        team = match.teams[goal.side].name
        minute, _, kind = goal.when.partition(" ")
        text = f"{goal.player or 'Goal'} {kind}".strip()
        moments.append(Moment(minute, goal.side.ink, team, text, f"{score[0]}–{score[1]}"))
    for side in Side:
        squad = match.teams[side]
        leaving = [one for one in squad.players if one.went_off]
        for player in squad.players:
            if player.came_on:
                left = next((one for one in leaving if one.went_off == player.came_on), None)
                if left is not None:
                    leaving.remove(left)
                for_whom = "" if left is None else f" for {left.name}"
                moments.append(Moment(player.came_on, side.ink, squad.name, f"{player.name}{for_whom}"))
    return sorted(moments, key=lambda moment: (_order(moment.minute), not moment.is_goal))


def _order(minute: str) -> tuple[int, int]:
    found = _MINUTE.match(minute)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)
