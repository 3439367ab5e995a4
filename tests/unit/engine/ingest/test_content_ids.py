"""A source of one's own that knows the contents of files before they are requested."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import DatasetResource, Source, get_dev_engine
from ingestify.domain.content_id import sha256
from ingestify.domain.file import DraftFile, File
from ingestify.domain.resource import FileResource
from ingestify.testing.document_provider import DocumentProvider

FEEDS = ("events", "lineups")


def body_of(feed: str, version: int) -> bytes:
    return b'{"feed": "%s", "version": %d}' % (feed.encode(), version)


class Listed(Source):
    """One match, of which the index lists the sha256 of each file."""

    provider = "mine"

    def __init__(self, web: DocumentProvider, *, snapshot: str | None = None) -> None:
        super().__init__("mine")
        self.web = web
        self.snapshot = snapshot

    def find_datasets(self, dataset_type: str, **_: Any) -> Iterator[DatasetResource]:
        resource = DatasetResource({"match_id": 1}, dataset_type, snapshot=self.snapshot)
        for feed, digest in self.http.get_json(f"{self.web.base_url}/index").items():
            resource.add_file(None, feed, url=f"{self.web.base_url}/{feed}", content_id=sha256(digest))
        yield resource


def documents(version: int, *, listed: int | None = None) -> dict[str, Any]:
    digests = {feed: hashlib.sha256(body_of(feed, listed or version)).hexdigest() for feed in FEEDS}
    return {"index": digests, **{feed: body_of(feed, version) for feed in FEEDS}}


@pytest.fixture
def web() -> Iterator[DocumentProvider]:
    with DocumentProvider(documents(1)) as provider:
        yield provider


def run(web: DocumentProvider, folder: Any, **options: Any) -> tuple[Any, list[str]]:
    web.clear_paths()
    with get_dev_engine(Listed(web, **options), "note", dev_dir=folder) as engine:
        totals = engine.load().totals
    return totals, sorted(web.paths)


def test_each_file_is_requested_once_and_not_again_while_it_is_the_same(web: DocumentProvider, tmp_path: Any):
    totals, asked = run(web, tmp_path)
    assert (totals.new, asked) == (1, ["events", "index", "index", "lineups"]), "the entry may be older than its files"
    assert run(web, tmp_path)[1] == ["index"]
    web.documents = documents(2)
    totals, asked = run(web, tmp_path)
    assert (totals.revised, asked) == (1, ["events", "index", "index", "lineups"])


def test_with_a_snapshot_nothing_is_read_again(web: DocumentProvider, tmp_path: Any):
    assert run(web, tmp_path, snapshot="7")[1] == ["events", "index", "lineups"]


def test_what_changes_after_it_was_listed_is_not_stored(web: DocumentProvider, tmp_path: Any):
    web.documents = documents(2, listed=1)
    assert run(web, tmp_path)[0].failed == 1
    web.documents = documents(2)
    assert run(web, tmp_path)[0].new == 1


def test_a_list_that_changes_while_its_files_come_is_followed(web: DocumentProvider, tmp_path: Any):
    class Moving(DocumentProvider):
        def _answer(self, asked: Any) -> Any:
            given = super()._answer(asked)
            if asked.target.endswith("lineups") and self.documents["lineups"] == body_of("lineups", 1):
                self.documents = documents(2)
            return given

    # The events of before come first, or fail as others than were listed: no mix of both is ever stored.
    with Moving(documents(1)) as moving:
        run(moving, tmp_path)
        run(moving, tmp_path)
        with get_dev_engine(Listed(moving), "note", dev_dir=tmp_path) as engine:
            (dataset,) = engine.list_datasets()
            files = engine.store.load_files(dataset)
            assert {feed: files.get_file(feed).read() for feed in FEEDS} == {feed: body_of(feed, 2) for feed in FEEDS}


class Loaded(Source):
    """One match, of which a file loader brings the files that a list names."""

    provider = "mine"

    def __init__(self, contents: dict[str, bytes]) -> None:
        super().__init__("mine")
        self.contents = contents

    def find_datasets(self, dataset_type: str, **_: Any) -> Iterator[DatasetResource]:
        resource = DatasetResource({"match_id": 1}, dataset_type)
        for feed, body in self.contents.items():
            digest = hashlib.sha256(body).hexdigest()
            resource.add_file(None, feed, file_loader=self._load, content_id=sha256(digest))
        yield resource

    def _load(self, file: FileResource, _: File | None) -> DraftFile:
        return DraftFile(file.data_feed_key, "v1", "json", self.contents[file.data_feed_key])


def test_a_file_that_quarantine_has_lost_is_loaded_again_and_not_taken_for_that_of_the_lake(tmp_path: Any):
    source = Loaded({feed: body_of(feed, 1) for feed in FEEDS})
    with get_dev_engine(source, "note", dev_dir=tmp_path) as engine:
        engine.load()
        source.contents = {"events": body_of("events", 2), "lineups": b"{no JSON"}
        assert engine.load().totals.quarantined == 1
        (entry,) = engine.quarantine
        engine.store.storage.delete([file.storage_path for file in entry.files])
        source.contents["lineups"] = body_of("lineups", 2)
        assert engine.load().totals.revised == 1
        (dataset,) = engine.list_datasets()
        files = engine.store.load_files(dataset)
        assert [files.get_file(feed).read() for feed in FEEDS] == [body_of(feed, 2) for feed in FEEDS]
