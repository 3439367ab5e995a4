"""The publisher that appends to a file."""

from __future__ import annotations

import errno
import os

import pytest

from ingestify.errors import ConfigurationError, PublishUnavailable
from ingestify.publishers.json_lines import JsonLines
from ingestify.testing.publisher_contract import PublisherContract, make_messages, read_structured


class FileDestination:
    too_large = None

    def __init__(self, folder):
        self.path = folder / "out" / "events.jsonl"
        self.hidden = folder / "hidden"

    def make(self):
        return JsonLines(str(self.path))

    def receive(self, count):
        if not self.path.exists():
            return []
        return [read_structured(line) for line in self.path.read_bytes().splitlines()]

    def stop(self):
        """Put a file where the folder was, so that nothing can be written."""
        self.path.parent.rename(self.hidden)
        self.path.parent.write_text("no folder")

    def start(self):
        self.path.parent.unlink()
        self.hidden.rename(self.path.parent)


class TestJsonLines(PublisherContract):
    @pytest.fixture
    def destination(self, tmp_path):
        return FileDestination(tmp_path)


def test_half_a_line_of_a_killed_process_does_not_spoil_the_next_one(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"half":')
    JsonLines(str(path)).publish(make_messages(1))
    first, second = path.read_bytes().splitlines()
    assert first == b'{"half":'
    assert read_structured(second).id == make_messages(1)[0].id


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    publisher = JsonLines(str(path))
    publisher.publish(make_messages(1))
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        with pytest.raises(PublishUnavailable, match="No space left"):
            publisher.publish(make_messages(2, first=2))
    assert path.read_bytes() == before
    publisher.publish(make_messages(2, first=2))
    assert len(path.read_bytes().splitlines()) == 3
    publisher.close()


def _full(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("path", ["", " ", 12])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ConfigurationError, match="path is"):
        JsonLines(path)


def test_a_folder_a_pipe_and_a_path_without_rights_are_wrong_configurations(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ConfigurationError, match=str(path)):
            JsonLines(str(path)).publish(make_messages(1))
    os.close(reader)


def test_what_others_wrote_meanwhile_is_not_cut_off_after_an_error(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"

    def fail(descriptor):
        with path.open("ab") as other:
            other.write(b"theirs\n")
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PublishUnavailable):
        JsonLines(str(path)).publish(make_messages(1))
    assert path.read_bytes().endswith(b"theirs\n")
