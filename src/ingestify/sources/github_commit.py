"""A commit of a GitHub repository: what the repository holds at one moment, and the Git blob ids of its files.

The API says which commit a branch is at: https://docs.github.com/rest/commits/commits#get-a-commit. It takes 60
requests an hour from one address, which several people may share. Where it refuses, Git's own protocol says it, which
has no such limit: https://git-scm.com/docs/http-protocol. One list of the API has the blob ids of all files:
https://docs.github.com/rest/git/trees.
"""

from __future__ import annotations

import hashlib
import logging
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ingestify.domain.content_id import git_blob
from ingestify.domain.ports import HttpClientPort
from ingestify.errors import FetchError, SourceError
from ingestify.fetch.current_context import current_context, given_up_soon
from ingestify.sources.github_repository import GithubRepository

__all__ = ["Commit", "find_commit"]

logger = logging.getLogger(__name__)

MOST_LISTS = 30
"""So many lists of files are requested at most, if one is too long for the API: half of what it takes in an hour."""

_SHA = re.compile("[0-9a-f]{40}")


class Commit(msgspec.Struct, frozen=True):
    """A commit, and what the folder of a repository holds at it.

    Attributes:
        repository: The repository and its folder.
        sha: The commit's id, 40 hexadecimal digits.
        blobs: The path of each file below the folder, to its Git blob id; None: not known.
        trees: The path of each folder below the folder, to the id of its tree, which changes with any file in it. The
            folder itself has an empty path.
    """

    repository: GithubRepository
    sha: str
    blobs: Mapping[str, str] | None = None
    trees: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def url(self) -> str:
        """The URL of the folder at this commit: what is below it never changes."""
        return self.repository.url_at(self.sha)

    def pinned(self, url: str) -> str:
        """Return a URL with the commit in place of the branch; as it is, if it does not name the branch."""
        root = f"/{self.repository.owner}/{self.repository.name}/"
        return url.replace(f"{root}{self.repository.branch}/", f"{root}{self.sha}/", 1)

    def may_have(self, path: str) -> bool:
        """Whether a file is there, or it is not known which files are."""
        return self.blobs is None or path in self.blobs

    def content_id(self, path: str) -> str | None:
        """Return the content id of a file; None: not known."""
        blob = None if self.blobs is None else self.blobs.get(path)
        return None if blob is None else git_blob(blob)

    def version_of(self, *paths: str) -> dict[str, str]:
        """Return the hint of a selector that is read from these files and folders; empty: their ids are not known.

        It stays the same as long as none of them changes, appears or goes. The first one has to be there: a list
        without it is not of what is read, and would stay the same whatever changes.
        """
        blobs = {} if self.blobs is None else self.blobs
        ids = [blobs.get(path) or self.trees.get(path) or "" for path in paths]
        if not ids[0]:
            return {}
        text = "\n".join(f"{path} {one}" for path, one in zip(paths, ids, strict=True))
        return {"_version": hashlib.sha256(text.encode()).hexdigest()}


def find_commit(http: HttpClientPort, repository: GithubRepository, last: Commit | None = None) -> Commit | None:
    """Return the commit that a branch is at; None: nobody says it.

    A host that cannot be reached is given up within seconds: the run goes on without what it would say.

    Args:
        http: The source's client.
        repository: The branch, and the folder of which the files are wanted.
        last: The commit that was found the last time. If the branch is still at it, its files are known.
    """
    is_patient = current_context().unreachable_hosts is None
    with given_up_soon():
        try:
            sha: str | None = _sha_by_api(http, repository)
        except FetchError as error:
            logger.info("%s does not say at which commit the branch is: %s", repository.api_url, error)
            # Somebody waits for a result, and is probably offline.
            sha = None if error.unreached and not is_patient else _sha_by_git(http, repository)
        if sha is None:
            return None
        if last is not None and last.sha == sha and last.blobs is not None:
            return last
        found = _Tree(http, repository)
        try:
            found.read(sha, "")
        except (FetchError, SourceError, LookupError, TypeError, ValueError, AttributeError) as error:
            logger.info("%s does not list the files of the commit %s: %s", repository.api_url, sha, error)
            return Commit(repository, sha)
        return Commit(repository, sha, found.blobs, found.trees)


