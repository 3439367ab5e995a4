from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable

import pytest

from ingestify.storage.deliveries.folder import FolderDelivery
from tests.support.drop import Drop

MakeDrop = Callable[..., Drop]
MATCH = "match_id=7"


def zipped(**members: bytes | str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.fixture
def drop(make_drop: MakeDrop) -> Drop:
    return make_drop(
        pattern="{match_id}_{data_feed_key}.{data_serialization_format}",
        members={"events": "*/events.json", "tracking": {"name": "**.csv", "data_spec_version": "v3"}},
    )


def test_an_archive_is_kept_whole_and_members_are_feeds(drop: Drop) -> None:
    content = zipped(**{"7/events.json": "[1]", "7/raw/frames.csv": "frame,x\n1,2\n", "7/other.txt": "x"})
    drop.put("7_delivery.zip", content)
    assert drop.load().totals.new == 1
    assert drop.read() == {
        MATCH: {"delivery__v1": content, "events__v1": b"[1]", "tracking__v3": b"frame,x\n1,2\n"},
    }
    (dataset,) = drop.engine.list_datasets()
    formats = {file.data_feed_key: file.data_serialization_format for file in dataset.files.values()}
    assert formats == {"delivery": "zip", "events": "json", "tracking": "csv"}


def test_only_the_wanted_members_are_read(drop: Drop) -> None:
    drop.put("7_delivery.zip", zipped(**{"7/events.json": "[1]", "a.csv": "frame,x\n1,2\n"}))
    drop.load({"events": "v1"})
    assert drop.read() == {MATCH: {"events__v1": b"[1]"}}


def test_a_second_run_opens_no_archive_also_if_a_member_is_not_in_it(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.put("7_delivery.zip", zipped(**{"7/events.json": "[1]"}))
    assert drop.load().totals.new == 1
    monkeypatch.setattr(FolderDelivery, "open", lambda self, file: pytest.fail(f"{file.path} was opened"))
    assert drop.load().totals.unchanged == 1
    monkeypatch.undo()
    drop.put("7_delivery.zip", zipped(**{"7/events.json": "[1]", "a.csv": "frame,x\n1,2\n"}))
    assert drop.load().totals.revised == 1
    assert "tracking__v3" in drop.read()[MATCH]


def test_a_corrected_archive_brings_only_the_members_that_changed(drop: Drop) -> None:
    drop.put("7_delivery.zip", zipped(**{"7/events.json": "[1]", "a.csv": "frame,x\n1,2\n"}))
    drop.load()
    drop.put("7_delivery.zip", zipped(**{"7/events.json": "[1]", "a.csv": "frame,x\n3,4\n"}))
    drop.load()
    (dataset,) = drop.engine.list_datasets()
    assert sorted(file.file_id for file in dataset.revisions[-1].modified_files) == ["delivery__v1", "tracking__v3"]


def test_several_members_for_one_feed_fail_the_dataset_and_two_are_named(drop: Drop) -> None:
    drop.put("7_delivery.zip", zipped(**{"7/events.json": "[1]", "8/events.json": "[2]"}))
    report = drop.load()
    assert report.totals.failed == 1
    assert (
        "7_delivery.zip has several members that are '*/events.json': 7/events.json and 8/events.json"
        in report.failed_tasks[0].error
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(**{"../../etc/passwd": "x"}), "has a name that leaves the archive"),
        (b"PK\x03\x04 and then nothing", "7_delivery.zip: "),
        (b"no archive at all", "7_delivery.zip: "),
    ],
)
def test_a_broken_or_hostile_archive_fails_the_dataset(drop: Drop, content: bytes, message: str) -> None:
    drop.put("7_delivery.zip", content)
    drop.put("8_events.json")
    report = drop.load()
    assert (report.totals.new, report.totals.failed) == (1, 1)
    assert message in report.failed_tasks[0].error


def test_a_bomb_is_refused_before_it_is_inflated(drop: Drop) -> None:
    drop.put("7_delivery.zip", zipped(**{"7/events.json": bytes(200 << 20)}))
    report = drop.load()
    assert report.totals.failed == 1
    assert "7_delivery.zip: " in report.failed_tasks[0].error


def test_an_archive_that_is_called_as_one_of_its_members_fails_the_dataset(drop: Drop) -> None:
    drop.put("7_events.zip", zipped(**{"7/events.json": "[1]"}))
    report = drop.load()
    assert "7_events.zip is the feed 'events', and so is a member of it" in report.failed_tasks[0].error


def test_a_member_that_differs_in_capitals_accents_or_separators_alone_is_the_one(tmp_path):
    with Drop(tmp_path, members={"events": "Málaga/*/events.json"}, requires=["events"], optional=["delivery"]) as drop:
        drop.put("11/90/7_delivery.zip", zipped(**{"Ma\u0301laga\\Day 1\\Events.JSON": "[1]", "__MACOSX/x": "x"}))
        drop.load()
        assert next(iter(drop.read().values()))["events__v1"] == b"[1]"
    with Drop(tmp_path, members={"events": "events.json"}) as drop:
        drop.put("11/90/7_delivery.zip", zipped(**{"Events.json": "[2]", "events.json": "[1]"}))
        drop.load()
        assert next(iter(drop.read().values()))["events__v1"] == b"[1]", "what is of the very pattern goes before"
        drop.put("11/90/7_delivery.zip", zipped(**{"Events.json": "[2]", "EVENTS.json": "[1]"}), age_seconds=1000)
        report = drop.load()
        assert "has several members that are 'events.json'" in report.failed_tasks[0].error


def test_an_error_in_a_member_names_the_archive(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "inflate64", None)
    body = zipped(**{"events.json": "[" + "1, " * 1000 + "1]"})
    deflate64 = body.replace(b"PK\3\4\x14\0\0\0\x08", b"PK\3\4\x15\0\0\0\x09").replace(
        b"\x14\0\0\0\x08\0", b"\x15\0\0\0\x09\0"
    )
    damaged = bytearray(body)
    damaged[50] ^= 0x55
    for content, problem in ((deflate64, "with Deflate64"), (bytes(damaged), "is damaged")):
        with Drop(tmp_path, members={"events": "events.json"}, requires=["events"]) as drop:
            drop.put("11/90/7_delivery.zip", content)
            (task,) = drop.load().failed_tasks
            assert "11/90/7_delivery.zip: The ZIP archive's member 'events.json'" in task.error
            assert problem in task.error
