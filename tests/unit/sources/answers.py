"""What stands in for the HTTP client of a source: an index that holds these documents."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestify import DatasetResource, DataSpecVersionCollection, Source, UnreadableEntry
from ingestify.domain.dataset import CollectionMetadata
from ingestify.domain.ports import FetchContext, IndexReading, UnreachableHosts, Usage
from ingestify.errors import FetchError, SourceError
from ingestify.fetch.current_context import activated
from ingestify.fetch.json_values import read_json


class Answer:
    def __init__(self, content: Any) -> None:
        self.content = content if isinstance(content, bytes) else json.dumps(content).encode()

    def json(self) -> Any:
        return read_json(self.content)


class Answers:
    """Answers by URL; any other URL is a 404. Keeps what was asked for."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self.documents = dict(documents)
        self.asked: list[str] = []

    def get(self, url: str, **_: Any) -> Answer:
        self.asked.append(url)
        if url not in self.documents:
            raise FetchError(f"GET {url}: status 404", url=url, status=404)
        return Answer(self.documents[url])

    def get_json(self, url: str, **_: Any) -> Any:
        try:
            return self.get(url).json()
        except ValueError as error:
            raise SourceError(f"{url} is no JSON") from error

    get_entries = get_json

    def iter_pages(self, url: str, pager: Any, **_: Any) -> Iterator[Answer]:
        for page in self.documents[url]:
            self.asked.append(url)
            if isinstance(page, Exception):
                raise page
            yield Answer(page)


def in_run(unreachable_hosts: UnreachableHosts | None = None) -> activated:
    """Let the source be called as in a run; with `unreachable_hosts`, in that of a reader who can do without it."""
    return activated(None, FetchContext(Usage(), threading.Event(), IndexReading(), unreachable_hosts, is_run=True))


def attached(source: Any, documents: Mapping[str, Any]) -> Any:
    """Return the source with these answers as its HTTP client; `source.http.asked` is what it asked for."""
    source.attach_http(Answers(documents))
    return source


def find(source: Source, dataset_type: str, versions: Any = None, **selector: Any) -> list[DatasetResource]:
    """Return what it finds, as one list."""
    return readable(find_all(source, dataset_type, versions, **selector))


def find_all(source: Source, dataset_type: str, versions: Any = None, **selector: Any) -> list[Any]:
    """Return what it finds, with what it cannot read."""
    held = CollectionMetadata(0, None)
    found = source.find_datasets(dataset_type, DataSpecVersionCollection(versions), held, **selector)
    return [resource for batch in found for resource in batch]


def readable(found: Sequence[Any]) -> list[Any]:
    """Return them, of which each is to be readable."""
    assert unreadable(found) == {}
    return list(found)


def unreadable(found: Sequence[Any]) -> dict[str, str]:
    """Return what is said of each entry that cannot be read, by what it is called."""
    return {one.where: str(one.error) for one in found if isinstance(one, UnreadableEntry)}


def urls(resource: DatasetResource) -> dict[str, str | None]:
    """Return file id to URL, also of a loader."""
    return {name: file.url or file.loader_kwargs.get("url") for name, file in resource.files.items()}
