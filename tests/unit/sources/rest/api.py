"""An API on loopback, and descriptions of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.resource import DatasetResource
from ingestify.fetch.http import HttpClient, HttpOptions
from ingestify.sources.rest.source import RestSource
from tests.support.scripted_provider import Asked, Provider, Reply, answer
from tests.unit.sources.answers import readable


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    return answer(json.dumps(value).encode(), status, content_type="application/json", **headers)


def described(base_url: str, **changes: Any) -> dict[str, Any]:
    """A description of an API whose matches are at /matches; changes of `match` by name, others at the top."""
    top = ("auth", "headers", "hosts", "provider")
    return {
        "provider": "example",
        "base_url": base_url,
        **{name: value for name, value in changes.items() if name in top},
        "dataset_types": {
            "match": {
                "index": {"endpoint": "/matches"},
                "identity": {"match_id": "id"},
                "feeds": {"events": {"url": "/events/{match_id}"}},
                **{name: value for name, value in changes.items() if name not in top},
            }
        },
    }


class Api:
    """A source over an API, with a client of its own."""

    def __init__(self, server: Provider, **changes: Any) -> None:
        self.source = RestSource("api", **described(server.url, **changes))
        self.client = HttpClient("api", HttpOptions(backoff_base_seconds=0.001, attempts=2))
        self.source.attach_http(self.client)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def find(self, versions: Any = None, **selector: Any) -> list[DatasetResource]:
        return readable(self.find_all(versions, **selector))

    def find_all(self, versions: Any = None, **selector: Any) -> list[Any]:
        """Return what it finds, with what it cannot read."""
        found = self.source.find_datasets("match", DataSpecVersionCollection(versions), None, **selector)  # type: ignore[arg-type]
        return [resource for batch in found for resource in batch]


def serve_if(name: str, value: str, reply: Reply) -> Callable[[Asked], Reply]:
    """Return what answers only requests with a header, and 401 to others."""
    return lambda asked: reply if asked.headers.get(name) == value else answer(b"", 401)
