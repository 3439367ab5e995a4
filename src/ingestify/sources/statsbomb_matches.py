"""A StatsBomb match by its entry in the index, which is the same in the open data and in the API.

Times are naive UTC, of 16 to 26 characters (`2022-08-04T12:00`, `2022-12-01T16:23:46.374386`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ingestify.domain.dataset import Dataset, DatasetState
from ingestify.domain.export_layout import ExportIndex, ExportLayout
from ingestify.domain.resource import DatasetResource, FileHttpOptions
from ingestify.sources.iso_time import get_time
from ingestify.sources.open_data import match_name

__all__ = [
    "EXPORT_LAYOUT",
    "FIRST_MATCHES",
    "FOLDERS",
    "MATCH_KEYS",
    "MATCH_NAME",
    "SEASON_KEYS",
    "SEASON_NAME",
    "find_match",
]

SEASON_NAME, SEASON_KEYS = "season {season_id} of competition {competition_id}", ("competition_id", "season_id")
MATCH_NAME, MATCH_KEYS = "match {match_id}", ("match_id", "last_updated")
"""The name of an entry for people, and the keys that it must have."""

FOLDERS = {"events": "events", "lineups": "lineups", "360-frames": "three-sixty"}
"""Feed to the folder of the open data that has its files."""

FIRST_MATCHES = 24
"""How many matches of a season are fetched while the others are made, which takes 10 ms."""


def find_match(
    entry: Mapping[str, Any],
    selector: Mapping[str, Any],
    wanted: list[tuple[str, str]],
    url_of: Callable[[str, str, Any], str],
    http_options: FileHttpOptions,
    http_options_360: FileHttpOptions,
) -> DatasetResource:
    """Return the dataset of an entry of the index.

    Args:
        entry: An entry with `match_id` and `last_updated`.
        selector: `competition_id` and `season_id`.
        wanted: The wanted (feed, version) pairs.
        url_of: Returns the URL of a feed in a version, of the match with an id.
        http_options: The options of each file.
        http_options_360: Further options of `360-frames`.

    Raises:
        SourceError: A time cannot be read.
    """
    match_id = entry["match_id"]
    updated = get_time(entry["last_updated"], f"Match {match_id}")
    is_available = entry.get("match_status", "available") == "available"
    resource = DatasetResource(
        {**selector, "match_id": match_id},
        "match",
        "statsbomb",
        name=_name(entry),
        metadata=_metadata(entry),
        # A dataset that is announced as COMPLETE becomes PARTIAL if a required file is missing.
        state=DatasetState.COMPLETE if is_available else DatasetState.SCHEDULED,
    )
    for feed, version in wanted:
        if feed == "match":
            resource.add_file(updated, feed, version, json_content=entry)
        elif feed == "360-frames":
            if entry.get("match_status_360") == "available":
                resource.add_file(
                    get_time(entry.get("last_updated_360") or entry["last_updated"], f"Match {match_id}"),
                    feed,
                    version,
                    url=url_of(feed, version, match_id),
                    # The 360 feed appears hours after the match: a 404 here means "not yet", not "gone".
                    http_options={**http_options, "ignore_not_found": True, **http_options_360},
                )
        elif is_available:
            resource.add_file(updated, feed, version, url=url_of(feed, version, match_id), http_options=http_options)
    return resource


def _metadata(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values to filter by and to show without opening a file; the `match` feed has all values."""
    home, away = entry.get("home_team") or {}, entry.get("away_team") or {}
    return {
        "match_date": entry.get("match_date"),
        "kick_off": entry.get("kick_off"),
        "match_week": entry.get("match_week"),
        "competition": (entry.get("competition") or {}).get("competition_name"),
        "season": (entry.get("season") or {}).get("season_name"),
        "stage": (entry.get("competition_stage") or {}).get("name"),
        "home_team": {"id": home.get("home_team_id"), "name": home.get("home_team_name")},
        "away_team": {"id": away.get("away_team_id"), "name": away.get("away_team_name")},
        "home_score": entry.get("home_score"),
        "away_score": entry.get("away_score"),
        "stadium": (entry.get("stadium") or {}).get("name"),
        "match_status": entry.get("match_status"),
        "match_status_360": entry.get("match_status_360"),
    }


def _name(entry: Mapping[str, Any]) -> str:
    """Return `Barcelona 3-0 Deportivo Alavés, 2018-08-18`."""
    return match_name(
        (entry.get("home_team") or {}).get("home_team_name"),
        (entry.get("away_team") or {}).get("away_team_name"),
        (entry.get("home_score"), entry.get("away_score")),
        entry.get("match_date"),
    )


def _season_of(dataset: Dataset, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a match's season in `competitions.json`, as far as the entry of a match says it."""
    competition, season, home = (entry.get(key) or {} for key in ("competition", "season", "home_team"))
    has_360 = entry.get("match_status_360") == "available"
    return {
        "competition_id": competition.get("competition_id", dataset.identifier.get("competition_id")),
        "season_id": season.get("season_id", dataset.identifier.get("season_id")),
        "country_name": competition.get("country_name"),
        "competition_name": competition.get("competition_name"),
        "competition_gender": home.get("home_team_gender"),
        "competition_youth": None,
        "competition_international": None,
        "season_name": season.get("season_name"),
        "match_updated": entry.get("last_updated"),
        "match_updated_360": entry.get("last_updated_360"),
        "match_available_360": entry.get("last_updated_360") if has_360 else None,
        "match_available": entry.get("last_updated"),
    }


def _merged(before: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a season by those of two of its matches: the times are those of the newest match."""
    return {
        key: max((one for one in (before[key], value) if one is not None), key=str, default=None)
        if key.startswith("match_")
        else (value if before[key] is None else before[key])
        for key, value in entry.items()
    }


EXPORT_LAYOUT = ExportLayout(
    paths={feed: f"{folder}/{{match_id}}.json" for feed, folder in FOLDERS.items()},
    indexes=(
        ExportIndex("competitions.json", ("competition_id", "season_id"), "match", _season_of, _merged),
        ExportIndex("matches/{competition_id}/{season_id}.json", ("match_id",), "match"),
    ),
)
"""That of the open data, which the readers of local files expect."""
