"""The entry of a dataset and its files are of one moment, whichever request of a run a change comes before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestify import DatasetResource, DraftFile, FetchPolicy, Source
from tests.support.lake_in_memory import FunctionSource, Lake, hours
from tests.support.scripted_provider import Provider, answer

Kind = Callable[[Source, str, int], DatasetResource]


class Match:
    """A match of one or two files that changes, all at once, right before one of the provider's answers."""

    def __init__(self, web: Provider, *feeds: str) -> None:
        self.web = web
        self.feeds = feeds
        self.version = 1
        self.answers = 0
        self.changes: dict[int, Callable[[], None]] = {}
        web.on("/index", by=lambda asked: self._answer({"version": self.version, "feeds": self.feeds}))
        for feed in ("events", "lineups"):
            web.on(f"/{feed}", by=lambda asked, feed=feed: self._answer({"version": self.version}))

    def change(self, *feeds: str) -> None:
        self.version += 1
        self.feeds = feeds or self.feeds

    def _answer(self, content: Any) -> Any:
        before = self.version
        self.answers += 1
        self.changes.pop(self.answers, lambda: None)()
        if before == self.version:
            return answer(json.dumps(content).encode())
        if "feeds" in content:
            content["feeds"] = self.feeds
        return answer(json.dumps(content | {"version": self.version}).encode())

    def find(self, source: Source, has_times: bool, has_loader: bool) -> Iterator[DatasetResource]:
        entry = source.http.get_json(f"{self.web.url}/index")
        resource = DatasetResource({"match_id": 1}, "match", name=f"version {entry['version']}")
        for feed in entry["feeds"]:
            at = hours(entry["version"]) if has_times else None
            if has_loader:
                loader = lambda file_resource, current_file: DraftFile.from_input(  # noqa: E731
                    json.dumps(source.http.get_json(f"{self.web.url}/{file_resource.data_feed_key}")),
                    file_resource.data_feed_key,
                    data_serialization_format="json",
                )
                resource.add_file(at, feed, file_loader=loader)
            else:
                resource.add_file(at, feed, url=f"{self.web.url}/{feed}")
        yield resource


@pytest.mark.sampled(7)
@pytest.mark.parametrize("request_number", range(1, 7))
@pytest.mark.parametrize("has_times", [True, False])
@pytest.mark.parametrize("has_loader", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("events",), ("events",)),
        (("events", "lineups"), ("events", "lineups")),
        (("events", "lineups"), ("events",)),
        (("events",), ("events", "lineups")),
    ],
)
def test_a_change_before_any_of_the_answers_mixes_nothing(
    web: Provider,
    request_number: int,
    has_times: bool,
    has_loader: bool,
    before: tuple[str, ...],
    after: tuple[str, ...],
):
    match = Match(web, *before)
    match.changes[request_number] = lambda: match.change(*after)
    source = FunctionSource(None)  # type: ignore[arg-type]
    source.find = lambda **_: match.find(source, has_times, has_loader)
    lake = Lake(source)
    for _ in range(2):
        lake.engine.run_report()
        (dataset,) = lake.datasets
        files = lake.engine.store.load_files(dataset)
        assert {f"version {file.json()['version']}" for file in files} == {dataset.name}
        assert {file.data_feed_key for file in files} == set(before if dataset.name == "version 1" else after)
    lake.engine.close()


def test_a_url_that_is_another_one_in_each_listing_settles(web: Provider, caplog: pytest.LogCaptureFixture):
    listings = 0

    def find(**_: Any) -> list[DatasetResource]:
        nonlocal listings
        listings += 1
        source.http.get_json(f"{web.url}/index")
        web.on(f"/{listings}/events", answer(b'{"n": 1}', etag='"1"'))
        resource = DatasetResource({"match_id": 1}, "match", name="match 1")
        return [resource.add_file(hours(0), "events", url=f"{web.url}/{listings}/events")]

    web.on("/index", answer(b"{}"))
    source = FunctionSource(find)
    lake = Lake(source)
    assert lake.engine.run_report().totals.new == 1
    assert "different each of 3 times" in caplog.text
    lake.engine.close()


class Rarely(FetchPolicy):
    """Wants no new version before it is told to."""

    may_look = False

    def should_refetch(self, dataset: Any, dataset_resource: DatasetResource) -> bool:
        return self.may_look and super().should_refetch(dataset, dataset_resource)


def test_a_policy_that_does_not_want_the_new_files_yet_gets_their_name_with_them(web: Provider):
    match, policy = Match(web, "events"), Rarely()
    source = FunctionSource(None)  # type: ignore[arg-type]
    source.find = lambda **_: match.find(source, True, False)
    lake = Lake(source, fetch_policy=policy)
    lake.engine.run_report()
    match.change()
    for _ in range(2):
        assert lake.engine.run_report().totals.unchanged == 1
        assert (lake.datasets[0].name, lake.content(1)["version"]) == ("version 1", 1)
    policy.may_look = True
    lake.engine.run_report()
    assert (lake.datasets[0].name, lake.content(1)["version"]) == ("version 2", 2)
    lake.engine.close()


def test_such_a_policy_does_not_hold_up_a_name_of_no_new_files(web: Provider):
    names = iter(["one", "other"])

    def find(**_: Any) -> list[DatasetResource]:
        return [DatasetResource({"match_id": 1}, "match", name=next(names)).add_file(hours(0), "events", url=url)]

    url = web.on("/events", answer(b'{"n": 1}', etag='"1"'))
    lake = Lake(FunctionSource(find), fetch_policy=Rarely())
    lake.engine.run_report()
    assert lake.engine.run_report().totals.metadata == 1
    assert lake.datasets[0].name == "other"
    lake.engine.close()
