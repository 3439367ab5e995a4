"""Checks that do not reject: the bundle is published, and what they found is kept with the revision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestify import BundleCheck, ConfigurationError, DatasetResource, IngestifyError, StopProcessing, get_dev_engine
from ingestify.errors import MissingExtraError
from ingestify.fetch.current_context import current_client
from tests.support.lake_in_memory import FunctionSource, Lake, hours
from tests.support.waiting import wait_until

from .two_feeds import Files, entries


class Doubts(BundleCheck):
    """Says of each match what it is told to say."""

    mode = "warn"

    def __init__(self, *said: str) -> None:
        super().__init__()
        self.said: Any = said

    def find_problems(self, bundle):
        return self.said


class Raises(BundleCheck):
    def __init__(self, error: BaseException, mode: str = "warn") -> None:
        super().__init__()
        self.error, self.mode = error, mode

    def find_problems(self, bundle):
        raise self.error


class Hangs(BundleCheck):
    """Waits until the test ends; its limit is over at once."""

    time_limit = 0.01

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self.goes_on = threading.Event()
        self.calls = 0

    def find_problems(self, bundle):
        self.calls += 1
        bundle.require_file("events").stream.read(1)
        self.goes_on.wait(60)
        return ()


class Source(FunctionSource):
    """Matches with the contents that a test sets, all of which change with `at`."""

    def __init__(self, *checks: BundleCheck, matches: int = 1) -> None:
        super().__init__(self._find)
        self.bundle_checks = checks
        self.contents: dict[int, Any] = {number: {"n": 0} for number in range(1, matches + 1)}
        self.at = 0.0

    def _find(self, **_: Any) -> Iterator[DatasetResource]:
        for number, content in self.contents.items():
            resource = DatasetResource({"match_id": number}, "match", name=f"match {number}")
            yield resource.add_file(hours(self.at), "events", json_content=content)


@pytest.fixture
def make() -> Iterator[Callable[..., Lake]]:
    made: list[Lake] = []

    def make_it(*checks: BundleCheck, matches: int = 1) -> Lake:
        made.append(Lake(Source(*checks, matches=matches)))
        return made[-1]

    yield make_it
    for lake in made:
        lake.engine.close()


def test_a_bundle_is_published_with_what_a_check_that_warns_finds(make):
    lake = make(Doubts("it is short", "it is odd"))
    report = lake.engine.load()
    (dataset,) = lake.datasets
    assert dataset.warnings == ("it is short", "it is odd")
    assert dataset.revisions[0].warnings == dataset.warnings
    assert lake.content(1) == {"n": 0}
    assert entries(lake) == []
    assert (report.totals.new, report.totals.warned, report.totals.quarantined) == (1, 1, 0)
    (task,) = report.warned_tasks
    assert (task.name, task.warnings, task.error) == ("match 1", dataset.warnings, "")
    assert "1 warning" not in dataset.name
    assert "it is short; it is odd" in report._repr_html_()
    assert "with warnings: match 1: it is short; it is odd" in repr(report)
    assert lake.engine.list_datasets(has_warnings=True) == [dataset]
    assert "0 (2 warnings)" in lake.engine.list_datasets()._repr_html_()


def test_its_event_follows_that_of_the_revision(make):
    lake = make(Doubts("it is short"))
    lake.engine.load()
    assert lake.recorder.types == ["dataset_created", "revision_added", "revision_warned"]
    (dataset,) = lake.datasets
    logged = lake.engine.store.catalogue.event_log.read(0, 100)
    for event in (lake.recorder.events[-1], logged[-1]):
        assert (event.event_type, event.warnings) == ("revision_warned", ("it is short",))
        assert event.dataset.revisions == dataset.revisions
    assert logged[1].dataset.warnings == ("it is short",)


def test_the_stored_task_of_a_run_has_the_warnings(make):
    lake = make(Doubts("it is short"))
    lake.engine.load()
    (job,) = lake.jobs
    assert [task.warnings for task in job.tasks] == [("it is short",)]
    assert job.counters.warned == 1


def test_warnings_are_those_of_the_current_revision(make):
    doubts = Doubts("it is short")
    lake = make(doubts)
    lake.engine.load()
    doubts.said = None
    lake.source.contents[1], lake.source.at = {"n": 1}, 1
    assert lake.engine.load().totals.warned == 0
    (dataset,) = lake.datasets
    assert dataset.warnings == ()
    assert [revision.warnings for revision in dataset.revisions] == [("it is short",), ()]
    assert dataset.at(revision=0).warnings == ("it is short",)
    assert lake.engine.list_datasets(has_warnings=True) == []
    earlier = lake.engine.store.catalogue.event_log.read(0, 100)[-1].dataset.revisions[0]
    assert earlier.warnings == ("it is short",)


def test_a_check_that_rejects_decides_before_one_that_warns(make):
    lake = make(Doubts("it is short"), Raises(ValueError("no"), mode="reject"))
    report = lake.engine.load()
    assert (report.totals.quarantined, report.totals.warned) == (1, 0)
    assert entries(lake)[0].reasons == ("the check Raises raised ValueError: no",)
    assert "revision_warned" not in lake.recorder.types


def test_files_that_only_leave_are_not_checked_anew(lake: Lake, files: Files):
    lake.source.bundle_checks = (Doubts("it is short"),)
    lake.engine.load()
    lake.source.find = files.find_events_only
    lake.engine.load()
    lake.engine.load()
    (dataset,) = lake.datasets
    assert list(dataset.files) == ["events__v1"]
    assert dataset.warnings == ("it is short",)


def test_a_check_that_warns_and_raises_is_a_warning(make):
    lake = make(Raises(KeyError("minute")))
    report = lake.engine.load()
    assert report.totals.new == 1
    assert lake.datasets[0].warnings == ("the check Raises raised KeyError: 'minute'",)


class Unsayable(Exception):
    def __str__(self) -> str:
        raise ValueError("it cannot be said")


def test_an_error_that_cannot_be_said_is_named_by_its_type(make):
    lake = make(Raises(Unsayable()), Raises(Unsayable(), mode="reject"))
    assert lake.engine.load().totals.quarantined == 1
    assert entries(lake)[0].reasons == ("the check Raises raised Unsayable",)


class Unprepared(BundleCheck):
    """Cannot be prepared."""

    def prepare(self) -> None:
        raise ValueError("no model")

    def find_problems(self, bundle):
        return ()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"mode": "warning"}, "The check Doubts has the mode 'warning'; write 'reject' or 'warn'."),
        ({"time_limit": "5"}, "The check Doubts has the time_limit '5'; write seconds, such as 60.0, or None."),
        (
            {"time_limit": float("nan")},
            "The check Doubts has the time_limit nan; write seconds, such as 60.0, or None.",
        ),
        ({"time_limit": 0}, "The check Doubts has the time_limit 0; write seconds, such as 60.0, or None."),
    ],
)
def test_a_class_with_a_wrong_mode_or_limit_is_refused_before_a_run(make, attributes: dict[str, Any], message: str):
    check = Doubts("odd")
    vars(check).update(attributes)
    lake = make(check)
    with pytest.raises(ConfigurationError) as raised:
        lake.engine.load()
    assert str(raised.value) == message


def test_a_check_that_cannot_be_prepared_is_named(make):
    with pytest.raises(ConfigurationError, match="The check Unprepared cannot be prepared: ValueError: no model"):
        make(Unprepared()).engine.load()


class Unspeakable(Exception):
    """An error without a text: to ask for it raises another one."""

    def __init__(self, other: BaseException) -> None:
        super().__init__()
        self.other = other

    def __str__(self) -> str:
        raise self.other


def test_an_error_without_a_text_is_named_at_once(make):
    lake = make(Raises(Unspeakable(ValueError("no"))))
    lake.engine.load()
    assert lake.datasets[0].warnings == ("the check Raises raised Unspeakable",)


class Changes(BundleCheck):
    """Changes what it gets."""

    mode = "warn"

    def find_problems(self, bundle):
        bundle.metadata["day"]["of"] = bundle.metadata["more"] = "changed"
        bundle.feeds.clear()
        with pytest.raises((AttributeError, TypeError)):
            bundle.files.clear()


def test_a_check_changes_neither_what_is_committed_nor_which_files_the_next_one_sees():
    seen = []

    class Looks(BundleCheck):
        def find_problems(self, bundle):
            seen.append((bundle.feeds, list(bundle.files), bundle.find_file("events") is not None))

    def find(**_: Any) -> Iterator[DatasetResource]:
        resource = DatasetResource({"match_id": 1}, "match", name="match 1", metadata={"day": {"of": "match"}})
        yield resource.add_file(hours(0), "events", json_content={"n": 0})

    source = FunctionSource(find)
    source.bundle_checks = (Changes(), Looks())
    lake = Lake(source)
    lake.engine.load()
    assert lake.datasets[0].metadata == {"day": {"of": "match"}}
    assert lake.datasets[0].warnings == ()
    assert seen == [(["events"], ["events__v1"], True)]
    lake.engine.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_without_a_result_fails_the_dataset_at_once(make):
    lake = make(Raises(Unspeakable(SystemExit(1))))
    report = lake.engine.load()
    assert "the thread of the check Raises ended without a result" in report.failed_tasks[0].error


def test_a_lacking_package_fails_the_dataset_in_every_mode(make):
    lake = make(Raises(MissingExtraError("pandera", "a check of schemas")))
    report = lake.engine.load()
    assert (report.totals.failed, report.totals.new) == (1, 0)
    assert "pandera" in report.failed_tasks[0].error


def test_a_check_that_warns_can_stop_the_run(make):
    lake = make(Raises(StopProcessing("enough")))
    with pytest.raises(StopProcessing):
        lake.engine.load()
    assert lake.datasets == []


@pytest.mark.parametrize("mode", ["reject", "warn"])
def test_what_is_said_is_bounded_and_the_rest_is_counted(make, mode: str):
    many = Doubts()
    many.mode, many.said = mode, (f"problem {n} {'x' * 1000}" for n in range(1234))
    lake = make(many)
    lake.engine.load()
    said = lake.datasets[0].warnings if mode == "warn" else entries(lake)[0].reasons
    assert len(said) == 21
    assert said[-1] == "and 1214 more"
    assert {len(one) for one in said[:-1]} == {500}


def test_a_check_that_never_stops_finding_is_not_asked_for_ever(make):
    def endless() -> Iterator[str]:
        while True:
            yield "again"

    doubts = Doubts()
    doubts.said = endless()
    lake = make(doubts)
    lake.engine.load()
    assert lake.datasets[0].warnings[-1] == "and at least 9980 more"


def test_a_check_that_hangs_fails_its_dataset_and_not_the_run(make):
    hangs = Hangs("reject")
    lake = make(hangs, matches=3)
    report = lake.engine.load()
    assert (report.totals.failed, report.totals.new) == (3, 0)
    did_not_end = (
        "the check Hangs did not end within 0.01 seconds (its time_limit). That call goes on in a thread that nobody "
        "waits for, until this process ends. Find out what the check waits for, or set a higher time_limit. The next "
        "run tries again."
    )
    assert {task.error for task in report.failed_tasks} == {did_not_end}
    # Threads that hang do not become more and more.
    is_not_called = (
        "the check Hangs is not called, as 3 earlier calls of it still hang after its time_limit of 0.01 seconds. Find "
        "out what the check waits for, or set a higher time_limit. The next run tries again."
    )
    assert {task.error for task in lake.engine.load().failed_tasks} == {is_not_called}
    assert hangs.calls == 3
    hangs.goes_on.set()
    hangs.time_limit = 60
    wait_until(lambda: lake.engine.load().totals.failed == 0)
    assert len(lake.datasets) == 3


def test_a_hanging_check_that_warns_leaves_the_others_a_bundle_of_their_own(make):
    hangs, seen = Hangs("warn"), []

    class Reads(BundleCheck):
        def find_problems(self, bundle):
            hangs.goes_on.set()
            seen.append(bundle.require_file("events").stream.read())
            return ()

    lake = make(hangs, Reads())
    assert lake.engine.load().totals.new == 1
    assert seen == [b'{"n":0}']
    (warning,) = lake.datasets[0].warnings
    assert warning.startswith("the check Hangs did not end within 0.01 seconds")


def test_a_run_that_has_to_stop_does_not_wait_for_a_check(make):
    hangs, is_waiting, ended = threading.Event(), threading.Event(), []

    class Stops(BundleCheck):
        def find_problems(self, bundle):
            if bundle.identifier["match_id"] == 2:
                is_waiting.wait(60)
                raise StopProcessing("enough")
            is_waiting.set()
            hangs.wait(60)
            ended.append(bundle)
            return ()

    lake = make(Stops(), matches=2)
    with pytest.raises(StopProcessing):
        lake.engine.load()
    assert ended == []
    assert lake.datasets == []
    hangs.set()


def test_a_check_sees_the_context_of_the_worker(lake: Lake, files: Files):
    """What a check asks of a provider counts as the run's."""
    seen = []

    class Looks(BundleCheck):
        def find_problems(self, bundle):
            seen.append(current_client())
            return ()

    lake.source.bundle_checks = (Looks(),)
    lake.engine.load()
    assert None not in seen
    assert seen


def test_a_deleted_dataset_takes_its_warnings_along(make):
    lake = make(Doubts("it is short"))
    lake.engine.load()
    lake.engine.destroy_dataset(dataset_id=lake.datasets[0].dataset_id)
    assert lake.engine.verify().damages == []
    lake.engine.load()
    assert lake.datasets[0].warnings == ("it is short",)


def test_warnings_come_along_with_a_copy(make, tmp_path):
    lake = make(Doubts("it is short"))
    lake.engine.load()
    with get_dev_engine(Source(), "match", dev_dir=tmp_path) as target:
        lake.engine.copy_to(target.store)
        (dataset,) = target.list_datasets()
        assert dataset.warnings == ("it is short",)
        assert [event.event_type for event in target.store.catalogue.event_log.read(0, 100)][-1] == "revision_warned"


def test_an_engine_error_of_a_check_is_its_own(make):
    lake = make(Raises(IngestifyError("the lake has no such thing"), mode="reject"))
    lake.engine.load()
    assert entries(lake)[0].reasons == ("the check Raises raised the lake has no such thing",)
