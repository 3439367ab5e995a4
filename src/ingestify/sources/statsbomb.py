"""StatsBomb's API, for its customers.

Endpoints, each with a version of its own and with Basic authentication: `{version}/competitions`,
`{version}/competitions/{competition_id}/seasons/{season_id}/matches`, `{version}/lineups/{match_id}`,
`{version}/events/{match_id}` and `{version}/360-frames/{match_id}`. The current versions are those of StatsBomb's own
client (https://github.com/statsbomb/statsbombpy, `config.py`). Entries are those of the open data
(https://github.com/statsbomb/open-data, `doc/`).

Public documents leave two points open. A match is available only if its status is `available`; any other status is
"not yet", as `scheduled` and `collecting` are. Responses may have an ETag; without one, the bytes decide.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from typing import Any

from ingestify.checks.statsbomb import StatsBombMatchCheck
from ingestify.clock import now
from ingestify.domain.announcement import grain_of
from ingestify.domain.bundle import MATCH
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.feeds import DEFAULT_FEED, DataSpecVersionCollection
from ingestify.errors import ConfigurationError
from ingestify.sources.api import ApiSource, basic_auth
from ingestify.sources.entries import Found, Selectors, read_entries, read_lists
from ingestify.sources.iso_time import get_time
from ingestify.sources.open_data import MatchIds, may_be
from ingestify.sources.statsbomb_matches import (
    EXPORT_LAYOUT,
    FIRST_MATCHES,
    MATCH_KEYS,
    MATCH_NAME,
    SEASON_KEYS,
    SEASON_NAME,
    find_match,
)
from ingestify.sources.statsbomb_records import RECORD_KEYS

__all__ = ["StatsBomb"]

BASE_URL = "https://data.statsbombservices.com/api"

CURRENT_VERSIONS = {"match": "v6", "lineups": "v5", "events": "v9", "360-frames": "v2"}
"""The versions that are requested if `data_spec_versions` does not name one."""

_LATE = dt.timedelta(days=7)
"""Files that the index has announced may appear as late as this after the season's last change."""

_SOME_DAY = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class StatsBomb(ApiSource):
    """Matches of StatsBomb's API; dataset type `match`.

    The feeds are `match` (its entry in the index), `lineups`, `events`, and `360-frames` for the matches that have
    them. `data_spec_versions` names the version of each feed, or several versions of it:
    `{match: v6, events: [v8, v9], lineups: v5, 360-frames: v2}`; that of `match` is the version of the index. A
    required feed that is not named comes in its current version; `360-frames` is fetched only if it, or `default`, is
    named. Without `data_spec_versions` all feeds come in their current versions. A season in which nothing changed is
    skipped as a whole. For a week after a change its index is requested once a day, because 360 files appear later
    than the index announces them.

    Args:
        name: The source's name in the configuration.
        username: The user of the StatsBomb account; required.
        password: Its password; required.
        base_url: The URL of the API, to which version and endpoint are added. None: StatsBomb's.
        competitions_version: The version of the list of competitions.
        recheck_missing_360_after_seconds: How long a missing 360 file that the index has announced is not requested
            again, unless its time in the index changes.
    """

    provider = "statsbomb"
    identifier_keys = ("competition_id", "season_id", "match_id")
    multi_value_keys = ("match_id",)
    bundle_types = (MATCH,)
    bundle_checks = (StatsBombMatchCheck(),)
    record_keys = RECORD_KEYS
    export_layout = EXPORT_LAYOUT
    hosts = ("data.statsbombservices.com",)
    change_signal = (
        "match_updated and match_updated_360 of each season, then last_updated and last_updated_360 of each match"
    )

    def __init__(
        self,
        name: str,
        username: str | None = None,
        password: str | None = None,
        base_url: str | None = None,
        competitions_version: str = "v4",
        recheck_missing_360_after_seconds: float = 60.0,
    ) -> None:
        super().__init__(
            name,
            BASE_URL if base_url is None else base_url,
            basic_auth(name, username, password),
            "username and password",
        )
        self._competitions_version = competitions_version
        self._recheck_after_seconds = float(recheck_missing_360_after_seconds)

    def discover_selectors(self, dataset_type: str) -> Selectors:
        """Return every competition and season of the account, with when anything in it last changed."""
        self._bundle_type(dataset_type)
        path = f"{self._competitions_version}/competitions"
        entries = self._get_json(path, "its list of competitions")
        return read_entries(entries, path, SEASON_NAME, SEASON_KEYS, _selector)

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - the index is small, and is read completely
        competition_id: int,
        season_id: int,
        match_id: MatchIds = None,
        **_: Any,
    ) -> Iterator[list[Found]]:
        """Yield the matches of one season in lists."""
        wanted = self._wanted(dataset_type, data_spec_versions)
        (version, *others) = [version for feed, version in wanted if feed == "match"]
        if others:
            raise ConfigurationError(
                f"data_spec_versions of the source '{self.name}' wants {1 + len(others)} versions of 'match', which is "
                f"its index: it must be one."
            )
        path = f"{version}/competitions/{competition_id}/seasons/{season_id}/matches"
        what = f"season {season_id} of competition {competition_id}"
        yield from read_lists(
            self._get_entries(path, what),
            path,
            MATCH_NAME,
            MATCH_KEYS,
            functools.partial(
                find_match,
                selector={"competition_id": competition_id, "season_id": season_id},
                wanted=wanted,
                url_of=lambda feed, version, match_id: f"{self._base_url}/{version}/{feed}/{match_id}",
                http_options={"auth": self._auth},
                http_options_360={"recheck_after_seconds": self._recheck_after_seconds},
            ),
            lambda entry: may_be(entry, {"match_id": match_id}),
            id_key="match_id",
            first=FIRST_MATCHES,
        )

    def _wanted(self, dataset_type: str, versions: DataSpecVersionCollection) -> list[tuple[str, str]]:
        bundle_type = self._bundle_type(dataset_type, versions)
        # A plan without versions says v1, a version that the API no longer has.
        unnamed = versions.get(DEFAULT_FEED, ("v1",)) == ("v1",)
        wanted = []
        for feed, version in bundle_type.wanted(versions):
            is_unnamed = feed not in versions and unnamed
            wanted.append((feed, CURRENT_VERSIONS[feed] if is_unnamed else version))
        return wanted


def _selector(entry: dict[str, Any]) -> dict[str, Any]:
    selector: dict[str, Any] = {key: entry[key] for key in ("competition_id", "season_id")}
    what = f"Season {entry['season_id']} of competition {entry['competition_id']}"
    # A season without matches has neither of the two times.
    updates = {key: entry[key] for key in ("match_updated", "match_updated_360") if entry.get(key)}
    if updates:
        times = [get_time(text, what) for text in updates.values()]
        # The texts of both times decide. `_last_modified` only tells after which time they cannot hide a change.
        last = max(times, key=lambda moment: moment - _SOME_DAY + grain_of(moment))
        texts = [f"{key}={text}" for key, text in updates.items()]
        selector["_version"] = " ".join([*texts, f"day={_recheck_day(max(times), now()):%Y-%m-%d}"])
        selector["_last_modified"] = last
    names = {key: entry.get(key) for key in ("competition_name", "season_name")}
    selector["_name"] = " ".join(name or "" for name in names.values()).strip() or what
    selector.update({f"_{key}": name for key, name in names.items()})
    return selector


def _recheck_day(changed: dt.datetime, at: dt.datetime) -> dt.datetime:
    """Return a time of the day that is part of a season's version: today, until `_LATE` after the last change."""
    return at if at - changed < _LATE else changed + _LATE
