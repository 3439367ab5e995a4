"""A season of invented matches in the format of StatsBomb's open data. The same seed gives the same bytes."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from ingestify.testing.invented.freeze_frames import three_sixty_of
from ingestify.testing.invented.match_events import play_match
from ingestify.testing.invented.squads import COUNTRY, Official, Team, create_referees, create_teams
from ingestify.testing.invented.vocabulary import FORMATIONS

__all__ = ["JsonObject", "Match", "Season", "as_json", "as_timestamp", "date_and_kick_off"]

JsonObject = dict[str, object]

# The provider's `last_updated_360` for a season without 360 files: the day of the feature's launch.
_BEFORE_360 = dt.datetime(2021, 6, 13, 16, 17, 31, 694000)


def as_json(value: object) -> bytes:
    """Return compact JSON in UTF-8, with the keys in their order."""
    # The check for values that contain themselves takes a fifth of the time, and there are none.
    return json.dumps(value, ensure_ascii=False, check_circular=False, separators=(",", ":")).encode()


def as_timestamp(moment: dt.datetime) -> str:
    """Write a naive UTC datetime as StatsBomb does: 26 characters, or 16 if it has no seconds."""
    if moment.second or moment.microsecond:
        return moment.isoformat(timespec="microseconds")
    return moment.isoformat(timespec="minutes")


def date_and_kick_off(moment: dt.datetime) -> tuple[str, str]:
    """Write a kick-off as the index has it: `2026-10-24` and `18:30:00.000`."""
    return moment.date().isoformat(), moment.strftime("%H:%M:%S.000")


@dataclass(frozen=True, slots=True)
class Match:
    """One fixture and its result.

    Attributes:
        match_id: The provider's number.
        kick_off: Local time, naive.
        match_week: 1 for the first round.
        status_360: "available", "scheduled" (announced, not there) or "unscheduled".
        last_updated: When events and lineups last changed, naive UTC.
        last_updated_360: When the 360 frames last changed, naive UTC; None if they are unscheduled.
    """

    match_id: int
    kick_off: dt.datetime
    match_week: int
    home: Team
    away: Team
    home_score: int
    away_score: int
    referee: Official
    status_360: str
    last_updated: dt.datetime
    last_updated_360: dt.datetime | None


@dataclass(slots=True)
class _Files:
    """The generated files of one match."""

    events: bytes
    lineups: bytes
    three_sixty: bytes | None = None


class Season:
    """A season of an invented competition.

    Teams and fixtures are made at once; a match's files are made when first needed, and kept (about 0.55 MB a match
    at the default size, 1.2 MB more with 360). Any thread may use it.

    Args:
        matches: The number of matches: the first rounds of a double round robin.
        seed: The same seed and arguments give the same bytes, on every machine and Python.
        competition_id: The provider's number of the competition.
        season_id: The provider's number of the season.
        competition_name: The competition's name.
        season_name: The season's name, such as "2024/2025".
        gender: "male" or "female".
        events_per_match: About how many events a match has. 20 gives files of about 15 kB; StatsBomb's have 3,800.
        matches_with_360: How many of the first matches have 360 frames. None: a third.
        first_match_id: Number of the first match; None gives every competition and season its own range, which holds
            1,000 matches.
        first_day: Day of the first round; a round is played every week.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        matches: int = 20,
        seed: int = 1,
        competition_id: int = 811,
        season_id: int = 27,
        *,
        competition_name: str = "Valmerian Premier Division",
        season_name: str = "2024/2025",
        gender: str = "male",
        events_per_match: int = 1200,
        matches_with_360: int | None = None,
        first_match_id: int | None = None,
        first_day: dt.date = dt.date(2024, 8, 17),
    ) -> None:
        if matches < 0 or events_per_match < 1:
            raise ValueError(
                f"A season needs matches >= 0 and events_per_match >= 1, not {matches}, {events_per_match}."
            )
        self.seed = seed
        self.competition_id = competition_id
        self.season_id = season_id
        self.competition_name = competition_name
        self.season_name = season_name
        self.gender = gender
        self.events_per_match = events_per_match
        self._first_day = first_day
        self._matches_with_360 = math.ceil(matches / 3) if matches_with_360 is None else matches_with_360
        self._first_match_id = (
            competition_id * 100_000 + season_id * 1000 + 1 if first_match_id is None else first_match_id
        )
        self._files: dict[int, _Files] = {}
        self._lock = threading.RLock()
        rng = self._random("teams")
        # A double round robin of n teams has n(n - 1) matches; n is even so that nobody sits out.
        count = 4
        while count * (count - 1) < matches:
            count += 2
        self.teams = create_teams(rng, count, first_id=competition_id * 10, formations=tuple(FORMATIONS))
        self.matches = tuple(self._schedule(rng, matches))
        self._by_id = {match.match_id: match for match in self.matches}

    def _random(self, purpose: object) -> random.Random:
        # A text seed is hashed by Python itself, the same way everywhere.
        text = f"{self.seed}/{self.competition_id}/{self.season_id}/{purpose}"
        return random.Random(text)  # noqa: S311 - it must be repeatable, not secret

    def _schedule(self, rng: random.Random, count: int) -> Iterator[Match]:
        referees = create_referees(rng, 12, first_id=self.competition_id * 10)
        for number, (week, home, away) in zip(range(count), _fixtures(self.teams), strict=False):
            day = self._first_day + dt.timedelta(days=7 * (week - 1) + number % 2)
            kick_off = dt.datetime.combine(day, dt.time(rng.choice((13, 15, 18, 20)), rng.choice((0, 30))))
            updated = kick_off + dt.timedelta(hours=30, microseconds=rng.randrange(72 * 3_600_000_000))
            available = number < self._matches_with_360
            status = "available" if available else "unscheduled" if number % 5 == 4 else "scheduled"
            updated_360 = None if status == "unscheduled" else _BEFORE_360
            if available:
                # Frames appear days after the events, at a whole minute.
                updated_360 = updated.replace(second=0, microsecond=0) + dt.timedelta(days=2)
            yield Match(
                match_id=self._first_match_id + number,
                kick_off=kick_off,
                match_week=week,
                home=home,
                away=away,
                home_score=_goals(rng, 1.15 * home.strength),
                away_score=_goals(rng, 0.95 * away.strength),
                referee=rng.choice(referees),
                status_360=status,
                last_updated=updated,
                last_updated_360=updated_360,
            )

    def match(self, match_id: int) -> Match:
        """Return one fixture.

        Raises:
            KeyError: If the season has no match of that number.
        """
        return self._by_id[match_id]

    def competition_entry(self) -> JsonObject:
        """Return this season's entry of `competitions.json`, its timestamps as at the beginning."""
        updated = max((match.last_updated for match in self.matches), default=None)
        with_360 = [match.last_updated_360 for match in self.matches if match.status_360 == "available"]
        updated_360 = max((moment for moment in with_360 if moment is not None), default=None)
        return {
            "competition_id": self.competition_id,
            "season_id": self.season_id,
            "country_name": COUNTRY.name,
            "competition_name": self.competition_name,
            "competition_gender": self.gender,
            "competition_youth": False,
            "competition_international": False,
            "season_name": self.season_name,
            "match_updated": as_timestamp(updated or _BEFORE_360),
            "match_updated_360": as_timestamp(updated_360 or _BEFORE_360),
            "match_available_360": as_timestamp(updated_360) if updated_360 else None,
            "match_available": as_timestamp(updated or _BEFORE_360),
        }

    def index_entries(self) -> list[JsonObject]:
        """Return the entries of `matches/{competition_id}/{season_id}.json`, new objects at every call."""
        return [self._index_entry(match) for match in self.matches]

    def _index_entry(self, match: Match) -> JsonObject:
        day, kick_off = date_and_kick_off(match.kick_off)
        return {
            "match_id": match.match_id,
            "match_date": day,
            "kick_off": kick_off,
            "competition": {
                "competition_id": self.competition_id,
                "country_name": COUNTRY.name,
                "competition_name": self.competition_name,
            },
            "season": {"season_id": self.season_id, "season_name": self.season_name},
            "home_team": self._team_entry("home", match.home),
            "away_team": self._team_entry("away", match.away),
            "home_score": match.home_score,
            "away_score": match.away_score,
            "match_status": "available",
            "match_status_360": match.status_360,
            "last_updated": as_timestamp(match.last_updated),
            "last_updated_360": as_timestamp(match.last_updated_360) if match.last_updated_360 else None,
            "metadata": {"data_version": "1.1.0", "shot_fidelity_version": "2", "xy_fidelity_version": "2"},
            "match_week": match.match_week,
            "competition_stage": {"id": 1, "name": "Regular Season"},
            "stadium": {"id": match.home.stadium_id, "name": match.home.stadium, "country": _country()},
            "referee": {"id": match.referee.official_id, "name": match.referee.name, "country": _country()},
        }

    def _team_entry(self, side: str, team: Team) -> JsonObject:
        manager = team.manager
        return {
            f"{side}_team_id": team.team_id,
            f"{side}_team_name": team.name,
            f"{side}_team_gender": self.gender,
            f"{side}_team_group": None,
            "country": _country(),
            "managers": [
                {
                    "id": manager.official_id,
                    "name": manager.name,
                    "nickname": None,
                    "dob": manager.birth_date.isoformat() if manager.birth_date else None,
                    "country": _country(),
                }
            ],
        }

    def events(self, match_id: int) -> bytes:
        """Return the events file of a match, JSON in UTF-8.

        Raises:
            KeyError: If the season has no match of that number.
        """
        return self._files_of(match_id).events

    def lineups(self, match_id: int) -> bytes:
        """Return the lineups file of a match, JSON in UTF-8.

        Raises:
            KeyError: If the season has no match of that number.
        """
        return self._files_of(match_id).lineups

    def three_sixty(self, match_id: int) -> bytes:
        """Return the 360 file of a match, JSON in UTF-8, whether or not the index announces one.

        Raises:
            KeyError: If the season has no match of that number.
        """
        with self._lock:
            files = self._files_of(match_id)
            if files.three_sixty is None:
                seed = f"{self.seed}/{self.competition_id}/{self.season_id}/{match_id}/360"
                files.three_sixty = three_sixty_of(files.events, seed=seed)
            return files.three_sixty

    def generate(self) -> None:
        """Make every file of the index now, so that a measurement does not include the generation."""
        for match in self.matches:
            self.events(match.match_id)
            if match.status_360 == "available":
                self.three_sixty(match.match_id)

    def _files_of(self, match_id: int) -> _Files:
        match = self._by_id[match_id]
        with self._lock:
            files = self._files.get(match_id)
            if files is None:
                played = play_match(
                    self._random(match_id),
                    match.home,
                    match.away,
                    (match.home_score, match.away_score),
                    events=self.events_per_match,
                )
                files = _Files(as_json(played.events), as_json(played.lineups))
                self._files[match_id] = files
            return files


def _fixtures(teams: tuple[Team, ...]) -> Iterator[tuple[int, Team, Team]]:
    """Yield week, home and away of a double round robin: the circle method, then the same with grounds swapped."""
    fixed, circle = teams[0], list(teams[1:])
    weeks = len(teams) - 1
    for leg in (0, 1):
        for week in range(weeks):
            row = [fixed, *circle[week:], *circle[:week]]
            for place in range(len(row) // 2):
                pair = (row[place], row[-1 - place])
                home, away = pair if (place + week + leg) % 2 == 0 else pair[::-1]
                yield leg * weeks + week + 1, home, away


def _goals(rng: random.Random, expected: float) -> int:
    """Draw from a Poisson distribution, by Knuth's multiplication of uniforms."""
    limit, product, goals = math.exp(-expected), rng.random(), 0
    while product > limit:
        product *= rng.random()
        goals += 1
    return goals


def _country() -> JsonObject:
    return {"id": COUNTRY.country_id, "name": COUNTRY.name}
