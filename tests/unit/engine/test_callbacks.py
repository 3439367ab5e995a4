"""No callback runs under a lock of ours: whatever others wrote may call the lake and the engine again."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ingestify
from ingestify import BundleCheck, DatasetResource, DraftFile, FetchPolicy, IngestionEngine, IngestionPlan, Source
from ingestify.domain.subscriber import Subscriber
from ingestify.engine.report.report import RunListener
from ingestify.events.dispatcher import Dispatcher
from ingestify.main.adapters import make_engine, open_store
from ingestify.store.objects.layout import Layout

SRC = str(Path(ingestify.__file__).parent)

TURNS = {"decider.py"}
"""Not locks but turns: policies are asked for one batch after the other, and nothing else of ours waits for that."""

TAKEN = {"find_datasets", "file_loader", "post_load_files", "find_problems", "of fake: revision_added"}
"""The callbacks whose run has its job to itself by then."""

_held = threading.local()


class WatchedLock:
    """A lock that knows which thread has it."""

    def __init__(self, lock: Any, where: str) -> None:
        self._lock = lock
        self._where = where

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        got: bool = self._lock.acquire(*args, **kwargs)
        if got:
            held().append(self._where)
        return got

    def release(self) -> None:
        self._lock.release()
        held().remove(self._where)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def held() -> list[str]:
    """The locks of ours that this thread has."""
    if not hasattr(_held, "names"):
        _held.names = []
    names: list[str] = _held.names
    return names


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("Lock", "RLock"):
        make = getattr(threading, kind)

        def made(make: Callable[[], Any] = make) -> Any:
            path = Path(sys._getframe(1).f_code.co_filename)
            return WatchedLock(make(), path.name) if str(path).startswith(SRC) else make()

        monkeypatch.setattr(threading, kind, made)


class Calls:
    """What each callback does: look at what its thread holds, and call the engine again, also from another thread."""

    def __init__(self) -> None:
        self.engine: IngestionEngine
        self.made: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def make(self, name: str) -> None:
        with self._lock:
            if name in self.made:
                return
            self.made[name] = [lock for lock in held() if lock not in TURNS]
        self._write_again(name)
        self.engine.load(provider="other")
        if name in TAKEN:
            # The run that waits for this callback is at it already; so nothing is waited for.
            list(self.engine.iter_datasets(auto_ingest=True, provider="fake"))
        thread = threading.Thread(target=self._call_from_a_thread, args=(name,), daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), f"{name}: what it calls in another thread hangs"

    def _write_again(self, name: str) -> None:
        there = self.engine.list_datasets(provider="there")
        self.engine.store.invalidate_revisions(there, name)
        self.engine.store.commits.mark_missing([dataset.dataset_id for dataset in there])

    def _call_from_a_thread(self, name: str) -> None:
        self._write_again(name)
        assert len(list(self.engine.iter_datasets(auto_ingest={"streaming": True}, provider="third"))) == 1


class Calling(Source):
    """A source that calls back from wherever it is called."""

    provider = "fake"

    def __init__(self, calls: Calls) -> None:
        super().__init__("calling")
        self.calls = calls

    def discover_selectors(self, dataset_type: str) -> list[dict[str, Any]]:
        self.calls.make("discover_selectors")
        return [{"season_id": 1}]

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        self.calls.make("find_datasets")
        for number in range(3):
            resource = DatasetResource(
                {"match_id": f"m{number}"}, dataset_type, name="m", post_load_files=self.post_load_files
            )
            yield resource.add_file(None, "events", file_loader=self.load)

    def load(self, file_resource, current_file):
        self.calls.make("file_loader")
        return DraftFile.from_input('{"n": 1}', "events", data_serialization_format="json")

    def post_load_files(self, *_: object) -> None:
        self.calls.make("post_load_files")


class Submitting(Calling):
    provider = "submitting"

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield DatasetResource({"match_id": 1}, dataset_type, name="m").add_file(None, "events")

    def submit(self, resources):
        self.calls.make("submit")
        self.pending = list(resources)
        return True

    def collect(self):
        self.calls.make("collect")
        for resource in self.pending:
            yield resource.update_file("events", json_content={"n": 1})
        self.pending = []

    def has_pending(self):
        return bool(self.pending)


class Plain(Source):
    def __init__(self, provider: str) -> None:
        self.provider = provider
        super().__init__(provider)

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
        yield DatasetResource({"match_id": 1}, dataset_type, name="m").add_file(None, "events", json_content={"n": 1})


class Policy(FetchPolicy):
    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    def should_fetch(self, resource):
        self.calls.make("should_fetch")
        return True

    def can_skip(self, summary, resource):
        self.calls.make("can_skip")
        return False

    def should_refetch(self, dataset, resource):
        self.calls.make("should_refetch")
        return True


class Listening(Subscriber):
    def __init__(self, store: Any, calls: Calls) -> None:
        super().__init__(store)
        self.calls = calls

    def handle(self, event: Any) -> None:
        self.calls.make(event.event_type)
        if event.event_type == "revision_added" and event.dataset.provider == "fake":
            self.calls.make("of fake: revision_added")


class Listener:
    """A run's listener."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: self._calls.make(name)


