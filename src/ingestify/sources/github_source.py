"""The base class of open data in a GitHub repository, whose only time is that of the last push."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ingestify.sources.github_repository import STALE_FOR, GithubRepository, find_last_push
from ingestify.sources.open_data import OpenDataSource
from ingestify.sources.recent_response import RecentResponse

__all__ = ["GithubSource"]


class GithubSource(OpenDataSource):
    """Open data below the raw URL of a GitHub repository, or of a mirror of it.

    Args:
        name: The source's name in the configuration.
        base_url: The URL of the files.
        api_url: The repository in GitHub's API, which says when somebody last pushed to it. It is requested once a
            run, and selectors that were ingested completely since the last push are skipped. None: found from a
            `base_url` of GitHub; empty: never requested.
        **configuration: The other options.
    """

    change_signal = "the repository's last push (one request); after a push each file is requested by its ETag"

    def __init__(self, name: str, base_url: str, api_url: str | None = None, **configuration: Any) -> None:
        super().__init__(name, base_url, api_url=api_url, **configuration)
        self._repository = GithubRepository.find(self._base_url)
        if api_url:
            self._api_url: str | None = self._checked_url("api_url", api_url)
        else:
            self._api_url = self._repository.api_url if self._repository is not None and api_url is None else None
        self._last_push = RecentResponse[dt.datetime | None]()

    def _hints(self) -> dict[str, Any]:
        """Return the hints of all selectors: the last push, if it is known, and how long caches hide it."""
        api_url = self._api_url
        if api_url is None:
            return {}
        pushed_at = self._last_push.get(lambda: find_last_push(self.http, api_url))
        return {} if pushed_at is None else {"_last_modified": pushed_at, "_grain": STALE_FOR}
