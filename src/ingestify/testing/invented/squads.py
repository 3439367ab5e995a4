"""Clubs and people that never existed: teams, squads, managers, stadiums, referees."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["COUNTRY", "Country", "Official", "Player", "Team", "create_referees", "create_teams"]


@dataclass(frozen=True, slots=True)
class Country:
    """A country, by the provider's number and name."""

    country_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Player:
    """A player of one squad.

    Attributes:
        player_id: The provider's number, unique in a competition.
        nickname: How he is usually called, None if as he is named.
        role: "goalkeeper", "defender", "midfielder" or "forward".
    """

    player_id: int
    name: str
    nickname: str | None
    jersey_number: int
    role: str
    country: Country


@dataclass(frozen=True, slots=True)
class Official:
    """A manager or a referee.

    Attributes:
        birth_date: None for referees: the provider does not publish it.
    """

    official_id: int
    name: str
    country: Country
    birth_date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """A club with its squad.

    Attributes:
        squad: 20 players, goalkeepers first; whoever stands earlier in his role plays more often.
        strength: Goals it is expected to score against an average team.
        formation: As the provider writes it, 4231 for 4-2-3-1.
    """

    team_id: int
    name: str
    country: Country
    manager: Official
    stadium_id: int
    stadium: str
    squad: tuple[Player, ...]
    strength: float
    formation: int


COUNTRY = Country(901, "Valmeria")
_COUNTRIES = (COUNTRY, Country(902, "Ostravia"), Country(903, "Lindoria"), Country(904, "Sundmark"))
_ROLES = ("goalkeeper",) * 2 + ("defender",) * 7 + ("midfielder",) * 6 + ("forward",) * 5

_GIVEN = (
    "Aldo", "Ansel", "Arvid", "Bastian", "Benno", "Calix", "Corin", "Dario", "Edric", "Elian", "Emeric", "Fenno",
    "Gero", "Hadrian", "Ilmar", "Ivo", "Jarek", "Joss", "Kasimir", "Lando", "Leopold", "Lorin", "Matti", "Milo",
    "Nael", "Nico", "Odin", "Orlan", "Pavo", "Quill", "Rasmo", "Renzo", "Rufus", "Savio", "Silvan", "Tarek", "Tibor",
    "Ulric", "Viggo", "Yoran",
)  # fmt: skip
_SURNAME_START = (
    "Al", "Bran", "Cor", "Dal", "Ek", "Fen", "Gar", "Hol", "Il", "Jor", "Kest", "Lun", "Mar", "Nor", "Ol", "Pell",
    "Quar", "Ros", "Sel", "Tor", "Ul", "Ver", "Wen", "Yar", "Zel", "Brå", "Dré", "Mür", "Søl",
)  # fmt: skip
_SURNAME_MIDDLE = (
    "a", "e", "i", "o", "u", "an", "en", "in", "or", "ar", "el", "is", "ov", "und",
)  # fmt: skip
_SURNAME_END = (
    "berg", "dal", "feld", "gard", "holm", "kamp", "lund", "mann", "nik", "ova", "quist", "rosa", "stad", "ta", "vic",
    "wald", "zen",
)  # fmt: skip
_PLACE_START = (
    "Alder", "Bracken", "Cinder", "Dun", "Ember", "Fal", "Grims", "Haver", "Iron", "Juniper", "Kings", "Larks",
    "Marl", "Nether", "Oaken", "Pine", "Quarry", "Raven", "Silver", "Thorn", "Under", "Vel", "West", "Yarrow",
)  # fmt: skip
_PLACE_END = (
    "bury", "cross", "dale", "ford", "gate", "ham", "holt", "mere", "moor", "port", "stead", "wick",
)  # fmt: skip
_CLUB_KIND = (
    "Athletic", "City", "Rovers", "Town", "United", "Wanderers",
)  # fmt: skip
_STADIUM_KIND = ("Park", "Road", "Arena", "Field", "Lane")


def _unique_people(rng: random.Random) -> Iterator[str]:
    """Yield names of people, each once; over 200,000 before it runs dry."""
    taken: set[str] = set()
    while True:
        surname = rng.choice(_SURNAME_START) + rng.choice(_SURNAME_MIDDLE) + rng.choice(_SURNAME_END)
        name = f"{rng.choice(_GIVEN)} {surname}"
        if name not in taken:
            taken.add(name)
            yield name


def _create_squad(rng: random.Random, people: Iterator[str], first_player_id: int) -> tuple[Player, ...]:
    numbers = [1, 12, *rng.sample([n for n in range(2, 35) if n != 12], len(_ROLES) - 2)]
    squad = []
    for offset, (role, number) in enumerate(zip(_ROLES, numbers, strict=True)):
        name = next(people)
        nickname = name.split()[0] if rng.random() < 0.15 else None
        country = rng.choice(_COUNTRIES) if rng.random() < 0.4 else COUNTRY
        squad.append(Player(first_player_id + offset, name, nickname, number, role, country))
    return tuple(squad)


def create_teams(rng: random.Random, count: int, *, first_id: int, formations: tuple[int, ...]) -> tuple[Team, ...]:
    """Create clubs with their squads, the same for the same state of `rng`.

    Args:
        rng: The random numbers; its state moves.
        count: How many clubs.
        first_id: Numbers of clubs start here, those of people a hundred times further on.
        formations: Which formations they may prefer.

    Returns:
        The clubs. No two clubs, and no two people, share a name.
    """
    people = _unique_people(rng)
    places = [start + end for start in _PLACE_START for end in _PLACE_END]
    rng.shuffle(places)
    teams = []
    for number in range(count):
        place = places[number % len(places)]
        # Past one club a place, the derby: the same place with another kind of club.
        kind = _CLUB_KIND[(number // len(places) + number) % len(_CLUB_KIND)]
        first_person = (first_id + number) * 100
        manager = Official(
            first_person + 99, next(people), COUNTRY, dt.date(1960, 1, 1) + dt.timedelta(rng.randrange(9000))
        )
        teams.append(
            Team(
                team_id=first_id + number,
                name=f"{place} {kind}",
                country=COUNTRY,
                manager=manager,
                stadium_id=first_id + number,
                stadium=f"{rng.choice(_SURNAME_START)}{rng.choice(_SURNAME_END)} {rng.choice(_STADIUM_KIND)}",
                squad=_create_squad(rng, people, first_person),
                strength=0.8 + 1.2 * rng.random(),
                formation=rng.choice(formations),
            )
        )
    return tuple(teams)


def create_referees(rng: random.Random, count: int, *, first_id: int) -> tuple[Official, ...]:
    """Create referees, the same for the same state of `rng`."""
    people = _unique_people(rng)
    return tuple(Official(first_id + number, next(people), COUNTRY) for number in range(count))
