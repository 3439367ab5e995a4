"""A selector whose hint says what it said is skipped; whatever else it says, it is listed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from ingestify import clock
from ingestify.domain.run import RunState
from ingestify.engine.report.report import PlannedDataset
from ingestify.errors import StoreError
from ingestify.fetch.current_context import current_context
from tests.support.lake_in_memory import Lake, hours, match
from tests.support.scripted_provider import Provider, answer

AT = hours(0)


def say(lake: Lake, **hints: Any) -> None:
    lake.source.selectors = [{"competition_id": 1, **hints}]


def is_skipped(lake: Lake, **options: Any) -> bool:
    return lake.engine.load(**options).jobs[0].state is RunState.SKIPPED


@pytest.fixture
def lake(make_lake: Callable[..., Lake]) -> Lake:
    made = make_lake(lambda **_: [match(1)])
    say(made, _last_modified=AT)
    made.engine.load()
    return made


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "hints",
    [
        {"_last_modified": AT + dt.timedelta(microseconds=1)},
        {"_last_modified": AT - dt.timedelta(hours=1)},
        {"_last_modified": AT + dt.timedelta(days=14_000)},
        {"_last_modified": AT, "_version": "1"},
        {},
    ],
    ids=["later", "earlier", "future", "version", "none"],
)
def test_a_hint_that_says_anything_else_is_a_change(lake: Lake, hints: dict[str, Any]) -> None:
    say(lake, **hints)
    lake.source.find = lambda **_: [match(1), match(2)]
    assert lake.engine.load().totals.new == 1


def test_the_same_moment_in_another_zone_is_the_same(lake: Lake) -> None:
    say(lake, _last_modified=AT.astimezone(dt.timezone(dt.timedelta(hours=2))))
    assert is_skipped(lake)


def test_times_of_files_do_not_count(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(lambda **_: [match(1, at=100_000)])
    say(lake, _last_modified=AT)
    lake.engine.load()
    say(lake, _last_modified=hours(1))
    lake.source.find = lambda **_: [match(1, at=100_000), match(2, at=1)]
    assert lake.engine.load().totals.new == 1


def test_a_version_is_compared_as_a_text(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(lambda **_: [match(1)])
    seen = []
    for version in ("10", "10", "9", "9 ", "9 ", "\ud800\0", "\ud800\0", "x" * 10_000, "x" * 10_000):
        say(lake, _version=version)
        seen.append(is_skipped(lake))
    assert seen == [False, True, False, False, True, False, True, False, True]


def test_a_version_decides_and_not_the_time_beside_it(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(lambda **_: [match(1)])
    say(lake, _version="a", _last_modified=AT)
    lake.engine.load()
    say(lake, _version="a", _last_modified=hours(1))
    assert is_skipped(lake)
    say(lake, _version="b", _last_modified=hours(1))
    assert not is_skipped(lake)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("hints", "settles_after"),
    [
        ({"_last_modified": AT.replace(minute=30)}, dt.timedelta(days=1, minutes=1)),
        ({"_last_modified": AT}, dt.timedelta(days=1, hours=1)),
        ({"_last_modified": AT.replace(second=1)}, dt.timedelta(days=1, seconds=1)),
        ({"_last_modified": AT.replace(hour=0)}, dt.timedelta(days=2)),
        ({"_last_modified": AT, "_grain": dt.timedelta(hours=3)}, dt.timedelta(days=1, hours=3)),
        ({"_last_modified": AT, "_version": "1"}, dt.timedelta(days=1, hours=1)),
    ],
    ids=["minute", "hour", "second", "day", "said", "with a version"],
)
def test_as_long_as_a_second_change_could_hide_under_a_hint_the_selector_is_listed(
    make_lake: Callable[..., Lake], hints: dict[str, Any], settles_after: dt.timedelta
) -> None:
    # Without a request of the source's, nothing but our clock tells when it was; it may be a day off the provider's.
    lake = make_lake(lambda **_: [match(1)])
    say(lake, **hints)
    said = hints["_last_modified"]
    for after in (settles_after - dt.timedelta(seconds=1), settles_after):
        with clock.reading(lambda after=after: said + after):
            assert [is_skipped(lake), is_skipped(lake)] == [False, after == settles_after]


def test_a_hint_in_the_future_never_settles(make_lake: Callable[..., Lake]) -> None:
    lake = make_lake(lambda **_: [match(1)])
    say(lake, _last_modified=dt.datetime(9999, 12, 31, tzinfo=dt.UTC))
    lake.engine.load()
    lake.source.find = lambda **_: [match(1), match(2)]
    assert lake.engine.load().totals.new == 1


def test_the_providers_own_date_tells_when_the_listing_was_made(make_lake: Callable[..., Lake], web: Provider) -> None:
    said = {"Date": "Wed, 01 May 2024 12:59:59 GMT"}
    web.on("/index", by=lambda _: answer(b"[]", **said))

    def find(**_: Any) -> Any:
        lake.source.http.get_json(f"{web.url}/index")
        return [match(1)]

    lake = make_lake(find)
    say(lake, _last_modified=AT)
    assert [is_skipped(lake) for _ in range(2)] == [False, False], "its hour is not over"
    said["Date"] = "Wed, 01 May 2024 13:00:00 GMT"
    assert [is_skipped(lake) for _ in range(2)] == [False, True]


def test_a_listing_with_gaps_is_no_reason_to_skip_the_next_one(lake: Lake) -> None:
    def find(**_: Any) -> Any:
        current_context().index.add_gap("page 2 was empty")
        return [match(1)]

    say(lake, _last_modified=hours(1))
    lake.source.find = find
    assert [is_skipped(lake) for _ in range(2)] == [False, False]


class Planned:
    """Hears what a dry run would do."""

    def __init__(self) -> None:
        self.actions: list[str] = []
        self.notes: list[str] = []

    def planned(self, dataset: PlannedDataset) -> None:
        self.actions.append(dataset.action)

    def job_ended(self, job: Any) -> None:
        self.notes.append(job.error)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def test_a_dry_run_skips_what_a_run_skips_and_tells_nobody(lake: Lake) -> None:
    lake.source.find = lambda **_: [match(1), match(2)]
    heard = Planned()
    before = list(lake.recorder.types)
    report = lake.engine.load(dry_run=True, listener=heard)
    assert (report.jobs[0].state, report.totals.unchanged, report.totals.new) == (RunState.SKIPPED, 1, 0)
    assert heard.notes == ["nothing changed since 2024-05-01 12:00:00"]
    assert lake.recorder.types == before
    assert lake.engine.load().totals.new == 0
    say(lake, _last_modified=hours(1))
    for dry_run in (True, False):
        assert lake.engine.load(dry_run=dry_run).totals.new == 1


@pytest.mark.parametrize(
    "hints", [{"_last_modified": "soon"}, {"_version": 1}, {"_grain": 60}, {"_grain": dt.timedelta(seconds=-1)}]
)
def test_a_hint_that_cannot_be_is_told_of(make_lake: Callable[..., Lake], hints: dict[str, Any]) -> None:
    lake = make_lake(lambda **_: [match(1)])
    say(lake, **hints)
    (failed,) = lake.engine.run_report().failed_tasks
    assert f"competition_id=1 has {next(iter(hints))}" in failed.error


def test_a_selector_whose_hint_stays_is_listed_again_after_a_file_left_a_dataset(
    make_lake: Callable[..., Lake],
) -> None:
    def find(*feeds: str, at: float) -> Callable[..., Any]:
        def listed(**_: Any) -> Any:
            resource = match(1, {"at": at}, at=at)
            for feed in feeds:
                resource.add_file(hours(0), feed, json_content=[feed])
            return [resource]

        return listed

    lake = make_lake(find("lineups", at=0))
    say(lake, _last_modified=hours(0))
    lake.engine.load()
    # The source's settings lose a feed, and events change.
    lake.source.find = find(at=1)
    say(lake, _last_modified=hours(1))
    lake.engine.load()
    assert set(lake.datasets[0].files) == {"events__v1"}
    lake.source.find = find("lineups", at=1)
    assert not is_skipped(lake)
    assert set(lake.datasets[0].files) == {"events__v1", "lineups__v1"}
    assert is_skipped(lake)


@pytest.mark.parametrize(("fails", "filters"), [("forget_hints", {"match_id": 1}), ("save", {})])
def test_a_hint_that_could_not_be_forgotten_is_not_believed(
    make_lake: Callable[..., Lake],
    fails: str,
    filters: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    versions = {"a": lambda **_: [match(1, {"n": "a"})], "b": lambda **_: [match(1, {"n": "b"}, at=1), match(2)]}

    def serve(version: str) -> None:
        lake.source.find = versions[version]
        say(lake, _version=version)

    def cut(*_: Any) -> None:
        raise StoreError("the database is away")

    lake = make_lake(versions["a"])
    serve("a")
    lake.engine.load()
    assert is_skipped(lake)
    serve("b")
    with monkeypatch.context() as patch:
        patch.setattr(type(lake.engine.store.catalogue.selector_syncs), fails, cut)
        lake.engine.load(**filters)
    assert "the database is away" in caplog.text
    assert lake.content(1) == {"n": "b"}
    serve("a")
    assert not is_skipped(lake), "the provider took its change back"
    assert lake.content(1) == {"n": "a"}
    assert is_skipped(lake)
