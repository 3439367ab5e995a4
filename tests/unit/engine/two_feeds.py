"""Two feeds of one match that must be of the same version, and what the lake and its quarantine have of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ingestify import BundleCheck, BundleType, DatasetResource, QuarantineState
from tests.support.lake_in_memory import Lake, hours
from tests.support.scripted_provider import Provider, answer

MATCH = BundleType("match", requires=("events", "lineups"))


class Files:
    """Two feeds of match 1 at a provider, `events` and `lineups`, each naming a version."""

    def __init__(self, web: Provider, *, etag: bool = True) -> None:
        self.web = web
        self.etag = etag
        self.bodies: dict[str, bytes] = {}
        self.at = 0.0
        self.before_answer: Callable[[str], None] = lambda feed: None
        self.serve(events={"version": 1}, lineups={"version": 1})

    def serve(self, **contents: Any) -> None:
        for feed, content in contents.items():
            self.bodies[feed] = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.web.on(f"/{feed}.json", by=lambda asked, feed=feed: self._answer(feed, asked))

    def _answer(self, feed: str, asked: Any) -> Any:
        body = self.bodies[feed]
        etag = f'"{hash(body) & 0xFFFFFFFF:x}"'
        self.before_answer(feed)
        if self.etag and asked.headers.get("if-none-match") == etag:
            return answer(status=304, etag=etag)
        return answer(body, **({"etag": etag} if self.etag else {}))

    def find(self, **_: Any) -> list[DatasetResource]:
        resource = DatasetResource({"match_id": 1}, "match", name="match 1")
        for feed in ("events", "lineups"):
            resource.add_file(hours(self.at), feed, url=f"{self.web.url}/{feed}.json")
        return [resource]

    def find_events_only(self, **_: Any) -> list[DatasetResource]:
        (resource,) = self.find()
        del resource.files["lineups__v1"]
        return [resource]

    @property
    def asked(self) -> list[str]:
        """The feeds that were asked for since the last look."""
        seen = [one.path.strip("/").removesuffix(".json") for one in self.web.asked]
        self.web.asked.clear()
        return seen


class SameVersion(BundleCheck):
    """Events and lineups are of the same version."""

    def find_problems(self, bundle):
        versions = {file.data_feed_key: file.json()["version"] for file in bundle.files.values()}
        if len(set(versions.values())) > 1:
            yield f"the versions differ: {versions['events']} and {versions['lineups']}"


def entries(lake: Lake, *states: QuarantineState) -> list[Any]:
    return lake.engine.store.quarantine.list_entries(states or (QuarantineState.OPEN,))


def versions(lake: Lake) -> tuple[int, int]:
    return lake.content(1, "events")["version"], lake.content(1, "lineups")["version"]


def reject_one(lake: Lake, files: Files) -> None:
    """Bring version 1 into the lake, and events 2 with lineups 1 into quarantine."""
    lake.engine.load()
    files.serve(events={"version": 2})
    files.at = 1
    report = lake.engine.load()
    assert (report.totals.quarantined, report.totals.failed, report.totals.revised) == (1, 0, 0)
    assert files.asked


def listing(*numbers: int) -> Callable[..., Any]:
    def find(**_: Any) -> Any:
        resources = [DatasetResource({"match_id": number}, "match") for number in numbers]
        return [resource.add_file(hours(0), "events", json_content={"n": 1}) for resource in resources]

    return find


def states(lake: Lake) -> dict[Any, str]:
    return {dataset.identifier["match_id"]: dataset.state.value for dataset in lake.datasets}
