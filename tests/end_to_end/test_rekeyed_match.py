"""StatsBomb gave all events of match 3788741 new ids and left its 360 file as it was. With the content of both exports.

Old 360 with old events: 3,482 freeze frames in kloppy. Old 360 with new events: 37, and no warning.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import IngestionEngine, QuarantineState, get_engine
from tests.end_to_end.running import ingestify
from tests.support.command_line import Ended
from tests.support.sizes import sizes

MATCH_ID = 3788741
FRAMES = 3482
JOINED = 3470  # of the 360 file's entries; kloppy gives some to two of its events
PART = 300  # of the events: the sample of the default run
FRAMES_OF_PART = 276
EVENTS, LINEUPS, FRAMES_360 = (f"/data/{folder}/{MATCH_ID}.json" for folder in ("events", "lineups", "three-sixty"))
INDEX = "/data/matches/55/43.json"

CONFIG = """
main:
  metadata_url: sqlite:///catalog.db
  file_url: file://files/
sources:
  statsbomb: {{type: ingestify.statsbomb_github, configuration: {{base_url: "{url}/data"}}}}
ingestion_plans:
  - source: statsbomb
    dataset_type: match
    selectors: [{{competition_id: 55, season_id: 43}}]
"""


class Export(http.server.ThreadingHTTPServer):
    """Serves documents that can be changed at any moment, also between two requests."""

    daemon_threads = True

    def __init__(self, documents: dict[str, bytes], validator: str) -> None:
        self.documents = documents
        self.validator = validator
        self.asked: list[tuple[str, int]] = []
        self.before_answer: Callable[[str], None] = lambda path: None
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Export

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.before_answer(self.path)
            body = self.server.documents.get(self.path)
        if body is None:
            self._send(404, b"")
            return
        headers = {}
        if self.server.validator == "etag":
            headers["ETag"] = f'"{hashlib.md5(body).hexdigest()}"'
        elif self.server.validator == "date":
            # As a static server has it over files that were unpacked with old dates: it says nothing of the content.
            headers["Last-Modified"] = "Wed, 01 Mar 2023 00:00:00 GMT"
        current = (
            headers.get("ETag") == self.headers.get("If-None-Match")
            if "If-None-Match" in self.headers
            else "If-Modified-Since" in self.headers and "Last-Modified" in headers
        )
        self._send(304 if current else 200, b"" if current else body, headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.server.asked.append((self.path, status))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature
        pass


@dataclasses.dataclass(frozen=True)
class Exports:
    """The files of both exports, which have the events in the same order.

    Attributes:
        older: As they were first, with the index.
        newer: Events and lineups of 2023-03.
        joining: The old 360 file with the ids of the new events.
        frames: How many entries it has.
    """

    older: dict[str, bytes]
    newer: dict[str, bytes]
    joining: bytes
    frames: int


@functools.cache
def exports(provider_data: Path, part: int | None = None) -> Exports:
    """Read them, or the first events and their frames, with the ends of the halves, which kloppy needs."""
    data, later = provider_data / "statsbomb/data", provider_data / "_revisions/statsbomb/2023-03/data"
    index = [entry for entry in json.loads((data / "matches/55/43.json").read_bytes()) if entry["match_id"] == MATCH_ID]
    old, new = (json.loads((one / f"events/{MATCH_ID}.json").read_bytes()) for one in (data, later))
    if part is not None:
        old, new = (
            one[:part] + [it for it in one[part:] if it["type"]["name"].startswith("Half")] for one in (old, new)
        )
    new_ids = {was["id"]: one["id"] for was, one in zip(old, new, strict=True)}
    frames = json.loads((data / f"three-sixty/{MATCH_ID}.json").read_bytes())
    frames = [frame for frame in frames if frame["event_uuid"] in new_ids]
    joining = [{**frame, "event_uuid": new_ids[frame["event_uuid"]]} for frame in frames]
    lineups = [(one / f"lineups/{MATCH_ID}.json").read_bytes() for one in (data, later)]
    events = [json.dumps(one).encode() for one in (old, new)]
    return Exports(
        {
            INDEX: json.dumps(index).encode(),
            EVENTS: events[0],
            LINEUPS: lineups[0],
            FRAMES_360: json.dumps(frames).encode(),
        },
        {EVENTS: events[1], LINEUPS: lineups[1]},
        json.dumps(joining).encode(),
        len(frames),
    )


@pytest.fixture
def validator() -> str:
    """By what the provider says that a file is the one of before; a test may have others."""
    return "etag"


@pytest.fixture(params=sizes(PART, None))
def part(request: pytest.FixtureRequest) -> int | None:
    """How many of the events there are; None: all of them."""
    found: int | None = request.param
    return found


@pytest.fixture
def files(provider_data: Path, part: int | None) -> Exports:
    return exports(provider_data, part)


@pytest.fixture
def export(validator: str, files: Exports) -> Iterator[Export]:
    with Export(dict(files.older), validator) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def config(tmp_path: Path, export: Export) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(url=export.url))
    return path


def rekey(export: Export, files: Exports) -> None:
    """Serve the events and lineups of 2023-03; of the index only `last_updated` moves."""
    export.documents.update(files.newer)
    (entry,) = json.loads(export.documents[INDEX])
    entry["last_updated"] = "2023-03-08T10:00:00"
    export.documents[INDEX] = json.dumps([entry]).encode()


def count_frames(engine: IngestionEngine, dataset: Any) -> int:
    match = engine.load_dataset_with_kloppy(dataset)
    return sum(event.freeze_frame is not None for event in match.events)


def count_joined(engine: IngestionEngine, dataset: Any) -> int:
    """The same without kloppy, which takes two seconds: how many frames of the 360 file belong to an event."""
    files = engine.store.load_files(dataset)
    ids = {event["id"] for event in files.get_file("events").json()}
    return sum(frame["event_uuid"] in ids for frame in files.get_file("360-frames").json())


def read(engine: IngestionEngine, count: Callable[[IngestionEngine, Any], int] = count_frames) -> int:
    (dataset,) = engine.list_datasets()
    return count(engine, dataset)


def stream(engine: IngestionEngine, count: Callable[[IngestionEngine, Any], int] = count_frames) -> list[int]:
    found = engine.iter_datasets(auto_ingest={"streaming": True}, provider="statsbomb", dataset_type="match")
    return [count(engine, dataset) for dataset in found]


@pytest.mark.parametrize("validator", ["etag", "date", "nothing"])
def test_nobody_ever_sees_old_frames_with_new_events(config: Path, export: Export, files: Exports, part: int | None):
    whole = FRAMES if part is None else FRAMES_OF_PART
    with get_engine(config) as engine:
        assert engine.load().totals.new == 1
        assert read(engine) == whole  # with kloppy once of each revision; that takes a while

        rekey(export, files)
        assert stream(engine, count_joined) == [files.frames]
        assert read(engine, count_joined) == files.frames
        (dataset,) = engine.list_datasets()
        assert len(dataset.revisions) == 1
        (entry,) = engine.store.quarantine.list_entries()
        (reason,) = entry.reasons
        assert part is not None or files.frames == JOINED
        of_all = f"{files.frames:,} of {files.frames:,} freeze frames of 360-frames belong to no event"
        assert reason.startswith(f"{of_all} of the events file")
        assert {file.data_feed_key for file in entry.files} == {"match", "events", "lineups"}

        export.asked.clear()
        report = engine.load()
        assert report.totals.quarantined == 1
        if export.validator == "etag":
            assert {status for path, status in export.asked if path != INDEX} == {304}
        elif export.validator == "nothing":
            assert [path for path, _ in export.asked] == [INDEX]
        assert read(engine, count_joined) == files.frames

        export.documents[FRAMES_360] = files.joining
        if export.validator != "etag":
            # Nothing says that the file is another one, so somebody has to.
            engine.store.quarantine.request_retry([entry.entry_id])
        assert engine.load().totals.revised == 1
        assert stream(engine) == [whole]
        (dataset,) = engine.list_datasets()
        assert [revision.revision_id for revision in dataset.revisions] == [0, 1]
        assert {file.data_feed_key for file in dataset.revisions[1].modified_files} == {
            "match",
            "events",
            "lineups",
            "360-frames",
        }
        assert engine.store.quarantine.list_entries() == []
        assert engine.load().totals.unchanged == 1


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("validator", "requests"),
    [
        *(("etag", number) for number in range(1, 8)),
        *(("date", number) for number in (2, 4)),
        ("nothing", 2),
        ("nothing", 4),
    ],
)
def test_nor_when_the_provider_changes_in_the_middle_of_a_fetch(
    config: Path, export: Export, files: Exports, requests: int
):
    with get_engine(config) as engine:
        engine.load()
        (entry,) = json.loads(export.documents[INDEX])
        entry["last_updated"] = "2023-01-01T10:00:00"
        export.documents[INDEX] = json.dumps([entry]).encode()
        count = 0

        def change(path: str) -> None:
            nonlocal count
            count += 1
            if count == requests:
                rekey(export, files)

        export.before_answer = change
        assert stream(engine, count_joined) == [files.frames]
        export.before_answer = lambda path: None
        for _ in range(2):
            assert stream(engine, count_joined) == [files.frames]
        (dataset,) = engine.list_datasets()
        kept = engine.store.load_files(dataset)
        for path, feed in ((EVENTS, "events"), (LINEUPS, "lineups"), (FRAMES_360, "360-frames")):
            assert kept.get_file(feed).read() == files.older[path], "what readers see is of the old export, all of it"
        assert len(engine.store.quarantine.list_entries()) == 1


def test_the_command_line_tells_and_decides(config: Path, export: Export, files: Exports):
    def told(*arguments: str) -> Ended:
        return ingestify(config.parent, *arguments, "--config", str(config))

    assert told("run").code == 0
    assert "Nothing is in quarantine" in told("quarantine", "list").err
    rekey(export, files)
    ran = told("run")
    assert ran.code == 3
    assert ran.out.startswith("1 match: 0 new, 0 revised, 0 unchanged, 0 failed, 1 in quarantine · ")
    assert "in quarantine: " in ran.err
    assert "freeze frames of 360-frames belong to no event" in ran.err
    listed = told("quarantine", "list", "--json")
    entry = json.loads(listed.out)
    assert entry["base_revision_id"] == 0
    assert f"{files.frames:,} of {files.frames:,} freeze frames" in told("quarantine", "list").out
    shown = told("quarantine", "show", entry["entry_id"][:8])
    assert "readers see              revision 0" in shown.out
    assert told("status", "--failed").out.count("in quarantine") >= 1
    planned = told("plan", "-v")
    assert "1 match: 0 to fetch" in planned.out
    retried = told("quarantine", "retry", entry["entry_id"])
    assert retried.code == 3, retried.err
    discarded = told("quarantine", "discard", entry["entry_id"], "--by", "Rinus", "--note", "wait for 360", "-y")
    assert discarded.code == 0, discarded.err
    assert "Discarded; 3 files removed." in discarded.err
    assert told("run").code == 0
    both = told("quarantine", "list", "--all")
    assert "DISCARDED" in both.out
    again = told("quarantine", "accept", entry["entry_id"], "--by", "Rinus")
    assert again.code == 1
    assert "cannot be accepted: it is DISCARDED" in again.err
    with get_engine(config) as engine:
        assert read(engine, count_joined) == files.frames
        assert [entry.state for entry in engine.store.quarantine.list_entries(())] == [QuarantineState.DISCARDED]
