from __future__ import annotations

import datetime as dt
import gzip
import logging
import os
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from ingestify import DataSpecVersionCollection
from ingestify.domain.delivery import ReadsDeliveries
from ingestify.engine.report.report import PlannedDataset, RunListener
from ingestify.errors import ConfigurationError, SourceError
from ingestify.sources.files.source import FilesSource
from ingestify.sources.registry import find_source_class
from ingestify.storage.deliveries.folder import FolderDelivery
from tests.support.drop import Drop

MakeDrop = Callable[..., Drop]


def counts(drop: Drop, **options: object) -> tuple[int, int, int, int, int]:
    totals = drop.load(**options).totals
    return totals.new, totals.revised, totals.unchanged, totals.skipped, totals.failed


def test_it_is_a_source_type_that_reads_deliveries(drop: Drop) -> None:
    assert find_source_class("ingestify.files") is FilesSource
    assert isinstance(drop.source, ReadsDeliveries)


def test_files_become_datasets_by_their_paths(drop: Drop) -> None:
    drop.put("11/90/7_events.json", "[1]")
    drop.put("11/90/7_phases_of_play.csv.gz", gzip.compress(b"a,b\n1,2\n"))
    drop.put("11/90/8_events.json", "[2]")
    drop.put("12/91/7_events.json", "[3]")
    drop.load()
    found = {str(dataset.identifier): dataset for dataset in drop.engine.list_datasets()}
    assert sorted(found) == [
        "competition_id=11/season_id=90/match_id=7",
        "competition_id=11/season_id=90/match_id=8",
        "competition_id=12/season_id=91/match_id=7",
    ]
    dataset = found["competition_id=11/season_id=90/match_id=7"]
    assert dict(dataset.identifier) == {"competition_id": "11", "season_id": "90", "match_id": 7}
    assert {file_id: one.data_serialization_format for file_id, one in dataset.files.items()} == {
        "events__v1": "json",
        "phases_of_play__v1": "csv.gz",
    }


def test_the_times_of_files_are_kept(drop: Drop) -> None:
    path = drop.put("11/90/7_events.json")
    os.utime(path, ns=(0, 1_714_588_200_123_456_789))
    drop.load()
    (dataset,) = drop.engine.list_datasets()
    assert dataset.files["events__v1"].modified_at == dt.datetime(2024, 5, 1, 18, 30, 0, 123456, tzinfo=dt.UTC)


