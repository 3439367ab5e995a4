"""SkillCorner's open data: broadcast tracking of ten matches, with dynamic events and phases of play.

Format: https://github.com/SkillCorner/opendata (README). Below the data root there are `matches.json` and
`matches/{id}/` with `{id}_match.json`, `{id}_tracking_extrapolated.jsonl` (in Git LFS), `{id}_dynamic_events.csv` and
`{id}_phases_of_play.csv`. Until 2025 the repository had nine other matches, as `match_data.json` and
`structured_data.json`; mirrors with that layout are read, too. Their index names no competition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingestify.domain.bundle import TRACKING, BundleType
from ingestify.domain.dataset import CollectionMetadata, Dataset
from ingestify.domain.export_layout import ExportIndex, ExportLayout
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.file import File
from ingestify.domain.resource import DatasetResource
from ingestify.sources.entries import Found, Selectors, distinct, read_entries
from ingestify.sources.git_lfs import load_lfs_file
from ingestify.sources.github_commit import Commit
from ingestify.sources.github_repository import GithubRepository
from ingestify.sources.github_source import GithubSource
from ingestify.sources.open_data import MatchIds, add_url, match_name, may_be, name_of
from ingestify.sources.recent_response import RecentResponse
from ingestify.sources.skillcorner_records import RECORD_KEYS

__all__ = ["SkillCornerGithub"]

BASE_URL = "https://raw.githubusercontent.com/SkillCorner/opendata/master/data"

MATCH = BundleType("match", requires=("match",), optional=("dynamic_events", "phases_of_play"))
"""The line-ups, and the events of SkillCorner's Game Intelligence."""

_PLAYED = ("closed", "live")
"""The index calls a match of 2019 `live`, and a match that has all of its files `not_started`."""

_INDEX, _MATCHES = "matches.json", "matches"

_SEASON = ("competition_id", "season_id")
"""The keys of a season in the current layout."""

_CURRENT = {
    "match": "{id}_match.json",
    "metadata": "{id}_match.json",
    "frames": "{id}_tracking_extrapolated.jsonl",
    "dynamic_events": "{id}_dynamic_events.csv",
    "phases_of_play": "{id}_phases_of_play.csv",
}
_OLDER = {"match": "match_data.json", "metadata": "match_data.json", "frames": "structured_data.json"}


def _path_of(dataset: Dataset, file: File) -> str | None:
    name = (_CURRENT if _SEASON[0] in dataset.identifier else _OLDER).get(file.data_feed_key)
    return None if name is None else f"{_MATCHES}/{{match_id}}/{name.replace('{id}', '{match_id}')}"


def _entry_of(dataset: Dataset, _: object) -> dict[str, Any]:
    """Return the entry of a match in the index, as far as the lake knows it."""
    metadata = dataset.metadata
    times = (metadata.get("match_date"), metadata.get("kick_off"))
    return {
        "id": dataset.identifier["match_id"],
        "date_time": "T".join(str(one) for one in times if one) or None,
        **{key: metadata.get(key) for key in ("home_team", "away_team", "status")},
        **{key: dataset.identifier[key] for key in _SEASON if key in dataset.identifier},
    }


_EXPORT_LAYOUT = ExportLayout(
    _path_of, shared=("match", "metadata"), indexes=(ExportIndex(_INDEX, ("id",), entry_of=_entry_of),)
)


