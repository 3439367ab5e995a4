"""Who plays in a match and when: the starting eleven, the bench, substitutions and cards, as a lineups file says it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from ingestify.testing.invented.squads import Player, Team
from ingestify.testing.invented.vocabulary import FORMATIONS, POSITION, ROLE_OF_POSITION, Named

__all__ = ["Side", "Slot", "lineups_of", "pick_side"]


@dataclass(slots=True)
class Slot:
    """A place in the formation and who holds it now.

    Attributes:
        player: The player as events name him.
        x: Average place in yards, his team attacking towards 120; `y` likewise, 0 to 80.
    """

    player: Named
    position: Named
    x: float
    y: float
    booked: bool = False


@dataclass(slots=True)
class _Spell:
    """A time on the pitch in one position; times are the match clock's "mm:ss"."""

    position: Named
    start: str
    start_period: int
    start_reason: str
    end: str | None = None
    end_period: int | None = None
    end_reason: str = "Final Whistle"

    def as_json(self) -> dict[str, object]:
        return {
            "position_id": self.position["id"],
            "position": self.position["name"],
            "from": self.start,
            "to": self.end,
            "from_period": self.start_period,
            "to_period": self.end_period,
            "start_reason": self.start_reason,
            "end_reason": self.end_reason,
        }


@dataclass(slots=True)
class Side:
    """One team in one match, as the match goes.

    Attributes:
        ref: The team as events name it.
        slots: The formation's eleven places, the goalkeeper's first.
        bench: Who may still come on.
    """

    team: Team
    ref: Named
    formation: int
    slots: list[Slot]
    bench: list[Player]
    numbers: dict[object, int]
    spells: dict[object, _Spell] = field(default_factory=dict)
    cards: dict[object, dict[str, object]] = field(default_factory=dict)

    def tactics(self) -> dict[str, object]:
        """Return the formation and who stands where now, as Starting XI and Tactical Shift events have it."""
        lineup = [
            {"player": slot.player, "position": slot.position, "jersey_number": self.numbers[slot.player["id"]]}
            for slot in self.slots
        ]
        return {"formation": self.formation, "lineup": lineup}

    def substitute(self, rng: random.Random, time: str, period: int, reason: str) -> tuple[Slot, Named, Named] | None:
        """Bring someone on for an outfield player of his role.

        Returns:
            The place, who left and who came; None if nobody on the bench fits.
        """
        for number in rng.sample(range(1, 11), 10):
            slot = self.slots[number]
            role = ROLE_OF_POSITION[int(str(slot.position["id"]))]
            on = next((player for player in self.bench if player.role == role), None)
            if on is not None and self.spells[slot.player["id"]].start_reason == "Starting XI":
                break
        else:
            return None
        self.bench.remove(on)
        left, slot.player, slot.booked = slot.player, _ref(on), False
        spell = self.spells[left["id"]]
        spell.end, spell.end_period, spell.end_reason = time, period, f"Substitution - Off ({reason})"
        self.spells[on.player_id] = _Spell(slot.position, time, period, f"Substitution - On ({reason})")
        return slot, left, slot.player

    def book(self, slot: Slot, time: str, period: int) -> None:
        """Note a yellow card for a foul."""
        slot.booked = True
        self.cards[slot.player["id"]] = {
            "time": time,
            "card_type": "Yellow Card",
            "reason": "Foul Committed",
            "period": period,
        }


def _ref(player: Player) -> Named:
    return {"id": player.player_id, "name": player.name}


def pick_side(rng: random.Random, team: Team) -> Side:
    """Pick the eleven and the bench for one match."""
    # Who stands earlier in the squad starts more often, but not always.
    rank = {player.player_id: place + 3 * rng.random() for place, player in enumerate(team.squad)}
    order = sorted(team.squad, key=lambda player: rank[player.player_id])
    waiting = {role: [p for p in order if p.role == role] for role in set(ROLE_OF_POSITION.values())}
    slots = []
    for number, x, y in FORMATIONS[team.formation]:
        player = waiting[ROLE_OF_POSITION[number]].pop(0)
        slots.append(Slot(_ref(player), POSITION[number], float(x), float(y)))
    side = Side(
        team=team,
        ref={"id": team.team_id, "name": team.name},
        formation=team.formation,
        slots=slots,
        bench=[player for players in waiting.values() for player in players if player.role != "goalkeeper"],
        numbers={player.player_id: player.jersey_number for player in team.squad},
    )
    side.bench.sort(key=lambda player: player.player_id)
    side.spells = {slot.player["id"]: _Spell(slot.position, "00:00", 1, "Starting XI") for slot in slots}
    return side


def lineups_of(*sides: Side) -> list[dict[str, object]]:
    """Return a lineups file: one object a team, every player of the squad in it, as it is after the match."""
    return [
        {
            "team_id": side.team.team_id,
            "team_name": side.team.name,
            "lineup": [
                {
                    "player_id": player.player_id,
                    "player_name": player.name,
                    "player_nickname": player.nickname,
                    "jersey_number": player.jersey_number,
                    "country": {"id": player.country.country_id, "name": player.country.name},
                    "cards": [side.cards[player.player_id]] if player.player_id in side.cards else [],
                    "positions": ([side.spells[player.player_id].as_json()] if player.player_id in side.spells else []),
                }
                for player in side.team.squad
            ],
        }
        for side in sides
    ]
