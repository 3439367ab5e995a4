"""Jobs are kept, counted and removed as the retention says; a job has one process."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ingestify.domain.ports import (
    Catalogue,
    DiscoveredSelector,
    SelectorSync,
)
from ingestify.domain.run import Counters, JobEnd, JobHolder, ProcessIdentity, RunState, TaskOutcome, TaskSummary
from ingestify.domain.selector import Selector
from tests.support.catalogue_data import (
    PROCESS,
    T0,
    apply_one,
    change,
    job,
    minutes,
    new_file,
    read_all,
    task,
    with_file,
)

from .conftest import open_sqlite


class TestRuns:
    def test_a_job_is_read_again_as_it_was_saved(self, catalogue: Catalogue) -> None:
        tasks = (
            task(1, dataset_id="d", name="n", revision_id=3),
            task(2, outcome=TaskOutcome.FAILED, state=RunState.FAILED, error="no"),
        )
        saved = job(tasks=tasks, ended_at=minutes(3), state=RunState.FINISHED, error="é")
        catalogue.jobs.save(saved)
        assert catalogue.jobs.load() == [saved]
        assert catalogue.jobs.load(with_tasks=False) == [dataclasses.replace(saved, tasks=())]

    def test_saving_again_updates_it_and_adds_the_new_tasks(self, catalogue: Catalogue) -> None:
        tasks = tuple(task(number) for number in range(1500))
        for number in (0, 1, 1, 3, 1500):
            latest = job(tasks=tasks[:number], counters=Counters(new=number), updated_at=minutes(number))
            catalogue.jobs.save(latest)
            assert catalogue.jobs.load() == [latest]

    def test_tasks_may_be_saved_in_parts_that_overlap(self, catalogue: Catalogue) -> None:
        tasks = tuple(task(number) for number in range(5))
        for first, end in ((0, 2), (2, 3), (1, 4), (4, 4), (3, 5)):
            catalogue.jobs.save(job(tasks=tasks[first:end]), first)
        assert catalogue.jobs.load() == [job(tasks=tasks)]

    def test_jobs_come_newest_first(self, catalogue: Catalogue) -> None:
        for number in (2, 1, 3):
            catalogue.jobs.save(job(f"j{number}", started_at=minutes(number), tasks=(task(number),)))
        assert [one.job_id for one in catalogue.jobs.load()] == ["j3", "j2", "j1"]
        newest = catalogue.jobs.load(2)
        assert [(one.job_id, one.tasks) for one in newest] == [("j3", (task(3),)), ("j2", (task(2),))]

    def test_runs_that_find_nothing_new_are_counted_with_the_job_before_them(self, catalogue: Catalogue) -> None:
        brought = job("j0", counters=Counters(new=1), state=RunState.FINISHED, tasks=(task(1),))
        catalogue.jobs.save(dataclasses.replace(brought, end=JobEnd.of(brought, "a")))
        for number in range(1, 6):
            at = minutes(number)
            quiet = job(f"j{number}", run_id=f"r{number}", started_at=at, updated_at=at)
            catalogue.jobs.save(quiet)
            assert catalogue.jobs.load(1) == [quiet]
            counters = Counters(unchanged=1, requests=number)
            quiet = dataclasses.replace(quiet, state=RunState.FINISHED, ended_at=at, counters=counters)
            for _ in range(2):  # as when nobody knows whether the first commit happened
                catalogue.jobs.save(dataclasses.replace(quiet, end=JobEnd.of(quiet, "a")))
            counted = dataclasses.replace(quiet, runs=number, first_started_at=minutes(1))
            assert catalogue.jobs.load() == [counted, brought]
            assert catalogue.jobs.load(1) == [counted]

    def test_a_job_that_changes_something_or_fails_in_another_way_is_kept(self, catalogue: Catalogue) -> None:
        no = task(1, outcome=TaskOutcome.FAILED, state=RunState.FAILED, error="no")
        never = dataclasses.replace(no, error="never")
        failed, quiet, revised = Counters(failed=1), Counters(unchanged=1), Counters(revised=1)
        ended: list[tuple[Counters, tuple[TaskSummary, ...]]] = [
            *((quiet, ()), (failed, (no,)), (failed, (no,)), (failed, (no,)), (failed, (never,))),
            *((revised, (task(2),)), (revised, (task(2),)), (quiet, ()), (failed, (never,))),
        ]
        for number, (counters, tasks) in enumerate(ended):
            one = job(f"j{number}", started_at=minutes(number), counters=counters, tasks=tasks, state=RunState.FINISHED)
            catalogue.jobs.save(dataclasses.replace(one, end=JobEnd.of(one, "a")))
        seen = [(one.job_id, one.runs, [task.error for task in one.tasks]) for one in reversed(catalogue.jobs.load())]
        assert seen == [
            *(("j0", 1, []), ("j1", 1, ["no"]), ("j3", 2, ["no"]), ("j4", 1, ["never"])),
            *(("j5", 1, [""]), ("j6", 1, [""]), ("j7", 1, []), ("j8", 1, ["never"])),
        ]

    def test_each_identity_is_counted_by_itself_and_so_is_what_was_left_to_another_run(
        self, catalogue: Catalogue
    ) -> None:
        for number in range(6):
            for identity in "ab":
                at = {"started_at": minutes(number), "counters": Counters(unchanged=1)}
                one = job(f"{identity}{number}", state=RunState.FINISHED, **at)
                catalogue.jobs.save(dataclasses.replace(one, end=JobEnd.of(one, identity)))
            at = {"started_at": minutes(number), "error": f"process {number} is at it"}
            skipped = job(f"s{number}", state=RunState.SKIPPED, left_to_another=True, **at)
            catalogue.jobs.save(dataclasses.replace(skipped, end=JobEnd.of(skipped, "a")))
        found = {one.job_id: (one.runs, one.error) for one in catalogue.jobs.load()}
        same = {"a0": (1, ""), "a5": (5, ""), "b0": (1, ""), "b5": (5, "")}
        assert found == {**same, "s0": (1, "process 0 is at it"), "s5": (5, "process 5 is at it")}

    def test_jobs_of_dead_processes_are_aborted(self, catalogue: Catalogue) -> None:
        dead = ProcessIdentity("host", 7, "then")
        catalogue.jobs.save(job("alive"))
        catalogue.jobs.save(job("dead", process=dead, updated_at=minutes(2)))
        catalogue.jobs.save(job("done", process=dead, state=RunState.FINISHED))
        asked = []

        def goes_on(run_id: str, process: ProcessIdentity) -> bool:
            asked.append((run_id, process))
            return process == PROCESS

        assert catalogue.jobs.abort_dead(goes_on) == 1
        assert sorted(asked, key=str) == sorted([("r1", PROCESS), ("r1", dead)], key=str)
        jobs = {one.job_id: one for one in catalogue.jobs.load()}
        assert {job_id: one.state for job_id, one in jobs.items()} == {
            "alive": RunState.RUNNING,
            "dead": RunState.ABORTED,
            "done": RunState.FINISHED,
        }
        assert jobs["dead"].ended_at == minutes(2)
        assert "7" in jobs["dead"].error
        assert catalogue.jobs.abort_dead(lambda *_: True) == 0

    def test_what_a_dead_job_committed_is_counted(self, catalogue: Catalogue) -> None:
        catalogue.jobs.save(job("dead", counters=Counters(discovered=9)))
        for number in range(3):
            apply_one(catalogue, with_file(number, source={"source": "mine", "job_id": "dead"}))
        apply_one(catalogue, with_file(7, source={"source": "mine", "job_id": "other"}))
        first = read_all(catalogue)[0]
        apply_one(catalogue, change(existing=first, files=[new_file(content="x")], source={"job_id": "dead"}))
        assert catalogue.jobs.abort_dead(lambda *_: False) == 1
        counters = catalogue.jobs.load()[0].counters
        assert (counters.discovered, counters.new, counters.revised) == (9, 3, 1)

    def test_a_job_that_gave_a_sign_of_life_meanwhile_is_not_aborted(self, catalogue: Catalogue) -> None:
        catalogue.jobs.save(job())

        def is_alive(*_: object) -> bool:
            catalogue.jobs.save(job(updated_at=minutes(5)))
            return False

        assert catalogue.jobs.abort_dead(is_alive) == 0
        assert catalogue.jobs.load()[0].state is RunState.RUNNING

    def test_when_a_selector_was_ingested_is_remembered(self, catalogue: Catalogue) -> None:
        key = "k" * 5000
        assert catalogue.selector_syncs.find(key) is None
        for sync in (SelectorSync(None, False, T0), SelectorSync(minutes(1), True, minutes(2), "3/00ff")):
            catalogue.selector_syncs.save(key, sync)
            assert catalogue.selector_syncs.find(key) == sync
        assert catalogue.selector_syncs.find("other") is None

    def test_all_that_is_remembered_of_a_selector_comes_back(self, catalogue: Catalogue) -> None:
        selector = Selector({"competition_id": 1, "season": "2020/21", "_name": "La Liga \u20ac", "_version": "7"})
        sync = SelectorSync(
            minutes(1),
            True,
            minutes(2),
            "3/00ff",
            hint="7 \0 \ud800 " + "x" * 5000,
            is_settled=True,
            followed_until=minutes(3),
            missing_digest="5/0a",
            discovered=DiscoveredSelector("main", "mine", "fake", "match", selector),
        )
        for one in (sync, dataclasses.replace(sync, missing_digest=None, discovered=None), sync):
            catalogue.selector_syncs.save("key", one)
            assert catalogue.selector_syncs.find("key") == one
        found = catalogue.selector_syncs.find("key")
        assert found is not None
        assert found.discovered is not None
        assert found.discovered.selector.hints == {"_name": "La Liga \u20ac"}

    def test_the_selectors_that_a_source_discovered_are_found_and_forgotten(self, catalogue: Catalogue) -> None:
        def discovered(number: int, source: str = "mine", bucket: str = "main") -> DiscoveredSelector:
            return DiscoveredSelector(bucket, source, "fake", "match", Selector({"competition_id": number}))

        def found(source: str = "mine") -> list[Selector]:
            return [one.selector for one in catalogue.selector_syncs.find_discovered("main", source, "fake", "match")]

        saved = {
            "a": discovered(1),
            "b": discovered(2),
            "b of another plan": discovered(2),
            "c": discovered(3, source="other"),
            "d": discovered(4, bucket="archive"),
            "e": None,
        }
        for key, one in saved.items():
            catalogue.selector_syncs.save(key, SelectorSync(None, True, T0, discovered=one))
        assert found() == [Selector({"competition_id": 1}), Selector({"competition_id": 2})]
        assert found("other") == [Selector({"competition_id": 3})]
        catalogue.selector_syncs.forget(discovered(2))
        assert found() == [Selector({"competition_id": 1})]
        assert {key: catalogue.selector_syncs.find(key) is not None for key in saved} == {
            "a": True,
            "b": False,
            "b of another plan": False,
            "c": True,
            "d": True,
            "e": True,
        }


class TestJobLocks:
    def test_one_has_a_job_and_others_are_told_who(self, catalogue: Catalogue) -> None:
        holder = JobHolder(PROCESS, T0)
        assert catalogue.job_locks.find_holder("job") is None
        lock = catalogue.job_locks.try_lock("job", holder)
        assert lock is not None
        assert catalogue.job_locks.try_lock("job", JobHolder(PROCESS, minutes(1))) is None
        assert catalogue.job_locks.find_holder("job") == holder
        other = catalogue.job_locks.try_lock("another job", holder)
        assert other is not None
        other.release()
        lock.release()
        lock.release()
        assert catalogue.job_locks.find_holder("job") is None
        again = catalogue.job_locks.try_lock("job", JobHolder(PROCESS, minutes(1)))
        assert again is not None
        again.release()

    def test_closing_lets_go_of_all(self, tmp_path: Path) -> None:
        first, second = open_sqlite(tmp_path), open_sqlite(tmp_path)
        lock = first.job_locks.try_lock("job", JobHolder(PROCESS, T0))
        assert second.job_locks.try_lock("job", JobHolder(PROCESS, T0)) is None
        first.close()
        theirs = second.job_locks.try_lock("job", JobHolder(PROCESS, T0))
        assert lock is not None
        lock.release()  # which is not theirs
        assert theirs is not None
        third = open_sqlite(tmp_path)
        assert third.job_locks.try_lock("job", JobHolder(PROCESS, T0)) is None
        for one in (second, third):
            one.close()
