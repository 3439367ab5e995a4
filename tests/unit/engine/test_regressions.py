"""What testers found, each as small as it was found."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import ConfigurationError, DatasetResource, StopProcessing
from ingestify.domain.run import RunState
from ingestify.domain.subscriber import Subscriber
from ingestify.errors import LakeUnwritable
from tests.support.lake_in_memory import FunctionSource, Lake, hours, match
from tests.support.scripted_provider import Provider, answer

# ---- a selector's hint -----------------------------------------------------------------------------------


def hinted(lake: Lake, hint: float) -> None:
    lake.source.selectors = [{"competition_id": 1, "_last_modified": hours(hint)}]


def test_a_run_that_broke_off_is_no_reason_to_skip_its_selector(make_lake):
    lake = make_lake(lambda **_: [match(6), match(7)])
    hinted(lake, 1)
    lake.engine.load()

    def breaks_off(**_: Any) -> Any:
        yield match(7, {"n": 7}, at=5)
        time.sleep(0.2)  # so that it is committed
        raise StopProcessing("a quota")

    hinted(lake, 5)
    lake.source.find = breaks_off
    with pytest.raises(StopProcessing):
        lake.engine.load()
    lake.source.find = lambda **_: [match(6, {"n": 6}, at=4), match(7, {"n": 7}, at=5)]
    lake.engine.load()
    assert (lake.content(6), lake.content(7)) == ({"n": 6}, {"n": 7})


def test_neither_is_a_narrowed_run(make_lake):
    lake = make_lake(lambda **_: [match(6), match(7)])
    hinted(lake, 1)
    lake.engine.load()
    hinted(lake, 5)
    lake.source.find = lambda **_: [match(6, {"n": 6}, at=4), match(7, {"n": 7}, at=5)]
    lake.engine.load(match_id=7)
    lake.engine.load()
    assert lake.content(6) == {"n": 6}


def test_a_deleted_dataset_comes_back_although_the_hint_stands(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2)])
    hinted(lake, 1)
    lake.engine.load()
    assert lake.engine.load().jobs[0].state is RunState.SKIPPED
    lake.engine.destroy_dataset(match_id=1)
    assert lake.engine.load().totals.new == 1


def test_an_invalidated_revision_is_fetched_although_the_hint_stands(make_lake):
    lake = make_lake(lambda **_: [match(1)])
    hinted(lake, 1)
    lake.engine.load()
    lake.engine.store.invalidate_revision(lake.datasets[0], "wrong")
    lake.source.find = lambda **_: [match(1, {"n": 2})]
    assert lake.engine.load().totals.revised == 1


# ---- a source that submits and collects ------------------------------------------------------------------


class Collecting(FunctionSource):
    """Takes everything at once, and gives it back one by one."""

    def __init__(self, number: int) -> None:
        super().__init__(lambda **_: [match(one) for one in range(number)])
        self.pending: list[DatasetResource] = []

    def submit(self, iterator: Iterator[DatasetResource]) -> bool:
        self.pending.extend(iterator)
        return True

    def collect(self) -> Iterator[DatasetResource]:
        while self.pending:
            yield self.pending.pop()

    def has_pending(self) -> bool:
        return bool(self.pending)


def test_a_source_may_take_as_many_as_it_likes():
    lake = Lake(Collecting(500))
    assert lake.engine.load().totals.new == 500
    lake.engine.close()


def test_a_stream_of_such_a_source_yields_what_is_unchanged():
    lake = Lake(Collecting(5))
    for _ in range(2):
        assert len(list(lake.engine.iter_datasets(auto_ingest={"streaming": True}))) == 5
    lake.engine.close()


# ---- validators ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["url", "params"])
def test_a_validator_says_nothing_of_another_url(web: Provider, change: str):
    web.on("/a", answer(b'{"n": 1}', last_modified="Wed, 10 Jan 2024 00:00:00 GMT", etag='"1"'))

    def by(asked: Any) -> Any:
        if "if-none-match" in asked.headers or "if-modified-since" in asked.headers:
            return answer(status=304)
        return answer(b'{"n": 2}', etag='"1"')

    url, params = f"{web.url}/a", {"v": 1}

    def find(**_: Any) -> Any:
        resource = DatasetResource({"match_id": 1}, "match")
        return [resource.add_file(None, "events", url=url, http_options={"params": params})]

    lake = Lake(FunctionSource(find))
    lake.engine.load()
    if change == "url":
        url = web.on("/b", by=by)
    else:
        params = {"v": 2}
        web.on("/a", by=by)
    assert lake.engine.load().totals.revised == 1
    assert lake.content(1) == {"n": 2}
    lake.engine.close()


def test_a_signature_that_changes_is_no_other_url(web: Provider):
    web.on("/a", by=lambda asked: answer(status=304) if "if-none-match" in asked.headers else answer(b"1", etag='"1"'))
    urls = iter([f"{web.url}/a?X-Amz-Signature={number}&Expires={number}" for number in range(9)])
    lake = Lake(
        FunctionSource(lambda **_: [DatasetResource({"match_id": 1}, "match").add_file(None, "events", url=next(urls))])
    )
    lake.engine.load()
    assert lake.engine.load().totals.unchanged == 1
    assert "if-none-match" in web.asked[-1].headers
    lake.engine.close()


# ---- a damaged object ------------------------------------------------------------------------------------


def test_invalidating_fetches_in_full_once_and_restores_a_damaged_object(web: Provider):
    body = b'{"n": 1}'
    web.on("/a", by=lambda asked: answer(status=304) if "if-none-match" in asked.headers else answer(body, etag='"1"'))

    def find(**_: Any) -> Any:
        return [DatasetResource({"match_id": 1}, "match").add_file(hours(0), "events", url=f"{web.url}/a")]

    lake = Lake(FunctionSource(find))
    lake.engine.load()
    storage: Any = lake.engine.store.storage
    (path,) = (one for one in storage._objects if one.startswith("main/"))
    storage._objects[path] = (b"garbage", storage._objects[path][1])
    lake.engine.store.invalidate_revision(lake.datasets[0], "damaged")
    lake.engine.load()
    assert "if-none-match" not in web.asked[-1].headers
    assert lake.content(1) == {"n": 1}
    asked = len(web.asked)
    lake.engine.load()
    assert len(web.asked) == asked, "once is enough"
    lake.engine.close()


# ---- one dataset's fault is its own ----------------------------------------------------------------------


def test_metadata_that_is_no_json_fails_its_dataset_only(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2)])
    lake.engine.load()
    lake.source.find = lambda **_: [match(1, metadata={1: 1, "a": 2}), match(2, {"n": 2}, at=1)]
    report = lake.engine.load()
    assert (report.totals.failed, report.totals.revised) == (1, 1)
    assert "metadata is not JSON" in report.failed_tasks[0].error
    lake.source.find = lambda **_: [match(3, metadata={1: 1, "a": 2})]
    assert lake.engine.load().totals.failed == 1


def test_a_listener_that_raises_ends_nothing(make_lake, caplog):
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise BrokenPipeError(name)

    lake = make_lake(lambda **_: [match(number) for number in range(5)])
    assert lake.engine.load(listener=Broken()).totals.new == 5
    assert lake.engine.load(dry_run=True, listener=Broken()).totals.unchanged == 5
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "The run's listener failed in run_started: BrokenPipeError: run_started; the run goes on.",
        "The run's listener failed in run_started: BrokenPipeError: run_started; the run goes on.",
    ]


def test_a_subscriber_that_fails_on_everything_is_told_of_once(make_lake, caplog):
    class Broken(Subscriber):
        def on_dataset_created(self, event: Any) -> None:
            raise RuntimeError("no broker")

    lake = make_lake(lambda **_: [match(number) for number in range(5)])
    lake.engine.store.publisher.add_subscriber(Broken(lake.engine.store))
    lake.engine.load()
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "The subscriber Broken failed on dataset_created with RuntimeError: no broker" in record.message
    assert record.exc_info is None


def test_a_lake_that_cannot_be_written_stops_the_run(make_lake, monkeypatch):
    lake = make_lake(lambda **_: [match(number) for number in range(50)])

    def refuse(objects: Any) -> None:
        raise LakeUnwritable("Cannot write x: the disk is full.")

    monkeypatch.setattr(lake.engine.store.storage, "publish", refuse)
    report = lake.engine.run_report()
    assert report.state is RunState.FAILED
    assert isinstance(report.error, LakeUnwritable)
    assert report.totals.failed == 0


def test_a_dataset_none_of_whose_files_came_is_not_complete(make_lake):
    def find(**_: Any) -> Any:
        return [DatasetResource({"match_id": 1}, "match").add_file(hours(0), "events", file_loader=lambda *_: None)]

    lake = make_lake(find)
    lake.engine.load()
    assert lake.datasets[0].state == "SCHEDULED"


# ---- stopping --------------------------------------------------------------------------------------------


def test_a_provider_that_does_not_answer_does_not_hold_up_a_reader_who_leaves(web: Provider):
    silence = threading.Event()
    web.on("/stalled", [silence])

    def find(**_: Any) -> Any:
        yield [match(1)]
        yield [DatasetResource({"match_id": 2}, "match").add_file(hours(0), "events", url=f"{web.url}/stalled")]

    lake = Lake(FunctionSource(find))
    for dataset in lake.engine.iter_datasets(auto_ingest={"streaming": True}):
        assert dataset.identifier["match_id"] == 1
        while not web.asked:
            time.sleep(0.01)
        started = time.monotonic()
        break
    assert time.monotonic() - started < 5
    silence.set()
    # The client can be used again.
    web.on("/stalled", answer(b"{}"))
    assert lake.engine.load().totals.new == 1
    lake.engine.close()


# ---- selectors -------------------------------------------------------------------------------------------


class Seasons(FunctionSource):
    def find_datasets(self, dataset_type, versions, metadata, competition_id, season_id, match_id=None):
        self.calls.append({"competition_id": competition_id, "season_id": season_id, "match_id": match_id})
        return []


def seasons(selector: dict[str, Any]) -> Seasons:
    source = Seasons(lambda **_: [], [{"competition_id": 1, "season_id": number} for number in (1, 2)])
    lake = Lake(source, selectors=[selector])
    try:
        lake.engine.load()
    finally:
        lake.engine.close()
    return source


def test_a_misspelt_key_does_not_select_more():
    with pytest.raises(ConfigurationError, match="the key 'seson_id', which no discovered selector has; did you mean"):
        seasons({"competition_id": 1, "seson_id": 2})


def test_a_key_that_find_datasets_takes_reaches_it():
    calls = seasons({"competition_id": 1, "match_id": 5}).calls
    assert {call["match_id"] for call in calls} == {5}
    assert {call["season_id"] for call in calls} == {1, 2}


def test_selector_keys_may_have_the_names_of_arguments(make_lake):
    def find(**_: Any) -> Any:
        return [match(1)]

    lake = make_lake(find, selectors=[{"page": 1, "provider": "x", "_last_modified": hours(1)}])

    class Looks(FunctionSource):
        def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **selector):
            assert dataset_collection_metadata.row_count in (0, 1)
            return self.find(**selector)

    lake.source.__class__ = Looks
    assert lake.engine.load().totals.new == 1
    assert lake.engine.load().jobs[0].state is RunState.SKIPPED
