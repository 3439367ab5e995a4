"""The smallest simulated provider: a dictionary of documents over HTTP on loopback.

provider = DocumentProvider({"matches.json": [{"id": 1}], "events/1.json": [...]}, token="secret")
with provider:
    source = MySource("mine", base_url=provider.base_url, token="secret")
    ...
    provider.documents["events/1.json"] = [...]  # a correction
"""

from __future__ import annotations

import hashlib
import hmac
import json
import mimetypes
import threading
from collections.abc import Mapping
from typing import Any, Self

from ingestify.testing.loopback import Asked, Given, LoopbackServer

__all__ = ["DocumentProvider"]


class DocumentProvider:
    """Serves documents while it is open; use it in a `with` block. A subclass may make and correct them.

    Each document has an ETag, and may be requested conditionally. Any other path is a 404.

    Args:
        documents: Path below `base_url` to content: bytes as they are, else JSON values. A path may have a query, such
            as `matches.json?page=2`; one without is served whatever the query is.
        token: A request must have `Authorization: Bearer {token}`, else it gets a 401; None: no token is required.
        port: The port; 0: a free one.

    Attributes:
        documents: The documents; may be changed at any time.
    """

    def __init__(self, documents: Mapping[str, Any] | None = None, *, token: str | None = None, port: int = 0) -> None:
        self.documents: dict[str, Any] = dict(documents or {})
        self._token = token
        self._lock = threading.Lock()
        self._paths: list[str] = []
        self._server = LoopbackServer(self._answer, port)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def base_url(self) -> str:
        """The URL to which the paths are added."""
        return f"{self._server.url}/v1"

    @property
    def paths(self) -> list[str]:
        """The paths of the requests so far, with their query, in the order of the responses."""
        with self._lock:
            return list(self._paths)

    def clear_paths(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._paths.clear()

    def _answer(self, asked: Asked) -> Given:
        path = asked.target.removeprefix("/v1/")
        with self._lock:
            self._paths.append(path)
        sent = asked.headers.get("authorization", "")
        if self._token is not None and not hmac.compare_digest(sent.encode(), f"Bearer {self._token}".encode()):
            return Given(401, b'{"message": "who are you?"}', {"WWW-Authenticate": "Bearer"})
        name = path if path in self.documents else path.partition("?")[0]
        content = self.documents.get(name)
        if content is None:
            return Given(404, b'{"message": "not found"}', {"Content-Type": "application/json"})
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"', "Content-Type": _content_type(name, content)}
        if asked.headers.get("if-none-match") == headers["ETag"]:
            return Given(304, b"", headers)
        return Given(200, body, headers)


def _content_type(name: str, content: object) -> str:
    if not isinstance(content, bytes):
        return "application/json"
    return mimetypes.guess_type(name.partition("?")[0])[0] or "application/octet-stream"
