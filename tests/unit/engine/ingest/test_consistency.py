"""One moment: name, score and files of a match are what the provider had at once, and that costs little."""

from __future__ import annotations

import email.utils
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import DatasetResource, IngestionPlan, Source, get_engine
from ingestify.engine.ingest import relisting
from tests.support.lake_in_memory import Lake
from tests.support.scripted_provider import Provider, answer
from tests.support.waiting import wait_until

FEEDS = ("events", "lineups")


class Season(Source):
    """A season of a provider without dates: its index is asked for by the source's client.

    Attributes:
        version: What the provider has of each match, in its entry and in its files.
        unlisted: The matches that its index has not.
        etag: Whether files have one.
        made_anew: Whether each answer for a file holds a number of its own.
        names_version: Whether its index shows that a match is another one.
        date: The Last-Modified of all files, whenever they changed, as of an archive that was unpacked; empty: none.
    """

    concurrent_discovery = True
    lists_everything = True
    provider = "fake"

    def __init__(self, web: Provider, *, matches: int = 1, etag: bool = True, made_anew: bool = False) -> None:
        super().__init__("fake")
        self.web = web
        self.matches = range(1, matches + 1)
        self.version = dict.fromkeys(self.matches, 1)
        self.etag, self.made_anew = etag, made_anew
        self.names_version, self.date = True, ""
        self.answers = 0
        self.unlisted: set[int] = set()
        self.before_answer: Callable[[str], None] = lambda path: None
        self.after_match: Callable[[int], None] = lambda match: None
        web.on("/index", by=self._index)
        for match in self.matches:
            for feed in ("events", "lineups", "frames"):
                web.on(f"/{feed}/{match}", by=lambda asked, match=match: self._file(asked, match))

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        return [{"season_id": 1}]

    def find_datasets(
        self, dataset_type: str, data_spec_versions: Any, dataset_collection_metadata: Any, **_: Any
    ) -> Iterator[DatasetResource]:
        for entry in self.http.get_json(f"{self.web.url}/index"):
            match = entry["id"]
            resource = DatasetResource({"match_id": match}, dataset_type, name=f"match {match}, version {entry['v']}")
            for feed in (*FEEDS, "frames"):
                for version in data_spec_versions.versions_of(feed):
                    resource.add_file(None, feed, version, url=f"{self.web.url}/{feed}/{match}")
            yield resource
            self.after_match(match)

    def _index(self, _: Any) -> Any:
        self.before_answer("/index")
        listed = [
            {"id": match, "v": self.version[match] if self.names_version else 0}
            for match in self.matches
            if match not in self.unlisted
        ]
        return answer(json.dumps(listed).encode())

    def _file(self, asked: Any, match: int) -> Any:
        self.before_answer(asked.path)
        version = self.version[match]
        etag = f'"{version}"'
        if self.etag and asked.headers.get("if-none-match") == etag:
            return answer(status=304, etag=etag)
        now = email.utils.formatdate(usegmt=True)
        dated = {"last_modified": self.date, "date": now} if self.date else {}
        if self.date and asked.headers.get("if-modified-since") == self.date:
            return answer(status=304, **dated)
        self.answers += 1
        body: dict[str, Any] = {"v": version} | ({"made": self.answers} if self.made_anew else {})
        return answer(json.dumps(body).encode(), **({"etag": etag} if self.etag else {}), **dated)

    @property
    def asked(self) -> list[str]:
        """The paths that were asked for since the last look."""
        paths = [one.path for one in self.web.asked]
        self.web.asked.clear()
        return paths


def versions_of(lake: Lake, match: int = 1) -> set[str]:
    dataset = lake.engine.store.get_dataset_collection(match_id=match).first()
    files = lake.engine.store.load_files(dataset)
    return {dataset.name.rpartition(" ")[2]} | {str(file.json()["v"]) for file in files}


@pytest.fixture
def make(web: Provider) -> Iterator[Callable[..., tuple[Lake, Season]]]:
    made: list[Lake] = []

    def make_lake(plan: dict[str, Any] | None = None, **season: Any) -> tuple[Lake, Season]:
        source = Season(web, **season)
        made.append(Lake(source, data_spec_versions=plan or {"default": "v1"}))
        return made[-1], source

    yield make_lake
    for lake in made:
        lake.engine.close()


@pytest.mark.sampled(7)
@pytest.mark.parametrize("etag", [True, False])
@pytest.mark.parametrize("number", range(1, 12))
@pytest.mark.parametrize("is_new", [True, False])
def test_whenever_the_provider_corrects_a_match_name_and_files_are_of_one_version(
    make: Callable[..., tuple[Lake, Season]], etag: bool, number: int, is_new: bool
) -> None:
    lake, season = make(etag=etag)
    if not is_new:
        lake.engine.load()
        season.version[1] = 2
    count = 0

    def correct(_: str) -> None:
        nonlocal count
        count += 1
        if count == number:
            season.version[1] += 1

    season.before_answer = correct
    lake.engine.load()
    assert len(versions_of(lake)) == 1
    lake.engine.load()
    assert versions_of(lake) == {str(season.version[1])}


