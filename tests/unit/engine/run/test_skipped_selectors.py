"""A selector is skipped for its hint only if a whole run brought all that it lists."""

from __future__ import annotations

from typing import Any

import pytest

from ingestify import StopProcessing
from ingestify.domain.run import RunState
from tests.support.lake_in_memory import Lake, hours, match
from tests.support.waiting import wait_until


def hinted(lake: Lake, hint: float) -> None:
    lake.source.selectors = [{"competition_id": 1, "_last_modified": hours(hint)}]


def test_a_run_that_broke_off_is_no_reason_to_skip_its_selector(make_lake):
    lake = make_lake(lambda **_: [match(6), match(7)])
    hinted(lake, 1)
    lake.engine.load()

    def breaks_off(**_: Any) -> Any:
        yield match(7, {"n": 7}, at=5)
        wait_until(lambda: lake.content(7) == {"n": 7})
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
