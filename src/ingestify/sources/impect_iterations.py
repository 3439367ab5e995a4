"""Impect's matches in iterations, which its open data and its API list in the same way.

An iteration is a competition's season. `lastCalculationDate` is the time of a match's last calculation; a match without
it has no files yet.
"""

from __future__ import annotations

import abc
import datetime as dt
from collections.abc import Iterator
from typing import Any

from ingestify.domain.bundle import BundleType
from ingestify.domain.dataset import CollectionMetadata, Dataset, DatasetState
from ingestify.domain.export_layout import ExportIndex, ExportLayout
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.record_key import RecordKey, RecordKeys
from ingestify.domain.resource import DatasetResource, FileHttpOptions, UnreadableEntry
from ingestify.errors import SourceError
from ingestify.sources.base_url import BaseUrlSource
from ingestify.sources.entries import Found, Selectors, read_entries
from ingestify.sources.iso_time import get_time
from ingestify.sources.open_data import MatchIds, match_name, may_be, name_of, same

__all__ = ["MATCH", "ImpectIterations", "ImpectLists"]

MATCH = BundleType(
    "match",
    requires=("match", "lineups", "events"),
    optional=("squads", "players"),
)
"""The match's entry in the index, the line-ups, the events, and the names of clubs and players."""

_OF_ITERATION = ("squads", "players")

RECORD_KEYS: RecordKeys = {
    "match": RecordKey(noun="match"),
    "events": RecordKey("id", noun="event", kind="actionType", counted_by="index"),
    "players": RecordKey("id", noun="player", who="commonname", is_ordered=False),
    "squads": RecordKey("id", noun="squad", who="name", is_ordered=False),
}
"""Feed to what its records are."""


def _iteration(dataset: Dataset, _: object) -> dict[str, Any]:
    """Return the entry of a match's iteration in `iterations.json`, as far as the lake knows it."""
    return {
        "id": dataset.identifier["iteration_id"],
        "competition": {"name": dataset.metadata.get("competition")},
        "season": dataset.metadata.get("season"),
    }


EXPORT_LAYOUT = ExportLayout(
    paths={
        **{feed: f"{feed}/{feed}_{{match_id}}.json" for feed in ("events", "lineups")},
        **{feed: f"{feed}/{feed}_{{iteration_id}}.json" for feed in _OF_ITERATION},
    },
    shared=_OF_ITERATION,
    indexes=(
        ExportIndex("iterations.json", ("id",), entry_of=_iteration),
        ExportIndex("matches/matches_{iteration_id}.json", ("id",), "match"),
    ),
)
"""That of the open data."""


