"""Wyscout's API, version 3, for its customers.

Format: https://apidocs.wyscout.com. `competitions?areaId=…` and `competitions/{id}/seasons` list the seasons,
`seasons/{id}/matches` the matches of a season, and `matches/{id}/events` and `matches/{id}/formations` are the files of
a match. The API takes Basic authentication and 12 requests a second; a further request gets a 429 with a JSON body.
Times are local times of Rome, except `dateutc`.

The list of matches does not say when a match changed. The feed of changes does (`sources.wyscout_changes`); it goes
back 168 hours. A season that was ingested completely since then costs its list and a share of the feed. For any other
season each match is requested: conditionally if the API gives ETags, which public documents leave open; else in full,
and the bytes decide.

A match that Wyscout deletes leaves the season's list, and becomes MISSING. If Wyscout deletes only the events of a
listed match, the lake keeps its copy and the run warns.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ingestify.clock import now
from ingestify.domain.bundle import BundleType
from ingestify.domain.dataset import CollectionMetadata, DatasetState
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.ports import Response
from ingestify.domain.resource import DatasetResource, UnreadableEntry
from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.api import ApiSource, basic_auth
from ingestify.sources.entries import Found, Selectors, read_entries
from ingestify.sources.iso_time import get_time
from ingestify.sources.open_data import MatchIds, match_name, may_be
from ingestify.sources.recheck_schedule import missing_recheck_seconds
from ingestify.sources.wyscout_changes import WyscoutChanges
from ingestify.sources.wyscout_records import RECORD_KEYS

__all__ = ["Wyscout"]

BASE_URL = "https://apirest.wyscout.com/v3"

MATCH = BundleType("match", requires=("match", "events"), optional=("formations",))
"""The match's entry in the index, the events with the names of the players, and the formations."""

_PARAMS = {
    # kloppy needs the formations: without them it does not know the starting eleven.
    "events": {"fetch": "teams,players,match,coaches,referees,formations,substitutions"},
    "formations": {"fetch": "teams,players"},
}

_PLAYED = "Played"

_LABEL = re.compile(r"(?P<home>.+?) [-–] (?P<away>.+?)(?:, (?P<home_score>\d+) ?- ?(?P<away_score>\d+)(?: \(\w\))?)?")


