"""The base class of open data in a GitHub repository, of which a run sees one commit."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ingestify.domain.content_id import sha256_of_json
from ingestify.domain.resource import DatasetResource
from ingestify.errors import FetchError
from ingestify.fetch.current_context import current_context
from ingestify.sources.github_commit import Commit, find_commit
from ingestify.sources.github_repository import GithubRepository
from ingestify.sources.once_per_run import OncePerRun
from ingestify.sources.open_data import OpenDataSource

__all__ = ["GithubSource"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class _Seen(msgspec.Struct, frozen=True):
    """What a run sees of a repository.

    Attributes:
        commit: The commit; None: the branch, which may change at any time.
        gap: Why the hints of selectors belong to another commit; empty: they do not.
    """

    commit: Commit | None
    gap: str = ""


class GithubSource(OpenDataSource):
    """Open data below the raw URL of a GitHub repository, or of a mirror of it.

    A run finds out once at which commit the branch is, and reads and announces everything at that commit. Where nobody
    says it, at a mirror, and outside of a run, the branch is read, which may change at any time.

    Args:
        name: The source's name in the configuration.
        base_url: The URL of the files.
        api_url: The repository in GitHub's API, which says at which commit the branch is, and what it holds. None:
            found from a `base_url` of GitHub; empty: never requested. With another `base_url`, that has to end with
            `/{owner}/{name}/{branch}` and the folder.
        **configuration: The other options.

    Raises:
        ConfigurationError: A URL cannot be used, or `api_url` not with this `base_url`.
    """

    change_signal = (
        "the Git blob id of each file at one commit (two requests); at a mirror each file is requested by its ETag"
    )

    def __init__(self, name: str, base_url: str, api_url: str | None = None, **configuration: Any) -> None:
        super().__init__(name, base_url, api_url=api_url, **configuration)
        if api_url:
            self._checked_url("api_url", api_url)
        self._repository = None if api_url == "" else GithubRepository.find(self._base_url, api_url)
        if api_url and self._repository is None:
            raise self._useless_api(api_url, "contain the /{owner}/{name} with which api_url ends, and then /{branch}")
        self._seen = OncePerRun[_Seen]()
        self._last_commit: Commit | None = None

    def _find_commit(self) -> Commit | None:
        if self._repository is None:
            return None
        found = self._last_commit = find_commit(self.http, self._repository, self._last_commit)
        return found

    def _get_seen(self) -> _Seen:
        """Return what the run sees. A listing that begins after the commit was replaced has a gap."""
        seen = self._seen.get(lambda: _Seen(self._find_commit())) or _Seen(None)
        if seen.gap:
            current_context().index.add_gap(seen.gap)
        return seen

    def _read_at_commit(self, path: str, read: Callable[[str], T]) -> tuple[Commit | None, T]:
        """Return the commit of the run, and what `read` makes of a file at it.

        Args:
            path: The file's path below the base URL.
            read: Called with the URL.

        Returns:
            None and what is read from the branch, if the commit is not known, or is not there.
        """
        while (commit := (seen := self._get_seen()).commit) is not None:
            try:
                return commit, read(f"{commit.url}/{path}")
            except FetchError as error:
                if error.status != 404 or not commit.may_have(path):
                    raise
                why = str(error)
            self._seen.replace(seen, functools.partial(self._see_other, seen, commit, why))
        return None, read(f"{self._base_url}/{path}")

    def _see_other(self, seen: _Seen, gone: Commit, why: str) -> _Seen:
        """Return what the run sees in place of a commit that is not served: another commit once, then the branch."""
        other = None if seen.gap else self._find_commit()
        if other is not None and other.sha == gone.sha:
            other = None
        logger.warning(
            "%s: the commit %s is not there: %s. The run goes on with %s.",
            self.name,
            gone.sha[:12],
            why,
            "the branch" if other is None else f"the commit {other.sha[:12]}",
        )
        return _Seen(other, f"the commit {gone.sha[:12]} is not there any more")

    def _pinned(self, commit: Commit | None, resource: DatasetResource) -> DatasetResource:
        """Return a dataset of which each file is announced at a commit, with its content id."""
        if commit is None:
            return resource
        resource.snapshot = commit.sha
        root, pinned = f"{self._base_url}/", commit.url
        for file in resource.files.values():
            if file.json_content is not None:
                # Its time in the index does not move with each change of the entry.
                file.content_id = sha256_of_json(file.json_content)
                continue
            url = file.url or file.loader_kwargs.get("url")
            if isinstance(url, str) and url.startswith(root):
                path = url[len(root) :]
                file.pinned_url = f"{pinned}/{path}"
                file.content_id = commit.content_id(path)
        return resource
