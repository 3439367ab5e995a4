"""A clock that is off, or differs from one run to the next, changes no data, and asks for nothing again and again."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from ingestify import DatasetResource
from ingestify.clock import reading
from tests.support.lake_in_memory import Lake, hours
from tests.support.scripted_provider import Provider, answer

from .two_feeds import Files, entries

OFF = pytest.mark.parametrize("off", [dt.timedelta(hours=number) for number in (-24, -1, 1, 24)], ids=str)


@contextlib.contextmanager
def clock_off(off: dt.timedelta) -> Iterator[None]:
    """Let all clocks be off, as those of a process on another machine."""
    with reading(lambda: dt.datetime.now(dt.UTC) + off):
        yield


@pytest.mark.sampled(5)
@OFF
@pytest.mark.parametrize("which", ["the run's", "whoever's invalidates", "the next run's"])
def test_what_was_invalidated_is_asked_in_full_once_whatever_clocks_say(lake: Lake, files: Files, off, which):
    def under(who: str) -> Any:
        return clock_off(off) if who == which else contextlib.nullcontext()

    with under("the run's"):
        lake.engine.load()
    with under("whoever's invalidates"):
        lake.engine.store.invalidate_revision(lake.datasets[0], "wrong")
    with under("the next run's"):
        assert lake.engine.load().totals.received_bytes > 0
    assert lake.engine.load().totals.received_bytes == 0, "not once more"


@pytest.mark.sampled(3)
@OFF
def test_an_object_that_was_damaged_is_restored_after_a_run_whose_clock_was_off(lake: Lake, files: Files, off):
    with clock_off(off):
        lake.engine.load()
    store = lake.engine.store
    (dataset,) = lake.datasets
    path = dataset.files["events__v1"].storage_path
    whole = store.storage._objects.pop(path)
    store.invalidate_revision(dataset, "damaged")
    store.catalogue.row_repair.request_full_fetch([dataset.dataset_id])
    lake.engine.load()
    assert store.storage._objects[path][0] == whole[0]


@pytest.mark.sampled(3)
@OFF
def test_a_feed_that_was_not_there_is_asked_for_again_after_a_run_whose_clock_was_off(make_lake, web: Provider, off):
    def find(**_: Any) -> list[DatasetResource]:
        match = DatasetResource({"match_id": 1}, "match", name="match 1").add_file(hours(0), "events", json_content=1)
        options = {"ignore_not_found": True, "recheck_after_seconds": 60}
        return [match.add_file(hours(0), "360-frames", url=f"{web.url}/360.json", http_options=options)]

    lake = make_lake(find)
    web.on("/360.json", answer(status=404))
    with clock_off(off):
        lake.engine.load()
    web.on("/360.json", answer(b"[]"))
    lake.engine.load()
    assert set(lake.datasets[0].files) == {"events__v1", "360-frames__v1"}


@pytest.mark.sampled(3)
@OFF
def test_a_bundle_in_quarantine_is_fetched_anew_a_day_later_whatever_the_last_clock_said(lake: Lake, files: Files, off):
    lake.engine.load()
    files.serve(events={"version": 2})
    files.at = 1
    with clock_off(off):
        assert lake.engine.load().totals.quarantined == 1
    (entry,) = entries(lake)
    wants = [lake.engine._rules.wants_unconditional(entry)]
    with clock_off(dt.timedelta(days=1, hours=1)):
        wants.append(lake.engine._rules.wants_unconditional(entry))
    # Where the last look lies in the future, nobody knows how long ago it was.
    assert wants[0] == (off <= -dt.timedelta(hours=24) or off > dt.timedelta(0))
    assert wants[1] or off == dt.timedelta(hours=24)


def test_of_a_source_that_follows_changes_all_is_in_the_lake_up_to_the_providers_own_moment(make_lake, web: Provider):
    """Not up to ours, which may be a day ahead: what changed in between would never be asked for."""
    at = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    lake: Lake

    def find(**_: Any) -> list[DatasetResource]:
        index = lake.source.http.get_json(f"{web.url}/index.json")
        return [
            DatasetResource({"match_id": number}, "match").add_file(hours(0), "events", json_content=1)
            for number in index
        ]

    lake = make_lake(find)
    lake.source.follows_changes = True
    web.on("/index.json", answer(b"[1]", date="Sun, 01 Mar 2026 12:00:00 GMT"))
    with clock_off(dt.timedelta(days=1)):
        lake.engine.load()
    assert _sync_of(lake).followed_until == at


def _sync_of(lake: Lake) -> Any:
    database = lake.engine.store.catalogue._database
    with database.read("look") as connection:
        (key,) = connection.exec_driver_sql("SELECT selector_key FROM selector_sync").scalars()
    return lake.engine.store.catalogue.selector_syncs.find(key)