class SkillCornerGithub(GithubSource):
    """Matches of the SkillCorner open data; dataset types `match` and `tracking`.

    A `match` has the feeds `match`, `dynamic_events` and `phases_of_play`; a `tracking` has `metadata` (the same file
    as `match`) and `frames`. A missing file (404) is left out, and requested again in each run; but a played match must
    have `match` or `metadata`.

    Args:
        name: The source's name in the configuration.
        base_url: The data root, for a mirror: it has `{base_url}/matches.json`. None: GitHub.
        api_url: The repository in GitHub's API, which says at which commit it is and which files changed. None: found
            from a `base_url` of GitHub; empty: never requested.
        media_url: The URL of the files in Git LFS, with the same paths as `base_url`. None: found from a `base_url` of
            GitHub.
    """

    provider = "skillcorner"
    identifier_keys = ("competition_id", "season_id", "match_id")
    multi_value_keys = ("match_id",)
    bundle_types = (MATCH, TRACKING)
    record_keys = RECORD_KEYS
    export_layout = _EXPORT_LAYOUT
    licence = "MIT"
    attribution = "Data by SkillCorner (https://skillcorner.com), opened with PySport."
    hosts = ("raw.githubusercontent.com", "media.githubusercontent.com", "api.github.com", "github.com")
    redirect_hosts = ("*.githubusercontent.com",)

    def __init__(
        self, name: str, base_url: str | None = None, api_url: str | None = None, media_url: str | None = None
    ) -> None:
        super().__init__(name, BASE_URL if base_url is None else base_url, api_url, media_url=media_url)
        if media_url:
            self._media_url: str | None = self._checked_url("media_url", media_url).rstrip("/")
        else:
            at_github = GithubRepository.find(self._base_url)
            self._media_url = None if at_github is None else at_github.media_url
        self._index = RecentResponse[tuple[Commit | None, list[Any]]]()

    def discover_selectors(self, dataset_type: str) -> Selectors:
        """Return the competitions and seasons of `matches.json`; for the older layout one selector for all matches."""
        self._bundle_type(dataset_type)
        commit, entries = self._entries()
        hints = {} if commit is None else commit.version_of(_INDEX, _MATCHES)
        is_current = any(isinstance(entry, dict) and entry.get(key) is not None for entry in entries for key in _SEASON)

        def read(entry: dict[str, Any]) -> dict[str, Any]:
            keys = {key: entry[key] for key in (_SEASON if is_current else ())}
            name = " ".join(f"{key.removesuffix('_id')} {value}" for key, value in keys.items())
            return {**keys, "_name": name or "SkillCorner open data", **hints}

        needed = ("id", *_SEASON) if is_current else ("id",)
        return distinct(read_entries(entries, self._index_url, "match {id}", needed, read))

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - the index is small, and is read completely
        competition_id: int | None = None,
        season_id: int | None = None,
        match_id: MatchIds = None,
        **_: Any,
    ) -> Iterator[list[Found]]:
        """Yield the matches of one season in one list."""
        wanted = self._bundle_type(dataset_type, data_spec_versions).wanted(data_spec_versions)
        season = {"competition_id": competition_id, "season_id": season_id}
        commit, entries = self._entries()
        yield read_entries(
            entries,
            self._index_url,
            "match {id}",
            ("id", *(key for key, value in season.items() if value is not None)),
            lambda entry: self._pinned(commit, self._dataset(entry, dataset_type, wanted, commit)),
            lambda entry: may_be(entry, {**season, "id": match_id}),
        )

    @property
    def _index_url(self) -> str:
        return f"{self._base_url}/{_INDEX}"

    def _entries(self) -> tuple[Commit | None, list[Any]]:
        return self._index.get(lambda: self._read_at_commit(_INDEX, self._get_entries))

    def _dataset(
        self, entry: dict[str, Any], dataset_type: str, wanted: list[tuple[str, str]], commit: Commit | None
    ) -> DatasetResource:
        match_id = entry["id"]
        keys = {key: entry[key] for key in _SEASON if entry.get(key) is not None}
        date, kick_off = _split(entry.get("date_time"))
        home, away = entry.get("home_team"), entry.get("away_team")
        is_played = entry.get("status", "closed") in _PLAYED
        resource = DatasetResource(
            {**keys, "match_id": match_id},
            dataset_type,
            self.provider,
            name=match_name(name_of(home, "short_name", "name"), name_of(away, "short_name", "name"), date=date),
            metadata={
                "match_date": date,
                "kick_off": kick_off,
                "home_team": home,
                "away_team": away,
                "status": entry.get("status"),
            },
        )
        files = _CURRENT if "competition_id" in keys else _OLDER
        for feed, version in wanted:
            if feed in files:
                path = f"{_MATCHES}/{match_id}/{files[feed].format(id=match_id)}"
                may_be_absent = not is_played or feed not in ("match", "metadata")
                self._add(resource, feed, version, path, commit, may_be_absent=may_be_absent)
        return resource

    def _add(
        self,
        resource: DatasetResource,
        feed: str,
        version: str,
        path: str,
        commit: Commit | None,
        *,
        may_be_absent: bool,
    ) -> None:
        url = f"{self._base_url}/{path}"
        if not path.endswith(".jsonl"):
            add_url(resource, feed, version, url, may_be_absent=may_be_absent)
            return
        media_url = None if self._media_url is None else f"{self._media_url}/{path}"
        if media_url is not None and commit is not None:
            media_url = commit.pinned(media_url)
        resource.add_file(
            None,
            feed,
            version,
            data_serialization_format="jsonl",
            file_loader=load_lfs_file,
            loader_kwargs={"url": url, "media_url": media_url, "ignore_not_found": True},
        )


def _split(date_time: object) -> tuple[str | None, str | None]:
    """Return `2024-11-30T04:00:00Z` as date and time; the time keeps its zone."""
    if not isinstance(date_time, str):
        return None, None
    date, _, time = date_time.partition("T")
    return date or None, time or None
