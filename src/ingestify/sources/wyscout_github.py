r"""Wyscout's open data: events of the five big leagues of 2017/18, the World Cup of 2018 and the Euro of 2016.

Format: https://doi.org/10.1038/s41597-019-0247-7; files: https://github.com/koenvo/wyscout-soccer-match-event-dataset.
The index is `raw_data/matches.zip`, with the entries of all 1,941 matches: competition, season, date, line-ups and
referees. `processed-v2/files/{wyId}.json` has a match's events, teams and players. (`processed-v2/README.md` lists the
same matches by their labels only; `processed/` is an older format that kloppy does not read.)

The raw data has letters with accents as the six characters `\u00fc`. Files are kept as they are; names for people are
decoded.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from ingestify.domain.bundle import BundleType
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.export_layout import ExportLayout
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.resource import DatasetResource
from ingestify.errors import SourceError
from ingestify.fetch.json_values import MOST_INDEX_BYTES, read_json
from ingestify.sources.entries import Found, Selectors, distinct, list_of, read_entries
from ingestify.sources.github_commit import Commit
from ingestify.sources.github_source import GithubSource
from ingestify.sources.open_data import MatchIds, add_url, match_name, may_be, same
from ingestify.sources.recent_response import RecentResponse
from ingestify.sources.wyscout_records import RECORD_KEYS

__all__ = ["WyscoutGithub"]

BASE_URL = "https://raw.githubusercontent.com/koenvo/wyscout-soccer-match-event-dataset/main"

MATCH = BundleType("match", requires=("match", "events"))
"""The match's entry in the index, with its line-ups, and the events, with the names of the players."""

COMPETITIONS = {
    28: "FIFA World Cup",
    102: "UEFA European Championship",
    364: "English Premier League",
    412: "French Ligue 1",
    426: "German Bundesliga",
    524: "Italian Serie A",
    795: "Spanish La Liga",
}

_INDEX, _FILES = "raw_data/matches.zip", "processed-v2/files"

_MATCH_NAME, _MATCH_KEYS = "match {wyId}", ("wyId", "competitionId", "seasonId", "dateutc")

_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_LABEL = re.compile(r"(?P<home>.+) - (?P<away>.+), (?P<home_score>\d+) - (?P<away_score>\d+)(?: \((?P<end>\w)\))?")


