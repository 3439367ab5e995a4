"""A fault of one dataset, listener or subscriber leaves the others alone; only a lake that refuses ends the run."""

from __future__ import annotations

import logging
from typing import Any

from ingestify import DatasetResource
from ingestify.domain.run import RunState
from ingestify.domain.subscriber import Subscriber
from ingestify.errors import LakeUnwritable
from tests.support.lake_in_memory import hours, match


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
