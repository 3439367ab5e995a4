"""What My Provider has: its seasons, the matches of each, and their files.

Three things to change: what discover_selectors asks for, what find_datasets asks for, and what _match
makes of one entry. Everything else (what the lake lacks, retries, limits, commits) is ingestify's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from ingestify import BundleType, ConfigurationError, DatasetResource, Source

BASE_URL = "https://api.example.com/v1"

MATCH = BundleType("match", requires=("match", "lineups", "events"))
"""What a complete match holds: its entry in the index, who played, and what happened."""


class MyProviderSource(Source):
    """Matches of My Provider; dataset type `match`, in seasons.

    Args:
        name: The source's name in the configuration.
        token: The token of your account.
        base_url: The root of the API, for a simulator or a mirror.
    """

    provider = "my_provider"
    bundle_types = (MATCH,)
    concurrent_discovery = True
    lists_everything = True

    def __init__(self, name: str, token: str, base_url: str = BASE_URL) -> None:
        super().__init__(name, token=token, base_url=base_url)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._base_url = base_url.rstrip("/")

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        """Return every season."""
        self._check(dataset_type)
        seasons = self._get("seasons.json")
        return [{"season_id": season["id"], "_name": season["name"]} for season in seasons]

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: Any,
        dataset_collection_metadata: Any,
        season_id: int,
        match_id: int | str | None = None,
        **selector: Any,
    ) -> Iterator[list[DatasetResource]]:
        """Yield the matches of a season: page by page, so that the first are fetched at once."""
        self._check(dataset_type)
        if unknown := MATCH.unknown(data_spec_versions):
            raise ConfigurationError(f"'{self.name}' has no feed {', '.join(unknown)}.")
        wanted = MATCH.wanted(data_spec_versions)
        page: int | None = 1
        while page is not None:
            answer = self._get(f"seasons/{season_id}/matches.json?page={page}")
            found = [
                entry for entry in answer["matches"] if match_id is None or str(match_id) == str(entry["id"])
            ]
            yield [self._match(entry, season_id, wanted) for entry in found]
            page = answer["next_page"] if match_id is None or not found else None

    def _match(self, entry: dict[str, Any], season_id: int, wanted: list[tuple[str, str]]) -> DatasetResource:
        updated_at = dt.datetime.fromisoformat(entry["updated_at"])
        resource = DatasetResource(
            {"season_id": season_id, "match_id": entry["id"]},
            "match",
            self.provider,
            name=f"{entry['home']} - {entry['away']}, {entry['date']}",
            metadata={"match_date": entry["date"], "home": entry["home"], "away": entry["away"]},
        )
        for feed, version in wanted:
            if feed == "match":
                resource.add_file(updated_at, feed, version, json_content=entry)
            else:
                resource.add_file(
                    updated_at,
                    feed,
                    version,
                    url=f"{self._base_url}/matches/{entry['id']}/{feed}.json",
                    http_options={"headers": self._headers},
                )
        return resource

    def _get(self, path: str) -> Any:
        return self.http.get_json(f"{self._base_url}/{path}", headers=self._headers)

    def _check(self, dataset_type: str) -> None:
        if dataset_type != MATCH.dataset_type:
            raise ConfigurationError(f"'{self.name}' has 'match', and no '{dataset_type}'.")
