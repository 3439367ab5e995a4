"""A run of which objects are removed between their publishing and their commit, on a catalogue of any kind."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestify import DatasetResource, IngestionEngine, IngestionPlan, Source, get_engine
from ingestify.clock import reading
from ingestify.domain.run import RunState
from ingestify.errors import StoreError
from ingestify.failpoints import installed
from ingestify.store.maintenance.garbage import collect_garbage
from ingestify.store.maintenance.verification import Verification

__all__ = ["Lake", "check_that_nothing_is_lost"]


class _Matches(Source):
    provider = "fake"

    def __init__(self) -> None:
        super().__init__("fake")
        self.version = 0

    def find_datasets(self, dataset_type, data_spec_versions, dataset_collection_metadata, **_):
        for number in range(4):
            match = DatasetResource({"match_id": number}, "match", name=f"match {number}")
            at = dt.datetime(2026, 1, 1 + self.version, tzinfo=dt.UTC)
            yield match.add_file(at, "events", json_content={"match": number, "version": self.version})


class Lake:
    """Two engines on one lake: one that runs, and one that collects with a clock two days ahead."""

    def __init__(self, metadata_url: str, folder: Path) -> None:
        self.source = _Matches()
        self.engines = [self._open(metadata_url, folder) for _ in range(2)]
        self.runs, self.collects = self.engines
        self.runs.add_ingestion_plan(IngestionPlan(self.source, "match"))

    @staticmethod
    def _open(metadata_url: str, folder: Path) -> IngestionEngine:
        return get_engine(metadata_url=metadata_url, file_url=f"file://{folder}/files/")

    def collect(self, **options: Any) -> int:
        """Collect as the command does not: also beside a run."""
        with reading(lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=2)):
            return collect_garbage(self.collects.store, **options).objects

    def check(self) -> None:
        """Make sure that each row has its object, and that all is as the provider has it."""
        store = self.runs.store
        assert [one for one in Verification(store.catalogue, store.storage).iter_damages() if one.is_failure] == []
        contents = [store.load_files(one).get_file("events").json() for one in self.runs.list_datasets()]
        assert sorted(contents, key=str) == [{"match": number, "version": self.source.version} for number in range(4)]

    def close(self) -> None:
        """Close both."""
        for engine in self.engines:
            engine.close()


@contextlib.contextmanager
def _until_done(name: str, act: Callable[[], bool]) -> Iterator[None]:
    """Act each time that a run comes to a failpoint, until that is done."""
    one_at_a_time = threading.Lock()
    acting = threading.local()
    done: list[bool] = []

    def maybe() -> None:
        if hasattr(acting, "now"):  # to act comes to the failpoint itself
            return
        with one_at_a_time:
            acting.now = True
            if not done and act():
                done.append(True)
            del acting.now

    with installed({name: maybe}):
        yield


def check_that_nothing_is_lost(lake: Lake) -> None:
    """Run into an empty lake, and run corrections into it; each time objects are gone before they are named."""
    for version in (0, 1):
        lake.source.version = version
        removed: list[int] = []

        def collect(removed: list[int] = removed) -> bool:
            if (count := lake.collect()) == 0:
                return False  # what says which lake it is was published
            with pytest.raises(StoreError, match=r"Somebody writes to the lake \(run: process"):
                lake.collects.collect_garbage(older_than=dt.timedelta(minutes=59))
            removed.append(count)
            return True

        with _until_done("publish.synced", collect):
            report = lake.runs.load()
        assert removed, "nothing was removed that was about to be named"
        assert report.state is RunState.FINISHED
        assert (report.totals.new, report.totals.revised, report.totals.failed) == ((4, 0, 0), (0, 4, 0))[version]
        lake.check()
        lake.collects.collect_garbage(older_than=dt.timedelta(0))
        lake.check()
