"""The checks of a run, made over what the lake has."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from ingestify import BundleCheck
from ingestify.checks.drift import Drift
from ingestify.errors import ConfigurationError, MissingExtraError, StopProcessing
from ingestify.quality import FrameCheck
from tests.support.lake_in_memory import FunctionSource, Lake, match


class Calling(BundleCheck):
    """Calls a function with each bundle."""

    def __init__(self, call: Callable[[Any], Any], name: str = "Calling") -> None:
        super().__init__()
        self.call = call
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def find_problems(self, bundle):
        return self.call(bundle)


@pytest.fixture
def lake() -> Iterator[Lake]:
    made = Lake(FunctionSource(lambda **_: [match(number, {"n": number}) for number in range(40)]))
    assert made.engine.load().totals.new == 40
    yield made
    made.engine.close()


def with_checks(lake: Lake, *checks: BundleCheck) -> None:
    lake.source.bundle_checks = checks


def odd(bundle: Any) -> list[str]:
    number = bundle.require_file("events").json()["n"]
    return [f"{number} is odd"] if number % 2 else []


def test_each_dataset_is_checked_as_the_lake_has_it(lake: Lake):
    seen = []

    def look(bundle: Any) -> None:
        seen.append(bundle)

    with_checks(lake, Calling(look))
    report = lake.engine.check_quality(match_id=7)
    (bundle,), (dataset,) = seen, lake.engine.list_datasets(match_id=7)
    assert (bundle.provider, bundle.dataset_type, bundle.name) == ("fake", "match", "match 7")
    assert bundle.identifier == dataset.identifier
    assert bundle.existing == dataset
    assert bundle.state == dataset.state
    assert bundle.feeds == ["events"]
    assert not any(file.is_new for file in bundle.files.values())
    assert bundle.profile("events__v1").size == bundle.files["events__v1"].size
    assert (report.datasets, report.is_good) == (1, True)


def test_findings_come_in_the_order_of_the_datasets(lake: Lake):
    with_checks(lake, Calling(odd), Calling(lambda bundle: ["always"], "Always"))
    lake.source.bundle_checks[1].mode = "warn"
    report = lake.engine.check_quality()
    order = [dataset.dataset_id for dataset in lake.engine.list_datasets()]
    places = [order.index(finding.dataset.dataset_id) for finding in report.findings]
    assert places == sorted(places)
    assert [(one.check, one.mode, one.passed, one.with_problems, one.failed) for one in report.checks] == [
        ("Calling", "reject", 20, 20, 0),
        ("Always", "warn", 0, 40, 0),
    ]
    assert not report.is_good
    assert report.line == "40 datasets checked: 0 without problems, 20 that a run would reject, 40 with warnings"
    assert repr(report).endswith("match_id=0: always)")
    assert report._repr_html_().count("<tr>") == 51


def test_nothing_in_the_lake_changes(lake: Lake):
    with_checks(lake, Calling(odd))
    before = lake.engine.list_datasets().to_polars()
    lake.engine.check_quality()
    assert lake.engine.list_datasets().to_polars().equals(before)
    assert not list(lake.engine.quarantine)


def test_a_check_that_raises_has_found_something_and_one_without_its_package_failed(lake: Lake):
    def raising(_: Any) -> None:
        raise RuntimeError("a bug")

    def lacking(_: Any) -> None:
        raise MissingExtraError("pandera", "The check")

    with_checks(lake, Calling(raising, "Raising"), Calling(lacking, "Lacking"))
    raised, lacked = lake.engine.check_quality(match_id=1).findings
    assert (raised.outcome, raised.sentences) == ("reject", ("the check Raising raised RuntimeError: a bug",))
    assert lacked.outcome == "failed"
    assert "needs the extra 'pandera'" in lacked.error


def test_many_problems_are_counted(lake: Lake):
    with_checks(lake, Calling(lambda bundle: (f"problem {number}" for number in range(100))))
    (finding,) = lake.engine.check_quality(match_id=1).findings
    assert (finding.sentences[0], finding.sentences[-1]) == ("problem 0", "and 80 more")
    with_checks(lake, Calling(lambda bundle: itertools.repeat("x")))
    (finding,) = lake.engine.check_quality(match_id=1).findings
    assert finding.sentences[-1] == "and at least 9,980 more"


def test_a_problem_is_one_line_without_secrets_as_in_a_run(lake: Lake):
    with_checks(lake, Calling(lambda bundle: [f"see\nhttps://me:hidden@host/ {'x' * 1000}"]))
    (finding,) = lake.engine.check_quality(match_id=1).findings
    assert finding.problems == (f"see https://***@host/ {'x' * 1000}"[:500],)


def test_a_check_that_hangs_fails_and_the_next_one_is_made(lake: Lake):
    released = threading.Event()
    hanging = Calling(lambda bundle: released.wait(), "Hanging")
    hanging.time_limit = 0.05
    with_checks(lake, hanging, Calling(odd))
    hung, found = lake.engine.check_quality(match_id=1).findings
    released.set()
    assert "did not end within 0.05 seconds" in hung.error
    assert found.problems == ("1 is odd",)


def test_a_check_that_compares_new_files_is_left_out(lake: Lake):
    with_checks(lake, Drift())
    report = lake.engine.check_quality()
    assert (report.datasets, report.unchecked, report.left_out) == (0, 40, ["Drift"])
    assert report.line == "0 datasets checked; not made: Drift, as there are no new files; 40 have no other check"


def test_what_is_left_out_beside_another_check_is_named(lake: Lake):
    with_checks(lake, Drift(), Calling(lambda bundle: ()))
    report = lake.engine.check_quality(match_id=1)
    assert report.line == "1 dataset checked: 1 without problems; not made: Drift, as there are no new files"


class OfFeed(FrameCheck):
    """Finds nothing in any frame."""

    package, extra, what = "msgspec", "none", "nothing"

    def load(self):
        return None

    def read_frame(self, file, records, encoding):
        return file.json()

    def validate(self, frame):
        return ()


def test_a_dataset_without_the_feed_of_a_check_has_not_passed_it(lake: Lake):
    with_checks(lake, OfFeed("evnts", None))
    report = lake.engine.check_quality()
    (totals,) = report.checks
    assert (totals.datasets, totals.passed, totals.without, totals.with_problems) == (40, 0, 40, 0)
    assert (report.datasets, report.unchecked) == (0, 40)
    with_checks(lake, OfFeed("events", None), OfFeed("evnts", None, required=True))
    report = lake.engine.check_quality(match_id=1)
    assert [(one.passed, one.without, one.with_problems) for one in report.checks] == [(1, 0, 0), (0, 0, 1)]
    assert (report.datasets, report.unchecked) == (1, 0)


def test_a_check_that_cannot_say_what_it_looks_at_fails(lake: Lake):
    class Lost(Calling):
        def looks_at(self, bundle):
            raise KeyError("feed")

    with_checks(lake, Lost(odd))
    (finding,) = lake.engine.check_quality(match_id=1).findings
    assert (finding.outcome, finding.error) == ("failed", "KeyError: 'feed'")


def test_a_check_with_a_wrong_mode_is_refused(lake: Lake):
    with_checks(lake, Calling(odd))
    lake.source.bundle_checks[0].mode = "warning"
    with pytest.raises(ConfigurationError, match="The check Calling has the mode 'warning'"):
        lake.engine.check_quality()


def test_a_check_can_stop_it(lake: Lake):
    def stop(_: Any) -> None:
        raise StopProcessing("enough")

    with_checks(lake, Calling(stop))
    with pytest.raises(StopProcessing, match="enough"):
        lake.engine.check_quality()


def test_an_interrupt_does_not_wait_for_checks_that_go_on(lake: Lake):
    released = threading.Event()

    def look(bundle: Any) -> list[str]:
        if bundle.name != "match 0":
            released.wait()
        return ["a problem"]

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    with_checks(lake, Calling(look))
    with pytest.raises(KeyboardInterrupt):
        lake.engine.run_checks(moving=lambda _: nullcontext(), on_finding=interrupt)
    assert not released.is_set()
    released.set()


def test_few_datasets_are_read_ahead_of_their_check(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    read, ahead, lock = [], [], threading.Lock()
    done = 0
    iterate = lake.engine.store.iter_in_order

    def counted(*arguments: Any) -> Iterator[Any]:
        for dataset in iterate(*arguments):
            read.append(dataset)
            yield dataset

    def look(_: Any) -> None:
        nonlocal done
        with lock:
            ahead.append(len(read) - done)
            done += 1

    monkeypatch.setattr(lake.engine.store, "iter_in_order", counted)
    monkeypatch.setattr("ingestify.store.reading.many_files._AHEAD", 4)
    with_checks(lake, Calling(look))
    assert lake.engine.check_quality().datasets == 40
    assert max(ahead) < 20


def test_filters_that_match_nothing_are_explained(lake: Lake, caplog: pytest.LogCaptureFixture):
    with_checks(lake, Calling(odd))
    assert lake.engine.check_quality(match_id=99).datasets == 0
    assert "match_id=99" in caplog.text
