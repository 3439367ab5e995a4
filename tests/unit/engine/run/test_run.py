"""One run: what comes into the lake, what is told of it, and what it costs the second time."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading

import pytest

from ingestify import (
    ConfigurationError,
    DatasetResource,
    DraftFile,
    FatalError,
    FetchPolicy,
    IngestionPlan,
    NotModifiedFile,
    StopProcessing,
)
from ingestify.domain.run import ProcessIdentity, RunState, TaskOutcome
from ingestify.errors import StoreError
from tests.support.lake_in_memory import FunctionSource, hours, match


def test_a_run_brings_what_the_source_announces(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2)])
    report = lake.engine.load()
    assert report.state is RunState.FINISHED
    assert (report.totals.discovered, report.totals.new) == (2, 2)
    first = min(lake.datasets, key=lambda dataset: dataset.identifier["match_id"])
    assert first.identifier == {"competition_id": 1, "match_id": 1}
    assert first.is_complete
    assert lake.content(1) == {"n": 1}
    assert lake.recorder.types == ["dataset_created", "revision_added"] * 2


def test_the_report_shows_jobs_in_the_order_of_the_plans_whichever_began_first(make_lake):
    later_began = threading.Event()

    def find(competition_id, **_):
        if competition_id == 3:
            later_began.set()
        return []

    def find_selectors(dataset_type):
        assert later_began.wait(30)
        return [{"competition_id": 2}, {"competition_id": 1}]

    lake = make_lake(find)
    lake.source.discover_selectors = find_selectors
    other = FunctionSource(find, [{"competition_id": 3}])
    other.name = "other"
    lake.engine.add_ingestion_plan(IngestionPlan(other, "match"))
    assert [job.selector["competition_id"] for job in lake.engine.load().jobs] == [2, 1, 3]


def test_a_second_run_changes_nothing(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2)])
    lake.engine.load()
    before = lake.datasets
    report = lake.engine.load()
    assert report.totals.unchanged == 2
    assert lake.datasets == before
    assert lake.recorder.types[4:] == ["dataset_skipped"] * 2


def test_a_newer_file_with_other_bytes_is_a_new_revision(make_lake):
    lake = make_lake(lambda **_: [match(1)])
    lake.engine.load()
    lake.source.find = lambda **_: [match(1, {"n": 2}, at=1)]
    assert lake.engine.load().totals.revised == 1
    (dataset,) = lake.datasets
    assert [revision.revision_id for revision in dataset.revisions] == [0, 1]
    assert dataset.last_modified_at == hours(1)
    assert lake.content(1) == {"n": 2}


def test_a_newer_time_with_the_same_bytes_adds_no_revision_and_is_remembered(make_lake):
    loads = []

    def loader(file_resource, current_file):
        loads.append(current_file)
        return DraftFile.from_input("same", "events")

    def find(at):
        return [DatasetResource({"match_id": 1}, "match").add_file(hours(at), "events", file_loader=loader)]

    lake = make_lake(lambda **_: find(0))
    lake.engine.load()
    lake.source.find = lambda **_: find(5)
    for _ in range(3):
        assert lake.engine.load().totals.unchanged == 1
    assert len(loads) == 2
    assert lake.datasets[0].last_modified_at == hours(5)
    assert len(lake.datasets[0].revisions) == 1


def test_an_id_that_changes_from_int_to_text_stays_the_same_dataset(make_lake):
    lake = make_lake(lambda **_: [match(12)])
    lake.engine.load()
    lake.source.find = lambda **_: [match("12")]
    assert lake.engine.load().totals.unchanged == 1
    assert len(lake.datasets) == 1


def test_changed_name_or_metadata_is_told_without_a_revision(make_lake):
    lake = make_lake(lambda **_: [match(1, metadata={"score": "0-0"})])
    lake.engine.load()
    lake.source.find = lambda **_: [match(1, metadata={"score": "1-0"})]
    assert lake.engine.load().totals.metadata == 1
    (dataset,) = lake.datasets
    assert dataset.metadata == {"score": "1-0"}
    assert len(dataset.revisions) == 1
    assert lake.recorder.types[-1] == "metadata_updated"
    assert lake.engine.load().totals.unchanged == 1


def test_a_new_feed_is_fetched_although_no_time_moved(make_lake):
    lake = make_lake(lambda **_: [match(1)])
    lake.engine.load()
    lake.source.find = lambda **_: [match(1).add_file(hours(0), "lineups", json_content=[])]
    assert lake.engine.load().totals.revised == 1
    assert set(lake.datasets[0].files) == {"events__v1", "lineups__v1"}
    assert [file.file_id for file in lake.datasets[0].revisions[1].modified_files] == ["lineups__v1"]


def test_a_loader_that_raises_fails_its_dataset_only(make_lake):
    def loader(file_resource, current_file):
        raise ValueError("no such frame")

    broken = DatasetResource({"match_id": 2}, "match", name="the broken one").add_file(
        hours(0), "events", file_loader=loader
    )
    lake = make_lake(lambda **_: [match(1), broken, match(3)])
    report = lake.engine.load()
    assert (report.totals.new, report.totals.failed) == (2, 1)
    assert report.state is RunState.FINISHED
    (task,) = report.failed_tasks
    assert "no such frame" in task.error
    assert "ValueError" in task.error
    assert "events__v1" in task.error
    assert {dataset.identifier["match_id"] for dataset in lake.datasets} == {1, 3}
    assert lake.jobs[0].counters.failed == 1
    assert lake.jobs[0].state is RunState.FINISHED


def test_the_report_keeps_the_tasks_that_failed_and_the_catalogue_all(make_lake):
    def break_off(file_resource, current_file):
        raise ValueError("broken")

    def find(**_):
        yield [match(number) for number in range(30)]
        bad = DatasetResource({"match_id": 30}, "match", name="match 30")
        yield bad.add_file(hours(0), "events", file_loader=break_off)

    lake = make_lake(find)
    report = lake.engine.load()
    (job,) = report.jobs
    assert [task.name for task in job.tasks] == ["match 30"]
    (written,) = lake.engine.store.load_ingestion_job_summaries()
    assert sorted(task.name for task in written.tasks) == sorted(f"match {number}" for number in range(31))
    assert written.counters == job.counters


def test_a_dataset_is_all_or_nothing(make_lake):
    def broken(file_resource, current_file):
        raise OSError("cable cut")

    lake = make_lake(lambda **_: [match(1, {"n": 1}).add_file(hours(0), "lineups", json_content=["v1"])])
    lake.engine.load()
    lake.source.find = lambda **_: [
        match(1, {"n": 2}, at=1).add_file(hours(1), "lineups", file_loader=broken),
    ]
    assert lake.engine.load().totals.failed == 1
    assert lake.content(1) == {"n": 1}
    assert lake.content(1, "lineups") == ["v1"]
    lake.source.find = lambda **_: [match(1, {"n": 2}, at=1).add_file(hours(1), "lineups", json_content=["v2"])]
    assert lake.engine.load().totals.revised == 1
    assert (lake.content(1), lake.content(1, "lineups")) == ({"n": 2}, ["v2"])


def test_a_source_that_raises_in_discovery_fails_its_job_and_the_others_go_on(make_lake):
    def find(competition_id):
        yield match(competition_id)
        if competition_id == 2:
            raise RuntimeError("the index is on fire")

    lake = make_lake(find, [{"competition_id": number} for number in (1, 2, 3)])
    report = lake.engine.load()
    assert (report.state, str(report.error)) == (RunState.FAILED, "the index is on fire")
    assert len(lake.datasets) == 3, "what was yielded before the error is kept"
    states = {job.selector["competition_id"]: job.state for job in lake.jobs}
    assert states == {1: RunState.FINISHED, 2: RunState.FAILED, 3: RunState.FINISHED}
    assert "on fire" in next(job.error for job in lake.jobs if job.state is RunState.FAILED)
    with pytest.raises(RuntimeError, match="on fire"):
        lake.engine.load(raise_errors=True)


def test_a_source_that_cannot_find_its_selectors_leaves_a_failed_job(make_lake):
    class Blind(FunctionSource):
        def discover_selectors(self, dataset_type):
            raise RuntimeError("no list today")

    lake = make_lake(lambda **_: [match(1)])
    lake.add_plan(Blind(lambda **_: []))
    assert lake.engine.load().state is RunState.FAILED
    assert sorted(job.state for job in lake.jobs) == [RunState.FAILED, RunState.FINISHED]
    assert len(lake.datasets) == 1


@pytest.mark.parametrize("where", ["discovery", "loader"])
def test_stop_processing_keeps_what_finished_and_aborts_the_job(make_lake, where):
    landed = threading.Event()

    def loader(file_resource, current_file):
        raise StopProcessing("quota used up")

    def find(**_):
        yield match(1)
        assert landed.wait(10)
        if where == "discovery":
            raise StopProcessing("quota used up")
        yield DatasetResource({"match_id": 2}, "match").add_file(hours(0), "events", file_loader=loader)

    lake = make_lake(find)
    lake.recorder.handle = lambda event: landed.set()
    with pytest.raises(StopProcessing, match="quota"):
        lake.engine.load()
    assert [dataset.identifier["match_id"] for dataset in lake.datasets] == [1]
    (job,) = lake.jobs
    assert job.state is RunState.ABORTED
    assert "quota" in job.error
    assert job.counters.new == 1
    assert job.counters.failed == 0


def test_a_fatal_error_fails_the_job_and_stops_the_run(make_lake):
    def find(competition_id):
        if competition_id == 1:
            raise FatalError("the licence has expired")
        yield match(competition_id)

    lake = make_lake(find, [{"competition_id": 1}])
    with pytest.raises(FatalError, match="licence"):
        lake.engine.load()
    (job,) = lake.jobs
    assert job.state is RunState.FAILED
    assert lake.engine.run_report().state is RunState.FAILED


def test_what_was_yielded_is_visible_while_the_source_still_discovers(make_lake):
    landed = threading.Event()

    def find(**_):
        yield match(1)
        assert landed.wait(10), "the first dataset must land before the second is yielded"
        yield match(2)

    lake = make_lake(find)
    lake.recorder.handle = lambda event: landed.set()
    assert lake.engine.load().totals.new == 2


@pytest.mark.slow
def test_discovery_is_held_back_while_files_wait(make_lake, monkeypatch):
    monkeypatch.setenv("INGESTIFY_CONCURRENCY", "2")
    release = threading.Event()
    yielded = 0

    def loader(file_resource, current_file):
        release.wait(10)
        return DraftFile.from_input("x", "events")

    def find(**_):
        nonlocal yielded
        for number in range(1000):
            yielded += 1
            if yielded == 60:
                threading.Timer(0.3, release.set).start()
                seen.append(None)
            yield DatasetResource({"match_id": number}, "match").add_file(hours(0), "events", file_loader=loader)
            if not release.is_set():
                seen[-1:] = [yielded]

    seen = [0]
    lake = make_lake(find)
    assert lake.engine.load().totals.new == 1000
    assert seen[-1] <= 65, "the gate lets 64 datasets in"


def test_a_dataset_that_two_selectors_find_is_ingested_once(make_lake):
    lake = make_lake(
        lambda **_: [
            DatasetResource({"match_id": 7, "competition_id": 0}, "match").add_file(hours(0), "e", json_content=1)
        ],
        [{"competition_id": number} for number in range(20)],
    )
    report = lake.engine.load()
    assert (report.totals.new, report.totals.unchanged, report.totals.failed) == (1, 19, 0)
    assert len(lake.datasets[0].revisions) == 1


def test_a_fetch_policy_decides(make_lake):
    class Never(FetchPolicy):
        def should_fetch(self, dataset_resource):
            return dataset_resource.dataset_resource_id["match_id"] == 1

        def should_refetch(self, dataset, resource):
            return False

    lake = make_lake(lambda **_: [match(1), match(2)], fetch_policy=Never())
    report = lake.engine.load()
    assert (report.totals.new, report.totals.skipped) == (1, 1)
    lake.source.find = lambda **_: [match(1, {"n": 2}, at=9)]
    assert lake.engine.load().totals.unchanged == 1


def test_a_policy_that_always_refetches_is_asked_although_it_does_not_override_can_skip(make_lake):
    class Always(FetchPolicy):
        def should_refetch(self, dataset, resource):
            return True

    lake = make_lake(lambda **_: [match(1)], fetch_policy=Always())
    lake.engine.load()
    lake.source.find = lambda **_: [match(1, {"n": 2})]
    assert lake.engine.load().totals.revised == 1


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
def test_a_policy_that_raises_fails_the_dataset_it_was_asked_about(make_lake, kind):
    class Broken(FetchPolicy):
        def should_fetch(self, dataset_resource):
            if dataset_resource.dataset_resource_id["match_id"] == 1:
                raise kind("no opinion")
            return True

    lake = make_lake(lambda **_: [match(1), match(2)], fetch_policy=Broken())
    report = lake.engine.load()
    assert (report.totals.new, report.totals.failed) == (1, 1)
    assert "Broken raised" in report.failed_tasks[0].error
    assert "no opinion" in report.failed_tasks[0].error


def test_a_loader_may_say_not_modified_and_gets_what_it_asks_for(make_lake):
    seen = []

    def loader(file_resource, current_file, dataset_resource, colour):
        seen.append((file_resource.data_feed_key, current_file and current_file.tag, dataset_resource.name, colour))
        if current_file is not None:
            return NotModifiedFile(reason="still the same")
        return DraftFile.from_input(b"bytes", "events", data_serialization_format="bin")

    def find(at):
        resource = DatasetResource({"match_id": 1}, "match", name="one")
        return [resource.add_file(hours(at), "events", file_loader=loader, loader_kwargs={"colour": "red"})]

    lake = make_lake(lambda **_: find(0))
    lake.engine.load()
    lake.source.find = lambda **_: find(1)
    assert lake.engine.load().totals.unchanged == 1
    assert seen[0] == ("events", None, "one", "red")
    assert seen[1][1] == lake.datasets[0].files["events__v1"].tag
    assert lake.engine.load().totals.unchanged == 1
    assert len(seen) == 2, "the newer time is remembered"


def test_post_load_files_sees_the_files_and_may_set_the_state(make_lake):
    seen = {}

    def look(dataset_resource, files, existing_dataset):
        seen.update({name: file.json() for name, file in files.items()}, existing=existing_dataset)
        dataset_resource.state = "PARTIAL"

    lake = make_lake(lambda **_: [match(1, post_load_files=look)])
    lake.engine.load()
    assert seen == {"events__v1": {"n": 1}, "existing": None}
    assert lake.datasets[0].state.value == "PARTIAL"
    report = lake.engine.load()
    assert (report.totals.unchanged, report.totals.metadata) == (1, 0), "the state does not flap"


def test_filters_narrow_before_discovery(make_lake):
    lake = make_lake(
        lambda competition_id, match_id=None, **_: [match(match_id)] if match_id else [match(1), match(2)],
        [{"competition_id": 1}, {"competition_id": 2}],
    )
    report = lake.engine.load(competition_id="2", match_id=9)
    assert lake.source.calls == [{"competition_id": 2, "match_id": 9}]
    assert report.totals.discovered == 1
    assert lake.datasets[0].identifier == {"competition_id": 2, "match_id": 9}


def test_what_a_source_finds_beside_the_filter_is_left_out(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2), match(3)])
    assert lake.engine.load(match_id=["1", 3]).totals.new == 2
    assert "match_id" not in lake.source.calls[0]


def test_a_plan_that_is_not_there_is_an_error_of_a_run_that_lists_those_that_are(make_lake):
    lake = make_lake(lambda **_: [])
    with pytest.raises(ConfigurationError, match="There is fake"):
        lake.engine.run_report(provider="nobody")


def test_a_dry_run_writes_nothing_and_says_what_it_would_do(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2)])
    report = lake.engine.load(dry_run=True)
    assert report.dry_run
    assert report.totals.new == 2
    assert not lake.datasets
    assert not lake.jobs


def test_an_invalidated_revision_is_fetched_again(make_lake):
    lake = make_lake(lambda **_: [match(1)])
    lake.engine.load()
    lake.engine.store.invalidate_revision(lake.datasets[0], reason="the keeper scored from open play")
    assert lake.recorder.types[-1] == "revision_invalidated"
    assert lake.datasets[0].current_revision.state.value == "VALIDATION_FAILED"
    lake.source.find = lambda **_: [match(1, {"n": 2})]
    assert lake.engine.load().totals.revised == 1
    assert lake.datasets[0].current_revision.state.value == "VALID"


def test_a_selector_whose_hint_has_not_moved_is_skipped_whole(make_lake):
    lake = make_lake(
        lambda **_: [match(1), match(2)], [{"competition_id": 1, "_last_modified": hours(0), "_name": "League"}]
    )
    lake.engine.load()
    report = lake.engine.load()
    assert len(lake.source.calls) == 1
    assert lake.recorder.types[-1] == "selector_skipped"
    assert report.jobs[0].state is RunState.SKIPPED
    assert report.totals.unchanged == 2
    lake.source.selectors = [{"competition_id": 1, "_last_modified": hours(1)}]
    lake.engine.load()
    assert len(lake.source.calls) == 2


def test_a_selector_of_which_something_failed_is_not_skipped(make_lake):
    def broken(file_resource, current_file):
        raise OSError("cut")

    failing = DatasetResource({"match_id": 2}, "match").add_file(hours(0), "events", file_loader=broken)
    lake = make_lake(lambda **_: [match(1), failing], [{"competition_id": 1, "_last_modified": hours(0)}])
    lake.engine.load()
    lake.source.find = lambda **_: [match(1), match(2)]
    assert lake.engine.load().totals.new == 1


def test_a_selector_of_which_only_one_match_was_asked_for_is_not_skipped(make_lake):
    lake = make_lake(lambda **_: [match(1), match(2)], [{"competition_id": 1, "_last_modified": hours(0)}])
    lake.engine.load(match_id=1)
    assert lake.engine.load().totals.new == 1


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit])
def test_a_subscriber_that_raises_changes_nothing(make_lake, caplog, kind):
    lake = make_lake(lambda **_: [match(1)])

    def explode(event):
        raise kind("no disk for the dashboard")

    lake.recorder.handle = explode
    assert lake.engine.load().totals.new == 1
    assert "no disk for the dashboard" in caplog.text


def test_a_source_that_submits_and_collects_is_alternated(make_lake):
    class Batch(FunctionSource):
        def __init__(self, find):
            super().__init__(find)
            self.waiting = []
            self.sizes = []

        def submit(self, iterator):
            for resource in iterator:
                self.waiting.append(resource)
                if len(self.waiting) == 3:
                    return False
            return True

        def collect(self):
            self.sizes.append(len(self.waiting))
            for resource in self.waiting:
                number = resource.dataset_resource_id["match_id"]
                if number == 5:
                    resource.mark_failed("not delivered")
                else:
                    resource.update_file("events", json_content={"number": number})
                yield resource
            self.waiting = []

        def has_pending(self):
            return bool(self.waiting)

    def find(**_):
        for number in range(8):
            yield DatasetResource({"match_id": number}, "match").add_file(hours(0), "events")

    lake = make_lake(find)
    batch = Batch(find)
    lake = type(lake)(batch)
    report = lake.engine.load()
    assert (report.totals.new, report.totals.failed) == (7, 1)
    assert batch.sizes == [3, 3, 2]
    assert lake.content(7) == {"number": 7}
    assert lake.engine.load().totals.unchanged == 7
    lake.engine.close()


@pytest.mark.parametrize("where", ["discovery", "loader", "post_load_files", "discover_selectors"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_a_source_that_calls_exit_stops_the_run_as_an_interrupt_does(make_lake, where, error):
    def leave(*_, **__):
        raise error

    def find(**_):
        yield match(1)
        if where == "discovery":
            leave()
        resource = match(2, post_load_files=leave if where == "post_load_files" else None)
        if where == "loader":
            resource.add_file(hours(0), "lineups", file_loader=leave)
        yield resource

    lake = make_lake(find)
    if where == "discover_selectors":
        lake.source.discover_selectors = leave
    report = lake.engine.run_report()
    assert (report.state, type(report.error)) == (RunState.ABORTED, KeyboardInterrupt)
    assert [job.state for job in lake.jobs] == [RunState.ABORTED]
    assert [dataset.identifier["match_id"] for dataset in lake.datasets] in ([], [1])
    with pytest.raises(KeyboardInterrupt):
        lake.engine.load()


def test_a_post_load_files_without_a_next_value_is_named_in_the_failure(make_lake):
    def take_first(_resource, files, _existing):
        next(file for file in files.values() if file.data_feed_key == "tracking")

    lake = make_lake(lambda **_: [match(1), match(2, post_load_files=take_first)])
    report = lake.engine.load()
    assert (report.totals.new, report.totals.failed) == (1, 1)
    assert report.failed_tasks[0].error == "post_load_files raised StopIteration"


def test_a_catalogue_that_fails_in_an_unforeseen_way_at_a_summary_hangs_no_run(make_lake, monkeypatch, caplog):
    lake = make_lake(lambda **_: [match(1)])

    def refuse(*_):
        raise RuntimeError("no such thing")

    monkeypatch.setattr(lake.engine.store.catalogue.jobs, "save", refuse)
    assert lake.engine.load().totals.new == 1
    assert "RuntimeError: no such thing" in caplog.text


def test_a_run_that_died_is_marked_aborted_by_the_next_and_one_that_has_its_lease_is_not(make_lake):
    lake = make_lake(lambda **_: [match(1)])
    lake.engine.load()
    (job,) = lake.jobs
    store = lake.engine.store
    # Of another machine, whose clock is a year off either way.
    elsewhere = ProcessIdentity("elsewhere", 7, "another boot/1")
    for run_id, ahead in (("ended", 9000), ("dead", 0), ("silent", -9000), ("ahead", 9000)):
        moment = job.started_at + dt.timedelta(hours=ahead)
        store.catalogue.jobs.save(
            dataclasses.replace(
                job,
                job_id=f"00000000-{run_id}",
                run_id=run_id,
                state=RunState.RUNNING,
                started_at=moment,
                updated_at=moment,
                ended_at=None,
                tasks=(),
                process=job.process if run_id == "ended" else elsewhere,
            )
        )
    with store.commits.writer_lease("run", "silent"), store.commits.writer_lease("run", "ahead"):
        lake.engine.load()
    states = {one.job_id.removeprefix("00000000-"): one.state for one in lake.jobs}
    assert states["silent"] is RunState.RUNNING
    assert states["ahead"] is RunState.RUNNING
    assert states["dead"] is RunState.ABORTED
    # It could not write that it had ended, as the catalogue was gone; this process, which lives, has let go of it.
    assert states["ended"] is RunState.ABORTED
    lake.engine.load()
    assert {one.state for one in lake.jobs} <= {RunState.ABORTED, RunState.FINISHED, RunState.SKIPPED}


def test_a_summary_that_could_not_be_written_is_written_at_the_end_of_the_run(make_lake, monkeypatch):
    lake = make_lake(lambda **_: [match(1)])
    catalogue = lake.engine.store.catalogue
    save, refused = catalogue.jobs.save, []

    def refuse_the_end_once(job, first_task=0):
        if job.state is RunState.FINISHED and not refused:
            refused.append(job.job_id)
            raise StoreError("another process is writing to it")
        save(job, first_task)

    monkeypatch.setattr(catalogue.jobs, "save", refuse_the_end_once)
    lake.engine.load()
    (job,) = lake.jobs
    assert refused == [job.job_id]
    assert job.state is RunState.FINISHED
    assert [task.outcome for task in job.tasks] == [TaskOutcome.NEW]