class ImpectIterations(BaseUrlSource):
    """Finds the matches of iterations. A subclass says where the index and the files are."""

    provider = "impect"
    identifier_keys = ("iteration_id", "match_id")
    multi_value_keys = ("match_id",)
    bundle_types = (MATCH,)
    record_keys = RECORD_KEYS
    export_layout = EXPORT_LAYOUT
    _http_options = FileHttpOptions()

    def discover_selectors(self, dataset_type: str) -> Selectors:
        """Return every iteration."""
        self._bundle_type(dataset_type)
        lists = self._open_lists()
        return read_entries(
            lists.iterations(),
            "the list of iterations",
            "iteration {id}",
            ("id",),
            lambda entry: {
                "iteration_id": entry["id"],
                "_name": " ".join((_competition(entry) or "iteration", _season(entry))),
                "_competition_name": _competition(entry),
                "_season_name": _season(entry) or None,
                **lists.hints(entry["id"]),
            },
        )

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - the index is small, and is read completely
        iteration_id: int,
        match_id: MatchIds = None,
        **_: Any,
    ) -> Iterator[list[Found]]:
        """Yield the matches of one iteration in one list."""
        wanted = self._bundle_type(dataset_type, data_spec_versions).wanted(data_spec_versions)
        lists = self._open_lists()
        entries = lists.matches(iteration_id)
        chosen = {"id": match_id}
        if not any(not isinstance(entry, dict) or may_be(entry, chosen) for entry in entries):
            return
        iterations = [one for one in lists.iterations() if isinstance(one, dict) and one.get("id") is not None]
        season = _Season(
            next((one for one in iterations if same(iteration_id, one["id"])), {"id": iteration_id}),
            squads=lists.of_iteration("squads", iteration_id),
            players=lists.of_iteration("players", iteration_id) if any(f == "players" for f, _ in wanted) else [],
        )
        found: list[Found] = [] if season.unreadable is None else [season.unreadable]
        found += read_entries(
            entries,
            f"the matches of iteration {iteration_id}",
            "match {id}",
            ("id",),
            lambda entry: lists.finished(self._match(entry, season, wanted, lists)),
            lambda entry: may_be(entry, chosen),
        )
        yield found

    def _match(
        self, entry: dict[str, Any], season: _Season, wanted: list[tuple[str, str]], lists: ImpectLists
    ) -> DatasetResource:
        match_id = entry["id"]
        calculated = _time(entry.get("lastCalculationDate"), f"Match {match_id}")
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
                    url=lists.url_of(feed, match_id),
                    http_options={**self._http_options, "ignore_not_found": feed != "lineups"},
                )
        return resource

    @abc.abstractmethod
    def _open_lists(self) -> ImpectLists:
        """Return the lists for one call of `discover_selectors` or `find_datasets`."""


class ImpectLists(abc.ABC):
    """The lists that one listing is read from."""

    @abc.abstractmethod
    def iterations(self) -> list[Any]:
        """Return the list of iterations."""

    @abc.abstractmethod
    def matches(self, iteration_id: object) -> list[Any]:
        """Return the list of an iteration's matches."""

    @abc.abstractmethod
    def of_iteration(self, feed: str, iteration_id: object) -> list[Any]:
        """Return the list of an iteration's `squads` or `players`."""

    @abc.abstractmethod
    def url_of(self, feed: str, match_id: object) -> str:
        """Return the URL of a file of a match."""

    def hints(self, iteration_id: object) -> dict[str, str]:  # noqa: ARG002 - for subclasses
        """Return the hints of an iteration."""
        return {}

    def finished(self, resource: DatasetResource) -> DatasetResource:
        """Return a dataset with what these lists know besides."""
        return resource


class _Season:
    """An iteration with its squads and players.

    Attributes:
        changed: The time when squads and players changed; None: the iteration does not say it.
        unreadable: The error if that time cannot be read; then the squads are announced with each match's time.
    """

    def __init__(self, iteration: dict[str, Any], *, squads: list[Any], players: list[Any]) -> None:
        self.iteration = iteration
        self.squads = squads
        self.players = players
        self.changed: dt.datetime | None = None
        self.unreadable: UnreadableEntry | None = None
        what = f"iteration {iteration['id']}"
        try:
            self.changed = _time(iteration.get("lastChangeTimestamp"), what.capitalize())
        except SourceError as error:
            self.unreadable = UnreadableEntry(what, error)
        # An unreadable squad names no team; the feed has it as it is.
        self._squads = {
            squad["id"]: squad
            for squad in squads
            if isinstance(squad, dict) and isinstance(squad.get("id"), (int, str))
        }

    def squad(self, squad_id: object) -> dict[str, Any] | None:
        return self._squads.get(squad_id) if isinstance(squad_id, (int, str)) else None


def _time(text: object, what: str) -> dt.datetime | None:
    return None if text is None else get_time(text, what)


def _competition(iteration: dict[str, Any]) -> str | None:
    return name_of(iteration.get("competition"), "name")


def _season(iteration: dict[str, Any]) -> str:
    return str(iteration.get("season") or "")


def _week(match_day: object) -> int | None:
    """Return the number of the match day, from 1; the index counts from 0."""
    index = match_day.get("index") if isinstance(match_day, dict) else None
    return index + 1 if isinstance(index, int) else None
