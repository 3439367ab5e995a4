"""A large file that was cut off is gone on with by the next run."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import DatasetResource, IngestionEngine, get_dev_engine
from ingestify.domain.ports import FetchContext, FetchRequest, Usage
from ingestify.errors import FetchError, LakeUnwritable
from ingestify.fetch.http import HttpClient, HttpOptions
from ingestify.main import adapters
from ingestify.storage.disk import make_disk_error
from ingestify.storage.local import LocalStorage
from ingestify.storage.local_temporary import LocalPartial
from ingestify.store.objects.staging import StagedFile
from tests.support.lake_in_memory import FunctionSource, hours
from tests.support.scripted_provider import Asked, Provider, Reply, answer
from tests.support.video import MIB, Video, video_of
from tests.support.waiting import wait_until

SIZE = 8 * MIB
BODY = video_of(SIZE)
OTHER = video_of(SIZE, seed=2)


class Match:
    """One match with a video, and what each run makes of it; a run is an engine of its own."""

    def __init__(self, folder: Path, web: Provider) -> None:
        self.folder = folder
        self.web = web
        self.video = Video(BODY)
        self.url = web.on("/1.mp4", by=self.video)
        self.others: dict[str, str] = {}
        self.at = 0.0
        self.source = FunctionSource(self.find)

    def find(self, **_: Any) -> list[DatasetResource]:
        resource = DatasetResource({"match_id": 1}, "match", name="match 1")
        resource.add_file(hours(self.at), "video", url=self.url)
        for feed, url in self.others.items():
            resource.add_file(hours(self.at), feed, url=url)
        return [resource]

    def run(self, look: Callable[[IngestionEngine], Any] | None = None) -> Any:
        with get_dev_engine(self.source, "match", dev_dir=self.folder) as engine:
            if look is not None:
                look(engine)
            return engine.load().totals

    @property
    def content(self) -> bytes:
        with get_dev_engine(self.source, "match", dev_dir=self.folder) as engine:
            (dataset,) = engine.list_datasets()
            content: bytes = engine.store.load_files(dataset).get_file("video").read()
            return content

    @property
    def left(self) -> list[str]:
        staging = self.folder / "files" / ".staging"
        return sorted(path.suffix for path in staging.iterdir()) if staging.exists() else []


@pytest.fixture
def match(tmp_path: Path, web: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Match]:
    options = HttpOptions(attempts=2, backoff_base_seconds=0.001, read_timeout_seconds=20)
    monkeypatch.setattr(adapters, "http_options", lambda source, settings: options)
    made = Match(tmp_path, web)
    yield made
    made.video.go.set()


def test_the_next_run_goes_on_where_all_tries_failed(match):
    match.video.breaks = [6 * MIB] * 2
    assert match.run().failed == 1
    assert match.left == [".notes", ".partial"]
    asked = len(match.video.ranges)
    assert match.run().new == 1
    assert match.content == BODY
    assert match.video.first_bytes[asked:] == [6 * MIB]
    assert match.video.sent == SIZE
    assert match.left == []


def test_five_cuts_in_one_run_cost_nothing(match):
    match.video.breaks = [(2 * MIB) + number * MIB for number in range(5)]
    assert match.run().new == 1
    assert match.content == BODY
    assert match.video.first_bytes == [0, *((2 * MIB) + number * MIB for number in range(5))]
    assert match.video.sent == SIZE


def test_a_file_that_changed_in_between_is_fetched_anew(match):
    match.video.breaks = [6 * MIB] * 2
    assert match.run().failed == 1
    match.video.body, match.video.etag = OTHER, '"v2"'
    assert match.run().new == 1
    assert match.video.ranges[-1] is not None
    assert match.content == OTHER


@pytest.mark.parametrize(("etag", "encoded"), [('W/"weak"', False), (None, False), ('"v1"', True)])
def test_what_names_no_exact_version_begins_anew(match, etag, encoded):
    match.video.etag, match.video.encoded = etag, encoded
    match.video.breaks = [6 * MIB] * 2
    assert match.run().failed == 1
    assert match.left == []
    assert match.run().new == 1
    assert match.video.ranges == [None, None, None]
    assert match.content == BODY


def test_a_video_that_came_is_not_fetched_again_because_another_file_failed(match, web):
    def refuse(asked: Asked) -> Reply:
        staging = match.folder / "files" / ".staging"
        wait_until(lambda: any(path.stat().st_size == SIZE for path in staging.glob("*.partial")))
        return answer(b"", 403)

    match.others = {"events": web.on("/1.json", by=refuse)}
    assert match.run().failed == 1
    assert match.left == [".notes", ".partial"]
    web.on("/1.json", answer(b"{}"))
    assert match.run().new == 1
    assert match.content == BODY
    # Behind its end nothing could be asked for: the last MiB tells that it is still the same file.
    assert SIZE - 2 * MIB <= match.video.first_bytes[1] < SIZE


def test_a_url_that_is_signed_anew_is_the_same_file(match):
    plain = match.url
    match.url = f"{plain}?X-Amz-Signature=aaaa&X-Amz-Date=20240501"
    match.video.breaks = [6 * MIB] * 2
    assert match.run().failed == 1
    match.url = f"{plain}?X-Amz-Signature=bbbb&X-Amz-Date=20240502"
    assert match.run().new == 1
    assert match.video.first_bytes[-1] >= 5 * MIB


def test_another_url_is_another_file(match, web):
    match.video.breaks = [6 * MIB] * 2
    assert match.run().failed == 1
    other = Video(OTHER)
    match.url = web.on("/2.mp4", by=other)
    assert match.run().new == 1
    assert other.ranges == [None]
    assert match.content == OTHER


def test_what_is_asked_for_in_full_is_not_put_behind_what_was_there(match):
    assert match.run().new == 1
    match.video.body, match.video.etag, match.at = OTHER, '"v2"', 1.0
    match.video.breaks = [6 * MIB] * 2
    assert match.run().failed == 1
    assert match.left == [".notes", ".partial"]

    def invalidate(engine: IngestionEngine) -> None:
        engine.store.invalidate_revisions(engine.list_datasets())

    assert match.run(invalidate).revised == 1
    assert match.video.ranges[-1] is None
    assert match.content == OTHER


def test_a_full_disk_is_not_kept_full(match, monkeypatch):
    write = LocalPartial.write
    written = 0

    def fill(self: Any, data: bytes) -> None:
        nonlocal written
        written += len(data)
        if written > 6 * MIB:
            raise make_disk_error("write", self.path, OSError(errno.ENOSPC, "No space left on device"))
        write(self, data)

    monkeypatch.setattr(LocalPartial, "write", fill)
    with pytest.raises(LakeUnwritable, match="disk is full"):
        match.run()
    assert match.left == []


def test_two_threads_that_fetch_the_same_share_nothing(match, tmp_path, web):
    """The one that comes second gets an object of its own; what it gets is not kept if it fails."""
    storage = LocalStorage(tmp_path / "objects")
    client = HttpClient("provider", HttpOptions(attempts=1, backoff_base_seconds=0.001))
    context = FetchContext(Usage(), threading.Event())
    request = FetchRequest(match.url, data_serialization_format="mp4")
    first, second = (StagedFile(storage, "zstd", "mp4", "samekey") for _ in range(2))
    match.video.pause = 6 * MIB
    failed: list[BaseException] = []

    def fetch_first() -> None:
        try:
            with client.activated(context):
                client.fetch(request, first)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=fetch_first)
    thread.start()
    wait_until(lambda: first.size >= 5 * MIB or bool(failed))  # it has its object
    match.video.breaks = [6 * MIB]
    with pytest.raises(FetchError):
        client.fetch(request, second)
    assert match.video.ranges[1] is None
    second.keep_partial()
    third = StagedFile(storage, "zstd", "mp4", "samekey")
    client.fetch(request, third)
    assert match.video.ranges[2] is None
    match.video.go.set()
    thread.join(30)
    assert not failed
    for number, staged in enumerate((first, third)):
        staged.complete()
        staged.persist()
        assert staged.temporary is not None
        storage.publish([(staged.temporary, f"main/{number}")])
        staged.discard()
        with storage.open(f"main/{number}") as stream:
            assert stream.read() == BODY
    assert list((storage.root / ".staging").iterdir()) == []
    client.close()
