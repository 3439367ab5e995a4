"""What was read as of a moment stays what was there at that moment; here in SQLite."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestify import clock, get_datastore, get_engine
from ingestify.clock import now
from ingestify.errors import ConfigurationError
from ingestify.store.dataset_store import DatasetStore
from tests.support.catalogue_data import with_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with get_engine(tmp_path / "lake") as engine:
        engine.store.create()
        engine.store.catalogue.changes.apply([with_file(1)])
    return tmp_path / "lake"


def matches(store: DatasetStore, moment: object) -> list[Any]:
    return [dataset.identifier["match_id"] for dataset in store.get_dataset_collection(as_of=moment)]


class Started(threading.Thread):
    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self.act, self.result = act, None
        self.start()

    def run(self) -> None:
        self.result = self.act()


def test_a_reader_of_this_moment_waits_for_the_commit_that_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with get_engine(folder) as writer:
        reader = get_datastore(folder)
        reached, goes_on = threading.Event(), threading.Event()
        database = writer.store.catalogue._database
        commit = database._commit

        def pause(*arguments: Any) -> None:
            reached.set()
            assert goes_on.wait(30)
            commit(*arguments)

        monkeypatch.setattr(database, "_commit", pause)
        writing = Started(lambda: writer.store.catalogue.changes.apply([with_file(2)]))
        assert reached.wait(30)
        moment = now()
        reading = Started(lambda: matches(reader, moment))
        reading.join(0.2)
        assert reading.is_alive()
        goes_on.set()
        writing.join(30)
        reading.join(30)
        assert reading.result == matches(reader, moment) == [1, 2]
        reader.close()


def test_a_moment_that_has_not_passed_is_refused(folder: Path) -> None:
    reader = get_datastore(folder)
    for later in (now() + dt.timedelta(hours=1), now().date(), f"{now():%Y-%m-%d}"):
        with pytest.raises(ConfigurationError, match=r"as_of .* UTC has not passed yet.*or read the lake as it is now"):
            reader.get_dataset_collection(as_of=later)
    reader.close()


def test_a_clock_that_is_a_little_ahead_is_waited_for(folder: Path, passing_time: object) -> None:
    reader = get_datastore(folder)
    began = now()
    with clock.reading(lambda: began + dt.timedelta(seconds=clock.monotonic() - start)):
        start = clock.monotonic()
        assert matches(reader, began + dt.timedelta(seconds=2)) == [1]
        assert clock.monotonic() - start >= 2
    reader.close()


def test_whoever_may_only_read_cannot_see_a_writer_of_the_last_minute(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestify.catalogue.databases.sqlite._may_only_be_read", lambda _: True)
    reader = get_datastore(folder)
    with pytest.raises(ConfigurationError, match=r"is less than a minute ago, or to come.*name an earlier moment"):
        reader.get_dataset_collection(as_of=now())
    assert matches(reader, now() - dt.timedelta(hours=1)) == []
    reader.close()
