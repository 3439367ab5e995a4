"""Objects that are removed between their publishing and their commit are written again: no row lacks its object."""

from __future__ import annotations

import threading

import pytest

from ingestify.failpoints import installed
from ingestify.store import presence
from tests.support.removed_meanwhile import Lake, check_that_nothing_is_lost


@pytest.fixture
def beside(tmp_path):
    opened = Lake(f"sqlite:///{tmp_path}/catalog.db", tmp_path)
    yield opened
    opened.close()


def test_a_run_writes_again_what_was_removed_before_its_commit(beside):
    check_that_nothing_is_lost(beside)


@pytest.mark.parametrize("ends", [True, False])
def test_a_commit_waits_for_a_removal_that_goes_on_and_not_for_ever(beside, monkeypatch, ends):
    """The collection is suspended between its note and the removal, while a run publishes the same objects."""
    beside.runs.load()
    beside.runs.destroy_dataset(match_id=[0, 1, 2, 3])
    monkeypatch.setattr(presence, "LONGEST_REMOVAL_SECONDS", 60 if ends else 0.1)
    noted, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        noted.set()
        go_on.wait(60)

    def go_on_when_published() -> None:
        if ends:
            go_on.set()

    removed: list[int] = []
    with installed({"removal.noted": pause, "publish.synced": go_on_when_published}):
        collecting = threading.Thread(target=lambda: removed.append(beside.collect()))
        collecting.start()
        assert noted.wait(60)
        report = beside.runs.load()
        go_on.set()
        collecting.join(60)
    # One that is written at the very moment of its removal stays.
    assert removed[0] > 0
    if not ends:
        assert report.totals.failed == 4
        assert "being removed" in report.failed_tasks[0].error
        assert beside.runs.list_datasets() == []
        report = beside.runs.load()
    assert (report.totals.new, report.totals.failed) == (4, 0)
    beside.check()
