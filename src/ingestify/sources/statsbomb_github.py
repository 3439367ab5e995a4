"""StatsBomb's open data, from its GitHub repository or a mirror of it.

Format: https://github.com/statsbomb/open-data (README and `doc/`). Below the data root there are
`competitions.json`, `matches/{competition_id}/{season_id}.json`, and `events`, `lineups` and `three-sixty`, each with
`{match_id}.json`. Times are naive UTC, of 16 to 26 characters (`2022-08-04T12:00`, `2022-12-01T16:23:46.374386`).

StatsBomb asks everybody who publishes work with the data to name StatsBomb as the source and to show its logo.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from ingestify.checks.statsbomb import StatsBombMatchCheck
from ingestify.domain.bundle import MATCH
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.sources.entries import Found, Selectors, read_entries, read_lists
from ingestify.sources.github_commit import Commit
from ingestify.sources.github_source import GithubSource
from ingestify.sources.open_data import MatchIds, may_be
from ingestify.sources.statsbomb_matches import (
    EXPORT_LAYOUT,
    FIRST_MATCHES,
    FOLDERS,
    MATCH_KEYS,
    MATCH_NAME,
    SEASON_KEYS,
    SEASON_NAME,
    find_match,
)
from ingestify.sources.statsbomb_records import RECORD_KEYS

__all__ = ["StatsBombGithub"]

BASE_URL = "https://raw.githubusercontent.com/statsbomb/open-data/master/data"


class StatsBombGithub(GithubSource):
    """Matches of the StatsBomb open data; dataset type `match`.

    The feeds are `match` (its entry in the index), `lineups`, `events`, and `360-frames` for the matches that have
    them. The first three belong to every match, whatever `data_spec_versions` names; the open data has one version
    of each feed, so a version is only the label under which it is stored. `360-frames` is fetched if it, or `default`,
    is named.

    Args:
        name: The source's name in the configuration.
        base_url: The data root, for a mirror: it has `{base_url}/competitions.json`. None: GitHub.
        recheck_missing_360_after_seconds: How long a missing 360 file that the index has announced is not requested
            again, unless its time in the index changes. (It appears hours after the match.)
        api_url: The repository in GitHub's API, which says at which commit it is and which files changed. None: found
            from a `base_url` of GitHub; empty: never requested.
    """

    provider = "statsbomb"
    redirect_hosts = ("raw.githubusercontent.com", "media.githubusercontent.com")
    identifier_keys = ("competition_id", "season_id", "match_id")
    multi_value_keys = ("match_id",)
    bundle_types = (MATCH,)
    bundle_checks = (StatsBombMatchCheck(),)
    record_keys = RECORD_KEYS
    export_layout = EXPORT_LAYOUT
    former_versions = ("v1-open-data",)
    licence = "StatsBomb Public Data User Agreement: https://github.com/statsbomb/open-data/blob/master/LICENSE.pdf"
    attribution = "Data by StatsBomb; name it as the source and show its logo in whatever is public."
    hosts = ("raw.githubusercontent.com", "api.github.com", "github.com")
    change_signal = (
        "the Git blob id of each file at one commit (two requests); at a mirror last_updated and last_updated_360 of "
        "each match in the index"
    )

    def __init__(
        self,
        name: str,
        base_url: str | None = None,
        recheck_missing_360_after_seconds: float = 60.0,
        api_url: str | None = None,
    ) -> None:
        super().__init__(name, BASE_URL if base_url is None else base_url, api_url)
        self._recheck_after_seconds = float(recheck_missing_360_after_seconds)

    def discover_selectors(self, dataset_type: str) -> Selectors:
        """Return every competition and season of `competitions.json`."""
        self._bundle_type(dataset_type)
        path = "competitions.json"
        commit, entries = self._read_at_commit(path, self._get_entries)
        return read_entries(
            entries, f"{self._base_url}/{path}", SEASON_NAME, SEASON_KEYS, lambda entry: _selector(entry, commit)
        )

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
        wanted = self._bundle_type(dataset_type, data_spec_versions).wanted(data_spec_versions)
        path = _index_path(competition_id, season_id)
        commit, entries = self._read_at_commit(path, self.http.get_entries)
        find = functools.partial(
            find_match,
            selector={"competition_id": competition_id, "season_id": season_id},
            wanted=wanted,
            url_of=lambda feed, _, match_id: f"{self._base_url}/{FOLDERS[feed]}/{match_id}.json",
            http_options={},
            http_options_360={"recheck_after_seconds": self._recheck_after_seconds},
        )
        yield from read_lists(
            entries,
            f"{self._base_url}/{path}",
            MATCH_NAME,
            MATCH_KEYS,
            lambda entry: self._pinned(commit, find(entry)),
            lambda entry: may_be(entry, {"match_id": match_id}),
            id_key="match_id",
            first=FIRST_MATCHES,
        )


def _index_path(competition_id: object, season_id: object) -> str:
    return f"matches/{competition_id}/{season_id}.json"


def _selector(entry: dict[str, Any], commit: Commit | None) -> dict[str, Any]:
    path = _index_path(entry["competition_id"], entry["season_id"])
    names = [str(entry.get(key) or "") for key in ("competition_name", "season_name")]
    return {
        "competition_id": entry["competition_id"],
        "season_id": entry["season_id"],
        "_name": " ".join(names).strip() or None,
        "_competition_name": entry.get("competition_name"),
        "_season_name": entry.get("season_name"),
        **({} if commit is None else commit.version_of(path, *FOLDERS.values())),
    }
