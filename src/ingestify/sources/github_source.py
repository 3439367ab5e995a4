"""The base class of open data in a GitHub repository, of which a run sees one commit."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

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
    """

    change_signal = (
        "the Git blob id of each file at one commit (two requests); at a mirror each file is requested by its ETag"
    )

    def __init__(self, name: str, base_url: str, api_url: str | None = None, **configuration: Any) -> None:
        super().__init__(name, base_url, api_url=api_url, **configuration)
        if api_url:
            self._checked_url("api_url", api_url)
        self._repository = None if api_url == "" else GithubRepository.find(self._base_url, api_url)
        self._commit = OncePerRun[Commit | None]()
        self._last_commit: Commit | None = None

    def _find_commit(self) -> Commit | None:
        if self._repository is None:
            return None
        found = self._last_commit = find_commit(self.http, self._repository, self._last_commit)
        return found

    def _read_at_commit(self, path: str, read: Callable[[str], T]) -> tuple[Commit | None, T]:
        """Return the commit of the run, and what `read` makes of a file at it.

        Args:
            path: The file's path below the base URL.
            read: Called with the URL.

        Returns:
            None and what is read from the branch, if the commit is not known, or is not there.
        """
        commit = self._commit.get(self._find_commit)
        while commit is not None:
            try:
                return commit, read(f"{commit.url}/{path}")
            except FetchError as error:
                if error.status != 404 or not commit.may_have(path):
                    raise
                commit = self._find_other_commit(commit, error)
        return None, read(f"{self._base_url}/{path}")

    def _find_other_commit(self, gone: Commit, error: FetchError) -> Commit | None:
        """Return the commit that the branch is at by now, if that is another one than `gone`, which is not served."""
        other = self._find_commit()
        if other is not None and other.sha == gone.sha:
            other = None
        logger.warning(
            "%s: the commit %s is not there: %s. The run goes on with %s.",
            self.name,
            gone.sha[:12],
            error,
            "the branch" if other is None else f"the commit {other.sha[:12]}",
        )
        # What was found out of the selectors belongs to the commit that is gone.
        current_context().index.add_gap(f"the commit {gone.sha[:12]} is not there any more")
        return self._commit.put(gone, other)

    def _pinned(self, commit: Commit | None, resource: DatasetResource) -> DatasetResource:
        """Return a dataset of which each file is announced at a commit, with its content id."""
        if commit is None:
            return resource
        resource.snapshot = commit.sha
        root, pinned = f"{self._base_url}/", commit.url
        for file in resource.files.values():
            url = file.url or file.loader_kwargs.get("url")
            if isinstance(url, str) and url.startswith(root):
                path = url[len(root) :]
                file.pinned_url = f"{pinned}/{path}"
                file.content_id = commit.content_id(path)
        return resource