def test_a_second_run_opens_no_file(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop.put("11/90/7_events.json")
    drop.put("11/90/7_lineups.json")
    assert counts(drop) == (1, 0, 0, 0, 0)
    monkeypatch.setattr(FolderDelivery, "open", lambda self, file: pytest.fail(f"{file.path} was opened"))
    assert counts(drop) == (0, 0, 1, 0, 0)


@pytest.mark.parametrize("age", [10.0 * 3600, 600.0], ids=["older", "newer"])
def test_a_corrected_file_is_a_revision_also_if_its_time_is_older(drop: Drop, age: float) -> None:
    drop.put("11/90/7_events.json", "[1]")
    drop.put("11/90/7_lineups.json", "[2]", age_seconds=60)
    drop.load()
    drop.put("11/90/7_events.json", "[9]", age_seconds=age)
    assert counts(drop) == (0, 1, 0, 0, 0)
    assert drop.read()["competition_id=11/season_id=90/match_id=7"]["events__v1"] == b"[9]"
    assert counts(drop) == (0, 0, 1, 0, 0)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_correction_that_keeps_size_and_time_is_a_revision(drop: Drop, in_place: bool) -> None:
    path = drop.put("11/90/7_events.json", "[1]")
    drop.load()
    was = path.stat()
    written = path if in_place else path.with_name(".new")
    with written.open("r+b" if in_place else "wb") as file:
        file.write(b"[2]")
    os.utime(written, ns=(was.st_atime_ns, was.st_mtime_ns))  # as rsync -t, unzip and touch -r do
    written.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    assert drop.load().totals.revised == 1
    assert next(iter(drop.read().values()))["events__v1"] == b"[2]"
    path.chmod(0o600)
    assert drop.load().totals.unchanged == 1, "another change time, and the same bytes"


def test_the_same_bytes_with_another_time_are_no_revision(drop: Drop) -> None:
    drop.put("11/90/7_events.json")
    drop.load()
    drop.put("11/90/7_events.json", age_seconds=60)
    assert counts(drop) == (0, 0, 1, 0, 0)
    assert counts(drop) == (0, 0, 1, 0, 0)


def test_a_dataset_whose_files_are_gone_is_missing_and_stays(drop: Drop) -> None:
    path = drop.put("11/90/7_events.json")
    drop.put("11/90/8_events.json")
    drop.load()
    path.unlink()
    assert drop.load().totals.missing == 1
    assert sorted(drop.states().values()) == ["COMPLETE", "MISSING"]
    assert len(drop.read()) == 2
    drop.put("11/90/7_events.json")
    drop.load()
    assert set(drop.states().values()) == {"COMPLETE"}


def test_two_files_for_one_feed_fail_that_dataset_and_name_both(drop: Drop) -> None:
    drop.put("11/90/7_events.json")
    drop.put("11/90/007_events.json")
    drop.put("11/90/8_events.json")
    report = drop.load()
    assert (report.totals.new, report.totals.failed) == (1, 1)
    (failed,) = report.failed_tasks
    assert "11/90/007_events.json and 11/90/7_events.json are both the file 'events__v1'" in failed.error


def test_files_without_a_pattern_are_reported_once(drop: Drop, caplog: pytest.LogCaptureFixture) -> None:
    drop.put("11/90/7_events.json")
    for number in range(8):
        drop.put(f"note {number}.txt")
    drop.put("11/90/x_events.json")
    with caplog.at_level(logging.WARNING):
        drop.load()
        drop.load()
    (told,) = [record.getMessage() for record in caplog.records if "of no pattern" in record.getMessage()]
    assert "9 files are of no pattern, and not read: 11/90/x_events.json, note 0.txt" in told or "note 0.txt" in told
    assert told.endswith("and 4 more.")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "name",
    [
        ".7_events.json",
        ".git/7_events.json",
        "7_events.json.part",
        "7_events.json.filepart",
        "7_events.json.TMP",
        "7_events.json~",
        "~$7_events.json",
        "#7_events.json#",
    ],
)
def test_hidden_and_temporary_files_are_none(drop: Drop, caplog: pytest.LogCaptureFixture, name: str) -> None:
    drop.put(f"11/90/{name}")
    drop.put("11/90/8_events.json")
    assert counts(drop) == (1, 0, 0, 0, 0)
    assert "of no pattern" not in caplog.text


def test_ignored_paths_are_not_read(make_drop: MakeDrop, caplog: pytest.LogCaptureFixture) -> None:
    drop = make_drop(ignore=["README*", "old/**"])
    for path in ("README.md", "old/90/7_events.json", "11/90/8_events.json"):
        drop.put(path)
    assert counts(drop) == (1, 0, 0, 0, 0)
    assert "of no pattern" not in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_are_reported_and_not_read(drop: Drop, caplog: pytest.LogCaptureFixture) -> None:
    drop.put("11/90/8_events.json")
    folder = os.fsencode(drop.folder / "11" / "90")
    try:
        for name in (b"7\xff_events.json", b"9\n_events.json"):
            (Path(os.fsdecode(folder + b"/" + name))).write_bytes(b"[]")
    except OSError:
        pytest.skip("this file system takes no such names")
    assert counts(drop) == (1, 0, 0, 0, 0)
    assert "are no text (UTF-8)" in caplog.text
    assert "\\udcff" in caplog.text
    caplog.text.encode()


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_file_of_a_dataset_whose_name_is_no_text_fails_by_itself(make_drop: MakeDrop) -> None:
    drop = make_drop(pattern="{team}/{data_feed_key}.json")
    drop.put("ajax/events.json")
    drop.put("psv/events.json")
    try:
        (Path(os.fsdecode(os.fsencode(drop.folder / "psv") + b"/a\xff.json"))).write_bytes(b"[]")
    except OSError:
        pytest.skip("this file system takes no such names")
    report = drop.load()
    assert [(task.name, task.error) for task in report.failed_tasks] == [
        ("psv/a\\udcff.json", "it has a name with characters that are no text (UTF-8)")
    ]
    assert report.totals.new == 2
    (drop.folder / "ajax" / "events.json").unlink()
    assert drop.load().totals.missing == 0, "the listing is not whole"


