"""Impect's matches, in iterations, as its open data and its API list them.

An iteration is a competition's season. A match was calculated for the last time at `lastCalculationDate`; before it is,
there are no files of it.
"""

from __future__ import annotations

import abc
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.clock import as_utc
from ingestify.domain.bundle import BundleType
from ingestify.domain.dataset import CollectionMetadata, DatasetState
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.resource import DatasetResource
from ingestify.errors import SourceError
from ingestify.sources.base_url import BaseUrlSource
from ingestify.sources.open_data import match_name, name_of, same

__all__ = ["MATCH", "ImpectIterations"]

MATCH = BundleType(
    "match",
    requires=("match", "lineups", "events"),
    optional=("squads", "players"),
)
"""The match's entry in the index, who played, what happened on the pitch, and the names of clubs and players."""

_OF_ITERATION = ("squads", "players")


class ImpectIterations(BaseUrlSource):
    """Where the index and the files are is said by a subclass."""

    provider = "impect"
    bundle_types = (MATCH,)
    _http_options: Mapping[str, Any] = {}

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        """Return every iteration."""
        self._bundle_type(dataset_type)
        return [
            {"iteration_id": entry["id"], "_name": " ".join((_competition(entry) or "iteration", _season(entry)))}
            for entry in self._iterations()
        ]

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - the index is small, and asked for whole
        iteration_id: int,
        match_id: int | str | None = None,
        **_: Any,
    ) -> Iterator[list[DatasetResource]]:
        """Yield the matches of one iteration, at once."""
        wanted = self._bundle_type(dataset_type, data_spec_versions).wanted(data_spec_versions)
        entries = [entry for entry in self._matches(iteration_id) if same(match_id, entry["id"])]
        if not entries:
            return
        season = _Season(
            next((one for one in self._iterations() if same(iteration_id, one["id"])), {"id": iteration_id}),
            squads=self._of_iteration("squads", iteration_id),
            players=self._of_iteration("players", iteration_id) if any(f == "players" for f, _ in wanted) else [],
        )
        yield [self._match(entry, season, wanted) for entry in entries]

    def _match(self, entry: dict[str, Any], season: _Season, wanted: list[tuple[str, str]]) -> DatasetResource:
        match_id = entry["id"]
        calculated = _time(entry.get("lastCalculationDate"), match_id)
        is_available = entry.get("available", True) and calculated is not None
        date, _, kick_off = str(entry.get("scheduledDate") or "").partition("T")
        home, away = season.squad(entry.get("homeSquadId")), season.squad(entry.get("awaySquadId"))
        match_day = entry.get("matchDay")
        resource = DatasetResource(
            {"iteration_id": season.iteration["id"], "match_id": match_id},
            "match",
            self.provider,
            name=match_name(name_of(home, "name"), name_of(away, "name"), date=date),
            metadata={
                "match_date": date or None,
                "kick_off": kick_off or None,
                "match_week": _week(match_day),
                "competition": _competition(season.iteration),
                "season": _season(season.iteration) or None,
                "home_team": {"id": entry.get("homeSquadId"), "name": name_of(home, "name")},
                "away_team": {"id": entry.get("awaySquadId"), "name": name_of(away, "name")},
            },
            state=DatasetState.COMPLETE if is_available else DatasetState.SCHEDULED,
        )
        for feed, version in wanted:
            if feed == "match":
                resource.add_file(calculated, feed, version, json_content=entry)
            elif feed in _OF_ITERATION and is_available:
                content = season.squads if feed == "squads" else season.players
                resource.add_file(season.changed or calculated, feed, version, json_content=content)
            elif is_available:
                resource.add_file(
                    calculated,
                    feed,
                    version,
                    url=self._url_of(feed, match_id),
                    http_options={**self._http_options, "ignore_not_found": feed != "lineups"},
                )
        return resource

    @abc.abstractmethod
    def _iterations(self) -> list[dict[str, Any]]:
        """Return every iteration."""

    @abc.abstractmethod
    def _matches(self, iteration_id: object) -> list[dict[str, Any]]:
        """Return the matches of an iteration."""

    @abc.abstractmethod
    def _of_iteration(self, feed: str, iteration_id: object) -> list[dict[str, Any]]:
        """Return its `squads` or its `players`."""

    @abc.abstractmethod
    def _url_of(self, feed: str, match_id: object) -> str:
        """Return where a file of a match is."""


class _Season:
    """An iteration with what belongs to all of its matches."""

    def __init__(
        self, iteration: dict[str, Any], *, squads: list[dict[str, Any]], players: list[dict[str, Any]]
    ) -> None:
        self.iteration = iteration
        self.squads = squads
        self.players = players
        self.changed = _time(iteration.get("lastChangeTimestamp"), f"of iteration {iteration['id']}")
        self._squads = {squad["id"]: squad for squad in squads}

    def squad(self, squad_id: object) -> dict[str, Any] | None:
        return self._squads.get(squad_id)


def _time(text: object, match_id: object) -> dt.datetime | None:
    if text is None:
        return None
    try:
        return as_utc(dt.datetime.fromisoformat(str(text)))
    except ValueError as error:
        raise SourceError(f"Match {match_id} has the time {text!r}, which is no ISO 8601 time.") from error


def _competition(iteration: dict[str, Any]) -> str | None:
    return name_of(iteration.get("competition"), "name")


def _season(iteration: dict[str, Any]) -> str:
    return str(iteration.get("season") or "")


def _week(match_day: object) -> int | None:
    """Return the number of the match day, from 1; the index counts from 0."""
    index = match_day.get("index") if isinstance(match_day, dict) else None
    return index + 1 if isinstance(index, int) else None