class Wyscout(ApiSource):
    """Matches of Wyscout's API v3; dataset type `match`.

    The feeds are `match` (its entry in the season's list), `events` (with teams, players, line-ups, formations and
    substitutions) and, where it or `default` is named, `formations`. A match is SCHEDULED until it is played. Its
    changes are known from Wyscout's feed of changes; after 168 hours without a run, all matches of a season are
    requested.

    Args:
        name: The source's name in the configuration.
        username: The user of the Wyscout API key; required.
        password: Its password; required.
        competitions: The ids of the competitions whose seasons are discovered. None: those of `areas`.
        areas: Three-letter codes of areas (`ENG`, `ITA`, `XEU`): the seasons of all of their competitions are
            discovered. Without either, the plan must have selectors such as `{competition_id: 364, season_id: 188989}`.
        base_url: The URL of the API, to which the endpoints are added. None: Wyscout's.
    """

    provider = "wyscout"
    identifier_keys = ("competition_id", "season_id", "match_id")
    multi_value_keys = ("match_id",)
    bundle_types = (MATCH,)
    record_keys = RECORD_KEYS
    requests_per_second = 12.0
    follows_changes = True
    hosts = ("apirest.wyscout.com",)
    change_signal = "the feed of changes (updatedobjects), 168 hours back; after a longer pause each match is requested"

    def __init__(
        self,
        name: str,
        username: str | None = None,
        password: str | None = None,
        competitions: Sequence[int] | None = None,
        areas: Sequence[str] | None = None,
        base_url: str | None = None,
    ) -> None:
        super().__init__(
            name,
            BASE_URL if base_url is None else base_url,
            basic_auth(name, username, password),
            "username and password",
            competitions=competitions,
            areas=areas,
        )
        self._competitions = _as_list(name, "competitions", competitions)
        self._areas = _as_list(name, "areas", areas)
        self._changes = WyscoutChanges(self._ask_for_changes)

    def discover_selectors(self, dataset_type: str) -> Selectors:
        """Return every season of the competitions that the configuration names."""
        self._bundle_type(dataset_type)
        if not self._competitions and not self._areas:
            raise ConfigurationError(
                f"The source '{self.name}' does not know which competitions to discover, and Wyscout lists them only "
                f"by area: set sources.{self.name}.configuration.competitions or .areas, or give the plan selectors, "
                f"such as {{competition_id: 364, season_id: 188989}}."
            )
        selectors: Selectors = []
        for competition in self._iter_competitions():
            if isinstance(competition, UnreadableEntry):
                selectors.append(competition)
            else:
                selectors += self._seasons(*competition)
        return selectors

    def _seasons(self, competition_id: Any, name: str) -> Selectors:
        what = f"competition {competition_id}"

        def read(season: dict[str, Any]) -> dict[str, Any]:
            season_name = _season_name(season)
            return {
                "competition_id": competition_id,
                "season_id": season["seasonId"],
                "_name": f"{name} {season_name}",
                "_competition_name": name,
                "_season_name": season_name,
            }

        seasons = self._list(f"competitions/{competition_id}/seasons", what, "seasons")
        return read_entries(seasons, f"the seasons of {what}", f"season {{seasonId}} of {what}", ("seasonId",), read)

    def _iter_competitions(self) -> Iterator[tuple[Any, str] | UnreadableEntry]:
        for competition_id in self._competitions:
            yield competition_id, f"competition {competition_id}"
        for area in self._areas:
            yield from read_entries(
                self._list("competitions", f"the area {area}", "competitions", {"areaId": area}),
                f"the competitions of the area {area}",
                "competition {wyId}",
                ("wyId",),
                lambda entry: (entry["wyId"], str(entry.get("name") or f"competition {entry['wyId']}")),
            )

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,
        competition_id: int,
        season_id: int,
        match_id: MatchIds = None,
        **_: Any,
    ) -> Iterator[list[Found]]:
        """Yield the matches of one season in one list."""
        wanted = self._bundle_type(dataset_type, data_spec_versions).wanted(data_spec_versions)
        is_unchanged = self._find_unchanged(dataset_collection_metadata.ingested_until, only_one=match_id is not None)
        what = f"season {season_id} of competition {competition_id}"
        selector = {"competition_id": competition_id, "season_id": season_id}
        yield read_entries(
            self._list(f"seasons/{season_id}/matches", what, "matches"),
            f"the matches of {what}",
            "match {matchId}",
            ("matchId", "dateutc"),
            lambda entry: self._match(entry, selector, wanted, is_unchanged),
            lambda entry: may_be(entry, {"matchId": match_id}),
        )

    def _find_unchanged(self, ingested_until: dt.datetime | None, *, only_one: bool) -> Callable[[object], bool]:
        """Return a function of a match id: whether that match is known to be unchanged."""
        # The feed may have hundreds of pages, which is too much for one match.
        changes = None if ingested_until is None or only_one else self._changes.since(ingested_until)
        if changes is None:
            return lambda _: False
        match_ids = changes.match_ids
        return lambda match_id: str(match_id) not in match_ids

    def _ask_for_changes(
        self, path: str, pager: Callable[[Response], str | None], params: dict[str, Any]
    ) -> Iterator[Response]:
        return self._iter_pages(path, "its feed of changes", pager, params)

    def _match(
        self,
        entry: dict[str, Any],
        selector: dict[str, Any],
        wanted: list[tuple[str, str]],
        is_unchanged: Callable[[object], bool],
    ) -> DatasetResource:
        match_id = entry["matchId"]
        date, _, time = str(entry["dateutc"]).partition(" ")
        is_played = entry.get("status", _PLAYED) == _PLAYED
        label = _Label.read(str(entry.get("label") or ""), with_score=is_played)
        resource = DatasetResource(
            {**selector, "match_id": match_id},
            "match",
            self.provider,
            name=match_name(label.home, label.away, label.score, date),
            metadata={
                "match_date": date or None,
                "kick_off": f"{time}+00:00" if time else None,
                "match_week": entry.get("gameweek") or None,
                "home_team": {"name": label.home},
                "away_team": {"name": label.away},
                "home_score": label.score[0],
                "away_score": label.score[1],
                "match_status": entry.get("status"),
            },
            state=DatasetState.COMPLETE if is_played else DatasetState.SCHEDULED,
        )
        unchanged = is_unchanged(match_id)
        for feed, version in wanted:
            if feed == "match":
                resource.add_file(None, feed, version, json_content=entry, known_unchanged=unchanged)
            elif is_played:
                resource.add_file(
                    None,
                    feed,
                    version,
                    known_unchanged=unchanged,
                    url=f"{self._base_url}/matches/{match_id}/{feed}",
                    http_options={
                        "auth": self._auth,
                        "params": _PARAMS[feed],
                        # The events come hours after the match.
                        "ignore_not_found": True,
                        "recheck_after_seconds": missing_recheck_seconds(
                            get_time(entry["dateutc"], f"Match {match_id}"), now()
                        ),
                    },
                    data_serialization_format="json",
                )
        return resource

    def _list(self, path: str, what: str, key: str, params: dict[str, Any] | None = None) -> list[Any]:
        document = self._get_json(path, what, params)
        entries = document.get(key) if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise SourceError(f"{self._base_url}/{path} has no list '{key}'; is base_url that of Wyscout's API v3?")
        return entries


@dataclasses.dataclass(frozen=True, slots=True)
class _Label:
    """The parts of a match's label in the list: `Internazionale - Milan, 2-1`."""

    home: str | None = None
    away: str | None = None
    score: tuple[int | None, int | None] = (None, None)

    @classmethod
    def read(cls, label: str, *, with_score: bool) -> _Label:
        """Return the parts of a label; without the score for a match that is not played, whose label says 0-0."""
        found = _LABEL.fullmatch(label)
        if found is None:
            return cls(home=label or None)
        score = (found["home_score"], found["away_score"])
        if not with_score or None in score:
            return cls(found["home"], found["away"])
        return cls(found["home"], found["away"], (int(score[0]), int(score[1])))


def _as_list(source: str, option: str, value: object) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigurationError(f"The source '{source}' has {option} {value!r}; it must be a list.")
    return list(value)


def _season_name(entry: dict[str, Any]) -> str:
    season = entry.get("season")
    name = season.get("name") if isinstance(season, dict) else None
    return str(name or f"season {entry['seasonId']}")