def test_a_name_that_is_spelt_in_two_ways_is_one(make_drop: MakeDrop) -> None:
    drop = make_drop(pattern="{team}/{data_feed_key}.json")
    drop.put(unicodedata.normalize("NFD", "Orléans/events.json"))
    drop.load()
    (dataset,) = drop.engine.list_datasets()
    assert dataset.identifier["team"] == unicodedata.normalize("NFC", "Orléans")


def test_letters_in_any_case(make_drop: MakeDrop) -> None:
    drop = make_drop(pattern="matches/{match_id}_{data_feed_key}.{data_serialization_format}", case_sensitive=False)
    drop.put("Matches/7_Events.JSON")
    drop.load()
    assert drop.read() == {"match_id=7": {"events__v1": b"[1]"}}


# ---- links and rights ----------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_links_out_of_the_location_are_not_followed(
    drop: Drop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secret.json").write_text("[666]")
    (tmp_path / "in-but-not").mkdir()
    target = drop.put("11/90/8_events.json", "[8]")
    (drop.folder / "11/90/7_events.json").symlink_to(tmp_path / "secret.json")
    (drop.folder / "11/90/6_events.json").symlink_to(target)
    (drop.folder / "11/90/5_events.json").symlink_to("nowhere")
    (drop.folder / "11/91").symlink_to(drop.folder / "11/90")
    (drop.folder / "12").symlink_to(tmp_path)
    os.mkfifo(drop.folder / "11/90/4_events.json")
    assert counts(drop) == (2, 0, 0, 0, 0)
    assert sorted(content["events__v1"] for content in drop.read().values()) == [b"[8]", b"[8]"]
    for told in ("7_events.json", "leads out of the location", "leads nowhere", "link to a folder", "is no file"):
        assert told in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_that_is_put_in_a_files_place_is_not_read(drop: Drop, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("[666]")
    path = drop.put("11/90/8_events.json", "[8]")
    delivery = FolderDelivery(drop.folder)
    (listed,) = delivery.iter_files()
    path.unlink()
    path.symlink_to(tmp_path / "secret.json")
    with pytest.raises(SourceError, match="leads out of the location"):
        delivery.open(listed)  # type: ignore[arg-type]


def test_an_unreadable_file_fails_its_dataset_only(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop.put("11/90/7_events.json")
    drop.put("11/90/8_events.json")
    real = os.open

    def open_(path: str, *arguments: int, **options: int | None) -> int:
        if str(path).endswith("7_events.json"):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", open_)  # whoever is root can read what nobody may
    report = drop.load()
    assert (report.totals.new, report.totals.failed) == (1, 1)
    assert "11/90/7_events.json cannot be read: Permission denied" in report.failed_tasks[0].error


def test_a_folder_that_cannot_be_read_makes_nothing_missing(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop.put("11/90/7_events.json")
    drop.put("12/90/8_events.json")
    drop.load()
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("12"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    drop.put("11/90/9_events.json")
    with pytest.raises(SourceError, match="could not be listed as a whole: 12/ cannot be read: Permission denied"):
        drop.load(raise_errors=True)
    assert set(drop.states().values()) == {"COMPLETE"}
    assert len(drop.read()) == 3


def test_a_location_that_is_not_there_makes_nothing_missing(drop: Drop) -> None:
    drop.put("11/90/7_events.json")
    drop.load(raise_errors=True)
    drop.folder.rename(drop.folder.with_name("unmounted"))
    with pytest.raises(
        SourceError, match=r"is not there: No such file or directory\. If it is on another disk, mount that"
    ):
        drop.load(raise_errors=True)
    assert set(drop.states().values()) == {"COMPLETE"}


# ---- complete deliveries -------------------------------------------------------------------------------


def test_a_delivery_that_may_still_be_written_to_is_left_for_later(
    drop: Drop, caplog: pytest.LogCaptureFixture
) -> None:
    drop.put("11/90/7_events.json")
    drop.put("11/90/7_lineups.json", age_seconds=5)
    drop.put("11/90/8_events.json")
    assert counts(drop) == (1, 0, 0, 1, 0)
    assert "1 delivery is not complete yet, and left for a later run." in caplog.text
    drop.put("11/90/7_lineups.json", age_seconds=61)
    assert counts(drop) == (1, 0, 1, 0, 0)


def test_the_lakes_file_stays_while_a_correction_is_being_written(drop: Drop) -> None:
    drop.put("11/90/7_events.json", "[1]")
    drop.load()
    drop.put("11/90/7_events.json", "[2", age_seconds=1)
    assert counts(drop) == (0, 0, 0, 1, 0)
    assert drop.states() == {"competition_id=11/season_id=90/match_id=7": "COMPLETE"}
    assert drop.read() == {"competition_id=11/season_id=90/match_id=7": {"events__v1": b"[1]"}}


def test_a_dry_run_says_why_it_waits(drop: Drop) -> None:
    drop.put("11/90/7_events.json", age_seconds=5)
    planned: list[PlannedDataset] = []
    listener = Mock(spec=RunListener)
    listener.planned.side_effect = planned.append
    drop.load(dry_run=True, listener=listener)
    assert [(one.action, "may still be written to" in one.reasons[0]) for one in planned] == [("skip", True)]


def test_a_time_far_ahead_is_no_time_of_writing(drop: Drop) -> None:
    drop.put("11/90/7_events.json", age_seconds=-24 * 3600)
    assert counts(drop) == (1, 0, 0, 0, 0)


def test_a_marker_says_that_a_delivery_is_complete(make_drop: MakeDrop, caplog: pytest.LogCaptureFixture) -> None:
    drop = make_drop(complete_when="{match_id}.done")
    drop.put("11/90/7_events.json", age_seconds=0)
    drop.put("11/90/8_events.json")
    drop.put("7.done", "")
    assert counts(drop) == (1, 0, 0, 1, 0)
    assert list(drop.read()) == ["competition_id=11/season_id=90/match_id=7"]
    assert "of no pattern" not in caplog.text
    drop.put("008.done", "")  # the number is meant
    assert counts(drop) == (1, 0, 1, 0, 0)


def test_a_file_that_grows_while_it_is_read_is_not_taken(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop.put("11/90/7_video.bin", b"x" * 3_000_000)
    real = os.read

    def read(descriptor: int, size: int) -> bytes:
        data = real(descriptor, size)
        if size > 100_000 and path.stat().st_size == 3_000_000:
            with path.open("ab") as more:
                more.write(b"y")
        return data

    monkeypatch.setattr(os, "read", read)
    report = drop.load()
    assert report.totals.failed == 1
    assert "11/90/7_video.bin changed while it was read" in report.failed_tasks[0].error
    monkeypatch.undo()
    os.utime(path, (time.time() - 100, time.time() - 100))
    assert counts(drop) == (1, 0, 0, 0, 0)


def test_a_file_that_was_replaced_since_it_was_listed_is_not_taken(drop: Drop) -> None:
    drop.put("11/90/7_events.json", "[1]")
    delivery = FolderDelivery(drop.folder)
    (listed,) = delivery.iter_files()
    drop.put("11/90/7_events.json", "[12345]")
    with pytest.raises(SourceError, match="changed while it was read"):
        delivery.open(listed)  # type: ignore[arg-type]


# ---- plans, filters, versions --------------------------------------------------------------------------


def test_a_filter_reads_one_folder_and_leaves_the_others_as_they_are(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("11/90/7_events.json", "11/91/8_events.json", "12/90/9_events.json"):
        drop.put(path)
    scanned: list[str] = []
    real = os.scandir
    with monkeypatch.context() as patch:  # undone before the folder is removed
        patch.setattr(os, "scandir", lambda path: scanned.append(os.path.relpath(path, drop.folder)) or real(path))
        assert counts(drop, competition_id=11, season_id=90) == (1, 0, 0, 0, 0)
    assert scanned == ["11/90"]
    assert counts(drop, match_id=9) == (1, 0, 0, 0, 0)
    assert len(drop.read()) == 2
    assert drop.load(competition_id=77).totals.discovered == 0
    assert set(drop.states().values()) == {"COMPLETE"}


def test_a_filter_that_no_dataset_has_is_refused(drop: Drop) -> None:
    drop.put("11/90/7_events.json")
    with pytest.raises(ConfigurationError, match=r"the identifier key 'matchid'; did you mean 'match_id'\?"):
        drop.load(matchid=7)


def test_versions_are_those_of_the_path_else_of_the_plan(make_drop: MakeDrop) -> None:
    drop = make_drop(pattern="{match_id}/{data_feed_key}-{data_spec_version}.{data_serialization_format}")
    for name in ("events-v8", "events-v9", "lineups-v4", "video-v1"):
        drop.put(f"7/{name}.json")
    drop.load({"events": ["v9", "v10"], "lineups": "v4"})
    assert list(drop.read()["match_id=7"]) == ["events__v9", "lineups__v4"]


def test_a_file_without_a_version_gets_that_of_the_plan(drop: Drop) -> None:
    drop.put("11/90/7_events.json")
    drop.put("11/90/7_lineups.json")
    drop.load({"events": "v8", "default": "v2"})
    assert list(drop.read()["competition_id=11/season_id=90/match_id=7"]) == ["events__v8", "lineups__v2"]


def test_several_patterns_of_which_the_first_counts(make_drop: MakeDrop) -> None:
    drop = make_drop(
        patterns=[
            {"pattern": "{match_id}.mp4", "data_feed_key": "video"},
            {"pattern": "{match_id}.{_}", "data_feed_key": "other", "data_serialization_format": "TXT"},
        ],
        dataset_type="video",
        requires=["video"],
        optional=["other"],
        dataset_name="Match {match_id}",
    )
    drop.put("7.json")
    drop.load(dataset_type="video")
    (dataset,) = drop.engine.list_datasets()
    assert (dataset.name, str(dataset.state), dataset.missing_feeds) == ("Match 7", "PARTIAL", ("video",))
    assert dataset.files["other__v1"].data_serialization_format == "txt"


def test_another_dataset_type_is_an_error(drop: Drop) -> None:
    with pytest.raises(ConfigurationError, match="no datasets of the type 'video'; it has 'match'"):
        drop.load(dataset_type="video", raise_errors=True)


def test_without_an_engine_the_error_says_what_is_missing(drop: Drop) -> None:
    with pytest.raises(ConfigurationError, match="cannot open its location yet"):
        next(iter(drop.source.find_datasets("match", DataSpecVersionCollection(), None)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("ftp://host/in", "The source 'drop': location: there is nothing to read 'ftp://host/in' with"),
        ("sftp://", "must look like sftp://user@host:22/folder"),
    ],
)
def test_a_location_that_cannot_be_opened_is_an_error(make_drop: MakeDrop, location: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_drop(location=location).load(raise_errors=True)


def test_options_are_not_for_folders(make_drop: MakeDrop) -> None:
    with pytest.raises(ConfigurationError, match="options: they are for sftp:// and object stores"):
        make_drop(options={"password": "x"}).load(raise_errors=True)
