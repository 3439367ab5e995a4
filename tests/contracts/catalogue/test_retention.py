"""History is removed as the settings say."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from ingestify.clock import reading
from ingestify.domain.event_reader import FailedEvent
from ingestify.domain.ports import (
    Catalogue,
)
from ingestify.domain.retention import Forgotten, Retention
from ingestify.domain.run import JobEnd, RunState
from tests.support.catalogue_data import (
    T0,
    apply_one,
    change,
    job,
    new_file,
    task,
)


def days(number: float) -> dt.datetime:
    return T0 + dt.timedelta(days=number)


class TestRetention:
    RETENTION = Retention(jobs=dt.timedelta(days=90), events=dt.timedelta(days=90))

    def forget(self, catalogue: Catalogue, at: float, retention: Retention = RETENTION) -> Forgotten:
        """Forget what is to go at a moment, after a look that says the same and removes nothing."""
        with reading(lambda: days(at)):
            looked = catalogue.retention.enforce(retention, dry_run=True)
            jobs, events = len(catalogue.jobs.load()), len(catalogue.event_log.read(0, 100))
            removed = catalogue.retention.enforce(retention, dry_run=False)
        assert looked == removed
        left = len(catalogue.jobs.load()), len(catalogue.event_log.read(0, 100))
        assert left == (jobs - removed.jobs, events - removed.events)
        return removed

    def test_without_an_age_all_is_kept(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0)
        assert self.forget(catalogue, 10_000, Retention()) == Forgotten()

    def fill(self, catalogue: Catalogue, *at: float) -> None:
        """A new dataset each time, with two events and a job that brought it."""
        for number in at:
            with reading(lambda number=number: days(number)):  # type: ignore[misc]
                apply_one(catalogue, change(int(number), files=[new_file(content=str(number))]))
            one = job(
                f"j{number}",
                state=RunState.FINISHED,
                started_at=days(number),
                updated_at=days(number),
                ended_at=days(number),
                tasks=(task(int(number)),),
            )
            catalogue.jobs.save(
                dataclasses.replace(one, end=JobEnd(f"selector {number % 2}", str(number), is_quiet=False))
            )

    def test_what_is_older_goes_but_for_the_last_job_of_each_selector(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0, 1, 2, 4, 100)
        assert self.forget(catalogue, 101) == Forgotten(jobs=3, events=8)
        assert [one.job_id for one in catalogue.jobs.load()] == ["j100", "j1"]
        assert [event.dataset.identifier["match_id"] for event in catalogue.event_log.read(0, 100)] == [100, 100]

    def test_a_clock_that_is_ahead_removes_nothing(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0, 2, 80)
        assert self.forget(catalogue, 100_000) == Forgotten()

    def test_what_runs_and_what_was_counted_lately_stays(self, catalogue: Catalogue) -> None:
        catalogue.jobs.save(job("running", updated_at=days(0)))
        brought = job("brought", state=RunState.FINISHED, updated_at=days(0))
        later = job("later", state=RunState.FINISHED, started_at=days(1), updated_at=days(1))
        for one in (brought, later):
            catalogue.jobs.save(dataclasses.replace(one, end=JobEnd("a", one.job_id, is_quiet=False)))
        quiet = job("quiet", state=RunState.FINISHED, started_at=days(100), updated_at=days(100))
        catalogue.jobs.save(dataclasses.replace(quiet, end=JobEnd("a", "same", is_quiet=True)))
        catalogue.jobs.save(job("of today", started_at=days(101), updated_at=days(101)))
        assert self.forget(catalogue, 101).jobs == 1
        assert {one.job_id for one in catalogue.jobs.load()} == {"running", "later", "quiet", "of today"}

    def test_what_a_reader_has_not_read_stays(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0, 1, 200)
        positions = [event.position or 0 for event in catalogue.event_log.read(0, 100)]
        catalogue.event_readers.set_position("fast", positions[5])
        catalogue.event_readers.set_position("slow", positions[0])
        # The second event shows what the first one holds.
        assert self.forget(catalogue, 200) == Forgotten(1, 0, unread_events=3, slowest_reader="slow")
        catalogue.event_readers.set_position("slow", positions[1])
        assert self.forget(catalogue, 200) == Forgotten(0, 2, unread_events=2, slowest_reader="slow")
        catalogue.event_readers.forget("slow")
        assert self.forget(catalogue, 200) == Forgotten(0, 2)

    def test_what_a_reader_left_behind_stays_and_can_be_read(self, catalogue: Catalogue) -> None:
        self.fill(catalogue, 0, 1, 200)
        before = catalogue.event_log.read(0, 100)
        catalogue.event_readers.set_position("mine", before[5].position or 0)
        catalogue.event_readers.save_failure("mine", FailedEvent(before[3].position or 0, 3, True, "no", T0))
        assert self.forget(catalogue, 200).events == 2
        assert catalogue.event_log.read(0, 100) == before[2:]

    def test_events_are_removed_a_few_at_a_time_around_those_that_stay(
        self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ingestify.catalogue.jobs.retention._AT_ONCE", 2)
        self.fill(catalogue, 0, 1, 2, 3, 200)
        before = catalogue.event_log.read(0, 100)
        catalogue.event_readers.set_position("mine", before[9].position or 0)
        for one in (before[2], before[3], before[6]):
            catalogue.event_readers.save_failure("mine", FailedEvent(one.position or 0, 3, True, "no", T0))
        assert self.forget(catalogue, 200).events == 5
        assert catalogue.event_log.read(0, 100) == [*before[2:4], before[6], *before[8:]]
