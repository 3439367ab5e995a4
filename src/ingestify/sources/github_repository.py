"""A branch of a GitHub repository: the URLs of its parts."""

from __future__ import annotations

import urllib.parse

import msgspec

__all__ = ["GithubRepository"]

_RAW_URL = "https://raw.githubusercontent.com"
_MEDIA_URL = "https://media.githubusercontent.com/media"
_API_HOST = "api.github.com"


class GithubRepository(msgspec.Struct, frozen=True):
    """One branch of a repository.

    Attributes:
        owner: The account that has the repository.
        name: The repository's name.
        branch: The branch.
        folder: A folder of the branch; empty: its root.
        raw_url: The URL of the host that serves files, to which owner, name, branch and path are added.
        api_url: The URL of the repository in the API.
    """

    owner: str
    name: str
    branch: str
    folder: str
    raw_url: str
    api_url: str

    @classmethod
    def find(cls, base_url: str, api_url: str | None = None) -> GithubRepository | None:
        """Return the repository of a URL of raw files.

        Args:
            base_url: `https://raw.githubusercontent.com/{owner}/{name}/{branch}/{folder}`; or with another host and any
                path before the owner, if there is an API.
            api_url: `https://api.github.com/repos/{owner}/{name}`, or the same at another host. None: GitHub's.

        Returns:
            None if the URLs have other forms.
        """
        if api_url is None:
            if not base_url.startswith(f"{_RAW_URL}/"):
                return None
            raw_url, rest = _RAW_URL, base_url.removeprefix(_RAW_URL)
        else:
            name = "/".join(urllib.parse.urlsplit(api_url).path.rstrip("/").split("/")[-2:])
            raw_url, found, rest = base_url.partition(f"/{name}/")
            if not found:
                return None
            rest = f"{name}/{rest}"
        parts = rest.replace("/refs/heads/", "/", 1).strip("/").split("/", 3)  # as GitHub's page of a file writes it
        if len(parts) < 3:
            return None
        owner, name, branch, folder = (*parts, "")[:4]
        return cls(owner, name, branch, folder, raw_url, api_url or f"https://{_API_HOST}/repos/{owner}/{name}")

    def url_at(self, ref: str) -> str:
        """Return the URL of the folder at a branch or commit, to which the paths of files are added."""
        return _joined(self.raw_url, self.owner, self.name, ref, self.folder)

    @property
    def media_url(self) -> str:
        """The URL of the files in Git LFS at GitHub, to which the paths of the folder are added."""
        return _joined(_MEDIA_URL, self.owner, self.name, self.branch, self.folder)

    @property
    def git_url(self) -> str:
        """The URL of the repository for Git's own protocol."""
        scheme, host, *_ = urllib.parse.urlsplit(self.api_url)
        return f"{scheme}://{'github.com' if host == _API_HOST else host}/{self.owner}/{self.name}.git"


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)
