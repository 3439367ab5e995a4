"""A GitHub repository: the URLs of its parts, and the time of the last push."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import urllib.parse

from ingestify.clock import as_utc
from ingestify.domain.ports import HttpClientPort
from ingestify.errors import FetchError, SourceError

__all__ = ["STALE_FOR", "GithubRepository", "find_last_push"]

logger = logging.getLogger(__name__)

RAW_HOST = "raw.githubusercontent.com"
MEDIA_HOST = "media.githubusercontent.com"

STALE_FOR = dt.timedelta(minutes=10)
"""Twice the 5 minutes for which the raw host caches files (Cache-Control: max-age=300)."""


@dataclasses.dataclass(frozen=True, slots=True)
class GithubRepository:
    """One branch of a repository.

    Attributes:
        owner: The account that has the repository.
        name: The repository's name.
        branch: The branch.
        folder: A folder of the branch; empty: its root.
    """

    owner: str
    name: str
    branch: str
    folder: str = ""

    @classmethod
    def find(cls, raw_url: str) -> GithubRepository | None:
        """Return the repository and folder of a URL of raw files; None for a URL of another host."""
        parts = urllib.parse.urlsplit(raw_url)
        names = parts.path.strip("/").split("/", 3)
        if (parts.hostname or "") != RAW_HOST or len(names) < 3:
            return None
        return cls(*names)

    @property
    def api_url(self) -> str:
        """The URL of the repository in GitHub's API."""
        return f"https://api.github.com/repos/{self.owner}/{self.name}"

    @property
    def media_url(self) -> str:
        """The URL of the files in Git LFS, to which the paths of the raw host are added."""
        return "/".join(
            part for part in (f"https://{MEDIA_HOST}/media", self.owner, self.name, self.branch, self.folder) if part
        )


def find_last_push(http: HttpClientPort, api_url: str) -> dt.datetime | None:
    """Return when somebody last pushed to a repository; None if the API does not say it.

    The API takes 60 requests an hour from one address, which several people may share. For some minutes after a push
    (STALE_FOR) the raw host may still serve older files.

    Args:
        http: The source's client.
        api_url: `https://api.github.com/repos/{owner}/{name}`: https://docs.github.com/rest/repos/repos.
    """
    try:
        document = http.get_json(api_url, headers={"Accept": "application/vnd.github+json"})
        return as_utc(dt.datetime.fromisoformat(document["pushed_at"]))
    except (FetchError, SourceError, KeyError, TypeError, ValueError) as error:
        logger.info("%s does not say when somebody last pushed, so each file is requested: %s", api_url, error)
        return None
