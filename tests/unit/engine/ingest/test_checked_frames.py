"""The data frames of a bundle's files, as checks see them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ingestify import BundleCheck, DatasetResource, DraftFile
from ingestify.store.reading import file_collection
from tests.support.lake_in_memory import FunctionSource, Lake

EVENTS = [{"id": "a", "team": {"id": 1}, "x": 1.5}, {"id": "b", "team": None, "x": 2}]
SHOTS = "id;x\n1;2\n"


class Looking(BundleCheck):
    """Calls a function with each bundle, and finds nothing."""

    def __init__(self, look: Callable[[Any], None]) -> None:
        super().__init__()
        self.look = look

    def find_problems(self, bundle):
        self.look(bundle)
        return ()


def find(**_: Any) -> list[DatasetResource]:
    resource = DatasetResource({"match_id": 1}, "match", name="match 1")
    resource.add_file(None, "events", json_content=EVENTS)
    resource.add_file(None, "sheet", json_content={"home": [{"id": 7}], "away": [{"id": 9}, {"id": 10}]})
    for feed, form, content in (("packed", "json", packed()), ("shots", "csv", SHOTS.encode())):
        draft = DraftFile.from_input(content, feed, data_serialization_format=form)
        resource.add_file(None, feed, file_loader=lambda *_, draft=draft: draft)
    return [resource]


def packed() -> bytes:
    return gzip.compress(json.dumps(EVENTS).encode(), mtime=0)


def run(*looks: Callable[[Any], None]) -> Lake:
    source = FunctionSource(find)
    source.bundle_checks = tuple(Looking(look) for look in looks)
    lake = Lake(source)
    assert lake.engine.load().totals.new == 1, list(lake.engine.quarantine)
    return lake


@pytest.mark.parametrize("feed", ["events", "packed", "shots"])
def test_a_check_gets_the_frames_that_readers_get_later(feed: str):
    seen = []
    lake = run(
        lambda bundle: seen.extend([bundle.require_file(feed).to_polars(), bundle.require_file(feed).to_pandas()])
    )
    (dataset,) = lake.engine.list_datasets()
    later = lake.engine.store.load_files(dataset)[feed]
    assert_frame_equal(seen[0], later.to_polars())
    assert seen[1].equals(later.to_pandas())
    lake.engine.close()


def test_a_check_may_say_where_the_records_are_and_how_they_are_read():
    seen = []
    run(
        lambda bundle: seen.extend(
            [bundle.require_file("sheet").to_polars("away"), bundle.require_file("shots").to_pandas(nrows=0)]
        )
    ).engine.close()
    assert (seen[0].height, len(seen[1])) == (2, 0)


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_several_checks_cost_one_frame_and_one_check_cannot_change_that_of_the_next(
    library: str, monkeypatch: pytest.MonkeyPatch
):
    made = []
    read = getattr(file_collection, f"read_{library}")
    monkeypatch.setattr(
        file_collection, f"read_{library}", lambda *args, **options: made.append(1) or read(*args, **options)
    )
    columns = []

    def look(bundle: Any) -> None:
        frame = getattr(bundle.require_file("events"), f"to_{library}")()
        columns.append(list(frame.columns))
        if library == "polars":
            frame.insert_column(0, pl.Series("mine", [1, 2]))
        else:
            frame["mine"] = 1
            frame.loc[0, "id"] = "changed"

    run(look, look, look).engine.close()
    assert made == [1]
    assert columns[0] == columns[1] == columns[2]


def test_frames_of_large_files_are_not_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ingestify.engine.ingest.bundle_validation.PRELOAD_BYTES", 10)
    made = []
    read = file_collection.read_polars
    monkeypatch.setattr(
        file_collection, "read_polars", lambda *args, **options: made.append(1) or read(*args, **options)
    )
    run(*[lambda bundle: bundle.require_file("events").to_polars()] * 2).engine.close()
    assert made == [1, 1]
