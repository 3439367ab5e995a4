"""The index is read once more for what has come: nothing waits for that for ever, whatever the source is like."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestify import DatasetResource, Source, UnreadableEntry
from ingestify.domain.feeds import DataSpecVersionCollection
from ingestify.domain.run import RunState
from tests.support.lake_in_memory import FunctionSource, Lake, hours
from tests.support.scripted_provider import Provider, answer

STREAMING = {"streaming": True}


class Matches:
    """Matches of two files each, which name their versions by ETags; nothing has a date."""

    def __init__(self, web: Provider, count: int) -> None:
        self.web = web
        self.versions = dict.fromkeys(range(1, count + 1), 1)
        self.says_times = True
        web.on("/index", by=lambda asked: answer(json.dumps(list(self.versions)).encode()))
        for number in self.versions:
            for feed in ("events", "lineups"):
                web.on(
                    f"/{feed}/{number}", by=lambda asked, number=number, feed=feed: self._answer(asked, feed, number)
                )

    def _answer(self, asked: Any, feed: str, number: int) -> Any:
        version = self.versions[number]
        etag = f'"{feed} {number} {version}"'
        if asked.headers.get("if-none-match") == etag:
            return answer(status=304, etag=etag)
        return answer(json.dumps({"match": number, "version": version}).encode(), etag=etag)

    def resource(self, number: int, **files: str) -> DatasetResource:
        """What is announced of a match: `files` are feeds with their versions; by default both in v1."""
        version = self.versions[number]
        resource = DatasetResource({"match_id": number}, "match", name=f"match {number}, {version}")
        for feed, spec in (files or {"events": "v1", "lineups": "v1"}).items():
            resource.add_file(
                hours(version) if self.says_times else None, feed, spec, url=f"{self.web.url}/{feed}/{number}"
            )
        return resource


def source_of(find: Callable[[FunctionSource], Any]) -> FunctionSource:
    source = FunctionSource(None)  # type: ignore[arg-type]
    source.find = lambda **_: find(source)
    return source


def listed(source: Source, matches: Matches) -> Iterator[DatasetResource]:
    for number in source.http.get_json(f"{matches.web.url}/index"):
        yield matches.resource(number)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_source_that_locks_its_listing_holds_nothing_up(web: Provider):
    matches, lock = Matches(web, 200), threading.Lock()

    def find(source: Source) -> Iterator[DatasetResource]:
        with lock:  # while what it yielded waits at the gate, too
            yield from listed(source, matches)

    lake = Lake(source_of(find))
    report = lake.engine.run_report()
    assert (report.totals.new, report.totals.failed) == (200, 0)
    lake.engine.close()


@pytest.mark.timeout(60)
def test_a_listing_that_never_ends_is_read_once_more_as_far_as_needed(web: Provider):
    matches = Matches(web, 3)
    polled = threading.Event()

    def find(source: Source) -> Iterator[DatasetResource]:
        while not polled.wait(0.01):
            yield from listed(source, matches)

    lake = Lake(source_of(find))
    stream = lake.engine.iter_datasets(auto_ingest=STREAMING)
    assert {next(stream).identifier["match_id"] for _ in range(3)} == {1, 2, 3}
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ingestify")]
    lake.engine.close()


@pytest.mark.timeout(60)
def test_a_reader_who_leaves_ends_a_second_listing_that_never_ends(web: Provider):
    matches = Matches(web, 3)
    listings: list[int] = []
    begun = threading.Event()

    def find(source: Source) -> Iterator[DatasetResource]:
        listings.append(1)
        if len(listings) == 1:
            yield DatasetResource({"match_id": 9}, "match").add_file(hours(0), "events", json_content={"n": 1})
            yield from listed(source, matches)
        else:
            source.http.get_json(f"{web.url}/index")
            while True:  # it has changed its mind about the others
                begun.set()
                yield matches.resource(1, events="v1")

    lake = Lake(source_of(find))
    stream = lake.engine.iter_datasets(auto_ingest=STREAMING)
    assert next(stream).identifier["match_id"] == 9
    assert begun.wait(30)
    stream.close()
    (job,) = lake.jobs
    assert (job.state, job.counters.failed) == (RunState.ABORTED, 0)
    lake.engine.close()


class Versions(Source):
    """Announces what it is asked for, of the versions that it knows."""

    concurrent_discovery = True
    lists_everything = True
    provider = "fake"

    def __init__(self, matches: Matches, *known: str) -> None:
        super().__init__("fake")
        self.matches = matches
        self.known = dict.fromkeys(known, "events")

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        return [{"competition_id": 1}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        for number in self.http.get_json(f"{self.matches.web.url}/index"):
            resource = self.matches.resource(number, lineups="v1")
            for version in data_spec_versions.versions_of("events"):
                feed = self.known[version]
                resource.add_file(hours(1), feed, version, url=f"{self.matches.web.url}/{feed}/{number}")
            yield resource


def test_a_version_that_the_source_refuses_by_any_error_leaves_and_holds_nobody_up(web: Provider):
    matches = Matches(web, 3)
    source = Versions(matches, "v7", "v8")
    lake = Lake(source, data_spec_versions=DataSpecVersionCollection({"events": ["v7", "v8"], "lineups": ["v1"]}))
    del matches.versions[3]
    assert lake.engine.run_report().totals.new == 2

    del source.known["v7"]  # asked for it, the source raises a KeyError
    lake.engine._sources.plans.clear()
    lake.add_plan(source, data_spec_versions=DataSpecVersionCollection({"events": ["v8"], "lineups": ["v1"]}))
    matches.versions |= {1: 2, 3: 1}
    report = lake.engine.run_report()
    assert (report.totals.failed, report.totals.revised, report.totals.new) == (0, 1, 1)
    changed, other, new = (set(dataset.files) for dataset in sorted(lake.datasets, key=lambda one: one.name[6]))
    assert changed == new == {"events__v8", "lineups__v1"}
    assert other == {"events__v7", "events__v8", "lineups__v1"}  # it has not changed, and nobody said that it is gone
    lake.engine.close()


@pytest.mark.sampled(3)
@pytest.mark.parametrize("again", ["nothing", "an entry that cannot be read"])
@pytest.mark.parametrize("filters", [{}, {"match_id": 1}])
def test_a_second_listing_without_it_is_no_proof(web: Provider, again: str, filters: dict[str, Any]):
    matches = Matches(web, 1)
    listings: list[int] = []

    def find(source: Source) -> list[Any]:
        listings.append(1)
        found = list(listed(source, matches))
        if len(listings) == 1:
            return found
        return [] if again == "nothing" else [UnreadableEntry("match 1", ValueError("half of it"))]

    source = source_of(find)
    lake = Lake(source)
    report = lake.engine.run_report(**filters)
    assert (report.totals.new, report.totals.failed) == (0, 1)
    source.find = lambda **_: list(listed(source, matches))
    assert lake.engine.run_report(**filters).totals.new == 1
    lake.engine.close()


def test_a_source_that_lists_once_by_itself_is_believed(web: Provider):
    matches = Matches(web, 3)
    once: list[Any] = []

    def find(source: Source) -> list[Any]:
        if once:
            return []  # nobody was asked for that
        once.append(True)
        return list(listed(source, matches))

    lake = Lake(source_of(find))
    assert lake.engine.run_report().totals.new == 3
    lake.engine.close()


def test_what_is_asked_for_another_dataset_makes_nothing_look_again(web: Provider):
    matches = Matches(web, 2)
    matches.says_times = False  # nothing but a second look vouches for a file
    source = Versions(matches, "v7", "v8")
    del matches.versions[2]
    lake = Lake(source, data_spec_versions=DataSpecVersionCollection({"events": ["v7", "v8"], "lineups": ["v1"]}))
    assert lake.engine.run_report().totals.new == 1

    lake.engine._sources.plans.clear()
    lake.add_plan(source, data_spec_versions=DataSpecVersionCollection({"events": ["v8"], "lineups": ["v1"]}))
    matches.versions |= {1: 2, 2: 1}
    web.asked.clear()
    report = lake.engine.run_report()
    assert (report.totals.revised, report.totals.new) == (1, 1)
    assert [set(dataset.files) for dataset in lake.datasets if dataset.identifier["match_id"] == 2] == [
        {"events__v8", "lineups__v1"}
    ]
    assert len(web.asked_for("/lineups/2")) == 2  # and not once more, as if its entry had moved
    lake.engine.close()


def test_what_has_come_before_a_deadline_is_kept(web: Provider):
    matches = Matches(web, 6)
    matches.says_times = False

    def find(source: Source) -> Iterator[DatasetResource]:
        while True:  # until the run is stopped
            yield from listed(source, matches)
            time.sleep(0.05)

    lake = Lake(source_of(find))
    report = lake.engine.run_report(deadline=dt.timedelta(seconds=2))
    assert report.state is RunState.ABORTED
    assert len(lake.datasets) == 6
    lake.engine.close()
