"""Metrica's sample data: three anonymous games with synchronised tracking and events.

Format: https://github.com/metrica-sports/sample-data (README). Games 1 and 2 are CSV; game 3 is EPTS, FIFA's format of
a metadata XML and a text of frames, and JSON. The repository has no index, so the three games are listed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingestify.domain.bundle import BundleType
from ingestify.domain.dataset import CollectionMetadata, Dataset
from ingestify.domain.export_layout import ExportLayout
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.file import File
from ingestify.domain.record_key import RecordKey, RecordKeys
from ingestify.domain.resource import DatasetResource
from ingestify.sources.github_source import GithubSource
from ingestify.sources.open_data import MatchIds, add_url, same

__all__ = ["MetricaGithub"]

BASE_URL = "https://raw.githubusercontent.com/metrica-sports/sample-data/master/data"


_Files = Mapping[str, Mapping[str, str]]
"""Dataset type to feed to the end of the file's name."""

_CSV: _Files = {
    "match": {"events": "_RawEventsData.csv"},
    "tracking": {"frames-home": "_RawTrackingData_Home_Team.csv", "frames-away": "_RawTrackingData_Away_Team.csv"},
}
_EPTS: _Files = {
    "match": {"events": "_events.json", "metadata": "_metadata.xml"},
    "tracking": {"metadata": "_metadata.xml", "frames": "_tracking.txt"},
}

_GAMES = {1: _CSV, 2: _CSV, 3: _EPTS}

RECORD_KEYS: RecordKeys = {
    # CSV of two games, and JSON of the third
    "events": RecordKey(at="data", noun="event", kind="type.name|Type", who="from.name|From", counted_by="index")
}
"""Feed to what its records are."""


def _path_of(dataset: Dataset, file: File) -> str | None:
    game = next((game for game in _GAMES if same(dataset.identifier.get("match_id"), game)), None)
    ending = None if game is None else _GAMES[game].get(dataset.dataset_type, {}).get(file.data_feed_key)
    return None if ending is None else f"Sample_Game_{game}/Sample_Game_{game}{ending}"


class MetricaGithub(GithubSource):
    """The three games of Metrica's sample data; dataset types `match` and `tracking`.

    A `match` has the feed `events` (CSV of games 1 and 2; JSON of game 3, with `metadata`). A `tracking` has
    `frames-home` and `frames-away` (games 1 and 2), or `metadata` and `frames` (game 3). All files of a game are
    needed: one that is not there fails its dataset.

    Args:
        name: The source's name in the configuration.
        base_url: The data root, for a mirror: it has `{base_url}/Sample_Game_1/`. None: GitHub.
        api_url: The repository in GitHub's API, which says at which commit it is and which files changed. None: found
            from a `base_url` of GitHub; empty: never requested.
    """

    provider = "metrica"
    identifier_keys = ("match_id",)
    record_keys = RECORD_KEYS
    multi_value_keys = ("match_id",)
    bundle_types = (
        BundleType("match", requires=("events",), optional=("metadata",)),
        # The games have different feeds.
        BundleType("tracking", optional=("metadata", "frames", "frames-home", "frames-away")),
    )
    export_layout = ExportLayout(_path_of, shared=("metadata",))
    licence = "free to use; acknowledge the source in whatever is public"
    attribution = "Data by Metrica Sports (https://github.com/metrica-sports/sample-data)."
    hosts = ("raw.githubusercontent.com", "api.github.com", "github.com")
    redirect_hosts = ("*.githubusercontent.com",)

    def __init__(self, name: str, base_url: str | None = None, api_url: str | None = None) -> None:
        super().__init__(name, BASE_URL if base_url is None else base_url, api_url)

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        """Return one selector for all games, which belong to no competition."""
        self._bundle_type(dataset_type)
        commit = self._get_seen().commit
        return [{"_name": "Metrica sample data", **({} if commit is None else commit.version_of(""))}]

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - there is no index
        match_id: MatchIds = None,
        **_: Any,
    ) -> Iterator[list[DatasetResource]]:
        """Yield the games in one list."""
        self._bundle_type(dataset_type, data_spec_versions)
        commit = self._get_seen().commit
        yield [
            self._pinned(commit, self._dataset(game, files[dataset_type], dataset_type, data_spec_versions))
            for game, files in _GAMES.items()
            if same(match_id, game)
        ]

    def _dataset(
        self, game: int, files: Mapping[str, str], dataset_type: str, versions: DataSpecVersionCollection
    ) -> DatasetResource:
        resource = DatasetResource({"match_id": game}, dataset_type, self.provider, name=f"Sample Game {game}")
        for feed, version in BundleType(dataset_type, requires=tuple(files)).wanted(versions):
            name = f"Sample_Game_{game}"
            add_url(resource, feed, version, f"{self._base_url}/{name}/{name}{files[feed]}")
        return resource
