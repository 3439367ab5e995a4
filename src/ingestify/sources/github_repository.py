"""Open data in a GitHub repository: where its parts are, and when somebody last pushed to it."""

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
"""The raw host answers from caches of up to 5 minutes (Cache-Control: max-age=300); twice that, to be sure."""


@dataclasses.dataclass(frozen=True, slots=True)
class GithubRepository:
    """One branch of a repository.

    Attributes:
        folder: The folder in it that is meant; empty: its root.
    """

    owner: str
    name: str
    branch: str
    folder: str = ""

    @classmethod
    def find(cls, raw_url: str) -> GithubRepository | None:
        """Return the repository below whose raw files a URL is; None if it is that of another host."""
        parts = urllib.parse.urlsplit(raw_url)
        names = parts.path.strip("/").split("/", 3)
        if (parts.hostname or "") != RAW_HOST or len(names) < 3:
            return None
        return cls(*names)

    @property
    def api_url(self) -> str:
        """What the API says of the repository."""
        return f"https://api.github.com/repos/{self.owner}/{self.name}"

    @property
    def media_url(self) -> str:
        """Below this is what the repository keeps in Git LFS, with the paths of the raw host."""
        return "/".join(
            part for part in (f"https://{MEDIA_HOST}/media", self.owner, self.name, self.branch, self.folder) if part
        )


def find_last_push(http: HttpClientPort, api_url: str) -> dt.datetime | None:
    """Return when somebody last pushed to a repository; None if the API does not tell.

    Without an account it answers 60 requests an hour from one address, which may be shared. For some minutes after a
    push (STALE_FOR) what the raw host serves may still be of before it.

    Args:
        http: The source's client.
        api_url: `https://api.github.com/repos/{owner}/{name}`: https://docs.github.com/rest/repos/repos.
    """
    try:
        answer = http.get_json(api_url, headers={"Accept": "application/vnd.github+json"})
        return as_utc(dt.datetime.fromisoformat(answer["pushed_at"]))
    except (FetchError, SourceError, KeyError, TypeError, ValueError) as error:
        logger.info("%s does not say when somebody last pushed, so each file is asked for: %s", api_url, error)
        return None
