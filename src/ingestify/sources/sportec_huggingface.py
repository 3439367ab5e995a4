"""Sportec's IDSSE data: seven Bundesliga matches of 2022/23 with synchronised positions and events.

Format: the DFL's, https://doi.org/10.1038/s41597-025-04505-y; files: https://huggingface.co/datasets/pysport/idsse-data.
Each match has `DFL_02_01_matchinformation_{competition}_{match}.xml`, `DFL_03_02_events_raw_…` and
`DFL_04_03_positions_raw_observed_…`, of some 400 MB. The data set has no index, so the seven matches are listed here.

A run finds out once at which revision (a commit) the data set is, and reads it at that. Hugging Face's API lists the
files of a revision, each with its content id: a Git blob id, or for a large file in Git LFS the sha256. It also has the
time of each file's last commit, by which files are compared where the revision is not known: Hugging Face redirects the
request for a large file to another host, and a request to another host is not conditional.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterator
from typing import Any

from ingestify.domain.bundle import TRACKING, BundleType
from ingestify.domain.content_id import git_blob, is_content_id, sha256
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.export_layout import ExportLayout
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.record_key import RecordKey, RecordKeys
from ingestify.domain.resource import DatasetResource, UnreadableEntry
from ingestify.errors import FetchError, SourceError
from ingestify.fetch.current_context import given_up_soon
from ingestify.fetch.paging.pages import LinkHeader
from ingestify.sources.entries import Found, list_of, read_each, read_entries
from ingestify.sources.iso_time import get_time
from ingestify.sources.once_per_run import OncePerRun
from ingestify.sources.open_data import MatchIds, OpenDataSource, match_name, same
from ingestify.sources.recent_response import RecentResponse

__all__ = ["SportecHuggingFace"]

logger = logging.getLogger(__name__)

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

_HUGGING_FACE = "https://huggingface.co"
_RESOLVE = re.compile(r"(.*)/datasets/([^/]+/[^/]+)/resolve/([^/]+)")

RECORD_KEYS: RecordKeys = {"events": RecordKey("EventId", at="Event", noun="event")}
"""Feed to what its records are."""


class SportecHuggingFace(OpenDataSource):
    """The seven matches of the IDSSE data set; dataset types `match` and `tracking`.

    A `match` has the feeds `match` (the match information) and `events`; a `tracking` has `metadata` (the match
    information again) and `frames` (the positions, some 400 MB). All are XML.

    Args:
        name: The source's name in the configuration.
        base_url: The URL of the files, for a mirror. None: Hugging Face.
        tree_url: A list of the files with their last commits, as in Hugging Face's API. None: found from a `base_url`
            of Hugging Face; empty: never requested, and each file is requested conditionally.
        api_url: The data set in Hugging Face's API, which says at which revision it is and which files changed. None:
            found from a `base_url` of Hugging Face, if `tree_url` is None, too; empty: never requested. Another
            `base_url` has to end with `/datasets/{owner}/{name}/resolve/{revision}`.

    Raises:
        ConfigurationError: A URL cannot be used, or `api_url` not with this `base_url`.
    """

    provider = "sportec"
    identifier_keys = ("competition_id", "season_id", "match_id")
    multi_value_keys = ("match_id",)
    bundle_types = (MATCH, TRACKING)
    record_keys = RECORD_KEYS
    export_layout = ExportLayout(
        {feed: f"{name}_{{competition_id}}_DFL-MAT-{{match_id}}.xml" for feed, name in _FILES.items()},
        shared=("match", "metadata"),
    )
    licence = "CC BY 4.0"
    attribution = (
        "Bassek, M., Rein, R., Weber, H. et al.: An integrated dataset of spatiotemporal and event data in elite "
        "soccer. Scientific Data 12, 195 (2025), https://doi.org/10.1038/s41597-025-04505-y."
    )
    hosts = ("huggingface.co",)
    redirect_hosts = ("*.huggingface.co", "*.hf.co")
    change_signal = "the content id of each file at one revision (two requests); at a mirror each file is requested"

    def __init__(
        self, name: str, base_url: str | None = None, tree_url: str | None = None, api_url: str | None = None
    ) -> None:
        super().__init__(name, BASE_URL if base_url is None else base_url, tree_url=tree_url, api_url=api_url)
        found = _RESOLVE.fullmatch(self._base_url)
        at_hugging_face = f"{_HUGGING_FACE}/api/datasets/{found[2]}" if found and found[1] == _HUGGING_FACE else None
        if tree_url:
            self._tree_url: str | None = self._checked_url("tree_url", tree_url)
        elif found and at_hugging_face and tree_url is None:
            self._tree_url = _tree_of(at_hugging_face, found[3])
        else:
            self._tree_url = None
        if api_url:
            self._api_url: str | None = self._checked_url("api_url", api_url).rstrip("/")
            if found is None:
                raise self._useless_api(api_url, "end with /datasets/{owner}/{name}/resolve/{revision}")
        else:
            self._api_url = at_hugging_face if api_url is None and tree_url is None else None
        self._revision = found[3] if found else ""
        self._pinned = OncePerRun[_Tree | None]()
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
        tree = self._find_tree()
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
            snapshot=tree.sha,
        )
        for feed, version in wanted:
            name = f"{_FILES[feed]}_{competition_id}_DFL-MAT-{match_id}.xml"
            date, content_id = tree.files.get(name, (None, None))
            resource.add_file(
                None if date is None else get_time(date, f"The last commit of {name}"),
                feed,
                version,
                url=f"{self._base_url}/{name}",
                content_id=content_id,
                pinned_url=None if tree.sha is None else f"{self._url_at(tree.sha)}/{name}",
                # Every match has its match information: if it is missing, base_url is wrong.
                http_options={"ignore_not_found": feed not in ("match", "metadata")},
            )
        return resource

    def _url_at(self, revision: str) -> str:
        return f"{self._base_url.removesuffix(self._revision)}{revision}"

    def _find_tree(self) -> _Tree:
        """Return the files at the revision of the run; if that is not known, those that are there by now."""
        pinned = self._pinned.get(self._get_pinned_tree)
        if pinned is not None:
            return pinned
        url = self._tree_url
        return _Tree() if url is None else self._tree.get(lambda: self._get_tree(url))

    def _get_pinned_tree(self) -> _Tree | None:
        if self._api_url is None or not self._revision:
            return None
        url = f"{self._api_url}/revision/{self._revision}"
        try:
            with given_up_soon():
                document = self.http.get_json(url)
        except (FetchError, SourceError) as error:
            logger.info("%s does not say at which revision the data set is: %s", url, error)
            return None
        sha = document.get("sha") if isinstance(document, dict) else None
        if not isinstance(sha, str) or not is_content_id(git_blob(sha)):
            return None
        return dataclasses.replace(self._get_tree(_tree_of(self._api_url, sha)), sha=sha)

    def _get_tree(self, url: str) -> _Tree:
        """Return the files of a list; none if it cannot be read. Then each file is requested conditionally."""
        try:
            return self._read_tree(url)
        except (FetchError, SourceError) as error:
            if isinstance(error, FetchError) and error.unreached:
                raise  # the files are not there either
            logger.warning("%s: each file is requested, as the list of files cannot be read: %s", self.name, error)
            return _Tree()

    def _read_tree(self, url: str) -> _Tree:
        tree = _Tree()
        number = 0
        for page in self.http.iter_pages(url, LinkHeader()):
            entries = list_of(page.json(), url)
            for one in read_entries(entries, url, "file {path}", ("path",), _file, number=number):
                if isinstance(one, UnreadableEntry):
                    tree.unreadable.append(one)
                else:
                    tree.files.update(one)
            number += len(entries)
        return tree


@dataclasses.dataclass(frozen=True, slots=True)
class _Tree:
    """A list of files.

    Attributes:
        sha: The revision of which it is; None: not known.
        files: File name to the text of its last commit's date, and its content id; None: not known.
        unreadable: The entries that cannot be read.
    """

    sha: str | None = None
    files: dict[str, tuple[str | None, str | None]] = dataclasses.field(default_factory=dict)
    unreadable: list[UnreadableEntry] = dataclasses.field(default_factory=list)


def _tree_of(api_url: str, revision: str) -> str:
    # With `expand` each file comes with its last commit.
    return f"{api_url}/tree/{revision}?recursive=true&expand=true"


def _called(_: int, match_id: str) -> str:
    return f"match {match_id}"


def _file(entry: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    """Return file name to the date of its last commit and its content id."""
    path, commit, large = entry["path"], entry.get("lastCommit"), entry.get("lfs")
    if not isinstance(path, str):
        raise SourceError("its path is no text")
    date = str(commit.get("date")) if isinstance(commit, dict) else None
    # The blob of a file in Git LFS is its pointer, and what is served is the file.
    found = sha256(str(large.get("oid"))) if isinstance(large, dict) else git_blob(str(entry.get("oid")))
    return {path: (date, found if is_content_id(found) else None)}