def _sha_by_api(http: HttpClientPort, repository: GithubRepository) -> str:
    url = f"{repository.api_url}/commits/{urllib.parse.quote(repository.branch, safe='')}"
    body = http.get(url, headers={"Accept": "application/vnd.github.sha"}).content
    sha = _sha_of(body.strip().decode("ascii", "replace"))
    if sha is None:
        raise FetchError(f"GET {url}: the response is no id of a commit.", url=url)
    return sha


def _sha_by_git(http: HttpClientPort, repository: GithubRepository) -> str | None:
    url = f"{repository.git_url}/info/refs?service=git-upload-pack"
    try:
        body = http.get(url).content
    except FetchError as error:
        logger.info("%s does not say at which commit the branch is: %s", repository.git_url, error)
        return None
    refs = dict(_iter_refs(body))
    return refs.get(f"refs/heads/{repository.branch}") or refs.get(f"refs/tags/{repository.branch}")


def _iter_refs(advertised: bytes) -> Iterator[tuple[str, str]]:
    """Yield the name and the commit of each ref of a repository, by the lines of Git's protocol.

    Each line begins with its length, as four hexadecimal digits that count themselves; `0000` separates parts. The
    first ref is followed by a NUL and what the server is able to do. A tag with a text of its own is there twice, the
    second time as `refs/tags/{name}^{}`, with the commit.
    """
    position = 0
    while len(length := advertised[position : position + 4]) == 4:
        try:
            size = int(length, 16)
        except ValueError:
            return
        line = advertised[position + 4 : position + size].split(b"\0")[0].decode("utf-8", "replace").rstrip("\n")
        position += max(size, 4)
        sha, _, name = line.partition(" ")
        if _sha_of(sha) is not None:
            yield name.removesuffix("^{}"), sha


def _sha_of(text: object) -> str | None:
    return text if isinstance(text, str) and _SHA.fullmatch(text) is not None else None


class _Tree:
    """Reads which files the folder of a repository has at a commit.

    Attributes:
        blobs: See `Commit`.
        trees: See `Commit`.
    """

    def __init__(self, http: HttpClientPort, repository: GithubRepository) -> None:
        self._http = http
        self._url = f"{repository.api_url}/git/trees"
        self._folder = f"{urllib.parse.unquote(repository.folder)}/" if repository.folder else ""
        self._lists = 0
        self.blobs: dict[str, str] = {}
        self.trees: dict[str, str] = {}

    def read(self, tree: str, above: str) -> None:
        """Read a tree with all below it.

        Args:
            tree: Its id, or that of a commit.
            above: The path of the tree with a slash behind it; empty: the root.

        Raises:
            FetchError: A list cannot be fetched.
            SourceError: There are too many lists, or one is no JSON.
            LookupError, TypeError, ValueError, AttributeError: A list is none.
        """
        document = self._get(f"{tree}?recursive=1")
        if not above:
            self._take("", "tree", document["sha"])
        if not document.get("truncated"):
            for entry in document["tree"]:
                self._take(above + entry["path"], entry["type"], entry["sha"])
            return
        # The list is too long: its entries one by one, and the trees among them in the same way.
        for entry in self._get(tree)["tree"]:
            path = above + entry["path"]
            self._take(path, entry["type"], entry["sha"])
            if entry["type"] == "tree" and self._is_wanted(f"{path}/"):
                self.read(entry["sha"], f"{path}/")

    def _get(self, path: str) -> Any:
        self._lists += 1
        if self._lists > MOST_LISTS:
            raise SourceError(f"there are more than {MOST_LISTS} lists of files")
        return self._http.get_json(f"{self._url}/{path}", headers={"Accept": "application/vnd.github+json"})

    def _is_wanted(self, folder: str) -> bool:
        return folder.startswith(self._folder) or self._folder.startswith(folder)

    def _take(self, path: str, kind: str, sha: object) -> None:
        """Keep an entry below the folder. A submodule is a commit of another repository, and has no files here."""
        known = _sha_of(sha)
        if known is None or not f"{path}/".startswith(self._folder):
            return
        below = path[len(self._folder) :]
        if kind == "blob":
            self.blobs[below] = known
        elif kind == "tree":
            self.trees[below] = known
