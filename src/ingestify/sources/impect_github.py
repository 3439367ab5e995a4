"""Impect's open data: events of the Bundesliga of 2023/24.

Files: https://github.com/ImpectAPI/open-data. Below the data root there are `iterations.json` (an iteration is a
competition's season), and for each iteration `matches/matches_{iteration}.json`, `squads/squads_{iteration}.json` and
`players/players_{iteration}.json`; for each match `events` and `lineups`, each as
`{feed}/{feed}_{match}.json`. `lastCalculationDate` is the time of a match's last calculation; a match without it has no
files yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingestify.domain.resource import DatasetResource
from ingestify.sources.github_commit import Commit
from ingestify.sources.github_source import GithubSource
from ingestify.sources.impect_iterations import ImpectIterations, ImpectLists
from ingestify.sources.recent_response import RecentResponse

__all__ = ["ImpectGithub"]

BASE_URL = "https://raw.githubusercontent.com/ImpectAPI/open-data/main/data"

_ITERATIONS = "iterations.json"


class ImpectGithub(ImpectIterations, GithubSource):
    """Matches of the Impect open data; dataset type `match`, in iterations.

    The feeds are `match` (its entry in the index), `lineups` and `events`; and `squads` and `players`, the same for all
    matches of an iteration. Missing events (404) of a match that the index lists are left out, and requested again in
    each run.

    Args:
        name: The source's name in the configuration.
        base_url: The data root, for a mirror: it has `{base_url}/iterations.json`. None: GitHub.
        api_url: The repository in GitHub's API, which says at which commit it is and which files changed. None: found
            from a `base_url` of GitHub; empty: never requested.
    """

    licence = "IMPECT's user agreement: https://github.com/ImpectAPI/open-data/blob/main/LICENSE.pdf"
    attribution = "Data by IMPECT; name it as the source and show its logo in whatever is public."
    hosts = ("raw.githubusercontent.com", "api.github.com", "github.com")
    redirect_hosts = ("*.githubusercontent.com",)
    change_signal = (
        "the Git blob id of each file at one commit (two requests); at a mirror lastCalculationDate of each match "
        "in the index, and for squads and players that of the iteration"
    )

    def __init__(self, name: str, base_url: str | None = None, api_url: str | None = None) -> None:
        super().__init__(name, BASE_URL if base_url is None else base_url, api_url)
        self._known_iterations = RecentResponse[list[Any]](of_run=True)

    def _get_iterations(self, url: str) -> list[Any]:
        return self._known_iterations.get(lambda: self._get_entries(url), url)

    def _open_lists(self) -> ImpectLists:
        return _Lists(self)


class _Lists(ImpectLists):
    """The lists at the commit at which the first of them was read."""

    def __init__(self, source: ImpectGithub) -> None:
        self._source = source
        self._commit: Commit | None = None
        self._root = ""

    def iterations(self) -> list[Any]:
        return self._read(_ITERATIONS, self._source._get_iterations)

    def matches(self, iteration_id: object) -> list[Any]:
        return self._read(_list_of("matches", iteration_id), self._source._get_entries)

    def of_iteration(self, feed: str, iteration_id: object) -> list[Any]:
        return self._read(_list_of(feed, iteration_id), self._source._get_entries)

    def _read(self, path: str, get: Callable[[str], list[Any]]) -> list[Any]:
        if self._root:
            return get(f"{self._root}/{path}")
        self._commit, entries = self._source._read_at_commit(path, get)
        self._root = self._source._base_url if self._commit is None else self._commit.url
        return entries

    def url_of(self, feed: str, match_id: object) -> str:
        return f"{self._source._base_url}/{feed}/{feed}_{match_id}.json"

    def hints(self, iteration_id: object) -> dict[str, str]:
        if self._commit is None:
            return {}
        lists = [_list_of(one, iteration_id) for one in ("matches", "squads", "players")]
        return self._commit.version_of(_ITERATIONS, *lists, "events", "lineups")

    def finished(self, resource: DatasetResource) -> DatasetResource:
        return self._source._pinned(self._commit, resource)


def _list_of(what: str, iteration_id: object) -> str:
    return f"{what}/{what}_{iteration_id}.json"
