"""What happens in a folder is told of when it is over, and a file is not taken while somebody writes it."""

from __future__ import annotations

import logging
import os
import queue
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingestify.storage.deliveries import folder_events

pytest.importorskip("watchfiles", reason="the extra `watch` brings it")

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux says it")


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_events, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(folder_events, "_CHECK_SECONDS", 0.1)


@pytest.fixture
def told(tmp_path: Path, quickly: None) -> Iterator[Callable[[], str]]:
    """What is told of a folder, one after the other."""
    (tmp_path / "in").mkdir()
    heard: queue.Queue[str] = queue.Queue()
    with folder_events.following(tmp_path / "in", lambda path: not path.endswith(".part"), heard.put):
        assert heard.get(timeout=60) == "what landed while nobody watched"
        yield lambda: heard.get(timeout=60)
        assert heard.empty()


def test_many_files_at_once_are_told_of_once(tmp_path: Path, told: Callable[[], str]) -> None:
    for number in range(300):
        (tmp_path / "in" / str(number)).touch()
    assert told() == "300 changes"


def test_an_unfinished_file_is_told_of_when_it_gets_its_name(tmp_path: Path, told: Callable[[], str]) -> None:
    part = tmp_path / "in" / "a.json.part"
    part.write_text("[")
    part.rename(tmp_path / "in" / "a.json")
    assert told() == "1 change"


def test_a_folder_that_disappears_and_returns_is_followed_again(
    tmp_path: Path, told: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    folder, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    with caplog.at_level(logging.WARNING, logger="ingestify"):
        folder.rename(elsewhere)
        while not caplog.records:
            time.sleep(0.01)
    elsewhere.rename(folder)
    assert told() == f"{folder} is back"
    (folder / "a").touch()
    assert told() == "1 change"
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder} is not there. It is looked at again when it is back."
    ]


def test_after_very_many_changes_the_folder_is_followed_anew(
    tmp_path: Path, told: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_events, "_MANY", 3)
    for number in range(3):
        (tmp_path / "in" / str(number)).touch()
    assert told() == "3 changes"
    monkeypatch.undo()
    (tmp_path / "in" / "4").touch()
    assert told() == "1 change"


def test_a_system_without_events_is_told_once(
    tmp_path: Path, quickly: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> Iterator[None]:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr("watchfiles.watch", refuse)
    with (
        caplog.at_level(logging.WARNING, logger="ingestify"),
        folder_events.following(tmp_path, lambda _: True, lambda _: pytest.fail("it told")),
    ):
        while not caplog.records:
            time.sleep(0.01)
    assert [record.getMessage() for record in caplog.records] == [
        f"File events of {tmp_path} cannot be had, so its files are seen by the schedule: OS file watch limit reached."
    ]


@linux
@pytest.mark.parametrize(("kind", "hears"), [("nfs4", False), ("fuse.sshfs", False), ("ext4", True), ("fuseblk", True)])
def test_a_network_disk_has_no_events(tmp_path: Path, kind: str, hears: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n"
        f"90 22 0:50 / {os.path.realpath(tmp_path)} rw - {kind} server:/share rw\n"
    )
    monkeypatch.setattr(folder_events, "_MOUNTS", mounts)
    problem = folder_events.find_no_events(tmp_path / "inner")
    assert problem == (
        ""
        if hears
        else f"{tmp_path}/inner is on a network disk ({kind}), which tells nothing of what other computers write"
    )


def test_without_the_extra_the_message_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert "pip install -e '.[watch]'" in folder_events.find_no_events(tmp_path)


@linux
def test_a_file_is_being_written_while_it_is_open_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("w") as file:
        assert folder_events.is_being_written(str(path)) is True
        file.write("all of it")
    assert folder_events.is_being_written(str(path)) is False
    with path.open():
        assert folder_events.is_being_written(str(path)) is False, "a reader is no writer"
    assert folder_events.is_being_written(str(tmp_path / "gone")) is None
