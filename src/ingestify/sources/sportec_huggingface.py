"""Sportec's IDSSE data: seven Bundesliga matches of 2022/23 with synchronised positions and events.

Format: the DFL's, https://doi.org/10.1038/s41597-025-04505-y; files: https://huggingface.co/datasets/pysport/idsse-data.
Each match has `DFL_02_01_matchinformation_{competition}_{match}.xml`, `DFL_03_02_events_raw_…` and
`DFL_04_03_positions_raw_observed_…`, of some 400 MB. The data set has no index, so the seven matches are listed here.

Hugging Face redirects the request for a large file to another host, and a request to another host is not conditional.
So the time of a file is that of its last commit, which Hugging Face's API lists.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from ingestify.domain.bundle import TRACKING, BundleType
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.resource import DatasetResource, UnreadableEntry
from ingestify.errors import SourceError
from ingestify.fetch.paging.pages import LinkHeader
from ingestify.sources.entries import Found, list_of, read_each, read_entries
from ingestify.sources.iso_time import get_time
from ingestify.sources.open_data import MatchIds, OpenDataSource, match_name, same
from ingestify.sources.recent_response import RecentResponse

__all__ = ["SportecHuggingFace"]

BASE_URL = "https://huggingface.co/datasets/pysport/idsse-data/resolve/main"

MATCH = BundleType("match", requires=("match", "events"))
"""The match information (line-ups, place and date), and the events."""

SEASON_ID = "DFL-SEA-0001K6"
SEASON_NAME = "2022/2023"
COMPETITIONS = {"DFL-COM-000001": "Bundesliga", "DFL-COM-000002": "2. Bundesliga"}

_MATCHES = {
    "J03WMX": ("DFL-COM-000001", "1. FC Köln", "FC Bayern München"),
    "J03WN1": ("DFL-COM-000001", "VfL Bochum 1848", "Bayer 04 Leverkusen"),
    "J03WOH": ("DFL-COM-000002", "Fortuna Düsseldorf", "SSV Jahn Regensburg"),
    "J03WOY": ("DFL-COM-000002", "Fortuna Düsseldorf", "F.C. Hansa Rostock"),
    "J03WPY": ("DFL-COM-000002", "Fortuna Düsseldorf", "1. FC Nürnberg"),
    "J03WQQ": ("DFL-COM-000002", "Fortuna Düsseldorf", "FC St. Pauli"),
    "J03WR9": ("DFL-COM-000002", "Fortuna Düsseldorf", "1. FC Kaiserslautern"),
}

_FILES = {
    "match": "DFL_02_01_matchinformation",
    "metadata": "DFL_02_01_matchinformation",
    "events": "DFL_03_02_events_raw",
    "frames": "DFL_04_03_positions_raw_observed",
}

_RESOLVE = re.compile(r"^https://huggingface\.co/datasets/([^/]+/[^/]+)/resolve/([^/]+)$")


class SportecHuggingFace(OpenDataSource):
    """The seven matches of the IDSSE data set; dataset types `match` and `tracking`.

    A `match` has the feeds `match` (the match information) and `events`; a `tracking` has `metadata` (the match
    information again) and `frames` (the positions, some 400 MB). All are XML.

    Args:
        name: The source's name in the configuration.
        base_url: The URL of the files, for a mirror. None: Hugging Face.
        tree_url: A list of the files with their last commits, as in Hugging Face's API. None: found from a `base_url`
            of Hugging Face; empty: never requested, and each file is requested conditionally.
    """

    provider = "sportec"
    identifier_keys = ("competition_id", "season_id", "match_id")
    multi_value_keys = ("match_id",)
    bundle_types = (MATCH, TRACKING)
    licence = "CC BY 4.0"
    attribution = (
        "Bassek, M., Rein, R., Weber, H. et al.: An integrated dataset of spatiotemporal and event data in elite "
        "soccer. Scientific Data 12, 195 (2025), https://doi.org/10.1038/s41597-025-04505-y."
    )
    hosts = ("huggingface.co",)
    redirect_hosts = ("*.huggingface.co", "*.hf.co")
    change_signal = "the last commit of each file (one request); at a mirror each file is requested conditionally"

    def __init__(self, name: str, base_url: str | None = None, tree_url: str | None = None) -> None:
        super().__init__(name, BASE_URL if base_url is None else base_url, tree_url=tree_url)
        found = _RESOLVE.match(self._base_url)
        if tree_url:
            self._tree_url: str | None = self._checked_url("tree_url", tree_url)
        elif found and tree_url is None:
            # With `expand` each file comes with its last commit.
            self._tree_url = (
                f"https://huggingface.co/api/datasets/{found[1]}/tree/{found[2]}?recursive=true&expand=true"
            )
        else:
            self._tree_url = None
        self._tree = RecentResponse[_Tree]()

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        """Return the two competitions, each with one season."""
        self._bundle_type(dataset_type)
        return [
            {
                "competition_id": competition_id,
                "season_id": SEASON_ID,
                "_name": f"{name} {SEASON_NAME}",
                "_competition_name": name,
                "_season_name": SEASON_NAME,
            }
            for competition_id, name in COMPETITIONS.items()
        ]

    def find_datasets(
        self,
        dataset_type: str,
        data_spec_versions: DataSpecVersionCollection,
        dataset_collection_metadata: CollectionMetadata,  # noqa: ARG002 - there are seven
        competition_id: str,
        season_id: str,
        match_id: MatchIds = None,
        **_: Any,
    ) -> Iterator[list[Found]]:
        """Yield the matches of a competition in one list."""
        wanted = self._bundle_type(dataset_type, data_spec_versions).wanted(data_spec_versions)
        tree = _Tree({}, []) if self._tree_url is None else self._tree.get(self._get_tree)
        matches = [
            one
            for one, (competition, _, _) in _MATCHES.items()
            if same(competition_id, competition) and same(season_id, SEASON_ID) and same(match_id, one)
        ]
        yield [
            *tree.unreadable,
            *read_each(matches, lambda one: self._dataset(one, dataset_type, wanted, tree), _called),
        ]

    def _dataset(self, match_id: str, dataset_type: str, wanted: list[tuple[str, str]], tree: _Tree) -> DatasetResource:
        competition_id, home, away = _MATCHES[match_id]
        resource = DatasetResource(
            {"competition_id": competition_id, "season_id": SEASON_ID, "match_id": match_id},
            dataset_type,
            self.provider,
            name=match_name(home, away),
            metadata={
                "competition": COMPETITIONS[competition_id],
                "season": SEASON_NAME,
                "home_team": {"name": home},
                "away_team": {"name": away},
            },
        )
        for feed, version in wanted:
            name = f"{_FILES[feed]}_{competition_id}_DFL-MAT-{match_id}.xml"
            date = tree.dates.get(name)
            resource.add_file(
                None if date is None else get_time(date, f"The last commit of {name}"),
                feed,
                version,
                url=f"{self._base_url}/{name}",
                # Every match has its match information: if it is missing, base_url is wrong.
                http_options={"ignore_not_found": feed not in ("match", "metadata")},
            )
        return resource

    def _get_tree(self) -> _Tree:
        assert self._tree_url is not None, "the caller has checked it"
        tree = _Tree({}, [])
        number = 0
        for page in self.http.iter_pages(self._tree_url, LinkHeader()):
            entries = list_of(page.json(), self._tree_url)
            for one in read_entries(entries, self._tree_url, "file {path}", ("path",), _commit, number=number):
                if isinstance(one, UnreadableEntry):
                    tree.unreadable.append(one)
                else:
                    tree.dates.update(one)
            number += len(entries)
        return tree


@dataclasses.dataclass(frozen=True, slots=True)
class _Tree:
    """The list of files: file name to the text of its commit's date, and the entries that cannot be read."""

    dates: dict[str, Any]
    unreadable: list[UnreadableEntry]


def _called(_: int, match_id: str) -> str:
    return f"match {match_id}"


def _commit(entry: dict[str, Any]) -> dict[str, Any]:
    """Return file name to commit date; empty if the entry has no commit."""
    path, commit = entry["path"], entry.get("lastCommit")
    if not isinstance(path, str):
        raise SourceError("its path is no text")
    return {path: str(commit.get("date"))} if isinstance(commit, dict) else {}