class WyscoutGithub(GithubSource):
    """Matches of the Wyscout open data; dataset type `match`.

    The feeds are `match` (its entry in the index) and `events` (with teams and players).

    Args:
        name: The source's name in the configuration.
        base_url: The repository's root, for a mirror: it has `{base_url}/raw_data/matches.zip`. None: GitHub.
        api_url: The repository in GitHub's API, which says at which commit it is and which files changed. None: found
            from a `base_url` of GitHub; empty: never requested.
    """

    provider = "wyscout"
    identifier_keys = ("competition_id", "season_id", "match_id")
    multi_value_keys = ("match_id",)
    bundle_types = (MATCH,)
    record_keys = RECORD_KEYS
    export_layout = ExportLayout({"events": f"{_FILES}/{{match_id}}.json"})
    licence = "CC BY 4.0"
    attribution = (
        "Pappalardo, L., Cintia, P., Rossi, A. et al.: A public data set of spatio-temporal match events in soccer "
        "competitions. Scientific Data 6, 236 (2019), https://doi.org/10.1038/s41597-019-0247-7."
    )
    hosts = ("raw.githubusercontent.com", "api.github.com", "github.com")
    redirect_hosts = ("*.githubusercontent.com",)

    def __init__(self, name: str, base_url: str | None = None, api_url: str | None = None) -> None:
        super().__init__(name, BASE_URL if base_url is None else base_url, api_url)
        self._index = RecentResponse[tuple[Commit | None, list[Any]]]()

    def discover_selectors(self, dataset_type: str) -> Selectors:
        """Return the seven competitions, each of one season."""
        self._bundle_type(dataset_type)
        commit, entries = self._entries()
        hints = {} if commit is None else commit.version_of(_INDEX, _FILES)

        def read(entry: dict[str, Any]) -> dict[str, Any]:
            return {"competition_id": entry["competitionId"], "season_id": entry["seasonId"], **hints}

        selectors = distinct(read_entries(entries, self._index_url, _MATCH_NAME, _MATCH_KEYS, read))
        for one in selectors:
            if isinstance(one, dict):
                season = _season_of(entries, one["competition_id"], one["season_id"])
                competition = _competition(one["competition_id"])
                one.update(_name=f"{competition} {season}", _competition_name=competition, _season_name=season)
        return selectors

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - the index is read completely
        competition_id: int,
        season_id: int,
        match_id: MatchIds = None,
        **_: Any,
    ) -> Iterator[list[Found]]:
        """Yield the matches of one season in one list."""
        wanted = self._bundle_type(dataset_type, data_spec_versions).wanted(data_spec_versions)
        commit, entries = self._entries()
        season = _season_of(entries, competition_id, season_id)
        chosen = {"competitionId": competition_id, "seasonId": season_id, "wyId": match_id}
        yield read_entries(
            entries,
            self._index_url,
            _MATCH_NAME,
            _MATCH_KEYS,
            lambda entry: self._pinned(commit, self._match(entry, season, wanted)),
            lambda entry: may_be(entry, chosen),
        )

    def _match(self, entry: dict[str, Any], season: str, wanted: list[tuple[str, str]]) -> DatasetResource:
        match_id = entry["wyId"]
        date, _, time = str(entry["dateutc"]).partition(" ")
        label = decoded(str(entry.get("label", "")))
        parts = _LABEL.fullmatch(label)
        teams = _sides(entry)
        if parts:
            name = match_name(parts["home"], parts["away"], (parts["home_score"], parts["away_score"]), date)
        else:
            name = ", ".join(part for part in (label, date) if part)
        resource = DatasetResource(
            {"competition_id": entry["competitionId"], "season_id": entry["seasonId"], "match_id": match_id},
            "match",
            self.provider,
            name=name,
            metadata={
                "match_date": date or None,
                "kick_off": f"{time}+00:00" if time else None,
                "match_week": entry.get("gameweek") or None,  # 0 in the tournaments
                "competition": _competition(entry["competitionId"]),
                "season": season,
                "home_team": {"id": teams.get("home"), "name": parts["home"] if parts else None},
                "away_team": {"id": teams.get("away"), "name": parts["away"] if parts else None},
                "home_score": int(parts["home_score"]) if parts else None,
                "away_score": int(parts["away_score"]) if parts else None,
                "stadium": decoded(str(entry.get("venue") or "")) or None,
            },
        )
        for feed, version in wanted:
            if feed == "match":
                resource.add_file(None, feed, version, json_content=entry)
            else:
                url = f"{self._base_url}/{_FILES}/{match_id}.json"
                add_url(resource, feed, version, url, may_be_absent=True)
        return resource

    @property
    def _index_url(self) -> str:
        return f"{self._base_url}/{_INDEX}"

    def _entries(self) -> tuple[Commit | None, list[Any]]:
        return self._index.get(lambda: self._read_at_commit(_INDEX, self._get_index))

    def _get_index(self, url: str) -> list[Any]:
        try:
            return [
                entry
                for name, content in _iter_members(self.http.get(url).content)
                for entry in list_of(read_json(content), f"{name} of {url}")
            ]
        except (zipfile.BadZipFile, ValueError, RecursionError) as error:
            raise SourceError(f"{url} is no ZIP of JSON: {error}. Is base_url the repository's root?") from error


def _iter_members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = [member for member in opened.infolist() if member.filename.endswith(".json")]
        if sum(member.file_size for member in members) > MOST_INDEX_BYTES:
            raise ValueError(f"it unpacks to more than {MOST_INDEX_BYTES // 1_000_000} MB")
        for member in members:
            yield member.filename, opened.read(member)


def decoded(text: str) -> str:
    r"""Return text in which each literal `\u00fc` is replaced by its letter."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _competition(competition_id: Any) -> str:
    return COMPETITIONS.get(competition_id, f"competition {competition_id}")


def _season_of(entries: Iterable[Any], competition_id: object, season_id: object) -> str:
    """Return `2017/2018`, or `2018` for a season within one year, by the dates of its matches."""
    years = sorted(
        {
            entry["dateutc"][:4]
            for entry in entries
            if isinstance(entry, dict)
            and isinstance(entry.get("dateutc"), str)
            and same(competition_id, entry.get("competitionId"))
            and same(season_id, entry.get("seasonId"))
        }
    )
    return "/".join(dict.fromkeys((years[0], years[-1]))) if years else ""


def _sides(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the team ids of `home` and `away`."""
    teams = entry.get("teamsData")
    values = teams.values() if isinstance(teams, dict) else ()
    return {str(team.get("side")): team.get("teamId") for team in values if isinstance(team, dict)}