class Transformation:
    name = "first"

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def transform(self, value: str) -> str:
        self._calls.make("transform")
        return value[:1]


class Check(BundleCheck):
    calls: Calls

    def find_problems(self, bundle):
        self.calls.make("find_problems")
        return []


@pytest.fixture(params=["sqlite:///:memory:", "sqlite:///catalog.db"])
def calls(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    monkeypatch.chdir(tmp_path)
    made = Calls()
    Check.calls = made
    source = Calling(made)
    source.bundle_checks = (Check(),)
    store = open_store(request.param, f"file://{tmp_path / 'files'}", "main")
    store.objects._layout = Layout({("fake", "match", "match_id"): Transformation(made)})
    plans = [
        IngestionPlan(source, "match", fetch_policy=Policy(made)),
        IngestionPlan(Submitting(made), "match"),
        *(IngestionPlan(Plain(name), "match") for name in ("there", "other", "third")),
    ]
    made.engine = make_engine(store, {}, plans)
    made.engine.load(provider="there")
    assert isinstance(store.publisher, Dispatcher)
    store.publisher.add_subscriber(Listening(store, made))
    yield made
    made.engine.close()


@pytest.mark.sampled(2)
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_callback_may_call_the_lake_and_the_engine_again(calls: Calls) -> None:
    listener: RunListener = Listener(calls)  # type: ignore[assignment]
    for _ in range(2):
        report = calls.engine.run_report(listener=listener, provider="fake")
        assert (report.error, [task.error for task in report.failed_tasks]) == (None, [])
    calls.engine.run_report(listener=listener, provider="fake", dry_run=True)
    assert calls.engine.load(provider="submitting").totals.new == 1
    for _ in calls.engine.iter_datasets(auto_ingest={"streaming": True}, provider="fake"):
        calls.make("the loop of a stream's reader")
    calls.engine.store.delete_datasets(calls.engine.list_datasets(provider="third"))
    assert {name: locks for name, locks in calls.made.items() if locks} == {}
    assert set(calls.made) >= {
        *("discover_selectors", "find_datasets", "file_loader", "post_load_files", "submit", "collect"),
        *("should_fetch", "should_refetch", "transform", "find_problems"),
        *(
            "dataset_created",
            "revision_added",
            "of fake: revision_added",
            "revision_invalidated",
            "metadata_updated",
            "dataset_deleted",
        ),
        *("run_started", "job_started", "job_ended", "task_ended", "planned", "the loop of a stream's reader"),
    }


def test_what_a_subscriber_brings_about_is_told_after_it_in_the_order_of_the_commits(calls: Calls) -> None:
    told: list[tuple[int | None, str]] = []
    depth: list[int] = []

    class Order(Subscriber):
        def handle(self, event: Any) -> None:
            depth.append(1)
            assert len(depth) == 1, "it is told of something while it is told of something else"
            if event.event_type == "revision_added" and event.dataset.provider == "other":
                calls.engine.load(provider="third")
            told.append((event.position, event.event_type))
            depth.pop()

    calls.made = {kind: [] for kind in ("dataset_created", "revision_added", "dataset_skipped")}
    calls.engine.store.publisher.add_subscriber(Order(calls.engine.store))  # type: ignore[attr-defined]
    calls.engine.load(provider="other")
    assert [kind for _, kind in told] == ["dataset_created", "revision_added"] * 2
    assert told == sorted(told)
