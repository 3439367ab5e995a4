"""A simulated repository at GitHub, on loopback: the hosts of its files, its API, and Git's own protocol."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from collections.abc import Mapping, Sequence

from ingestify.testing.loopback import Asked, Given
from ingestify.testing.watched_provider import Fault, Request, WatchedProvider

__all__ = ["GithubSimulator"]

_API_REQUESTS = 60
"""So many the API takes in an hour from one address that names no account."""

_CACHE_SECONDS = 300
"""For so long the caches of the host of the files serve what they have for a branch."""


class _CommitState:
    """A commit: the files of the repository, and the ids of its trees."""

    def __init__(self, files: Mapping[str, bytes], number: int) -> None:
        self.files = dict(files)
        self.blobs = {path: _id("blob", body) for path, body in files.items()}
        self.trees = self._make_trees()
        self.sha = _id("commit", f"{number} {self.trees['']}".encode())

    def _make_trees(self) -> dict[str, str]:
        """Return the path of each folder to the id of its tree, which differs with anything below it."""
        below: dict[str, list[str]] = {"": []}
        for path, blob in sorted(self.blobs.items()):
            folder = path
            while folder:
                folder = folder.rpartition("/")[0]
                below.setdefault(folder, []).append(f"{path[len(folder) :].lstrip('/')} {blob}")
        return {folder: _id("tree", "\n".join(lines).encode()) for folder, lines in below.items()}

    def entries(self, folder: str, *, recursive: bool) -> list[dict[str, object]]:
        """Return the entries of a folder as the API lists them."""
        start = f"{folder}/" if folder else ""
        there = [("tree", path, tree) for path, tree in self.trees.items() if path]
        there += [("blob", path, blob) for path, blob in self.blobs.items()]
        below = [(kind, path.removeprefix(start), sha) for kind, path, sha in sorted(there) if path.startswith(start)]
        return [
            {"path": path, "type": kind, "sha": sha, "mode": "040000" if kind == "tree" else "100644"}
            for kind, path, sha in below
            if path and (recursive or "/" not in path)
        ]


class GithubSimulator(WatchedProvider):
    """Serves a repository at its branch `main` and at each commit, on a free port of 127.0.0.1 while it is open.

    Use it in a `with` block. Its methods may be called from any thread. Responses of the host of the files have an ETag
    and no Last-Modified. Those for a URL of the branch come from a cache of five minutes; `pass_time` lets time pass.

    Args:
        files: Path to content, of the first commit.
        owner: The account that has the repository.
        name: The repository's name.
        longest_list: How many entries a recursive list of the API has at most; with more it is truncated.
        large_files: Content by the sha256 of it: what the host of Git LFS has.
        latency_seconds: The delay of each response.
        faults: The faults from the beginning on. `corrupt` is another version in place of the right one.
        port: The port; 0: a free one.

    Attributes:
        api_requests_left: How many requests the API still takes. It refuses further ones with the status 403.
        has_git: Whether Git's protocol is answered.
        submodules: Path to the commit of another repository.
    """

    fault_kinds = frozenset({"reset", "not_found", "status", "corrupt"})

    def __init__(
        self,
        files: Mapping[str, bytes],
        *,
        owner: str = "provider",
        name: str = "open-data",
        longest_list: int = 100_000,
        large_files: Mapping[str, bytes] | None = None,
        latency_seconds: float = 0.0,
        faults: Sequence[Fault] = (),
        port: int = 0,
    ) -> None:
        super().__init__(faults=faults, port=port)
        self.api_requests_left = _API_REQUESTS
        self.has_git = True
        self.submodules: dict[str, str] = {}
        self.large_files = dict(large_files or {})
        self._repository = f"{owner}/{name}"
        self._longest_list = longest_list
        self._latency_seconds = latency_seconds
        self._head = _CommitState(files, 0)
        self._commits = {self._head.sha: self._head}
        self._made = 1
        self._seconds = 0.0
        self._caches: dict[str, tuple[float, _CommitState]] = {}

    # ---- the repository --------------------------------------------------------------------------------

    @property
    def sha(self) -> str:
        """The commit that the branch is at."""
        with self._lock:
            return self._head.sha

    @property
    def raw_url(self) -> str:
        """The URL of the files of the branch, without a slash at its end."""
        return f"{self.url}/raw/{self._repository}/main"

    @property
    def media_url(self) -> str:
        """The URL of the files in Git LFS of the branch, without a slash at its end."""
        return f"{self.url}/media/{self._repository}/main"

    @property
    def api_url(self) -> str:
        """The URL of the repository in the API."""
        return f"{self.url}/repos/{self._repository}"

    def push(self, changes: Mapping[str, bytes | None]) -> str:
        """Make a commit of these changes, and let the branch be at it. Returns the commit. None removes a file."""
        with self._lock:
            files = {**self._head.files, **changes}
            self._head = _CommitState({path: one for path, one in files.items() if one is not None}, self._made)
            self._made += 1
            self._commits[self._head.sha] = self._head
            return self._head.sha

    def push_all(self, files: Mapping[str, bytes]) -> str:
        """Make a commit that has exactly these files, and let the branch be at it. Returns the commit."""
        with self._lock:
            return self.push({**dict.fromkeys(self._head.files), **files})

    def forget_commit(self, sha: str) -> None:
        """Serve a commit no more, as after a forced push."""
        with self._lock:
            del self._commits[sha]

    def pass_time(self, seconds: float) -> None:
        """Let time pass for the caches."""
        with self._lock:
            self._seconds += seconds

    def requests_of(self, host: str) -> list[str]:
        """Return the paths of the requests to `raw`, `media`, `api` or `git` so far, without what they begin with."""
        start = {"raw": "raw/", "media": "media/", "api": "repos/"}.get(host, "") + self._repository
        return [path.removeprefix(start).lstrip("/") for path in self.paths() if path.startswith(start)]

    def expire(self, path: str) -> None:
        """Forget what the caches have of a file of the branch."""
        with self._lock:
            self._caches.pop(path, None)

    # ---- answering: a thread for each connection -------------------------------------------------------

    def _answer(self, asked: Asked) -> Given | None:
        path = asked.target.lstrip("/")
        if self._latency_seconds:
            self._server.closing.wait(self._latency_seconds)
        with self._lock:
            fault = self._next_fault(path)
            given = self._given(path, asked.headers) if fault is None else _of_fault(fault)
            at = self._seconds
            self._requests.append(Request(asked.method, path, 0 if given is None else given.status, at, asked.headers))
            return given

    def _given(self, path: str, headers: Mapping[str, str]) -> Given:
        path, _, query = path.partition("?")
        for start, give in (("raw/", self._raw), ("media/", self._media), ("repos/", self._api), ("", self._git)):
            root = f"{start}{self._repository}"
            if path.startswith((f"{root}/", f"{root}.git/")):
                return give(urllib.parse.unquote(path[len(root) :].removeprefix(".git").lstrip("/")), query, headers)
        return Given(404, b"404: Not Found")

    def _raw(self, path: str, query: str, headers: Mapping[str, str]) -> Given:  # noqa: ARG002 - one signature for all
        ref, _, path = path.partition("/")
        body = None if (commit := self._at(ref, path)) is None else commit.files.get(path)
        if body is None:
            return Given(404, b"404: Not Found")
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        extra = {
            "ETag": etag,
            "Content-Type": "text/plain; charset=utf-8",
            "Cache-Control": f"max-age={_CACHE_SECONDS}",
        }
        return Given(304, b"", extra) if headers.get("if-none-match") == etag else Given(200, body, extra)

    def _at(self, ref: str, path: str) -> _CommitState | None:
        """Return the commit of which a file is served."""
        if ref != "main":
            return self._commits.get(ref)
        since, cached = self._caches.get(path, (float("-inf"), self._head))
        if self._seconds - since >= _CACHE_SECONDS:
            since, cached = self._caches[path] = (self._seconds, self._head)
        return cached

    def _media(self, path: str, query: str, headers: Mapping[str, str]) -> Given:
        pointer = self._raw(path, query, {})
        for digest, body in self.large_files.items():
            if digest.encode() in pointer.body:
                return Given(200, body, {"Content-Type": "application/octet-stream"})
        return pointer if pointer.status == 404 else self._raw(path, query, headers)

    def _api(self, path: str, query: str, headers: Mapping[str, str]) -> Given:
        limits = {"X-RateLimit-Limit": str(_API_REQUESTS), "X-RateLimit-Reset": "2000000000"}
        if self.api_requests_left <= 0:
            body = json.dumps({"message": "API rate limit exceeded for 127.0.0.1."}).encode()
            return Given(403, body, {**limits, "X-RateLimit-Remaining": "0", "Content-Type": "application/json"})
        self.api_requests_left -= 1
        limits["X-RateLimit-Remaining"] = str(self.api_requests_left)
        kind, _, rest = path.partition("/")
        if kind == "commits" and rest == "main" and headers.get("accept") == "application/vnd.github.sha":
            return Given(200, self._head.sha.encode(), {**limits, "Content-Type": "application/vnd.github.sha"})
        if kind == "git" and rest.startswith("trees/"):
            document = self._tree(rest.removeprefix("trees/"), recursive="recursive=" in query)
            if document is not None:
                return Given(200, json.dumps(document).encode(), {**limits, "Content-Type": "application/json"})
        return Given(404, b'{"message": "Not Found"}', {**limits, "Content-Type": "application/json"})

    def _tree(self, tree: str, *, recursive: bool) -> dict[str, object] | None:
        commits = [self._commits[tree]] if tree in self._commits else list(self._commits.values())
        for commit in commits:
            for folder, sha in commit.trees.items():
                if sha == tree or (tree == commit.sha and not folder):
                    entries = commit.entries(folder, recursive=recursive)
                    if not folder:
                        entries += [
                            {"path": path, "type": "commit", "sha": other, "mode": "160000"}
                            for path, other in self.submodules.items()
                        ]
                    is_too_long = recursive and len(entries) > self._longest_list
                    some = entries[: self._longest_list] if is_too_long else entries
                    return {"sha": sha, "tree": some, "truncated": is_too_long}
        return None

    def _git(self, path: str, query: str, headers: Mapping[str, str]) -> Given:  # noqa: ARG002
        if not self.has_git or (path, query) != ("info/refs", "service=git-upload-pack"):
            return Given(404, b"Not Found")
        lines = ["# service=git-upload-pack\n", "", f"{self._head.sha} HEAD\0multi_ack symref=HEAD:refs/heads/main\n"]
        lines += [f"{self._head.sha} refs/heads/main\n", ""]
        body = "".join(f"{len(line) + 4:04x}{line}" if line else "0000" for line in lines)
        return Given(200, body.encode(), {"Content-Type": "application/x-git-upload-pack-advertisement"})


def _id(kind: str, body: bytes) -> str:
    """Return the id that Git gives an object; those of trees and commits here have other bodies than Git's."""
    return hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(body), body), usedforsecurity=False).hexdigest()


def _of_fault(fault: Fault) -> Given | None:
    if fault.kind == "reset":
        return None
    if fault.kind == "corrupt":
        return Given(200, b'[{"another": "version"}]', {"Content-Type": "text/plain"})
    extra = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return Given(404 if fault.kind == "not_found" else fault.status, b"it is not our day\n", extra)