def test_the_index_is_read_once_more_for_all_that_wait_for_it(make: Callable[..., tuple[Lake, Season]]) -> None:
    lake, season = make(matches=20)
    assert lake.engine.load().totals.new == 20
    assert season.asked.count("/index") == 2
    assert lake.engine.load().totals.unchanged == 20
    assert season.asked.count("/index") == 1
    for match in (3, 7, 11):
        season.version[match] = 2
    assert lake.engine.load().totals.revised == 3
    assert season.asked.count("/index") == 2


def test_answers_that_are_made_anew_each_time_come_in_and_move_with_the_provider(
    make: Callable[..., tuple[Lake, Season]], caplog: pytest.LogCaptureFixture
) -> None:
    lake, season = make(matches=3, etag=False, made_anew=True)
    assert lake.engine.load().totals.new == 3
    (warning,) = [one.message for one in caplog.records if "different bytes" in one.message]
    assert "different bytes of events, frames, lineups each of three times" in warning
    season.version[2] = 2
    lake.engine.load()
    assert versions_of(lake, 2) == {"2"}


@pytest.mark.sampled(5)
@pytest.mark.parametrize("number", range(1, 15))
def test_answers_that_are_made_anew_each_time_are_of_one_version_also_if_only_they_show_it(
    make: Callable[..., tuple[Lake, Season]], number: int
) -> None:
    lake, season = make(etag=False, made_anew=True)
    season.names_version = False

    def correct(_: str) -> None:
        if season.answers == number - 1:
            season.version[1] = 2

    season.before_answer = correct
    lake.engine.load()
    assert len(versions_of(lake) - {"0"}) == 1


@pytest.mark.sampled(3)
@pytest.mark.parametrize("number", range(2, 7))
def test_a_date_that_a_file_kept_is_not_believed_of_a_match_that_changed(
    make: Callable[..., tuple[Lake, Season]], number: int
) -> None:
    lake, season = make(etag=False)
    lake.engine.load()
    season.date, season.names_version = "Mon, 01 Jan 2024 00:00:00 GMT", False
    season.version[1], season.answers = 2, 0

    def correct(_: str) -> None:
        if season.answers == number - 1:
            season.version[1] = 3

    season.before_answer = correct
    lake.engine.load()
    assert len(versions_of(lake) - {"0"}) == 1


def test_a_narrower_plan_asks_along_for_what_the_lake_has(web: Provider, tmp_path: Path) -> None:
    season = Season(web)
    for plan in ({"default": "v1"}, {"events": "v1"}):
        with get_engine(
            metadata_url=f"sqlite:///{tmp_path}/catalog.db", file_url=f"file://{tmp_path}/files/"
        ) as engine:
            engine.add_ingestion_plan(IngestionPlan(season, "match", data_spec_versions=plan))
            engine.load()
            (dataset,) = engine.list_datasets()
            files = engine.store.load_files(dataset)
            assert {file.file_id: file.json()["v"] for file in files} == {
                f"{feed}__v1": season.version[1] for feed in ("events", "lineups", "frames")
            }
        season.version[1] = 2


def test_a_reader_has_a_match_while_the_next_one_is_still_being_listed(
    make: Callable[..., tuple[Lake, Season]],
) -> None:
    lake, season = make(matches=2)
    goes_on = threading.Event()
    season.after_match = lambda match: goes_on.wait(30) and None
    found = lake.engine.iter_datasets(auto_ingest={"streaming": True})
    first = next(found)
    assert first.identifier["match_id"] in (1, 2)
    goes_on.set()
    assert len(list(found)) == 1


def test_a_run_does_not_wait_for_a_slow_listing_to_end(
    make: Callable[..., tuple[Lake, Season]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relisting, "FIRST_WAIT_SECONDS", 0.05)
    lake, season = make(matches=2)
    goes_on = threading.Event()
    is_first = threading.Event()

    def wait(match: int) -> None:
        if not is_first.is_set():
            is_first.set()
            goes_on.wait(30)

    season.after_match = wait
    run = threading.Thread(target=lake.engine.load)
    run.start()
    wait_until(lambda: len(lake.datasets) == 1)
    goes_on.set()
    run.join(30)
    assert len(lake.datasets) == 2


def test_an_index_that_cannot_be_read_again_fails_what_waits_for_it(make: Callable[..., tuple[Lake, Season]]) -> None:
    lake, season = make()
    season.before_answer = lambda path: None if path == "/index" else season.web.on("/index", answer(status=404))
    (failed,) = lake.engine.run_report().failed_tasks
    assert "/index: status 404" in failed.error
    assert lake.datasets == []


def test_what_is_not_listed_any_more_when_its_files_have_come_fails(make: Callable[..., tuple[Lake, Season]]) -> None:
    lake, season = make(matches=2)
    season.before_answer = lambda path: season.unlisted.add(2) if path != "/index" else None
    (failed,) = lake.engine.run_report().failed_tasks
    assert failed.name.startswith("match 2")
    assert "no longer lists it" in failed.error
